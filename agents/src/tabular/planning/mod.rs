//! Dynamic programming in a known MDP.
mod first_policy;
mod policy_evaluation;
mod policy_iteration;
mod q_iteration;
mod value_iteration;

pub use policy_evaluation::{Method, PolicyEvaluation, PolicyEvaluationConfig};
pub use policy_iteration::{Evaluate, PolicyIteration, PolicyIterationConfig};
pub use q_iteration::{QIteration, QIterationConfig};
pub use value_iteration::{SweepOrder, ValueIteration, ValueIterationConfig};
