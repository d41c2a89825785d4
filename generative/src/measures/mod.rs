//! What samples are worth: measures of any model that draws, which know nothing of how it does so.
//!
mod frechet;
mod kernel;
mod modes;
mod neighbours;

pub use frechet::{Gaussian, frechet};
pub use kernel::{kernel_distance, mmd};
pub use modes::{Modes, modes};
pub use neighbours::{Near, PrecisionRecall, nearest_pictures, precision_recall};
