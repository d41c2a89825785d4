//! Masking noise on the inputs of a denoising auto-encoder (Vincent et al. 2008, "Extracting and composing
//! robust features with denoising autoencoders", section 2.3; 2010, "Stacked denoising autoencoders", section
//! 3.3). Each number of an image is black with a probability ν of its own, where the papers blacken νD of
//! them.
use crate::data::Images;
use anyhow::Result;
use candle_core::{Device, Tensor};
use nn::HostTensor;
use rand::Rng as _;
use train::{Checkpoint, Rng};

/// Corrupts batches.
pub(super) struct Corruption {
    rate: f64,
    rng: Rng,
    /// 0 for what becomes black, 1 for the rest.
    mask: HostTensor<f32>,
}

impl Corruption {
    /// Of batches of shape `[B, C, H, W]`.
    pub(super) fn new(rate: f64, shape: &[usize], rng: Rng, device: &Device) -> Result<Self> {
        Ok(Self { rate, rng, mask: HostTensor::new(shape, device)? })
    }

    /// `x` with part of it black; itself where the rate is 0.
    pub(super) fn corrupt(&mut self, x: &Tensor) -> Result<Tensor> {
        let Self { rate, rng, mask } = self;
        if *rate == 0.0 {
            return Ok(x.clone());
        }
        let keep = |rng: &mut Rng| f32::from(u8::from(!rng.random_bool(*rate)));
        mask.fill(|to| to.fill_with(|| keep(rng)))?;
        Ok((x * mask.tensor())?)
    }

    /// Saves or loads the place in the stream.
    pub(super) fn state(&mut self, name: &str, checkpoint: &mut Checkpoint) -> Result<()> {
        checkpoint.value(name, &mut self.rng)
    }
}

/// Corrupted copies of images that are scored.
pub(super) fn corrupted(images: &Images, rate: f64, mut rng: Rng) -> Result<Images> {
    let mut pixels = images.pixels().to_vec();
    for pixel in &mut pixels {
        if rng.random_bool(rate) {
            *pixel = 0;
        }
    }
    Images::new(images.shape(), images.levels(), pixels, images.labels().cloned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Shape;
    use train::stream;
    use train::testing::device;

    #[test]
    fn a_part_is_black_and_the_rest_as_it_was() {
        let x = Tensor::full(0.5f32, (100, 1, 10, 10), device()).unwrap();
        let corruption =
            |rate| Corruption::new(rate, x.dims(), stream(1, "test"), device()).unwrap();
        let mut quarter = corruption(0.25);
        let values = |x: &Tensor| x.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let (first, second) =
            (values(&quarter.corrupt(&x).unwrap()), values(&quarter.corrupt(&x).unwrap()));
        assert_ne!(first, second);
        assert!(first.iter().all(|x| *x == 0.0 || *x == 0.5));
        let black = first.iter().filter(|x| **x == 0.0).count() as f64 / 1e4;
        // Four standard errors.
        assert!((black - 0.25).abs() < 4.0 * (0.25f64 * 0.75 / 1e4).sqrt(), "{black}");
        assert_eq!(values(&corruption(0.0).corrupt(&x).unwrap()), values(&x));
        assert!(values(&corruption(1.0).corrupt(&x).unwrap()).iter().all(|x| *x == 0.0));
    }

    #[test]
    fn images_keep_what_is_not_black() {
        let shape = Shape { channels: 1, height: 1, width: 4 };
        let images = Images::new(shape, 9, vec![8; 400], None).unwrap();
        let found = corrupted(&images, 0.5, stream(1, "test")).unwrap();
        let black = found.pixels().iter().filter(|pixel| **pixel == 0).count();
        assert!(found.pixels().iter().all(|pixel| [0, 8].contains(pixel)));
        assert!((160..240).contains(&black), "{black}");
        assert_eq!(corrupted(&images, 0.0, stream(1, "test")).unwrap(), images);
    }
}
