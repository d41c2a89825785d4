//! Flow matching (Lipman et al. 2023, "Flow matching for generative modeling", <https://arxiv.org/abs/2210.02747>).
//!
//! A velocity v(x, t) moves noise x₀ from N(0, 1) at time 0 to samples at time 1, by dx/dt = v(x, t). Between a sample of the
//! data x₁ and noise x₀ a straight path leads, x_t = (1 − t)·x₀ + t·x₁, whose velocity is x₁ − x₀; the loss
//!
//! E ‖v(x_t, t) − (x₁ − x₀)‖², t uniform in \[0, 1\],
//!
//! is least for v(x, t) = E[x₁ − x₀ | x_t = x] (theorem 2 of the paper), whose flow takes N(0, 1) to the data.
//! `--coupling optimal-transport` pairs the x₀ and x₁ of a batch so that Σ ‖x₁ − x₀‖² is least (Tong et al. 2024, "Improving
//! and generalizing flow-based generative models with minibatch optimal transport"; Pooladian et al. 2023), so that paths cross
//! less and fewer steps suffice. The density of a sample follows from the flow back to noise.
//!
//! Differences from the paper: σ_min = 0, so that paths end in the data themselves; points are brought to mean 0 and a variance of
//! 1 first; the parameters' moving average is sampled from.
use crate::assignment::{assignment, squared_distances};
use crate::data::Dataset;
use crate::form::Form;
use crate::process::{Likelihood, Subject, Trainer, evaluation};
use crate::source::{RealBatch, Source};
use anyhow::Result;
use candle_core::{Device, Tensor};
use nn::{HostTensor, loss};
use rand::Rng as _;
use rand_distr::{Distribution as _, StandardNormal};
use train::{Checkpoint, Download as _, Evaluation, Learner, Log, Progress, Rng, Split};

mod config;
mod flow;
mod model;

pub use config::{Coupling, FlowMatchingConfig, FlowSampler};
use flow::Flow;

/// A velocity, and the data that its flow is to end in.
pub struct FlowMatching {
    config: FlowMatchingConfig,
    seed: u64,
    source: Source,
    trainer: Trainer,
    /// The flow of the velocity that samples are drawn with.
    flow: Flow,
    /// Times of a batch, `[B, 1]`.
    t: HostTensor<f32>,
}

impl FlowMatching {
    /// An untrained one for `data`.
    ///
    /// # Errors
    /// [`BadValue`](train::BadValue) where a hyper-parameter is out of range, or does not go with
    /// another one or with the data.
    pub fn new(
        data: Dataset,
        config: FlowMatchingConfig,
        seed: u64,
        device: &Device,
    ) -> Result<Self> {
        config.check_common(&data)?;
        config.memory(Form::of(&data).len()).check()?;
        let source = Source::new(data, config.source(), seed, device)?;
        let subject = Subject::of(&source, device);
        let network = (subject.form, config.dense(subject.classes.len()));
        let (trainer, network) = Trainer::new(config.training(), network, seed, device)?;
        let (guidance, solver) = (config.guidance, config.solver());
        Ok(Self {
            seed,
            source,
            trainer,
            flow: Flow { network, subject, guidance, solver },
            t: HostTensor::new((config.batch, 1), device)?,
            config,
        })
    }

    /// x₀ for the data x₁ `[B, D]` with these labels, `[B, D]`.
    fn draw_noise(&mut self, x1: &Tensor, labels: Option<&Tensor>) -> Result<Tensor> {
        if self.config.coupling == Coupling::Independent {
            return Ok(self.trainer.draw_noise()?.clone());
        }
        let d = x1.dim(1)?;
        let Trainer { noise, epsilon, .. } = &mut self.trainer;
        let drawn: Vec<f32> = StandardNormal.sample_iter(noise).take(x1.elem_count()).collect();
        let labels = labels.map(|labels| labels.download::<u32>()).transpose()?;
        let of = pairs(&x1.download::<f32>()?, &drawn, labels.as_deref(), d)?;
        epsilon.fill(|to| {
            for (to, of) in to.chunks_exact_mut(d).zip(of) {
                to.copy_from_slice(&drawn[of * d..][..d]);
            }
        })?;
        Ok(epsilon.tensor().clone())
    }
}

/// The row of the noise `[B, D]` for each row of the data `[B, D]`: the pairs whose squared distances have the least sum,
/// among those whose data have the same label, where there are labels. The noise of each label stays N(0, 1) so.
fn pairs(data: &[f32], noise: &[f32], labels: Option<&[u32]>, d: usize) -> Result<Vec<usize>> {
    let n = data.len() / d;
    let mut groups: Vec<Vec<usize>> = vec![(0..n).collect()];
    if let Some(labels) = labels {
        let all = labels.iter().max().map_or(0, |largest| *largest as usize + 1);
        groups = vec![Vec::new(); all];
        labels.iter().enumerate().for_each(|(row, label)| groups[*label as usize].push(row));
    }
    let mut of = vec![0; n];
    for group in groups {
        let rows = |values: &[f32]| -> Vec<f32> {
            group.iter().flat_map(|row| &values[row * d..][..d]).copied().collect()
        };
        let costs = squared_distances(&rows(data), &rows(noise), d);
        let chosen = assignment(&costs, group.len())?;
        group.iter().zip(chosen).for_each(|(row, chosen)| of[*row] = group[chosen]);
    }
    Ok(of)
}

/// x_t = (1 − t)·x₀ + t·x₁ and its velocity x₁ − x₀, both `[B, D]`, for times `[B, 1]`.
fn path(x0: &Tensor, x1: &Tensor, t: &Tensor) -> candle_core::Result<[Tensor; 2]> {
    let velocity = (x1 - x0)?;
    Ok([(x0 + velocity.broadcast_mul(t)?)?, velocity])
}

impl Learner for FlowMatching {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        let RealBatch { x, labels } = self.source.next()?;
        let x1 = self.flow.subject.scaled(x)?; // [B, D]
        let x0 = self.draw_noise(&x1, labels.as_ref())?;
        let trainer = &mut self.trainer;
        let times: Vec<f32> = (0..self.config.batch).map(|_| trainer.times.random()).collect();
        self.t.fill(|to| to.copy_from_slice(&times))?;
        let [x, velocity] = path(&x0, &x1, self.t.tensor())?;
        let found = trainer.output(&x, &times, labels.as_ref())?; // [B, D]
        trainer.update(&loss::mse(&found, &velocity)?, log)?;
        Ok(Progress::Advanced(self.config.batch as u64))
    }

    fn evaluate(&mut self, split: Split) -> Result<Evaluation> {
        let log_densities =
            |points: &[f32], labels: &[u32], _: &mut Rng| self.flow.log_densities(points, labels);
        let likelihood = Likelihood { names: ["nll_nats", "data_kl_nats"], of: &log_densities };
        evaluation(&self.flow, &self.source, &likelihood, (split, self.seed))
    }

    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.trainer.state(checkpoint)?;
        self.source.state("data", checkpoint)
    }
}

#[cfg(test)]
mod tests;
