//! Variational auto-encoder (Kingma & Welling 2014, "Auto-encoding variational Bayes",
//! <https://arxiv.org/abs/1312.6114>, algorithm 1), the importance-weighted one (Burda, Grosse &
//! Salakhutdinov 2016, <https://arxiv.org/abs/1509.00519>), and the plain auto-encoder beside them.
//!
//! log p(x) ≥ ELBO = E_q(z|x)[log p(x|z)] − KL(q(z|x) ‖ N(0, 1)), with the encoder q(z|x) = N(μ(x), σ²(x))
//! and the decoder p(x|z), which factorises over pixels. z = μ + σ·ε with ε from N(0, 1) lets the gradient
//! through to the encoder. `--conditional` conditions both on the label y, for p(x|y) (Sohn, Lee & Yan 2015,
//! "Learning structured output representation using deep conditional generative models", with the prior
//! N(0, 1) for every y). `--objective iwae` maximises a bound that several samples of z make tighter, see
//! [`bound`]; `--objective reconstruction` is the auto-encoder: z = μ, and no KL. Where we
//! leave the papers: ReLU in place of tanh, and Adam in place of Adagrad.
use crate::data::{ImageLoader, Images, Parts, one_hot};
use crate::latents::{PROBED, latent_measures};
use anyhow::Result;
use candle_core::Device;
use nn::{HostTensor, Optimizer, OptimizerConfig, Params, Sequential};
use rand_distr::{Distribution as _, StandardNormal};
use std::collections::BTreeMap;
use std::f64::consts::LN_2;
use train::{
    Checkpoint, Evaluation, Learner, Linear, Log, MODEL, Measure, POSITIVE, Progress, Rng, Split,
    stream,
};

mod autoencoder;
pub mod bound;
mod capabilities;
mod config;
mod corruption;
mod figures;
mod networks;
mod objective;

use autoencoder::{Autoencoder, Scores};
use bound::copies;
use config::Sizes;
pub use config::{Objective, VaeConfig, VaeNetwork};
use corruption::{Corruption, corrupted};
use networks::{Inputs, Networks};
use objective::KlTerm;

/// A variational auto-encoder and the images it learns from.
pub struct Vae {
    config: VaeConfig,
    seed: u64,
    loader: ImageLoader,
    validation: Images,
    test: Images,
    params: Params,
    training: Networks<Sequential>,
    /// The present networks without gradients.
    model: Autoencoder,
    optimizer: Optimizer,
    corruption: Corruption,
    noise: Rng,
    /// ε, `[K·B, Z]`.
    epsilon: HostTensor<f32>,
}

impl Vae {
    /// An untrained one for `data`.
    ///
    /// # Errors
    /// [`BadValue`](train::BadValue) where a hyper-parameter is out of range, or does not go with
    /// another one or with the images.
    pub fn new(data: Parts<Images>, config: VaeConfig, seed: u64, device: &Device) -> Result<Self> {
        config.check_for(&data.train)?;
        let data = config.binarisation.prepare(data)?;
        let shape = data.train.shape();
        let params = Params::new(seed, device);
        let likelihood = config.likelihood.of(config.sigma, data.test.levels());
        let classes = match data.train.labels() {
            Some(labels) if config.conditional => labels.names.clone(),
            _ => Vec::new(),
        };
        let sizes = Sizes { shape, labels: classes.len(), outputs: likelihood.outputs() };
        config.memory(sizes).check()?;
        let training = Networks::new(&params, sizes, &config)?;
        let loader = ImageLoader::new(data.train, config.batch, config.binarisation, seed, device)?;
        Ok(Self {
            seed,
            loader,
            validation: data.validation,
            test: data.test,
            model: Autoencoder {
                networks: training.frozen(),
                objective: config.objective,
                likelihood,
                shape,
                latents: config.latents,
                classes,
                device: device.clone(),
            },
            training,
            optimizer: Optimizer::new(&params, OptimizerConfig::adam(config.lr))?,
            params,
            corruption: Corruption::new(
                config.corrupt,
                &[config.batch, shape.channels, shape.height, shape.width],
                stream(seed, "corrupt"),
                device,
            )?,
            noise: stream(seed, "noise"),
            epsilon: HostTensor::new((config.k * config.batch, config.latents), device)?,
            config,
        })
    }

    fn held_out(&self, split: Split) -> (&Images, &'static str) {
        match split {
            Split::Validation => (&self.validation, "validation"),
            Split::Test => (&self.test, "test"),
        }
    }

    /// L_K over the first `n` images of `split`, by noise of its own.
    fn iwae(&self, split: Split, k: usize, n: usize) -> Result<Measure> {
        let (images, purpose) = self.held_out(split);
        let noise = stream(self.seed, &format!("{purpose}/iwae"));
        Ok(self.log_likelihood(&self.model.bounds(images, k, n, noise)?))
    }

    /// Mean of log p, or of bounds below it, over images: at most 0 where p is a probability.
    fn log_likelihood(&self, samples: &[f64]) -> Measure {
        let most = if self.model.likelihood.is_discrete() { 0.0 } else { f64::INFINITY };
        Measure::of(samples).within([f64::NEG_INFINITY, most])
    }

