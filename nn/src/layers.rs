//! Layers with the parameters they learn.
use crate::ops::{self, Reader, Signal};
use crate::{Activation, Init, Layer, Params};
use candle_core::{Module, Result, Tensor};

mod batch_norm;
mod conv;
mod masked;
mod pixels;
mod pool;
mod pullback;
mod spectral;

pub use batch_norm::BatchNorm2d;
pub use conv::{Conv2d, Conv2dConfig, ConvTranspose2d, Residual, Skip};
pub use masked::{Mask, MaskedConfig};
pub use pixels::Pixels;
pub use pool::MaxPool2d;
use spectral::Spectral;

/// A layer as a network passes signals through it; alone it is a [`Module`].
pub trait Pass {
    /// The result for x, for `reader`.
    fn pass(&self, x: &Signal, reader: Reader) -> Result<Signal>;
}

macro_rules! modules {
    ($($layer:ty),*) => {$(
        impl Module for $layer {
            fn forward(&self, x: &Tensor) -> Result<Tensor> {
                self.pass(&x.into(), Reader::Anybody)?.into_tensor()
            }
        }
    )*};
}

modules!(
    Linear,
    Conv2d,
    ConvTranspose2d,
    BatchNorm2d,
    MaxPool2d,
    Residual,
    Skip,
    Flatten,
    Unflatten,
    Layer
);

/// y = activation(x·Wᵀ + b).
///
/// Parameters `<name>.weight` of shape `[outputs, inputs]` and `<name>.bias` of shape `[outputs]`,
/// both U(±1/√inputs) at first, as in PyTorch. Takes `[B, inputs]` to `[B, outputs]`.
#[derive(Debug, Clone)]
pub struct Linear {
    weight: Tensor,
    bias: Tensor,
    activation: Activation,
    /// What the weight is multiplied by, if anything: of its shape.
    mask: Option<Tensor>,
    /// Divides the weight by its largest singular value, if it is to be.
    spectral: Option<Spectral>,
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

    /// The same layer as a fixed function: it shares the parameters' storage and takes no gradient of
    /// them.
    pub fn fixed(&self) -> Self {
        let (weight, bias) = (self.weight.detach(), self.bias.detach());
        let spectral = self.spectral.as_ref().map(Spectral::fixed);
        Self { weight, bias, mask: self.mask.clone(), spectral, ..*self }
    }

    /// The layer with its weight divided by its largest singular value (Miyato et al. 2018), which one
    /// iteration in each forward pass of training follows; buffer `<name>.u` of shape `[outputs]`.
    pub fn spectral(self, params: &Params, name: &str) -> Result<Self> {
        let spectral = Some(Spectral::new(params, name, self.bias.elem_count())?);
        Ok(Self { spectral, ..self })
    }

    /// The weight that inputs are multiplied by.
    fn applied(&self) -> Result<Tensor> {
        applied(&self.weight, self.mask.as_ref(), self.spectral.as_ref())
    }
}

/// A weight under a mask, divided by its largest singular value, as far as there is either.
fn applied(weight: &Tensor, mask: Option<&Tensor>, spectral: Option<&Spectral>) -> Result<Tensor> {
    let weight = mask.map_or_else(|| Ok(weight.clone()), |mask| weight * mask)?;
    spectral.map_or_else(|| Ok(weight.clone()), |spectral| spectral.divided(&weight))
}

impl Pass for Linear {
    fn pass(&self, x: &Signal, reader: Reader) -> Result<Signal> {
        if let Some(spectral) = &self.spectral {
            spectral.iterate(&self.weight)?;
        }
        ops::linear(x, &self.applied()?, &self.bias, self.activation, reader) // [B, outputs]
    }
}

/// tanh(s_f)·σ(s_g) of the sum s of features x and y `[B, …, 2F]` and, the same at every position, c `[B, 2F]`:
/// `[B, …, F]`. The features are in `groups`, each of which has its s_f before its s_g (van den Oord et al.
/// 2016, "Conditional Image Generation with PixelCNN Decoders", equations 2 and 4).
///
/// ```
/// # fn main() -> candle_core::Result<()> {
/// use candle_core::{Device, Tensor};
/// use nn::{Reader, Signal};
/// let x = Tensor::new(&[[1f32, 0.0]], &Device::Cpu)?; // [1, 2]
/// let y = nn::gate(&Signal::from(&x), None, None, 1, Reader::Anybody)?.into_tensor()?; // [1, 1]
/// assert!((y.to_vec2::<f32>()?[0][0] - 1f32.tanh() / 2.0).abs() < 1e-6);
/// # Ok(())
/// # }
/// ```
pub fn gate(
    x: &Signal,
    y: Option<&Signal>,
    c: Option<&Tensor>,
    groups: usize,
    reader: Reader,
) -> Result<Signal> {
    ops::gate(x, y, c, groups, reader)
}

