//! Generative adversarial networks (Goodfellow et al. 2014, <https://arxiv.org/abs/1406.2661>).
//!
//! Two networks play: the generator G makes a sample G(z) of noise z, the discriminator D says how real a
//! sample looks. In the first game of the paper (equation 1),
//!
//! min_G max_D V = E_x[log σ(D(x))] + E_z[log(1 − σ(D(G(z))))],
//!
//! whose best D is p(x) / (p(x) + q(x)) for the density q of what is drawn (proposition 1), and whose value,
//! −2·log 2, is reached where q = p. D is a logit here, σ(D) the paper's D. Other games: [`objective`].
//!
//! One step of the learner is one step of one player, of one batch: `--d-steps` of the discriminator, on B
//! samples of the data and B drawn ones, then one of the generator, on B drawn ones. Where we leave the paper:
//! Adam in place of momentum, and `--d-steps 1`.
//!
//! `--instance-noise` adds noise to all that D is shown, so that p and q overlap, and lets it go to 0 (Sønderby
//! et al. 2017, "Amortised MAP inference for image super-resolution", section 3.1; Arjovsky & Bottou 2017,
//! "Towards principled methods for training generative adversarial networks"). `--conditional` tells both
//! players the label (Mirza & Osindero 2014, "Conditional generative adversarial nets").
//!
//! What keeps D from being steep, as the Wasserstein game needs it: `--clip`, `--spectral` ([`nn::Linear::spectral`])
//! and, by derivatives of derivatives ([`Sequential::pullback`]), the [`penalty`] on its gradient.
use crate::data::{Dataset, one_hot};
use crate::measures::modes;
use anyhow::Result;
use candle_core::{Device, Module as _, Tensor};
use nn::{Frozen, HostTensor, Optimizer, OptimizerConfig, Params, Rule, Sequential};
use rand::Rng as _;
use rand_distr::{Distribution as _, StandardNormal};
use train::{
    Checkpoint, Evaluation, FirstUpdate, Learner, Linear, Log, MODEL, Measure, Progress, Rng,
    Split, stream,
};

mod config;
mod draws;
mod energy;
mod looks;
mod networks;
pub mod objective;
pub mod penalty;
mod source;
mod watch;

pub use config::{BatchNorm, Downsample, GanConfig, Network, NoisePrior};
use energy::energy_distance;
use networks::{Form, Sizes, joined};
pub use objective::Objective;
pub use penalty::Penalty;
use source::{Batch, Source};
use watch::Watch;

/// Generator and discriminator, and what they learn from.
pub struct Gan {
    config: GanConfig,
    seed: u64,
    device: Device,
    source: Source,
    form: Form,
    /// Names of the labels that the networks are told.
    classes: Vec<String>,
    generator: Player,
    discriminator: Player,
    /// The running mean of the generator's parameters, where there is one.
    mean: Option<Params>,
    /// What samples are drawn by.
    drawing: Frozen,
    /// Steps of the discriminator since the last one of the generator.
    turn: u64,
    /// Samples learned from so far.
    seen: u64,
    watch: Watch,
    noise: Rng,
    labels: Rng,
    instance_noise: Rng,
    penalty: Rng,
    /// z, `[B, Z]`.
    z: HostTensor<f32>,
    /// Noise upon samples, of their shape.
    jitter: HostTensor<f32>,
    /// Where the penalty is measured.
    measured: penalty::Points,
}

/// One of the two.
struct Player {
    params: Params,
    network: Sequential,
    /// The same as a fixed function, for the other one's steps.
    fixed: Sequential,
    optimizer: Optimizer,
    lr: f64,
}

impl Player {
    fn new(params: Params, network: Sequential, lr: f64, config: &GanConfig) -> Result<Self> {
        let GanConfig { beta1, beta2, .. } = *config;
        let rule =
            OptimizerConfig { rule: Rule::Adam { lr, beta1, beta2, eps: 1e-8 }, max_norm: None };
        let optimizer = Optimizer::new(&params, rule)?;
        Ok(Self { params, fixed: network.detached(), network, optimizer, lr })
    }