    /// Mean of −log p(x|z) over images.
    fn nats(&self, samples: &[f64]) -> Measure {
        let least = if self.model.likelihood.is_discrete() { 0.0 } else { f64::NEG_INFINITY };
        Measure::of(samples).within([least, f64::INFINITY])
    }

    /// The measure of a plain auto-encoder: −log p(x|μ(x)), of corrupted images where it learns from such.
    fn reconstruction(&self, split: Split, clean: Measure) -> Result<Evaluation> {
        if self.config.corrupt == 0.0 {
            return Ok(Evaluation::minimise("reconstruction_nats", clean));
        }
        let (images, purpose) = self.held_out(split);
        let noise = stream(self.seed, &format!("{purpose}/corrupt"));
        let noisy = corrupted(images, self.config.corrupt, noise)?;
        let scores = self.model.scores(images, &noisy, stream(self.seed, purpose))?;
        Ok(Evaluation::minimise("denoising_nats", self.nats(&scores.nll)))
    }
}

impl Learner for Vae {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        let n_samples = self.loader.taken();
        let VaeConfig { objective, k, batch, beta, beta_steps, free_nats, .. } = self.config;
        let beta = Linear { from: 0.0, to: beta, over: beta_steps }.at(n_samples);
        if beta_steps > 0 {
            log.scalar("train/beta", beta);
        }
        let VaeConfig { lr, lr_end, lr_steps, .. } = self.config;
        self.optimizer.set_lr(lr * Linear { from: 1.0, to: lr_end, over: lr_steps }.at(n_samples));
        let x = self.loader.next_batch()?.clone(); // [B, C, H, W]
        let label = match self.loader.labels() {
            Some(labels) if self.config.conditional => {
                Some(one_hot(labels, self.model.classes.len())?) // [B, L]
            }
            _ => None,
        };
        let inputs = Inputs { x: self.corruption.corrupt(&x)?, label };
        let (mu, log_var) = self.training.encode(&inputs)?; // [B, Z]
        if objective.has_prior() {
            let noise = &mut self.noise;
            self.epsilon.fill(|to| to.fill_with(|| StandardNormal.sample(noise)))?;
        }
        let latents = objective.latents([&mu, &log_var], self.epsilon.tensor(), k)?;
        let label = inputs.label.as_ref().map(|label| copies(label, k)).transpose()?; // [K·B, L]
        let output = self.training.decode(&latents.z, label.as_ref())?; // [K·B, outputs·D]
        let x = copies(&x.flatten_from(1)?, k)?; // [K·B, D]
        let (likelihood, kl) = (self.model.likelihood, KlTerm { beta, free_nats });
        let loss = objective.loss(likelihood, [&output, &x], &latents, kl, log)?;
        log.tensor("train/loss", &loss)?;
        self.optimizer.step(&loss)?;
        log.updated();
        Ok(Progress::Advanced(batch as u64))
    }

    fn evaluate(&mut self, split: Split) -> Result<Evaluation> {
        let (images, purpose) = self.held_out(split);
        let scores = self.model.scores(images, images, stream(self.seed, purpose))?;
        let Scores { nll, kl, squared_error } = &scores;
        let reconstruction = self.nats(nll);
        let mut measures = BTreeMap::from([
            ("reconstruction_nats".to_owned(), reconstruction),
            ("reconstruction_mse".to_owned(), Measure::of(squared_error).within(POSITIVE)),
        ]);
        let probed = match (split, self.loader.images()) {
            (Split::Test, train) if train.labels().is_some() => {
                let train = train.take(0..train.len().min(PROBED));
                Some(self.config.binarisation.once(&train, "train")?)
            }
            _ => None,
        };
        measures.extend(latent_measures(&self.model, probed.as_ref(), images)?);
        let elbo: Vec<f64> = nll.iter().zip(kl).map(|(nll, kl)| -nll - kl).collect();
        let bound = self.log_likelihood(&elbo);
        if self.config.objective.has_prior() {
            measures.insert("elbo_nats".to_owned(), bound);
            measures.insert("kl_nats".to_owned(), Measure::of(kl).within(POSITIVE));
            // A density at a grey value is no probability: bits would count nothing.
            if self.model.likelihood.is_discrete() {
                let per_dim = -1.0 / (self.model.shape.len() as f64 * LN_2);
                let bits: Vec<f64> = elbo.iter().map(|elbo| elbo * per_dim).collect();
                measures.insert("bits_per_dim".to_owned(), Measure::of(&bits).within(POSITIVE));
            }
        }
        let evaluation = match self.config.objective {
            Objective::Elbo => Evaluation::maximise("elbo_nats", bound),
            Objective::Iwae => {
                let bound = self.iwae(split, self.config.k, images.len())?;
                Evaluation::maximise("iwae_nats", bound)
            }
            Objective::Reconstruction => self.reconstruction(split, reconstruction)?,
        };
        Ok(evaluation.with(measures))
    }

    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.params.state(MODEL, checkpoint)?;
        self.optimizer.state("optimizer", checkpoint)?;
        self.loader.state("data", checkpoint)?;
        self.corruption.state("corrupt", checkpoint)?;
        checkpoint.value("noise", &mut self.noise)
    }
}

#[cfg(test)]
mod tests;
