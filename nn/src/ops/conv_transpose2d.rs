//! Transposed convolution, bias and activation in one operation.
use super::conv_gradients::{Group, Sums, gradients};
use super::conv2d::{Window, add_sums};
use super::correlation::{Correlation, Transposed};
use super::fresh::compute;
use super::geometry::{Geometry, Order};
use super::signal::{Given, Gradients3, LayerOp, Reader, Signal, apply};
use super::tiles::{even_tile, scratch, tile};
use super::transpose::transpose;
use super::{activation, on_cpu_f32, read, slice};
use crate::Activation;
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};

/// activation(wᵀ x + b), where wᵀ is the transpose of the convolution with w as a linear function,
/// for x `[B, C, H, W]`, w `[C, O, k, k]`, b `[O]`: `[B, O, H', W']`.
pub(crate) fn conv_transpose2d(
    signal: &Signal,
    weight: &Tensor,
    bias: &Tensor,
    window: Window,
    activation: Activation,
    reader: Reader,
) -> Result<Signal> {
    let x = signal.value();
    let op = ConvTranspose2dOp { window, activation };
    let geometry = op.geometry(x.dims(), weight.dims())?;
    activation.check()?;
    if bias.dims() != [geometry.channels] {
        bail!("conv_transpose2d: bias {:?} does not fit weight {:?}", bias.dims(), weight.dims())
    }
    if !on_cpu_f32(&[x, weight, bias]) {
        let Window { stride, padding: [down, across], dilation } = window;
        let sum = if down == across {
            x.conv_transpose2d(weight, down, 0, stride, dilation)?
        } else {
            let whole = x.conv_transpose2d(weight, 0, 0, stride, dilation)?;
            whole.narrow(2, down, geometry.height)?.narrow(3, across, geometry.width)?
        }; // [B, O, H', W']
        let y = activation.apply(&sum.broadcast_add(&bias.reshape((1, (), 1, 1))?)?)?;
        return Ok((&y).into());
    }
    apply(signal, weight, bias, op, reader)
}

struct ConvTranspose2dOp {
    window: Window,
    activation: Activation,
}

impl ConvTranspose2dOp {
    /// The geometry of the convolution that takes the result's shape to the input's.
    fn geometry(&self, x: &[usize], weight: &[usize]) -> Result<Geometry> {
        let Window { stride, padding, dilation } = self.window;
        // H' = (H − 1)·stride + (k − 1)·dilation + 1 − 2·padding
        let size = |axis: usize, positions: usize, kernel: usize| {
            let spread = positions.checked_sub(1)?.checked_mul(stride)?;
            spread
                .checked_add(self.window.extent(kernel)?)?
                .checked_sub(padding[axis].checked_mul(2)?)
        };
        if let (
            &[batch, inputs, out_height, out_width],
            &[rows, channels, kernel_height, kernel_width],
        ) = (x, weight)
            && let Some(height) = size(0, out_height, kernel_height)
            && let Some(width) = size(1, out_width, kernel_width)
            && inputs == rows
            && [batch, inputs, channels, height, width, stride, dilation].iter().all(|&n| n > 0)
        {
            return Ok(Geometry {
                order: Order::Planes,
                channels,
                height,
                width,
                kernel_width,
                taps: kernel_height * kernel_width,
                out_height,
                out_width,
                stride,
                padding,
                dilation,
            });
        }
        bail!("conv_transpose2d: input {x:?} does not fit weight {weight:?} with {:?}", self.window)
    }
}

impl CustomOp3 for ConvTranspose2dOp {
    fn name(&self) -> &'static str {
        "conv_transpose2d"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let geometry = self.geometry(x_layout.dims(), weight_layout.dims())?;
        let (batch, channels) = (x_layout.dims()[0], x_layout.dims()[1]);
        let positions = geometry.positions();
        let x = slice(x, x_layout)?;
        let bias: &[f32] = slice(bias, bias_layout)?;
        let transposed = Transposed::new(geometry, channels, slice(weight, weight_layout)?)?;
        let work = channels * geometry.inputs() * positions;
        let samples = even_tile(batch, tile(work, 1));
        let sample = geometry.sample();
        let y = compute(batch * sample, samples * sample, batch * work, |tile, y| {
            let x = x[tile * samples * channels * positions..].chunks(channels * positions);
            for (y, x) in y.chunks_mut(sample).zip(x) {
                scratch(x.len(), |turned| {
                    transpose(x, positions, turned); // [H·W, C]
                    transposed.image(x, turned, y) // [O, H', W']
                })?;
                for (y, &bias) in y.chunks_exact_mut(geometry.plane()).zip(bias) {
                    activation::add_and_apply(self.activation, y, bias);
                }
            }
            Ok(())
        })?;
        let shape = (batch, geometry.channels, geometry.height, geometry.width);
        Ok((CpuStorage::F32(y), Shape::from(shape)))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        y: &Tensor,
        g: &Tensor,
    ) -> Result<Gradients3> {
        self.gradients(Given { x, weight, bias, y, g }, x.track_op())
    }
}

impl LayerOp for ConvTranspose2dOp {
    /// With gz = g·activation'(z), for each sample: dx = w ⋆ gz, dw += x ⋆ gz, db += Σ gz.
    fn gradients(&self, given: Given, asked: bool) -> Result<Gradients3> {
        let Given { x, weight, .. } = given;
        let geometry = self.geometry(x.dims(), weight.dims())?;
        let channels = x.dim(1)?;
        let correlation = Correlation::new(geometry, channels)?;
        scratch(weight.elem_count(), |kernels| {
            read(weight, |weight| {
                transpose(weight, geometry.inputs(), kernels); // [inputs, C]
                Ok(())
            })?;
            let kernels = &*kernels;
            gradients(given, asked, &geometry, channels, |group, sums| {
                self.group_gradients(&geometry, &correlation, kernels, group, sums)
            })
        })
    }
}

impl ConvTranspose2dOp {
    fn group_gradients(
        &self,
        geometry: &Geometry,
        correlation: &Correlation,
        kernels: &[f32],
        Group { x, y, g }: Group,
        sums: Sums,
    ) -> Result<()> {
        let channels = kernels.len() / geometry.inputs();
        let (sample, positions) = (channels * geometry.positions(), geometry.positions());
        scratch(y.len(), |gz| {
            activation::backward(self.activation, y, g, gz);
            if !sums.bias.is_empty() {
                gz.chunks_exact(geometry.sample()).for_each(|gz| add_sums(gz, sums.bias));
            }
            scratch(x.len(), |turned| {
                if !sums.weight.is_empty() {
                    for (turned, x) in turned.chunks_exact_mut(sample).zip(x.chunks_exact(sample)) {
                        transpose(x, positions, turned); // [H·W, C]
                    }
                    correlation.add_gradient(gz, turned, sums.weight, sums.old)?;
                }
                if !sums.x.is_empty() {
                    correlation.sums(gz, kernels, turned)?; // [samples, H·W, C]
                    let samples = turned.chunks_exact(sample);
                    for (dx, turned) in sums.x.chunks_exact_mut(sample).zip(samples) {
                        transpose(turned, channels, dx); // [C, H·W]
                    }
                }
                Ok(())
            })
        })
    }
}
