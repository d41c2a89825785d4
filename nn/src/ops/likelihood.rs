//! Log-likelihoods of data under what a network says, in one pass each way.
use super::fresh::compute;
use super::functions::{exp, log_1p_exp_neg, sigmoid};
use super::tiles::{scratch, sum_tiles};
use super::{on_cpu_f32, read, slice, vectorised};
use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor, bail};
use std::sync::OnceLock;
use train::is_host;

/// Elements of a tile.
const TILE: usize = 1 << 14;

/// Cost of one element in multiply-adds of a matrix product, roughly.
const ELEMENT_WORK: usize = 128;

/// Σ softplus(l) − l·x over all elements, divided by the batch: a scalar. None where there is no
/// kernel for the tensors.
pub(crate) fn bernoulli_nll(logits: &Tensor, targets: &Tensor) -> Result<Option<Tensor>> {
    if !on_cpu_f32(&[logits, targets]) {
        return Ok(None);
    }
    let (logits, targets) = (logits.contiguous()?, targets.detach().contiguous()?);
    logits.apply_op2(&targets, BernoulliNll).map(Some)
}

struct BernoulliNll;

impl CustomOp2 for BernoulliNll {
    fn name(&self) -> &'static str {
        "bernoulli_nll"
    }

    fn cpu_fwd(
        &self,
        logits: &CpuStorage,
        logits_layout: &Layout,
        targets: &CpuStorage,
        targets_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let logits: &[f32] = slice(logits, logits_layout)?;
        let targets: &[f32] = slice(targets, targets_layout)?;
        let total = sum_tiles(logits.len().div_ceil(TILE), logits.len() * ELEMENT_WORK, |tile| {
            let range = tile * TILE..logits.len().min((tile + 1) * TILE);
            nll_sum(&logits[range.clone()], &targets[range])
        });
        let nll = total / logits_layout.dims().first().map_or(1.0, |&batch| batch as f64);
        Ok((CpuStorage::F32(vec![nll as f32]), Shape::from(())))
    }

    fn bwd(
        &self,
        logits: &Tensor,
        targets: &Tensor,
        _: &Tensor,
        g: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let scale = g.to_scalar::<f32>()? / logits.dims().first().map_or(1.0, |&b| b as f32);
        let elements = logits.elem_count();
        let gradient = read(logits, |logits: &[f32]| {
            read(targets, |targets: &[f32]| {
                compute(elements, TILE, logits.len() * ELEMENT_WORK, |tile, gradient| {
                    let terms = gradient.iter_mut().zip(&logits[tile * TILE..]);
                    let terms = terms.zip(&targets[tile * TILE..]);
                    vectorised(
                        #[inline(always)]
                        || terms.for_each(|((g, &l), x)| *g = scale * (sigmoid(l) - x)),
                    );
                    Ok(())
                })
            })
        })?;
        Ok((Some(Tensor::from_vec(gradient, logits.shape(), logits.device())?), None))
    }
}

/// Σ softplus(l) − l·x of each row of `[B, D]`: `[B]`. None where there is no kernel for the tensors.
pub(crate) fn bernoulli_nll_each(logits: &Tensor, targets: &Tensor) -> Result<Option<Tensor>> {
    if !on_cpu_f32(&[logits, targets]) {
        return Ok(None);
    }
    let (logits, targets) = (logits.contiguous()?, targets.detach().contiguous()?);
    logits.apply_op2(&targets, BernoulliNllEach).map(Some)
}

struct BernoulliNllEach;