/// What positions see of each other, none of what comes later (Vaswani et al. 2017, "Attention is all you need",
/// section 3.2): for rows x `[B·D, 3F]` of queries q, keys k and values v, the D positions of a sample one after
/// the other, in `heads` parts of d = F/heads features, Σ_j softmax_j(q_i·k_j/√d over j ≤ i)·v_j, `[B·D, F]`.
pub fn causal_attention(
    x: &Signal,
    positions: usize,
    heads: usize,
    reader: Reader,
) -> Result<Signal> {
    ops::causal_attention(x, positions, heads, reader)
}

/// [`gate`] for rows of sums in one group, `[n, 2F]` to `[n, F]`: the same bits, a few pixels at a time.
pub fn gate_rows(sums: &[f32], features: usize, out: &mut [f32]) {
    ops::gate_rows(sums, features, out);
}

/// `[B, …]` to `[B, n]`, n being the product of the other dimensions.
#[derive(Debug, Clone, Copy)]
pub struct Flatten;

impl Pass for Flatten {
    fn pass(&self, x: &Signal, _: Reader) -> Result<Signal> {
        x.clone().reshaped(|x| x.flatten_from(1)) // [B, n]
    }
}

/// `[B, C·H·W]` to `[B, C, H, W]`: what a decoder begins with.
#[derive(Debug, Clone, Copy)]
pub struct Unflatten {
    /// Channels C.
    pub channels: usize,
    /// Height H.
    pub height: usize,
    /// Width W.
    pub width: usize,
}

impl Pass for Unflatten {
    fn pass(&self, x: &Signal, _: Reader) -> Result<Signal> {
        let Self { channels, height, width } = *self;
        x.clone().reshaped(|x| x.reshape((x.dim(0)?, channels, height, width))) // [B, C, H, W]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn parameters_have_pytorchs_names_shapes_and_bounds() {
        let params = Params::new(1, &Device::Cpu);
        let config = Conv2dConfig { stride: 2, padding: 1, ..Conv2dConfig::new(2, 3, 3) };
        Conv2d::new(&params, "conv", config, Activation::Relu).unwrap();
        ConvTranspose2d::new(&params, "deconv", config, Activation::Relu).unwrap();
        BatchNorm2d::new(&params, "norm", 3, Activation::Relu).unwrap();
        Linear::new(&params, "out", 12, 2, Activation::Tanh).unwrap();
        let named = params.named();
        let shapes: Vec<_> = named.iter().map(|(name, var)| (name.as_str(), var.dims())).collect();
        let expected: [(&str, &[usize]); 8] = [
            ("conv.bias", &[3]),
            ("conv.weight", &[3, 2, 3, 3]),
            ("deconv.bias", &[3]),
            ("deconv.weight", &[2, 3, 3, 3]),
            ("norm.bias", &[3]),
            ("norm.weight", &[3]),
            ("out.bias", &[2]),
            ("out.weight", &[2, 12]),
        ];
        assert_eq!(shapes, expected);
        let buffers = params.buffers();
        let buffers: Vec<_> = buffers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(buffers, ["norm.running_mean", "norm.running_var"]);
        for (name, var) in &named {
            let fan_in: f32 = match name.split('.').next() {
                Some("conv") => 18.0,
                // PyTorch counts the second dimension of the weight, which here is the outputs.
                Some("deconv") => 27.0,
                Some("norm") => 1.0,
                _ => 12.0,
            };
            let largest = var.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
            assert!(largest <= fan_in.sqrt().recip(), "{name} {largest}");
            assert!(largest > 0.3 * fan_in.sqrt().recip() || name == "norm.bias", "{name}");
        }
    }

    #[test]
    fn orthogonal_layers_have_their_gain_and_no_bias() {
        let params = Params::new(1, &Device::Cpu);
        Linear::orthogonal(&params, "out", [12, 2], Activation::Linear, 0.5).unwrap();
        let config = Conv2dConfig::new(2, 3, 3);
        Conv2d::orthogonal(&params, "conv", config, Activation::Relu, 0.5).unwrap();
        for (name, var) in params.named() {
            let rows = var.flatten_from(var.rank().min(2) - 1).unwrap();
            if name.ends_with("bias") {
                assert_eq!(rows.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap(), 0.0);
                continue;
            }
            for square in rows.sqr().unwrap().sum(1).unwrap().to_vec1::<f32>().unwrap() {
                assert!((square - 0.25).abs() < 1e-6, "{name} {square}");
            }
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
