//! The example of correlated data: seven cells in a row, an exit of 1 two steps to the right of the start and one of 10 four steps
//! to the left. Whoever comes to the near exit first gathers transitions towards it and learns from little else.
//!
//! γ = 1, learned as 0.99. Without a replay buffer a batch is the newest transitions, and these only; without a target
//! network it is copied after every update, so that Q learns from itself.
use crate::claim::Claim;
use crate::render::plot::{Curve, Panel, Scale, Stroke};
use crate::reproduce::commands::{mean_curve, points};
use crate::reproduce::{Findings, Setting};
use crate::run::in_memory::{plan, train};
use agents::{Dqn, DqnConfig, MakeEnv};
use anyhow::{Error, Result};
use envs::{GridConfig, GridWorld, Mdp, MdpEnv, Reward};
use std::sync::Arc;
use train::{Measure, Row};

const MAP: &str = "10 . . . S . 1";
/// Return of the far exit, and the largest value that there is.
const FAR: f64 = 10.0;
const SEEDS: u64 = 10;
/// Transitions of a batch.
pub(super) const BATCH: usize = 32;
const TIME_LIMIT: u32 = 50;

/// A DQN with all of its parts.
pub(super) fn whole() -> DqnConfig {
    // The same episode over and over, without exploration.
    DqnConfig { gamma: 1.0, batch: BATCH, test_episodes: 1, ..DqnConfig::default() }
}

/// Learning on the chain: rows of metrics, and the greedy return at the end.
struct Learned {
    rows: Vec<Row>,
    ret: f64,
}

fn learned(config: DqnConfig, seed: u64, setting: &Setting) -> Result<Learned> {
    let grid = GridConfig {
        map: Some(MAP.to_owned()),
        noise: Some(0.0),
        reward: Some(Reward::Entering),
        discount: Some(1.0),
        ..GridConfig::default()
    };
    let mdp: Arc<dyn Mdp> = Arc::new(GridWorld::new(&grid).map_err(Error::msg)?);
    let make: MakeEnv = Box::new(move || Box::new(MdpEnv::new(Arc::clone(&mdp), Some(TIME_LIMIT))));
    let mut agent = Dqn::new(make, config, seed, &setting.device)?;
    let steps = setting.pick(10_000, 1_000);
    let (rows, report) = train(&mut agent, &plan(steps, [steps / 20, 0]))?;
    let ret = report.evaluated()?.measures.get("return").map_or(f64::NAN, |ret| ret.mean);
    Ok(Learned { rows, ret })
}

/// Runs of every seed.
fn runs(config: &DqnConfig, setting: &Setting) -> Result<Vec<Learned>> {
    let seeds = setting.seeds(setting.pick(SEEDS, 2));
    seeds.map(|seed| learned(config.clone(), seed, setting)).collect()
}

fn share(runs: &[Learned]) -> Measure {
    let far = runs.iter().filter(|run| (run.ret - FAR).abs() < 1e-6).count();
    Measure::share(far, runs.len())
}

/// Share of the seeds that come to the far exit with a replay buffer of `capacity`.
pub(super) fn share_with(capacity: usize, setting: &Setting) -> Result<Measure> {
    let warmup = whole().warmup.min(capacity);
    let config = DqnConfig { replay: capacity, warmup, ..whole() };
    Ok(share(&runs(&config, setting)?))
}

/// Seeds of so many, in words.
pub(super) fn shown(share: &Measure) -> String {
    format!("{:.0} of {} seeds", share.mean * share.n as f64, share.n)
}

pub(super) fn run(setting: &Setting) -> Result<Findings> {
    let variants = [
        ("all parts", whole()),
        ("no exploration", DqnConfig { epsilon_start: 0.0, epsilon_end: 0.0, ..whole() }),
        ("no replay", DqnConfig { replay: BATCH, warmup: BATCH, ..whole() }),
        ("no target network", DqnConfig { target_every: 1, ..whole() }),
    ];
    let (mut lines, mut shares, mut values) = (Vec::new(), Vec::new(), Vec::new());
    let mut with_all = Measure::single(f64::NAN);
    for (place, (name, config)) in (0u32..).zip(&variants) {
        let runs = runs(config, setting)?;
        let found = share(&runs);
        let (claim, holds) = match place {
            0 => {
                with_all = found;
                ("nine of ten at least", found.mean >= 0.9)
            }
            _ => ("fewer than with all parts", found.mean < with_all.mean),
        };
        // A short run does not show it.
        let (claim, holds) = setting.pick((claim, holds), ("a share", found.mean.is_finite()));
        let what = format!("{name}: greedy play comes to the exit of 10");
        lines.push(Claim::stated(what, shown(&found), claim, holds));
        shares.push((f64::from(place), found));
        let each: Vec<_> = runs.iter().map(|run| points(&run.rows, "train/q")).collect();
        values.push(mean_curve(name, &each));
    }
    let ends = values[0].points.first().into_iter().chain(values[0].points.last());
    values.push(Curve {
        label: "largest value there is".to_owned(),
        points: ends.map(|(step, _)| (*step, FAR)).collect(),
        stroke: Stroke::Dashed,
        ..Curve::default()
    });
    let (marks, bars) = shares
        .iter()
        .map(|(x, found)| ((*x, found.mean), found.ci95.unwrap_or([found.mean; 2])))
        .unzip();
    Ok(Findings {
        lines,
        panels: vec![
            Panel {
                title: "Share of seeds that come to the exit of 10".to_owned(),
                x: Scale::Names(variants.map(|(name, _)| name.to_owned()).to_vec()),
                curves: vec![Curve {
                    label: "share, 95 % interval".to_owned(),
                    points: marks,
                    bars,
                    stroke: Stroke::Points,
                    ..Curve::default()
                }],
                ..Panel::default()
            },
            Panel {
                title: "Q(s, a) of the batches, mean over seeds".to_owned(),
                x_label: "transitions".to_owned(),
                curves: values,
                ..Panel::default()
            },
        ],
    })
}
