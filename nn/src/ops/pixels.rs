//! The sums of a convolution at some places only, as a sampler asks for them that goes through an image
//! pixel by pixel.
//!
//! Terms and their order are those of `Correlation`: the bits are equal. The input lies with its
//! channels side by side, since it is written and read a place at a time.
use super::activation;
use super::product::{Factors, Old, Rows, check_offsets, product};
use super::tiles::LINE;
use crate::Activation;
use candle_core::{Result, bail};
use std::ops::Range;

/// A convolution that moves by 1, and what it knows of its input.
pub(crate) struct PixelSums {
    channels: usize,
    /// Height and width of the input with its padding.
    size: [usize; 2],
    padding: [usize; 2],
    /// `[n, height, width, channels]`.
    input: Vec<f32>,
    outputs: usize,
    /// `[channels·taps, stride]` from `first` on.
    kernels: Vec<f32>,
    first: usize,
    stride: usize,
    bias: Vec<f32>,
    activation: Activation,
    residual: bool,
    /// Offset of each input of a sum from the first one.
    steps: Vec<u32>,
    from: Vec<u32>,
    to: Vec<u32>,
    /// Samples.
    n: usize,
}

/// Weights and geometry from which [`PixelSums`] are made.
pub(crate) struct PixelForm<'a> {
    /// `[outputs, channels, k_h, k_w]`.
    pub(crate) weight: &'a [f32],
    pub(crate) bias: &'a [f32],
    pub(crate) kernel: [usize; 2],
    /// Elements of the kernel that are used, the first ones.
    pub(crate) taps: usize,
    pub(crate) padding: [usize; 2],
    pub(crate) activation: Activation,
    pub(crate) residual: bool,
}

impl PixelSums {
    /// For `n` samples of `size`, of which nothing is known: zeros.
    pub(crate) fn new(form: &PixelForm, n: usize, [height, width]: [usize; 2]) -> Result<Self> {
        let PixelForm { weight, bias, kernel, taps, padding, activation, residual } = *form;
        let outputs = bias.len();
        let channels = weight.len() / (outputs * kernel[0] * kernel[1]);
        let size = [height + 2 * padding[0], width + 2 * padding[1]];
        check_offsets(n * size[0] * size[1] * channels)?;
        check_offsets(n * width * outputs)?;
        const LANES: usize = LINE / size_of::<f32>();
        let (inputs, stride) = (channels * taps, outputs.next_multiple_of(LANES));
        let mut kernels = vec![0.0; inputs * stride + LANES];
        let first = kernels.as_ptr().align_offset(LINE).min(LANES);
        for (output, kernel) in weight.chunks_exact(channels * kernel[0] * kernel[1]).enumerate() {
            let planes = kernel.chunks_exact(kernel.len() / channels);
            for (channel, plane) in planes.enumerate() {
                for (tap, weight) in plane[..taps].iter().enumerate() {
                    kernels[first + (channel * taps + tap) * stride + output] = *weight;
                }
            }
        }
        let step = |input: usize| {
            let (channel, tap) = (input / taps, input % taps);
            let place = tap / kernel[1] * size[1] + tap % kernel[1];
            (place * channels + channel) as u32
        };
        Ok(Self {
            channels,
            size,
            padding,
            input: vec![0.0; n * size[0] * size[1] * channels],
            outputs,
            kernels,
            first,
            stride,
            bias: bias.to_vec(),
            activation,
            residual,
            steps: (0..inputs).map(step).collect(),
            from: Vec::new(),
            to: Vec::new(),
            n,
        })
    }

    /// Offset of the place (row, column) of sample `sample` in the input, padding not counted.
    fn at(&self, sample: usize, row: usize, column: usize) -> usize {
        let row = sample * self.size[0] + row + self.padding[0];
        (row * self.size[1] + column + self.padding[1]) * self.channels
    }

    fn check(
        &self,
        row: usize,
        columns: &Range<usize>,
        channels: &Range<usize>,
        [most, len]: [usize; 2],
    ) -> Result<()> {
        let inside = row < self.size[0] - 2 * self.padding[0]
            && columns.start < columns.end
            && columns.end <= self.size[1] - 2 * self.padding[1]
            && channels.start < channels.end
            && channels.end <= most;
        if !inside || len != self.n * columns.len() * channels.len() {
            bail!(
                "row {row}, columns {columns:?}, channels {channels:?} of {most}: {len} numbers for {} \
                 samples of {:?} with its padding",
                self.n,
                self.size
            )
        }
        Ok(())
    }

    /// Tells some channels of the input in some columns of a row, `[n, columns, channels]`.
    pub(crate) fn put(
        &mut self,
        row: usize,
        columns: Range<usize>,
        channels: Range<usize>,
        values: &[f32],
    ) -> Result<()> {
        self.check(row, &columns, &channels, [self.channels, values.len()])?;
        let mut values = values.chunks_exact(channels.len());
        for sample in 0..self.n {
            for column in columns.clone() {
                let at = self.at(sample, row, column);
                if let Some(values) = values.next() {
                    self.input[at..][channels.clone()].copy_from_slice(values);
                }
            }
        }
        Ok(())
    }

    /// Some outputs in some columns of a row, by what is known of the input, into `out[n, columns,
    /// outputs]`.
    pub(crate) fn get(
        &mut self,
        row: usize,
        columns: Range<usize>,
        outputs: Range<usize>,
        out: &mut [f32],
    ) -> Result<()> {
        self.check(row, &columns, &outputs, [self.outputs, out.len()])?;
        let (mut from, mut to) = (std::mem::take(&mut self.from), std::mem::take(&mut self.to));
        from.clear();
        to.clear();
        for sample in 0..self.n {
            for column in columns.clone() {
                let corner = self.at(sample, row, column) - self.at(0, 0, 0);
                from.push(corner as u32);
                to.push((to.len() * outputs.len()) as u32);
            }
        }
        let factors = Factors { values: &self.input, from: &from, steps: &self.steps };
        let values = &self.kernels[self.first + outputs.start..];
        let kernels = Rows { values, stride: self.stride, columns: outputs.len() };
        product(factors, kernels, out, &to, Old::Replaced)?;
        activation::add_rows_and_apply(self.activation, out, &self.bias[outputs.clone()]);
        if self.residual {
            let mut rows = out.chunks_exact_mut(outputs.len());
            for sample in 0..self.n {
                for column in columns.clone() {
                    let x = &self.input[self.at(sample, row, column)..][outputs.clone()];
                    if let Some(row) = rows.next() {
                        row.iter_mut().zip(x).for_each(|(y, x)| *y += x);
                    }
                }
            }
        }
        (self.from, self.to) = (from, to);
        Ok(())
    }
}
