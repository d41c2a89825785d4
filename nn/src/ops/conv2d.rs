//! Convolution, bias and activation in one operation, and perhaps the input added to them.
use super::conv_gradients::{Group, Sums, gradients, with_taps};
use super::correlation::{Correlation, Transposed};
use super::fresh::compute;
use super::functions::sum;
use super::geometry::{Geometry, Order};
use super::signal::{Given, Gradients3, LayerOp, Reader, Signal, apply};
use super::tiles::{even_tile, scratch, tile};
use super::transpose::transpose;
use super::{activation, on_cpu_f32, read, slice, vectorised};
use crate::Activation;
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};

/// Movement of a kernel: size, stride and padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) stride: usize,
    /// Rows above and below, columns on the left and the right.
    pub(crate) padding: [usize; 2],
    pub(crate) dilation: usize,
}

impl Window {
    /// The distance of the first and the last element of a kernel, and one more.
    pub(super) fn extent(&self, kernel: usize) -> Option<usize> {
        kernel.checked_sub(1)?.checked_mul(self.dilation)?.checked_add(1)
    }

    /// At how many positions along an axis a kernel can be applied to `size` elements.
    pub(crate) fn positions(&self, axis: usize, size: usize, kernel: usize) -> Option<usize> {
        let padded = self.padding[axis].checked_mul(2)?.checked_add(size)?;
        let room = padded.checked_sub(self.extent(kernel)?)?;
        Some(room.checked_div(self.stride)? + 1)
    }

    /// Visible part of x `[B, C, H, W]` under the kernel, and the padding still needed. Candle knows
    /// one padding, and its backward pass one remainder of the stride for both axes.
    fn visible(&self, x: &Tensor, weight: &Tensor) -> Result<(Tensor, usize)> {
        let Self { stride, padding: [down, across], dilation } = *self;
        let mut ends = [0; 2];
        for (axis, end) in ends.iter_mut().enumerate() {
            let padded = x.dim(2 + axis)? + 2 * self.padding[axis];
            let extent = (weight.dim(2 + axis)? - 1) * dilation + 1;
            *end = padded - (padded - extent) % stride;
        }
        let padded = [x.dim(2)? + 2 * down, x.dim(3)? + 2 * across];
        if down == across && ends == padded {
            return Ok((x.clone(), down));
        }
        let x = x.pad_with_zeros(2, down, down)?.pad_with_zeros(3, across, across)?;
        Ok((x.narrow(2, 0, ends[0])?.narrow(3, 0, ends[1])?.contiguous()?, 0))
    }
}

/// Options of a convolution beyond its sums.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ConvForm {
    pub(crate) activation: Activation,
    /// Number of kernel elements in use, the first ones in raster order; all, if none.
    pub(crate) taps: Option<usize>,
    /// Adds the input to the output of the activation (a residual connection).
    pub(crate) residual: bool,
    /// Memory order of input and result.
    pub(crate) order: Order,
}

impl From<Activation> for ConvForm {
    fn from(activation: Activation) -> Self {
        Self { activation, taps: None, residual: false, order: Order::Planes }
    }
}

impl Order {
    /// Batch, channels, height and width of a tensor.
    fn sizes(self, dims: &[usize]) -> Option<[usize; 4]> {
        match (self, dims) {
            (Self::Planes, &[batch, channels, height, width])
            | (Self::Pixels, &[batch, height, width, channels]) => {
                Some([batch, channels, height, width])
            }
            _ => None,
        }
    }

    /// The shape of one of so many channels.
    fn shape(self, [batch, channels, height, width]: [usize; 4]) -> [usize; 4] {
        match self {
            Self::Planes => [batch, channels, height, width],
            Self::Pixels => [batch, height, width, channels],
        }
    }
}

