//! Variational auto-encoder (Kingma & Welling 2014, "Auto-encoding variational Bayes",
//! <https://arxiv.org/abs/1312.6114>, algorithm 1), the importance-weighted one (Burda, Grosse &
//! Salakhutdinov 2016, <https://arxiv.org/abs/1509.00519>), and the plain auto-encoder beside them.
//!
//! log p(x) ≥ ELBO = E_q(z|x)[log p(x|z)] − KL(q(z|x) ‖ N(0, 1)), where q(z|x) = N(μ(x), σ²(x)) is what
//! the encoder says and p(x|z) what the decoder says, pixel by pixel. z = μ + σ·ε with ε drawn from
//! N(0, 1) lets the gradient through to the encoder. `--conditional` tells both the label y, and all is
//! about p(x|y) (Sohn, Lee & Yan 2015, "Learning structured output representation using deep conditional
//! generative models", with N(0, 1) for every y). `--objective iwae` maximises a bound that several
//! draws of z make tighter, see [`bound`]; `--objective reconstruction` is the auto-encoder: z = μ, and
//! no KL. Where we leave the papers: ReLU in place of tanh, and Adam in place of Adagrad.
use crate::data::{ImageLoader, Images, Parts, Shape, one_hot};
use crate::latents::{self, Map};
use crate::reconstruction::{pictures, squared_errors};
use crate::{Generative, ImageGrid, Likelihood, Work};
use anyhow::Result;
use candle_core::{Device, Tensor};
use nn::{
    Frozen, HostTensor, Optimizer, OptimizerConfig, Params, Sequential, loss, reparameterise,
};
use rand_distr::{Distribution as _, StandardNormal};
use std::collections::BTreeMap;
use std::f64::consts::LN_2;
use std::ops::Range;
use train::{
    Checkpoint, Evaluation, Learner, Linear, Log, MODEL, Measure, POSITIVE, Progress, Rng, Split,
    pulse, stream,
};

pub mod bound;
mod config;
mod corruption;
mod looks;
mod networks;

use bound::{copies, importance_weighted, kl, kl_beyond, log_mean_exp, log_weights, normals};
use config::Sizes;
pub use config::{Network, Objective, VaeConfig};
use corruption::{Corruption, corrupted};
use networks::{Networks, Shown};

/// A variational auto-encoder and the pictures it learns from.
pub struct Vae {
    config: VaeConfig,
    likelihood: Likelihood,
    seed: u64,
    device: Device,
    shape: Shape,
    /// Names of the labels that the networks are told.
    classes: Vec<String>,
    loader: ImageLoader,
    validation: Images,
    test: Images,
    params: Params,
    training: Networks<Sequential>,
    frozen: Networks<Frozen>,
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
    /// another one or with the pictures.
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
            device: device.clone(),
            likelihood,
            shape,
            classes,
            loader,
            validation: data.validation,
            test: data.test,
            frozen: training.frozen(),
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

    /// −ELBO of a batch, by K draws for each picture, its KL weighed: μ and log σ² `[B, Z]`.
    fn minus_elbo(
        &self,
        shown: &Shown,
        [mu, log_var]: [&Tensor; 2],
        beta: f64,
        log: &mut Log,
    ) -> Result<Tensor> {
        let VaeConfig { k, free_nats, .. } = self.config;
        let (means, log_vars) = (copies(mu, k)?, copies(log_var, k)?); // [K·B, Z]
        let z = reparameterise(&means, &log_vars, self.epsilon.tensor())?; // [K·B, Z]
        let (x, output) = self.decoded_copies(shown, &z)?; // [K·B, D], [K·B, outputs·D]
        let nll = self.likelihood.mean_nll(&output, &x)?;
        let kl = loss::kl_standard_normal(mu, log_var)?;
        log.tensor("train/reconstruction", &nll)?;
        log.tensor("train/kl", &kl)?;
        let kl = if free_nats > 0.0 { kl_beyond(mu, log_var, free_nats)? } else { kl };
        Ok((nll + (kl * beta)?)?)
    }

