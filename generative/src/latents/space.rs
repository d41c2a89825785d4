//! What a latent space is asked for.
use super::Vectors;
use crate::data::Images;
use anyhow::Result;

/// A model that gives a picture a latent vector, and a vector a picture.
pub trait LatentSpace {
    /// The vector of each of `images`, `[n, Z]`; where the model says a distribution, its mean.
    ///
    /// # Errors
    /// What the network reports.
    fn encode(&self, images: &Images) -> Result<Vectors>;

    /// A picture for each of `z` `[n, Z]`.
    ///
    /// # Errors
    /// What the network reports.
    fn decode(&self, z: &Vectors) -> Result<Images>;

    /// Whether vectors are drawn from N(0, 1) before a picture is known.
    fn is_normal(&self) -> bool;
}

/// Held-out images encoded for figures, at most.
pub(super) const ENCODED: usize = 5_000;
