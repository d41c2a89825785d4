//! The learner around a network.
use super::figures::{self, COLUMNS};
use super::sampling::Sampling;
use super::{AutoregressiveNetwork, Output, Settings, Subject, order, receptive_field};
use crate::data::{Binarisation, ImageLoader, Images, Parts, Shape};
use crate::latents::LatentSpace;
use crate::model::check_class;
use crate::work::{TRAINED, Work};
use crate::{
    AncestralSampling, Codebook, ExactLikelihood, Generative, ImageGrid, ImageSampler,
    ImportanceWeighted, LatentMap, PointSampler,
};
use anyhow::Result;
use candle_core::{Device, Tensor};
use nn::onnx::Export;
use nn::{Optimizer, OptimizerConfig, Params};
use rand::Rng as _;
use std::f64::consts::LN_2;
use train::{
    BadValue, Checkpoint, Evaluation, Learner, Linear, Log, MODEL, Measure, Memory, POSITIVE,
    Progress, Rng, Split, is_host, pulse, stream,
};

/// An autoregressive network and the images it learns from.
pub struct Autoregressive {
    settings: Settings,
    seed: u64,
    device: Device,
    subject: Subject,
    /// Names of the classes that the network is conditioned on.
    classes: Vec<String>,
    loader: ImageLoader,
    validation: Images,
    test: Images,
    params: Params,
    training: Box<dyn AutoregressiveNetwork>,
    frozen: Box<dyn AutoregressiveNetwork>,
    /// Makes the network once more, for a copy on another device.
    make: Make,
    optimizer: Optimizer,
}

/// Makes a network with new parameters.
type Make = Box<
    dyn Fn(&Params, &Subject) -> candle_core::Result<Box<dyn AutoregressiveNetwork>> + Send + Sync,
>;

impl Autoregressive {
    /// An untrained one for `data`, with the network that `make` makes.
    ///
    /// # Errors
    /// [`BadValue`] where a hyper-parameter is out of range or does not go with the data; where the network
    /// depends on later values.
    pub(crate) fn new(
        data: Parts<Images>,
        settings: Settings,
        (seed, device): (u64, &Device),
        memory: impl FnOnce(&Subject) -> Memory,
        make: impl Fn(&Params, &Subject) -> candle_core::Result<Box<dyn AutoregressiveNetwork>>
        + Send
        + Sync
        + 'static,
    ) -> Result<Self> {
        let data = prepared(data, &settings)?;
        let classes = match (settings.conditional, data.train.labels()) {
            (false, _) => Vec::new(),
            (true, Some(labels)) => labels.names.clone(),
            (true, None) => {
                let expected =
                    "the images have no labels; give a set that has, as in --data glyphs";
                return Err(BadValue::new("conditional", true, expected).into());
            }
        };
        let levels = match settings.binarisation {
            Binarisation::None => data.train.levels(),
            Binarisation::Static | Binarisation::Dynamic => 2,
        };
        if settings.mixture > 0 && levels == 2 {
            let expected = "pixels are black or white and have one logit; give --binarisation none \
                            for greys, or --mixture 0";
            return Err(BadValue::new("mixture", settings.mixture, expected).into());
        }
        train::check_learning_rate(settings.lr_end, settings.lr_steps, 0)?;
        let output = Output::of(levels, settings.mixture);
        let (shape, n_classes) = (data.train.shape(), classes.len());
        let subject = Subject { shape, output, classes: n_classes };
        memory(&subject).check()?;
        let params = Params::new(seed, device);
        let training = make(&params, &subject)?;
        let frozen = training.detached();
        order::check(&*frozen, shape, n_classes, device, &mut stream(seed, "order"))?;
        let Settings { batch, binarisation, lr, max_grad_norm, .. } = settings;
        let rule = OptimizerConfig::adam(lr);
        let rule = if max_grad_norm > 0.0 { rule.clipped(max_grad_norm) } else { rule };
        Ok(Self {
            settings,
            seed,
            device: device.clone(),
            subject,
            classes,
            loader: ImageLoader::new(data.train, batch, binarisation, seed, device)?,
            validation: data.validation,
            test: data.test,
            optimizer: Optimizer::new(&params, rule)?,
            params,
            training,
            frozen,
            make: Box::new(make),
        })
    }

