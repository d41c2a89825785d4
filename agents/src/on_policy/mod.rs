//! Machinery that policy-gradient algorithms share.
#[macro_use]
pub(crate) mod config;

pub mod heads;
pub mod nets;
pub mod returns;
pub(crate) mod rollout;
pub(crate) mod scaling;
pub(crate) mod trainer;
