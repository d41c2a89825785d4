//! Denoising diffusion (Ho, Jain & Abbeel 2020, "Denoising diffusion probabilistic models",
//! <https://arxiv.org/abs/2006.11239>).
//!
//! Noise is added to the data in T steps, x_t = √ᾱ_t·x₀ + √(1 − ᾱ_t)·ε with ε from N(0, 1), until nothing but noise is left
//! (`schedule`); a network of x_t and t learns what was added,
//!
//! E ‖ε̂(x_t, t) − ε‖², t uniform in 1 … T
//!
//! (equation 14 of the paper), or x₀, or v = √ᾱ_t·ε − √(1 − ᾱ_t)·x₀ (`--prediction`). Each of them is an estimate of x₀, by which a
//! step back is q(x_s | x_t, x̂₀) (`ancestral`), or one without noise (`ddim`, `dpm-solver`), over all T steps or a part of them.
//! These steps bound the likelihood too.
//!
//! Differences from the paper: a network of dense layers; points are brought to mean 0 and a variance of 1 first.
use crate::data::Dataset;
use crate::form::Form;
use crate::process::{Likelihood, Subject, Trainer, evaluation};
use crate::source::{RealBatch, Source};
use anyhow::Result;
use candle_core::{Device, Tensor};
use nn::loss;
use rand::Rng as _;
use train::{Checkpoint, Evaluation, Learner, Log, Progress, Rng, Split};

mod chain;
mod config;
mod denoiser;
mod model;
mod schedule;

use chain::Chain;
pub use config::{DiffusionConfig, DiffusionSampler, Prediction, Variance};
use denoiser::{levels, target};
use schedule::Schedule;
pub use schedule::ScheduleName;

/// A network that knows noise from data, and the data.
pub struct Diffusion {
    config: DiffusionConfig,
    seed: u64,
    source: Source,
    trainer: Trainer,
    /// The steps back of the network that samples are drawn with.
    chain: Chain,
}

impl Diffusion {
    /// An untrained one for `data`.
    ///
    /// # Errors
    /// [`BadValue`](train::BadValue) where a hyper-parameter is out of range, or does not go with
    /// another one or with the data.
    pub fn new(data: Dataset, config: DiffusionConfig, seed: u64, device: &Device) -> Result<Self> {
        config.check_for(&data)?;
        config.memory(Form::of(&data).len()).check()?;
        let source = Source::new(data, config.source(), seed, device)?;
        let subject = Subject::of(&source, device);
        let network = (subject.form, config.dense(subject.classes.len()));
        let (trainer, network) = Trainer::new(config.training(), network, seed, device)?;
        let schedule = Schedule::new(config.schedule, config.diffusion_steps);
        let chain = Chain { network, subject, schedule, config: config.clone() };
        Ok(Self { config, seed, source, trainer, chain })
    }
}

impl Learner for Diffusion {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        let DiffusionConfig { batch, prediction, .. } = self.config;
        let RealBatch { x, labels } = self.source.next()?;
        let x0 = self.chain.subject.scaled(x)?; // [B, D]
        let (trainer, schedule) = (&mut self.trainer, &self.chain.schedule);
        let all = schedule.steps();
        let steps: Vec<usize> = (0..batch).map(|_| trainer.times.random_range(1..=all)).collect();
        let epsilon = trainer.draw_noise()?.clone(); // [B, D]
        let [alpha, sigma] = levels(schedule, &steps, &x0)?; // [B, 1]
        let x = noisy([&x0, &epsilon], [&alpha, &sigma])?;
        let wanted = target(prediction, [&x0, &epsilon], [&alpha, &sigma])?;
        let found = trainer.output(&x, &schedule.times(&steps), labels.as_ref())?; // [B, D]
        trainer.update(&loss::mse(&found, &wanted)?, log)?;
        Ok(Progress::Advanced(batch as u64))
    }

    fn evaluate(&mut self, split: Split) -> Result<Evaluation> {
        let bounds = |points: &[f32], labels: &[u32], rng: &mut Rng| {
            self.chain.log_bounds(points, labels, rng)
        };
        let names = ["nll_bound_nats", "data_kl_bound_nats"];
        let likelihood = Likelihood { names, of: &bounds };
        evaluation(&self.chain, &self.source, &likelihood, (split, self.seed))
    }

    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.trainer.state(checkpoint)?;
        self.source.state("data", checkpoint)
    }
}

/// x_t = α·x₀ + σ·ε, of x₀ and ε `[B, D]` with α and σ `[B, 1]`.
fn noisy([x0, epsilon]: [&Tensor; 2], [alpha, sigma]: [&Tensor; 2]) -> candle_core::Result<Tensor> {
    x0.broadcast_mul(alpha)? + epsilon.broadcast_mul(sigma)?
}

#[cfg(test)]
mod tests;
