//! Exploration of control learners, and their shared parts.
use crate::tabular::greedy::{any, any_best};
use anyhow::Result;
use rand::Rng as _;
use train::{Checkpoint, Linear, Rng, stream};

/// States the hyper-parameters that all learners of control share, and then the learner's own.
macro_rules! control_parameters {
    ($(#[$meta:meta])* pub struct $name:ident { $($own:tt)* }) => {
        train::hyper_parameters! {
            $(#[$meta])*
            pub struct $name {
                /// Discount γ, or `own` for the problem's, which is 0.99 where it does not say
                gamma: $crate::tabular::Discount = $crate::tabular::Discount::Own;
                /// Probability ε of a random action at first
                epsilon_start: f64 = 0.1, in 0.0..=1.0;
                /// Probability ε of a random action in the end
                epsilon_end: f64 = 0.1, in 0.0..=1.0;
                /// Transitions over which ε falls
                epsilon_steps: u64 = 100_000;
                $($own)*
                /// Episodes of an evaluation during training
                eval_episodes: usize = 20, in 1..=1_000_000;
                /// Episodes of the evaluation at the end
                test_episodes: usize = 100, in 1..=1_000_000;
            }
        }

        impl $name {
            fn epsilon(&self) -> train::Linear {
                let Self { epsilon_start, epsilon_end, epsilon_steps, .. } = *self;
                train::Linear { from: epsilon_start, to: epsilon_end, over: epsilon_steps }
            }

            fn episodes(&self) -> $crate::evaluation::Episodes {
                let Self { eval_episodes: eval, test_episodes: test, .. } = *self;
                $crate::evaluation::Episodes { eval, test }
            }
        }
    };
}
pub(super) use control_parameters;

/// ε-greedy: with probability ε any available action, else a greedy one. Of greedy actions that tie,
/// learners take a random one: where nothing is known yet, the first one always would not explore.
pub(super) struct Explorer {
    epsilon: Linear,
    pub(super) rng: Rng,
}

impl Explorer {
    pub(super) fn new(epsilon: Linear, seed: u64) -> Self {
        Self { epsilon, rng: stream(seed, "explore") }
    }

    /// ε after `seen` transitions.
    pub(super) fn epsilon(&self, seen: u64) -> f64 {
        self.epsilon.at(seen)
    }

    /// An action of a state whose values are `row`, `[A]`.
    pub(super) fn choose(&mut self, row: &[f64], seen: u64) -> usize {
        let epsilon = self.epsilon(seen);
        if self.rng.random_bool(epsilon) {
            any(row, f64::NEG_INFINITY, &mut self.rng).unwrap_or(0)
        } else {
            any_best(row, &mut self.rng).unwrap_or(0)
        }
    }

    /// Any available action.
    pub(super) fn uniform(&mut self, row: &[f64]) -> usize {
        any(row, f64::NEG_INFINITY, &mut self.rng).unwrap_or(0)
    }

    pub(super) fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        checkpoint.value("explore", &mut self.rng)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tabular::greedy::{all_tie, best, epsilon_greedy};

    #[test]
    fn exploring_by_hand() {
        let row = [1.0, 4.0, 4.0, f64::NEG_INFINITY];
        let expected = [0.1, 0.45, 0.45];
        let mut explorer = Explorer::new(Linear { from: 0.3, to: 0.3, over: 0 }, 1);
        let mut drawn = [0.0; 4];
        for _ in 0..20_000 {
            drawn[explorer.choose(&row, 0)] += 1.0 / 20_000.0;
        }
        for (action, prob) in expected.into_iter().enumerate() {
            assert!((epsilon_greedy(&row, action, 0.3) - prob).abs() < 1e-12);
            // Four standard errors are at most 0.014.
            assert!((drawn[action] - prob).abs() < 0.014, "{drawn:?}");
        }
        assert_eq!(drawn[3], 0.0);
        assert_eq!([best(&row), best(&[f64::NEG_INFINITY])], [Some(1), None]);
        assert!(!all_tie(&row) && all_tie(&[4.0, f64::NEG_INFINITY, 4.0]));
    }
}
