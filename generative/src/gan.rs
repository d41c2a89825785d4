//! Generative adversarial networks (Goodfellow et al. 2014, <https://arxiv.org/abs/1406.2661>).
//!
//! Two networks are trained against each other: the generator G turns noise z into a sample G(z), the
//! discriminator D classifies samples as real or generated. In the minimax game of the paper (equation 1),
//!
//! min_G max_D V = E_x[log σ(D(x))] + E_z[log(1 − σ(D(G(z))))],
//!
//! the optimal D is p(x) / (p(x) + q(x)) for the density q of samples (proposition 1), and the value −2·log 2 is
//! reached where q = p. D is a logit here, σ(D) the paper's D. Other objectives: [`objective`].
//!
//! One step of the learner is one update of one player, on one batch: `--d-steps` of the discriminator, on B
//! data samples and B generated ones, then one of the generator, on B generated ones. Where we leave the
//! paper: Adam in place of momentum, and `--d-steps 1`.
//!
//! `--instance-noise` adds noise to every input of D, so that p and q overlap, and anneals it to 0 (Sønderby
//! et al. 2017, "Amortised MAP inference for image super-resolution", section 3.1; Arjovsky & Bottou 2017,
//! "Towards principled methods for training generative adversarial networks"). `--conditional` conditions
//! both players on the label (Mirza & Osindero 2014, "Conditional generative adversarial nets").
//!
//! The Lipschitz constraint of the Wasserstein objective: `--clip`, `--spectral` ([`nn::Linear::spectral`]) and,
//! by second derivatives ([`nn::Sequential::input_gradient`]), the [`penalty`] on the gradient of D.
use crate::data::{Dataset, one_hot};
use crate::ema::Ema;
use crate::form::Form;
use crate::source::{RealBatch, Source};
use anyhow::Result;
use candle_core::{Device, Module as _, Tensor};
use nn::{HostTensor, Params};
use train::{
    Checkpoint, Evaluation, FirstUpdate, Learner, Linear, Log, MODEL, Progress, Rng, Split, stream,
};

mod config;
mod evaluation;
mod figures;
mod gradient_penalty;
mod model;
mod networks;
mod noise;
pub mod objective;
pub mod penalty;
mod player;
mod sampling;
mod watch;

pub use config::{BatchNorm, Downsample, GanConfig, GanNetwork, NoisePrior};
use evaluation::evaluation;
use gradient_penalty::GradientPenalty;
use networks::{Sizes, joined};
use noise::InstanceNoise;
pub use objective::Objective;
pub use penalty::Penalty;
use player::{Player, clip};
use sampling::Sampler;
use watch::Watch;

