//! Data sets: one interface for those drawn here and those read from files.
//!
//! A [`Dataset`] has three [`Parts`]: one to train on, one that may choose a model, one that chooses
//! nothing. Each is a set of [`Images`], small whole numbers with the number of their levels, or of
//! [`Points`] in the plane.
mod binarise;
mod bound;
mod cifar;
mod dataset;
mod division;
mod download;
mod folder;
mod glyphs;
mod idx;
mod images;
mod loader;
mod parts;
mod planar;
mod points;
mod record;
mod strokes;
mod synthetic;

pub use binarise::Binarisation;
pub use cifar::cifar_10;
pub use dataset::Dataset;
pub use download::{DOWNLOADS, Download, Got, Remote};
pub use folder::{Background, FolderConfig, folder};
pub use glyphs::{Classes, GlyphsConfig, glyphs};
pub use idx::{fashion_mnist, mnist};
pub use images::{Images, Labels, Shape};
pub(crate) use loader::one_hot;
pub use loader::{EpochOrder, ImageLoader, PointLoader};
pub use parts::Parts;
pub use planar::{
    PlanarConfig, checkerboard, gaussian, gaussian_turned, gaussians_8, gaussians_25, rings,
    swiss_roll, two_moons,
};
pub use points::{Density, Ellipse, Mixture, Points};
pub use record::{Counts, NAMED, Record, Stored};
pub use synthetic::{BarsConfig, CoinsConfig, GridConfig, bars, coins, parity, stripes};
