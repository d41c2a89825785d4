//! The cost of computing with a model, by which figures are kept to a small part of a run.

/// Multiply-adds, about: by them, not by time, samples for figures are kept to a small part of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work {
    /// Of one pass over an image of the data.
    pub pass: u64,
    /// Of sampling one: many passes of an autoregressive model.
    pub sampling: u64,
}

impl Work {
    /// Of a model of so many parameters that samples an image in one pass.
    pub(crate) fn at_once(params: usize) -> Self {
        Self { pass: params as u64, sampling: params as u64 }
    }

    /// Of a model whose sampling takes so many passes.
    pub(crate) fn by_passes(pass: u64, passes: usize) -> Self {
        Self { pass, sampling: pass.saturating_mul(passes as u64) }
    }

    /// Multiply-adds that sampling may take after passes over so many images.
    pub(crate) fn affordable(&self, passes: u64) -> u64 {
        FREE.saturating_add(self.pass.saturating_mul(passes) / PART)
    }
}

/// Multiply-adds that sampling may take however short the training: half a second's to a second's.
const FREE: u64 = 8_000_000_000;

/// One part in so many of the work of training and evaluation that sampling may take beyond that.
const PART: u64 = 20;

/// Passes over an image that a training step on it costs, about: one forward, twice that backward.
pub(crate) const TRAINED: u64 = 3;
