//! Layers that are computed pixel by pixel.
use crate::{Conv2d, ops};
use candle_core::{DType, Device, Result};
use std::ops::Range;

/// A [masked convolution](Conv2d::masked) computed a few pixels at a time, for several images at once:
/// it keeps what it is told of its input, so that a sampler computes every number of every layer once.
///
/// The numbers have the bits that [`Conv2d`] gives on the CPU, whatever the order in which they are asked
/// for, as long as what they depend on has been told.
///
/// ```
/// use candle_core::{Device, IndexOp, Module, Tensor};
/// use nn::{Activation, Conv2d, Mask, MaskedConfig, Params};
/// # fn main() -> candle_core::Result<()> {
/// let config =
///     MaskedConfig { inputs: 1, outputs: 2, kernel: [3, 3], mask: Mask::A, colours: 1 };
/// let conv = Conv2d::masked(&Params::new(1, &Device::Cpu), "conv", config, Activation::Relu)?;
/// let x = Tensor::new(&[[[[0.5f32, -1.0], [0.2, 2.0]]]], &Device::Cpu)?; // [1, 1, 2, 2]
/// let y: Vec<f32> = conv.forward(&x)?.i((0, .., 1, 1))?.to_vec1()?; // of [1, 2, 2, 2]
///
/// let mut pixels = conv.pixels(1, [2, 2])?;
/// let mut last = [0.0; 2];
/// pixels.put(0, 0..2, 0..1, &[0.5, -1.0])?;
/// pixels.put(1, 0..1, 0..1, &[0.2])?;
/// pixels.get(1, 1..2, 0..2, &mut last)?;
/// assert_eq!(last.to_vec(), y);
/// # Ok(())
/// # }
/// ```
pub struct Pixels(ops::PixelSums);

impl Conv2d {
    /// The layer, which must be a [masked](Conv2d::masked) one, with its present weights, for `n` images
    /// of height and width `size`, of which nothing has been told: on the CPU, in `f32`.
    pub fn pixels(&self, n: usize, size: [usize; 2]) -> Result<Pixels> {
        let (_, _, height, width) = self.weight.dims4()?;
        let numbers = |tensor: &candle_core::Tensor| {
            let tensor = tensor.detach().to_device(&Device::Cpu)?.to_dtype(DType::F32)?;
            tensor.flatten_all()?.to_vec1::<f32>()
        };
        let (weight, bias) = (numbers(&self.applied()?)?, numbers(&self.bias)?);
        let form = ops::PixelForm {
            weight: &weight,
            bias: &bias,
            kernel: [height, width],
            taps: self.form.taps.unwrap_or(height * width),
            padding: self.window.padding,
            activation: self.form.activation,
            residual: self.form.residual,
        };
        Ok(Pixels(ops::PixelSums::new(&form, n, size)?))
    }
}

impl Pixels {
    /// Tells some channels of the input in some columns of a row, `[n, columns, channels]`. Channels of a
    /// pixel that were not told are 0.
    pub fn put(
        &mut self,
        row: usize,
        columns: Range<usize>,
        channels: Range<usize>,
        values: &[f32],
    ) -> Result<()> {
        self.0.put(row, columns, channels, values)
    }

    /// Computes some channels of the output in some columns of a row into `out[n, columns, channels]`.
    pub fn get(
        &mut self,
        row: usize,
        columns: Range<usize>,
        channels: Range<usize>,
        out: &mut [f32],
    ) -> Result<()> {
        self.0.get(row, columns, channels, out)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Activation, Conv2d, Mask, MaskedConfig, Params, Residual};
    use candle_core::{Module as _, Result, Tensor};
    use train::testing::{device, rounding};

