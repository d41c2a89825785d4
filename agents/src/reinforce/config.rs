//! Hyper-parameters of REINFORCE.
use crate::OptimizerName;
use crate::on_policy::returns::{Baseline, Returns, Weights};
use train::above;

policy_parameters! {
    /// Hyper-parameters of [`Reinforce`](super::Reinforce).
    pub struct ReinforceConfig {
        /// Episodes from one update to the next
        episodes: usize = 16, in 1..=1 << 20;
        /// Environments stepped together; each plays its next episode until all are begun
        n_envs: usize = 16, in 1..=1 << 14;
        /// Return that an action is credited with: to-go (rewards from then on) or whole (all of them)
        returns: Returns = Returns::ToGo;
        /// Baseline: none, mean (over the update) or value (a learned V)
        baseline: Baseline = Baseline::Value;
        /// Returns less the baseline: raw, or normalised to mean 0 and deviation 1
        weights: Weights = Weights::Raw;
        /// Weight of the entropy bonus of each step
        entropy_coef: f64 = 0.0, in 0.0..;
        /// Optimiser: adam, rmsprop or sgd
        optimizer: OptimizerName = OptimizerName::Adam;
        /// ε of adam and rmsprop
        optimizer_eps: f64 = 1e-8, in above(0.0), with optimizer = "adam" | "rmsprop";
        /// Learning rate of the policy
        lr: f64 = 1e-2, in above(0.0);
        /// Learning rate of V
        value_lr: f64 = 1e-2, in above(0.0), with baseline = "value";
        /// Steps of V's optimiser in an update
        value_epochs: usize = 10, in 1..=100, with baseline = "value";
        /// Clip each gradient to this norm; 0 leaves it as it is
        max_grad_norm: f64 = 0.0, in 0.0..;
    }
}

impl ReinforceConfig {
    /// The hyper-parameter, and its value, by which the mean over an update is taken off its returns.
    pub(super) fn subtracts_mean(&self) -> Option<(&'static str, &'static str)> {
        match (self.baseline, self.weights) {
            (Baseline::Mean, _) => Some(("baseline", "mean")),
            (_, Weights::Normalised) => Some(("weights", "normalised")),
            _ => None,
        }
    }
}
