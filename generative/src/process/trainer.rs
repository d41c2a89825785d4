//! The network of such a model with its training.
use crate::data::one_hot;
use crate::ema::Ema;
use crate::form::Form;
use crate::time_network::{DenseSizes, TimeNetwork};
use anyhow::Result;
use candle_core::{Device, Tensor};
use nn::{HostTensor, Optimizer, OptimizerConfig, Params};
use rand::Rng as _;
use rand_distr::{Distribution as _, StandardNormal};
use train::{Checkpoint, Linear, Log, MODEL, Rng, stream};

/// Hyper-parameters of training.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Training {
    /// Initial learning rate.
    pub(crate) lr: f64,
    /// Final one, as a part of it, and the samples over which it changes.
    pub(crate) lr_end: f64,
    pub(crate) lr_steps: u64,
    /// Decay of the moving average; 0 for none.
    pub(crate) ema: f64,
    pub(crate) batch: usize,
    /// Share of labels that are dropped.
    pub(crate) label_dropout: f64,
}

/// A network of x, t and y, what trains it, and the random numbers of a step.
pub(crate) struct Trainer {
    config: Training,
    pub(crate) params: Params,
    pub(crate) network: TimeNetwork,
    /// Exponential moving average of the parameters, if any.
    pub(crate) ema: Option<Ema>,
    optimizer: Optimizer,
    /// Samples learned from so far.
    pub(crate) n_samples: u64,
    pub(crate) noise: Rng,
    pub(crate) times: Rng,
    dropout: Rng,
    /// Noise, `[B, D]`.
    pub(crate) epsilon: HostTensor<f32>,
    /// Features of the times, `[B, F]`.
    features: HostTensor<f32>,
    /// 1 where the network is given the label and 0 where not, `[B, 1]`.
    given: HostTensor<f32>,
    labels: usize,
}

impl Trainer {
    /// An untrained network, and the one that samples are drawn with: its moving average, where there is one.
    pub(crate) fn new(
        config: Training,
        (form, sizes): (Form, DenseSizes),
        seed: u64,
        device: &Device,
    ) -> Result<(Self, TimeNetwork)> {
        let params = Params::new(seed, device);
        let network = TimeNetwork::new(&params, form, sizes)?;
        let (mut sampled, mut ema) = (network.detached(), None);
        if config.ema > 0.0 {
            let own = Params::new(seed, device);
            sampled = TimeNetwork::new(&own, form, sizes)?.detached();
            ema = Some(Ema::new(own, config.ema));
        }
        let (batch, features) = (config.batch, network.features.len());
        let trainer = Self {
            optimizer: Optimizer::new(&params, OptimizerConfig::adam(config.lr))?,
            params,
            network,
            ema,
            n_samples: 0,
            noise: stream(seed, "noise"),
            times: stream(seed, "times"),
            dropout: stream(seed, "label-dropout"),
            epsilon: HostTensor::new((batch, form.len()), device)?,
            features: HostTensor::new((batch, features), device)?,
            given: HostTensor::new((batch, 1), device)?,
            labels: sizes.labels,
            config,
        };
        Ok((trainer, sampled))
    }

    /// Draws noise from N(0, 1), `[B, D]`.
    pub(crate) fn draw_noise(&mut self) -> Result<&Tensor> {
        let Self { noise, epsilon, .. } = self;
        epsilon.fill(|to| to.fill_with(|| StandardNormal.sample(noise)))?;
        Ok(epsilon.tensor())
    }

    /// One-hot labels of a batch, 0 where the network is not given them, `[B, L]`.
    pub(crate) fn dropped(&mut self, labels: Option<&Tensor>) -> Result<Option<Tensor>> {
        let Some(labels) = labels else { return Ok(None) };
        let Self { dropout, given, config, .. } = self;
        let share = config.label_dropout;
        given.fill(|to| to.fill_with(|| f32::from(dropout.random::<f64>() >= share)))?;
        let label = one_hot(labels, self.labels)?; // [B, L]
        Ok(Some(label.broadcast_mul(given.tensor())?))
    }

    /// The network's output for x `[B, D]` at `times`, 0 to 1, with labels some of which are dropped, `[B, D]`.
    pub(crate) fn output(
        &mut self,
        x: &Tensor,
        times: &[f32],
        labels: Option<&Tensor>,
    ) -> Result<Tensor> {
        let label = self.dropped(labels)?;
        let of_times = &self.network.features;
        self.features.fill(|to| {
            let each = to.chunks_exact_mut(of_times.len()).zip(times);
            each.for_each(|(to, t)| of_times.fill(*t, to));
        })?;
        Ok(self.network.forward(x, self.features.tensor(), label.as_ref())?)
    }

    /// One update by the gradient of `loss`.
    pub(crate) fn update(&mut self, loss: &Tensor, log: &mut Log) -> Result<()> {
        let Training { lr, lr_end, lr_steps, batch, .. } = self.config;
        log.tensor("train/loss", loss)?;
        let share = Linear { from: 1.0, to: lr_end, over: lr_steps }.at(self.n_samples);
        self.optimizer.set_lr(lr * share);
        log.tensor("train/grad_norm", &self.optimizer.step(loss)?.grad_norm)?;
        log.updated();
        if let Some(ema) = &self.ema {
            ema.update(&self.params, self.n_samples / batch as u64)?;
        }
        self.n_samples += batch as u64;
        Ok(())
    }

    pub(crate) fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        let mut model = self.params.named();
        if let Some(ema) = &self.ema {
            let means = ema.params.named().into_iter();
            model.extend(means.map(|(name, var)| (format!("mean.{name}"), var)));
        }
        checkpoint.tensors(MODEL, &model)?;
        self.optimizer.state("optimizer", checkpoint)?;
        checkpoint.count("seen", &mut self.n_samples)?;
        checkpoint.value("noise", &mut self.noise)?;
        checkpoint.value("times", &mut self.times)?;
        checkpoint.value("label-dropout", &mut self.dropout)
    }
}
