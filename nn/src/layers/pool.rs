//! Pooling.
use super::Pass;
use crate::ops::{self, Reader, Signal};
use candle_core::{Result, bail};

/// The largest number of each window of side×side, side by side: `[B, C, H, W]` to
/// `[B, C, ⌊H/side⌋, ⌊W/side⌋]`. Rows and columns that are left over are not seen; of several largest numbers the
/// first takes the gradient.
#[derive(Debug, Clone, Copy)]
pub struct MaxPool2d {
    pub(super) side: usize,
}

impl MaxPool2d {
    /// Windows of `side`×`side`.
    pub fn new(side: usize) -> Result<Self> {
        if side == 0 {
            bail!("a window to pool needs a side of at least 1")
        }
        Ok(Self { side })
    }
}

impl Pass for MaxPool2d {
    fn pass(&self, x: &Signal, _: Reader) -> Result<Signal> {
        Ok((&ops::max_pool2d(&x.clone().into_tensor()?, self.side)?).into())
    }
}
