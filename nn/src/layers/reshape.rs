//! Layers that change shapes alone.
use super::pass::Pass;
use crate::ops::{Reader, Signal};
use candle_core::Result;

/// `[B, …]` to `[B, n]`, n being the product of the other dimensions.
#[derive(Debug, Clone, Copy)]
pub struct Flatten;

impl Pass for Flatten {
    fn pass(&self, x: &Signal, _: Reader) -> Result<Signal> {
        x.clone().reshaped(|x| x.flatten_from(1)) // [B, n]
    }
}

/// `[B, C·H·W]` to `[B, C, H, W]`: what a decoder begins with.
#[derive(Debug, Clone, Copy)]
pub struct Unflatten {
    /// Channels C.
    pub channels: usize,
    /// Height H.
    pub height: usize,
    /// Width W.
    pub width: usize,
}

impl Pass for Unflatten {
    fn pass(&self, x: &Signal, _: Reader) -> Result<Signal> {
        let Self { channels, height, width } = *self;
        x.clone().reshaped(|x| x.reshape((x.dim(0)?, channels, height, width))) // [B, C, H, W]
    }
}
