//! Measures of samples beside held-out data.
use super::sampling::Sampler;
use crate::form::Form;
use crate::measures::{energy_distance, modes, plane_measures};
use crate::source::Source;
use anyhow::Result;
use train::{Evaluation, Measure, Split, stream};

/// Samples whose modes are counted.
const COUNTED: usize = 5_000;

/// Samples of the energy distance, and as many of the data.
const SCORED: usize = 1_000;

/// The energy distance; of a mixture of Gaussians the modes, and the part of samples in one, decide.
pub(super) fn evaluation(
    sampler: &Sampler,
    source: &Source,
    split: Split,
    seed: u64,
) -> Result<Evaluation> {
    let purpose = match split {
        Split::Validation => "validation",
        Split::Test => "test",
    };
    let (real, d) = (source.held_out(split, SCORED), sampler.form.len());
    let rng = &mut stream(seed, purpose);
    let labels = source.sample_labels(real.len() / d, rng);
    let fake = sampler.generate(&sampler.noise(real.len() / d, rng), &labels)?;
    let energy = Measure::single(energy_distance(&real, &fake, d));
    let mut energy = Evaluation::minimise("energy_distance", energy);
    if sampler.form == Form::Point {
        energy = energy.with(plane_measures(&real, &fake, source.density()));
    }
    let Some(mixture) = source.mixture() else { return Ok(energy) };
    let rng = &mut stream(seed, &format!("{purpose}/modes"));
    let labels = source.sample_labels(COUNTED, rng);
    let fake = sampler.generate(&sampler.noise(COUNTED, rng), &labels)?;
    let found = modes(fake.as_chunks().0, mixture);
    let covered = found.covered() as f64 / mixture.centres.len() as f64;
    let score = Measure::single(covered * found.good_share().mean);
    let others = energy.measures.into_iter().chain(found.measures());
    Ok(Evaluation::maximise("modes_score", score).with(others))
}
