//! The order in which the numbers of an image come.
use crate::data::Shape;

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
