//! Discretised mixtures of logistic distributions, in double precision inside, in one pass each way.
use super::fresh::compute;
use super::tiles::sum_tiles;
use super::{on_cpu_f32, read, slice};
use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};
use train::is_host;

/// Cost of one component in multiply-adds of a matrix product, roughly.
const COMPONENT_WORK: usize = 1024;

/// Below it a scale counts as this: e^−7 of half the range.
const LEAST_LOG_SCALE: f64 = -7.0;

/// The distribution of one of `levels` values.
#[derive(Debug, Clone, Copy)]
struct Levels {
    highest: f64,
}

/// A component at a level: its log-probability, and the derivatives with respect to mean and log-scale.
#[derive(Debug, Clone, Copy)]
struct Component {
    log_p: f64,
    d_mean: f64,
    d_log_scale: f64,
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

impl Levels {
    /// The value of a level, −1 to 1; half the distance of two of them is `half`.
    fn value(self, level: u32) -> f64 {
        2.0 * f64::from(level) / self.highest - 1.0
    }

    fn half(self) -> f64 {
        1.0 / self.highest
    }

    /// log(σ(a) − σ(b)) with a and b the borders of the level, in units of the scale; those of the lowest and of
    /// the highest level are infinite. With δ = a − b it is log σ(a) + log σ(−b) + log(1 − e^−δ).
    fn component(self, level: u32, mean: f64, log_scale: f64) -> Component {
        let free = log_scale > LEAST_LOG_SCALE;
        let scale = log_scale.max(LEAST_LOG_SCALE).exp();
        let middle = self.value(level) - mean;
        let (a, b) = ((middle + self.half()) / scale, (middle - self.half()) / scale);
        let (lowest, highest) = (level == 0, f64::from(level) == self.highest);
        let (mut log_p, mut d_mean, mut d_log_scale) = (0.0, 0.0, 0.0);
        if !highest {
            let slope = sigmoid(-a);
            log_p -= softplus(-a);
            d_mean -= slope / scale;
            d_log_scale -= a * slope;
        }
        if !lowest {
            let slope = sigmoid(b);
            log_p -= softplus(b);
            d_mean += slope / scale;
            d_log_scale += b * slope;
        }
        if !lowest && !highest {
            let delta = a - b;
            log_p += (-(-delta).exp_m1()).ln();
            d_log_scale -= delta / delta.exp_m1();
        }
        Component { log_p, d_mean, d_log_scale: if free { d_log_scale } else { 0.0 } }
    }
}

/// −log Σ_m π_m·p_m of a level, for M logits of π, M means and M log-scales in `outputs`; its derivatives into
/// `slopes`, where that is not empty.
fn position(levels: Levels, level: u32, outputs: &[f64], slopes: &mut [f64]) -> f64 {
    let components = outputs.len() / 3;
    let (logits, rest) = outputs.split_at(components);
    let (means, log_scales) = rest.split_at(components);
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let log_sum = largest + logits.iter().map(|l| (l - largest).exp()).sum::<f64>().ln();
    let component = |m: usize| levels.component(level, means[m], log_scales[m]);
    let log_terms = (0..components).map(|m| logits[m] - log_sum + component(m).log_p);
    let most = log_terms.clone().fold(f64::NEG_INFINITY, f64::max);
    let log_p = most + log_terms.map(|term| (term - most).exp()).sum::<f64>().ln();
    if !slopes.is_empty() {
        for m in 0..components {
            let of = component(m);
            let share = (logits[m] - log_sum + of.log_p - log_p).exp();
            slopes[m] = (logits[m] - log_sum).exp() - share;
            slopes[components + m] = -share * of.d_mean;
            slopes[2 * components + m] = -share * of.d_log_scale;
        }
    }
    -log_p
}

/// Calls `f` with the index of each position in a sample and −log p there, whose derivatives go to `slopes`
/// `[3M, positions]`, where that is not empty.
fn sample(
    levels: Levels,
    outputs: &[f32],
    labels: &[u32],
    slopes: &mut [f32],
    mut f: impl FnMut(f64),
) -> Result<()> {
    let positions = labels.len();
    let numbers = outputs.len() / positions;
    let mut here = vec![0.0; numbers];
    let mut slopes_here = vec![0.0; if slopes.is_empty() { 0 } else { numbers }];
    for (at, &label) in labels.iter().enumerate() {
        if f64::from(label) > levels.highest {
            bail!("logistic_mixture: level {label}, there are {}", levels.highest + 1.0)
        }
        here.iter_mut().zip(outputs[at..].iter().step_by(positions)).for_each(|(here, outputs)| {
            *here = f64::from(*outputs);
        });
        f(position(levels, label, &here, &mut slopes_here));
        let to = slopes.iter_mut().skip(at).step_by(positions);
        to.zip(&slopes_here).for_each(|(to, slope)| *to = *slope as f32);
    }
    Ok(())
}

/// −log p of each sample's labels `[B, …]` summed over positions, `[B]`, without a gradient. None where there is no
/// kernel for the tensors.
pub(crate) fn logistic_nll_each(
    outputs: &Tensor,
    labels: &Tensor,
    levels: usize,
) -> Result<Option<Tensor>> {
    if !on_cpu_f32(&[outputs]) || !is_host(labels.device()) {
        return Ok(None);
    }
    let (batch, levels) = (outputs.dim(0)?, Levels { highest: (levels - 1) as f64 });
    let (len, positions) = (outputs.elem_count() / batch, labels.elem_count() / batch);
    let mut nll = Vec::new();
    read(outputs, |outputs: &[f32]| {
        read(labels, |labels: &[u32]| {
            nll = compute(batch, 1, outputs.len() * COMPONENT_WORK, |index, nll| {
                let mut sum = 0.0;
                let labels = &labels[index * positions..][..positions];
                sample(levels, &outputs[index * len..][..len], labels, &mut [], |nll| sum += nll)?;
                nll[0] = sum as f32;
                Ok(())
            })?;
            Ok(())
        })
    })?;
    Tensor::from_vec(nll, batch, outputs.device()).map(Some)
}

/// The sum of −log p over positions, divided by the batch: a scalar. None where there is no kernel for the tensors.
pub(crate) fn logistic_nll(
    outputs: &Tensor,
    labels: &Tensor,
    levels: usize,
) -> Result<Option<Tensor>> {
    if !on_cpu_f32(&[outputs]) || !is_host(labels.device()) {
        return Ok(None);
    }
    let op = LogisticNll(Levels { highest: (levels - 1) as f64 });
    outputs.contiguous()?.apply_op2(&labels.contiguous()?, op).map(Some)
}

/// −log p at each position, `[B, 1, …]`, by Candle's operations, for parameters `[B, 3M, …]` and labels `[B, …]`.
///
/// As [`Levels::component`] has it, with log(1 − e^−δ) as log δ − δ/2 + δ²/24 − δ⁴/2880 up to δ = ½: there single
/// precision loses the difference, and the next term of the series is below 10⁻⁷.
pub(crate) fn logistic_terms(outputs: &Tensor, labels: &Tensor, levels: usize) -> Result<Tensor> {
    let (components, highest) = (outputs.dim(1)? / 3, (levels - 1) as f64);
    let labels = labels.unsqueeze(1)?; // [B, 1, …]
    let part = |i: usize| outputs.narrow(1, i * components, components); // [B, M, …]
    let (logits, means, log_scales) = (part(0)?, part(1)?, part(2)?);
    let dims = log_scales.dims().to_vec();
    let least = log_scales.detach().zeros_like()?.affine(0.0, LEAST_LOG_SCALE)?;
    let log_scales = log_scales.gt(LEAST_LOG_SCALE)?.where_cond(&log_scales, &least)?;
    let inverse = log_scales.neg()?.exp()?;
    let values = labels.to_dtype(outputs.dtype())?.affine(2.0 / highest, -1.0)?; // [B, 1, …]
    let middle = values.broadcast_sub(&means)?; // [B, M, …]
    let half = 1.0 / highest;
    let (a, b) = (((&middle + half)? * &inverse)?, ((&middle - half)? * &inverse)?);
    let inside = |bound: f64| labels.ne(bound as u32)?.broadcast_as(&dims[..]);
    let zeros = a.detach().zeros_like()?;
    let (not_highest, not_lowest) = (inside(highest)?, inside(0.0)?);
    let from_above = not_highest.where_cond(&softplus_terms(&a.neg()?)?, &zeros)?;
    let from_below = not_lowest.where_cond(&softplus_terms(&b)?, &zeros)?;
    let delta = (&inverse * (2.0 * half))?;
    let small = delta.le(0.5)?;
    let halves = delta.detach().zeros_like()?.affine(0.0, 0.5)?;
    let (low, high) = (small.where_cond(&delta, &halves)?, small.where_cond(&halves, &delta)?);
    let squared = low.sqr()?;
    let series =
        (((squared.sqr()? * (-1.0 / 2880.0))? + (squared * (1.0 / 24.0))?)? - (low * 0.5)?)?;
    let series = (series + (log_scales.neg()? + (2.0 * half).ln())?)?; // log δ is exact.
    let log_width = small.where_cond(&series, &high.neg()?.exp()?.affine(-1.0, 1.0)?.log()?)?;
    let width = (not_highest * not_lowest)?.where_cond(&log_width, &zeros)?;
    let log_p = ((width - from_above)? - from_below)?; // [B, M, …]
    log_sum_exp(&logits)? - log_sum_exp(&(logits + log_p)?)?
}

/// log(1 + e^x), whose derivative is right everywhere.
fn softplus_terms(x: &Tensor) -> Result<Tensor> {
    let positive = x.detach().relu()?;
    &positive + ((x - &positive)?.exp()? + positive.neg()?.exp()?)?.log()?
}

/// log Σ e^x over dimension 1, which stays.
fn log_sum_exp(x: &Tensor) -> Result<Tensor> {
    let largest = x.max_keepdim(1)?.detach(); // [B, 1, …]
    x.broadcast_sub(&largest)?.exp()?.sum_keepdim(1)?.log()? + largest
}

struct LogisticNll(Levels);

impl CustomOp2 for LogisticNll {
    fn name(&self) -> &'static str {
        "logistic_nll"
    }

