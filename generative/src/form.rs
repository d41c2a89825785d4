//! The form of samples, of models that learn images as well as points.
use crate::data::{Dataset, Images, Shape};
use anyhow::Result;

/// The form of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A point in the plane, as it is.
    Point,
    /// An image, from −1 to 1.
    Image(Shape),
}

impl Form {
    /// Of the samples of `data`.
    pub(crate) fn of(data: &Dataset) -> Self {
        match data {
            Dataset::Images(parts) => Self::Image(parts.train.shape()),
            Dataset::Points(_) => Self::Point,
        }
    }

    /// Numbers in a sample, D.
    pub(crate) fn len(self) -> usize {
        self.shape().len()
    }

    /// Of a point, that of an image of as many numbers.
    pub(crate) fn shape(self) -> Shape {
        match self {
            Self::Point => Shape { channels: 1, height: 1, width: 2 },
            Self::Image(shape) => shape,
        }
    }
}

/// Images of the values of a network, −1 to 1, row by row.
pub(crate) fn images(shape: Shape, values: &[f32]) -> Result<Images> {
    let pixels = values.iter().map(|x| (127.5 * (x + 1.0)).round() as u8).collect();
    Images::new(shape, 256, pixels, None)
}
