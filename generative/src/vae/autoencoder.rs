//! Encoder and decoder with their present parameters, as functions of images and latent vectors.
use super::bound::{importance_weighted, kl, normals};
use super::config::Objective;
use super::networks::{Inputs, Networks};
use crate::Likelihood;
use crate::data::{Images, Shape, one_hot};
use crate::export::{image_input, label_input, likelihood_outputs};
use crate::latents::{LatentSpace, Vectors};
use crate::reconstruction::{mean_images, squared_errors};
use anyhow::{Result, ensure};
use candle_core::{Device, Tensor};
use nn::Frozen;
use nn::onnx::Graph;
use std::ops::Range;
use train::{Download as _, Rng, pulse};

/// Takes no gradients.
pub(super) struct Autoencoder {
    pub(super) networks: Networks<Frozen>,
    pub(super) objective: Objective,
    pub(super) likelihood: Likelihood,
    pub(super) shape: Shape,
    /// Z.
    pub(super) latents: usize,
    /// Names of the labels that the networks are conditioned on; none of an unconditional model.
    pub(super) classes: Vec<String>,
    pub(super) device: Device,
}

/// Images in a forward pass.
const GROUP: usize = 500;

/// Terms of the bound for each image, by one z each.
pub(super) struct Scores {
    /// −log p(x|z), in nats.
    pub(super) nll: Vec<f64>,
    /// KL(q(z|x) ‖ N(0, 1)), in nats.
    pub(super) kl: Vec<f64>,
    /// Mean squared error of the reconstruction.
    pub(super) squared_error: Vec<f64>,
}

impl Autoencoder {
    /// `images[rows]` with their labels.
    fn inputs(&self, images: &Images, rows: Range<usize>) -> Result<Inputs> {
        let labels = images.labels().map_or(&[][..], |labels| &labels.of[rows.clone()]);
        Ok(Inputs { x: images.tensor(rows, &self.device)?, label: self.one_hot(labels)? })
    }

    /// n `labels` as `[n, L]`; none of an unconditional model.
    pub(super) fn one_hot(&self, labels: &[u32]) -> Result<Option<Tensor>> {
        if self.classes.is_empty() {
            return Ok(None);
        }
        let labels = Tensor::from_slice(labels, labels.len(), &self.device)?; // [n]
        Ok(Some(one_hot(&labels, self.classes.len())?))
    }

    /// Scores of each of `images`, with z encoded from the same row of `inputs`.
    pub(super) fn scores(
        &self,
        images: &Images,
        inputs: &Images,
        mut noise: Rng,
    ) -> Result<Scores> {
        let mut scores = Scores { nll: Vec::new(), kl: Vec::new(), squared_error: Vec::new() };
        for first in (0..images.len()).step_by(GROUP) {
            pulse::progress("evaluating", first, images.len())?;
            let rows = first..images.len().min(first + GROUP);
            let inputs = self.inputs(inputs, rows.clone())?;
            let (mu, log_var) = self.networks.encode(&inputs)?; // [n, Z]
            let epsilon = normals(mu.elem_count(), &mut noise);
            let epsilon = Tensor::from_vec(epsilon, mu.shape(), &self.device)?; // [n, Z]
            let z = self.objective.latents([&mu, &log_var], &epsilon, 1)?.z; // [n, Z]
            let output = self.networks.decode(&z, inputs.label.as_ref())?; // [n, outputs·D]
            let x = images.tensor(rows, &self.device)?.flatten_from(1)?; // [n, D]
            let each = |nats: Tensor| -> Result<_> {
                Ok(nats.download::<f32>()?.into_iter().map(f64::from))
            };
            scores.nll.extend(each(self.likelihood.nll(&output, &x)?)?);
            scores.kl.extend(each(kl(&mu, &log_var)?)?);
            scores.squared_error.extend(squared_errors(self.likelihood, &output, &x)?);
        }
        Ok(scores)
    }

