//! A variational auto-encoder as a model of images: its samples, latent space and bounds.
use super::{Vae, figures};
use crate::data::{Images, Shape};
use crate::latents::{self, LatentSpace, Map};
use crate::model::labels;
use crate::{
    AncestralSampling, Codebook, ExactLikelihood, Generative, ImageGrid, ImageSampler,
    ImportanceWeighted, LatentMap, PointSampler, Work,
};
use anyhow::Result;
use nn::onnx::Export;
use train::{Measure, Rng, Split};

impl ImageSampler for Vae {
    /// Of a conditional model without a class, the classes take turns.
    fn sample_images(&self, n: usize, class: Option<u32>, rng: &mut Rng) -> Result<Images> {
        self.model.sample(n, &labels(n, class, &self.model.classes)?, rng)
    }
}

impl ImportanceWeighted for Vae {
    fn bound(&self, k: usize, n: usize) -> Result<Measure> {
        self.iwae(Split::Test, k, n)
    }
}

impl LatentMap for Vae {
    fn map(&self) -> Result<Option<Map>> {
        latents::map(&self.model, &self.validation)
    }
}

impl Generative for Vae {
    fn work(&self) -> Work {
        Work::at_once(self.params.count())
    }

    fn image_grids(&self) -> Result<Vec<ImageGrid>> {
        figures::image_grids(&self.model, &self.validation, self.config.corrupt, self.seed)
    }

    fn classes(&self) -> &[String] {
        &self.model.classes
    }

    fn image_sampler(&self) -> Option<&dyn ImageSampler> {
        self.config.objective.has_prior().then_some(self)
    }

    fn point_sampler(&self) -> Option<&dyn PointSampler> {
        None
    }

    fn importance_weighted(&self) -> Option<&dyn ImportanceWeighted> {
        self.config.objective.has_prior().then_some(self)
    }

    fn latent_map(&self) -> Option<&dyn LatentMap> {
        Some(self)
    }

    fn autoregressive(&self) -> Option<&dyn AncestralSampling> {
        None
    }

    fn takes(&self) -> Option<(Shape, u16)> {
        Some((self.model.shape, self.validation.levels()))
    }

    fn latent_space(&self) -> Option<&dyn LatentSpace> {
        Some(&self.model)
    }

    fn codebook(&self) -> Option<&dyn Codebook> {
        None
    }

    fn exact_likelihood(&self) -> Option<&dyn ExactLikelihood> {
        None
    }

    fn exports(&self) -> Vec<Export<'_>> {
        vec![
            Export::new("decoder", || self.model.decoder_graph()),
            Export::new("encoder", || self.model.encoder_graph()),
        ]
    }
}
