//! Interface of layers: signals pass through a layer to its reader.
use super::Layer;
use crate::ops::{Reader, Signal};
use candle_core::{Result, Tensor};

/// A layer as a network passes signals through it; alone it is a [`Module`](candle_core::Module).
pub trait Pass {
    /// The result for x, for `reader`.
    fn pass(&self, x: &Signal, reader: Reader) -> Result<Signal>;
}

/// The result of layers within a layer, one after the other, for x.
pub(super) fn streamed(layers: &[Layer], x: &Signal) -> Result<Tensor> {
    let mut signal = x.clone();
    for (i, layer) in layers.iter().enumerate() {
        let reader = match layers.get(i + 1) {
            None => Reader::Anybody,
            Some(next) => next.reader(),
        };
        signal = layer.pass(&signal, reader)?;
    }
    signal.into_tensor()
}