    /// A copy of the network on the CPU, where values are sampled one by one, if it is elsewhere.
    fn on_host(&self) -> Result<Option<Box<dyn AutoregressiveNetwork>>> {
        if is_host(&self.device) {
            return Ok(None);
        }
        let params = Params::new(self.seed, &Device::Cpu);
        let network = (self.make)(&params, &self.subject)?;
        params.copy_from(&self.params)?;
        Ok(Some(network.detached()))
    }

    /// log p of each of `images`, in nats.
    pub(crate) fn log_likelihoods(&self, images: &Images) -> Result<Vec<f64>> {
        let Subject { shape, output, classes } = self.subject;
        // A few million logits at once, and so few images that Ctrl-C is handled between them.
        let group = ((1 << 22) / (shape.len() * output.params())).clamp(1, 50);
        let mut all = Vec::new();
        for first in (0..images.len()).step_by(group) {
            pulse::progress("evaluating", first, images.len())?;
            let rows = first..images.len().min(first + group);
            let x = images.tensor(rows.clone(), &self.device)?; // [n, C, H, W]
            let classes = match images.labels() {
                Some(labels) if classes > 0 => Some(Tensor::new(&labels.of[rows], &self.device)?),
                _ => None,
            };
            let logits = self.frozen.forward(&x.affine(2.0, -1.0)?, classes.as_ref())?;
            all.extend(output.nll(&logits, &x)?.into_iter().map(|nll| -nll));
        }
        Ok(all)
    }

    /// Passes over images that training and the last evaluation made, about.
    fn passed(&self) -> u64 {
        TRAINED * self.loader.taken() + self.test.len() as u64
    }
}

/// Multiply-adds of the distribution of a value and of sampling from it: measured with a small MADE.
const EACH: u64 = 16;

fn prepared(data: Parts<Images>, settings: &Settings) -> Result<Parts<Images>> {
    if settings.binarisation != Binarisation::None {
        return settings.binarisation.prepare(data);
    }
    let coarse = |images: &Images| images.coarse(settings.levels as u16);
    Ok(Parts {
        train: coarse(&data.train)?,
        validation: coarse(&data.validation)?,
        test: coarse(&data.test)?,
        entropy: data.entropy,
    })
}

impl Learner for Autoregressive {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        let Settings { lr, lr_end, lr_steps, batch, .. } = self.settings;
        let schedule = Linear { from: lr, to: lr * lr_end, over: lr_steps };
        self.optimizer.set_lr(schedule.at(self.loader.taken()));
        let x = self.loader.next_batch()?.clone(); // [B, C, H, W]
        let classes = self.loader.labels().filter(|_| self.subject.classes > 0); // [B]
        let logits = self.training.forward(&x.affine(2.0, -1.0)?, classes)?; // [B, C·P, H, W]
        let loss = self.subject.output.loss(&logits, &x)?;
        log.tensor("train/loss", &loss)?;
        log.tensor("train/grad_norm", &self.optimizer.step(&loss)?.grad_norm)?;
        log.updated();
        Ok(Progress::Advanced(batch as u64))
    }

    fn evaluate(&mut self, split: Split) -> Result<Evaluation> {
        let log_likelihoods = match split {
            Split::Validation => {
                let n = self.validation.len().min(self.settings.eval_images);
                self.log_likelihoods(&self.validation.take(0..n))?
            }
            Split::Test => self.log_likelihoods(&self.test)?,
        };
        let nats: Vec<f64> = log_likelihoods.iter().map(|log| -log).collect();
        let per_dim = 1.0 / (self.subject.shape.len() as f64 * LN_2);
        let bits: Vec<f64> = nats.iter().map(|nats| nats * per_dim).collect();
        let [nats, bits] = [nats, bits].map(|of| Measure::of(&of).within(POSITIVE));
        Ok(Evaluation::minimise("nll_nats", nats).with([("bits_per_dim".to_owned(), bits)]))
    }

    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.params.state(MODEL, checkpoint)?;
        self.optimizer.state("optimizer", checkpoint)?;
        self.loader.state("data", checkpoint)
    }
}

