//! Measures of samples, which know nothing of the model they come from.
//!
//! Letters: `n` samples, `d` numbers in a vector of features, `M` components of a mixture.
mod classifier_output;
mod energy;
mod features;
mod frechet;
mod kernel;
mod modes;
mod neighbours;
mod plane;
mod sample_evaluator;

pub use classifier_output::ClassifierOutput;
pub(crate) use energy::energy_distance;
pub use features::{Classifier, FEATURES};
pub use frechet::{Gaussian, frechet};
pub use kernel::{kernel_distance, mmd};
pub use modes::{Modes, modes};
pub(crate) use neighbours::squared_distance;
pub use neighbours::{Near, PrecisionRecall, above_nearest, nearest_images, precision_recall};
pub(crate) use plane::plane_measures;
pub use sample_evaluator::{LEAST, SampleEvaluator};
