//! Known MDPs and tables: planners, and learners without a network.
//!
//! Letters: s, s' states; a action; v `[S]` values of states; q values of pairs, a pair being an
//! action that is available in its state. Planners keep them by pair, `[P]`; learners, which may not
//! know all states yet, by state and action, `[S, A]`, with −∞ where there is no such pair.
mod choice;
mod discount;
mod discounted_mdp;
mod distance;
mod greedy;
mod learning;
mod model;
mod planning;
mod policy;
mod policy_name;
mod table;

pub use choice::Choice;
pub use discount::Discount;
pub(crate) use discount::{APPROXIMATE_HASTE, TABLE_HASTE, hastened, note_haste};
pub use discounted_mdp::DiscountedMdp;
pub(crate) use distance::{LARGEST, root_mean_square, visited};
pub use greedy::expected_value;
pub(crate) use greedy::least_tied;
pub use learning::{
    Approximation, Behaviour, DoubleQLearning, DoubleQLearningConfig, DynaQ, DynaQConfig,
    ExpectedSarsa, ExpectedSarsaConfig, FittedQ, FittedQConfig, LinearQ, LinearQConfig,
    McPrediction, McPredictionConfig, ModelBased, ModelBasedConfig, MonteCarlo, MonteCarloConfig,
    MonteCarloMethod, Problem, QLearning, QLearningConfig, Sampling, Sarsa, SarsaConfig, StepSize,
    Td, TdConfig, TraceKind, Visits, bonus_reward, double_q_target, estimated_q, linear,
    q_learning_target, sarsa_bootstrap, weighted_mean,
};
pub use model::Model;
pub use planning::{
    Evaluate, Method, PolicyEvaluation, PolicyEvaluationConfig, PolicyIteration,
    PolicyIterationConfig, QIteration, QIterationConfig, SweepOrder, ValueIteration,
    ValueIterationConfig,
};
pub use policy::Policy;
pub(crate) use policy::solve;
pub use policy_name::PolicyName;
pub use table::{Solution, Table};
pub(crate) use table::{one_hot_batches, q_table};