    /// −L_K of a batch, of the same shapes.
    fn minus_iwae(
        &self,
        shown: &Shown,
        [mu, log_var]: [&Tensor; 2],
        log: &mut Log,
    ) -> Result<Tensor> {
        let (k, epsilon) = (self.config.k, self.epsilon.tensor());
        log.tensor("train/kl", &loss::kl_standard_normal(&mu.detach(), &log_var.detach())?)?;
        let (mu, log_var) = (copies(mu, k)?, copies(log_var, k)?); // [K·B, Z]
        let z = reparameterise(&mu, &log_var, epsilon)?; // [K·B, Z]
        let (x, output) = self.decoded_copies(shown, &z)?; // [K·B, D], [K·B, outputs·D]
        let nll = self.likelihood.nll(&output, &x)?; // [K·B]
        log.tensor("train/reconstruction", &nll.mean_all()?)?;
        let log_w = log_weights(&nll, &z, &log_var, epsilon)?; // [K·B]
        Ok(log_mean_exp(&log_w.reshape((k, self.config.batch))?)?.mean_all()?.neg()?)
    }

    /// As many copies of the pictures as there are draws in z `[K·B, Z]`, as rows, and what the decoder
    /// says to each.
    fn decoded_copies(&self, shown: &Shown, z: &Tensor) -> Result<(Tensor, Tensor)> {
        let k = self.config.k;
        let label = shown.label.as_ref().map(|label| copies(label, k)).transpose()?; // [K·B, L]
        let output = self.training.decode(z, label.as_ref())?; // [K·B, outputs·D]
        Ok((copies(&shown.x.flatten_from(1)?, k)?, output))
    }

    /// `images[rows]`.
    fn shown(&self, images: &Images, rows: Range<usize>) -> Result<Shown> {
        let labels = images.labels().map_or(&[][..], |labels| &labels.of[rows.clone()]);
        Ok(Shown { x: images.tensor(rows, &self.device)?, label: self.labels(labels)? })
    }

    /// `[n, L]` for n `labels`, where the networks are told any.
    fn labels(&self, labels: &[u32]) -> Result<Option<Tensor>> {
        if !self.config.conditional {
            return Ok(None);
        }
        let labels = Tensor::from_slice(labels, labels.len(), &self.device)?; // [n]
        Ok(Some(one_hot(&labels, self.classes.len())?))
    }

    fn held_out(&self, split: Split) -> (&Images, &'static str) {
        match split {
            Split::Validation => (&self.validation, "validation"),
            Split::Test => (&self.test, "test"),
        }
    }

    /// Negative log-likelihood and KL of each of `images`, in nats, and its mean squared error, by one z
    /// each, which is drawn from what the encoder says of `shown`.
    fn score(&self, images: &Images, shown: &Images, mut noise: Rng) -> Result<[Vec<f64>; 3]> {
        let mut all = [Vec::new(), Vec::new(), Vec::new()];
        for first in (0..images.len()).step_by(GROUP) {
            pulse::progress("evaluating", first, images.len())?;
            let rows = first..images.len().min(first + GROUP);
            let shown = self.shown(shown, rows.clone())?;
            let (mu, log_var) = self.frozen.encode(&shown)?; // [n, Z]
            let z = match self.config.objective {
                Objective::Elbo | Objective::Iwae => {
                    let drawn = normals(mu.elem_count(), &mut noise);
                    let drawn = Tensor::from_vec(drawn, mu.shape(), &self.device)?;
                    reparameterise(&mu, &log_var, &drawn)?
                }
                Objective::Reconstruction => mu.clone(),
            }; // [n, Z]
            let output = self.frozen.decode(&z, shown.label.as_ref())?; // [n, outputs·D]
            let x = images.tensor(rows, &self.device)?.flatten_from(1)?; // [n, D]
            let parts = [self.likelihood.nll(&output, &x)?, kl(&mu, &log_var)?];
            for (all, part) in all.iter_mut().zip(parts) {
                all.extend(part.to_vec1::<f32>()?.into_iter().map(f64::from));
            }
            all[2].extend(squared_errors(self.likelihood, &output, &x)?);
        }
        Ok(all)
    }

