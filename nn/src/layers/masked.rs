//! Convolutions that see only what comes before.
use crate::{Activation, Conv2d, Init, Linear, Params, ops};
use candle_core::{Result, Tensor, bail};

/// Kernel masks of an output that is computed in raster order, row by row from the top left (van den
/// Oord et al. 2016, "Pixel Recurrent Neural Networks", section 3.4, and "Conditional Image Generation
/// with PixelCNN Decoders", section 2.1). Of a 3×3 kernel:
///
/// ```text
///  A:  1 1 1      B:  1 1 1      VerticalA:  1 1 1      VerticalB:  1 1 1
///      1 0 0          1 1 0                  0 0 0                  1 1 1
///      0 0 0          0 0 0                  0 0 0                  0 0 0
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mask {
    /// Those before it: for the first layer, whose inputs are the pixels themselves.
    A,
    /// Those before it and its own place: for later layers.
    B,
    /// Those in the rows above: for the first layer of a vertical stack.
    VerticalA,
    /// Those in the rows above and in its own row: for later layers of one.
    VerticalB,
}

impl Mask {
    /// Number of visible kernel elements: those before the centre in raster order, with the centre
    /// where the mask includes it. Both sides are odd.
    fn taps(self, [height, width]: [usize; 2]) -> usize {
        match self {
            Mask::A => height * width / 2,
            Mask::B => height * width / 2 + 1,
            Mask::VerticalA => height / 2 * width,
            Mask::VerticalB => (height / 2 + 1) * width,
        }
    }
}

/// The sizes of a masked convolution, which moves by 1 and keeps height and width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaskedConfig {
    /// Channels C of the input.
    pub inputs: usize,
    /// Channels O of the output.
    pub outputs: usize,
    /// Height and width of the kernel, both odd.
    pub kernel: [usize; 2],
    /// Visible elements of the kernel.
    pub mask: Mask,
    /// Colours of a pixel, which come one after the other: inputs and outputs are as many groups of
    /// equal size, and at its own place an output sees the groups before its own (mask A), or those and
    /// its own (B). With 1, its own place is seen or not.
    pub colours: usize,
}

impl Conv2d {
    /// A layer whose kernels see only what comes before: the other weights are 0 and stay 0. Places that
    /// nothing sees cost nothing; among the colours of one place zeros are multiplied.
    ///
    /// Parameters, and their initial bound, are those of the whole kernel.
    pub fn masked(
        params: &Params,
        name: &str,
        config: MaskedConfig,
        activation: Activation,
    ) -> Result<Self> {
        let MaskedConfig { inputs, outputs, kernel: [height, width], mask, colours } = config;
        if height % 2 * (width % 2) == 0 {
            bail!("{name}: a mask needs a kernel with a centre, this one is {height}×{width}")
        }
        if colours == 0 || inputs % colours + outputs % colours > 0 {
            bail!(
                "{name}: {inputs} inputs and {outputs} outputs can't be divided among {colours} colours"
            )
        }
        let by_colour = colours > 1 && matches!(mask, Mask::A | Mask::B);
        let taps = if by_colour { height * width / 2 + 1 } else { mask.taps([height, width]) };
        if taps == 0 {
            bail!("{name}: mask {mask:?} leaves nothing of a kernel of {height}×{width}")
        }
        let init = Init::FanInUniform { fan_in: inputs * height * width };
        let weight =
            params.var(&format!("{name}.weight"), (outputs, inputs, height, width), init)?;
        let bias = params.var(&format!("{name}.bias"), outputs, init)?;
        let mut ones = ops::first_taps(&weight, taps)?.broadcast_as(weight.shape())?;
        if by_colour {
            ones = (ones - hidden_colours(&weight, colours, mask)?)?;
        }
        // Into the storage that the parameter has in `params`.
        weight.slice_set(&(&ones * weight.detach())?, 0, 0)?;
        let window = ops::Window { stride: 1, padding: [height / 2, width / 2], dilation: 1 };
        let form = ops::ConvForm { taps: Some(taps), ..activation.into() };
        Ok(Self { weight, bias, window, form, mask: by_colour.then_some(ones), spectral: None })
    }
}