/// activation(w ⋆ x + b) for x `[B, C, H, W]`, w `[O, C, k, k]`, b `[O]`: `[B, O, H', W']`; or `[B, H, W, C]` to
/// `[B, H', W', O]`.
pub(crate) fn conv2d(
    signal: &Signal,
    weight: &Tensor,
    bias: &Tensor,
    window: Window,
    form: ConvForm,
    reader: Reader,
) -> Result<Signal> {
    let x = signal.value();
    let op = Conv2dOp { window, form };
    // Both paths refuse the same shapes, in the same words.
    let geometry = op.geometry(x.dims(), weight.dims())?;
    form.activation.check()?;
    if bias.dims() != [weight.dim(0)?] {
        bail!("conv2d: bias {:?} does not fit weight {:?}", bias.dims(), weight.dims())
    }
    let size = [x.dim(0)?, weight.dim(0)?, geometry.out_height, geometry.out_width];
    let shape = form.order.shape(size);
    if form.residual && x.dims() != shape {
        bail!("conv2d: input {:?} cannot be added to the result {shape:?}", x.dims())
    }
    if !on_cpu_f32(&[x, weight, bias]) {
        let weight = match form.taps {
            Some(taps) => weight.broadcast_mul(&first_taps(weight, taps)?)?,
            None => weight.clone(),
        };
        let Window { stride, dilation, .. } = window;
        let pixels = form.order == Order::Pixels;
        let input = x;
        let x = &if pixels { x.permute((0, 3, 1, 2))?.contiguous()? } else { x.clone() }; // [B, C, H, W]
        let (x, padding) = window.visible(x, &weight)?;
        let sum = x.conv2d(&weight, padding, stride, dilation, 1)?; // [B, O, H', W']
        let y = form.activation.apply(&sum.broadcast_add(&bias.reshape((1, (), 1, 1))?)?)?;
        let y = if pixels { y.permute((0, 2, 3, 1))?.contiguous()? } else { y };
        let y = if form.residual { (input + y)? } else { y };
        return Ok((&y).into());
    }
    apply(signal, weight, bias, op, reader)
}

/// Ones for the first elements of a kernel and zeros for the others, `[1, 1, k_h, k_w]`.
pub(crate) fn first_taps(weight: &Tensor, taps: usize) -> Result<Tensor> {
    let (_, _, height, width) = weight.dims4()?;
    let ones = (0..height * width).map(|tap| f32::from(u8::from(tap < taps)));
    let ones = Tensor::from_iter(ones, weight.device())?.reshape((1, 1, height, width))?;
    ones.to_dtype(weight.dtype())
}

struct Conv2dOp {
    window: Window,
    form: ConvForm,
}

impl Conv2dOp {
    fn geometry(&self, x: &[usize], weight: &[usize]) -> Result<Geometry> {
        let Window { stride, padding, dilation } = self.window;
        let order = self.form.order;
        if let (
            Some([batch, channels, height, width]),
            &[outputs, inputs, kernel_height, kernel_width],
        ) = (order.sizes(x), weight)
            && let Some(out_height) = self.window.positions(0, height, kernel_height)
            && let Some(out_width) = self.window.positions(1, width, kernel_width)
            && channels == inputs
            && [batch, outputs, channels, height, width, stride, dilation].iter().all(|&n| n > 0)
        {
            let elements = kernel_height * kernel_width;
            return Ok(Geometry {
                order,
                channels,
                height,
                width,
                kernel_width,
                taps: self.form.taps.unwrap_or(elements),
                out_height,
                out_width,
                stride,
                padding,
                dilation,
            });
        }
        bail!("conv2d: input {x:?} does not fit weight {weight:?} with {:?}", self.window)
    }
}

