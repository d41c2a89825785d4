//! Convolution, bias and activation in one operation.
use super::gemm::{Matrix, Old, product};
use super::im2col::Geometry;
use super::sink::{Content, emit};
use super::tiles::{for_each, scratch, tile};
use super::{activation, on_cpu_f32, read, slice};
use crate::Activation;
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};

/// How the kernel of a convolution moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) stride: usize,
    pub(crate) padding: usize,
}

/// activation(w ⋆ x + b) for x `[B, C, H, W]`, w `[O, C, k, k]`, b `[O]`: `[B, O, H', W']`.
pub(crate) fn conv2d(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    window: Window,
    activation: Activation,
) -> Result<Tensor> {
    let op = Conv2dOp { window, activation };
    // Both paths refuse the same shapes, in the same words.
    op.geometry(x.dims(), weight.dims())?;
    if bias.dims() != [weight.dim(0)?] {
        bail!("conv2d: bias {:?} does not fit weight {:?}", bias.dims(), weight.dims())
    }
    if !on_cpu_f32(&[x, weight, bias]) {
        let sum = x.conv2d(weight, window.padding, window.stride, 1, 1)?; // [B, O, H', W']
        let sum = sum.broadcast_add(&bias.reshape((1, (), 1, 1))?)?;
        return activation.apply(&sum);
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
    activation: Activation,
}

impl Conv2dOp {
    fn geometry(&self, x: &[usize], weight: &[usize]) -> Result<Geometry> {
        let Window { stride, padding } = self.window;
        match (x, weight) {
            (&[_, channels, height, width], &[_, inputs, kernel_height, kernel_width])
                if channels == inputs
                    && (1..=height + 2 * padding).contains(&kernel_height)
                    && (1..=width + 2 * padding).contains(&kernel_width)
                    && weight[0] * channels * stride > 0 =>
            {
                Ok(Geometry {
                    channels,
                    height,
                    width,
                    kernel_height,
                    kernel_width,
                    out_height: (height + 2 * padding - kernel_height) / stride + 1,
                    out_width: (width + 2 * padding - kernel_width) / stride + 1,
                    stride,
                    padding,
                })
            }
            _ => bail!("conv2d: input {x:?} does not fit weight {weight:?} with {:?}", self.window),
        }
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
        let weight = Matrix::new(slice(weight, weight_layout)?, outputs, inputs);
        let bias: &[f32] = slice(bias, bias_layout)?;
        let work = outputs * inputs * positions;
        let samples = tile(work, 1);
        let mut y = vec![0.0; batch * outputs * positions];
        for_each(&mut y, samples * outputs * positions, batch * work, |tile, y| {
            let x = x[tile * samples * geometry.sample()..].chunks_exact(geometry.sample());
            scratch(inputs * positions, |columns| {
                for (x, y) in x.zip(y.chunks_exact_mut(outputs * positions)) {
                    geometry.gather(x, columns);
                    let columns = Matrix::new(columns, inputs, positions);
                    product(weight, columns, y, Old::Replaced)?;
                    for (y, &bias) in y.chunks_exact_mut(positions).zip(bias) {
                        activation::add_and_apply(self.activation, y, bias);
                    }
                }
                Ok(())
            })
        })?;
        let shape = (batch, outputs, geometry.out_height, geometry.out_width);
        Ok((CpuStorage::F32(y), Shape::from(shape)))
    }

    /// With gz = g·activation'(z) and columns = im2col(x), for each sample:
    /// dw += gz·columnsᵀ, db += Σ_positions gz, dx = col2im(wᵀ·gz).
    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        y: &Tensor,
        g: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let geometry = self.geometry(x.dims(), weight.dims())?;
        let outputs = weight.dim(0)?;
        scratch(y.elem_count(), |gz| {
            activation::backward(self.activation, y, g, gz)?;
            let dx = match x.track_op() {
                true => Some(self.input_gradient(&geometry, x, weight, gz)?),
                false => None,
            };
            let d_weight = emit(weight, |d_weight, content| {
                read(x, |x| weight_gradient(&geometry, x, gz, d_weight, content))
            })?;
            let d_bias = emit(bias, |d_bias, content| {
                if content == Content::Stale {
                    d_bias.fill(0.0);
                }
                for gz in gz.chunks_exact(outputs * geometry.positions()) {
                    for (d_bias, gz) in d_bias.iter_mut().zip(gz.chunks_exact(geometry.positions()))
                    {
                        *d_bias += gz.iter().sum::<f32>();
                    }
                }
                Ok(()) // [O]
            })?;
            Ok((dx, d_weight, d_bias))
        })
    }
}

impl Conv2dOp {
    fn input_gradient(
        &self,
        geometry: &Geometry,
        x: &Tensor,
        weight: &Tensor,
        gz: &[f32],
    ) -> Result<Tensor> {
        let outputs = weight.dim(0)?;
        let (inputs, positions) = (geometry.inputs(), geometry.positions());
        let work = outputs * inputs * positions;
        let samples = tile(work, 1);
        let mut dx = vec![0.0; x.elem_count()];
        read(weight, |weight| {
            let weight = Matrix::new(weight, outputs, inputs).transposed();
            for_each(&mut dx, samples * geometry.sample(), x.dim(0)? * work, |tile, dx| {
                let gz =
                    gz[tile * samples * outputs * positions..].chunks_exact(outputs * positions);
                scratch(inputs * positions, |columns| {
                    for (dx, gz) in dx.chunks_exact_mut(geometry.sample()).zip(gz) {
                        let gz = Matrix::new(gz, outputs, positions);
                        product(weight, gz, columns, Old::Replaced)?;
                        geometry.scatter(columns, dx);
                    }
                    Ok(())
                })
            })
        })?;
        Tensor::from_vec(dx, x.shape(), x.device()) // [B, C, H, W]
    }
}

/// Each tile of samples sums its own share; the shares are added in the order of the tiles.
fn weight_gradient(
    geometry: &Geometry,
    x: &[f32],
    gz: &[f32],
    d_weight: &mut [f32],
    content: Content,
) -> Result<()> {
    let (inputs, positions) = (geometry.inputs(), geometry.positions());
    let (batch, outputs) = (x.len() / geometry.sample(), d_weight.len() / inputs);
    let work = outputs * inputs * positions;
    let samples = tile(work, 1);
    let tiles = batch.div_ceil(samples);
    scratch(tiles * d_weight.len(), |shares| {
        for_each(shares, d_weight.len(), batch * work, |tile, share| {
            let x = x[tile * samples * geometry.sample()..].chunks_exact(geometry.sample());
            let gz = gz[tile * samples * outputs * positions..].chunks_exact(outputs * positions);
            share.fill(0.0);
            scratch(inputs * positions, |columns| {
                for (x, gz) in x.zip(gz).take(samples) {
                    geometry.gather(x, columns);
                    let columns = Matrix::new(columns, inputs, positions).transposed();
                    product(Matrix::new(gz, outputs, positions), columns, share, Old::Kept)?;
                }
                Ok(())
            })
        })?;
        if content == Content::Stale {
            d_weight.fill(0.0);
        }
        for share in shares.chunks_exact(d_weight.len()) {
            d_weight.iter_mut().zip(share).for_each(|(d_weight, share)| *d_weight += share);
        }
        Ok(()) // [O, C, k, k]
    })
}
