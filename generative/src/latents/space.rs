//! Latent spaces.
use super::Vectors;
use crate::data::Images;
use anyhow::Result;

/// An encoder of images to latent vectors, and a decoder of vectors to images.
pub trait LatentSpace {
    /// The vector of each of `images`, `[n, Z]`; of a distribution q(z|x) its mean.
    ///
    /// # Errors
    /// Errors of the network.
    fn encode(&self, images: &Images) -> Result<Vectors>;

    /// An image for each of `z` `[n, Z]`.
    ///
    /// # Errors
    /// Errors of the network.
    fn decode(&self, z: &Vectors) -> Result<Images>;

    /// Returns `true` if the prior of vectors is N(0, 1).
    fn is_normal(&self) -> bool;
}

/// Held-out images encoded for figures, at most.
pub(super) const ENCODED: usize = 5_000;