impl AncestralSampling for Autoregressive {
    fn sample_at(
        &self,
        n: usize,
        temperature: f64,
        class: Option<u32>,
        rng: &mut Rng,
    ) -> Result<Images> {
        check_class(class, &self.classes)?;
        let classes = self.subject.classes as u32;
        let of: Option<Vec<u32>> = (classes > 0).then(|| {
            (0..n).map(|_| class.unwrap_or_else(|| rng.random_range(0..classes))).collect()
        });
        let mut pixels = vec![0; n * self.subject.shape.len()];
        let Subject { shape, output, .. } = self.subject;
        let sampling = Sampling { shape, output, temperature, classes: of.as_deref(), given: 0 };
        let copy = self.on_host()?;
        sampling.sample(copy.as_deref().unwrap_or(&*self.frozen), &mut pixels, rng)?;
        Images::new(shape, output.levels() as u16, pixels, None)
    }

    fn completions(
        &self,
        split: Split,
        rows: usize,
        temperature: f64,
        rng: &mut Rng,
    ) -> Result<Option<ImageGrid>> {
        let images = match split {
            Split::Validation => &self.validation,
            Split::Test => &self.test,
        };
        let copy = self.on_host()?;
        let network = copy.as_deref().unwrap_or(&*self.frozen);
        figures::completions(network, &self.subject, (images, rows), temperature, rng)
    }
}

impl ExactLikelihood for Autoregressive {
    fn log_probs(&self, images: &Images) -> Result<Vec<f64>> {
        self.log_likelihoods(images)
    }
}

impl ImageSampler for Autoregressive {
    fn sample_images(&self, n: usize, class: Option<u32>, rng: &mut Rng) -> Result<Images> {
        self.sample_at(n, 1.0, class, rng)
    }
}

impl Generative for Autoregressive {
    fn work(&self) -> Work {
        let shape = self.subject.shape;
        let used = self.frozen.uses(shape) as u64;
        let products = (self.params.count() as u64).saturating_mul(used);
        let pass = products.saturating_add(EACH * shape.len() as u64);
        Work::by_passes(pass, self.frozen.passes(shape))
    }

    fn image_grids(&self) -> Result<Vec<ImageGrid>> {
        let rows = figures::affordable_rows(self.work(), self.passed());
        let mut grids = Vec::new();
        if rows > 0 {
            let rng = &mut stream(self.seed, "samples");
            let images = self.sample_at(rows * COLUMNS, 1.0, None, rng)?;
            grids.push(ImageGrid { name: "samples", images, columns: COLUMNS });
            let rng = &mut stream(self.seed, "completions");
            grids.extend(self.completions(Split::Validation, rows.div_ceil(2), 1.0, rng)?);
        }
        let rng = &mut stream(self.seed, "receptive");
        grids.push(receptive_field::image_grid(&*self.frozen, &self.subject, &self.device, rng)?);
        Ok(grids)
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn image_sampler(&self) -> Option<&dyn ImageSampler> {
        Some(self)
    }

    fn point_sampler(&self) -> Option<&dyn PointSampler> {
        None
    }

    fn importance_weighted(&self) -> Option<&dyn ImportanceWeighted> {
        None
    }

    fn latent_map(&self) -> Option<&dyn LatentMap> {
        None
    }

    fn autoregressive(&self) -> Option<&dyn AncestralSampling> {
        Some(self)
    }

    fn takes(&self) -> Option<(Shape, u16)> {
        Some((self.subject.shape, self.subject.output.levels() as u16))
    }

    fn latent_space(&self) -> Option<&dyn LatentSpace> {
        None
    }

    fn codebook(&self) -> Option<&dyn Codebook> {
        None
    }

    fn exact_likelihood(&self) -> Option<&dyn ExactLikelihood> {
        Some(self)
    }

    /// A sample takes as many passes as it has numbers, and masks of its own for each.
    fn exports(&self) -> Vec<Export<'_>> {
        Vec::new()
    }
}
