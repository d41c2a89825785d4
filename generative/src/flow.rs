//! Normalizing flows: NICE (Dinh, Krueger & Bengio 2015, <https://arxiv.org/abs/1410.8516>), RealNVP (Dinh, Sohl-Dickstein &
//! Bengio 2017, <https://arxiv.org/abs/1605.08803>), MAF (Papamakarios, Pavlakou & Murray 2017,
//! <https://arxiv.org/abs/1705.07057>), IAF (Kingma et al. 2016, <https://arxiv.org/abs/1606.04934>) and neural spline flows
//! (Durkan et al. 2019, <https://arxiv.org/abs/1906.04032>).
//!
//! An invertible function f takes a sample x to z, which has the distribution N(0, I). So the density of x is known:
//!
//! log p(x) = log N(f(x); 0, I) + log |det ∂f/∂x|,
//!
//! and −log p(x), on average over the data, is the loss. Samples are f⁻¹(z). f is a chain of `Bijection`s, whose log
//! determinants are summed: a scaling by the moments of the data, then `--blocks` layers of the kind that `--network` names,
//! see `coupling` and `autoregressive`.
//!
//! Grey levels of an image are no density: a pixel of level g among L becomes (g + u)/L with u from U(0, 1), anew
//! each time, and then the logit of that (`dequantise`). By Jensen's inequality E_u log p bounds log P(image) from
//! below (Theis, van den Oord & Bethge 2016, "A note on the evaluation of generative models", section 3.1).
//!
//! Differences from the papers: the first layer is initialised by the data (as Kingma & Dhariwal 2018, "Glow", section 3.1, do for every
//! layer), no batches are normalised, networks begin as the identity, log-scales are bounded by 5·tanh(s/5), images are rows of
//! numbers for dense layers, and Adam in every case.
use crate::data::Dataset;
use crate::form::Form;
use crate::process::{Likelihood, Subject, evaluation};
use crate::source::{Source, SourceConfig};
use anyhow::Result;
use candle_core::Device;
use nn::{HostTensor, Optimizer, OptimizerConfig, Params};
use rand::Rng as _;
use std::f64::consts::LN_2;
use train::{
    Checkpoint, Evaluation, Learner, Linear, Log, MODEL, Measure, POSITIVE, Progress, Rng, Split,
    stream,
};

mod autoregressive;
mod bijection;
mod chain;
mod config;
mod coupling;
mod dequantise;
mod model;
mod spline;
mod transport;

use chain::{Chain, nll};
pub use config::{FlowConfig, FlowNetwork};
use dequantise::Dequantise;
use transport::Transport;

/// A normalizing flow and the samples it learns from.
pub struct Flow {
    config: FlowConfig,
    seed: u64,
    source: Source,
    params: Params,
    training: Chain,
    /// The present flow without gradients.
    transport: Transport,
    optimizer: Optimizer,
    noise: Rng,
    /// u, `[B, D]`, of images.
    u: HostTensor<f32>,
    /// Samples learned from so far.
    n_samples: u64,
}

impl Flow {
    /// An untrained one for `data`.
    ///
    /// # Errors
    /// [`BadValue`](train::BadValue) where a hyper-parameter is out of range, or does not go with the data.
    pub fn new(data: Dataset, config: FlowConfig, seed: u64, device: &Device) -> Result<Self> {
        config.check_for(&data)?;
        config.memory(&data).check()?;
        let batches = SourceConfig { batch: config.batch, conditional: false, as_rows: true };
        let source = Source::new(data, batches, seed, device)?;
        let form = source.form();
        let dequantise =
            source.levels().map(|levels| Dequantise { levels, margin: config.logit_margin });
        let params = Params::new(seed, device);
        let mut rows = source.training(config::INITIAL);
        if let Some(dequantise) = dequantise {
            dequantise.host(&mut rows, &mut stream(seed, "initial-dequantise"));
        }
        let training = Chain::new(&params, form, &rows, &config)?;
        let rule = OptimizerConfig {
            max_norm: (config.max_grad_norm > 0.0).then_some(config.max_grad_norm),
            ..OptimizerConfig::adam(config.lr)
        };
        Ok(Self {
            seed,
            transport: Transport {
                chain: training.detached(),
                // The first function of the chain brings samples to a common size.
                subject: Subject {
                    form,
                    standard: None,
                    classes: Vec::new(),
                    device: device.clone(),
                },
                dequantise,
            },
            training,
            optimizer: Optimizer::new(&params, rule)?,
            params,
            source,
            noise: stream(seed, "dequantise"),
            u: HostTensor::new((config.batch, form.len()), device)?,
            n_samples: 0,
            config,
        })
    }
}

impl Learner for Flow {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        let FlowConfig { lr, lr_end, lr_steps, batch, .. } = self.config;
        let schedule = Linear { from: lr, to: lr * lr_end, over: lr_steps };
        self.optimizer.set_lr(schedule.at(self.n_samples));
        let x = self.source.next()?.x; // [B, D]
        let (noise, u) = (&mut self.noise, &mut self.u);
        let u = || {
            u.fill(|u| u.fill_with(|| noise.random()))?;
            Ok(u.tensor().clone())
        };
        let loss = nll(&self.training, self.transport.dequantise, &x, u)?.mean_all()?;
        log.tensor("train/loss", &loss)?;
        log.tensor("train/grad_norm", &self.optimizer.step(&loss)?.grad_norm)?;
        log.updated();
        self.n_samples += batch as u64;
        Ok(Progress::Advanced(batch as u64))
    }

    fn evaluate(&mut self, split: Split) -> Result<Evaluation> {
        let Form::Image(shape) = self.transport.subject.form else {
            let log_densities = |points: &[f32], _: &[u32], rng: &mut Rng| {
                let nats = self.transport.nll(points, rng)?;
                Ok(nats.into_iter().map(|nats| -nats).collect())
            };
            let likelihood = Likelihood { names: ["nll_nats", "data_kl_nats"], of: &log_densities };
            return evaluation(&self.transport, &self.source, &likelihood, (split, self.seed));
        };
        let (purpose, n) = match split {
            Split::Validation => ("validation", self.config.eval_images),
            Split::Test => ("test", usize::MAX),
        };
        let rng = &mut stream(self.seed, &format!("{purpose}/dequantise"));
        let nats = self.transport.nll(&self.source.held_out(split, n), rng)?;
        let per_dim = 1.0 / (shape.len() as f64 * LN_2);
        let bits: Vec<f64> = nats.iter().map(|nats| nats * per_dim).collect();
        // Bounds on −log P of grey levels.
        let [nats, bits] = [nats, bits].map(|of| Measure::of(&of).within(POSITIVE));
        Ok(Evaluation::minimise("nll_nats", nats).with([("bits_per_dim".to_owned(), bits)]))
    }

    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.params.state(MODEL, checkpoint)?;
        self.optimizer.state("optimizer", checkpoint)?;
        self.source.state("data", checkpoint)?;
        checkpoint.count("seen", &mut self.n_samples)?;
        checkpoint.value("dequantise", &mut self.noise)
    }
}

#[cfg(test)]
mod tests;
