//! Transposed convolution, bias and activation in one operation.
use super::conv2d::{Window, add_sums, part, with_columns};
use super::gemm::{Matrix, Old, product};
use super::im2col::Geometry;
use super::sink::{add_shares, emit};
use super::tiles::{for_each, for_each_task, pieces, scratch, shared_tile, tile};
use super::{activation, on_cpu_f32, read, slice};
use crate::Activation;
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};

/// activation(wᵀ x + b), where wᵀ is the transpose of the convolution with w as a linear function,
/// for x `[B, C, H, W]`, w `[C, O, k, k]`, b `[O]`: `[B, O, H', W']`.
pub(crate) fn conv_transpose2d(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    window: Window,
    activation: Activation,
) -> Result<Tensor> {
    let op = ConvTranspose2dOp { window, activation };
    let geometry = op.geometry(x.dims(), weight.dims())?;
    activation.check()?;
    if bias.dims() != [geometry.channels] {
        bail!("conv_transpose2d: bias {:?} does not fit weight {:?}", bias.dims(), weight.dims())
    }
    if !on_cpu_f32(&[x, weight, bias]) {
        let Window { stride, padding, dilation } = window;
        let sum = x.conv_transpose2d(weight, padding, 0, stride, dilation)?; // [B, O, H', W']
        return activation.apply(&sum.broadcast_add(&bias.reshape((1, (), 1, 1))?)?);
    }
    let (x, weight, bias) = (x.contiguous()?, weight.contiguous()?, bias.contiguous()?);
    if x.track_op() || weight.track_op() || bias.track_op() {
        x.apply_op3(&weight, &bias, op)
    } else {
        x.apply_op3_no_bwd(&weight, &bias, &op)
    }
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
        let size = |positions: usize, kernel: usize| {
            let spread = positions.checked_sub(1)?.checked_mul(stride)?;
            spread.checked_add(self.window.extent(kernel)?)?.checked_sub(2 * padding)
        };
        if let (&[_, inputs, out_height, out_width], &[rows, channels, kernel_height, kernel_width]) =
            (x, weight)
            && let Some(height) = size(out_height, kernel_height)
            && let Some(width) = size(out_width, kernel_width)
            && inputs == rows
            && inputs * channels * height * width * stride * dilation > 0
        {
            return Ok(Geometry {
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
        let (columns, positions) = (geometry.inputs(), geometry.positions());
        let x = slice(x, x_layout)?;
        let weight = Matrix::new(slice(weight, weight_layout)?, channels, columns).transposed();
        let bias: &[f32] = slice(bias, bias_layout)?;
        let work = channels * columns * positions;
        let group = geometry.group();
        let samples = tile(work, group);
        let mut y = vec![0.0; batch * geometry.sample()];
        for_each(&mut y, samples * geometry.sample(), batch * work, |tile, y| {
            let x = x[tile * samples * channels * positions..].chunks(group * channels * positions);
            for (y, x) in y.chunks_mut(group * geometry.sample()).zip(x) {
                let count = y.len() / geometry.sample();
                let x = &x[..count * channels * positions];
                scratch(columns * count * positions, |columns| {
                    with_rows(x, channels, positions, |x| {
                        product(weight, x, columns, Old::Replaced)
                    })?;
                    geometry.scatter(columns, y);
                    Ok::<_, candle_core::Error>(())
                })?;
                let plane = geometry.height * geometry.width;
                for (y, &bias) in y.chunks_exact_mut(plane).zip(bias.iter().cycle()) {
                    activation::add_and_apply(self.activation, y, bias);
                }
            }
            Ok(())
        })?;
        let shape = (batch, geometry.channels, geometry.height, geometry.width);
        Ok((CpuStorage::F32(y), Shape::from(shape)))
    }

    /// With gz = g·activation'(z) and columns = im2col(gz), for each sample:
    /// dx = w·columns, dw += x·columnsᵀ, db += Σ gz.
    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        y: &Tensor,
        g: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let geometry = self.geometry(x.dims(), weight.dims())?;
        let (batch, channels) = (x.dim(0)?, x.dim(1)?);
        let (columns, positions) = (geometry.inputs(), geometry.positions());
        let (work, weights) = (channels * columns * positions, channels * columns);
        let group = geometry.group();
        let samples = shared_tile(work, batch).next_multiple_of(group);
        let tiles = batch.div_ceil(samples);
        let learns = weight.track_op() || bias.track_op();
        let share = if learns { weights + geometry.channels } else { 0 };
        let mut dx = vec![0.0; if x.track_op() { x.elem_count() } else { 0 }];
        scratch(tiles * share, |shares| {
            let tasks = pieces(shares, share, tiles)
                .into_iter()
                .zip(pieces(&mut dx, samples * channels * positions, tiles))
                .collect();
            let run = |x: &[f32], weight: &[f32], y: &[f32], g: &[f32]| {
                let weight = Matrix::new(weight, channels, columns);
                for_each_task(tasks, 3 * batch * work, |tile, (share, dx)| {
                    share.fill(0.0);
                    let end = batch.min((tile + 1) * samples);
                    let starts = (tile * samples..end).step_by(group);
                    let mut dx = pieces(dx, group * channels * positions, starts.len()).into_iter();
                    for start in starts {
                        let range = start..end.min(start + group);
                        let x = part(x, &range, channels * positions);
                        let y = part(y, &range, geometry.sample());
                        let g = part(g, &range, geometry.sample());
                        let dx = dx.next().unwrap_or_default();
                        self.group_gradients(&geometry, weight, (x, y, g), share, dx)?;
                    }
                    Ok(())
                })
            };
            read(x, |x| read(weight, |w| read(y, |y| read(g, |g| run(x, w, y, g)))))?;
            let d_weight = emit(weight, |d_weight, content| {
                let shares = shares.chunks_exact(share).map(|share| &share[..weights]);
                add_shares(d_weight, content, shares);
                Ok(()) // [C, O, k, k]
            })?;
            let d_bias = emit(bias, |d_bias, content| {
                let shares = shares.chunks_exact(share).map(|share| &share[weights..]);
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

impl ConvTranspose2dOp {
    /// As for a convolution.
    fn group_gradients(
        &self,
        geometry: &Geometry,
        weight: Matrix,
        (x, y, g): (&[f32], &[f32], &[f32]),
        share: &mut [f32],
        dx: &mut [f32],
    ) -> Result<()> {
        let (channels, positions) = (weight.height(), geometry.positions());
        scratch(y.len(), |gz| {
            activation::backward(self.activation, y, g, gz);
            with_columns(geometry, gz, |columns| {
                if !dx.is_empty() {
                    scratch(dx.len(), |rows| {
                        product(weight, columns, rows, Old::Replaced)?;
                        let samples = dx.len() / (channels * positions);
                        for (index, dx) in dx.chunks_exact_mut(positions).enumerate() {
                            let (sample, channel) = (index / channels, index % channels);
                            let row = (channel * samples + sample) * positions;
                            dx.copy_from_slice(&rows[row..][..positions]);
                        }
                        Ok::<_, candle_core::Error>(())
                    })?;
                }
                if !share.is_empty() {
                    let (d_weight, d_bias) = share.split_at_mut(share.len() - geometry.channels);
                    with_rows(x, channels, positions, |x| {
                        product(x, columns.transposed(), d_weight, Old::Kept)
                    })?;
                    for gz in gz.chunks_exact(geometry.sample()) {
                        add_sums(gz, d_bias);
                    }
                }
                Ok(())
            })
        })
    }
}

/// Calls `f` with the matrix `[channels, samples·positions]` of x `[samples, channels, positions]`.
fn with_rows<R>(x: &[f32], channels: usize, positions: usize, f: impl FnOnce(Matrix) -> R) -> R {
    let samples = x.len() / (channels * positions);
    if samples == 1 {
        return f(Matrix::new(x, channels, positions));
    }
    scratch(x.len(), |rows| {
        for (index, x) in x.chunks_exact(positions).enumerate() {
            let (sample, channel) = (index / channels, index % channels);
            rows[(channel * samples + sample) * positions..][..positions].copy_from_slice(x);
        }
        f(Matrix::new(rows, channels, samples * positions))
    })
}
