//! Normalisation by the statistics of the batch, and activation, in two passes.
mod statistics;

pub(crate) use self::statistics::EPS;
use self::statistics::{ELEMENT_WORK, SAMPLES, Statistics};
use super::activation::with_function;
use super::fresh::compute;
use super::signal::{Given, Gradients3, LayerOp, Reader, Signal, apply};
use super::sink::{Content, add_shares, emit};
use super::tiles::{for_each_task, pieces, scratch};
use super::{on_cpu_f32, read, slice, vectorised};
use crate::Activation;
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};
use std::sync::{Arc, OnceLock};

/// Statistics of a batch: mean and biased variance of each channel, `[C]`.
pub(crate) struct Moments {
    pub(crate) mean: Tensor,
    pub(crate) variance: Tensor,
}

/// activation(weight·(x − mean)/√(variance + ε) + bias) for x `[B, C, …]` and the rest `[C]`, with
/// the mean and the biased variance of the batch, which are returned too.
pub(crate) fn batch_norm(
    signal: &Signal,
    weight: &Tensor,
    bias: &Tensor,
    activation: Activation,
    reader: Reader,
) -> Result<(Signal, Moments)> {
    let x = signal.value();
    let channels = check(x, weight, bias, activation)?;
    if x.elem_count() == channels {
        bail!("batch_norm: a batch of {:?} has one value per channel, no variance", x.dims())
    }
    if !on_cpu_f32(&[x, weight, bias]) {
        let flat = x.reshape((x.dim(0)?, channels, ()))?; // [B, C, P]
        let mean = flat.mean_keepdim((0, 2))?;
        let variance = flat.broadcast_sub(&mean)?.sqr()?.mean_keepdim((0, 2))?;
        let y = by_candle(&flat, weight, bias, (&mean, &variance), activation)?;
        let moments = Moments {
            mean: mean.detach().flatten_all()?,
            variance: variance.detach().flatten_all()?,
        };
        return Ok(((&y.reshape(x.shape())?).into(), moments));
    }
    let statistics = Arc::new(OnceLock::new());
    let op = BatchNormOp { activation, statistics: statistics.clone() };
    let y = apply(signal, weight, bias, op, reader)?;
    let Some(statistics) = statistics.get() else { bail!("batch_norm left no statistics") };
    let vector = |values: &[f32]| Tensor::from_slice(values, channels, x.device());
    let moments =
        Moments { mean: vector(&statistics.mean)?, variance: vector(&statistics.variance)? };
    Ok((y, moments))
}

/// Batch normalisation by given means and variances, `[C]`.
pub(crate) fn batch_norm_by(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    moments: &Moments,
    activation: Activation,
) -> Result<Tensor> {
    let channels = check(x, weight, bias, activation)?;
    let Moments { mean, variance } = moments;
    if !on_cpu_f32(&[x, weight, bias]) || x.track_op() || weight.track_op() || bias.track_op() {
        let flat = x.reshape((x.dim(0)?, channels, ()))?; // [B, C, P]
        let shape = (1, channels, 1);
        let mean = mean.to_dtype(x.dtype())?.reshape(shape)?;
        let variance = variance.to_dtype(x.dtype())?.reshape(shape)?;
        let y = by_candle(&flat, weight, bias, (&mean, &variance), activation)?;
        return y.reshape(x.shape());
    }
    // weight·(x − mean)/√(variance + ε) + bias = scale·x + shift
    let scale = (weight / (variance + EPS)?.sqrt()?)?;
    let shift = (bias - (mean * &scale)?)?;
    let x = x.contiguous()?;
    x.apply_op3_no_bwd(&scale, &shift, &ScaleOp { activation })
}

fn check(x: &Tensor, weight: &Tensor, bias: &Tensor, activation: Activation) -> Result<usize> {
    activation.check()?;
    match (x.dims(), weight.dims(), bias.dims()) {
        ([_, channels, ..], [weights], [biases])
            if channels == weights && channels == biases && x.elem_count() > 0 =>
        {
            Ok(*channels)
        }
        (x, weight, bias) => {
            bail!("batch_norm: input {x:?} does not fit weight {weight:?} and bias {bias:?}")
        }
    }
}

/// For x `[B, C, P]` and moments `[1, C, 1]`.
fn by_candle(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    (mean, variance): (&Tensor, &Tensor),
    activation: Activation,
) -> Result<Tensor> {
    let normal = x.broadcast_sub(mean)?.broadcast_div(&(variance + EPS)?.sqrt()?)?;
    let scaled = normal.broadcast_mul(&weight.reshape((1, (), 1))?)?;
    activation.apply(&scaled.broadcast_add(&bias.reshape((1, (), 1))?)?)
}

struct BatchNormOp {
    activation: Activation,
    statistics: Arc<OnceLock<Statistics>>,
}