    /// L_K of the first `n` pictures of `split`, by draws that nothing else makes.
    fn iwae(&self, split: Split, k: usize, n: usize) -> Result<Measure> {
        let (images, purpose) = self.held_out(split);
        let mut noise = stream(self.seed, &format!("{purpose}/iwae"));
        let mut bounds = Vec::new();
        for first in (0..images.len().min(n)).step_by(GROUP) {
            pulse::progress("bounding", first, images.len().min(n))?;
            let rows = first..images.len().min(n).min(first + GROUP);
            let shown = self.shown(images, rows)?;
            let likelihood = self.likelihood;
            bounds.extend(importance_weighted(&self.frozen, likelihood, &shown, k, &mut noise)?);
        }
        Ok(self.log_likelihood(&bounds))
    }

    /// The mean of −log p of images, each given something: not below 0 where p is a probability.
    fn nats(&self, samples: &[f64]) -> Measure {
        let least = if self.likelihood.is_discrete() { 0.0 } else { f64::NEG_INFINITY };
        Measure::of(samples).within([least, f64::INFINITY])
    }

    /// The mean of log p of images, or of bounds below it: not above 0 where p is a probability.
    fn log_likelihood(&self, samples: &[f64]) -> Measure {
        let most = if self.likelihood.is_discrete() { 0.0 } else { f64::INFINITY };
        Measure::of(samples).within([f64::NEG_INFINITY, most])
    }

    /// Pictures of how white each pixel is on average, for z `[n, Z]` and labels `[n, L]`.
    fn decoded(&self, z: &Tensor, label: Option<&Tensor>) -> Result<Images> {
        pictures(self.likelihood, &self.frozen.decode(z, label)?, self.shape)
    }

    /// A picture for each of `labels`, or `n` where the networks are told none.
    fn drawn(&self, n: usize, labels: &[u32], rng: &mut Rng) -> Result<Option<Images>> {
        if self.config.objective == Objective::Reconstruction {
            return Ok(None);
        }
        let latents = self.config.latents;
        let z = Tensor::from_vec(normals(n * latents, rng), (n, latents), &self.device)?;
        Ok(Some(self.decoded(&z, self.labels(labels)?.as_ref())?))
    }
}

/// Pictures scored at once.
const GROUP: usize = 500;

