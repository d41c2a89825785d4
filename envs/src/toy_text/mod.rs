//! Gymnasium's toy text environments, by their tables.
//!
//! One difference from the tables: they go on listing outcomes for states in which an episode is
//! over; here nothing happens there.

mod cliff_walking;
mod frozen_lake;
mod taxi;

pub use cliff_walking::CliffWalking;
pub use frozen_lake::{FrozenLake, FrozenLakeConfig};
pub use taxi::Taxi;
