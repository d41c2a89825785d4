//! Convolutions.
use super::Pass;
use crate::ops::{self, Reader, Signal};
use crate::{Activation, Init, Params};
use candle_core::{Result, Tensor, bail};

/// The sizes of a convolution; kernel, stride, padding and dilation are the same along both axes.
///
/// ```
/// use nn::Conv2dConfig;
/// let config = Conv2dConfig { stride: 2, padding: 1, ..Conv2dConfig::new(1, 32, 4) };
/// assert_eq!(config.dilation, 1);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv2dConfig {
    /// Channels C of the input.
    pub inputs: usize,
    /// Channels O of the output.
    pub outputs: usize,
    /// Side k of the kernel.
    pub kernel: usize,
    /// Distance between two applications of the kernel; in a transposed convolution, of the places
    /// that two neighbouring inputs go to.
    pub stride: usize,
    /// Rows and columns of zeros added on each side; in a transposed convolution, cut off.
    pub padding: usize,
    /// Distance between two elements of the kernel.
    pub dilation: usize,
}

impl Conv2dConfig {
    /// A kernel that moves by 1, without padding or dilation.
    pub const fn new(inputs: usize, outputs: usize, kernel: usize) -> Self {
        Self { inputs, outputs, kernel, stride: 1, padding: 0, dilation: 1 }
    }

    fn window(&self, name: &str) -> Result<ops::Window> {
        let Self { kernel, stride, padding, dilation, .. } = *self;
        if kernel == 0 || stride == 0 || dilation == 0 {
            bail!(
                "{name}: a convolution needs a kernel, a stride and a dilation of at least 1, got \
                 {self:?}"
            )
        }
        Ok(ops::Window { stride, padding, dilation })
    }
}

/// Which pixels an output sees that is computed in raster order, row by row from the top left (van
/// den Oord et al. 2016, "Pixel Recurrent Neural Networks", section 3.4). Of a 3×3 kernel:
///
/// ```text
///  A:  1 1 1      B:  1 1 1
///      1 0 0          1 1 0
///      0 0 0          0 0 0
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mask {
    /// Those before it: for the first layer, whose inputs are the pixels themselves.
    A,
    /// Those before it and its own place: for later layers.
    B,
}

impl Mask {
    /// How many of a kernel's `elements`, an odd number, are used: the first ones in raster order.
    pub(crate) fn taps(self, elements: usize) -> usize {
        match self {
            Mask::A => elements / 2,
            Mask::B => elements / 2 + 1,
        }
    }

    /// Ones and zeros `[1, 1, k, k]` to multiply a weight `[O, C, k, k]` by.
    pub(crate) fn tensor(self, weight: &Tensor) -> Result<Tensor> {
        let (_, _, height, width) = weight.dims4()?;
        let used = self.taps(height * width);
        let mask: Vec<f32> = (0..height * width).map(|i| f32::from(u8::from(i < used))).collect();
        let mask = Tensor::from_vec(mask, (1, 1, height, width), weight.device())?;
        mask.to_dtype(weight.dtype())
    }
}

/// `y[o] = activation(Σ_c w[o, c] ⋆ x[c] + b[o])`, where ⋆ is the cross-correlation.
///
/// Parameters `<name>.weight` of shape `[O, C, k, k]` and `<name>.bias` of shape `[O]`, both
/// U(±1/√(C·k·k)) at first, as in PyTorch. Takes `[B, C, H, W]` to `[B, O, H', W']` with
/// H' = ⌊(H + 2·padding − dilation·(k − 1) − 1) / stride⌋ + 1.
#[derive(Debug, Clone)]
pub struct Conv2d {
    weight: Tensor,
    bias: Tensor,
    window: ops::Window,
    form: ops::ConvForm,
}

impl Conv2d {
    /// A layer with new parameters in `params`.
    pub fn new(
        params: &Params,
        name: &str,
        config: Conv2dConfig,
        activation: Activation,
    ) -> Result<Self> {
        let Conv2dConfig { inputs, outputs, kernel, .. } = config;
        let window = config.window(name)?;
        let init = Init::FanInUniform { fan_in: inputs * kernel * kernel };
        let shape = (outputs, inputs, kernel, kernel);
        let weight = params.var(&format!("{name}.weight"), shape, init)?;
        let bias = params.var(&format!("{name}.bias"), outputs, init)?;
        Ok(Self { weight, bias, window, form: activation.into() })
    }

    /// A layer whose kernels are at first the rows of an [orthogonal](Init::Orthogonal) matrix
    /// `[O, C·k·k]` with this gain, and whose bias is 0.
    pub fn orthogonal(
        params: &Params,
        name: &str,
        config: Conv2dConfig,
        activation: Activation,
        gain: f64,
    ) -> Result<Self> {
        let Conv2dConfig { inputs, outputs, kernel, .. } = config;
        let window = config.window(name)?;
        let init = Init::Orthogonal { outputs, inputs: inputs * kernel * kernel, gain };
        let shape = (outputs, inputs, kernel, kernel);
        let weight = params.var(&format!("{name}.weight"), shape, init)?;
        let bias = params.var(&format!("{name}.bias"), outputs, Init::Constant(0.0))?;
        Ok(Self { weight, bias, window, form: activation.into() })
    }

