//! Looking at the latent vectors of a model: pictures of them, and what can be read off them.
//!
//! Every model that gives a picture a vector of Z numbers, and a vector a picture, is a [`LatentSpace`];
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

/// What a latent space is looked at with, by means of pictures that were not learned from: interpolations,
/// traversals and, where there are two latent numbers, the manifold.
///
/// # Errors
/// What the network reports.
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
