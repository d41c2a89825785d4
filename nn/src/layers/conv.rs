//! Convolutions.
use super::pass::Pass;
use super::spectral::Spectral;
use super::weight::applied;
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
        Ok(ops::Window { stride, padding: [padding; 2], dilation })
    }
}

/// `y[o] = activation(Σ_c w[o, c] ⋆ x[c] + b[o])`, where ⋆ is the cross-correlation.
///
/// Parameters `<name>.weight` of shape `[O, C, k, k]` and `<name>.bias` of shape `[O]`, both
/// U(±1/√(C·k·k)) at first, as in PyTorch. Takes `[B, C, H, W]` to `[B, O, H', W']` with
/// H' = ⌊(H + 2·padding − dilation·(k − 1) − 1) / stride⌋ + 1.
#[derive(Debug, Clone)]
pub struct Conv2d {
    pub(super) weight: Tensor,
    pub(super) bias: Tensor,
    pub(super) window: ops::Window,
    pub(super) form: ops::ConvForm,
    /// Factor of the weight, of its shape, where a mask tells colours apart.
    pub(super) mask: Option<Tensor>,
    /// Divides the weight by its largest singular value, if it is to be.
    pub(super) spectral: Option<Spectral>,
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
        Ok(Self { weight, bias, window, form: activation.into(), mask: None, spectral: None })
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
        Ok(Self { weight, bias, window, form: activation.into(), mask: None, spectral: None })
    }

    /// This layer for channels-last input: `[B, H, W, C]` to `[B, H', W', O]`. Kernels compute with the
    /// channels of a pixel side by side, so nothing has to be transposed between layers.
    pub fn channels_last(mut self) -> Self {
        self.form.order = ops::Order::Pixels;
        self
    }

    /// Channels C of the input.
    pub fn inputs(&self) -> usize {
        self.weight.dims()[1]
    }

    /// Channels O of the output.
    pub fn outputs(&self) -> usize {
        self.bias.elem_count()
    }

    /// This layer as a fixed function: it shares the parameters' storage and takes no gradient of them.
    pub fn detached(&self) -> Self {
        let (weight, bias) = (self.weight.detach(), self.bias.detach());
        let spectral = self.spectral.as_ref().map(Spectral::detached);
        Self { weight, bias, mask: self.mask.clone(), spectral, ..*self }
    }

    /// The layer with its weight, as a matrix `[O, C·k·k]`, divided by its largest singular value (Miyato et
    /// al. 2018), which one iteration in each forward pass of training follows; buffer `<name>.u` of shape
    /// `[O]`.
    pub fn spectral(self, params: &Params, name: &str) -> Result<Self> {
        let spectral = Some(Spectral::new(params, name, self.outputs())?);
        Ok(Self { spectral, ..self })
    }

    /// The weight that the input is correlated with: with zeros where a mask has them.
    pub(super) fn applied(&self) -> Result<Tensor> {
        applied(&self.weight, self.mask.as_ref(), self.spectral.as_ref())
    }
}

impl Pass for Conv2d {
    fn pass(&self, x: &Signal, reader: Reader) -> Result<Signal> {
        if let Some(spectral) = &self.spectral {
            spectral.iterate(&self.weight)?;
        }
        let weight = self.applied()?;
        ops::conv2d(x, &weight, &self.bias, self.window, self.form, reader) // [B, O, H', W']
    }
}

/// `y = x + layer(x)` for a convolution that keeps the shape (He et al. 2016, "Deep Residual
/// Learning", equation 1), in one operation.
#[derive(Debug, Clone)]
pub struct Residual(pub(super) Conv2d);

impl Residual {
    /// `layer` with its input added to its result. Its input must have the shape of its result.
    pub fn new(mut layer: Conv2d) -> Self {
        layer.form.residual = true;
        Self(layer)
    }

    pub(crate) fn detached(&self) -> Self {
        Self(self.0.detached())
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
    pub(super) weight: Tensor,
    pub(super) bias: Tensor,
    pub(super) activation: Activation,
    pub(super) window: ops::Window,
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

    pub(crate) fn detached(&self) -> Self {
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
    use candle_core::Module as _;
    use train::testing::device;

    fn values(tensor: &Tensor) -> Vec<f32> {
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    /// Counts up from 1 in every parameter.
    fn fill(params: &Params) {
        for (_, var) in params.named() {
            let n = var.elem_count();
            let values = Tensor::arange(1f32, n as f32 + 1.0, device()).unwrap();
            var.set(&values.reshape(var.shape()).unwrap()).unwrap();
        }
    }

    #[test]
    fn convolutions_by_hand() {
        let params = Params::new(1, device());
        let config = Conv2dConfig { dilation: 2, ..Conv2dConfig::new(1, 1, 2) };
        let conv = Conv2d::new(&params, "c", config, Activation::Linear).unwrap();
        let spread = Conv2dConfig { stride: 2, ..Conv2dConfig::new(1, 1, 2) };
        let spread = ConvTranspose2d::new(&params, "t", spread, Activation::Linear).unwrap();
        fill(&params);
        let x = Tensor::arange(0f32, 9.0, device()).unwrap().reshape((1, 1, 3, 3)).unwrap();
        // 1·0 + 2·2 + 3·6 + 4·8 + 1
        assert_eq!(values(&conv.forward(&x).unwrap()), [55.0]);
        let x = Tensor::new(&[[[[1f32, 10.0]]]], device()).unwrap();
        // [[1, 2], [3, 4]] and ten times that, plus 1
        let y = spread.forward(&x).unwrap();
        assert_eq!(y.dims(), [1, 1, 2, 4]);
        assert_eq!(values(&y), [2.0, 3.0, 11.0, 21.0, 4.0, 5.0, 31.0, 41.0]);
    }

    #[test]
    fn sizes_that_make_no_sense_are_refused() {
        let params = Params::new(1, device());
        let still = Conv2dConfig { dilation: 0, ..Conv2dConfig::new(1, 1, 1) };
        let error = ConvTranspose2d::new(&params, "t", still, Activation::Relu).unwrap_err();
        assert!(error.to_string().contains("dilation of at least 1"), "{error}");
        assert!(params.named().is_empty());
    }
}
