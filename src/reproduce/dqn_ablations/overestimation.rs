//! Overestimation (van Hasselt et al. 2016, section "Overoptimism due to estimation errors"): the largest of several noisy values is more
//! than the value of the best action, and a target that takes it hands the error on. Double DQN chooses by one network and
//! values by the other.
//!
//! A garnet of 30 states and 16 actions is small enough to be solved, so that max Q(s, ·) has the exact value beside it.
use crate::claim::Claim;
use crate::render::plot::{Curve, Panel, Stroke};
use crate::reproduce::{Findings, Setting};
use crate::run::build;
use crate::run::in_memory::{plan, solve, train};
use crate::run::line::configured;
use crate::wording::interval;
use agents::tabular::Model;
use anyhow::{Context as _, Result};
use train::Measure;

const GARNET: &str = "--env garnet --states 30 --actions 16 --branching 8 --discount 0.9";
/// Much noise: few transitions to a batch, and large steps.
const NOISY: &str = "--gamma 0.9 --lr 3e-3 --batch 16 --target-every 50 --test-episodes 1";
const SEEDS: u64 = 5;
/// Moments at which values are compared.
const MOMENTS: u64 = 20;

/// The mean over states of max Q(s, ·) − v*(s), at each moment of a run.
fn errors(options: &str, exact: &[f64], seed: u64, setting: &Setting) -> Result<Vec<(f64, f64)>> {
    let (algorithm, config) = configured(&format!("dqn {GARNET} {NOISY} {options} --seed {seed}"))?;
    let mut agent = build::agent(algorithm, &config, &setting.device)?;
    let mdp = build::problem(&config)?.context("a garnet is known")?;
    let model = Model::new(&*mdp)?;
    let part = setting.pick(20_000, 2_000) / MOMENTS;
    let mut found = Vec::new();
    for moment in 1..=MOMENTS {
        train(&mut *agent, &plan(part, [0; 2]))?;
        let values = agent.table(&model)?.context("DQN has values")?.values;
        let errors: Vec<f64> = values.iter().zip(exact).map(|(q, v)| q - v).collect();
        found.push(((moment * part) as f64, Measure::of(&errors).mean));
    }
    Ok(found)
}

pub(super) fn run(setting: &Setting) -> Result<Findings> {
    let exact = solve(&format!("policy-iteration {GARNET}"))?.solution.values;
    let worth = Measure::of(&exact).mean;
    let (mut lines, mut curves, mut last) = (Vec::new(), Vec::new(), Vec::new());
    for (name, options) in [("DQN", ""), ("Double DQN", "--double true")] {
        let runs = setting.seeds(SEEDS).map(|seed| errors(options, &exact, seed, setting));
        let runs = runs.collect::<Result<Vec<_>>>()?;
        let at = |i: usize| -> Vec<f64> { runs.iter().map(|run| run[i].1).collect() };
        let rows = (0..runs[0].len()).map(|i| {
            let each = at(i);
            let ends = each.iter().fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], x| {
                [low.min(*x), high.max(*x)]
            });
            ((runs[0][i].0, Measure::of(&each).mean), ends)
        });
        let (points, bars) = rows.unzip();
        let stroke = Stroke::Marked;
        curves.push(Curve { label: name.to_owned(), points, bars, stroke, ..Curve::default() });
        last.push((name, Measure::of(&at(runs[0].len() - 1))));
    }
    let [(_, plain), (_, double)] = last[..] else { return Ok(Findings::default()) };
    let shown = |of: &Measure| format!("{:.2} ({})", of.mean, interval(of, 2));
    let number = ("a number", true);
    let (claim, holds) =
        setting.pick(("above 0", plain.ci95.is_some_and(|[low, _]| low > 0.0)), number);
    let what = format!("DQN: max Q(s, ·) − v*(s), mean over states; v* is {worth:.2}");
    lines.push(Claim::stated(what, shown(&plain), claim, holds));
    let less = double.minus(&plain).ci95.is_some_and(|[_, high]| high < 0.0);
    let (claim, holds) = setting.pick(("less than DQN's", less), number);
    lines.push(Claim::stated("Double DQN: the same", shown(&double), claim, holds));
    let ends = curves[0].points.first().into_iter().chain(curves[0].points.last());
    curves.push(Curve {
        label: "exact".to_owned(),
        points: ends.map(|(step, _)| (*step, 0.0)).collect(),
        stroke: Stroke::Dashed,
        ..Curve::default()
    });
    Ok(Findings {
        lines,
        panels: vec![Panel {
            title: format!("max Q(s, ·) − v*(s), {SEEDS} seeds: mean and range"),
            x_label: "transitions".to_owned(),
            curves,
            ..Panel::default()
        }],
    })
}
