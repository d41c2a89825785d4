//! What models have in common that say one number of a picture after the other.
//!
//! log p(x) = Σ_i log p(x_i | x_1 … x_(i−1)), exactly: the numbers of a picture come in the order of
//! [`places`], a network says of all of them at once how each is distributed given those before it
//! (`Network`), an [`Output`] reads what it says, `order.rs` makes sure that it looks at nothing else,
//! `sampling.rs` draws, and [`Autoregressive`] is the learner. Numbers go into the network from −1 to 1, so
//! that a convolution's padding, 0, is no colour.
mod learner;
mod network;
pub(crate) mod order;
mod output;
mod place;
mod receptive;
mod sampling;
#[cfg(test)]
pub(crate) mod testing;

pub use learner::Autoregressive;
pub(crate) use learner::Settings;
pub(crate) use network::{Network, Subject, Walk};
pub use output::Output;
pub use place::{Place, places};
pub(crate) use sampling::Whole;
