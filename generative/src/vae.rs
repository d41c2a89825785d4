//! Variational auto-encoder (Kingma & Welling 2014, "Auto-encoding variational Bayes",
//! <https://arxiv.org/abs/1312.6114>, algorithm 1 with L = 1), and the plain auto-encoder beside it.
//!
//! log p(x) ≥ ELBO = E_q(z|x)[log p(x|z)] − KL(q(z|x) ‖ N(0, 1)), where q(z|x) = N(μ(x), σ²(x)) is what
//! the encoder says and p(x|z) what the decoder says, pixel by pixel black or white. z = μ + σ·ε with ε
//! drawn from N(0, 1) lets the gradient through to the encoder. `--objective reconstruction` is the
//! auto-encoder: z = μ, and no KL. Where we leave the paper: ReLU in place of tanh, Adam in place of
//! Adagrad.
use crate::data::{Binarisation, ImageLoader, Images, Parts, Shape};
use crate::{Generative, Sheet};
use anyhow::Result;
use candle_core::{Device, Module, Tensor};
use clap::ValueEnum;
use nn::{
    Activation, Frozen, HostTensor, Linear, Optimizer, OptimizerConfig, Params, Sequential, loss,
    reparameterise,
};
use rand_distr::{Distribution as _, StandardNormal};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::f64::consts::LN_2;
use train::{
    BadValue, Checkpoint, Evaluation, Learner, Log, MODEL, Measure, Progress, Rng, Split, stream,
};

train::hyper_parameters! {
    /// Hyper-parameters of [`Vae`].
    pub struct VaeConfig {
        /// What is maximised: elbo, or reconstruction, which is a plain auto-encoder
        #[arg(value_enum, hide_possible_values = true)]
        objective: Objective = Objective::Elbo;
        /// Black and white pictures from grey ones: static, dynamic (drawn anew each time) or none
        #[arg(value_enum, hide_possible_values = true)]
        binarisation: Binarisation = Binarisation::Dynamic;
        /// Latent numbers of a picture
        latents: usize = 20, in 1..=1 << 14;
        /// Units in the hidden layer of encoder and decoder
        hidden: usize = 400, in 1..=1 << 14;
        /// Step size
        lr: f64 = 1e-3, in 0.0..;
        /// Pictures in a batch
        batch: usize = 128, in 1..=1 << 20;
    }
}

/// What a [`Vae`] maximises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Objective {
    /// The evidence lower bound.
    Elbo,
    /// log p(x|μ(x)): an auto-encoder, which can't be drawn from.
    Reconstruction,
}

/// −log p(x|z) of each picture, Σ softplus(l) − l·x, for logits l and pixels x in 0..=1, both `[B, D]`;
/// the result is `[B]`, in nats.
///
/// # Errors
/// Where the shapes don't fit.
pub fn reconstruction(logits: &Tensor, x: &Tensor) -> candle_core::Result<Tensor> {
    let softplus = (logits.relu()? + (logits.abs()?.neg()?.exp()? + 1.0)?.log()?)?;
    (softplus - (logits * x)?)?.sum(1)
}

/// KL(N(mu, e^log_var) ‖ N(0, 1)) of each picture, −½·Σ (1 + log_var − mu² − e^log_var), for `[B, Z]`;
/// the result is `[B]`, in nats.
///
/// # Errors
/// Where the shapes don't fit.
pub fn kl(mu: &Tensor, log_var: &Tensor) -> candle_core::Result<Tensor> {
    (((mu.sqr()? + log_var.exp()?)? - log_var)? - 1.0)?.sum(1)? * 0.5
}

/// A variational auto-encoder and the pictures it learns from.
pub struct Vae {
    config: VaeConfig,
    seed: u64,
    device: Device,
    shape: Shape,
    loader: ImageLoader,
    validation: Images,
    test: Images,
    params: Params,
    training: Networks<Sequential>,
    frozen: Networks<Frozen>,
    optimizer: Optimizer,
    noise: Rng,
    epsilon: HostTensor<f32>,
}

/// Encoder and decoder: one hidden layer each, `[B, hidden]`.
struct Networks<N> {
    /// `[B, D]` to `[B, hidden]`.
    encoder: N,
    /// `[B, hidden]` to `[B, Z]`.
    mu: N,
    /// `[B, hidden]` to `[B, Z]`.
    log_var: N,
    /// `[B, Z]` to logits, `[B, D]`.
    decoder: N,
}