impl Linear {
    /// A layer that uses some weights only, those where `mask`, `[outputs, inputs]`, is true: the others are 0
    /// and stay 0. `[inputs, outputs]` are its sizes; the initial bound is that of all inputs.
    pub fn masked(
        params: &Params,
        name: &str,
        [inputs, outputs]: [usize; 2],
        mask: &[bool],
        activation: Activation,
    ) -> Result<Self> {
        if mask.len() != inputs * outputs {
            bail!("{name}: a mask of {} for {outputs}×{inputs} weights", mask.len())
        }
        let mut layer = Self::new(params, name, inputs, outputs, activation)?;
        let ones = mask.iter().map(|used| f32::from(u8::from(*used)));
        let ones = Tensor::from_iter(ones, layer.weight.device())?.reshape((outputs, inputs))?;
        layer.weight.slice_set(&(&ones * layer.weight.detach())?, 0, 0)?;
        layer.mask = Some(ones);
        Ok(layer)
    }
}

/// Ones where an output must not see a colour at its own place, `[O, C, k_h, k_w]`.
fn hidden_colours(weight: &Tensor, colours: usize, mask: Mask) -> Result<Tensor> {
    let (outputs, inputs, height, width) = weight.dims4()?;
    let centre = height * width / 2;
    let hidden = |index: usize| {
        let (kernel, tap) = (index / (height * width), index % (height * width));
        let to = kernel / inputs * colours / outputs;
        let from = kernel % inputs * colours / inputs;
        tap == centre && (from > to || from == to && mask == Mask::A)
    };
    let ones = (0..weight.elem_count()).map(|index| f32::from(u8::from(hidden(index))));
    Tensor::from_iter(ones, weight.device())?.reshape(weight.shape())?.to_dtype(weight.dtype())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gradcheck::gradcheck;
    use crate::{Optimizer, OptimizerConfig, Residual};
    use candle_core::{DType, Module as _};
    use train::testing::device;

    fn values(tensor: &Tensor) -> Vec<f32> {
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    const PLAIN: MaskedConfig =
        MaskedConfig { inputs: 2, outputs: 2, kernel: [3, 3], mask: Mask::A, colours: 1 };

    /// Masks `[O, C, k_h, k_w]` written down by hand.
    #[test]
    fn masks_by_hand() {
        let used = |config: MaskedConfig| -> Vec<u8> {
            let params = Params::new(1, device());
            Conv2d::masked(&params, "conv", config, Activation::Linear).unwrap();
            values(&params.named()[1].1).iter().map(|w| u8::from(*w != 0.0)).collect()
        };
        let one = MaskedConfig { inputs: 1, outputs: 1, ..PLAIN };
        assert_eq!(used(one), [1, 1, 1, 1, 0, 0, 0, 0, 0]);
        assert_eq!(used(MaskedConfig { mask: Mask::B, ..one }), [1, 1, 1, 1, 1, 0, 0, 0, 0]);
        let vertical = MaskedConfig { mask: Mask::VerticalA, ..one };
        assert_eq!(used(vertical), [1, 1, 1, 0, 0, 0, 0, 0, 0]);
        let vertical = MaskedConfig { mask: Mask::VerticalB, ..one };
        assert_eq!(used(vertical), [1, 1, 1, 1, 1, 1, 0, 0, 0]);
        let row = MaskedConfig { kernel: [1, 5], ..one };
        assert_eq!(used(row), [1, 1, 0, 0, 0]);
        // Red, green and blue at their own place: A sees those before, B its own too.
        let colours = MaskedConfig { inputs: 3, outputs: 3, kernel: [1, 1], colours: 3, ..PLAIN };
        assert_eq!(used(colours), [0, 0, 0, 1, 0, 0, 1, 1, 0]);
        let colours = MaskedConfig { mask: Mask::B, ..colours };
        assert_eq!(used(colours), [1, 0, 0, 1, 1, 0, 1, 1, 1]);
        // Groups of two: the first two outputs are red ones.
        let groups = MaskedConfig { inputs: 4, outputs: 4, kernel: [1, 3], colours: 2, ..colours };
        let red = [[1, 1, 0], [1, 1, 0], [1, 0, 0], [1, 0, 0]].concat();
        let green = [[1, 1, 0]; 4].concat();
        assert_eq!(used(groups), [red.clone(), red, green.clone(), green].concat());
    }

    #[test]
    fn masked_weights_are_zero_and_stay_so() {
        let masks = [Mask::A, Mask::B, Mask::VerticalA, Mask::VerticalB];
        for (mask, colours) in masks.map(|mask| [(mask, 1), (mask, 2)]).concat() {
            let params = Params::new(1, device());
            let config = MaskedConfig { mask, colours, ..PLAIN };
            let conv = Conv2d::masked(&params, "conv", config, Activation::Tanh).unwrap();
            let weight = || values(&params.named()[1].1);
            let before = weight();
            let x = Tensor::ones((1, 2, 4, 4), DType::F32, device()).unwrap();
            let mut optimizer = Optimizer::new(&params, OptimizerConfig::adam(0.1)).unwrap();
            for _ in 0..3 {
                optimizer.step(&conv.forward(&x).unwrap().sum_all().unwrap()).unwrap();
            }
            for (index, (before, after)) in before.iter().zip(weight()).enumerate() {
                assert_eq!(*before == 0.0, after == 0.0, "{mask:?} {colours} {index}");
            }
        }
    }

    #[test]
    fn dense_masks_by_hand() {
        let params = Params::new(1, device());
        let mask = [true, false, true, false, false, true];
        let layer = Linear::masked(&params, "l", [3, 2], &mask, Activation::Linear).unwrap();
        let mut optimizer = Optimizer::new(&params, OptimizerConfig::adam(0.1)).unwrap();
        let x = Tensor::new(&[[1f32, 2.0, 3.0]], device()).unwrap();
        optimizer.step(&layer.forward(&x).unwrap().sum_all().unwrap()).unwrap();
        let weight = values(&params.named()[1].1);
        assert_eq!(weight.iter().map(|w| *w != 0.0).collect::<Vec<_>>(), mask);
        let bias = values(&params.named()[0].1);
        let by_hand = [weight[0] + 3.0 * weight[2] + bias[0], 3.0 * weight[5] + bias[1]];
        let y = values(&layer.forward(&x).unwrap());
        assert!(y.iter().zip(by_hand).all(|(y, by_hand)| (y - by_hand).abs() < 1e-6));
        assert_eq!(values(&layer.detached().forward(&x).unwrap()), y);
        assert!(Linear::masked(&params, "m", [3, 2], &mask[1..], Activation::Linear).is_err());
    }

    #[test]
    fn gradients_through_the_mask_agree_with_differences() {
        let params = Params::new(1, device());
        let config = MaskedConfig { mask: Mask::B, colours: 2, kernel: [3, 5], ..PLAIN };
        let conv = Conv2d::masked(&params, "conv", config, Activation::Tanh).unwrap();
        let x: Vec<f32> = (0..40).map(|i| (i * 7 % 11) as f32 / 5.0 - 1.0).collect();
        let x = Tensor::from_vec(x, (1, 2, 4, 5), device()).unwrap();
        let vars: Vec<_> = params.named().into_iter().map(|(_, var)| var).collect();
        let f = || conv.forward(&x)?.sqr()?.sum_all();
        assert!(gradcheck(&vars, 1e-2, f).unwrap() < 3e-3);
    }

    /// The output at a pixel depends on no later pixel nor, behind mask A, on itself.
    #[test]
    fn an_output_sees_only_what_comes_before() {
        let params = Params::new(1, device());
        let first = MaskedConfig { inputs: 1, outputs: 3, kernel: [5, 5], ..PLAIN };
        let first = Conv2d::masked(&params, "a", first, Activation::Tanh).unwrap();
        let block = MaskedConfig { inputs: 3, outputs: 3, mask: Mask::B, ..PLAIN };
        let block = Conv2d::masked(&params, "b", block, Activation::Tanh).unwrap();
        let block = Residual::new(block);
        let run = |x: &[f32]| {
            let x = Tensor::from_slice(x, (1, 1, 4, 5), device()).unwrap();
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
        let params = Params::new(1, device());
        let message = |config: MaskedConfig| {
            Conv2d::masked(&params, "m", config, Activation::Relu).unwrap_err().to_string()
        };
        let even = message(MaskedConfig { kernel: [3, 4], ..PLAIN });
        assert!(even.contains("a kernel with a centre"), "{even}");
        let nothing = message(MaskedConfig { kernel: [1, 1], ..PLAIN });
        assert!(nothing.contains("mask A leaves nothing of a kernel of 1×1"), "{nothing}");
        let divided = message(MaskedConfig { colours: 3, ..PLAIN });
        assert!(divided.contains("can't be divided among 3 colours"), "{divided}");
        assert!(params.named().is_empty());
    }
}
