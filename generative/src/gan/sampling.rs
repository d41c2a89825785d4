//! Samples of the generator.
use super::config::NoisePrior;
use super::networks::joined;
use crate::data::{Images, one_hot};
use crate::export::{image_output, label_input, with_label};
use crate::form::{Form, images};
use crate::model::labels;
use anyhow::{Result, bail, ensure};
use candle_core::{Device, Module as _, Tensor};
use nn::Frozen;
use nn::onnx::Graph;
use train::{Download as _, Rng, pulse};

/// Samples in a forward pass.
const GROUP: usize = 500;

/// The generator that samples are taken from: its exponential moving average, where there is one.
pub(super) struct Sampler {
    pub(super) network: Frozen,
    pub(super) form: Form,
    /// Z.
    pub(super) latents: usize,
    pub(super) prior: NoisePrior,
    /// Names of the labels that the networks are conditioned on; none of an unconditional model.
    pub(super) classes: Vec<String>,
    pub(super) device: Device,
}

impl Sampler {
    /// z of `n` samples, `[n, Z]`.
    pub(super) fn noise(&self, n: usize, rng: &mut Rng) -> Vec<f32> {
        let mut z = vec![0.0; n * self.latents];
        self.prior.fill(&mut z, rng);
        z
    }

    /// `[n, L]` for n `labels`; none for none.
    pub(super) fn one_hot(&self, labels: &[u32]) -> Result<Option<Tensor>> {
        if labels.is_empty() {
            return Ok(None);
        }
        let labels = Tensor::from_slice(labels, labels.len(), &self.device)?; // [n]
        Ok(Some(one_hot(&labels, self.classes.len())?))
    }

    /// G(z) as rows `[n, D]`, for z `[n, Z]` and `labels`, of which there may be none.
    pub(super) fn generate(&self, z: &[f32], labels: &[u32]) -> Result<Vec<f32>> {
        let latents = self.latents;
        let mut all = Vec::with_capacity(z.len() / latents * self.form.len());
        for (i, z) in z.chunks(GROUP * latents).enumerate() {
            pulse::check()?;
            let n = z.len() / latents;
            let z = Tensor::from_slice(z, (n, latents), &self.device)?;
            let labels = labels.get(i * GROUP..i * GROUP + n).unwrap_or_default();
            let samples = self.network.forward(&joined(&z, self.one_hot(labels)?.as_ref())?)?;
            all.extend(samples.download::<f32>()?);
        }
        Ok(all)
    }

    /// From z, and labels of a conditional model, to samples: an `image` or a `point`.
    pub(super) fn graph(&self) -> Result<Graph> {
        let mut graph = Graph::default();
        let z = graph.input("latent", &[self.latents]);
        let label = label_input(&mut graph, &self.classes);
        let z = with_label(&mut graph, z, label.as_ref()); // [B, Z + L]
        let x = self.network.nodes(&mut graph, z)?; // [B, D] or [B, C, H, W]
        match self.form {
            Form::Point => graph.output("point", x),
            Form::Image(shape) => {
                let x = graph.affine(&x, 0.5, 0.5);
                image_output(&mut graph, x, shape);
            }
        }
        let prior = match self.prior {
            NoisePrior::Normal => "N(0, 1)",
            NoisePrior::Uniform => "U(-1, 1)",
        };
        graph.note("prior", prior);
        Ok(graph)
    }

    /// `n` images, of `class` or of all classes in turn; an error of a model of points.
    pub(super) fn images(&self, n: usize, class: Option<u32>, rng: &mut Rng) -> Result<Images> {
        let Form::Image(shape) = self.form else { bail!("the model samples points") };
        let labels = labels(n, class, &self.classes)?;
        images(shape, &self.generate(&self.noise(n, rng), &labels)?)
    }

    /// `n` points, `[n, 2]`, of `class` or of all classes in turn; an error of a model of images.
    pub(super) fn points(
        &self,
        n: usize,
        class: Option<u32>,
        rng: &mut Rng,
    ) -> Result<Vec<[f32; 2]>> {
        ensure!(self.form == Form::Point, "the model samples images");
        let labels = labels(n, class, &self.classes)?;
        Ok(self.generate(&self.noise(n, rng), &labels)?.as_chunks().0.to_vec())
    }
}
