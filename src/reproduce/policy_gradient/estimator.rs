//! REINFORCE's estimate is the exact gradient in the mean, and 1/√N away from it.
use super::exact::{Episode, Exact};
use super::sampled::Sampled;
use super::{SURE, agent, judged, measured, power, theory};
use crate::claim::Claim;
use crate::render::plot::{Panel, Scale, Stroke};
use crate::reproduce::{Findings, Setting};
use agents::{Baseline, ReinforceConfig};
use anyhow::Result;
use envs::{FiveStep, Mdp};
use std::sync::Arc;
use train::Measure;

const HORIZON: usize = 5;

/// Parameters of which the figure shows the mean estimate.
const SHOWN: usize = 120;

pub(super) fn run(setting: &Setting) -> Result<Findings> {
    // Five actions, no chance and an end; then chance, and a time limit.
    let problems: [(&str, Arc<dyn Mdp>); 2] =
        [("five-step", Arc::new(FiveStep {})), ("garnet, 3 states", Arc::new(super::garnet()?))];
    let mut lines = Vec::new();
    let mut error = Panel {
        title: "Error of an estimate from N episodes".to_owned(),
        x_label: "episodes N".to_owned(),
        y_label: "|estimate − g| / |g|, RMS".to_owned(),
        x: Scale::Logarithmic,
        y: Scale::Logarithmic,
        ..Panel::default()
    };
    let mut mean = Panel {
        title: "Mean of all estimates, parameter by parameter".to_owned(),
        x_label: "exact derivative of the expected return".to_owned(),
        y_label: "estimated derivative".to_owned(),
        ..Panel::default()
    };
    let mut ends = [0f64; 2];
    for (name, mdp) in problems {
        let found = compare(name, &mdp, setting)?;
        lines.extend(found.lines);
        let curve =
            |stroke, points: &[(f64, Measure)]| measured(name, stroke, points.iter().copied());
        error.curves.push(curve(Stroke::Points, &found.errors));
        error.curves.push(theory("theory", found.expected));
        for (exact, _) in &found.components {
            ends = [ends[0].min(*exact), ends[1].max(*exact)];
        }
        mean.curves.push(curve(Stroke::Points, &found.components));
    }
    mean.curves.push(theory("theory", ends.map(|end| (end, end)).to_vec()));
    Ok(Findings { lines, panels: vec![error, mean] })
}

/// Results on one problem.
struct Compared {
    lines: Vec<Claim>,
    /// N and the error, and what it should be.
    errors: Vec<(f64, Measure)>,
    expected: Vec<(f64, f64)>,
    /// Exact and mean estimated derivative.
    components: Vec<(f64, Measure)>,
}

fn compare(name: &str, mdp: &Arc<dyn Mdp>, setting: &Setting) -> Result<Compared> {
    let most = setting.pick(16_384, 256);
    let sizes = (0..).map(|i| 4usize.pow(i)).take_while(|n| *n <= most);
    let learner = |n: usize| {
        let (baseline, n_envs) = (Baseline::None, n.min(256));
        let config =
            ReinforceConfig { baseline, episodes: n, n_envs, ..ReinforceConfig::default() };
        agent(mdp, Some(HORIZON as u32), setting.seed, config)
    };
    let exact = Exact::new(&**mdp, HORIZON, &learner(1)?)?;
    let one = exact.moments(Episode::to_go);
    let length = exact.gradient.iter().map(|slope| slope * slope).sum::<f64>();
    let mut found = Compared {
        lines: enumerated(name, &exact, &one.mean),
        errors: Vec::new(),
        expected: Vec::new(),
        components: Vec::new(),
    };
    let (mut slopes, mut furthest) = (Vec::new(), 0f64);
    for n in sizes {
        let estimates = setting.pick(131_072, 4096) / n;
        let estimates = estimates.clamp(setting.pick(48, 16), setting.pick(1024, 128));
        let sampled = Sampled::draw(&mut learner(n)?, estimates, &|_, _| 0.0)?;
        let (square, expected) = (sampled.squared_error(&exact.gradient), one.variance / n as f64);
        furthest = furthest.max((square.mean - expected).abs() / square.standard_error());
        slopes.push((n as f64, square.mean, square.standard_error() / square.mean));
        let root = |square: f64| (square.max(0.0) / length).sqrt();
        let error = Measure {
            mean: root(square.mean),
            ci95: square.ci95.map(|ends| ends.map(root)),
            n: square.n,
        };
        found.errors.push((n as f64, error));
        found.expected.push((n as f64, root(expected)));
        if n == most {
            let along = sampled.along(&exact.gradient);
            found.lines.push(judged(
                format!(
                    "{name}: the mean of {estimates} estimates from {n} episodes, along g / |g|²"
                ),
                &along,
                1.0,
                "the estimate is unbiased",
            ));
            let all = exact.gradient.iter().enumerate();
            let all: Vec<_> = all.map(|(i, slope)| (*slope, sampled.component(i))).collect();
            found.lines.push(worst_component(name, &all));
            let stride = all.len().div_ceil(SHOWN);
            found.components = all.into_iter().step_by(stride).collect();
        }
    }
    let sizes = found.errors.len();
    found.lines.push(
        Claim::stated(
            format!("{name}: mean square errors at {sizes} sizes N beside the exact variance / N"),
            format!("{furthest:.1} standard errors apart where furthest"),
            &format!("less than {SURE}"),
            furthest < SURE,
        )
        .by("variance of one episode's estimate, by enumeration"),
    );
    let (slope, uncertain) = power(&slopes);
    let slope = Measure::about(slope / 2.0, uncertain / 2.0, sizes);
    let what = format!("{name}: power of N in the error");
    found.lines.push(judged(what, &slope, -0.5, "error of a mean of N independent estimates"));
    Ok(found)
}

/// Claims by enumeration, which need no samples.
fn enumerated(name: &str, exact: &Exact, mean: &[f64]) -> Vec<Claim> {
    let (n, total) = (exact.episodes.len(), exact.probs.iter().sum());
    let identity = "Σ probability · return, differentiated, beside Σ probability · estimate";
    vec![
        Claim::derived(
            format!("{name}: probabilities of all {n} episodes together"),
            total,
            (1.0, 1e-5),
            "every episode is there once",
        ),
        Claim::derived(
            format!("{name}: |expected estimate − g| / |g|, both by enumeration"),
            exact.relative_error(mean),
            (0.0, 1e-4),
            identity,
        ),
    ]
}

/// The derivative that is estimated worst.
fn worst_component(name: &str, components: &[(f64, Measure)]) -> Claim {
    // With a few hundred of them the furthest of right ones is about 3 off.
    const FURTHEST: f64 = 5.0;
    let off = |(exact, estimate): &(f64, Measure)| {
        (estimate.mean - exact).abs() / (estimate.standard_error() + 1e-7)
    };
    let worst = components.iter().map(off).fold(0.0, f64::max);
    Claim::stated(
        format!("{name}: mean estimates of {} derivatives", components.len()),
        format!("{worst:.1} standard errors from the exact one where furthest"),
        &format!("less than {FURTHEST}"),
        worst < FURTHEST,
    )
    .by("differentiated sum over all episodes")
}
