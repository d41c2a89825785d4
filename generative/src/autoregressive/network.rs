//! Networks that factorise p(x).
use super::{Output, Place};
use crate::data::Shape;
use candle_core::{Result, Tensor};

/// The images that a network is made for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject {
    pub(crate) shape: Shape,
    pub(crate) output: Output,
    /// Classes that the network is conditioned on; 0 of an unconditional model.
    pub(crate) classes: usize,
}

/// The conditional distributions p(x_i | x_1 … x_(i−1)): P logits, which an [`Output`] reads, for each of the C
/// values at each of the H×W pixels.
pub(crate) trait Network: Send + Sync {
    /// Logits `[B, C·P, H, W]` of images x `[B, C, H, W]`, from −1 to 1, and their classes `[B]` where the
    /// network is conditional.
    fn forward(&self, x: &Tensor, classes: Option<&Tensor>) -> Result<Tensor>;

    /// The network without gradients of its parameters, whose storage it shares.
    fn detached(&self) -> Box<dyn Network>;

    /// A forward pass over `n` images of these classes whose values become known one by one.
    fn incremental(
        &self,
        n: usize,
        classes: Option<&[u32]>,
    ) -> Result<Box<dyn IncrementalForward + '_>>;

    /// The cost of an incremental pass over an image of `shape`, in full forward passes, about.
    fn passes(&self, shape: Shape) -> usize;

    /// Uses of each parameter in a pass over an image of `shape`, about.
    fn uses(&self, shape: Shape) -> usize;
}

/// A forward pass value by value. At every place, in their order, `logits` is called, then `observe`.
pub(crate) trait IncrementalForward {
    /// Logits of the value at `place` of each image, `[n, P]`.
    fn logits(&mut self, place: Place, logits: &mut [f32]) -> Result<()>;

    /// Sets the value at `place` of each image, `[n]`, from −1 to 1.
    fn observe(&mut self, place: Place, values: &[f32]) -> Result<()>;
}