impl Learner for Vae {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        let seen = self.loader.drawn();
        let VaeConfig { beta, beta_steps, lr, lr_end, lr_steps, .. } = self.config;
        let beta = Linear { from: 0.0, to: beta, over: beta_steps }.at(seen);
        if beta_steps > 0 {
            log.scalar("train/beta", beta);
        }
        self.optimizer.set_lr(lr * Linear { from: 1.0, to: lr_end, over: lr_steps }.at(seen));
        let x = self.loader.next_batch()?.clone(); // [B, C, H, W]
        let label = match self.loader.labels() {
            Some(labels) if self.config.conditional => Some(one_hot(labels, self.classes.len())?), // [B, L]
            _ => None,
        };
        let corrupted = Shown { x: self.corruption.corrupt(&x)?, label };
        let (mu, log_var) = self.training.encode(&corrupted)?; // [B, Z]
        let shown = Shown { x, label: corrupted.label };
        if self.config.objective != Objective::Reconstruction {
            let noise = &mut self.noise;
            self.epsilon.fill(|to| to.fill_with(|| StandardNormal.sample(noise)))?;
        }
        let loss = match self.config.objective {
            Objective::Elbo => self.minus_elbo(&shown, [&mu, &log_var], beta, log)?,
            Objective::Iwae => self.minus_iwae(&shown, [&mu, &log_var], log)?,
            Objective::Reconstruction => {
                let (x, output) = self.decoded_copies(&shown, &mu)?; // [B, D], [B, outputs·D]
                let nll = self.likelihood.mean_nll(&output, &x)?;
                log.tensor("train/reconstruction", &nll)?;
                nll
            }
        };
        log.tensor("train/loss", &loss)?;
        self.optimizer.step(&loss)?;
        log.updated();
        Ok(Progress::Advanced(self.config.batch as u64))
    }

    fn evaluate(&mut self, split: Split) -> Result<Evaluation> {
        let (images, purpose) = self.held_out(split);
        let [nll, kl, errors] = self.score(images, images, stream(self.seed, purpose))?;
        let reconstruction = self.nats(&nll);
        let mut measures = BTreeMap::from([
            ("reconstruction_nats".to_owned(), reconstruction),
            ("reconstruction_mse".to_owned(), Measure::of(&errors).within(POSITIVE)),
        ]);
        measures.extend(self.latent_measures(split)?);
        if self.config.objective == Objective::Reconstruction {
            if self.config.corrupt == 0.0 {
                return Ok(
                    Evaluation::minimise("reconstruction_nats", reconstruction).with(measures)
                );
            }
            let noise = stream(self.seed, &format!("{purpose}/corrupt"));
            let shown = corrupted(images, self.config.corrupt, noise)?;
            let [nll, ..] = self.score(images, &shown, stream(self.seed, purpose))?;
            return Ok(Evaluation::minimise("denoising_nats", self.nats(&nll)).with(measures));
        }
        let elbo: Vec<f64> = nll.iter().zip(&kl).map(|(nll, kl)| -nll - kl).collect();
        let bound = self.log_likelihood(&elbo);
        measures.insert("elbo_nats".to_owned(), bound);
        measures.insert("kl_nats".to_owned(), Measure::of(&kl).within(POSITIVE));
        // A density at a grey value is no probability: bits would count nothing.
        if self.likelihood.is_discrete() {
            let per_dim = -1.0 / (self.shape.len() as f64 * LN_2);
            let bits: Vec<f64> = elbo.iter().map(|elbo| elbo * per_dim).collect();
            measures.insert("bits_per_dim".to_owned(), Measure::of(&bits).within(POSITIVE));
        }
        let (name, bound) = match self.config.objective {
            Objective::Iwae => ("iwae_nats", self.iwae(split, self.config.k, images.len())?),
            _ => ("elbo_nats", bound),
        };
        Ok(Evaluation::maximise(name, bound).with(measures))
    }

    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.params.state(MODEL, checkpoint)?;
        self.optimizer.state("optimizer", checkpoint)?;
        self.loader.state("data", checkpoint)?;
        self.corruption.state("corrupt", checkpoint)?;
        checkpoint.value("noise", &mut self.noise)
    }
}

impl Generative for Vae {
    /// Of a conditional model, the classes take turns.
    fn sample(&self, n: usize, rng: &mut Rng) -> Result<Option<Images>> {
        let labels: Vec<u32> = (0..self.classes.len() as u32).cycle().take(n).collect();
        self.drawn(n, &labels, rng)
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn sample_class(&self, class: usize, n: usize, rng: &mut Rng) -> Result<Option<Images>> {
        match self.classes.get(class) {
            Some(_) => self.drawn(n, &vec![class as u32; n], rng),
            None => Ok(None),
        }
    }

    fn importance_weighted(&self, k: usize, n: usize) -> Result<Option<Measure>> {
        match self.config.objective {
            Objective::Elbo | Objective::Iwae => Ok(Some(self.iwae(Split::Test, k, n)?)),
            Objective::Reconstruction => Ok(None),
        }
    }

    fn work(&self) -> Work {
        Work::at_once(self.params.count())
    }

    fn sheets(&self) -> Result<Vec<ImageGrid>> {
        self.all_sheets()
    }

    fn map(&self) -> Result<Option<Map>> {
        latents::map(self, &self.validation)
    }
}

#[cfg(test)]
mod tests;
