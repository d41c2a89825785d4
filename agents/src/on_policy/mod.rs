//! Machinery that policy-gradient algorithms share.
#[macro_use]
pub(crate) mod config;

pub(crate) mod collector;
pub mod heads;
mod length;
pub(crate) mod minibatch;
pub mod nets;
pub mod returns;
pub(crate) mod rollout;
pub(crate) mod scaling;
pub(crate) mod trainer;
pub(crate) mod value;
