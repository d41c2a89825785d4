//! Dense layers.
use super::pass::Pass;
use super::spectral::Spectral;
use super::weight::applied;
use crate::ops::{self, Reader, Signal};
use crate::{Activation, Init, Params};
use candle_core::{Result, Tensor};

/// y = activation(x·Wᵀ + b).
///
/// Parameters `<name>.weight` of shape `[outputs, inputs]` and `<name>.bias` of shape `[outputs]`,
/// both U(±1/√inputs) at first, as in PyTorch. Takes `[B, inputs]` to `[B, outputs]`.
#[derive(Debug, Clone)]
pub struct Linear {
    pub(super) weight: Tensor,
    pub(super) bias: Tensor,
    pub(super) activation: Activation,
    /// Factor of the weight, of its shape; `None` for a dense layer.
    pub(super) mask: Option<Tensor>,
    /// Divides the weight by its largest singular value, if it is to be.
    pub(super) spectral: Option<Spectral>,
}

impl Linear {
    /// A layer with new parameters in `params`.
    pub fn new(
        params: &Params,
        name: &str,
        inputs: usize,
        outputs: usize,
        activation: Activation,
    ) -> Result<Self> {
        let init = Init::FanInUniform { fan_in: inputs };
        let weight = params.var(&format!("{name}.weight"), (outputs, inputs), init)?;
        let bias = params.var(&format!("{name}.bias"), outputs, init)?;
        Ok(Self { weight, bias, activation, mask: None, spectral: None })
    }

    /// A layer whose weight is at first [orthogonal](Init::Orthogonal) with this gain, and whose bias
    /// is 0. `[inputs, outputs]` are its sizes.
    pub fn orthogonal(
        params: &Params,
        name: &str,
        [inputs, outputs]: [usize; 2],
        activation: Activation,
        gain: f64,
    ) -> Result<Self> {
        let init = Init::Orthogonal { outputs, inputs, gain };
        let weight = params.var(&format!("{name}.weight"), (outputs, inputs), init)?;
        let bias = params.var(&format!("{name}.bias"), outputs, Init::Constant(0.0))?;
        Ok(Self { weight, bias, activation, mask: None, spectral: None })
    }

    /// This layer as a fixed function: it shares the parameters' storage and takes no gradient of them.
    pub fn detached(&self) -> Self {
        let (weight, bias) = (self.weight.detach(), self.bias.detach());
        let spectral = self.spectral.as_ref().map(Spectral::detached);
        Self { weight, bias, mask: self.mask.clone(), spectral, ..*self }
    }

    /// The layer with its weight divided by its largest singular value (Miyato et al. 2018), which one
    /// iteration in each forward pass of training follows; buffer `<name>.u` of shape `[outputs]`.
    pub fn spectral(self, params: &Params, name: &str) -> Result<Self> {
        let spectral = Some(Spectral::new(params, name, self.bias.elem_count())?);
        Ok(Self { spectral, ..self })
    }

    /// The weight that inputs are multiplied by.
    pub(super) fn applied(&self) -> Result<Tensor> {
        applied(&self.weight, self.mask.as_ref(), self.spectral.as_ref())
    }
}

impl Pass for Linear {
    fn pass(&self, x: &Signal, reader: Reader) -> Result<Signal> {
        if let Some(spectral) = &self.spectral {
            spectral.iterate(&self.weight)?;
        }
        ops::linear(x, &self.applied()?, &self.bias, self.activation, reader) // [B, outputs]
    }
}
