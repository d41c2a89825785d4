//! Measures of a latent space.
use super::activity::active_units;
use super::probe::probe_accuracy;
use super::space::LatentSpace;
use super::vectors::Vectors;
use crate::data::Images;
use anyhow::Result;
use train::Measure;

/// Training images of a probe, at most.
pub(crate) const PROBED: usize = 10_000;

/// Numbers in an image beyond which a probe of the pixels takes too long.
const LARGE: usize = 4_096;

/// Active units over `held_out`; given labelled `train` images, also the accuracy of linear probes of the latent
/// means and of the pixels.
///
/// # Errors
/// Errors of the network.
pub(crate) fn latent_measures(
    space: &dyn LatentSpace,
    train: Option<&Images>,
    held_out: &Images,
) -> Result<Vec<(String, Measure)>> {
    let z = space.encode(held_out)?;
    let mut measures = vec![("active_units".to_owned(), Measure::single(active_units(&z) as f64))];
    let Some(train) = train else { return Ok(measures) };
    let (learned, labels) = (train.labels(), held_out.labels());
    let latent = probe_accuracy((&space.encode(train)?, learned), (&z, labels))?;
    measures.extend(latent.map(|measure| ("probe_accuracy".to_owned(), measure)));
    if held_out.shape().len() <= LARGE {
        let pixel = probe_accuracy((&pixels(train)?, learned), (&pixels(held_out)?, labels))?;
        measures.extend(pixel.map(|measure| ("pixel_probe_accuracy".to_owned(), measure)));
    }
    Ok(measures)
}

/// The images themselves as vectors `[n, D]`, from 0 to 1.
fn pixels(images: &Images) -> Result<Vectors> {
    let highest = f32::from(images.levels() - 1);
    let values = images.pixels().iter().map(|pixel| f32::from(*pixel) / highest).collect();
    Vectors::new(images.shape().len(), values)
}