    /// One step down the gradient of `loss`; the length of that gradient.
    fn step(&mut self, loss: &Tensor, lr: f64) -> Result<f64> {
        self.optimizer.set_lr(self.lr * lr);
        Ok(self.optimizer.step(loss)?.grad_norm)
    }
}

impl Gan {
    /// Untrained ones for `data`.
    ///
    /// # Errors
    /// [`BadValue`](train::BadValue) where a hyper-parameter is out of range, or does not go with
    /// another one or with the data.
    pub fn new(data: Dataset, config: GanConfig, seed: u64, device: &Device) -> Result<Self> {
        config.check_for(&data)?;
        config.memory(&data).check()?;
        let source = Source::new(data, &config, seed, device)?;
        let form = source.form();
        let classes = source.labels().map_or(Vec::new(), |labels| labels.names.clone());
        let sizes = Sizes { form, labels: classes.len() };
        let [params, d_params] = [0; 2].map(|_| Params::new(seed, device));
        let generator = networks::generator(&params, sizes, &config)?;
        let discriminator = networks::discriminator(&d_params, sizes, &config)?;
        let mut drawing = generator.frozen();
        let mut mean = None;
        if config.ema > 0.0 {
            let own = Params::new(seed, device);
            drawing = networks::generator(&own, sizes, &config)?.frozen();
            mean = Some(own);
        }
        let shape = match form {
            Form::Picture(shape) if !config.network.takes_rows() => {
                vec![config.batch, shape.channels, shape.height, shape.width]
            }
            _ => vec![config.batch, form.len()],
        };
        Ok(Self {
            seed,
            device: device.clone(),
            source,
            form,
            classes,
            generator: Player::new(params, generator, config.lr, &config)?,
            discriminator: Player::new(d_params, discriminator, config.d_lr, &config)?,
            mean,
            drawing,
            turn: 0,
            seen: 0,
            watch: Watch::default(),
            noise: stream(seed, "noise"),
            labels: stream(seed, "labels"),
            instance_noise: stream(seed, "instance-noise"),
            penalty: stream(seed, "penalty"),
            measured: penalty::Points::new(config.penalty, &shape, device)?,
            z: HostTensor::new((config.batch, config.latents), device)?,
            jitter: HostTensor::new(shape, device)?,
            config,
        })
    }

    /// One step of the discriminator: the data's samples are real, and what is drawn is not.
    fn discriminator_step(&mut self, log: &mut Log) -> Result<()> {
        let Batch { x, labels } = self.source.next()?;
        let label = labels.map(|labels| one_hot(&labels, self.classes.len())).transpose()?; // [B, L]
        self.draw_z()?;
        let z = joined(self.z.tensor(), label.as_ref())?; // [B, Z + L]
        // No gradient may reach the generator: this is not its step.
        let drawn = self.generator.fixed.forward(&z)?.detach(); // as x
        self.watch.spread(&x, &drawn, log)?;
        let (x, drawn) = (self.jittered(&x)?, self.jittered(&drawn)?);
        let network = &self.discriminator.network;
        let real = network.forward(&joined(&x, label.as_ref())?)?; // [B, 1]
        let fake = network.forward(&joined(&drawn, label.as_ref())?)?; // [B, 1]
        self.watch.accuracy(self.config.objective, &real, &fake, log)?;
        let mut loss = self.config.objective.discriminator(&real, &fake)?;
        log.tensor("train/d_loss", &loss)?;
        if self.config.penalty != Penalty::None {
            loss = (loss + self.penalty([&x, &drawn], label.as_ref(), log)?)?;
        }
        let lr = self.lr();
        log.scalar("train/d_grad_norm", self.discriminator.step(&loss, lr)?);
        if self.config.clip > 0.0 {
            clip(&self.discriminator.params, self.config.clip)?;
        }
        Ok(())
    }

