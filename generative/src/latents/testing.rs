//! A latent space that tests can see through.
use super::{LatentSpace, Vectors};
use crate::data::{Images, Shape};
use anyhow::Result;

/// An image is its latent vector, two pixels from 0 to 1.
pub(crate) struct Identity;

impl LatentSpace for Identity {
    fn encode(&self, images: &Images) -> Result<Vectors> {
        let highest = f32::from(images.levels()) - 1.0;
        Vectors::new(2, images.pixels().iter().map(|x| f32::from(*x) / highest).collect())
    }

    fn decode(&self, z: &Vectors) -> Result<Images> {
        let shape = Shape { channels: 1, height: 1, width: 2 };
        let pixels = z.rows().flatten().map(|z| (255.0 * z).round() as u8);
        Images::new(shape, 256, pixels.collect(), None)
    }

    fn is_normal(&self) -> bool {
        true
    }
}
