//! A GAN as a model of images or of points: its samples and figures, and its networks as graphs.
use super::{Gan, Objective, figures};
use crate::data::{Images, Shape};
use crate::export::{image_input, label_input, with_label};
use crate::form::Form;
use crate::latents::LatentSpace;
use crate::{
    AncestralSampling, Codebook, ExactLikelihood, Generative, ImageGrid, ImageSampler,
    ImportanceWeighted, LatentMap, Plane, PointSampler, Work,
};
use anyhow::Result;
use nn::onnx::{Export, Graph};
use train::Rng;

impl Gan {
    /// From samples, and labels of a conditional model, to D, batches normalised by running statistics: a `logit`
    /// where the objective makes it one, else a `score`.
    fn discriminator_graph(&self) -> Result<Graph> {
        let mut graph = Graph::default();
        let x = match self.sampler.form {
            Form::Point => graph.input("point", &[2]),
            Form::Image(shape) => {
                let x = image_input(&mut graph, shape);
                // From −1 to 1, as D has seen them.
                let x = graph.affine(&x, 2.0, -1.0);
                let rows = self.config.network.takes_rows();
                if rows { graph.reshaped(x, &[shape.len()]) } else { x } // [B, D] or [B, C, H, W]
            }
        };
        let label = label_input(&mut graph, &self.sampler.classes);
        let x = with_label(&mut graph, x, label.as_ref());
        let d = self.discriminator.network.nodes(&mut graph, x)?; // [B, 1]
        let name = match self.config.objective {
            Objective::Minimax | Objective::NonSaturating => "logit",
            Objective::LeastSquares | Objective::Wasserstein | Objective::Hinge => "score",
        };
        graph.output(name, d);
        Ok(graph)
    }
}

impl ImageSampler for Gan {
    fn sample_images(&self, n: usize, class: Option<u32>, rng: &mut Rng) -> Result<Images> {
        self.sampler.images(n, class, rng)
    }
}

impl PointSampler for Gan {
    fn sample_points(&self, n: usize, class: Option<u32>, rng: &mut Rng) -> Result<Vec<[f32; 2]>> {
        self.sampler.points(n, class, rng)
    }

    fn plane(&self) -> Result<Plane> {
        let discriminator = (&self.discriminator.frozen, self.config.objective);
        figures::plane(&self.sampler, &self.source, discriminator, self.seed)
    }
}

impl Generative for Gan {
    fn work(&self) -> Work {
        Work::at_once(self.generator.params.count())
    }

    fn image_grids(&self) -> Result<Vec<ImageGrid>> {
        figures::image_grids(&self.sampler, self.seed)
    }

    fn classes(&self) -> &[String] {
        &self.sampler.classes
    }

    fn image_sampler(&self) -> Option<&dyn ImageSampler> {
        (self.sampler.form != Form::Point).then_some(self)
    }

    fn point_sampler(&self) -> Option<&dyn PointSampler> {
        (self.sampler.form == Form::Point).then_some(self)
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
        vec![
            Export::new("generator", || self.sampler.graph()),
            Export::new("discriminator", || self.discriminator_graph()),
        ]
    }
}
