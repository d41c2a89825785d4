//! Shared machinery of autoregressive image models.
//!
//! log p(x) = Σ_i log p(x_i | x_1 … x_(i−1)), exactly: the values of an image come in the order of [`places`], a
//! network (`AutoregressiveNetwork`) gives the conditional distributions of all values at once, as logits that an [`Output`]
//! reads, `order.rs` verifies that no conditional depends on later values, `sampling.rs` samples value by value,
//! and [`Autoregressive`] is the learner. Inputs of the network lie in −1 to 1, so that the padding of a
//! convolution, 0, is no colour.
mod figures;
mod learner;
mod network;
pub(crate) mod order;
mod output;
mod place;
mod receptive_field;
mod sampling;
mod settings;
#[cfg(test)]
pub(crate) mod testing;

pub use learner::Autoregressive;
pub(crate) use network::{AutoregressiveNetwork, IncrementalForward, Subject};
pub use output::Output;
pub use place::{Place, places};
pub(crate) use sampling::FullForward;
pub(crate) use settings::{Settings, settings};