impl CustomOp2 for BernoulliNllEach {
    fn name(&self) -> &'static str {
        "bernoulli_nll_each"
    }

    fn cpu_fwd(
        &self,
        logits: &CpuStorage,
        logits_layout: &Layout,
        targets: &CpuStorage,
        targets_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (batch, d) = logits_layout.shape().dims2()?;
        let logits: &[f32] = slice(logits, logits_layout)?;
        let targets: &[f32] = slice(targets, targets_layout)?;
        let rows = (TILE / d).max(1);
        let nll = compute(batch, rows, logits.len() * ELEMENT_WORK, |tile, nll| {
            let first = tile * rows * d;
            let pairs = logits[first..].chunks_exact(d).zip(targets[first..].chunks_exact(d));
            for (nll, (logits, targets)) in nll.iter_mut().zip(pairs) {
                *nll = nll_sum(logits, targets) as f32;
            }
            Ok(())
        })?;
        Ok((CpuStorage::F32(nll), Shape::from(batch)))
    }

    /// g·(σ(l) − x), with the g of the row.
    fn bwd(
        &self,
        logits: &Tensor,
        targets: &Tensor,
        _: &Tensor,
        g: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (_, d) = logits.dims2()?;
        let (elements, rows) = (logits.elem_count(), (TILE / d).max(1));
        let gradient = read(logits, |logits: &[f32]| {
            read(targets, |targets: &[f32]| {
                read(g, |g: &[f32]| {
                    compute(elements, rows * d, elements * ELEMENT_WORK, |tile, gradient| {
                        for (gradient, row) in gradient.chunks_exact_mut(d).zip(tile * rows..) {
                            let terms = gradient.iter_mut().zip(&logits[row * d..]);
                            let (terms, g) = (terms.zip(&targets[row * d..]), g[row]);
                            vectorised(
                                #[inline(always)]
                                || terms.for_each(|((slope, &l), x)| *slope = g * (sigmoid(l) - x)),
                            );
                        }
                        Ok(())
                    })
                })
            })
        })?;
        Ok((Some(Tensor::from_vec(gradient, logits.shape(), logits.device())?), None))
    }
}

/// Σ max(l, 0) − l·x + log(1 + e^−|l|), in `f32` over short runs only.
fn nll_sum(logits: &[f32], targets: &[f32]) -> f64 {
    const LANES: usize = 64;
    vectorised(
        #[inline(always)]
        || {
            let mut sums = [0f64; LANES];
            let ((logits, l_rest), (targets, x_rest)) =
                (logits.as_chunks::<LANES>(), targets.as_chunks::<LANES>());
            for (l, x) in logits.iter().zip(targets) {
                for lane in 0..LANES {
                    sums[lane] += f64::from(nll(l[lane], x[lane]));
                }
            }
            for ((sum, l), x) in sums.iter_mut().zip(l_rest).zip(x_rest) {
                *sum += f64::from(nll(*l, *x));
            }
            sums.iter().sum()
        },
    )
}

#[inline(always)]
fn nll(l: f32, x: f32) -> f32 {
    // Not `max`, which drops NaN.
    let positive = if l < 0.0 { 0.0 } else { l };
    positive - l * x + log_1p_exp_neg(l.abs())
}

/// −mean log softmax(logits) at the labels, for logits `[B, A, …]` and labels `[B, …]`: a scalar.
/// None where there is no kernel for the tensors.
pub(crate) fn softmax_cross_entropy(logits: &Tensor, labels: &Tensor) -> Result<Option<Tensor>> {
    if !on_cpu_f32(&[logits]) || !is_host(labels.device()) {
        return Ok(None);
    }
    let (logits, labels) = (logits.contiguous()?, labels.contiguous()?);
    let op = CrossEntropy { log_sums: OnceLock::new() };
    logits.apply_op2(&labels, op).map(Some)
}

struct CrossEntropy {
    /// log Σ e^l of each position, `[B, …]`.
    log_sums: OnceLock<Vec<f32>>,
}

/// Batch, classes and positions of one sample.
fn sizes(logits: &[usize]) -> Result<(usize, usize, usize)> {
    match logits {
        [batch, classes, rest @ ..] => Ok((*batch, *classes, rest.iter().product())),
        _ => bail!("softmax_cross_entropy: logits {logits:?}, at least [B, A] is expected"),
    }
}

