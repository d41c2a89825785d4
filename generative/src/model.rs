//! What generative models share.
use crate::Autoregressive;
use crate::data::Images;
use crate::latents::Map;
use crate::plane::Plane;
use anyhow::Result;
use train::{Learner, Measure, Rng};

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
    fn autoregressive(&self) -> Option<&Autoregressive> {
        None
    }

    /// The work of a pass over an image, and of drawing one.
    fn work(&self) -> Work;

    /// What the model is looked at with: the same for the same model and seed.
    ///
    /// # Errors
    /// What the network reports.
    fn sheets(&self) -> Result<Vec<Sheet>>;

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

/// Multiply-adds, about: by them, not by time, images drawn unasked are kept to a small part of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work {
    /// Of one pass over an image of the data.
    pub pass: u64,
    /// Of drawing one; many passes where one number is drawn after the other.
    pub drawing: u64,
}

impl Work {
    /// Of a model of so many parameters that draws an image in one pass.
    pub(crate) fn at_once(params: usize) -> Self {
        Self { pass: params as u64, drawing: params as u64 }
    }

    /// Of a model of which drawing takes so many passes.
    pub(crate) fn by_passes(pass: u64, passes: usize) -> Self {
        Self { pass, drawing: pass.saturating_mul(passes as u64) }
    }

    /// Multiply-adds that drawing may take after passes over so many images.
    pub(crate) fn affordable(&self, passes: u64) -> u64 {
        FREE.saturating_add(self.pass.saturating_mul(passes) / PART)
    }
}

/// Multiply-adds that drawing may take however little was trained: half a second's to a second's.
const FREE: u64 = 8_000_000_000;

/// One part in so many of the work of training and evaluation that drawing may take beyond that.
const PART: u64 = 20;

/// Pictures side by side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    /// What they are, as the name of a file.
    pub name: &'static str,
    /// Row by row.
    pub images: Images,
    /// How many are in a row.
    pub columns: usize,
}
