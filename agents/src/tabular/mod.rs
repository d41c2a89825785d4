//! Known MDPs and tables: planners, and learners without a network.
//!
//! Letters: s, s' states; a action; v `[S]` values of states; q `[P]` values of pairs, a pair being
//! an action that is available in its state.
mod model;
mod planner;
mod policy;
mod policy_evaluation;
mod policy_iteration;
mod q_iteration;
mod table;
mod value_iteration;

pub use model::Model;
pub use planner::{Discount, Problem};
pub use policy::{Choice, Policy, PolicyName};
pub use policy_evaluation::{Method, PolicyEvaluation, PolicyEvaluationConfig};
pub use policy_iteration::{Evaluate, PolicyIteration, PolicyIterationConfig};
pub use q_iteration::{QIteration, QIterationConfig};
pub use table::{Solution, Table};
pub use value_iteration::{Order, ValueIteration, ValueIterationConfig};
