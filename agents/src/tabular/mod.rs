//! Known MDPs and tables: planners, and learners without a network.
//!
//! Letters: s, s' states; a action; v `[S]` values of states; q values of pairs, a pair being an
//! action that is available in its state. Planners keep them by pair, `[P]`; learners, who may not
//! know yet what there is, by state and action, `[S, A]`, with −∞ where there is no such pair.
mod double_q_learning;
mod dyna_q;
mod estimates;
mod expected_sarsa;
mod explorer;
mod fitted_q;
mod linear_q;
mod mc_prediction;
mod model;
mod model_based;
mod monte_carlo;
mod planner;
mod policy;
mod policy_evaluation;
mod policy_iteration;
mod prediction;
mod q_iteration;
mod q_learning;
mod returns;
mod sarsa;
mod states;
mod table;
mod td;
mod value_iteration;
mod world;

pub use double_q_learning::{DoubleQLearning, DoubleQLearningConfig, double_q_target};
pub use dyna_q::{DynaQ, DynaQConfig, bonus_reward};
pub use estimates::{StepSize, TraceKind};
pub use expected_sarsa::{ExpectedSarsa, ExpectedSarsaConfig};
pub use explorer::expected_value;
pub(crate) use explorer::least_tied;
pub use fitted_q::{Approximation, FittedQ, FittedQConfig};
pub use linear_q::{LinearQ, LinearQConfig, linear};
pub use mc_prediction::{Behaviour, McPrediction, McPredictionConfig, Sampling};
pub use model::Model;
pub use model_based::{ModelBased, ModelBasedConfig, estimated_q};
pub use monte_carlo::{MonteCarlo, MonteCarloConfig, MonteCarloMethod, Visits, weighted_mean};
pub(crate) use planner::{
    APPROXIMATE_HASTE, LARGEST, TABLE_HASTE, hastened, root_mean_square, visited,
};
pub use planner::{Discount, Problem};
pub(crate) use policy::solve;
pub use policy::{Choice, Policy, PolicyName};
pub use policy_evaluation::{Method, PolicyEvaluation, PolicyEvaluationConfig};
pub use policy_iteration::{Evaluate, PolicyIteration, PolicyIterationConfig};
pub use q_iteration::{QIteration, QIterationConfig};
pub use q_learning::{QLearning, QLearningConfig, q_learning_target};
pub use sarsa::{Sarsa, SarsaConfig, sarsa_bootstrap};
pub use table::{Solution, Table};
pub use td::{Td, TdConfig};
pub use value_iteration::{Order, ValueIteration, ValueIterationConfig};
pub use world::Task;
