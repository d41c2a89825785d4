//! Convolution, bias and activation in one operation, and perhaps the input added to them.
use super::functions::sum;
use super::gemm::{Matrix, Old, product};
use super::im2col::Geometry;
use super::sink::{Content, add_shares, emit};
use super::tiles::{for_each, for_each_task, pieces, scratch, shared_tile, tile};
use super::{activation, on_cpu_f32, read, slice, vectorised};
use crate::{Activation, Mask};
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};
use std::ops::Range;

/// How the kernel of a convolution moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) stride: usize,
    pub(crate) padding: usize,
    pub(crate) dilation: usize,
}

impl Window {
    /// The distance of the first and the last element of a kernel, and one more.
    pub(super) fn extent(&self, kernel: usize) -> Option<usize> {
        kernel.checked_sub(1)?.checked_mul(self.dilation)?.checked_add(1)
    }

    /// At how many positions a kernel can be applied to `size` elements.
    fn positions(&self, size: usize, kernel: usize) -> Option<usize> {
        let room = (size + 2 * self.padding).checked_sub(self.extent(kernel)?)?;
        Some(room.checked_div(self.stride)? + 1)
    }
}

/// What a convolution computes beside its sums.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ConvForm {
    pub(crate) activation: Activation,
    /// The elements of the kernel that are used; all, if none.
    pub(crate) mask: Option<Mask>,
    /// Whether the input is added to what comes out of the activation.
    pub(crate) residual: bool,
}

impl From<Activation> for ConvForm {
    fn from(activation: Activation) -> Self {
        Self { activation, mask: None, residual: false }
    }
}

/// activation(w ⋆ x + b) for x `[B, C, H, W]`, w `[O, C, k, k]`, b `[O]`: `[B, O, H', W']`.
pub(crate) fn conv2d(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    window: Window,
    form: impl Into<ConvForm>,
) -> Result<Tensor> {
    let form = form.into();
    let op = Conv2dOp { window, form };
    // Both paths refuse the same shapes, in the same words.
    let geometry = op.geometry(x.dims(), weight.dims())?;
    form.activation.check()?;
    if bias.dims() != [weight.dim(0)?] {
        bail!("conv2d: bias {:?} does not fit weight {:?}", bias.dims(), weight.dims())
    }
    let size = [weight.dim(0)?, geometry.out_height, geometry.out_width];
    if form.residual && x.dims()[1..] != size {
        bail!("conv2d: input {:?} cannot be added to the result {size:?}", x.dims())
    }
    if !on_cpu_f32(&[x, weight, bias]) {
        let weight = match form.mask {
            Some(mask) => weight.broadcast_mul(&mask.tensor(weight)?)?,
            None => weight.clone(),
        };
        let Window { stride, padding, dilation } = window;
        let sum = x.conv2d(&weight, padding, stride, dilation, 1)?; // [B, O, H', W']
        let y = form.activation.apply(&sum.broadcast_add(&bias.reshape((1, (), 1, 1))?)?)?;
        return if form.residual { x + y } else { Ok(y) };
    }
    let (x, weight, bias) = (x.contiguous()?, weight.contiguous()?, bias.contiguous()?);
    if x.track_op() || weight.track_op() || bias.track_op() {
        x.apply_op3(&weight, &bias, op)
    } else {
        x.apply_op3_no_bwd(&weight, &bias, &op)
    }
}

struct Conv2dOp {
    window: Window,
    form: ConvForm,
}

