//! Reinforcement-learning agents, one file each.
//!
//! Words used throughout: `obs`, `action`, `reward`, `next_obs`, and `continues`, which is 0 where
//! `next_obs` is terminal and else 1. Shapes: `B` batch, `N` parallel environments, `A` actions.
mod agent;
mod dqn;
mod net;
mod optimizer;
mod replay;
pub mod tabular;
mod watched;

pub use agent::{Agent, Chosen, MakeEnv, discrete_actions, episodes, evaluate};
pub use dqn::{Dqn, DqnConfig, Loss, td_target};
pub use net::q_network;
pub use optimizer::OptimizerName;
pub use replay::{Batch, Replay};
pub use watched::{Moment, Watched};
