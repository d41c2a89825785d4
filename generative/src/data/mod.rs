//! Data sets: one interface for those drawn here and those read from files.
//!
//! A [`Dataset`] has three [`Parts`]: one to train on, one that may choose a model, one that chooses
//! nothing. Each is a set of [`Images`], small whole numbers with the number of their levels, or of
//! [`Points`] in the plane.
mod binarise;
mod bound;
mod cifar;
mod division;
mod download;
mod folder;
mod glyphs;
mod idx;
mod images;
mod loader;
mod planar;
mod record;
mod strokes;
mod synthetic;

pub use binarise::Binarisation;
pub use cifar::cifar_10;
pub use download::{DOWNLOADS, Download, Got, Remote};
pub use folder::{Background, FolderConfig, folder};
pub use glyphs::{Classes, GlyphsConfig, glyphs};
pub use idx::{fashion_mnist, mnist};
pub use images::{Images, Labels, Shape};
pub(crate) use loader::one_hot;
pub use loader::{ImageLoader, Order, PointLoader};
pub use planar::{Mixture, PlanarConfig, Points, gaussians_8, gaussians_25, two_moons};
pub use record::{Counts, NAMED, Record, Stored};
pub use synthetic::{BarsConfig, CoinsConfig, GridConfig, bars, coins, parity, stripes};

use anyhow::{Result, bail};
use train::Split;

/// The data of a generative model.
#[derive(Debug, Clone, PartialEq)]
pub enum Dataset {
    /// Images.
    Images(Parts<Images>),
    /// Points in the plane.
    Points(Parts<Points>),
}

/// A set in three parts without a sample in common.
#[derive(Debug, Clone, PartialEq)]
pub struct Parts<T> {
    /// To learn from.
    pub train: T,
    /// To be scored on during training.
    pub validation: T,
    /// To be scored on once.
    pub test: T,
    /// Entropy of what is drawn, in nats per image or point, where it is known exactly: no model has
    /// a lower negative log-likelihood on average. Of points it is the differential one.
    pub entropy: Option<f64>,
}

impl<T> Parts<T> {
    /// The data of the final evaluation.
    pub fn held_out(&self, split: Split) -> &T {
        match split {
            Split::Validation => &self.validation,
            Split::Test => &self.test,
        }
    }
}

impl Dataset {
    /// The images.
    ///
    /// # Errors
    /// Where these are points.
    pub fn images(self) -> Result<Parts<Images>> {
        match self {
            Self::Images(parts) => Ok(parts),
            Self::Points(_) => bail!(
                "--data: this model learns pictures, and the data are points in the plane; give a set \
                 of pictures, as in --data glyphs"
            ),
        }
    }

    /// The points.
    ///
    /// # Errors
    /// Where these are images.
    pub fn points(self) -> Result<Parts<Points>> {
        match self {
            Self::Points(parts) => Ok(parts),
            Self::Images(_) => bail!(
                "--data: this model learns points in the plane, and the data are pictures; give a set \
                 of points, as in --data two-moons"
            ),
        }
    }
}

/// The three parts, each drawn by its name and size; there are as many to choose by as to test on.
fn numbered<T>(n_train: usize, n_test: usize, mut draw: impl FnMut(&str, usize) -> T) -> [T; 3] {
    [draw("train", n_train), draw("validation", n_test), draw("test", n_test)]
}