    /// The penalty on the discriminator's gradient for samples of the data and drawn ones, weighed.
    fn penalty(
        &mut self,
        [x, drawn]: [&Tensor; 2],
        label: Option<&Tensor>,
        log: &mut Log,
    ) -> Result<Tensor> {
        let GanConfig { penalty, penalty_weight, one_sided, .. } = self.config;
        let at = self.measured.draw(x, drawn, &mut self.penalty)?; // as x
        let (_, gradient) = self.discriminator.network.pullback(&joined(&at, label)?)?;
        // What it is told beside the sample has no slope to be kept low.
        let lengths = penalty::lengths(&gradient.narrow(1, 0, x.dim(1)?)?)?; // [B]
        log.tensor("train/d_slope", &lengths.mean_all()?)?;
        let cost = penalty.cost(&lengths, one_sided)?;
        log.tensor("train/penalty", &cost)?;
        Ok((cost * penalty_weight)?)
    }

    /// One step of the generator: what it draws is to look real.
    fn generator_step(&mut self, log: &mut Log) -> Result<()> {
        let labels = self.source.draw_labels(self.config.batch, &mut self.labels);
        let label = self.told(&labels)?; // [B, L]
        self.draw_z()?;
        let z = joined(self.z.tensor(), label.as_ref())?; // [B, Z + L]
        let drawn = self.generator.network.forward(&z)?;
        let drawn = joined(&self.jittered(&drawn)?, label.as_ref())?;
        let fake = self.discriminator.fixed.forward(&drawn)?; // [B, 1]
        let loss = self.config.objective.generator(&fake)?;
        log.tensor("train/g_loss", &loss)?;
        let lr = self.lr();
        log.scalar("train/g_grad_norm", self.generator.step(&loss, lr)?);
        if let Some(mean) = &self.mean {
            let round = (self.config.d_steps + 1) * self.config.batch as u64;
            let decay = decay(self.config.ema, self.seen / round);
            mean.blend(&self.generator.params, 1.0 - decay)?;
        }
        Ok(())
    }

    /// What both learning rates are multiplied by now.
    fn lr(&self) -> f64 {
        let GanConfig { lr_end, lr_steps, .. } = self.config;
        Linear { from: 1.0, to: lr_end, over: lr_steps }.at(self.seen)
    }

    fn draw_z(&mut self) -> Result<()> {
        let (prior, rng) = (self.config.noise_prior, &mut self.noise);
        Ok(self.z.fill(|to| prior.fill(to, rng))?)
    }

    /// `x` with instance noise, while there is any.
    fn jittered(&mut self, x: &Tensor) -> Result<Tensor> {
        let GanConfig { instance_noise, instance_noise_steps, .. } = self.config;
        let to = if instance_noise_steps == 0 { instance_noise } else { 0.0 };
        let sigma = Linear { from: instance_noise, to, over: instance_noise_steps }.at(self.seen);
        if sigma == 0.0 {
            return Ok(x.clone());
        }
        let rng = &mut self.instance_noise;
        self.jitter.fill(|to| {
            to.fill_with(|| {
                let noise: f32 = StandardNormal.sample(rng);
                sigma as f32 * noise
            });
        })?;
        Ok((x + self.jitter.tensor())?)
    }

    /// `[n, L]` for n `labels`; none for none.
    fn told(&self, labels: &[u32]) -> Result<Option<Tensor>> {
        if labels.is_empty() {
            return Ok(None);
        }
        let labels = Tensor::from_slice(labels, labels.len(), &self.device)?; // [n]
        Ok(Some(one_hot(&labels, self.classes.len())?))
    }
}

impl NoisePrior {
    fn fill(self, to: &mut [f32], rng: &mut Rng) {
        match self {
            Self::Normal => to.fill_with(|| StandardNormal.sample(rng)),
            Self::Uniform => to.fill_with(|| rng.random_range(-1.0..1.0)),
        }
    }
}

