//! Vector-quantised variational auto-encoder (van den Oord, Vinyals & Kavukcuoglu 2017, "Neural discrete
//! representation learning", <https://arxiv.org/abs/1711.00937>).
//!
//! The encoder gives z, a grid of vectors; each is replaced by the nearest code e of a codebook, and the decoder
//! gives p(x|e). The loss is equation 3,
//!
//! L = −log p(x|e) + ‖sg\[z\] − e‖² + β·‖z − sg\[e\]‖²,
//!
//! where sg stops the gradient; that of the first term goes straight from e to z. With `--codebook ema` the
//! second term is left out, and codes are exponential moving averages of the rows assigned to them (appendix
//! A.1). Where we leave the paper: the norms are summed over the places of the grid, as log p is over the pixels,
//! in place of their mean; and residual layers have one convolution each, in place of two.
//!
//! Letters, besides the crate's: `[h, w]` the grid, `E` numbers in a code, `M` codes, `R` = B·h·w rows.
use crate::Likelihood;
use crate::data::{ImageLoader, Images, Parts, Shape};
use crate::reconstruction::{mean_images, squared_errors};
use anyhow::{Result, ensure};
use candle_core::{Device, Module, Tensor};
use nn::{Frozen, Init, Optimizer, OptimizerConfig, Params, Sequential, nearest};
use train::{
    Checkpoint, Download as _, Evaluation, Learner, Log, MODEL, Measure, POSITIVE, Progress, Split,
    is_host, pulse, stream,
};

pub mod codebook;
mod config;
mod model;
mod networks;

use codebook::{
    EmaCodebook, RunningMeans, codebook_loss, commitment_loss, counted, perplexity, perplexity_of,
    straight_through,
};
pub use config::{CodebookRule, VqVaeConfig};
use networks::{Networks, grid, rows};

/// A vector-quantised auto-encoder and the images it learns from.
pub struct VqVae {
    config: VqVaeConfig,
    likelihood: Likelihood,
    device: Device,
    shape: Shape,
    loader: ImageLoader,
    validation: Images,
    test: Images,
    params: Params,
    training: Networks<Sequential>,
    frozen: Networks<Frozen>,
    /// `[M, E]`; it takes a gradient unless it is updated by moving averages.
    codebook: Tensor,
    /// 0 … M − 1, `[1, M]`.
    numbers: Tensor,
    ema: Option<EmaCodebook>,
    optimizer: Optimizer,
}

impl VqVae {
    /// An untrained one for `data`.
    ///
    /// # Errors
    /// [`BadValue`](train::BadValue) where a hyper-parameter is out of range, or does not go with another one or
    /// with the images.
    pub fn new(
        data: Parts<Images>,
        config: VqVaeConfig,
        seed: u64,
        device: &Device,
    ) -> Result<Self> {
        config.check_for(&data.train)?;
        let data = config.binarisation.prepare(data)?;
        let shape = data.train.shape();
        let likelihood = config.likelihood.of(config.sigma, data.test.levels());
        config.memory(shape, likelihood.outputs()).check()?;
        let params = Params::new(seed, device);
        let training = Networks::new(&params, shape, likelihood.outputs(), &config)?;
        let (size, init) =
            ((config.codes, config.dims), Init::FanInUniform { fan_in: config.dims });
        let (codebook, ema) = match config.codebook {
            CodebookRule::Loss => (params.var("codebook", size, init)?, None),
            CodebookRule::Ema => {
                let codes = params.buffer("codebook", size, init)?;
                let (means, rng) = (RunningMeans::new(config.codes), stream(seed, "restart"));
                (codes.as_detached_tensor(), Some(EmaCodebook { codes, means, rng }))
            }
        };
        let loader = ImageLoader::new(data.train, config.batch, config.binarisation, seed, device)?;
        Ok(Self {
            likelihood,
            device: device.clone(),
            shape,
            loader,
            validation: data.validation,
            test: data.test,
            frozen: training.frozen(),
            training,
            numbers: Tensor::arange(0, config.codes as u32, device)?.unsqueeze(0)?,
            codebook,
            ema,
            optimizer: Optimizer::new(&params, OptimizerConfig::adam(config.lr))?,
            params,
            config,
        })
    }

    /// The shape of a grid of codes, with one channel.
    pub fn grid(&self) -> Shape {
        Shape { channels: 1, height: self.shape.height / 4, width: self.shape.width / 4 }
    }

    /// The codes of each of `images`, `[n, 1, h, w]` with M levels, labels and all.
    ///
    /// # Errors
    /// Images of another shape than it learned from; what the network reports.
    pub fn codes(&self, images: &Images) -> Result<Images> {
        ensure!(
            images.shape() == self.shape,
            "images of {:?} have no codes, this model knows {:?}",
            images.shape(),
            self.shape
        );
        let mut codes = Vec::new();
        for first in (0..images.len()).step_by(GROUP) {
            pulse::check()?;
            let x = images.tensor(first..images.len().min(first + GROUP), &self.device)?;
            let z = rows(&self.frozen.encoder.forward(&x)?)?; // [R, E]
            let chosen: Vec<u32> = nearest(&z, &self.codebook)?.download()?;
            codes.extend(chosen.into_iter().map(|code| code as u8));
        }
        Images::new(self.grid(), self.config.codes as u16, codes, images.labels().cloned())
    }

