//! The order of the values of an image.
use crate::data::Shape;

/// The position of a value in an image.
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
    /// Its index among the values of an image, `[C, H, W]`.
    pub fn index(self, shape: Shape) -> usize {
        (self.channel * shape.height + self.row) * shape.width + self.column
    }
}

/// All values of an image in raster order, row by row from the top left; at a pixel red, green, blue.
pub fn places(shape: Shape) -> impl Iterator<Item = Place> {
    let Shape { channels, height, width } = shape;
    (0..height * width * channels).map(move |i| Place {
        row: i / channels / width,
        column: i / channels % width,
        channel: i % channels,
    })
}
