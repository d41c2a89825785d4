//! A trained network as an estimate of the data and of the noise in x_t, the steps back, and the bound on the likelihood.
use super::config::{DiffusionSampler, Prediction, Variance};
use super::schedule::Schedule;
use anyhow::Result;
use candle_core::{Device, Tensor};
use rand::Rng as _;
use rand_distr::{Distribution as _, StandardNormal};
use std::f64::consts::PI;
use train::{Download as _, Rng, pulse};

/// The output of a network for x_t `[n, D]` at the step t of each row, `[n, D]`.
pub(super) type Output<'a> = dyn Fn(&[usize], &Tensor) -> Result<Tensor> + 'a;

/// x₀ and ε, both `[n, D]`, by the output of a network for x_t, with α and σ `[n, 1]`.
pub(super) fn estimates(
    prediction: Prediction,
    output: &Tensor,
    x: &Tensor,
    [alpha, sigma]: [&Tensor; 2],
) -> candle_core::Result<[Tensor; 2]> {
    let of = |x: &Tensor, by: &Tensor| x.broadcast_mul(by);
    Ok(match prediction {
        Prediction::Epsilon => [(x - of(output, sigma)?)?.broadcast_div(alpha)?, output.clone()],
        Prediction::X => [output.clone(), (x - of(output, alpha)?)?.broadcast_div(sigma)?],
        Prediction::V => {
            [(of(x, alpha)? - of(output, sigma)?)?, (of(x, sigma)? + of(output, alpha)?)?]
        }
    })
}

/// The output that a network is to have for x₀ and ε, all `[n, D]`.
pub(super) fn target(
    prediction: Prediction,
    [x0, epsilon]: [&Tensor; 2],
    [alpha, sigma]: [&Tensor; 2],
) -> candle_core::Result<Tensor> {
    match prediction {
        Prediction::Epsilon => Ok(epsilon.clone()),
        Prediction::X => Ok(x0.clone()),
        Prediction::V => epsilon.broadcast_mul(alpha)? - x0.broadcast_mul(sigma)?,
    }
}

/// α and σ of the step of each row, both `[n, 1]`.
pub(super) fn levels(
    schedule: &Schedule,
    steps: &[usize],
    like: &Tensor,
) -> candle_core::Result<[Tensor; 2]> {
    let column = |of: &dyn Fn(usize) -> f64| {
        let values: Vec<f64> = steps.iter().map(|t| of(*t)).collect();
        Tensor::from_vec(values, (steps.len(), 1), &Device::Cpu)?
            .to_dtype(like.dtype())?
            .to_device(like.device())
    };
    Ok([column(&|t| schedule.alpha(t))?, column(&|t| schedule.sigma(t))?])
}

/// A denoiser with its schedule.
pub(super) struct Denoiser<'a> {
    pub(super) schedule: &'a Schedule,
    pub(super) prediction: Prediction,
    pub(super) variance: Variance,
    /// x₀ is kept within ± this: 1 of images.
    pub(super) clip: Option<f64>,
    pub(super) output: &'a Output<'a>,
}

