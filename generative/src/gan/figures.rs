//! Figures of a trained model.
use super::networks::joined;
use super::objective::Objective;
use super::sampling::Sampler;
use crate::ImageGrid;
use crate::form::{Form, images};
use crate::latents::{Vectors, interpolations, linear, spherical};
use crate::plane::{Field, Plane};
use crate::source::Source;
use anyhow::Result;
use candle_core::{Module as _, Tensor};
use nn::Sequential;
use train::{Download as _, Split, stream};

/// Samples in a row, and rows of them.
const COLUMNS: usize = 10;

/// Pairs of latent vectors that are interpolated.
const PAIRS: usize = 12;

/// Data points and samples in the plane.
const POINTS: usize = 1_000;
/// Places along a side of the discriminator's field.
const SIDE: usize = 160;

/// Samples and interpolations of a model of images.
pub(super) fn image_grids(sampler: &Sampler, seed: u64) -> Result<Vec<ImageGrid>> {
    let Form::Image(shape) = sampler.form else { return Ok(Vec::new()) };
    let rng = &mut stream(seed, "samples");
    let samples = sampler.images(COLUMNS * COLUMNS, None, rng)?;
    let mut grids = vec![ImageGrid { name: "samples", images: samples, columns: COLUMNS }];
    let rng = &mut stream(seed, "interpolations");
    let z = Vectors::new(sampler.latents, sampler.noise(2 * PAIRS, rng))?;
    // Of a conditional model every row has a class of its own.
    let decode = |z: &Vectors| {
        let rows = z.len() / PAIRS;
        let labels: Vec<u32> = match sampler.classes.len() as u32 {
            0 => Vec::new(),
            n => (0..z.len()).map(|i| (i / rows) as u32 % n).collect(),
        };
        let z: Vec<f32> = z.rows().flatten().copied().collect();
        images(shape, &sampler.generate(&z, &labels)?)
    };
    grids.push(interpolations("interpolations", &decode, &z, linear)?);
    grids.push(interpolations("interpolations-spherical", &decode, &z, spherical)?);
    Ok(grids)
}

/// Held-out points, samples, and the output of the discriminator around them, of a model of points.
pub(super) fn plane(
    sampler: &Sampler,
    source: &Source,
    discriminator: (&Sequential, Objective),
    seed: u64,
) -> Result<Plane> {
    let data = source.held_out(Split::Validation, POINTS).as_chunks().0.to_vec();
    let rng = &mut stream(seed, "plane");
    let labels = source.sample_labels(POINTS, rng);
    let samples = sampler.generate(&sampler.noise(POINTS, rng), &labels)?.as_chunks().0.to_vec();
    let realness = |at: &[[f32; 2]]| realness(sampler, discriminator, at);
    let field = Field::around("discriminator", &data, SIDE, realness)?;
    Ok(Plane { data, samples, field })
}

/// σ(D) at places `[n, 2]`, the probability that a sample there is real, where the objective makes D its logit;
/// otherwise D from its lowest value, 0, to its highest, 1.
pub(super) fn realness(
    sampler: &Sampler,
    (discriminator, objective): (&Sequential, Objective),
    at: &[[f32; 2]],
) -> Result<Vec<f32>> {
    let logits = logits(sampler, discriminator, at)?;
    Ok(match objective {
        Objective::Minimax | Objective::NonSaturating => {
            logits.into_iter().map(|logit| 1.0 / (1.0 + (-logit).exp())).collect()
        }
        _ => scaled(logits),
    })
}

/// The discriminator's logits at places `[n, 2]`; of a conditional model the largest over the classes.
fn logits(sampler: &Sampler, discriminator: &Sequential, at: &[[f32; 2]]) -> Result<Vec<f32>> {
    let x = Tensor::from_slice(at.as_flattened(), (at.len(), 2), &sampler.device)?;
    let mut largest = Vec::new();
    for class in 0..sampler.classes.len().max(1) as u32 {
        let labels = if sampler.classes.is_empty() { Vec::new() } else { vec![class; at.len()] };
        let input = joined(&x, sampler.one_hot(&labels)?.as_ref())?; // [n, 2 + L]
        let logits = discriminator.forward(&input)?.download::<f32>()?;
        if largest.is_empty() {
            largest = logits;
        } else {
            // What is no number stays none.
            let both = largest.iter_mut().zip(logits);
            both.for_each(|(largest, logit)| {
                *largest = if logit > *largest || logit.is_nan() { logit } else { *largest }
            });
        }
    }
    Ok(largest)
}

/// Values from their lowest, 0, to their highest, 1.
fn scaled(values: Vec<f32>) -> Vec<f32> {
    let (low, high) = values
        .iter()
        .fold((f32::MAX, f32::MIN), |(low, high), value| (low.min(*value), high.max(*value)));
    let range = (high - low).max(f32::MIN_POSITIVE);
    values.into_iter().map(|value| (value - low) / range).collect()
}
