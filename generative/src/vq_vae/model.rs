//! A vector-quantised auto-encoder as a model of images: its figures, and its networks as graphs.
use super::VqVae;
use crate::data::{Images, Shape};
use crate::export::{image_input, likelihood_outputs};
use crate::latents::LatentSpace;
use crate::reconstruction::side_by_side;
use crate::{
    AncestralSampling, Codebook, ExactLikelihood, Generative, ImageGrid, ImageSampler,
    ImportanceWeighted, LatentMap, PointSampler, Work,
};
use anyhow::Result;
use nn::onnx::{Export, Graph};

impl VqVae {
    /// From images to `codes` `[B, h, w]`, whole numbers, and the `latent` vectors `[B, E, h, w]` that they are the
    /// nearest to.
    fn encoder_graph(&self) -> Result<Graph> {
        let mut graph = Graph::default();
        let x = image_input(&mut graph, self.shape);
        let z = self.frozen.encoder.nodes(&mut graph, x)?; // [B, E, h, w]
        let rows = graph.transposed(&z, &[0, 2, 3, 1]); // [B, h, w, E]
        let codes = graph.nearest(&rows, &self.codebook)?; // [B, h, w]
        graph.output("codes", codes);
        graph.output("latent", z);
        Ok(graph)
    }

    /// From codes to p(x|e).
    fn decoder_graph(&self) -> Result<Graph> {
        let mut graph = Graph::default();
        let Shape { height, width, .. } = self.grid();
        let codes = graph.index_input("codes", &[height, width]);
        let e = graph.rows_of(&self.codebook, &codes)?; // [B, h, w, E]
        let e = graph.transposed(&e, &[0, 3, 1, 2]); // [B, E, h, w]
        let output = self.frozen.decoder.nodes(&mut graph, e)?; // [B, outputs·C, H, W]
        likelihood_outputs(&mut graph, self.likelihood, output, self.shape);
        Ok(graph)
    }
}

impl Codebook for VqVae {
    fn grid(&self) -> (Shape, u16) {
        (self.grid(), self.config.codes as u16)
    }

    fn encode(&self, images: &Images) -> Result<Images> {
        self.codes(images)
    }

    fn decode(&self, codes: &Images) -> Result<Images> {
        self.decode(codes)
    }
}

impl Generative for VqVae {
    fn work(&self) -> Work {
        Work::at_once(self.params.count())
    }

    fn image_grids(&self) -> Result<Vec<ImageGrid>> {
        let through = |images: &Images| self.decode(&self.codes(images)?);
        Ok(side_by_side("reconstructions", &self.validation, through)?.into_iter().collect())
    }

    fn classes(&self) -> &[String] {
        &[]
    }

    /// No prior over codes is learned.
    fn image_sampler(&self) -> Option<&dyn ImageSampler> {
        None
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
        None
    }

    fn takes(&self) -> Option<(Shape, u16)> {
        Some((self.shape, self.validation.levels()))
    }

    fn latent_space(&self) -> Option<&dyn LatentSpace> {
        None
    }

    fn codebook(&self) -> Option<&dyn Codebook> {
        Some(self)
    }

    fn exact_likelihood(&self) -> Option<&dyn ExactLikelihood> {
        None
    }

    fn exports(&self) -> Vec<Export<'_>> {
        vec![
            Export::new("decoder", || self.decoder_graph()),
            Export::new("encoder", || self.encoder_graph()),
        ]
    }
}
