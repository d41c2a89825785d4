//! Theorems of the course on policy gradients, measured on the learners of `agents` themselves and
//! compared with exact results on small known problems.
//!
//! Letters: g the gradient of the expected return by the P parameters of the policy, ĝ an estimate of
//! it, N or E the episodes it is made from, H the horizon.
mod baselines;
mod critic;
mod ended;
mod estimator;
mod exact;
mod growth;
mod horizon;
mod sampled;

use super::{Experiment, Target};
use crate::claim::Claim;
use crate::render::plot::{Curve, Stroke};
use crate::wording::interval;
use agents::{MakeEnv, Reinforce, ReinforceConfig, Start};
use anyhow::Result;
use candle_core::Device;
use envs::{Garnet, GarnetConfig, Mdp, MdpEnv};
use std::sync::Arc;
use train::Measure;

pub(super) const TARGET: Target = Target {
    name: "policy-gradient",
    about: "Lessons on policy gradients: estimator, baselines, horizon, critic",
    data: None,
    takes_steps: false,
    experiments: &[
        Experiment {
            name: "estimator",
            about: "REINFORCE estimates the exact gradient, with an error that falls as 1/√N",
            run: estimator::run,
        },
        Experiment {
            name: "baselines",
            about: "a baseline leaves the mean and lowers the variance, unless it sees the action",
            run: baselines::run,
        },
        Experiment {
            name: "horizon",
            about: "the variance grows with the horizon, a third as large with rewards to go",
            run: horizon::run,
        },
        Experiment {
            name: "critic",
            about: "the critic of actor-critic converges to the exact value of the policy",
            run: critic::run,
        },
    ],
};

/// Allowed distance of a correct estimate from the exact value in standard errors: one in 16 000 is
/// further.
const SURE: f64 = 4.0;

/// A small MDP that is known and looks like nothing: three states, two actions of two outcomes each,
/// rewards between 0 and 1, no end.
fn garnet() -> Result<Garnet> {
    let config = GarnetConfig { states: 3, actions: 2, branching: 2, ..GarnetConfig::default() };
    Garnet::new(config).map_err(anyhow::Error::msg)
}

/// A REINFORCE agent that knows no discount, with a small network that prefers some actions already.
fn agent(
    mdp: &Arc<dyn Mdp>,
    time_limit: Option<u32>,
    seed: u64,
    config: ReinforceConfig,
) -> Result<Reinforce> {
    let mdp = Arc::clone(mdp);
    let make: MakeEnv = Box::new(move || Box::new(MdpEnv::new(Arc::clone(&mdp), time_limit)));
    let config = ReinforceConfig { gamma: 1.0, hidden: 8.into(), init: Start::FanIn, ..config };
    Reinforce::new(make, config, seed, &Device::Cpu)
}

/// Observations of all states, one after the other, `[S, S]`.
fn all_states(states: usize) -> Vec<f32> {
    (0..states * states).map(|i| f32::from(u8::from(i % (states + 1) == 0))).collect()
}

/// A measured mean beside what theory says of it.
fn claim_of(what: impl Into<String>, measure: &Measure, exact: f64, how: &'static str) -> Claim {
    // Where nothing varies, rounding still does.
    let tolerance = two_digits((SURE * measure.standard_error()).max(1e-5 * exact.abs()));
    let note = format!("{}; ± is {SURE} standard errors", interval(measure, 4));
    Claim::derived(what, measure.mean, (exact, tolerance), how).note(note)
}

/// Two digits of a number above 0, rounded up: more of a tolerance say nothing.
fn two_digits(number: f64) -> f64 {
    let unit = 10f64.powi(number.log10().floor() as i32 - 1);
    (number / unit).ceil() * unit
}

/// A series of measured means with their 95 % intervals.
fn measured(label: &str, stroke: Stroke, means: impl Iterator<Item = (f64, Measure)>) -> Curve {
    let bar = |of: &Measure| of.ci95.unwrap_or([of.mean; 2]);
    let (points, bars) = means.map(|(x, of)| ((x, of.mean), bar(&of))).unzip();
    Curve { label: label.to_owned(), points, bars, stroke, ..Curve::default() }
}

/// Curve of a theoretical result.
fn theory(label: &str, points: Vec<(f64, f64)>) -> Curve {
    Curve { label: label.to_owned(), points, stroke: Stroke::Dashed, ..Curve::default() }
}

/// The power p of y ∝ xᵖ through points `(x, y)`, each weighed by its certainty: p with its standard
/// error, from relative standard errors of y.
fn power(points: &[(f64, f64, f64)]) -> (f64, f64) {
    let weights = || points.iter().map(|(_, _, error)| 1.0 / error.powi(2));
    let total: f64 = weights().sum();
    let mean = |of: &dyn Fn(f64, f64) -> f64| {
        weights().zip(points).map(|(weight, (x, y, _))| weight * of(x.ln(), y.ln())).sum::<f64>()
            / total
    };
    let (x, y) = (mean(&|x, _| x), mean(&|_, y| y));
    let spread = mean(&|at, _| (at - x).powi(2));
    (mean(&|at, of| (at - x) * (of - y)) / spread, 1.0 / (total * spread).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_power_by_hand() {
        // y = 3·x⁻².
        let (p, error) = power(&[(1.0, 3.0, 0.1), (2.0, 0.75, 0.1), (4.0, 0.1875, 0.1)]);
        assert!((p + 2.0).abs() < 1e-12);
        // σ / √Σ(ln x − mean)², with ln x = −ln 2, 0, ln 2 about the mean.
        assert!((error - 0.1 / (2.0f64.sqrt() * 2.0f64.ln())).abs() < 1e-12);
        // A point of which little is known moves nothing.
        let (p, _) = power(&[(1.0, 3.0, 0.1), (2.0, 0.75, 0.1), (4.0, 9.0, 1e6)]);
        assert!((p + 2.0).abs() < 1e-6);
    }

    #[test]
    fn tolerances_have_two_digits() {
        assert!((two_digits(0.011_01) - 0.012).abs() < 1e-12);
        assert!((two_digits(3.0) - 3.0).abs() < 1e-12);
    }

    #[test]
    fn states_are_seen_one_by_one() {
        assert_eq!(all_states(3), [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
    }

    #[test]
    fn what_is_too_far_off_fails() {
        let measure = Measure::about(1.1, 0.01, 9);
        assert!(claim_of("", &measure, 1.07, "").pass && !claim_of("", &measure, 1.05, "").pass);
    }
}
