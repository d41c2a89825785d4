//! Hyper-parameters, and which go together.
use crate::ode::{Method, Solver};
use crate::time_config::time_parameters;
use serde::{Deserialize, Serialize};
use train::above;

time_parameters! {
    /// Hyper-parameters of [`FlowMatching`](super::FlowMatching).
    pub struct FlowMatchingConfig {
        /// Pairs of noise and data in a batch: independent, or optimal-transport (the cheapest pairs of the batch)
        coupling: Coupling = Coupling::Independent;
        /// Solver of the flow from noise to samples: euler, midpoint, rk4 or adaptive (Dormand & Prince)
        sampler: FlowSampler = FlowSampler::Midpoint;
        /// Steps of the solver
        sample_steps: usize = 50, in 1..=1 << 20, with sampler = "euler" | "midpoint" | "rk4";
        /// Error of a step of the adaptive solver
        tolerance: f64 = 1e-5, in above(0.0), with sampler = "adaptive";
    }
}

/// Pairs of noise and data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Coupling {
    /// As they are drawn.
    Independent,
    /// Those of a batch whose squared distances have the least sum, of a conditional model within each label.
    OptimalTransport,
}

/// Solvers of the flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FlowSampler {
    /// Order 1.
    Euler,
    /// Order 2.
    Midpoint,
    /// The classical Runge-Kutta method, of order 4.
    Rk4,
    /// Dormand and Prince's pair of orders 5 and 4, with steps as long as the error allows.
    Adaptive,
}

impl FlowMatchingConfig {
    /// The solver that samples are drawn with.
    pub(super) fn solver(&self) -> Solver {
        let steps = self.sample_steps;
        match self.sampler {
            FlowSampler::Euler => Solver::Fixed { method: Method::Euler, steps },
            FlowSampler::Midpoint => Solver::Fixed { method: Method::Midpoint, steps },
            FlowSampler::Rk4 => Solver::Fixed { method: Method::Rk4, steps },
            FlowSampler::Adaptive => Solver::Adaptive { tolerance: self.tolerance },
        }
    }
}
