//! All drawing: curves and scatter plots, boards of values, grids of images, animations.
pub mod board;
pub mod gif;
pub mod image_grid;
pub mod plot;