/// How much of a running mean stays at its `step`-th step, from 0: min(decay, (1 + step)/(10 + step)), so that what it
/// began with, which nothing has been learned of, does not stay for long.
fn decay(decay: f64, step: u64) -> f64 {
    decay.min((1.0 + step as f64) / (10.0 + step as f64))
}

/// Every parameter between ∓ `limit` (Arjovsky, Chintala & Bottou 2017, algorithm 1).
fn clip(params: &Params, limit: f64) -> Result<()> {
    for (_, var) in params.named() {
        var.set(&var.as_detached_tensor().clamp(-limit, limit)?)?;
    }
    Ok(())
}

/// Samples whose modes are counted.
const COUNTED: usize = 5_000;

/// Samples that are scored, and as many of the data.
const SCORED: usize = 1_000;

impl Learner for Gan {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        if self.turn < self.config.d_steps {
            self.discriminator_step(log)?;
            self.turn += 1;
        } else {
            self.generator_step(log)?;
            // Of the two it is the model: what the discriminator learns alone draws nothing.
            log.updated();
            self.turn = 0;
        }
        self.seen += self.config.batch as u64;
        Ok(Progress::Advanced(self.config.batch as u64))
    }

    fn first_update(&self) -> FirstUpdate {
        let GanConfig { d_steps, batch, .. } = self.config;
        let (stride, unit) = (batch as u64, (d_steps + 1) * batch as u64);
        let waits_for = format!(
            "the generator's first one comes after the discriminator's, with {unit} samples (--d-steps {d_steps} \
             and one of its own, of --batch {batch} each)"
        );
        FirstUpdate::at(unit, stride, waits_for)
    }

    fn evaluate(&mut self, split: Split) -> Result<Evaluation> {
        let purpose = match split {
            Split::Validation => "validation",
            Split::Test => "test",
        };
        let real = self.source.held_out(split, SCORED);
        let drawn = self.drawn(real.len() / self.form.len(), &mut stream(self.seed, purpose))?;
        let energy = Measure::single(energy_distance(&real, &drawn, self.form.len()));
        let energy = Evaluation::minimise("energy_distance", energy);
        let Some(mixture) = self.source.mixture() else { return Ok(energy) };
        let rng = &mut stream(self.seed, &format!("{purpose}/modes"));
        let found = modes(self.drawn(COUNTED, rng)?.as_chunks().0, mixture);
        let covered = found.covered() as f64 / mixture.centres.len() as f64;
        let score = Measure::single(covered * found.good_share().mean);
        let others = energy.measures.into_iter().chain(found.measures());
        Ok(Evaluation::maximise("modes_score", score).with(others))
    }

    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        let Self { generator, discriminator, mean, .. } = self;
        let held = |params: &Params| params.named().into_iter().chain(params.buffers());
        let mut model: Vec<_> =
            held(&generator.params).chain(held(&discriminator.params)).collect();
        if let Some(mean) = mean {
            model.extend(held(mean).map(|(name, var)| (format!("mean.{name}"), var)));
        }
        checkpoint.tensors(MODEL, &model)?;
        generator.optimizer.state("generator-optimizer", checkpoint)?;
        discriminator.optimizer.state("discriminator-optimizer", checkpoint)?;
        self.source.state("data", checkpoint)?;
        checkpoint.count("turn", &mut self.turn)?;
        checkpoint.count("seen", &mut self.seen)?;
        checkpoint.value("watch", &mut self.watch)?;
        checkpoint.value("noise", &mut self.noise)?;
        checkpoint.value("labels", &mut self.labels)?;
        checkpoint.value("instance-noise", &mut self.instance_noise)?;
        checkpoint.value("penalty", &mut self.penalty)
    }
}

#[cfg(test)]
mod tests;
