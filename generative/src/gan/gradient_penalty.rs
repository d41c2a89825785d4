//! The penalty on the discriminator's gradient, as a part of its loss.
use super::config::GanConfig;
use super::networks::joined;
use super::penalty::{Penalty, Points, norms};
use anyhow::Result;
use candle_core::{Device, Tensor};
use nn::Sequential;
use train::{Log, Rng};

/// A [`Penalty`] with its weight and its points.
pub(super) struct GradientPenalty {
    penalty: Penalty,
    weight: f64,
    one_sided: bool,
    pub(super) rng: Rng,
    points: Points,
}

impl GradientPenalty {
    /// For batches of `shape`.
    pub(super) fn new(
        config: &GanConfig,
        shape: &[usize],
        rng: Rng,
        device: &Device,
    ) -> Result<Self> {
        let GanConfig { penalty, penalty_weight: weight, one_sided, .. } = *config;
        Ok(Self { penalty, weight, one_sided, rng, points: Points::new(penalty, shape, device)? })
    }

    /// The weighted mean cost of the gradient for data samples `x` and generated ones.
    pub(super) fn loss(
        &mut self,
        discriminator: &Sequential,
        [x, fake]: [&Tensor; 2],
        label: Option<&Tensor>,
        log: &mut Log,
    ) -> Result<Tensor> {
        let at = self.points.sample(x, fake, &mut self.rng)?; // as x
        let (_, gradient) = discriminator.input_gradient(&joined(&at, label)?)?;
        // The gradient for the label is free.
        let norms = norms(&gradient.narrow(1, 0, x.dim(1)?)?)?; // [B]
        log.tensor("train/d_slope", &norms.mean_all()?)?;
        let cost = self.penalty.cost(&norms, self.one_sided)?;
        log.tensor("train/penalty", &cost)?;
        Ok((cost * self.weight)?)
    }
}