impl Networks<Sequential> {
    fn new(params: &Params, d: usize, config: &VaeConfig) -> candle_core::Result<Self> {
        let VaeConfig { hidden, latents, .. } = *config;
        let dense = |name: &str, inputs, outputs, activation| {
            Ok::<_, candle_core::Error>(
                Linear::new(params, name, inputs, outputs, activation)?.into(),
            )
        };
        let one = |layer| Sequential::new(vec![layer]);
        Ok(Self {
            encoder: one(dense("encoder", d, hidden, Activation::Relu)?),
            mu: one(dense("mu", hidden, latents, Activation::Linear)?),
            log_var: one(dense("log_var", hidden, latents, Activation::Linear)?),
            decoder: Sequential::new(vec![
                dense("decoder", latents, hidden, Activation::Relu)?, // [B, hidden]
                dense("out", hidden, d, Activation::Linear)?,         // [B, D]
            ]),
        })
    }

    fn frozen(&self) -> Networks<Frozen> {
        Networks {
            encoder: self.encoder.frozen(),
            mu: self.mu.frozen(),
            log_var: self.log_var.frozen(),
            decoder: self.decoder.frozen(),
        }
    }
}

impl<N: Module> Networks<N> {
    /// μ and log σ² of q(z|x), `[B, Z]`, for x `[B, D]`.
    fn encode(&self, x: &Tensor) -> candle_core::Result<(Tensor, Tensor)> {
        let h = self.encoder.forward(x)?; // [B, hidden]
        Ok((self.mu.forward(&h)?, self.log_var.forward(&h)?))
    }
}

impl Vae {
    /// An untrained one for `data`.
    ///
    /// # Errors
    /// [`BadValue`] where a hyper-parameter is out of range, or grey pictures are to be given a
    /// likelihood.
    pub fn new(data: Parts<Images>, config: VaeConfig, seed: u64, device: &Device) -> Result<Self> {
        config.check()?;
        let grey = config.binarisation == Binarisation::None && data.train.levels() > 2;
        if config.objective == Objective::Elbo && grey {
            let expected = "a pixel that is black or white has no likelihood of a grey; give static or \
                            dynamic, or --objective reconstruction";
            return Err(BadValue::new("binarisation", "none", expected).into());
        }
        let data = config.binarisation.prepare(data)?;
        let shape = data.train.shape();
        let params = Params::new(seed, device);
        let training = Networks::new(&params, shape.len(), &config)?;
        let loader = ImageLoader::new(data.train, config.batch, config.binarisation, seed, device)?;
        Ok(Self {
            seed,
            device: device.clone(),
            shape,
            loader,
            validation: data.validation,
            test: data.test,
            frozen: training.frozen(),
            training,
            optimizer: Optimizer::new(&params, OptimizerConfig::adam(config.lr))?,
            params,
            noise: stream(seed, "noise"),
            epsilon: HostTensor::new((config.batch, config.latents), device)?,
            config,
        })
    }

    /// Negative log-likelihood and KL of each of `images`, in nats, by one z each.
    fn score(&self, images: &Images, mut noise: Rng) -> Result<[Vec<f64>; 2]> {
        let mut all = [Vec::new(), Vec::new()];
        for first in (0..images.len()).step_by(GROUP) {
            let rows = first..images.len().min(first + GROUP);
            let x = images.tensor(rows, &self.device)?.flatten_from(1)?; // [n, D]
            let (mu, log_var) = self.frozen.encode(&x)?; // [n, Z]
            let z = match self.config.objective {
                Objective::Elbo => {
                    let drawn = normals(mu.elem_count(), &mut noise);
                    reparameterise(
                        &mu,
                        &log_var,
                        &Tensor::from_vec(drawn, mu.shape(), &self.device)?,
                    )?
                }
                Objective::Reconstruction => mu.clone(),
            }; // [n, Z]
            let parts =
                [reconstruction(&self.frozen.decoder.forward(&z)?, &x)?, kl(&mu, &log_var)?];
            for (all, part) in all.iter_mut().zip(parts) {
                all.extend(part.to_vec1::<f32>()?.into_iter().map(f64::from));
            }
        }
        Ok(all)
    }

    /// Pictures of how white each pixel is likely to be, for z `[n, Z]`.
    fn decoded(&self, z: &Tensor) -> Result<Images> {
        let logits: Vec<f32> = self.frozen.decoder.forward(z)?.flatten_all()?.to_vec1()?;
        let grey = |logit: f32| (255.0 / (1.0 + (-logit).exp())).round() as u8;
        Images::new(self.shape, 256, logits.into_iter().map(grey).collect(), None)
    }
}

/// Pictures scored at once.
const GROUP: usize = 500;

