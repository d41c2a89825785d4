//! The longer the episodes, the noisier the estimate: with the whole return three times as noisy as
//! with rewards to go.
use super::exact::Scores;
use super::growth::variances;
use super::sampled::Sampled;
use super::{SURE, agent, claim_of, measured, power, theory};
use crate::claim::Claim;
use crate::render::plot::{Panel, Scale, Stroke};
use crate::reproduce::{Findings, Setting};
use agents::{Baseline, ReinforceConfig, Returns};
use anyhow::Result;
use envs::Mdp;
use std::sync::Arc;
use train::Measure;

/// Horizons from this one on show how the variance grows in the end.
const LONG: usize = 16;

pub(super) fn run(setting: &Setting) -> Result<Findings> {
    let mdp: Arc<dyn Mdp> = Arc::new(super::garnet()?);
    let horizons: Vec<usize> = (0..setting.pick(8, 6)).map(|i| 1 << i).collect();
    let learner = |returns, horizon: usize| {
        let (baseline, episodes, n_envs) = (Baseline::None, 1, 1);
        let config =
            ReinforceConfig { baseline, returns, episodes, n_envs, ..ReinforceConfig::default() };
        agent(&mdp, Some(horizon as u32), setting.seed, config)
    };
    let scores = Scores::new(&learner(Returns::Whole, 1)?, &*mdp)?;
    let exact = variances(&*mdp, &scores, &horizons);
    let mut kinds = [(Returns::Whole, Vec::new()), (Returns::ToGo, Vec::new())];
    for (returns, found) in &mut kinds {
        for &horizon in &horizons {
            let mut agent = learner(*returns, horizon)?;
            let n = setting.pick(3_000, 400);
            let sampled = Sampled::draw(&mut agent, n, &|_, _| 0.0)?;
            found.push((horizon as f64, sampled.variance()));
        }
    }
    let [(_, whole), (_, to_go)] = kinds;
    let at = |of: &dyn Fn(usize) -> f64| -> Vec<(f64, f64)> {
        horizons.iter().enumerate().map(|(i, h)| (*h as f64, of(i))).collect()
    };
    let (exact_whole, exact_to_go) = (at(&|i| exact[i].whole), at(&|i| exact[i].to_go));
    let mut lines = Vec::new();
    for (name, found, exact) in
        [("whole return", &whole, &exact_whole), ("rewards to go", &to_go, &exact_to_go)]
    {
        lines.extend(compared(name, found, exact));
    }
    let ratios: Vec<_> = whole
        .iter()
        .zip(&to_go)
        .map(|(whole, to_go)| (whole.0, ratio(&whole.1, &to_go.1)))
        .collect();
    let exact_ratios = at(&|i| exact[i].whole / exact[i].to_go);
    if let (Some((horizon, last)), Some((_, exact))) = (ratios.last(), exact_ratios.last()) {
        let what =
            format!("variance with the whole return by that with rewards to go, {horizon} steps");
        let line = claim_of(what, last, *exact, "moments carried from step to step");
        lines.push(line.note("it tends to 3 = H³ / Σ t², as rewards that do not vary have it"));
    }
    let three = horizons.iter().map(|h| (*h as f64, 3.0)).collect();
    let growth = Panel {
        title: "Variance of the estimate from one episode".to_owned(),
        x_label: "horizon H, steps".to_owned(),
        y_label: "variance, sum over parameters".to_owned(),
        x: Scale::Logarithmic,
        y: Scale::Logarithmic,
        curves: vec![
            measured("whole return", Stroke::Points, whole.into_iter()),
            measured("rewards to go", Stroke::Points, to_go.into_iter()),
            theory("theory", exact_whole),
            theory("theory", exact_to_go),
        ],
        ..Panel::default()
    };
    let quotient = Panel {
        title: "Whole return ÷ rewards to go".to_owned(),
        x_label: "horizon H, steps".to_owned(),
        y_label: "ratio of the variances".to_owned(),
        x: Scale::Logarithmic,
        y: Scale::Linear,
        curves: vec![
            measured("ratio", Stroke::Points, ratios.into_iter()),
            theory("theory", exact_ratios),
            theory("limit, 3", three),
        ],
        ..Panel::default()
    };
    Ok(Findings { lines, panels: vec![growth, quotient] })
}

/// One kind of return beside the exact variances.
fn compared(name: &str, found: &[(f64, Measure)], exact: &[(f64, f64)]) -> Vec<Claim> {
    let distance = found.iter().zip(exact).map(|((_, found), (_, exact))| {
        let off = (found.mean - exact).abs() / (found.standard_error() + 1e-6 * exact);
        (off, found.mean, *exact)
    });
    let (furthest, ..) = distance.fold((0.0, 0.0, 0.0), |a, b| if b.0 > a.0 { b } else { a });
    let agree = Claim::stated(
        format!("{name}: variances at {} horizons beside the exact ones", found.len()),
        format!("{furthest:.1} standard errors apart where furthest"),
        &format!("less than {SURE}"),
        furthest < SURE,
    );
    let long = |(horizon, _): &&(f64, Measure)| *horizon >= LONG as f64;
    let points: Vec<_> = found
        .iter()
        .filter(long)
        .map(|(h, of)| (*h, of.mean, of.standard_error() / of.mean))
        .collect();
    let weights = points.iter().zip(exact.iter().filter(|(horizon, _)| *horizon >= LONG as f64));
    let expected: Vec<_> =
        weights.map(|((h, _, error), (_, exact))| (*h, *exact, *error)).collect();
    let ((slope, error), (expected, _)) = (power(&points), power(&expected));
    let slope = Measure::about(slope, error, points.len());
    let what = format!("{name}: power of the horizon, from {LONG} steps on");
    let by = "moments carried from step to step";
    vec![
        agree.by(by),
        claim_of(what, &slope, expected, "that of the exact variances; 3 in the end"),
    ]
}

/// The quotient of two means as if they were independent. Both kinds see the same episodes, so the
/// interval is wider than it need be.
fn ratio(a: &Measure, b: &Measure) -> Measure {
    let mean = a.mean / b.mean;
    let relative = |of: &Measure| of.standard_error() / of.mean;
    Measure::about(mean, mean * relative(a).hypot(relative(b)), a.n)
}
