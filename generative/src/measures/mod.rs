//! What samples are worth: measures of any model that draws, which know nothing of how it does so.
//!
//! Letters: `n` samples, `d` numbers in a vector of features, `M` components of a mixture.
mod modes;

pub use modes::{Modes, modes};
