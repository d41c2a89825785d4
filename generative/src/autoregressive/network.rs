//! Networks that factorise p(x).
use super::{Output, Place};
use crate::data::Shape;
use candle_core::{Result, Tensor};

/// What says of each number of a picture how it is distributed given those before it. P numbers, which an
/// [`Output`] reads, say it of one; a picture has C of them at each of its H×W pixels.
pub(crate) trait Network: Send + Sync {
    /// What is said of pictures x `[B, C, H, W]`, from −1 to 1, of the classes `[B]` where the network was
    /// made for such: `[B, C·P, H, W]`.
    fn forward(&self, x: &Tensor, classes: Option<&Tensor>) -> Result<Tensor>;

    /// The same network as a fixed function, with the present parameters at any time.
    fn fixed(&self) -> Box<dyn Network>;

    /// The same for pictures that become known number by number, of these classes.
    fn walk(&self, n: usize, classes: Option<&[u32]>) -> Result<Box<dyn Walk + '_>>;

    /// As how many passes over whole pictures of `shape` a walk through one takes, about.
    fn passes(&self, shape: Shape) -> usize;

    /// How often each parameter is multiplied in a pass over an image of `shape`, about.
    fn uses(&self, shape: Shape) -> usize;
}

/// A network on its way through some pictures. At every place, in their order, it is asked and then told.
pub(crate) trait Walk {
    /// What is said of the number at `place` of each picture, `[n, P]`.
    fn ask(&mut self, place: Place, said: &mut [f32]) -> Result<()>;

    /// What the numbers are, `[n]`, from −1 to 1.
    fn tell(&mut self, place: Place, numbers: &[f32]) -> Result<()>;
}

/// What a network is made for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject {
    pub(crate) shape: Shape,
    pub(crate) output: Output,
    /// 0 where nobody tells the network what a picture shows.
    pub(crate) classes: usize,
}