impl CustomOp3 for BatchNormOp {
    fn name(&self) -> &'static str {
        "batch_norm"
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
        let channels = x_layout.dims()[1];
        let x = slice(x, x_layout)?;
        let weight: &[f32] = slice(weight, weight_layout)?;
        let bias: &[f32] = slice(bias, bias_layout)?;
        let sample = x.len() / x_layout.dims()[0];
        let statistics = self.statistics.get_or_init(|| Statistics::of(x, sample, channels));
        let terms = weight.iter().zip(bias).zip(statistics.mean.iter().zip(&statistics.inverse));
        let (scale, shift): (Vec<f32>, Vec<f32>) = terms
            .map(|((weight, bias), (mean, inverse))| {
                (weight * inverse, bias - mean * weight * inverse)
            })
            .unzip();
        let y = scaled(x, sample, &scale, &shift, self.activation)?;
        Ok((CpuStorage::F32(y), x_layout.shape().clone()))
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

impl LayerOp for BatchNormOp {
    /// With gz = g·activation'(z), x̂ = (x − mean)/σ and means over the batch for each channel:
    /// dx = weight/σ·(gz − mean gz − x̂·mean(gz·x̂)), d_weight = Σ gz·x̂, d_bias = Σ gz.
    fn gradients(&self, given: Given, asked: bool) -> Result<Gradients3> {
        let Given { x, weight, bias, y, g } = given;
        let Some(statistics) = self.statistics.get() else {
            bail!("batch_norm: backward before forward")
        };
        let (count, channels) = (x.elem_count(), x.dim(1)?);
        let sample = count / x.dim(0)?;
        let tile = SAMPLES * sample;
        let tiles = count.div_ceil(tile);
        let elements = if asked { count } else { 0 };
        let mut sums = vec![0.0; 2 * channels];
        let mut run = |x: &[f32], weight: &[f32], y: &[f32], g: &[f32]| {
            scratch(tiles * 2 * channels, |shares| {
                let tasks = pieces(shares, 2 * channels, tiles);
                for_each_task(tasks, count * ELEMENT_WORK, |index, share| {
                    let range = index * tile..count.min((index + 1) * tile);
                    let (x, y, g) = (&x[range.clone()], &y[range.clone()], &g[range]);
                    statistics.sums(self.activation, sample, (x, y, g), share);
                    Ok(())
                })?;
                add_shares(&mut sums, Content::Stale, shares.chunks_exact(2 * channels));
                Ok::<_, candle_core::Error>(())
            })?;
            compute(elements, tile, count * ELEMENT_WORK, |index, dx| {
                let range = index * tile..index * tile + dx.len();
                let (x, y, g) = (&x[range.clone()], &y[range.clone()], &g[range]);
                let mean_of = (channels as f64 / count as f64) as f32;
                statistics.input_gradient(
                    self.activation,
                    sample,
                    (x, y, g),
                    (weight, &sums, mean_of),
                    dx,
                );
                Ok(())
            })
        };
        let dx = read(x, |x| read(weight, |w| read(y, |y| read(g, |g| run(x, w, y, g)))))?;
        let d_weight = emit(weight, |d_weight, content| {
            add_shares(d_weight, content, std::iter::once(&sums[channels..]));
            Ok(()) // [C]
        })?;
        let d_bias = emit(bias, |d_bias, content| {
            add_shares(d_bias, content, std::iter::once(&sums[..channels]));
            Ok(()) // [C]
        })?;
        let dx = match asked {
            true => Some(Tensor::from_vec(dx, x.shape(), x.device())?), // [B, C, …]
            false => None,
        };
        Ok((dx, d_weight, d_bias))
    }
}

/// activation(scale·x + shift) with one scale and shift per channel.
fn scaled(
    x: &[f32],
    sample: usize,
    scale: &[f32],
    shift: &[f32],
    activation: Activation,
) -> Result<Vec<f32>> {
    let plane = sample / scale.len();
    let tile = SAMPLES * sample;
    compute(x.len(), tile, x.len() * ELEMENT_WORK, |index, y| {
        let x = &x[index * tile..][..y.len()];
        let planes = y.chunks_exact_mut(plane).zip(x.chunks_exact(plane));
        let channels = scale.iter().zip(shift).cycle();
        for ((y, x), (&scale, &shift)) in planes.zip(channels) {
            let pairs = y.iter_mut().zip(x);
            vectorised(
                #[inline(always)]
                || {
                    with_function!(activation, f => {
                        pairs.for_each(|(y, x)| *y = f(scale * x + shift));
                    });
                },
            );
        }
        Ok(())
    })
}

/// activation(scale·x + shift), without a gradient.
struct ScaleOp {
    activation: Activation,
}

impl CustomOp3 for ScaleOp {
    fn name(&self) -> &'static str {
        "scale"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        scale: &CpuStorage,
        scale_layout: &Layout,
        shift: &CpuStorage,
        shift_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let sample = x_layout.shape().elem_count() / x_layout.dims()[0];
        let (scale, shift) = (slice(scale, scale_layout)?, slice(shift, shift_layout)?);
        let y = scaled(slice(x, x_layout)?, sample, scale, shift, self.activation)?;
        Ok((CpuStorage::F32(y), x_layout.shape().clone()))
    }
}
