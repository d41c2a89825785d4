//! Exponential moving average of parameters.
use anyhow::Result;
use nn::Params;

/// Exponential moving average of parameters.
pub(crate) struct Ema {
    pub(crate) params: Params,
    decay: f64,
}

impl Ema {
    /// From `params` on, which are untrained.
    pub(crate) fn new(params: Params, decay: f64) -> Self {
        Self { params, decay }
    }

    /// The `step`-th update, from 0, towards `params`.
    pub(crate) fn update(&self, params: &Params, step: u64) -> Result<()> {
        Ok(self.params.blend(params, 1.0 - decay(self.decay, step))?)
    }
}

/// min(decay, (1 + step)/(10 + step)): the untrained parameters fade quickly.
pub(crate) fn decay(decay: f64, step: u64) -> f64 {
    decay.min((1.0 + step as f64) / (10.0 + step as f64))
}
