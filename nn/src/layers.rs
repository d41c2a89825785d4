//! Layers with the parameters they learn.
use crate::{Activation, Init, Params, ops};
use candle_core::{Module, Result, Tensor, bail};

/// y = activation(x·Wᵀ + b).
///
/// Parameters `<name>.weight` of shape `[outputs, inputs]` and `<name>.bias` of shape `[outputs]`,
/// both U(±1/√inputs) at first, as in PyTorch. Takes `[B, inputs]` to `[B, outputs]`.
#[derive(Debug, Clone)]
pub struct Linear {
    weight: Tensor,
    bias: Tensor,
    activation: Activation,
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
        Ok(Self { weight, bias, activation })
    }

    pub(crate) fn frozen(&self) -> Self {
        Self { weight: self.weight.detach(), bias: self.bias.detach(), ..*self }
    }
}

impl Module for Linear {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ops::linear(x, &self.weight, &self.bias, self.activation) // [B, outputs]
    }
}

/// The sizes of a [`Conv2d`]; kernel, stride and padding are the same along both axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv2dConfig {
    /// Channels C of the input.
    pub inputs: usize,
    /// Channels O of the output.
    pub outputs: usize,
    /// Side k of the kernel.
    pub kernel: usize,
    /// Distance between two applications of the kernel.
    pub stride: usize,
    /// Rows and columns of zeros added on each side.
    pub padding: usize,
}

/// `y[o] = activation(Σ_c w[o, c] ⋆ x[c] + b[o])`, where ⋆ is the cross-correlation.
///
/// Parameters `<name>.weight` of shape `[O, C, k, k]` and `<name>.bias` of shape `[O]`, both
/// U(±1/√(C·k·k)) at first, as in PyTorch. Takes `[B, C, H, W]` to `[B, O, H', W']` with
/// H' = ⌊(H + 2·padding − k) / stride⌋ + 1.
#[derive(Debug, Clone)]
pub struct Conv2d {
    weight: Tensor,
    bias: Tensor,
    activation: Activation,
    window: ops::Window,
}

impl Conv2d {
    /// A layer with new parameters in `params`.
    pub fn new(
        params: &Params,
        name: &str,
        config: Conv2dConfig,
        activation: Activation,
    ) -> Result<Self> {
        let Conv2dConfig { inputs, outputs, kernel, stride, padding } = config;
        if kernel == 0 || stride == 0 {
            bail!("{name}: a convolution needs a kernel and a stride of at least 1, got {config:?}")
        }
        let init = Init::FanInUniform { fan_in: inputs * kernel * kernel };
        let shape = (outputs, inputs, kernel, kernel);
        let weight = params.var(&format!("{name}.weight"), shape, init)?;
        let bias = params.var(&format!("{name}.bias"), outputs, init)?;
        Ok(Self { weight, bias, activation, window: ops::Window { stride, padding } })
    }

    pub(crate) fn frozen(&self) -> Self {
        Self { weight: self.weight.detach(), bias: self.bias.detach(), ..*self }
    }
}

impl Module for Conv2d {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ops::conv2d(x, &self.weight, &self.bias, self.window, self.activation) // [B, O, H', W']
    }
}

/// `[B, …]` to `[B, n]`, n being the product of the other dimensions.
#[derive(Debug, Clone, Copy)]
pub struct Flatten;

impl Module for Flatten {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.flatten_from(1) // [B, n]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn parameters_have_pytorchs_names_shapes_and_bounds() {
        let params = Params::new(1, &Device::Cpu);
        let config = Conv2dConfig { inputs: 2, outputs: 3, kernel: 3, stride: 2, padding: 1 };
        Conv2d::new(&params, "conv", config, Activation::Relu).unwrap();
        Linear::new(&params, "out", 12, 2, Activation::Tanh).unwrap();
        let named = params.named();
        let shapes: Vec<_> = named.iter().map(|(name, var)| (name.as_str(), var.dims())).collect();
        let expected: [(&str, &[usize]); 4] = [
            ("conv.bias", &[3]),
            ("conv.weight", &[3, 2, 3, 3]),
            ("out.bias", &[2]),
            ("out.weight", &[2, 12]),
        ];
        assert_eq!(shapes, expected);
        for (name, var) in &named {
            let fan_in: f32 = if name.starts_with("conv") { 18.0 } else { 12.0 };
            let largest = var.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
            assert!(largest <= fan_in.sqrt().recip(), "{name} {largest}");
        }
    }

    #[test]
    fn a_linear_layer_by_hand() {
        let params = Params::new(1, &Device::Cpu);
        let layer = Linear::new(&params, "l", 2, 2, Activation::Relu).unwrap();
        let set = |index: usize, value: &Tensor| params.named()[index].1.set(value).unwrap();
        set(0, &Tensor::new(&[0.5f32, -1.0], &Device::Cpu).unwrap());
        set(1, &Tensor::new(&[[1f32, 2.0], [-3.0, 1.0]], &Device::Cpu).unwrap());
        let y = layer.forward(&Tensor::new(&[[2f32, 3.0]], &Device::Cpu).unwrap()).unwrap();
        // 2 + 6 + 0.5 and max(0, −6 + 3 − 1)
        assert_eq!(y.to_vec2::<f32>().unwrap(), [[8.5, 0.0]]);
    }
}