    /// A layer whose kernels see only what comes before the pixel at their centre: the other
    /// weights are 0, stay 0, and cost nothing.
    ///
    /// The kernel's side must be odd, and the initial bound is that of the whole kernel.
    pub fn masked(
        params: &Params,
        name: &str,
        config: Conv2dConfig,
        mask: Mask,
        activation: Activation,
    ) -> Result<Self> {
        if config.kernel.is_multiple_of(2) {
            bail!("{name}: a mask needs a kernel with a centre, its side is {}", config.kernel)
        }
        if config.kernel == 1 && mask == Mask::A {
            bail!("{name}: mask A leaves nothing of a kernel with one element")
        }
        let layer = Self::new(params, name, config, activation)?;
        let weight = layer.weight.detach();
        let masked = weight.broadcast_mul(&mask.tensor(&weight)?)?;
        // Into the storage that the parameter has in `params`.
        weight.slice_set(&masked, 0, 0)?;
        Ok(Self { form: ops::ConvForm { mask: Some(mask), ..layer.form }, ..layer })
    }

    pub(crate) fn fixed(&self) -> Self {
        Self { weight: self.weight.detach(), bias: self.bias.detach(), ..*self }
    }
}

impl Pass for Conv2d {
    fn pass(&self, x: &Signal, reader: Reader) -> Result<Signal> {
        let Self { weight, bias, window, form } = self;
        ops::conv2d(x, weight, bias, *window, *form, reader) // [B, O, H', W']
    }
}

/// `y = x + layer(x)` for a convolution that keeps the shape (He et al. 2016, "Deep Residual
/// Learning", equation 1), in one operation.
#[derive(Debug, Clone)]
pub struct Residual(Conv2d);

impl Residual {
    /// `layer` with its input added to its result. Its input must have the shape of its result.
    pub fn new(mut layer: Conv2d) -> Self {
        layer.form.residual = true;
        Self(layer)
    }

    pub(crate) fn fixed(&self) -> Self {
        Self(self.0.fixed())
    }
}

impl Pass for Residual {
    fn pass(&self, x: &Signal, reader: Reader) -> Result<Signal> {
        self.0.pass(x, reader) // [B, C, H, W]
    }
}

/// The transpose, as a linear function, of a convolution, then bias and activation: every input
/// adds its multiple of the kernel to the result, `stride` apart.
///
/// Parameters `<name>.weight` of shape `[C, O, k, k]` and `<name>.bias` of shape `[O]`, both
/// U(±1/√(O·k·k)) at first, as in PyTorch. Takes `[B, C, H, W]` to `[B, O, H', W']` with
/// H' = (H − 1)·stride − 2·padding + dilation·(k − 1) + 1.
#[derive(Debug, Clone)]
pub struct ConvTranspose2d {
    weight: Tensor,
    bias: Tensor,
    activation: Activation,
    window: ops::Window,
}

impl ConvTranspose2d {
    /// A layer with new parameters in `params`.
    pub fn new(
        params: &Params,
        name: &str,
        config: Conv2dConfig,
        activation: Activation,
    ) -> Result<Self> {
        let Conv2dConfig { inputs, outputs, kernel, .. } = config;
        let window = config.window(name)?;
        let init = Init::FanInUniform { fan_in: outputs * kernel * kernel };
        let shape = (inputs, outputs, kernel, kernel);
        let weight = params.var(&format!("{name}.weight"), shape, init)?;
        let bias = params.var(&format!("{name}.bias"), outputs, init)?;
        Ok(Self { weight, bias, activation, window })
    }

    pub(crate) fn fixed(&self) -> Self {
        Self { weight: self.weight.detach(), bias: self.bias.detach(), ..*self }
    }
}

impl Pass for ConvTranspose2d {
    fn pass(&self, x: &Signal, reader: Reader) -> Result<Signal> {
        let Self { weight, bias, activation, window } = self;
        ops::conv_transpose2d(x, weight, bias, *window, *activation, reader) // [B, O, H', W']
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Optimizer, OptimizerConfig};
    use candle_core::{DType, Device, Module as _};

