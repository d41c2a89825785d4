//! Runs of `lab` in a Rust notebook.
//!
//! A light crate: it starts the program `lab`, shows its progress, and reads the run directory. What a cell ends with
//! is shown by evcxr's display protocol (`evcxr_display`): figures and animations inline, numbers as tables.
//!
//! ```no_run
//! use lab_notebook::*;
//!
//! # fn main() -> Result<()> {
//! let run = lab("ppo --env cartpole --steps 20000")?;
//! run.score()?; // table of measures
//! run.curves()?; // learning curves
//! run.play()?; // an episode, animated
//! # Ok(())
//! # }
//! ```
mod commands;
mod display;
mod error;
mod figure;
mod program;
mod run;
mod table;
mod text;

pub use commands::{check, command, lab};
pub use error::{Error, Result};
pub use figure::{Figure, Format};
pub use run::{Run, compare};
pub use table::Table;
pub use text::Text;
