//! Hyper-parameters of fitted Q-iteration.
use crate::tabular::discount::Discount;
use serde::{Deserialize, Serialize};

train::hyper_parameters! {
    /// Hyper-parameters of [`FittedQ`](super::FittedQ).
    pub struct FittedQConfig {
        /// Discount γ, or `own` for the problem's, which is 0.99 where it does not say
        gamma: Discount = Discount::Own;
        /// Representation of q: table (of states), or linear (in the observation)
        values: Approximation = Approximation::Table;
        /// Transitions that are collected
        samples: usize = 50_000, in 1..=1 << 28;
        /// Value of q before anything is known, and of what was never tried (table)
        initial: f64 = 0.0, in f64::MIN..;
        /// Added to the squares of least squares, so that they can be solved (linear)
        ridge: f64 = 1e-6, in 0.0.., with values = "linear";
        /// Converged once no sample's value changes by more than this part of itself
        tolerance: f64 = 1e-6, in 0.0..;
        /// Episodes of an evaluation during training
        eval_episodes: usize = 20, in 1..=1_000_000;
        /// Episodes of the evaluation at the end
        test_episodes: usize = 100, in 1..=1_000_000;
    }
}

/// Form of q.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Approximation {
    /// A number for each action in each state.
    Table,
    /// w_a·x(s) + b_a.
    Linear,
}
