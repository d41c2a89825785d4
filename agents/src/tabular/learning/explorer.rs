//! How learners of control explore, and what they share for it.
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

            fn episodes(&self) -> $crate::tabular::world::Episodes {
                let Self { eval_episodes: eval, test_episodes: test, .. } = *self;
                $crate::tabular::world::Episodes { eval, test }
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

/// An action of a row, `[A]`, whose value is at least `least`, all equally probable; `None` where there
/// is none.
fn any(row: &[f64], least: f64, rng: &mut Rng) -> Option<usize> {
    let good = |q: &f64| *q >= least && *q > f64::NEG_INFINITY;
    let skipped = match row.iter().filter(|q| good(q)).count() {
        0 | 1 => 0,
        n => rng.random_range(0..n),
    };
    let mut good = row.iter().enumerate().filter(|(_, q)| good(q));
    good.nth(skipped).map(|(action, _)| action)
}

/// Any of the actions whose values tie with the best of a row, `[A]`, all equally probable: the first one
/// always might walk into a wall for ever. `None` where the state has no action.
pub(super) fn any_best(row: &[f64], rng: &mut Rng) -> Option<usize> {
    any(row, tied(row), rng)
}

/// The largest value of a row, `[A]`; −∞ where the state has no action.
pub(super) fn max(row: &[f64]) -> f64 {
    row.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

/// Learned values that differ by less, relative to the larger one, are equal but for rounding.
const ROUNDING: f64 = 1e-12;

/// The least value that ties with `best`.
pub(crate) fn least_tied(best: f64) -> f64 {
    best - ROUNDING * best.abs()
}

/// The least value that ties with the best of a row, `[A]`.
fn tied(row: &[f64]) -> f64 {
    least_tied(max(row))
}

/// Whether an action's value ties with the best of its row, `[A]`.
pub(super) fn is_greedy(row: &[f64], action: usize) -> bool {
    row[action] >= tied(row)
}

/// Whether no available action of a row, `[A]`, is better than another.
pub(super) fn all_tie(row: &[f64]) -> bool {
    let least = tied(row);
    row.iter().all(|q| *q >= least || *q == f64::NEG_INFINITY)
}

/// The first action whose value ties with the best; `None` where the state has no action.
pub(super) fn best(row: &[f64]) -> Option<usize> {
    let least = tied(row);
    row.iter().position(|q| *q >= least && *q > f64::NEG_INFINITY)
}

/// Probability of a greedy or any other action under the ε-greedy policy of a row, `[A]`.
pub(super) fn epsilon_greedy(row: &[f64], action: usize, epsilon: f64) -> f64 {
    let least = tied(row);
    let (mut available, mut greedy) = (0.0, 0.0);
    for q in row.iter().filter(|q| **q > f64::NEG_INFINITY) {
        available += 1.0;
        greedy += f64::from(*q >= least);
    }
    let rest = if row[action] >= least { (1.0 - epsilon) / greedy } else { 0.0 };
    epsilon / available + rest
}

/// Σ_a π(a | s)·q(s, a) for the ε-greedy π; `row` is q(s, ·), `[A]`, −∞ where an action is not
/// available.
pub fn expected_value(row: &[f64], epsilon: f64) -> f64 {
    let (mut sum, mut n) = (0.0, 0.0);
    for q in row.iter().filter(|q| **q > f64::NEG_INFINITY) {
        sum += q;
        n += 1.0;
    }
    epsilon * (sum / n) + (1.0 - epsilon) * max(row)
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn expectation_by_hand() {
        let row = [1.0, 4.0, f64::NEG_INFINITY];
        // 0.2·(1 + 4)/2 + 0.8·4.
        assert!((expected_value(&row, 0.2) - 3.7).abs() < 1e-12);
        assert_eq!([expected_value(&row, 0.0), expected_value(&row, 1.0)], [4.0, 2.5]);
    }
}
