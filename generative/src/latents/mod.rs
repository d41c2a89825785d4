//! Latent vectors of a model: figures and measures.
//!
//! Every model that encodes images to vectors of Z numbers, and decodes them, is a [`LatentSpace`];
//! nothing here knows more of it.
mod activity;
mod interpolation;
mod manifold;
mod map;
mod measures;
mod minimise;
mod pca;
mod probe;
mod space;
#[cfg(test)]
mod testing;
mod traversal;
mod vectors;

pub use activity::{ACTIVE, active_units, spread};
pub(crate) use interpolation::image_grid as interpolations;
pub use interpolation::{linear, spherical};
pub use manifold::normal_quantile;
pub use map::{Map, map};
pub(crate) use measures::{PROBED, latent_measures};
pub use pca::Pca;
pub use probe::{Probe, probe_accuracy};
pub use space::LatentSpace;
pub use vectors::Vectors;

use crate::ImageGrid;
use crate::data::Images;
use anyhow::Result;
use space::ENCODED;

/// Figures of a latent space, from held-out images: interpolations,
/// traversals and, where there are two latent numbers, the manifold.
///
/// # Errors
/// Errors of the network.
pub fn image_grids(space: &dyn LatentSpace, held_out: &Images) -> Result<Vec<ImageGrid>> {
    let z = space.encode(&held_out.take(0..held_out.len().min(ENCODED)))?;
    if z.len() < 2 {
        return Ok(Vec::new());
    }
    let decode = |z: &Vectors| space.decode(z);
    let mut grids = vec![
        interpolations("interpolations", &decode, &z, linear)?,
        interpolations("interpolations-spherical", &decode, &z, spherical)?,
    ];
    grids.extend(traversal::image_grids(space, &z)?);
    grids.extend(manifold::image_grid(space, &z)?);
    Ok(grids)
}
