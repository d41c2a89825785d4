//! Data sets of either kind.
use super::{Images, Parts, Points};
use anyhow::{Result, bail};

/// The data of a generative model.
#[derive(Debug, Clone, PartialEq)]
pub enum Dataset {
    /// Images.
    Images(Parts<Images>),
    /// Points in the plane.
    Points(Parts<Points>),
}

impl Dataset {
    /// The images.
    ///
    /// # Errors
    /// If these are points.
    pub fn images(self) -> Result<Parts<Images>> {
        match self {
            Self::Images(parts) => Ok(parts),
            Self::Points(_) => bail!(
                "--data: this model learns images, and the data are points in the plane; give a set \
                 of images, as in --data glyphs"
            ),
        }
    }

    /// The points.
    ///
    /// # Errors
    /// If these are images.
    pub fn points(self) -> Result<Parts<Points>> {
        match self {
            Self::Points(parts) => Ok(parts),
            Self::Images(_) => bail!(
                "--data: this model learns points in the plane, and the data are images; give a set \
                 of points, as in --data two-moons"
            ),
        }
    }
}
