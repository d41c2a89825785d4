//! Models whose samples form out of noise, step by step: what they have in common.
use crate::data::{Images, one_hot};
use crate::form::{Form, images};
use crate::model::labels;
use crate::source::Source;
use crate::standard::Standard;
use anyhow::{Result, bail, ensure};
use candle_core::{Device, Tensor};
use rand_distr::{Distribution as _, StandardNormal};
use train::Rng;

mod evaluation;
mod figures;
mod trainer;

pub(crate) use evaluation::{Likelihood, evaluation};
pub(crate) use figures::{image_grids, plane};
pub(crate) use trainer::{Trainer, Training};

/// Samples that form together.
const GROUP: usize = 500;

/// Form, size and labels of the samples.
pub(crate) struct Subject {
    pub(crate) form: Form,
    /// Size of the data that the network sees, of points.
    pub(crate) standard: Option<Standard>,
    /// Names of the labels that the network is conditioned on; none of an unconditional model.
    pub(crate) classes: Vec<String>,
    pub(crate) device: Device,
}

impl Subject {
    /// Of the samples of `source`; points are brought to a common size.
    pub(crate) fn of(source: &Source, device: &Device) -> Self {
        let classes = source.labels().map_or(Vec::new(), |labels| labels.names.clone());
        let standard = source.training_points().map(Standard::of);
        Self { form: source.form(), standard, classes, device: device.clone() }
    }

    /// A batch `[B, D]` of the data at the size that the network sees.
    pub(crate) fn scaled(&self, x: Tensor) -> Result<Tensor> {
        match &self.standard {
            Some(standard) => Ok(standard.applied(&x)?),
            None => Ok(x),
        }
    }

    /// N(0, 1) for `n` samples, `[n, D]`.
    pub(crate) fn noise(&self, n: usize, rng: &mut Rng) -> Vec<f32> {
        StandardNormal.sample_iter(rng).take(n * self.form.len()).collect()
    }

    /// `[n, L]` for n `labels`; none for none.
    pub(crate) fn one_hot(&self, labels: &[u32]) -> Result<Option<Tensor>> {
        if labels.is_empty() {
            return Ok(None);
        }
        let labels = Tensor::from_slice(labels, labels.len(), &self.device)?; // [n]
        Ok(Some(one_hot(&labels, self.classes.len())?))
    }

    /// Calls `run` with `values` `[n, D]` and their labels, of which there may be none, in groups.
    pub(crate) fn in_groups(
        &self,
        values: &[f32],
        labels: &[u32],
        mut run: impl FnMut(Tensor, Option<Tensor>) -> Result<()>,
    ) -> Result<()> {
        let d = self.form.len();
        for (i, values) in values.chunks(GROUP * d).enumerate() {
            let n = values.len() / d;
            let labels = labels.get(i * GROUP..i * GROUP + n).unwrap_or_default();
            run(Tensor::from_slice(values, (n, d), &self.device)?, self.one_hot(labels)?)?;
        }
        Ok(())
    }

    /// Values that the network has computed at the data's size.
    pub(crate) fn restored(&self, mut values: Vec<f32>) -> Vec<f32> {
        if let Some(standard) = &self.standard {
            standard.undo(&mut values);
        }
        values
    }

    /// Log-densities `[n]` of `points` `[n, 2]`, where `find` gives those of points at the network's size.
    pub(crate) fn log_densities(
        &self,
        points: &[f32],
        find: impl FnOnce(&[f32]) -> Result<Vec<f64>>,
    ) -> Result<Vec<f64>> {
        let Some(standard) = &self.standard else { return find(points) };
        let mut values = points.to_vec();
        standard.apply(&mut values);
        let volume = standard.log_volume();
        Ok(find(&values)?.into_iter().map(|log_density| log_density - volume).collect())
    }
}

/// A model whose samples form out of noise.
pub(crate) trait Process {
    fn subject(&self) -> &Subject;

    /// `n` samples with `labels`, of which there may be none, as rows `[n, D]`.
    fn generate(&self, n: usize, labels: &[u32], rng: &mut Rng) -> Result<Vec<f32>>;

    /// As `generate`, at `times` moments from noise to samples, both among them.
    fn states(
        &self,
        n: usize,
        labels: &[u32],
        times: usize,
        rng: &mut Rng,
    ) -> Result<Vec<Vec<f32>>>;
}

/// `n` images, of `class` or of all classes in turn; an error of a model of points.
pub(crate) fn sample_images(
    process: &dyn Process,
    n: usize,
    class: Option<u32>,
    rng: &mut Rng,
) -> Result<Images> {
    let Form::Image(shape) = process.subject().form else { bail!("the model samples points") };
    let labels = labels(n, class, &process.subject().classes)?;
    images(shape, &process.generate(n, &labels, rng)?)
}

/// `n` points, `[n, 2]`, of `class` or of all classes in turn; an error of a model of images.
pub(crate) fn sample_points(
    process: &dyn Process,
    n: usize,
    class: Option<u32>,
    rng: &mut Rng,
) -> Result<Vec<[f32; 2]>> {
    ensure!(process.subject().form == Form::Point, "the model samples images");
    let labels = labels(n, class, &process.subject().classes)?;
    Ok(process.generate(n, &labels, rng)?.as_chunks().0.to_vec())
}

/// f + w·(f(y) − f), of the output f without a label and f(y) with it: 1 for no guidance (Ho & Salimans 2022, "Classifier-free
/// diffusion guidance", whose w is one less).
pub(crate) fn guided(free: &Tensor, of_label: &Tensor, w: f64) -> candle_core::Result<Tensor> {
    free + ((of_label - free)? * w)?
}
