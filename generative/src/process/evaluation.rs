//! Measures of a model whose samples form out of noise, on held-out data.
use super::Process;
use crate::form::Form;
use crate::measures::{energy_distance, modes, plane_measures};
use crate::source::Source;
use anyhow::Result;
use train::{Evaluation, Measure, Rng, Split, stream};

/// Held-out samples whose likelihood is computed, and samples of the energy distance.
const SCORED: usize = 1_000;

/// Samples whose modes are counted.
const COUNTED: usize = 5_000;

/// Log-densities `[n]`, or bounds below them, of points `[n, 2]` with labels, of which there may be none.
pub(crate) type LogDensities<'a> = dyn Fn(&[f32], &[u32], &mut Rng) -> Result<Vec<f64>> + 'a;

/// The likelihood of points.
pub(crate) struct Likelihood<'a> {
    /// Names of the negative mean, and of what it is above that of the data's own density.
    pub(crate) names: [&'static str; 2],
    pub(crate) of: &'a LogDensities<'a>,
}

/// The negative log-likelihood of held-out points, or the bound on it, decides; of images the energy distance.
pub(crate) fn evaluation(
    process: &dyn Process,
    source: &Source,
    likelihood: &Likelihood<'_>,
    (split, seed): (Split, u64),
) -> Result<Evaluation> {
    let purpose = match split {
        Split::Validation => "validation",
        Split::Test => "test",
    };
    let (real, subject) = (source.held_out(split, SCORED), process.subject());
    let d = subject.form.len();
    let sample = |n: usize, rng: &mut Rng| -> Result<Vec<f32>> {
        let labels = source.sample_labels(n, rng);
        process.generate(n, &labels, rng)
    };
    let fake = sample(real.len() / d, &mut stream(seed, purpose))?;
    if subject.form != Form::Point {
        let energy = Measure::single(energy_distance(&real, &fake, d));
        return Ok(Evaluation::minimise("energy_distance", energy));
    }
    let labels = source.held_out_labels(split, SCORED);
    let rng = &mut stream(seed, &format!("{purpose}/likelihood"));
    let log_q = (likelihood.of)(&real, &labels, rng)?;
    let mut others = plane_measures(&real, &fake, source.density());
    // A conditional model is told more than the density knows.
    if let Some(density) = source.density()
        && subject.classes.is_empty()
    {
        let points: &[[f32; 2]] = real.as_chunks().0;
        let each = points.iter().zip(&log_q).map(|(at, log_q)| density.log_density(*at) - log_q);
        let each = Measure::of(&each.collect::<Vec<_>>());
        others.push((likelihood.names[1].to_owned(), each));
    }
    if let Some(mixture) = source.mixture() {
        let fake = sample(COUNTED, &mut stream(seed, &format!("{purpose}/modes")))?;
        others.extend(modes(fake.as_chunks().0, mixture).measures());
    }
    let nll = Measure::of(&log_q).negated();
    Ok(Evaluation::minimise(likelihood.names[0], nll).with(others))
}
