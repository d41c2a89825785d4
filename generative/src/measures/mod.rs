//! What samples are worth: measures of any model that draws, which know nothing of how it does so.
//!
//! Letters: `n` samples, `d` numbers in a vector of features, `M` components of a mixture.
mod features;
mod frechet;
mod judge;
mod kernel;
mod modes;
mod neighbours;
mod seen;

pub use features::{Classifier, FEATURES};
pub use frechet::{Gaussian, frechet};
pub use judge::{Judge, LEAST};
pub use kernel::{kernel_distance, mmd};
pub use modes::{Modes, modes};
pub(crate) use neighbours::apart;
pub use neighbours::{Near, PrecisionRecall, above_nearest, nearest_pictures, precision_recall};
pub use seen::Seen;