/// Pictures in a row of a sheet, and rows of it.
const COLUMNS: usize = 10;

fn normals(n: usize, rng: &mut Rng) -> Vec<f32> {
    (0..n).map(|_| StandardNormal.sample(rng)).collect()
}

impl Learner for Vae {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        let x = self.loader.next_batch()?.flatten_from(1)?; // [B, D]
        let (mu, log_var) = self.training.encode(&x)?; // [B, Z]
        let elbo = self.config.objective == Objective::Elbo;
        let z = if elbo {
            let noise = &mut self.noise;
            self.epsilon.fill(|to| to.fill_with(|| StandardNormal.sample(noise)))?;
            reparameterise(&mu, &log_var, self.epsilon.tensor())? // [B, Z]
        } else {
            mu.clone()
        };
        let nll = loss::bernoulli_nll(&self.training.decoder.forward(&z)?, &x)?;
        log.tensor("train/reconstruction", &nll)?;
        let loss = if elbo {
            let kl = loss::kl_standard_normal(&mu, &log_var)?;
            log.tensor("train/kl", &kl)?;
            (nll + kl)?
        } else {
            nll
        };
        log.tensor("train/loss", &loss)?;
        self.optimizer.step(&loss)?;
        Ok(Progress::Advanced(self.config.batch as u64))
    }

    fn evaluate(&mut self, split: Split) -> Result<Evaluation> {
        let (images, purpose) = match split {
            Split::Validation => (&self.validation, "validation"),
            Split::Test => (&self.test, "test"),
        };
        let [nll, kl] = self.score(images, stream(self.seed, purpose))?;
        if self.config.objective == Objective::Reconstruction {
            let measure = Measure::of(&nll);
            let measures = BTreeMap::from([("reconstruction_nats".to_owned(), measure)]);
            return Ok(Evaluation { score: -measure.mean, measures });
        }
        let elbo: Vec<f64> = nll.iter().zip(&kl).map(|(nll, kl)| -nll - kl).collect();
        let per_dim = -1.0 / (self.shape.len() as f64 * LN_2);
        let bits: Vec<f64> = elbo.iter().map(|elbo| elbo * per_dim).collect();
        let measures = [
            ("elbo_nats", &elbo),
            ("reconstruction_nats", &nll),
            ("kl_nats", &kl),
            ("bits_per_dim", &bits),
        ];
        let measures = measures.map(|(name, samples)| (name.to_owned(), Measure::of(samples)));
        Ok(Evaluation { score: Measure::of(&elbo).mean, measures: measures.into() })
    }

    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.params.state(MODEL, checkpoint)?;
        self.optimizer.state("optimizer", checkpoint)?;
        self.loader.state("data", checkpoint)?;
        checkpoint.value("noise", &mut self.noise)
    }
}

impl Generative for Vae {
    fn sample(&self, n: usize, rng: &mut Rng) -> Result<Option<Images>> {
        if self.config.objective == Objective::Reconstruction {
            return Ok(None);
        }
        let latents = self.config.latents;
        let z = Tensor::from_vec(normals(n * latents, rng), (n, latents), &self.device)?;
        Ok(Some(self.decoded(&z)?))
    }

    fn sheets(&self) -> Result<Vec<Sheet>> {
        let drawn = self.sample(COLUMNS * COLUMNS, &mut stream(self.seed, "samples"))?;
        let drawn = drawn.map(|images| Sheet { name: "samples", images, columns: COLUMNS });
        let mut sheets: Vec<_> = drawn.into_iter().collect();
        let n = (self.validation.len() / COLUMNS).min(COLUMNS / 2) * COLUMNS;
        if n > 0 {
            let x = self.validation.tensor(0..n, &self.device)?.flatten_from(1)?; // [n, D]
            let decoded = self.decoded(&self.frozen.encode(&x)?.0)?;
            let highest = self.validation.levels() - 1;
            let (mut pixels, row) = (Vec::new(), COLUMNS * self.shape.len());
            let originals = self.validation.pixels()[..n * self.shape.len()].chunks_exact(row);
            for (original, decoded) in originals.zip(decoded.pixels().chunks_exact(row)) {
                pixels.extend(original.iter().map(|&x| (u16::from(x) * 255 / highest) as u8));
                pixels.extend_from_slice(decoded);
            }
            let images = Images::new(self.shape, 256, pixels, None)?;
            sheets.push(Sheet { name: "reconstructions", images, columns: COLUMNS });
        }
        Ok(sheets)
    }
}

#[cfg(test)]
mod tests;
