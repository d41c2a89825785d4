//! Diffusion as a model of images or of points: its samples and figures, and its network as a graph.
use super::{Diffusion, DiffusionConfig, Prediction};
use crate::data::{Images, Shape};
use crate::export::label_input;
use crate::form::Form;
use crate::latents::LatentSpace;
use crate::process::{image_grids, plane, sample_images, sample_points};
use crate::{
    AncestralSampling, Codebook, ExactLikelihood, Generative, ImageGrid, ImageSampler,
    ImportanceWeighted, LatentMap, Plane, PointSampler, Work,
};
use anyhow::Result;
use nn::onnx::{Export, Graph};
use train::{Rng, stream};

impl Diffusion {
    /// From x_t at the size that the network sees, t/T from 0 to 1, and a label of a conditional model, all 0 for none, to
    /// `epsilon`, `x` or `v`.
    fn graph(&self) -> Result<Graph> {
        let mut graph = Graph::default();
        let d = self.chain.subject.form.len();
        let x = graph.input("noisy", &[d]);
        let t = graph.input("time", &[1]);
        let label = label_input(&mut graph, &self.chain.subject.classes);
        let output = self.chain.network.nodes(&mut graph, &x, &t, label.as_ref())?; // [B, D]
        let name = match self.config.prediction {
            Prediction::Epsilon => "epsilon",
            Prediction::X => "x",
            Prediction::V => "v",
        };
        graph.output(name, output);
        if let Some(standard) = &self.chain.subject.standard {
            graph.note("sample", standard.described());
        }
        Ok(graph)
    }
}

impl ImageSampler for Diffusion {
    fn sample_images(&self, n: usize, class: Option<u32>, rng: &mut Rng) -> Result<Images> {
        sample_images(&self.chain, n, class, rng)
    }
}

impl PointSampler for Diffusion {
    fn sample_points(&self, n: usize, class: Option<u32>, rng: &mut Rng) -> Result<Vec<[f32; 2]>> {
        sample_points(&self.chain, n, class, rng)
    }

    fn plane(&self) -> Result<Plane> {
        plane(&self.chain, &self.source, self.seed, |at| {
            self.chain.log_bounds(at, &[], &mut stream(self.seed, "plane/bound"))
        })
    }
}

impl Generative for Diffusion {
    fn work(&self) -> Work {
        let DiffusionConfig { conditional, guidance, sample_steps, .. } = self.config;
        let each = if conditional && guidance != 1.0 { 2 } else { 1 };
        Work::by_passes(self.trainer.params.count() as u64, sample_steps.saturating_mul(each))
    }

    fn image_grids(&self) -> Result<Vec<ImageGrid>> {
        image_grids(&self.chain, "denoising", &self.source, self.seed)
    }

    fn classes(&self) -> &[String] {
        &self.chain.subject.classes
    }

    fn image_sampler(&self) -> Option<&dyn ImageSampler> {
        (self.chain.subject.form != Form::Point).then_some(self)
    }

    fn point_sampler(&self) -> Option<&dyn PointSampler> {
        (self.chain.subject.form == Form::Point).then_some(self)
    }

    fn importance_weighted(&self) -> Option<&dyn ImportanceWeighted> {
        None
    }

    fn latent_map(&self) -> Option<&dyn LatentMap> {
        None
    }

    fn autoregressive(&self) -> Option<&dyn AncestralSampling> {
        None
    }

    fn takes(&self) -> Option<(Shape, u16)> {
        None
    }

    fn latent_space(&self) -> Option<&dyn LatentSpace> {
        None
    }

    fn codebook(&self) -> Option<&dyn Codebook> {
        None
    }

    fn exact_likelihood(&self) -> Option<&dyn ExactLikelihood> {
        None
    }

    fn exports(&self) -> Vec<Export<'_>> {
        vec![Export::new("denoiser", || self.graph())]
    }
}
