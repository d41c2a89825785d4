//! The interface of generative models.
use crate::ImageGrid;
use crate::Work;
use crate::data::Images;
use crate::latents::Map;
use crate::plane::Plane;
use anyhow::Result;
use train::{Learner, Measure, Rng, Split};

/// A learner of a distribution of images, or of points in the plane.
pub trait Generative: Learner {
    /// Samples `n` images; `None` of a model without a distribution of images.
    ///
    /// # Errors
    /// Errors of the network.
    fn sample(&self, n: usize, rng: &mut Rng) -> Result<Option<Images>>;

    /// Samples `n` points in the plane; `None` of a model of images.
    ///
    /// # Errors
    /// Errors of the network.
    fn points(&self, _n: usize, _rng: &mut Rng) -> Result<Option<Vec<[f32; 2]>>> {
        Ok(None)
    }

    /// Names of the classes of a conditional model; none of an unconditional one.
    fn classes(&self) -> &[String] {
        &[]
    }

    /// [`sample`](Self::sample) conditioned on one of [`classes`](Self::classes), by its index.
    ///
    /// # Errors
    /// Errors of the network.
    fn sample_class(&self, _class: usize, _n: usize, _rng: &mut Rng) -> Result<Option<Images>> {
        Ok(None)
    }

    /// [`points`](Self::points) conditioned on one of [`classes`](Self::classes), by its index.
    ///
    /// # Errors
    /// Errors of the network.
    fn points_of_class(
        &self,
        _class: usize,
        _n: usize,
        _rng: &mut Rng,
    ) -> Result<Option<Vec<[f32; 2]>>> {
        Ok(None)
    }

    /// The importance-weighted bound on log p(x), in nats, over the first `n` test images with `k` samples of z
    /// for each (Burda et al. 2016): the mean over them, with its error. `None` where the model has no
    /// such bound.
    ///
    /// # Errors
    /// Errors of the network.
    fn importance_weighted(&self, _k: usize, _n: usize) -> Result<Option<Measure>> {
        Ok(None)
    }

    /// The model as an autoregressive one; `None` of another kind.
    fn autoregressive(&self) -> Option<&dyn AncestralSampling> {
        None
    }

    /// The cost of a pass over an image, and of sampling one.
    fn work(&self) -> Work;

    /// Figures of the model, a function of its parameters and seed.
    ///
    /// # Errors
    /// Errors of the network.
    fn image_grids(&self) -> Result<Vec<ImageGrid>>;

    /// The plane of a model of points, with the same noise each time; `None` of a model of images.
    ///
    /// # Errors
    /// Errors of the network.
    fn plane(&self) -> Result<Option<Plane>> {
        Ok(None)
    }

    /// Held-out images in the latent space; `None` where the model has none that can be
    /// plotted in the plane.
    ///
    /// # Errors
    /// Errors of the network.
    fn map(&self) -> Result<Option<Map>> {
        Ok(None)
    }
}

/// Sampling one number after the other, from log p(x) = Σ_i log p(x_i | x_1 … x_(i−1)).
pub trait AncestralSampling: Generative {
    /// Samples `n` images, all of `class` or, where there are classes and none is given, of any. Logits are
    /// divided by `temperature`: below 1 it makes likely numbers likelier, and 0 takes the likeliest.
    ///
    /// # Errors
    /// Errors of the network.
    fn sample_at(
        &self,
        n: usize,
        temperature: f64,
        class: Option<u32>,
        rng: &mut Rng,
    ) -> Result<Images>;

    /// The first `rows` images of a split, each in a row: itself, its upper half, and eight completions of
    /// that. `None` where there is no image, or no half.
    ///
    /// # Errors
    /// Errors of the network.
    fn completions(
        &self,
        split: Split,
        rows: usize,
        temperature: f64,
        rng: &mut Rng,
    ) -> Result<Option<ImageGrid>>;
}