    fn cpu_fwd(
        &self,
        outputs: &CpuStorage,
        outputs_layout: &Layout,
        labels: &CpuStorage,
        labels_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let batch = outputs_layout.dims()[0];
        let outputs: &[f32] = slice(outputs, outputs_layout)?;
        let labels: &[u32] = slice(labels, labels_layout)?;
        if let Some(label) = labels.iter().find(|label| f64::from(**label) > self.0.highest) {
            bail!("logistic_mixture: level {label}, there are {}", self.0.highest + 1.0)
        }
        let (len, positions) = (outputs.len() / batch, labels.len() / batch);
        let total = sum_tiles(batch, outputs.len() * COMPONENT_WORK, |index| {
            let mut sum = 0.0;
            let labels = &labels[index * positions..][..positions];
            let scored =
                sample(self.0, &outputs[index * len..][..len], labels, &mut [], |nll| sum += nll);
            if scored.is_ok() { sum } else { f64::NAN }
        });
        Ok((CpuStorage::F32(vec![(total / batch as f64) as f32]), Shape::from(())))
    }

    fn bwd(
        &self,
        outputs: &Tensor,
        labels: &Tensor,
        _: &Tensor,
        g: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let batch = outputs.dim(0)?;
        let scale = g.to_scalar::<f32>()? / batch as f32;
        let (len, positions) = (outputs.elem_count() / batch, labels.elem_count() / batch);
        let gradient = read(outputs, |outputs: &[f32]| {
            read(labels, |labels: &[u32]| {
                compute(batch * len, len, outputs.len() * COMPONENT_WORK, |index, slopes| {
                    let labels = &labels[index * positions..][..positions];
                    sample(self.0, &outputs[index * len..][..len], labels, slopes, |_| ())?;
                    slopes.iter_mut().for_each(|slope| *slope *= scale);
                    Ok(())
                })
            })
        })?;
        Ok((Some(Tensor::from_vec(gradient, outputs.shape(), outputs.device())?), None))
    }
}