impl Denoiser<'_> {
    /// x₀ and ε at step t of each row.
    fn estimates(&self, steps: &[usize], x: &Tensor) -> Result<[Tensor; 2]> {
        let [alpha, sigma] = levels(self.schedule, steps, x)?;
        let output = (self.output)(steps, x)?;
        let [x0, epsilon] = estimates(self.prediction, &output, x, [&alpha, &sigma])?;
        let Some(most) = self.clip else { return Ok([x0, epsilon]) };
        let x0 = x0.clamp(-most, most)?;
        let epsilon = (x - x0.broadcast_mul(&alpha)?)?.broadcast_div(&sigma)?;
        Ok([x0, epsilon])
    }

    /// Samples from noise x_T `[n, D]` in `n_steps` steps; `seen` is called with each x_s before the next step.
    pub(super) fn sample(
        &self,
        sampler: DiffusionSampler,
        n_steps: usize,
        mut x: Tensor,
        rng: &mut Rng,
        mut seen: impl FnMut(&Tensor) -> Result<()>,
    ) -> Result<Tensor> {
        let steps = self.schedule.strided(n_steps);
        let mut before: Option<(f64, Tensor)> = None;
        for (i, &t) in steps.iter().enumerate().rev() {
            pulse::check()?;
            seen(&x)?;
            let s = if i == 0 { 0 } else { steps[i - 1] };
            let [x0, epsilon] = self.estimates(&vec![t; x.dim(0)?], &x)?;
            let [alpha, sigma] = [self.schedule.alpha(s), self.schedule.sigma(s)];
            x = match sampler {
                // To the data, no sampler adds anything.
                _ if s == 0 => x0,
                DiffusionSampler::Ancestral => {
                    let posterior = self.schedule.posterior(t, s);
                    let deviation = match self.variance {
                        Variance::Posterior => posterior.variance.sqrt(),
                        Variance::Beta => posterior.beta.sqrt(),
                    };
                    let mean = ((x0 * posterior.of_x0)? + (&x * posterior.of_x)?)?;
                    (mean + (normal(&x, rng)? * deviation)?)?
                }
                DiffusionSampler::Ddim => ((x0 * alpha)? + (epsilon * sigma)?)?,
                DiffusionSampler::DpmSolver => {
                    let h = self.schedule.lambda(s) - self.schedule.lambda(t);
                    let of_x = sigma / self.schedule.sigma(t);
                    let turned = match &before {
                        None => x0.clone(),
                        Some((last, x0_before)) => {
                            let half = 0.5 * h / last;
                            ((&x0 * (1.0 + half))? - (x0_before * half)?)?
                        }
                    };
                    before = Some((h, x0));
                    ((&x * of_x)? + (turned * (-alpha * (-h).exp_m1()))?)?
                }
            };
        }
        seen(&x)?;
        Ok(x)
    }

    /// A bound on −log p of each row of x₀ `[n, D]`, in nats, `[n]` (Ho et al. 2020, equation 5): the terms of steps 0, 1 and T,
    /// and those of the others, each where there are no more than `strata`, else at so many steps of each row, drawn from as many
    /// parts of 2 … T and divided by their probabilities, which is right on average. Step 1 ends in N(x₀, β₁).
    pub(super) fn bounds(&self, x0: &Tensor, strata: usize, rng: &mut Rng) -> Result<Vec<f64>> {
        let (n, d) = x0.dims2()?;
        let (schedule, last) = (self.schedule, self.schedule.steps());
        let signal = schedule.alpha(last).powi(2);
        let noise = 1.0 - signal;
        let squares = |x: &Tensor| -> Result<Vec<f64>> {
            Ok(x.sqr()?.sum(1)?.to_dtype(candle_core::DType::F64)?.download::<f64>()?)
        };
        // KL of N(αx₀, σ²) from N(0, 1).
        let prior = |square: f64| 0.5 * (signal * square + d as f64 * (noise - 1.0 - noise.ln()));
        let mut bounds: Vec<f64> = squares(x0)?.into_iter().map(prior).collect();
        let mut add = |steps: &[usize], weights: &[f64], rng: &mut Rng| -> Result<()> {
            let [alpha, sigma] = levels(schedule, steps, x0)?;
            let epsilon = normal(x0, rng)?;
            let x = (x0.broadcast_mul(&alpha)? + epsilon.broadcast_mul(&sigma)?)?;
            let [found, _] = self.estimates(steps, &x)?;
            let apart = squares(&(found - x0)?)?;
            let each = bounds.iter_mut().zip(apart).zip(steps.iter().zip(weights));
            for ((bound, apart), (t, weight)) in each {
                *bound += weight * self.term(*t, apart, d as f64);
            }
            Ok(())
        };
        add(&vec![1; n], &vec![1.0; n], rng)?;
        if last - 1 <= strata {
            for t in 2..=last {
                pulse::check()?;
                add(&vec![t; n], &vec![1.0; n], rng)?;
            }
            return Ok(bounds);
        }
        // Terms are about as large as the step is in the logarithm of signal to noise.
        let part = |t: usize| {
            let [from, here, to] = [1, t, last].map(|t| schedule.lambda(t));
            (from - here) / (from - to)
        };
        let parts: Vec<f64> = (2..=last).map(part).collect();
        for stratum in 0..strata {
            pulse::check()?;
            let draw = |_| {
                let at = (stratum as f64 + rng.random::<f64>()) / strata as f64;
                2 + parts.partition_point(|part| *part <= at).min(last - 2)
            };
            let steps: Vec<usize> = (0..n).map(draw).collect();
            let weight = |t: &usize| 1.0 / (strata as f64 * (part(*t) - part(*t - 1)));
            let weights: Vec<f64> = steps.iter().map(weight).collect();
            add(&steps, &weights, rng)?;
        }
        Ok(bounds)
    }

    /// The term of step t where the estimate of x₀ is off by a squared distance: −log N(x₀; x̂₀, β₁) at step 1, else the KL of
    /// q(x_(t−1) | x_t, x₀) from p(x_(t−1) | x_t), of `d` numbers.
    pub(super) fn term(&self, t: usize, squared: f64, d: f64) -> f64 {
        let posterior = self.schedule.posterior(t, t - 1);
        if t == 1 {
            return 0.5 * (squared / posterior.beta + d * (2.0 * PI * posterior.beta).ln());
        }
        let variance = match self.variance {
            Variance::Posterior => posterior.variance,
            Variance::Beta => posterior.beta,
        };
        let ratio = posterior.variance / variance;
        let off = posterior.of_x0.powi(2) * squared / variance;
        0.5 * (off + d * (ratio - 1.0 - ratio.ln()))
    }
}

/// N(0, 1) of the shape of `like`.
pub(super) fn normal(like: &Tensor, rng: &mut Rng) -> Result<Tensor> {
    let values: Vec<f64> = StandardNormal.sample_iter(rng).take(like.elem_count()).collect();
    let values = Tensor::from_vec(values, like.shape(), &Device::Cpu)?;
    Ok(values.to_dtype(like.dtype())?.to_device(like.device())?)
}
