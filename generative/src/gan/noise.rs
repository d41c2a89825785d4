//! Latent noise, and noise added to samples.
use super::config::NoisePrior;
use anyhow::Result;
use candle_core::{Device, Tensor};
use nn::HostTensor;
use rand::Rng as _;
use rand_distr::{Distribution as _, StandardNormal};
use train::Rng;

impl NoisePrior {
    /// Samples z into `to`.
    pub(super) fn fill(self, to: &mut [f32], rng: &mut Rng) {
        match self {
            Self::Normal => to.fill_with(|| StandardNormal.sample(rng)),
            Self::Uniform => to.fill_with(|| rng.random_range(-1.0..1.0)),
        }
    }
}

/// Gaussian noise on everything that the discriminator is given.
pub(super) struct InstanceNoise {
    pub(super) rng: Rng,
    /// Of the shape of a batch.
    values: HostTensor<f32>,
}

impl InstanceNoise {
    pub(super) fn new(shape: &[usize], rng: Rng, device: &Device) -> Result<Self> {
        Ok(Self { rng, values: HostTensor::new(shape, device)? })
    }

    /// `x` plus noise of standard deviation `sigma`.
    pub(super) fn added(&mut self, x: &Tensor, sigma: f64) -> Result<Tensor> {
        if sigma == 0.0 {
            return Ok(x.clone());
        }
        let Self { rng, values } = self;
        values.fill(|to| {
            to.fill_with(|| {
                let noise: f32 = StandardNormal.sample(rng);
                sigma as f32 * noise
            });
        })?;
        Ok((x + values.tensor())?)
    }
}
