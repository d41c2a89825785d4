//! Classic control: small physical systems with a continuous state.

mod cartpole;
mod cartpole_view;

pub use cartpole::CartPole;
