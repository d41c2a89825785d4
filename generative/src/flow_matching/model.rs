//! Flow matching as a model of images or of points: its samples and figures, and its network as a graph.
use super::{FlowMatching, FlowMatchingConfig};
use crate::data::{Images, Shape};
use crate::export::label_input;
use crate::form::Form;
use crate::latents::LatentSpace;
use crate::ode::Solver;
use crate::process::{image_grids, plane, sample_images, sample_points};
use crate::{
    AncestralSampling, Codebook, ExactLikelihood, Generative, ImageGrid, ImageSampler,
    ImportanceWeighted, LatentMap, Plane, PointSampler, Work,
};
use anyhow::Result;
use nn::onnx::{Export, Graph};
use train::Rng;

/// Passes of the adaptive solver, about.
const ADAPTIVE: usize = 200;

impl FlowMatching {
    /// From x at the size that the network sees, a time from 0 to 1, and a label of a conditional model, all 0 for none, to the
    /// `velocity`.
    fn graph(&self) -> Result<Graph> {
        let mut graph = Graph::default();
        let d = self.flow.subject.form.len();
        let x = graph.input("x", &[d]);
        let t = graph.input("time", &[1]);
        let label = label_input(&mut graph, &self.flow.subject.classes);
        let velocity = self.flow.network.nodes(&mut graph, &x, &t, label.as_ref())?; // [B, D]
        graph.output("velocity", velocity);
        if let Some(standard) = &self.flow.subject.standard {
            graph.note("sample", standard.described());
        }
        graph.note("flow", "dx/dt = velocity(x, t), from N(0, 1) at time 0 to samples at time 1");
        Ok(graph)
    }
}

impl ImageSampler for FlowMatching {
    fn sample_images(&self, n: usize, class: Option<u32>, rng: &mut Rng) -> Result<Images> {
        sample_images(&self.flow, n, class, rng)
    }
}

impl PointSampler for FlowMatching {
    fn sample_points(&self, n: usize, class: Option<u32>, rng: &mut Rng) -> Result<Vec<[f32; 2]>> {
        sample_points(&self.flow, n, class, rng)
    }

    fn plane(&self) -> Result<Plane> {
        // Of a conditional model without a label, as it has learned it beside the others.
        plane(&self.flow, &self.source, self.seed, |at| self.flow.log_densities(at, &[]))
    }
}

impl Generative for FlowMatching {
    fn work(&self) -> Work {
        let FlowMatchingConfig { conditional, guidance, .. } = self.config;
        let passes = match self.flow.solver {
            Solver::Fixed { method, steps } => steps.saturating_mul(method.stages()),
            Solver::Adaptive { .. } => ADAPTIVE,
        };
        let each = if conditional && guidance != 1.0 { 2 } else { 1 };
        Work::by_passes(self.trainer.params.count() as u64, passes.saturating_mul(each))
    }

    fn image_grids(&self) -> Result<Vec<ImageGrid>> {
        image_grids(&self.flow, "flow", &self.source, self.seed)
    }

    fn classes(&self) -> &[String] {
        &self.flow.subject.classes
    }

    fn image_sampler(&self) -> Option<&dyn ImageSampler> {
        (self.flow.subject.form != Form::Point).then_some(self)
    }

    fn point_sampler(&self) -> Option<&dyn PointSampler> {
        (self.flow.subject.form == Form::Point).then_some(self)
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
        vec![Export::new("velocity", || self.graph())]
    }
}