    fn values(tensor: &Tensor) -> Vec<f32> {
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    /// Counts up from 1 in every parameter.
    fn fill(params: &Params) {
        for (_, var) in params.named() {
            let n = var.elem_count();
            let values = Tensor::arange(1f32, n as f32 + 1.0, &Device::Cpu).unwrap();
            var.set(&values.reshape(var.shape()).unwrap()).unwrap();
        }
    }

    #[test]
    fn convolutions_by_hand() {
        let params = Params::new(1, &Device::Cpu);
        let config = Conv2dConfig { dilation: 2, ..Conv2dConfig::new(1, 1, 2) };
        let conv = Conv2d::new(&params, "c", config, Activation::Linear).unwrap();
        let spread = Conv2dConfig { stride: 2, ..Conv2dConfig::new(1, 1, 2) };
        let spread = ConvTranspose2d::new(&params, "t", spread, Activation::Linear).unwrap();
        fill(&params);
        let x = Tensor::arange(0f32, 9.0, &Device::Cpu).unwrap().reshape((1, 1, 3, 3)).unwrap();
        // 1·0 + 2·2 + 3·6 + 4·8 + 1
        assert_eq!(values(&conv.forward(&x).unwrap()), [55.0]);
        let x = Tensor::new(&[[[[1f32, 10.0]]]], &Device::Cpu).unwrap();
        // [[1, 2], [3, 4]] and ten times that, plus 1
        let y = spread.forward(&x).unwrap();
        assert_eq!(y.dims(), [1, 1, 2, 4]);
        assert_eq!(values(&y), [2.0, 3.0, 11.0, 21.0, 4.0, 5.0, 31.0, 41.0]);
    }

    #[test]
    fn masked_weights_are_zero_and_stay_so() {
        for (mask, used) in [(Mask::A, 4), (Mask::B, 5)] {
            let params = Params::new(1, &Device::Cpu);
            let config = Conv2dConfig { padding: 1, ..Conv2dConfig::new(2, 2, 3) };
            let conv = Conv2d::masked(&params, "conv", config, mask, Activation::Tanh).unwrap();
            let plain = Params::new(1, &Device::Cpu);
            Conv2d::new(&plain, "conv", config, Activation::Tanh).unwrap();
            let weight = |params: &Params| values(&params.named()[1].1);
            for (index, (w, unmasked)) in weight(&params).iter().zip(weight(&plain)).enumerate() {
                assert_eq!(*w, if index % 9 < used { unmasked } else { 0.0 });
            }
            let x = Tensor::ones((1, 2, 4, 4), DType::F32, &Device::Cpu).unwrap();
            let mut optimizer = Optimizer::new(&params, OptimizerConfig::adam(0.1)).unwrap();
            for _ in 0..3 {
                optimizer.step(&conv.forward(&x).unwrap().sum_all().unwrap()).unwrap();
            }
            for (index, w) in weight(&params).iter().enumerate() {
                assert_eq!(*w == 0.0, index % 9 >= used, "{index}: {w}");
            }
        }
    }

    /// What a picture's pixel says depends on no later pixel, nor, behind mask A, on itself.
    #[test]
    fn an_output_sees_only_what_comes_before() {
        let params = Params::new(1, &Device::Cpu);
        let first = Conv2dConfig { padding: 2, ..Conv2dConfig::new(1, 3, 5) };
        let first = Conv2d::masked(&params, "a", first, Mask::A, Activation::Tanh).unwrap();
        let block = Conv2dConfig { padding: 1, ..Conv2dConfig::new(3, 3, 3) };
        let block = Conv2d::masked(&params, "b", block, Mask::B, Activation::Tanh).unwrap();
        let block = Residual::new(block);
        let run = |x: &[f32]| {
            let x = Tensor::from_slice(x, (1, 1, 4, 5), &Device::Cpu).unwrap();
            let y = block.forward(&first.forward(&x).unwrap()).unwrap();
            y.flatten_from(2).unwrap().squeeze(0).unwrap().to_vec2::<f32>().unwrap()
        };
        let before = run(&[0.5; 20]);
        for pixel in 0..20 {
            let mut x = [0.5; 20];
            x[pixel] = -1.0;
            let after = run(&x);
            for (before, after) in before.iter().zip(&after) {
                assert_eq!(before[..=pixel], after[..=pixel], "{pixel}");
                assert!(pixel == 19 || before[pixel + 1..] != after[pixel + 1..], "{pixel}");
            }
        }
    }

    #[test]
    fn sizes_that_make_no_sense_are_refused() {
        let params = Params::new(1, &Device::Cpu);
        let even = Conv2dConfig::new(1, 1, 4);
        let error = Conv2d::masked(&params, "m", even, Mask::A, Activation::Relu).unwrap_err();
        assert!(error.to_string().contains("a kernel with a centre"), "{error}");
        let point = Conv2dConfig::new(1, 1, 1);
        assert!(Conv2d::masked(&params, "m", point, Mask::A, Activation::Relu).is_err());
        let still = Conv2dConfig { dilation: 0, ..point };
        let error = ConvTranspose2d::new(&params, "t", still, Activation::Relu).unwrap_err();
        assert!(error.to_string().contains("dilation of at least 1"), "{error}");
        assert!(params.named().is_empty());
    }
}
