//! Reinforcement-learning agents, one file each.
//!
//! Words used throughout: `obs`, `action`, `reward`, `next_obs`, and `continues`, which is 0 where
//! `next_obs` is terminal and else 1. Shapes: `B` batch, `N` parallel environments, `T` steps of
//! each in a rollout, `A` numbered actions, `D` numbers in an action that is a vector, `W` numbers in a
//! row that holds either.
#[macro_use]
mod policy_config;

mod actor;
mod actor_critic;
mod agent;
mod dqn;
mod memory;
mod net;
mod optimizer;
pub mod policy_head;
pub mod policy_net;
mod ppo;
mod reinforce;
mod replay;
pub mod returns;
mod rollout;
mod scaling;
pub mod tabular;
mod watched;

pub use actor::Critic;
pub use actor_critic::{
    ActorCritic, ActorCriticConfig, Estimator, Weighed, all_actions_loss, policy_loss,
};
pub use agent::{Agent, Chosen, MakeEnv, actions_rng, discrete_actions, episodes, evaluate};
pub use dqn::{Dqn, DqnConfig, Loss, td_target};
pub use net::q_network;
pub use optimizer::OptimizerName;
pub use policy_net::{Sharing, Start};
pub use ppo::{Ppo, PpoConfig, ValueLoss, clipped_objective, clipped_value_loss, divergence};
pub use reinforce::{Baseline, Reinforce, ReinforceConfig, Returns, reinforce_loss};
pub use replay::{Batch, Replay};
pub use rollout::Rollout;
pub use watched::{Moment, Watched};
