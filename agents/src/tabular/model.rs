//! A finite MDP as arrays, for planners to sweep over.
mod components;
mod ends;
mod gain;
mod rest;
mod sparse;
mod sweep;
mod worth;

pub(super) use ends::{Predecessors, Way};
pub(super) use gain::Endless;
pub(super) use rest::Rests;
pub use sparse::Model;
pub(super) use sweep::{larger, sweep};
pub(super) use worth::{ROUNDING, Settling, Worth, moves};
