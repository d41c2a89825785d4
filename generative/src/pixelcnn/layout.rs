//! Order of the channels of an image in memory.
use candle_core::{Result, Tensor};

/// `[B, C, H, W]` to `[B, H, W, C]`, as the layers want it.
pub(super) fn channels_last(x: &Tensor) -> Result<Tensor> {
    let (batch, channels, height, width) = x.dims4()?;
    match channels {
        1 => x.reshape((batch, height, width, 1)),
        _ => x.permute((0, 2, 3, 1))?.contiguous(),
    }
}

/// `[B, H, W, C]` to `[B, C, H, W]`.
pub(super) fn channels_first(x: &Tensor) -> Result<Tensor> {
    let (batch, height, width, channels) = x.dims4()?;
    match channels {
        1 => x.reshape((batch, 1, height, width)),
        _ => x.permute((0, 3, 1, 2))?.contiguous(),
    }
}