    /// Images of how white each pixel is on average, for codes `[n, 1, h, w]`.
    ///
    /// # Errors
    /// Codes that this model does not have, or in another grid; what the network reports.
    pub fn decode(&self, codes: &Images) -> Result<Images> {
        let (levels, grid) = (codes.levels() as usize, self.grid());
        ensure!(
            codes.shape() == grid && levels <= self.config.codes,
            "codes below {levels} in {:?} are not those of this model, which are below {} in {grid:?}",
            codes.shape(),
            self.config.codes
        );
        let mut pixels = Vec::with_capacity(codes.len() * self.shape.len());
        for first in (0..codes.len()).step_by(GROUP) {
            pulse::check()?;
            let output = self.output(&codes.take(first..codes.len().min(first + GROUP)))?;
            pixels.extend_from_slice(mean_images(self.likelihood, &output, self.shape)?.pixels());
        }
        Images::new(self.shape, 256, pixels, codes.labels().cloned())
    }

    /// Outputs of the decoder for codes, `[n, outputs·D]`.
    fn output(&self, codes: &Images) -> Result<Tensor> {
        let chosen: Vec<u32> = codes.pixels().iter().map(|code| u32::from(*code)).collect();
        let chosen = Tensor::from_vec(chosen, codes.pixels().len(), &self.device)?;
        let e = self.codebook.detach().index_select(&chosen, 0)?; // [R, E]
        let e = grid(&e, self.grid())?; // [n, E, h, w]
        Ok(self.frozen.decoder.forward(&e)?.flatten_from(1)?)
    }
}

/// Images taken through the networks at once.
const GROUP: usize = 500;

impl Learner for VqVae {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        let x = self.loader.next_batch()?.clone(); // [B, C, H, W]
        let z = rows(&self.training.encoder.forward(&x)?)?; // [R, E]
        let codes = nearest(&z, &self.codebook)?; // [R]
        let e = self.codebook.index_select(&codes, 0)?; // [R, E]
        let input = grid(&straight_through(&z, &e)?, self.grid())?; // [B, E, h, w]
        let output = self.training.decoder.forward(&input)?.flatten_from(1)?; // [B, D]
        let nll = self.likelihood.mean_nll(&output, &x.flatten_from(1)?)?;
        let commitment = commitment_loss(&z, &e)?;
        log.tensor("train/reconstruction", &nll)?;
        log.tensor("train/commitment", &commitment)?;
        let places = self.grid().len() as f64;
        let mut loss = (nll + (commitment * (self.config.beta * places))?)?;
        if self.ema.is_none() {
            loss = (loss + (codebook_loss(&z, &e)? * places)?)?;
        }
        log.tensor("train/loss", &loss)?;
        self.optimizer.step(&loss)?;
        log.updated();
        if self.ema.is_none() && !is_host(&self.device) {
            log.tensor("train/perplexity", &perplexity_of(&codes, &self.numbers)?)?;
            return Ok(Progress::Advanced(self.config.batch as u64));
        }
        let chosen: Vec<u32> = codes.download()?;
        let counts = counted(chosen.iter().copied(), self.config.codes);
        log.scalar("train/perplexity", perplexity(&counts));
        if let Some(ema) = &mut self.ema {
            let restarted = ema.update(&z, &chosen, &self.config)?;
            log.scalar("train/restarted", restarted as f64);
        }
        Ok(Progress::Advanced(self.config.batch as u64))
    }

    fn evaluate(&mut self, split: Split) -> Result<Evaluation> {
        let images = match split {
            Split::Validation => &self.validation,
            Split::Test => &self.test,
        };
        let (mut nll, mut errors) = (Vec::new(), Vec::new());
        let codes = self.codes(images)?;
        for first in (0..images.len()).step_by(GROUP) {
            pulse::progress("evaluating", first, images.len())?;
            let group = first..images.len().min(first + GROUP);
            let x = images.tensor(group.clone(), &self.device)?.flatten_from(1)?; // [n, D]
            let output = self.output(&codes.take(group))?; // [n, D]
            let each: Vec<f32> = self.likelihood.nll(&output, &x)?.download()?;
            nll.extend(each.into_iter().map(f64::from));
            errors.extend(squared_errors(self.likelihood, &output, &x)?);
        }
        let chosen = codes.pixels().iter().map(|code| u32::from(*code));
        let counts = counted(chosen, self.config.codes);
        let used = counts.iter().filter(|count| **count > 0).count() as f64;
        let others = [
            ("reconstruction_mse", Measure::of(&errors).within(POSITIVE)),
            ("codebook_perplexity", Measure::single(perplexity(&counts))),
            ("codes_used", Measure::single(used)),
        ];
        let others = others.map(|(name, measure)| (name.to_owned(), measure));
        // Not below 0 where it is of a probability.
        let least = if self.likelihood.is_discrete() { 0.0 } else { f64::NEG_INFINITY };
        let nll = Measure::of(&nll).within([least, f64::INFINITY]);
        Ok(Evaluation::minimise("reconstruction_nats", nll).with(others))
    }

    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.params.state(MODEL, checkpoint)?;
        self.optimizer.state("optimizer", checkpoint)?;
        self.loader.state("data", checkpoint)?;
        if let Some(EmaCodebook { means, rng, .. }) = &mut self.ema {
            checkpoint.value("codebook", means)?;
            let codes = self.config.codes;
            let expected = format!("how often each of {codes} codes was chosen is expected");
            checkpoint.check("codebook", &expected, || means.fits(codes))?;
            checkpoint.value("restart", rng)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
