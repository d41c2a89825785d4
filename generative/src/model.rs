//! What generative models share.
use crate::ImageGrid;
use crate::Work;
use crate::data::Images;
use crate::latents::Map;
use crate::plane::Plane;
use anyhow::Result;
use train::{Learner, Measure, Rng, Split};

/// A learner that learns what pictures are like, or points in the plane.
pub trait Generative: Learner {
    /// Draws `n` pictures; `None` where the model has learned no distribution of pictures to draw from.
    ///
    /// # Errors
    /// What the network reports.
    fn sample(&self, n: usize, rng: &mut Rng) -> Result<Option<Images>>;

    /// Draws `n` points in the plane; `None` of a model that draws pictures.
    ///
    /// # Errors
    /// What the network reports.
    fn points(&self, _n: usize, _rng: &mut Rng) -> Result<Option<Vec<[f32; 2]>>> {
        Ok(None)
    }

    /// What it can be asked to draw, by the names of the labels it was told; none where it was not.
    fn classes(&self) -> &[String] {
        &[]
    }

    /// The same as [`sample`](Self::sample) of one of [`classes`](Self::classes), by its place there.
    ///
    /// # Errors
    /// What the network reports.
    fn sample_class(&self, _class: usize, _n: usize, _rng: &mut Rng) -> Result<Option<Images>> {
        Ok(None)
    }

    /// The same as [`points`](Self::points) of one of [`classes`](Self::classes), by its place there.
    ///
    /// # Errors
    /// What the network reports.
    fn points_of_class(
        &self,
        _class: usize,
        _n: usize,
        _rng: &mut Rng,
    ) -> Result<Option<Vec<[f32; 2]>>> {
        Ok(None)
    }

    /// The importance-weighted bound on log p(x), in nats, over the first `n` test pictures with `k` draws
    /// for each (Burda et al. 2016): the mean over them, and how sure it is. `None` where the model has no
    /// such bound.
    ///
    /// # Errors
    /// What the network reports.
    fn importance_weighted(&self, _k: usize, _n: usize) -> Result<Option<Measure>> {
        Ok(None)
    }

    /// The model as one that says one number of a picture after the other; `None` where it is another kind.
    fn autoregressive(&self) -> Option<&dyn AncestralSampling> {
        None
    }

    /// The work of a pass over an image, and of drawing one.
    fn work(&self) -> Work;

    /// What the model is looked at with: the same for the same model and seed.
    ///
    /// # Errors
    /// What the network reports.
    fn image_grids(&self) -> Result<Vec<ImageGrid>>;

    /// What a model of points is looked at with, by the same noise each time; `None` of one that learns pictures.
    ///
    /// # Errors
    /// What the network reports.
    fn plane(&self) -> Result<Option<Plane>> {
        Ok(None)
    }

    /// Where held-out pictures lie in the latent space; `None` where the model has none that can be
    /// drawn in the plane.
    ///
    /// # Errors
    /// What the network reports.
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
    /// What the network reports.
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
    /// What the network reports.
    fn completions(
        &self,
        split: Split,
        rows: usize,
        temperature: f64,
        rng: &mut Rng,
    ) -> Result<Option<ImageGrid>>;
}
