//! A flow as a model of images or of points: its samples and figures.
use super::{Flow, FlowNetwork};
use crate::data::{Images, Shape};
use crate::form::Form;
use crate::latents::LatentSpace;
use crate::process::{image_grids, plane, sample_images, sample_points};
use crate::{
    AncestralSampling, Codebook, ExactLikelihood, Generative, ImageGrid, ImageSampler,
    ImportanceWeighted, LatentMap, Plane, PointSampler, Work,
};
use anyhow::Result;
use nn::onnx::Export;
use train::{Rng, stream};

impl ImageSampler for Flow {
    fn sample_images(&self, n: usize, class: Option<u32>, rng: &mut Rng) -> Result<Images> {
        sample_images(&self.transport, n, class, rng)
    }
}

impl PointSampler for Flow {
    fn sample_points(&self, n: usize, class: Option<u32>, rng: &mut Rng) -> Result<Vec<[f32; 2]>> {
        sample_points(&self.transport, n, class, rng)
    }

    fn plane(&self) -> Result<Plane> {
        plane(&self.transport, &self.source, self.seed, |points| {
            // Points have no noise.
            let nats = self.transport.nll(points, &mut stream(self.seed, "plane"))?;
            Ok(nats.into_iter().map(|nats| -nats).collect())
        })
    }
}

impl Generative for Flow {
    fn work(&self) -> Work {
        let passes = match self.config.network {
            FlowNetwork::Maf => self.transport.subject.form.len(),
            _ => 1,
        };
        Work::by_passes(self.params.count() as u64, passes)
    }

    fn image_grids(&self) -> Result<Vec<ImageGrid>> {
        image_grids(&self.transport, "flow", &self.source, self.seed)
    }

    fn classes(&self) -> &[String] {
        &[]
    }

    fn image_sampler(&self) -> Option<&dyn ImageSampler> {
        (self.transport.subject.form != Form::Point).then_some(self)
    }

    fn point_sampler(&self) -> Option<&dyn PointSampler> {
        (self.transport.subject.form == Form::Point).then_some(self)
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

    /// Of images the density is known, and their probability only bounded by it.
    fn exact_likelihood(&self) -> Option<&dyn ExactLikelihood> {
        None
    }

    /// Halves are gathered and joined again, and an inverse is no graph of layers.
    fn exports(&self) -> Vec<Export<'_>> {
        Vec::new()
    }
}
