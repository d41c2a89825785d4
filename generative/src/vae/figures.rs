//! Figures of a trained model.
use super::autoencoder::Autoencoder;
use super::corruption::corrupted;
use crate::ImageGrid;
use crate::data::Images;
use crate::latents;
use crate::model::labels;
use crate::reconstruction::{COLUMNS, side_by_side};
use anyhow::Result;
use train::stream;

/// Samples, held-out images above their reconstructions, denoised images where training corrupts at the rate
/// `corrupt`, and the latent space.
pub(super) fn image_grids(
    model: &Autoencoder,
    held_out: &Images,
    corrupt: f64,
    seed: u64,
) -> Result<Vec<ImageGrid>> {
    let mut grids = Vec::new();
    if model.objective.has_prior() {
        let (n, rng) = (COLUMNS * COLUMNS, &mut stream(seed, "samples"));
        let images = model.sample(n, &labels(n, None, &model.classes)?, rng)?;
        grids.push(ImageGrid { name: "samples", images, columns: COLUMNS });
    }
    let reconstructed = |images: &Images| model.reconstructed(images);
    grids.extend(side_by_side("reconstructions", held_out, reconstructed)?);
    if corrupt > 0.0 {
        let noisy = corrupted(held_out, corrupt, stream(seed, "denoised"))?;
        grids.extend(side_by_side("denoised", &noisy, reconstructed)?);
    }
    grids.extend(latents::image_grids(model, held_out)?);
    Ok(grids)
}

#[cfg(test)]
mod tests;
