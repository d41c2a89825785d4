//! Modes of eight Gaussians with instance noise and without.
use super::{SEEDS, mean, plane, seeds};
use crate::claim::Claim;
use crate::render::plot::{Curve, Panel, Scale, Stroke};
use crate::reproduce::{Findings, Setting};
use crate::run::in_memory::{plan, train};
use anyhow::Result;
use generative::{Gan, GanConfig};
use train::{Learner as _, Split};

/// Modes covered and the share of good samples after training with so much instance noise.
fn game(sigma: f64, seed: u64, setting: &Setting) -> Result<[f64; 2]> {
    let steps = setting.pick(3_000_000, 150_000);
    let config = GanConfig {
        latents: 4,
        layers: 3,
        batch: 256,
        lr: 1e-3,
        d_lr: 1e-3,
        lr_end: 0.02,
        lr_steps: steps,
        instance_noise: sigma,
        instance_noise_steps: if sigma > 0.0 { steps / 2 } else { 0 },
        ema: 0.99,
        ..GanConfig::default()
    };
    let mut gan = Gan::new(plane()?, config, seed, &setting.device)?;
    train(&mut gan, &plan(steps, [0; 2]))?;
    let measures = gan.evaluate(Split::Test)?.measures;
    let of = |name: &str| measures.get(name).map_or(f64::NAN, |measure| measure.mean);
    Ok([of("modes_covered"), of("good_samples")])
}

pub(super) fn run(setting: &Setting) -> Result<Findings> {
    let mut found = Vec::new();
    for sigma in [0.0, 0.5] {
        let each = seeds(setting).map(|seed| game(sigma, seed, setting));
        found.push(each.collect::<Result<Vec<_>>>()?);
    }
    let shown = |of: &[[f64; 2]]| {
        let each = of.iter().map(|[modes, good]| format!("{modes:.0} ({:.0} %)", 100.0 * good));
        each.collect::<Vec<_>>().join(", ")
    };
    let (least, share) = setting.pick((8.0, 0.9), (1.0, 0.0));
    let worth =
        |of: &[[f64; 2]]| mean(&of.iter().map(|[modes, good]| modes * good).collect::<Vec<_>>());
    let [without, with] = [worth(&found[0]), worth(&found[1])];
    // A short run shows neither.
    let (claim, holds) = setting.pick(
        ("modes × good samples, in the mean, are at most those with it", without <= with),
        ("numbers", without.is_finite()),
    );
    let curve = |label: &str, of: &[[f64; 2]], which: usize| Curve {
        label: label.to_owned(),
        points: of.iter().enumerate().map(|(i, found)| (i as f64, found[which])).collect(),
        stroke: Stroke::Points,
        ..Curve::default()
    };
    let panel = |title: &str, which: usize| Panel {
        title: title.to_owned(),
        x: Scale::Names(
            (setting.seed..).take(SEEDS as usize).map(|seed| format!("seed {seed}")).collect(),
        ),
        curves: vec![
            curve("no noise", &found[0], which),
            curve("instance noise", &found[1], which),
        ],
        ..Panel::default()
    };
    Ok(Findings {
        lines: vec![
            Claim::stated(
                "with instance noise of 0.5: modes of 8 (good samples), by seed",
                shown(&found[1]),
                &format!("at least {least} modes and {:.0} % with each", 100.0 * share),
                found[1].iter().all(|[modes, good]| *modes >= least && *good >= share),
            ),
            Claim::stated("without it", shown(&found[0]), claim, holds),
        ],
        panels: vec![panel("Modes covered", 0), panel("Good samples", 1)],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use train::{Interrupted, pulse};

    #[test]
    fn a_raised_flag_ends_it() {
        let found = pulse::hearing(|| true, || run(&Setting::quick()));
        assert!(found.err().unwrap().is::<Interrupted>());
    }
}
