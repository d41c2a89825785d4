//! Reinforcement learning and generative models on Candle, one training loop for all.
//!
//! The crate is the facade over the workspace and the command line `lab` itself. In a notebook or
//! a program of your own, start from [`prelude`]:
//!
//! ```
//! use lab::prelude::*;
//!
//! # fn main() -> anyhow::Result<()> {
//! let make: MakeEnv = Box::new(|| Box::new(Catch::default()));
//! let mut agent = Dqn::new(make, DqnConfig::default(), 1, &Device::Cpu)?;
//! let plan = Plan { steps: 600, log_every: 100, eval_every: 300, save_every: 0, target: None, patience: None };
//! let report = fit(&mut agent, &plan, &mut Run::default())?;
//! assert_eq!(report.steps, 600);
//! # Ok(())
//! # }
//! ```
pub mod checks;
pub mod claim;
pub mod cli;
pub mod registry;
pub mod render;
pub mod reproduce;
mod run;
mod told;
pub mod usage;

pub use {agents, envs, generative, nn, train};

/// What a program that trains something needs.
pub mod prelude {
    pub use agents::{Agent, Dqn, DqnConfig, MakeEnv};
    pub use candle_core::{Device, Tensor};
    pub use envs::{Breakout, BreakoutConfig, CartPole, Catch, Env, VecEnv};
    pub use train::{Learner, Outcome, Plan, Report, Run, Split, fit, stream};
}
