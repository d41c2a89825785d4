//! Pooling.
use super::Pass;
use crate::ops::{self, Pool, Reader, Signal};
use candle_core::{Result, bail};

/// The largest number of each window of size×size: `[B, C, H, W]` to `[B, C, H', W']` with
/// H' = ⌊(H + 2·padding − size) / stride⌋ + 1. Padding is never the largest; rows and columns that are left over are not
/// seen; of several largest numbers the first takes the gradient.
#[derive(Debug, Clone, Copy)]
pub struct MaxPool2d(pub(super) Pool);

impl MaxPool2d {
    /// Windows of `side`×`side`, side by side.
    pub fn new(side: usize) -> Result<Self> {
        if side == 0 {
            bail!("a window to pool needs a side of at least 1")
        }
        Ok(Self(Pool { size: side, stride: side, padding: 0 }))
    }

    /// Windows of `size`×`size` that are `stride` apart, over an image with `padding` on each side.
    pub fn spaced(size: usize, stride: usize, padding: usize) -> Result<Self> {
        if size == 0 || stride == 0 || padding >= size {
            bail!(
                "windows to pool need a size and a stride of at least 1, and less padding than their size, got size \
                 {size}, stride {stride}, padding {padding}"
            )
        }
        Ok(Self(Pool { size, stride, padding }))
    }
}

impl Pass for MaxPool2d {
    fn pass(&self, x: &Signal, _: Reader) -> Result<Signal> {
        Ok((&ops::max_pool2d(&x.clone().into_tensor()?, self.0)?).into())
    }
}
