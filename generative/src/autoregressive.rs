//! What models have in common that say one number of a picture after the other.
//!
//! log p(x) = Σ_i log p(x_i | x_1 … x_(i−1)), exactly: the numbers of a picture come in the order of
//! [`places`], a network says of all of them at once how each is distributed given those before it
//! (`Network`), an [`Output`] reads what it says, `order.rs` makes sure that it looks at nothing else,
//! `sampling.rs` draws, and [`Autoregressive`] is the learner. Numbers go into the network from −1 to 1, so
//! that a convolution's padding, 0, is no colour.
mod learner;
pub(crate) mod order;
mod output;
mod receptive;
mod sampling;
#[cfg(test)]
pub(crate) mod testing;

pub use learner::Autoregressive;
pub(crate) use learner::{Settings, Subject, TRAINED};
pub use output::Output;
pub(crate) use sampling::Whole;

use crate::data::Shape;
use candle_core::{Result, Tensor};

/// Where a number of a picture is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// From the top.
    pub row: usize,
    /// From the left.
    pub column: usize,
    /// 0 for grey; red, green and blue.
    pub channel: usize,
}

impl Place {
    /// Where it is among the numbers of a picture, `[C, H, W]`.
    pub fn index(self, shape: Shape) -> usize {
        (self.channel * shape.height + self.row) * shape.width + self.column
    }
}

/// The numbers of a picture in their order: row by row from the top left, at a pixel red, green, blue.
pub fn places(shape: Shape) -> impl Iterator<Item = Place> {
    let Shape { channels, height, width } = shape;
    (0..height * width * channels).map(move |i| Place {
        row: i / channels / width,
        column: i / channels % width,
        channel: i % channels,
    })
}

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