impl Conv2dOp {
    fn geometry(&self, x: &[usize], weight: &[usize]) -> Result<Geometry> {
        let Window { stride, padding, dilation } = self.window;
        if let (&[_, channels, height, width], &[outputs, inputs, kernel_height, kernel_width]) =
            (x, weight)
            && let Some(out_height) = self.window.positions(height, kernel_height)
            && let Some(out_width) = self.window.positions(width, kernel_width)
            && channels == inputs
            && outputs * channels * height * width * stride * dilation > 0
        {
            let elements = kernel_height * kernel_width;
            return Ok(Geometry {
                channels,
                height,
                width,
                kernel_width,
                taps: self.form.mask.map_or(elements, |mask| mask.taps(elements)),
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
        let group = geometry.group();
        let samples = tile(work, group);
        let mut y = vec![0.0; batch * outputs * positions];
        with_taps(slice(weight, weight_layout)?, outputs, &geometry, |weight| {
            let weight = Matrix::new(weight, outputs, inputs);
            for_each(&mut y, samples * outputs * positions, batch * work, |tile, y| {
                let x = x[tile * samples * geometry.sample()..].chunks(group * geometry.sample());
                for (y, x) in y.chunks_mut(group * outputs * positions).zip(x) {
                    let x = &x[..y.len() / (outputs * positions) * geometry.sample()];
                    scratch(y.len(), |sums| {
                        with_columns(&geometry, x, |columns| {
                            product(weight, columns, sums, Old::Replaced)
                        })?;
                        self.finish(sums, positions, bias, x, y);
                        Ok::<_, candle_core::Error>(())
                    })?;
                }
                Ok(())
            })
        })?;
        let shape = (batch, outputs, geometry.out_height, geometry.out_width);
        Ok((CpuStorage::F32(y), Shape::from(shape)))
    }

    /// With gz = g·activation'(z) and columns = im2col(x), for each sample:
    /// dw += gz·columnsᵀ, db += Σ_positions gz, dx = col2im(wᵀ·gz) (+ g).
    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        y: &Tensor,
        g: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let geometry = self.geometry(x.dims(), weight.dims())?;
        let (batch, outputs) = (x.dim(0)?, weight.dim(0)?);
        let (inputs, positions) = (geometry.inputs(), geometry.positions());
        let work = outputs * inputs * positions;
        let group = geometry.group();
        let samples = shared_tile(work, batch).next_multiple_of(group);
        let tiles = batch.div_ceil(samples);
        let learns = weight.track_op() || bias.track_op();
        let share = if learns { outputs * inputs + outputs } else { 0 };
        let mut dx = vec![0.0; if x.track_op() { x.elem_count() } else { 0 }];
        scratch(tiles * share, |shares| {
            let tasks = pieces(shares, share, tiles)
                .into_iter()
                .zip(pieces(&mut dx, samples * geometry.sample(), tiles))
                .collect();
            let run = |x: &[f32], weight: &[f32], y: &[f32], g: &[f32]| {
                with_taps(weight, outputs, &geometry, |weight| {
                    let weight = Matrix::new(weight, outputs, inputs);
                    for_each_task(tasks, 3 * batch * work, |tile, (share, dx)| {
                        share.fill(0.0);
                        let end = batch.min((tile + 1) * samples);
                        let starts = (tile * samples..end).step_by(group);
                        let mut dx =
                            pieces(dx, group * geometry.sample(), starts.len()).into_iter();
                        for start in starts {
                            let range = start..end.min(start + group);
                            let x = part(x, &range, geometry.sample());
                            let y = part(y, &range, outputs * positions);
                            let g = part(g, &range, outputs * positions);
                            let dx = dx.next().unwrap_or_default();
                            self.group_gradients(&geometry, weight, (x, y, g), share, dx)?;
                        }
                        Ok(())
                    })
                })
            };
            read(x, |x| read(weight, |w| read(y, |y| read(g, |g| run(x, w, y, g)))))?;
            let d_weight = emit(weight, |d_weight, content| {
                let elements = d_weight.len() / (outputs * geometry.channels);
                let shares = shares.chunks_exact(share).map(|share| &share[..outputs * inputs]);
                if elements == geometry.taps {
                    add_shares(d_weight, content, shares);
                } else {
                    scratch(outputs * inputs, |compact| {
                        add_shares(compact, Content::Stale, shares);
                        let kernels = d_weight.chunks_exact_mut(elements);
                        for (kernel, compact) in kernels.zip(compact.chunks_exact(geometry.taps)) {
                            add_shares(kernel, content, std::iter::once(compact));
                        }
                    });
                }
                Ok(()) // [O, C, k, k]
            })?;
            let d_bias = emit(bias, |d_bias, content| {
                let shares = shares.chunks_exact(share).map(|share| &share[outputs * inputs..]);
                add_shares(d_bias, content, shares);
                Ok(()) // [O]
            })?;
            let dx = match x.track_op() {
                true => Some(Tensor::from_vec(dx, x.shape(), x.device())?), // [B, C, H, W]
                false => None,
            };
            Ok((dx, d_weight, d_bias))
        })
    }
}

impl Conv2dOp {
    /// y `[samples, O, H', W']` from sums `[O, samples, H', W']`.
    fn finish(&self, sums: &[f32], positions: usize, bias: &[f32], x: &[f32], y: &mut [f32]) {
        let samples = y.len() / (bias.len() * positions);
        for (index, y) in y.chunks_exact_mut(positions).enumerate() {
            let (sample, output) = (index / bias.len(), index % bias.len());
            let sums = &sums[(output * samples + sample) * positions..][..positions];
            if self.form.residual {
                let x = &x[index * positions..][..positions];
                activation::apply_and_add(self.form.activation, sums, bias[output], x, y);
            } else {
                activation::apply(self.form.activation, sums, bias[output], y);
            }
        }
    }

    /// Adds what some samples x with results y and gradients g give to `share`, the gradients of
    /// weight and bias, and sets `dx`, which is 0; either not where it is empty.
    fn group_gradients(
        &self,
        geometry: &Geometry,
        weight: Matrix,
        (x, y, g): (&[f32], &[f32], &[f32]),
        share: &mut [f32],
        dx: &mut [f32],
    ) -> Result<()> {
        let (outputs, positions) = (weight.height(), geometry.positions());
        let samples = x.len() / geometry.sample();
        scratch(y.len(), |gz| {
            for (index, (y, g)) in
                y.chunks_exact(positions).zip(g.chunks_exact(positions)).enumerate()
            {
                let (sample, output) = (index / outputs, index % outputs);
                let gz = &mut gz[(output * samples + sample) * positions..][..positions];
                if self.form.residual {
                    let x = &x[index * positions..][..positions];
                    activation::backward_of_sum(self.form.activation, y, x, g, gz);
                } else {
                    activation::backward(self.form.activation, y, g, gz);
                }
            }
            let gz = &*gz;
            let matrix = Matrix::new(gz, outputs, samples * positions); // [O, samples·H'·W']
            if !share.is_empty() {
                let (d_weight, d_bias) = share.split_at_mut(share.len() - outputs);
                with_columns(geometry, x, |columns| {
                    product(matrix, columns.transposed(), d_weight, Old::Kept)
                })?;
                add_sums(gz, d_bias);
            }
            if dx.is_empty() {
                return Ok(());
            }
            if self.form.residual {
                dx.copy_from_slice(g);
            }
            if geometry.is_identity() && samples == 1 {
                return product(weight.transposed(), matrix, dx, Old::Kept);
            }
            scratch(geometry.inputs() * samples * positions, |columns| {
                product(weight.transposed(), matrix, columns, Old::Replaced)?;
                geometry.scatter(columns, dx);
                Ok(())
            })
        })
    }
}

/// The part of `values` that belongs to some samples of `len` elements.
pub(super) fn part<'a>(values: &'a [f32], samples: &Range<usize>, len: usize) -> &'a [f32] {
    &values[samples.start * len..samples.end * len]
}

