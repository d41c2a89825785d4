//! All drawing: curves and scatter plots, boards of values, grids of images, animations.
pub mod board;
pub mod gif;
pub mod plot;
pub mod sheet;
