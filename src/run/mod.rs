//! Between a command line and a result; knows no subcommand.
//!
//! A line of text or what was typed becomes a [`config`], from which [`build`] makes a learner; a [`session`]
//! trains it and writes its [`result`] and its [`figures`]; [`trained`] loads it again.
pub(crate) mod build;
pub(crate) mod config;
pub(crate) mod data;
pub(crate) mod episode;
pub(crate) mod figures;
pub(crate) mod in_memory;
pub(crate) mod interrupt;
pub(crate) mod layer;
pub(crate) mod line;
pub(crate) mod machine;
pub(crate) mod report;
pub(crate) mod result;
pub(crate) mod session;
pub(crate) mod setting;
pub(crate) mod solution;
pub(crate) mod start;
pub(crate) mod state;
pub(crate) mod table;
pub(crate) mod tensorboard;
pub(crate) mod trained;
pub(crate) mod trainee;