    /// Told and asked for in raster order, by pixel or by row, with all channels or colour by colour.
    #[test]
    fn pixels_have_the_bits_of_the_whole() -> Result<()> {
        let (n, height, width) = (13, 5, 6);
        let cases = [
            (Mask::A, [7, 7], 1, [3, 20]),
            (Mask::B, [3, 3], 1, [17, 17]),
            (Mask::B, [1, 1], 3, [33, 51]),
            (Mask::A, [5, 5], 3, [3, 33]),
            (Mask::B, [1, 5], 2, [4, 4]),
            (Mask::VerticalA, [5, 3], 1, [2, 70]),
            (Mask::VerticalB, [3, 3], 1, [5, 4]),
        ];
        for (mask, kernel, colours, [inputs, outputs]) in cases {
            let params = Params::new(1, device());
            let config = MaskedConfig { inputs, outputs, kernel, mask, colours };
            let mut conv = Conv2d::masked(&params, "conv", config, Activation::Tanh)?;
            if inputs == outputs {
                conv.form.residual = true;
            }
            let x: Vec<f32> = (0..n * inputs * height * width)
                .map(|i| (i * 31 % 97) as f32 / 48.0 - 1.0)
                .collect();
            let x = Tensor::from_vec(x, (n, inputs, height, width), device())?;
            let whole = match inputs == outputs {
                true => Residual::new(conv.clone()).forward(&x)?,
                false => conv.forward(&x)?,
            };
            // [n, H, W, channels]
            let last = |tensor: &Tensor| -> Result<Vec<f32>> {
                tensor.permute((0, 2, 3, 1))?.flatten_all()?.to_vec1()
            };
            let (x, whole) = (last(&x)?, last(&whole)?);
            let part =
                |of: &[f32], channels: usize, row: usize, columns: std::ops::Range<usize>| {
                    let mut part = Vec::new();
                    for sample in 0..n {
                        let first = (sample * height + row) * width;
                        let range =
                            (first + columns.start) * channels..(first + columns.end) * channels;
                        part.extend_from_slice(&of[range]);
                    }
                    part
                };
            let mut pixels = conv.pixels(n, [height, width])?;
            for row in 0..height {
                let by_row = matches!(mask, Mask::VerticalA | Mask::VerticalB);
                let spans: Vec<_> = match by_row {
                    true => std::iter::once(0..width).collect(),
                    false => (0..width).map(|column| column..column + 1).collect(),
                };
                for columns in spans {
                    let given = part(&x, inputs, row, columns.clone());
                    if mask != Mask::A || colours == 1 {
                        // What it does not see may be told already.
                        pixels.put(row, columns.clone(), 0..inputs, &given)?;
                    }
                    let expected = part(&whole, outputs, row, columns.clone());
                    for colour in 0..colours {
                        let group = outputs / colours;
                        let channels = colour * group..(colour + 1) * group;
                        let mut out = vec![f32::NAN; n * columns.len() * group];
                        pixels.get(row, columns.clone(), channels.clone(), &mut out)?;
                        for (out, expected) in out.chunks(group).zip(expected.chunks(outputs)) {
                            let expected = &expected[channels.clone()];
                            let mut pairs = out.iter().zip(expected);
                            let same = pairs.all(|(a, b)| (a - b).abs() <= rounding());
                            assert!(same, "{config:?} {row}: {out:?} {expected:?}");
                        }
                        if mask == Mask::A && colours > 1 {
                            let group = inputs / colours;
                            let channels = colour * group..(colour + 1) * group;
                            let given: Vec<f32> = given
                                .chunks(inputs)
                                .flat_map(|given| given[channels.clone()].to_vec())
                                .collect();
                            pixels.put(row, columns.clone(), channels, &given)?;
                        }
                    }
                }
            }
            assert!(pixels.get(height, 0..1, 0..outputs, &mut vec![0.0; n * outputs]).is_err());
            assert!(pixels.get(0, 0..1, 0..outputs, &mut vec![0.0; n]).is_err());
            assert!(pixels.put(0, 0..width + 1, 0..1, &vec![0.0; n * (width + 1)]).is_err());
        }
        Ok(())
    }
}