impl CustomOp3 for Conv2dOp {
    fn name(&self) -> &'static str {
        "conv2d"
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
        let (batch, outputs) = (x_layout.dims()[0], weight_layout.dims()[0]);
        let (inputs, positions) = (geometry.inputs(), geometry.positions());
        let x = slice(x, x_layout)?;
        let bias: &[f32] = slice(bias, bias_layout)?;
        let work = outputs * inputs * positions;
        let samples = even_tile(batch, tile(work, 1));
        let correlation = Correlation::new(geometry, outputs)?;
        let y = with_taps(slice(weight, weight_layout)?, outputs, &geometry, |weight| {
            scratch(weight.len(), |kernels| {
                transpose(weight, inputs, kernels); // [inputs, O]
                let kernels = &*kernels;
                let (all, some) = (batch * outputs * positions, samples * outputs * positions);
                compute(all, some, batch * work, |tile, y| {
                    let x = x[tile * samples * geometry.sample()..].chunks(geometry.sample());
                    for (y, x) in y.chunks_mut(outputs * positions).zip(x) {
                        if self.form.order == Order::Pixels {
                            correlation.sums(x, kernels, y)?; // [H'·W', O]
                            activation::add_rows_and_apply(self.form.activation, y, bias);
                            if self.form.residual {
                                y.iter_mut().zip(x).for_each(|(y, x)| *y += x);
                            }
                            continue;
                        }
                        scratch(y.len(), |sums| {
                            correlation.sums(x, kernels, sums)?; // [H'·W', O]
                            activation::add_rows_and_apply(self.form.activation, sums, bias);
                            transpose(sums, outputs, y); // [O, H'·W']
                            if self.form.residual {
                                y.iter_mut().zip(x).for_each(|(y, x)| *y += x);
                            }
                            Ok::<_, candle_core::Error>(())
                        })?;
                    }
                    Ok(())
                })
            })
        })?;
        let size = [batch, outputs, geometry.out_height, geometry.out_width];
        Ok((CpuStorage::F32(y), Shape::from(self.form.order.shape(size).to_vec())))
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

impl LayerOp for Conv2dOp {
    /// With gz = g·activation'(z), for each sample: dw += gz ⋆ x, db += Σ_positions gz,
    /// dx = wᵀ gz (+ g).
    fn gradients(&self, given: Given, asked: bool) -> Result<Gradients3> {
        let Given { x, weight, .. } = given;
        let geometry = self.geometry(x.dims(), weight.dims())?;
        let outputs = weight.dim(0)?;
        let correlation = Correlation::new(geometry, outputs)?;
        let transposed = match asked {
            true => Some(read(weight, |weight| Transposed::new(geometry, outputs, weight))?),
            false => None,
        };
        gradients(given, asked, &geometry, outputs, |group, sums| {
            self.group_gradients(&geometry, &correlation, transposed.as_ref(), group, sums)
        })
    }
}

impl Conv2dOp {
    fn group_gradients(
        &self,
        geometry: &Geometry,
        correlation: &Correlation,
        transposed: Option<&Transposed>,
        Group { x, y, g }: Group,
        sums: Sums,
    ) -> Result<()> {
        let positions = geometry.positions();
        let outputs = y.len() / positions / (x.len() / geometry.sample());
        scratch(y.len(), |gz| {
            match self.form.residual {
                true => activation::backward_of_sum(self.form.activation, y, x, g, gz),
                false => activation::backward(self.form.activation, y, g, gz),
            }
            if self.form.order == Order::Pixels {
                if !sums.bias.is_empty() {
                    add_rows(gz, sums.bias);
                }
                if !sums.weight.is_empty() {
                    correlation.add_gradient(x, gz, sums.weight, sums.old)?;
                }
                let Some(transposed) = transposed else { return Ok(()) };
                let samples = gz.chunks_exact(outputs * positions);
                for (dx, gz) in sums.x.chunks_exact_mut(geometry.sample()).zip(samples) {
                    transposed.image(&[], gz, dx)?;
                }
                if self.form.residual {
                    sums.x.iter_mut().zip(g).for_each(|(dx, g)| *dx += g);
                }
                return Ok(());
            }
            scratch(y.len(), |turned| {
                let samples = gz.chunks_exact(outputs * positions);
                for (turned, gz) in turned.chunks_exact_mut(outputs * positions).zip(samples) {
                    if !sums.bias.is_empty() {
                        add_sums(gz, sums.bias);
                    }
                    transpose(gz, positions, turned); // [H'·W', O]
                }
                if !sums.weight.is_empty() {
                    correlation.add_gradient(x, turned, sums.weight, sums.old)?;
                }
                let Some(transposed) = transposed else { return Ok(()) };
                let samples = gz.chunks_exact(outputs * positions);
                let turned = turned.chunks_exact(outputs * positions);
                for ((dx, gz), turned) in
                    sums.x.chunks_exact_mut(geometry.sample()).zip(samples).zip(turned)
                {
                    transposed.image(gz, turned, dx)?;
                }
                if self.form.residual {
                    sums.x.iter_mut().zip(g).for_each(|(dx, g)| *dx += g);
                }
                Ok(())
            })
        })
    }
}

/// sums += rows of as many numbers.
pub(super) fn add_rows(rows: &[f32], sums: &mut [f32]) {
    vectorised(
        #[inline(always)]
        || {
            for row in rows.chunks_exact(sums.len()) {
                sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
            }
        },
    );
}

/// sums += the sum of each of as many rows.
pub(super) fn add_sums(rows: &[f32], sums: &mut [f32]) {
    let rows = rows.chunks_exact(rows.len() / sums.len());
    vectorised(
        #[inline(always)]
        || sums.iter_mut().zip(rows).for_each(|(total, row)| *total += sum(row)),
    );
}