impl CustomOp2 for CrossEntropy {
    fn name(&self) -> &'static str {
        "softmax_cross_entropy"
    }

    fn cpu_fwd(
        &self,
        logits: &CpuStorage,
        logits_layout: &Layout,
        labels: &CpuStorage,
        labels_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (_, classes, positions) = sizes(logits_layout.dims())?;
        let logits: &[f32] = slice(logits, logits_layout)?;
        let labels: &[u32] = slice(labels, labels_layout)?;
        let log_sums = log_sums(logits, labels, [classes, positions])?;
        let mut total = 0.0;
        for_each_term(logits, labels, &log_sums, [classes, positions], |_, term| total += term);
        let mean = (total / labels.len() as f64) as f32;
        // A second forward pass of the same operation does not exist.
        let _ = self.log_sums.set(log_sums);
        Ok((CpuStorage::F32(vec![mean]), Shape::from(())))
    }

    /// (softmax(l) − one-hot(label)) / n
    fn bwd(
        &self,
        logits: &Tensor,
        labels: &Tensor,
        _: &Tensor,
        g: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (_, classes, positions) = sizes(logits.dims())?;
        let Some(log_sums) = self.log_sums.get() else {
            bail!("softmax_cross_entropy: backward before forward")
        };
        let scale = g.to_scalar::<f32>()? / labels.elem_count() as f32;
        let elements = logits.elem_count();
        let sample = classes * positions;
        let samples = (TILE / sample).max(1);
        let gradient = read(logits, |logits: &[f32]| {
            read(labels, |labels: &[u32]| {
                let work = logits.len() * ELEMENT_WORK;
                compute(elements, samples * sample, work, |tile, gradient| {
                    for (index, gradient) in gradient.chunks_exact_mut(sample).enumerate() {
                        let index = tile * samples + index;
                        let logits = &logits[index * sample..][..sample];
                        let log_sums = &log_sums[index * positions..][..positions];
                        softmax(logits, log_sums, scale, gradient);
                        let labels = &labels[index * positions..][..positions];
                        for (position, &label) in labels.iter().enumerate() {
                            match gradient.get_mut(label as usize * positions + position) {
                                Some(gradient) => *gradient -= scale,
                                None => bail!(
                                    "softmax_cross_entropy: labels were overwritten before the \
                                     backward pass"
                                ),
                            }
                        }
                    }
                    Ok(())
                })
            })
        })?;
        Ok((Some(Tensor::from_vec(gradient, logits.shape(), logits.device())?), None))
    }
}

/// log Σ e^l of each position of logits `[B, A, …]`, whose labels `[B, …]` are checked.
fn log_sums(logits: &[f32], labels: &[u32], [classes, positions]: [usize; 2]) -> Result<Vec<f32>> {
    if let Some(at) = labels.iter().position(|&label| label as usize >= classes) {
        bail!("softmax_cross_entropy: label {} at {at}, there are {classes} classes", labels[at])
    }
    let samples = (TILE / (classes * positions)).max(1);
    let work = logits.len() * ELEMENT_WORK;
    compute(labels.len(), samples * positions, work, |tile, out| {
        let logits = logits[tile * samples * classes * positions..].chunks(classes * positions);
        for (out, logits) in out.chunks_exact_mut(positions).zip(logits) {
            match positions {
                1 => out[0] = log_sum(logits),
                _ => log_sums_of_columns(logits, out),
            }
        }
        Ok(())
    })
}

/// Calls `f` with the sample and −log softmax at the label, for each label.
fn for_each_term(
    logits: &[f32],
    labels: &[u32],
    log_sums: &[f32],
    [classes, positions]: [usize; 2],
    mut f: impl FnMut(usize, f64),
) {
    for (index, (log_sum, &label)) in log_sums.iter().zip(labels).enumerate() {
        let (sample, position) = (index / positions, index % positions);
        let logit = logits[(sample * classes + label as usize) * positions + position];
        f(sample, f64::from(log_sum - logit));
    }
}

/// −Σ log softmax(logits) at the labels of each sample, for logits `[B, A, …]` and labels `[B, …]`: `[B]`,
/// without a gradient. None where there is no kernel for the tensors.
pub(crate) fn softmax_nll_each(logits: &Tensor, labels: &Tensor) -> Result<Option<Tensor>> {
    if !on_cpu_f32(&[logits]) || !is_host(labels.device()) {
        return Ok(None);
    }
    let (batch, classes, positions) = sizes(logits.dims())?;
    let sizes = [classes, positions];
    let mut nll = vec![0.0; batch];
    read(logits, |logits: &[f32]| {
        read(labels, |labels: &[u32]| {
            let log_sums = log_sums(logits, labels, sizes)?;
            for_each_term(logits, labels, &log_sums, sizes, |sample, term| nll[sample] += term);
            Ok(())
        })
    })?;
    Tensor::from_iter(nll.into_iter().map(|nll| nll as f32), logits.device()).map(Some)
}

/// log softmax of each row of logits `[B, A]`. None where there is no kernel for them.
pub(crate) fn log_softmax(logits: &Tensor) -> Result<Option<Tensor>> {
    if !on_cpu_f32(&[logits]) {
        return Ok(None);
    }
    let logits = logits.contiguous()?;
    let log_probs = match logits.track_op() {
        true => logits.apply_op1(LogSoftmax)?,
        false => logits.apply_op1_no_bwd(&LogSoftmax)?,
    };
    Ok(Some(log_probs))
}

