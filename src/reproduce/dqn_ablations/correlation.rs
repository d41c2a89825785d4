//! Correlation of the transitions of a batch, by the capacity of the replay buffer they are drawn from.
//!
//! Batches are drawn from the newest C transitions of MountainCar under random actions, whose observations change slowly.
//! The correlation of two transitions of a batch is ρ = 1 − (variance within a batch) / (variance over all transitions),
//! the share of the variance that is between batches. In a second way it follows from the autocorrelation r(k) of the
//! observations: the ages of two draws are uniform, so that ρ = Σᵢ Σⱼ r(|i − j|) / C².
use super::chain;
use crate::claim::Claim;
use crate::render::plot::{Curve, Panel, Scale, Stroke};
use crate::reproduce::{Findings, Setting};
use agents::{Replay, Sampling};
use anyhow::Result;
use envs::{Env, MountainCar, VecEnv};
use rand::Rng as _;
use train::{Measure, pulse, stream};

/// Transitions between two batches: a prime number, so that they fall on every step of episodes of 200.
const BETWEEN: usize = 97;
/// Distance from 0 that chance leaves to a correlation.
const CHANCE: f64 = 0.03;

pub(super) fn run(setting: &Setting) -> Result<Findings> {
    let capacities = [chain::BATCH, 100, 320, 1_000, 10_000];
    let steps = setting.pick(1_000_000, 40_000);
    let stream = observations(steps, setting)?;
    let r = autocorrelation(&stream, capacities[capacities.len() - 1]);
    let (mut lines, mut measured, mut expected, mut shares) = (vec![], vec![], vec![], vec![]);
    for (i, &capacity) in capacities.iter().enumerate() {
        pulse::tell("capacity", i + 1, capacities.len());
        let found = correlation(capacity, steps, setting)?;
        let exact = of_uniform(&r, capacity);
        lines.push(Claim::derived(
            format!("correlation of two transitions of a batch, of the newest {capacity}"),
            found,
            (exact, setting.pick(CHANCE, 0.2)),
            "by the autocorrelation of the same observations",
        ));
        measured.push((capacity as f64, found));
        expected.push((capacity as f64, exact));
        shares.push((capacity as f64, chain::share_with(capacity, setting)?));
    }
    let falls = measured.windows(2).all(|pair| pair[1].1 < pair[0].1.max(CHANCE));
    let (claim, falls) = setting.pick(("less with each, down to chance", falls), ("numbers", true));
    let ours = measured.iter().map(|(_, rho)| format!("{rho:.2}")).collect::<Vec<_>>().join(", ");
    lines.push(Claim::stated("they are, from 32 to 10,000", ours, claim, falls));
    let (few, many) = (&shares[0].1, &shares[shares.len() - 1].1);
    let (claim, holds) = setting.pick(
        ("more with the last than with the first", few.mean < many.mean),
        ("shares", many.mean.is_finite()),
    );
    let ours: Vec<_> = shares.iter().map(|(_, share)| chain::shown(share)).collect();
    let what = "the chain with these: greedy play comes to the exit of 10";
    lines.push(Claim::stated(what, ours.join(", "), claim, holds));
    let (points, bars) = shares
        .iter()
        .map(|(x, share)| ((*x, share.mean), share.ci95.unwrap_or([share.mean; 2])))
        .unzip();
    let panel = |title: &str, curves| Panel {
        title: title.to_owned(),
        x_label: "transitions that the replay buffer holds".to_owned(),
        x: Scale::Logarithmic,
        curves,
        ..Panel::default()
    };
    Ok(Findings {
        lines,
        panels: vec![
            panel(
                "Correlation of two transitions of a batch",
                vec![
                    Curve {
                        label: "measured".to_owned(),
                        points: measured,
                        stroke: Stroke::Marked,
                        ..Curve::default()
                    },
                    Curve {
                        label: "by the autocorrelation".to_owned(),
                        points: expected,
                        stroke: Stroke::Dashed,
                        ..Curve::default()
                    },
                ],
            ),
            panel(
                "The chain: share of seeds that come to the exit of 10",
                vec![Curve {
                    label: "share, 95 % interval".to_owned(),
                    points,
                    bars,
                    stroke: Stroke::Marked,
                    ..Curve::default()
                }],
            ),
        ],
    })
}

