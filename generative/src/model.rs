//! What generative models share.
use crate::data::Images;
use anyhow::Result;
use train::{Learner, Rng};

/// A learner that learns what pictures are like.
pub trait Generative: Learner {
    /// Draws `n` pictures; `None` where the model has learned no distribution to draw from.
    ///
    /// # Errors
    /// What the network reports.
    fn sample(&self, n: usize, rng: &mut Rng) -> Result<Option<Images>>;

    /// What the model is looked at with: the same for the same model and seed.
    ///
    /// # Errors
    /// What the network reports.
    fn sheets(&self) -> Result<Vec<Sheet>>;
}

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