struct LogSoftmax;

impl CustomOp1 for LogSoftmax {
    fn name(&self) -> &'static str {
        "log_softmax"
    }

    fn cpu_fwd(&self, logits: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (_, classes) = layout.shape().dims2()?;
        let logits: &[f32] = slice(logits, layout)?;
        let rows = (TILE / classes).max(1);
        let work = logits.len() * ELEMENT_WORK;
        let log_probs = compute(logits.len(), rows * classes, work, |tile, out| {
            let logits = logits[tile * rows * classes..].chunks_exact(classes);
            for (out, logits) in out.chunks_exact_mut(classes).zip(logits) {
                let log_sum = log_sum(logits);
                out.iter_mut().zip(logits).for_each(|(out, l)| *out = l - log_sum);
            }
            Ok(())
        })?;
        Ok((CpuStorage::F32(log_probs), layout.shape().clone()))
    }

    /// g − softmax(l)·Σ g
    fn bwd(&self, _: &Tensor, log_probs: &Tensor, g: &Tensor) -> Result<Option<Tensor>> {
        let (_, classes) = log_probs.dims2()?;
        let elements = log_probs.elem_count();
        let rows = (TILE / classes).max(1);
        let gradient = read(log_probs, |log_probs: &[f32]| {
            read(g, |g: &[f32]| {
                let work = g.len() * ELEMENT_WORK;
                compute(elements, rows * classes, work, |tile, gradient| {
                    let first = tile * rows * classes;
                    let rows = log_probs[first..].chunks_exact(classes);
                    let rows = rows.zip(g[first..].chunks_exact(classes));
                    for (gradient, (log_probs, g)) in gradient.chunks_exact_mut(classes).zip(rows) {
                        let sum: f32 = g.iter().sum();
                        let terms = gradient.iter_mut().zip(log_probs).zip(g);
                        vectorised(
                            #[inline(always)]
                            || terms.for_each(|((out, &l), g)| *out = g - exp(l) * sum),
                        );
                    }
                    Ok(())
                })
            })
        })?;
        Ok(Some(Tensor::from_vec(gradient, log_probs.shape(), log_probs.device())?))
    }
}

/// log Σ e^l
fn log_sum(logits: &[f32]) -> f32 {
    vectorised(
        #[inline(always)]
        || {
            let largest = logits.iter().copied().fold(f32::NEG_INFINITY, larger);
            let sum: f64 = logits.iter().map(|&l| f64::from(exp(l - largest))).sum();
            largest + sum.ln() as f32
        },
    )
}

/// log Σ e^l over each column of a matrix `[A, P]`.
fn log_sums_of_columns(logits: &[f32], out: &mut [f32]) {
    let positions = out.len();
    scratch(positions, |sums| {
        vectorised(
            #[inline(always)]
            || {
                out.fill(f32::NEG_INFINITY);
                for logits in logits.chunks_exact(positions) {
                    out.iter_mut().zip(logits).for_each(|(out, &l)| *out = larger(*out, l));
                }
                sums.fill(0.0);
                for logits in logits.chunks_exact(positions) {
                    let terms = sums.iter_mut().zip(logits).zip(&*out);
                    terms.for_each(|((sum, l), largest)| *sum += exp(l - largest));
                }
            },
        );
        out.iter_mut().zip(sums).for_each(|(out, sum)| *out += sum.ln());
    });
}

/// `out[a, p]` ← scale·e^(`l[a, p] − log_sums[p]`)
fn softmax(logits: &[f32], log_sums: &[f32], scale: f32, out: &mut [f32]) {
    vectorised(
        #[inline(always)]
        || match log_sums {
            [log_sum] => {
                let terms = out.iter_mut().zip(logits);
                terms.for_each(|(out, l)| *out = scale * exp(l - log_sum));
            }
            _ => {
                let rows = logits.chunks_exact(log_sums.len());
                for (out, logits) in out.chunks_exact_mut(log_sums.len()).zip(rows) {
                    let terms = out.iter_mut().zip(logits).zip(log_sums);
                    terms.for_each(|((out, l), log_sum)| *out = scale * exp(l - log_sum));
                }
            }
        },
    );
}

/// The larger one, or NaN.
#[inline(always)]
fn larger(largest: f32, value: f32) -> f32 {
    if value <= largest { largest } else { value }
}
