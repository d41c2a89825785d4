//! A small classifier that is trained on the labels of a data set, whose features stand for what images show.
//!
//! Fréchet and kernel distances of images are published over features of a network that was trained on
//! photographs (Heusel et al. 2017, Bińkowski et al. 2018). This one is trained here, on the training part of the
//! data themselves, by a seed of its own: it is the same for every model of a data set, on every device. Numbers over
//! its features are named after it and are compared with each other, never with published ones.
use super::ClassifierOutput;
use crate::data::{Binarisation, ImageLoader, Images, Labels, Parts};
use crate::latents::Vectors;
use anyhow::{Result, ensure};
use candle_core::{Device, Module as _, Tensor};
use nn::{
    Activation, Conv2d, Conv2dConfig, Flatten, Frozen, Linear, Optimizer, OptimizerConfig, Params,
    Sequential, log_softmax, loss,
};
use train::{
    Checkpoint, Download as _, Evaluation, Learner, Linear as Ramp, Log, MODEL, Measure, Plan,
    Progress, Row, Run, Sink, Split, fit, pulse,
};

/// Features that the last layer classifies by.
pub const FEATURES: usize = 64;

/// Of the classifier alone, so that it is the same for every run.
const SEED: u64 = 0x6c61_6265_6c73;
const BATCH: usize = 128;
/// Images to train on, whatever their number.
const BUDGET: u64 = 1000 * BATCH as u64;
/// Learning rate, which falls to 0 over the budget.
const LR: f64 = 2e-3;
/// Images looked at together.
const GROUP: usize = 500;

/// Reports the progress of training.
struct Training;

impl Sink for Training {
    fn row(&mut self, _: &Row) -> Result<()> {
        Ok(())
    }

    fn tick(&mut self, step: u64) {
        pulse::tell("training the classifier", step as usize, BUDGET as usize);
    }
}

/// Two convolutions that halve height and width, a dense layer of 64 features, and one number for each class.
/// Whole images are seen from 0 to 1.
pub struct Classifier {
    loader: ImageLoader,
    validation: Images,
    test: Images,
    params: Params,
    /// `[B, C, H, W]` to `[B, 64]`
    body: Sequential,
    /// `[B, 64]` to `[B, classes]`
    head: Linear,
    frozen: Frozen,
    optimizer: Optimizer,
    /// The factor of the features.
    scale: f64,
}

impl Classifier {
    /// A trained one, and the share of the test images that it classifies correctly; `None` where there are not two
    /// labels at least, or images have a side of less than 4.
    ///
    /// # Errors
    /// Errors of training.
    pub fn trained(data: &Parts<Images>) -> Result<Option<(Self, Measure)>> {
        let Some(mut classifier) = Self::new(data)? else { return Ok(None) };
        let plan = Plan {
            steps: BUDGET,
            log_every: 0,
            eval_every: 0,
            save_every: 0,
            target: None,
            patience: None,
        };
        let sinks: Vec<Box<dyn Sink>> = vec![Box::new(Training)];
        let found =
            fit(&mut classifier, &plan, &mut Run { sinks, ..Run::default() })?.evaluated()?;
        classifier.scale = classifier.common_size()?;
        let found = found.measures.get("accuracy").copied();
        Ok(found.map(|accuracy| (classifier, accuracy)))
    }