/// MountainCar under random actions; `visit` is given every transition.
fn play(
    steps: usize,
    setting: &Setting,
    mut visit: impl FnMut(&envs::Transition<'_>),
) -> Result<()> {
    let make = || -> Box<dyn Env> { Box::new(MountainCar::default()) };
    let mut env = VecEnv::new(vec![stream(setting.seed, "env/0")], &make);
    let mut rng = stream(setting.seed, "explore");
    let actions = env.spec().n_actions();
    for step in 0..steps {
        if step % BETWEEN == 0 {
            pulse::check()?;
        }
        env.step(&[rng.random_range(0..actions)], |transition| visit(&transition))?;
    }
    Ok(())
}

/// Each component of the observations, with mean 0 and variance 1.
fn observations(steps: usize, setting: &Setting) -> Result<Vec<Vec<f64>>> {
    let mut components: Vec<Vec<f64>> = Vec::new();
    play(steps, setting, |transition| {
        components.resize(transition.obs.len(), Vec::new());
        let rows = components.iter_mut().zip(transition.obs);
        rows.for_each(|(component, x)| component.push(f64::from(*x)));
    })?;
    for component in &mut components {
        let [mean, deviation] = moments(component);
        component.iter_mut().for_each(|x| *x = (*x - mean) / deviation);
    }
    Ok(components)
}

/// Mean and standard deviation.
fn moments(values: &[f64]) -> [f64; 2] {
    let mean = Measure::of(values).mean;
    let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
    [mean, (squares / values.len() as f64).sqrt()]
}

/// r(k) for k below `lags`, the mean over components of mean 0 and variance 1.
fn autocorrelation(components: &[Vec<f64>], lags: usize) -> Vec<f64> {
    let of = |values: &[f64], k: usize| {
        let pairs = values.iter().zip(&values[k..]);
        pairs.map(|(a, b)| a * b).sum::<f64>() / (values.len() - k) as f64
    };
    // Beyond a thousand steps, five episodes, it is read at every 50th lag.
    let every = |k: usize| if k < 1_000 { 1 } else { 50 };
    let mut r = vec![0.0; lags];
    let mut k = 0;
    while k < lags {
        let mean =
            components.iter().map(|values| of(values, k)).sum::<f64>() / components.len() as f64;
        let next = (k + every(k)).min(lags);
        r[k..next].fill(mean);
        k = next;
    }
    r
}

/// Σᵢ Σⱼ r(|i − j|) / C²: the correlation of two uniform draws from the newest C.
fn of_uniform(r: &[f64], capacity: usize) -> f64 {
    let c = capacity as f64;
    let off = (1..capacity).map(|k| 2.0 * (c - k as f64) * r[k]).sum::<f64>();
    (c * r[0] + off) / (c * c)
}

/// 1 − (variance within a batch) / (variance over all), of batches that a replay buffer gives out.
fn correlation(capacity: usize, steps: usize, setting: &Setting) -> Result<f64> {
    let spec = MountainCar::default().spec();
    let mut replay = Replay::new(capacity, &spec, Sampling::uniform(0.99))?;
    let mut batch = replay.batch(chain::BATCH, &spec, &setting.device)?;
    let mut rng = stream(setting.seed, "replay");
    let (mut within, mut batches, mut failed) = (vec![0.0; spec.obs_len()], 0u32, None);
    let mut all = vec![Vec::new(); spec.obs_len()];
    let mut step = 0;
    play(steps, setting, |transition| {
        all.iter_mut().zip(transition.obs).for_each(|(all, x)| all.push(f64::from(*x)));
        replay.push(transition);
        step += 1;
        if replay.len() < capacity || step % BETWEEN != 0 || failed.is_some() {
            return;
        }
        let drawn = replay
            .sample(&mut batch, 1.0, &mut rng)
            .and_then(|()| Ok(batch.obs.tensor().to_vec2::<f32>()?));
        match drawn {
            Ok(rows) => {
                for (component, within) in within.iter_mut().enumerate() {
                    let values: Vec<f64> =
                        rows.iter().map(|row| f64::from(row[component])).collect();
                    let n = values.len() as f64;
                    *within += moments(&values)[1].powi(2) * n / (n - 1.0);
                }
                batches += 1;
            }
            Err(error) => failed = Some(error),
        }
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    let of = |(within, all): (&f64, &Vec<f64>)| {
        1.0 - within / f64::from(batches) / moments(all)[1].powi(2)
    };
    Ok(within.iter().zip(&all).map(of).sum::<f64>() / within.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_draws_by_hand() {
        // Of two transitions: half of the pairs are one twice, the others are one step apart.
        assert!((of_uniform(&[1.0, 0.6], 2) - 0.8).abs() < 1e-12);
        // Of one there is one.
        assert_eq!(of_uniform(&[1.0], 1), 1.0);
        // Without a memory 1/C is left, the draws of one transition twice.
        assert!((of_uniform(&[1.0, 0.0, 0.0, 0.0], 4) - 0.25).abs() < 1e-12);
    }

    #[test]
    fn an_alternating_series_by_hand() {
        let r = autocorrelation(&[vec![1.0, -1.0, 1.0, -1.0, 1.0, -1.0]], 3);
        assert_eq!(r, [1.0, -1.0, 1.0]);
    }
}
