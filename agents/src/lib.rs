//! Reinforcement-learning agents, one file each.
//!
//! Words used throughout: `obs`, `action`, `reward`, `next_obs`, and `continues`, which is 0 where
//! `next_obs` is terminal and else 1. Shapes: `B` batch, `N` parallel environments, `T` steps of
//! each in a rollout, `A` numbered actions, `D` numbers in an action that is a vector, `W` numbers in a
//! row that holds either.
#[macro_use]
mod on_policy;

mod acting;
mod actions;
mod actor_critic;
mod agent;
mod dqn;
mod evaluation;
mod export;
mod hidden;
mod masks;
mod memory;
mod net;
mod optimizer;
mod oracle;
mod ppo;
mod pqn;
mod reinforce;
mod replay;
pub mod tabular;

pub use acting::ActDevice;
pub use actions::{ActionBatch, Mode, discrete_actions};
pub use actor_critic::{
    ActorCritic, ActorCriticConfig, Estimator, Weighed, all_actions_loss, policy_loss,
};
pub use agent::{Agent, MakeEnv};
pub use dqn::{Distribution, Dqn, DqnConfig, Loss, td_target};
pub use evaluation::{actions_rng, episodes, evaluate};
pub use hidden::Hidden;
pub use net::{Net, NetworkName, q_network};
pub use nn::ActivationName;
pub use on_policy::nets::{MakeNet, Part, Sharing, Start};
pub use on_policy::returns::{Baseline, Returns};
pub use on_policy::rollout::Rollout;
pub use on_policy::trainer::Critic;
pub use on_policy::{heads as policy_head, nets as policy_net, returns};
pub use optimizer::OptimizerName;
pub use oracle::{ObservedAgent, Oracle, Snapshot, observed};
pub use ppo::{Ppo, PpoConfig, ValueLoss, clipped_objective, clipped_value_loss, divergence};
pub use pqn::{Pqn, PqnConfig, epsilon_greedy};
pub use reinforce::{Reinforce, ReinforceConfig, reinforce_loss};
pub use replay::{Batch, Replay, Sampling};