    fn new(data: &Parts<Images>) -> Result<Option<Self>> {
        let shape = data.train.shape();
        let classes = data.train.labels().map_or(0, |labels| labels.names.len());
        if classes < 2 || shape.height < 4 || shape.width < 4 {
            return Ok(None);
        }
        let params = Params::new(SEED, &Device::Cpu);
        let halved = |name: &str, inputs, outputs| {
            let config =
                Conv2dConfig { stride: 2, padding: 1, ..Conv2dConfig::new(inputs, outputs, 4) };
            Conv2d::new(&params, name, config, Activation::Relu)
        };
        let flat = 32 * (shape.height / 4) * (shape.width / 4);
        let body = Sequential::new(vec![
            halved("conv1", shape.channels, 16)?.into(), // [B, 16, H/2, W/2]
            halved("conv2", 16, 32)?.into(),             // [B, 32, H/4, W/4]
            Flatten.into(),
            Linear::new(&params, "features", flat, FEATURES, Activation::Relu)?.into(),
        ]);
        let head = Linear::new(&params, "classes", FEATURES, classes, Activation::Linear)?;
        let train = data.train.clone();
        Ok(Some(Self {
            loader: ImageLoader::new(train, BATCH, Binarisation::None, SEED, &Device::Cpu)?,
            validation: data.validation.clone(),
            test: data.test.clone(),
            frozen: body.frozen(),
            optimizer: Optimizer::new(&params, OptimizerConfig::adam(LR))?,
            scale: 1.0,
            params,
            body,
            head,
        }))
    }

    /// Features and class probabilities of `images`.
    ///
    /// # Errors
    /// If their shape is not that of the data; what the network reports.
    pub fn classify(&self, images: &Images) -> Result<ClassifierOutput> {
        let (own, other) = (self.test.shape(), images.shape());
        ensure!(own == other, "the classifier looks at images of {own:?}, not {other:?}");
        let (head, mut features, mut classes) = (self.head.detached(), Vec::new(), Vec::new());
        for first in (0..images.len()).step_by(GROUP) {
            pulse::progress("classifying", first, images.len())?;
            let rows = first..images.len().min(first + GROUP);
            let output = self.frozen.forward(&images.tensor(rows, &Device::Cpu)?)?; // [n, 64]
            let probabilities = log_softmax(&head.forward(&output)?)?.exp()?; // [n, classes]
            features.extend((output * self.scale)?.download::<f32>()?);
            classes.extend(probabilities.download::<f32>()?);
        }
        let names = self.labels().map_or(0, |labels| labels.names.len());
        Ok(ClassifierOutput {
            features: Vectors::new(FEATURES, features)?,
            classes: Vectors::new(names, classes)?,
        })
    }

    /// By which the mean square of a feature is 1 over images that were not trained on: the kernel
    /// distance is not the same in every unit.
    fn common_size(&self) -> Result<f64> {
        let features = self.classify(&self.validation)?.features;
        let squares: f64 = features.rows().flatten().map(|x| f64::from(*x).powi(2)).sum();
        let mean = squares / (features.len() * FEATURES) as f64;
        Ok(if mean > 0.0 { mean.sqrt().recip() } else { 1.0 })
    }

    fn labels(&self) -> Option<&Labels> {
        self.loader.images().labels()
    }

    fn accuracy(&self, images: &Images) -> Result<Measure> {
        let predicted = self.classify(images)?.likeliest();
        let right = images.labels().map_or(&[][..], |labels| &labels.of);
        let hits =
            predicted.iter().zip(right).filter(|(predicted, right)| predicted == right).count();
        Ok(Measure::share(hits, predicted.len().min(right.len())))
    }
}