/// Calls `f` with the matrix gathered from some samples.
pub(super) fn with_columns<R>(
    geometry: &Geometry,
    samples: &[f32],
    f: impl FnOnce(Matrix) -> R,
) -> R {
    let (inputs, count) = (geometry.inputs(), samples.len() / geometry.sample());
    if geometry.is_identity() && count == 1 {
        return f(Matrix::new(samples, inputs, geometry.positions()));
    }
    let columns = count * geometry.positions();
    scratch(inputs * columns, |values| {
        geometry.gather(samples, values);
        f(Matrix::new(values, inputs, columns))
    })
}

/// Calls `f` with the elements of each kernel that are used, `[O, C, taps]`.
fn with_taps<R>(
    weight: &[f32],
    outputs: usize,
    geometry: &Geometry,
    f: impl FnOnce(&[f32]) -> R,
) -> R {
    let elements = weight.len() / (outputs * geometry.channels);
    if elements == geometry.taps {
        return f(weight);
    }
    scratch(outputs * geometry.inputs(), |used| {
        let kernels = weight.chunks_exact(elements);
        for (used, kernel) in used.chunks_exact_mut(geometry.taps).zip(kernels) {
            used.copy_from_slice(&kernel[..geometry.taps]);
        }
        f(used)
    })
}

/// sums += the sum of each of as many rows.
pub(super) fn add_sums(rows: &[f32], sums: &mut [f32]) {
    let rows = rows.chunks_exact(rows.len() / sums.len());
    vectorised(
        #[inline(always)]
        || sums.iter_mut().zip(rows).for_each(|(total, row)| *total += sum(row)),
    );
}