    /// An estimate of L_K for each of the first `n` images, in nats, by K fresh z for each.
    pub(super) fn bounds(
        &self,
        images: &Images,
        k: usize,
        n: usize,
        mut noise: Rng,
    ) -> Result<Vec<f64>> {
        let n = images.len().min(n);
        let mut bounds = Vec::with_capacity(n);
        for first in (0..n).step_by(GROUP) {
            pulse::progress("bounding", first, n)?;
            let inputs = self.inputs(images, first..n.min(first + GROUP))?;
            let networks = &self.networks;
            bounds.extend(importance_weighted(networks, self.likelihood, &inputs, k, &mut noise)?);
        }
        Ok(bounds)
    }

    /// Mean images of p(x|z), for z `[n, Z]` and labels `[n, L]`.
    pub(super) fn decoded(&self, z: &Tensor, label: Option<&Tensor>) -> Result<Images> {
        mean_images(self.likelihood, &self.networks.decode(z, label)?, self.shape)
    }

    /// The mean image of p(x|μ(x)) for each of `images`.
    pub(super) fn reconstructed(&self, images: &Images) -> Result<Images> {
        let labels = images.labels().map_or(&[][..], |labels| &labels.of);
        let z = self.encode(images)?.tensor(&self.device)?; // [n, Z]
        self.decoded(&z, self.one_hot(labels)?.as_ref())
    }

    /// From images, and labels of a conditional model, to `mean` and `log_variance` of q(z|x); of a plain
    /// auto-encoder to the `latent` z = μ.
    pub(super) fn encoder_graph(&self) -> Result<Graph> {
        let mut graph = Graph::default();
        let x = image_input(&mut graph, self.shape);
        let label = label_input(&mut graph, &self.classes);
        let [mu, log_var] = self.networks.encoder_nodes(&mut graph, x, label.as_ref())?;
        if self.objective.has_prior() {
            graph.output("mean", mu);
            graph.output("log_variance", log_var);
        } else {
            graph.output("latent", mu);
        }
        Ok(graph)
    }

    /// From z, and labels of a conditional model, to p(x|z).
    pub(super) fn decoder_graph(&self) -> Result<Graph> {
        let mut graph = Graph::default();
        let z = graph.input("latent", &[self.latents]);
        let label = label_input(&mut graph, &self.classes);
        let output = self.networks.decoder_nodes(&mut graph, z, label.as_ref())?; // [B, outputs·D]
        likelihood_outputs(&mut graph, self.likelihood, output, self.shape);
        Ok(graph)
    }

    /// `n` samples, with these labels where the model is conditional; an error without a prior.
    pub(super) fn sample(&self, n: usize, labels: &[u32], rng: &mut Rng) -> Result<Images> {
        ensure!(self.objective.has_prior(), "the model has learned no distribution of images");
        let z = Tensor::from_vec(normals(n * self.latents, rng), (n, self.latents), &self.device)?;
        self.decoded(&z, self.one_hot(labels)?.as_ref())
    }
}

impl LatentSpace for Autoencoder {
    fn encode(&self, images: &Images) -> Result<Vectors> {
        let mut values = Vec::with_capacity(images.len() * self.latents);
        for first in (0..images.len()).step_by(GROUP) {
            pulse::check()?;
            let rows = first..images.len().min(first + GROUP);
            let (mu, _) = self.networks.encode(&self.inputs(images, rows)?)?; // [n, Z]
            values.extend(mu.download::<f32>()?);
        }
        Vectors::new(self.latents, values)
    }

    /// A conditional model decodes with its first class.
    fn decode(&self, z: &Vectors) -> Result<Images> {
        self.decoded(&z.tensor(&self.device)?, self.one_hot(&vec![0; z.len()])?.as_ref())
    }

    fn is_normal(&self) -> bool {
        self.objective.has_prior()
    }
}