impl Learner for Classifier {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        let ramp = Ramp { from: LR, to: 0.0, over: BUDGET };
        self.optimizer.set_lr(ramp.at(self.loader.taken()));
        let x = self.loader.next_batch()?.clone(); // [B, C, H, W]
        let Some(labels) = self.loader.labels() else { anyhow::bail!("the images have no labels") };
        let logits = self.head.forward(&self.body.forward(&x)?)?; // [B, classes]
        let loss: Tensor = loss::softmax_cross_entropy(&logits, labels)?;
        log.tensor("train/loss", &loss)?;
        self.optimizer.step(&loss)?;
        log.updated();
        Ok(Progress::Advanced(BATCH as u64))
    }

    fn evaluate(&mut self, split: Split) -> Result<Evaluation> {
        let images = match split {
            Split::Validation => &self.validation,
            Split::Test => &self.test,
        };
        Ok(Evaluation::maximise("accuracy", self.accuracy(images)?))
    }

    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.params.state(MODEL, checkpoint)?;
        self.optimizer.state("optimizer", checkpoint)?;
        self.loader.state("data", checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{BarsConfig, Classes, GlyphsConfig, Shape, bars, glyphs};
    use train::testing::{resume_changes_nothing, same_seed_same_bits};

    fn digits(n_train: usize, n_test: usize) -> Parts<Images> {
        let classes = Classes::Digits;
        let config = GlyphsConfig { n_train, n_test, classes, ..GlyphsConfig::default() };
        glyphs(&config).unwrap().images().unwrap()
    }

    #[test]
    fn it_tells_signs_apart() {
        let data = digits(2000, 500);
        let (classifier, accuracy) = Classifier::trained(&data).unwrap().unwrap();
        assert!(accuracy.mean > 0.9 && accuracy.n == 500, "{accuracy:?}");
        let output = classifier.classify(&data.test).unwrap();
        assert_eq!(
            (output.features.len(), output.features.size(), output.classes.size()),
            (500, 64, 10)
        );
        assert!(output.classes.rows().all(|row| (row.iter().sum::<f32>() - 1.0).abs() < 1e-5));
        assert!((output.label_entropy() - 10f64.ln()).abs() < 0.05, "{}", output.label_entropy());
        // What an image shows does not depend on the others.
        let one = classifier.classify(&data.test.take(7..8)).unwrap();
        for (one, other) in one.features.row(0).iter().zip(output.features.row(7)) {
            assert!((one - other).abs() < 1e-5, "{one} {other}");
        }
        let all = classifier.classify(&data.validation).unwrap().features;
        let squares: f64 = all.rows().flatten().map(|x| f64::from(*x).powi(2)).sum();
        assert!((squares / (500.0 * 64.0) - 1.0).abs() < 1e-4, "{squares}");
    }

    #[test]
    fn colours_and_odd_sides_are_looked_at_and_tiny_images_are_not() {
        let made = |height, width, names: &[&str]| {
            let shape = Shape { channels: 3, height, width };
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            let labels = Labels { of: vec![0; 4], names };
            let all = Images::new(shape, 256, vec![9; 4 * shape.len()], Some(labels)).unwrap();
            let (train, validation) = all.clone().split_at(2).unwrap();
            Classifier::new(&Parts { train, validation, test: all, entropy: None }).unwrap()
        };
        for (height, width) in [(4, 4), (5, 7), (11, 6), (32, 32)] {
            let classifier = made(height, width, &["a", "b"]).unwrap();
            let output = classifier.classify(&classifier.test).unwrap();
            assert_eq!((output.features.len(), output.classes.size()), (4, 2));
            let other = digits(1, 1).test;
            assert!(
                classifier.classify(&other).unwrap_err().to_string().contains("looks at images")
            );
        }
        assert!(made(3, 9, &["a", "b"]).is_none() && made(8, 8, &["a"]).is_none());
    }

    #[test]
    fn no_labels_no_classifier() {
        let config = BarsConfig { n_train: 10, n_test: 2, ..BarsConfig::default() };
        let data = bars(&config).unwrap().images().unwrap();
        assert!(Classifier::trained(&data).unwrap().is_none());
    }

    #[test]
    fn it_is_the_same_each_time_and_resumes() {
        let data = digits(300, 50);
        let make = || -> Result<Box<dyn Learner>> {
            let Some(classifier) = Classifier::new(&data)? else { anyhow::bail!("no labels") };
            Ok(Box::new(classifier))
        };
        same_seed_same_bits(&make, 5 * BATCH as u64).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let (stop, steps) = (3 * BATCH as u64, 8 * BATCH as u64);
        resume_changes_nothing(&make, stop, steps, dir.path()).unwrap();
    }
}
