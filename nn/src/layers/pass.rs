//! Interface of layers: signals pass through a layer to its reader.
use crate::ops::{Reader, Signal};
use candle_core::Result;

/// A layer as a network passes signals through it; alone it is a [`Module`](candle_core::Module).
pub trait Pass {
    /// The result for x, for `reader`.
    fn pass(&self, x: &Signal, reader: Reader) -> Result<Signal>;
}