/// Generator and discriminator, and the data they learn from.
pub struct Gan {
    config: GanConfig,
    seed: u64,
    source: Source,
    generator: Player,
    discriminator: Player,
    /// Exponential moving average of the generator's parameters, if any.
    ema: Option<Ema>,
    sampler: Sampler,
    /// Steps of the discriminator since the last one of the generator.
    turn: u64,
    /// Samples learned from so far.
    n_samples: u64,
    watch: Watch,
    noise: Rng,
    labels: Rng,
    penalty: GradientPenalty,
    instance_noise: InstanceNoise,
    /// z, `[B, Z]`.
    z: HostTensor<f32>,
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
        let source = Source::new(data, config.source(), seed, device)?;
        let form = source.form();
        let classes = source.labels().map_or(Vec::new(), |labels| labels.names.clone());
        let sizes = Sizes { form, labels: classes.len() };
        let [params, d_params] = [0; 2].map(|_| Params::new(seed, device));
        let generator = networks::generator(&params, sizes, &config)?;
        let discriminator = networks::discriminator(&d_params, sizes, &config)?;
        let (mut network, mut ema) = (generator.frozen(), None);
        if config.ema > 0.0 {
            let own = Params::new(seed, device);
            network = networks::generator(&own, sizes, &config)?.frozen();
            ema = Some(Ema::new(own, config.ema));
        }
        let shape = match form {
            Form::Image(shape) if !config.network.takes_rows() => {
                vec![config.batch, shape.channels, shape.height, shape.width]
            }
            _ => vec![config.batch, form.len()],
        };
        let (latents, prior, device) = (config.latents, config.noise_prior, device.clone());
        Ok(Self {
            seed,
            source,
            generator: Player::new(params, generator, config.lr, &config)?,
            discriminator: Player::new(d_params, discriminator, config.d_lr, &config)?,
            ema,
            turn: 0,
            n_samples: 0,
            watch: Watch::default(),
            noise: stream(seed, "noise"),
            labels: stream(seed, "labels"),
            penalty: GradientPenalty::new(&config, &shape, stream(seed, "penalty"), &device)?,
            instance_noise: InstanceNoise::new(&shape, stream(seed, "instance-noise"), &device)?,
            z: HostTensor::new((config.batch, config.latents), &device)?,
            sampler: Sampler { network, form, latents, prior, classes, device },
            config,
        })
    }

    /// One update of the discriminator: samples of the data are real, those of the generator are not.
    fn discriminator_step(&mut self, log: &mut Log) -> Result<()> {
        let RealBatch { x, labels } = self.source.next()?;
        let n_classes = self.sampler.classes.len();
        let label = labels.map(|labels| one_hot(&labels, n_classes)).transpose()?; // [B, L]
        let z = joined(self.sample_z()?, label.as_ref())?; // [B, Z + L]
        // No gradient may reach the generator: this is not its step.
        let fake = self.generator.frozen.forward(&z)?.detach(); // as x
        self.watch.spread(&x, &fake, log)?;
        let (x, fake) = (self.noisy(&x)?, self.noisy(&fake)?);
        let network = &self.discriminator.network;
        let d_real = network.forward(&joined(&x, label.as_ref())?)?; // [B, 1]
        let d_fake = network.forward(&joined(&fake, label.as_ref())?)?; // [B, 1]
        self.watch.accuracy(self.config.objective, &d_real, &d_fake, log)?;
        let mut loss = self.config.objective.discriminator(&d_real, &d_fake)?;
        log.tensor("train/d_loss", &loss)?;
        if self.config.penalty != Penalty::None {
            let network = &self.discriminator.network;
            loss = (loss + self.penalty.loss(network, [&x, &fake], label.as_ref(), log)?)?;
        }
        let lr = self.lr();
        log.tensor("train/d_grad_norm", &self.discriminator.step(&loss, lr)?)?;
        if self.config.clip > 0.0 {
            clip(&self.discriminator.params, self.config.clip)?;
        }
        Ok(())
    }

    /// One update of the generator, towards samples that the discriminator takes for real.
    fn generator_step(&mut self, log: &mut Log) -> Result<()> {
        let labels = self.source.sample_labels(self.config.batch, &mut self.labels);
        let label = self.sampler.one_hot(&labels)?; // [B, L]
        let z = joined(self.sample_z()?, label.as_ref())?; // [B, Z + L]
        let fake = self.generator.network.forward(&z)?;
        let fake = joined(&self.noisy(&fake)?, label.as_ref())?;
        let d_fake = self.discriminator.frozen.forward(&fake)?; // [B, 1]
        let loss = self.config.objective.generator(&d_fake)?;
        log.tensor("train/g_loss", &loss)?;
        let lr = self.lr();
        log.tensor("train/g_grad_norm", &self.generator.step(&loss, lr)?)?;
        if let Some(ema) = &self.ema {
            let round = (self.config.d_steps + 1) * self.config.batch as u64;
            ema.update(&self.generator.params, self.n_samples / round)?;
        }
        Ok(())
    }

    /// The factor of both learning rates.
    fn lr(&self) -> f64 {
        let GanConfig { lr_end, lr_steps, .. } = self.config;
        Linear { from: 1.0, to: lr_end, over: lr_steps }.at(self.n_samples)
    }

    /// z of a batch, `[B, Z]`.
    fn sample_z(&mut self) -> Result<&Tensor> {
        let (prior, rng) = (self.config.noise_prior, &mut self.noise);
        self.z.fill(|to| prior.fill(to, rng))?;
        Ok(self.z.tensor())
    }

    /// `x` with the present amount of instance noise.
    fn noisy(&mut self, x: &Tensor) -> Result<Tensor> {
        let GanConfig { instance_noise: from, instance_noise_steps: over, .. } = self.config;
        let to = if over == 0 { from } else { 0.0 };
        self.instance_noise.added(x, Linear { from, to, over }.at(self.n_samples))
    }
}

impl Learner for Gan {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        if self.turn < self.config.d_steps {
            self.discriminator_step(log)?;
            self.turn += 1;
        } else {
            self.generator_step(log)?;
            // Samples depend on the generator alone.
            log.updated();
            self.turn = 0;
        }
        self.n_samples += self.config.batch as u64;
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
        evaluation(&self.sampler, &self.source, split, self.seed)
    }

    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        let Self { generator, discriminator, ema, .. } = self;
        let held = |params: &Params| params.named().into_iter().chain(params.buffers());
        let mut model: Vec<_> =
            held(&generator.params).chain(held(&discriminator.params)).collect();
        if let Some(ema) = ema {
            model.extend(held(&ema.params).map(|(name, var)| (format!("mean.{name}"), var)));
        }
        checkpoint.tensors(MODEL, &model)?;
        generator.optimizer.state("generator-optimizer", checkpoint)?;
        discriminator.optimizer.state("discriminator-optimizer", checkpoint)?;
        self.source.state("data", checkpoint)?;
        checkpoint.count("turn", &mut self.turn)?;
        checkpoint.count("seen", &mut self.n_samples)?;
        self.watch.state(checkpoint)?;
        checkpoint.value("noise", &mut self.noise)?;
        checkpoint.value("labels", &mut self.labels)?;
        checkpoint.value("instance-noise", &mut self.instance_noise.rng)?;
        checkpoint.value("penalty", &mut self.penalty.rng)
    }
}

#[cfg(test)]
mod tests;