/// Σ_m π_m·σ((x_level + half − μ_m)/s_m): the probability of this level and of those below it, where π is
/// proportional to e^(logits·sharpness) and scales are divided by `sharpness`.
pub(crate) fn logistic_cdf(outputs: &[f32], level: u32, levels: usize, sharpness: f64) -> f64 {
    if level as usize + 1 >= levels {
        return 1.0;
    }
    let of = Levels { highest: (levels - 1) as f64 };
    let components = outputs.len() / 3;
    let number = |i: usize| f64::from(outputs[i]);
    let largest = (0..components).map(number).fold(f64::NEG_INFINITY, f64::max);
    let (mut sum, mut below) = (0.0, 0.0);
    for m in 0..components {
        let weight = ((number(m) - largest) * sharpness).exp();
        let scale = number(2 * components + m).max(LEAST_LOG_SCALE).exp() / sharpness;
        sum += weight;
        let border = of.value(level) + of.half() - number(components + m);
        below += weight * sigmoid(border / scale);
    }
    below / sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gradcheck::gradcheck;
    use candle_core::{Device, Var};
    use train::testing::kernels_are_on;

    #[test]
    fn one_component_by_hand() {
        // Three levels −1, 0, 1 with borders at ∓½; mean 0, scale ½: σ(−1), σ(1) − σ(−1), 1 − σ(1).
        let levels = Levels { highest: 2.0 };
        let outputs = [0.3, 0.0, 0.5f64.ln()];
        let p = [0, 1, 2].map(|level| (-position(levels, level, &outputs, &mut [])).exp());
        let sigma = sigmoid(1.0);
        let expected = [1.0 - sigma, 2.0 * sigma - 1.0, 1.0 - sigma];
        assert!(p.iter().zip(expected).all(|(p, e)| (p - e).abs() < 1e-12), "{p:?}");
    }

    #[test]
    fn probabilities_sum_to_1_and_to_the_distribution_function() {
        for scale in [-30.0, -7.0, -3.0, 0.0, 4.0] {
            let outputs = [0.2, -1.0, 1.5, -0.9, 0.1, 1.7, scale, -2.0, scale + 0.5];
            let narrow = outputs.map(|number| number as f32);
            for highest in [1u32, 2, 15, 255] {
                let levels = Levels { highest: f64::from(highest) };
                let mut sum = 0.0;
                for level in 0..=highest {
                    let nll = position(levels, level, &outputs, &mut []);
                    assert!(nll.is_finite() && nll > -1e-9, "{scale} {level}: {nll}");
                    sum += (-nll).exp();
                    let below = logistic_cdf(&narrow, level, highest as usize + 1, 1.0);
                    assert!((sum - below).abs() < 1e-5, "{scale} {level}: {sum} {below}");
                }
                assert!((sum - 1.0).abs() < 1e-9, "{scale}: {sum}");
            }
        }
    }

    #[test]
    fn gradients_agree_with_differences() {
        if !kernels_are_on() {
            return;
        }
        // [B, 3M, H, W] with two components; the log-scale of one is below the least.
        let numbers: Vec<f32> = (0..2 * 6 * 3).map(|i| ((i * 7 % 11) as f32 - 5.0) / 4.0).collect();
        let outputs = Var::from_vec(numbers, (2, 6, 1, 3), &Device::Cpu).unwrap();
        let labels = Tensor::new(&[[[0u32, 1, 3]], [[2, 3, 0]]], &Device::Cpu).unwrap();
        let f = || Ok(logistic_nll(&outputs, &labels, 4)?.unwrap());
        assert!(gradcheck(std::slice::from_ref(&outputs), 1e-2, f).unwrap() < 3e-3);
        let each: Vec<f32> =
            logistic_nll_each(&outputs, &labels, 4).unwrap().unwrap().to_vec1().unwrap();
        let mean = f().unwrap().to_scalar::<f32>().unwrap();
        assert!((each.iter().sum::<f32>() / 2.0 - mean).abs() < 1e-6);
        assert!(logistic_nll(&outputs, &labels, 3).is_err());

        // In double precision, one position at a time.
        let levels = Levels { highest: 7.0 };
        let outputs = [0.3, -0.2, 0.4, -0.6, -1.0, -9.0];
        for level in 0..8 {
            let mut slopes = [0.0; 6];
            position(levels, level, &outputs, &mut slopes);
            for i in 0..6 {
                let at = |h: f64| {
                    let mut moved = outputs;
                    moved[i] += h;
                    position(levels, level, &moved, &mut [])
                };
                let difference = (at(1e-6) - at(-1e-6)) / 2e-6;
                assert!(
                    (difference - slopes[i]).abs() < 1e-6,
                    "{level} {i}: {difference} {slopes:?}"
                );
            }
        }
    }
}
