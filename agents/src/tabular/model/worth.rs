//! Comparison of rounded numbers: ties between actions, and values that have
//! settled.
//!
//! Both are judged beside the numbers that were added up for a value, |r| + γ·Σ p·|v(s')|, and never
//! beside a number of their own: who counts rewards in another unit gets the same policy after the
//! same sweeps, and a value of 10⁻¹¹ next to one of 10⁻¹⁰ is as far from it as 1 from 10.
use super::sparse::Model;
use super::sweep::{CHUNK, larger};
use anyhow::Result;
use bytemuck::cast_slice_mut;
use rayon::prelude::*;
use train::Checkpoint;

/// Rounding error of a sum, as a part of the magnitude of its terms: 64 units in the last place.
/// Smaller differences are ties, and no tolerance is finer than this.
pub(in crate::tabular) const ROUNDING: f64 = 64.0 * f64::EPSILON;

/// Value of a pair, with the magnitude of its summands.
#[derive(Debug, Clone, Copy)]
pub(in crate::tabular) struct Worth {
    /// q(s, a).
    pub(in crate::tabular) q: f64,
    /// |r| + γ·Σ p·|v(s')|, never less than |q| but for rounding.
    pub(in crate::tabular) magnitude: f64,
}

impl Worth {
    /// A value of which nothing more is known.
    pub(in crate::tabular) fn of(q: f64) -> Self {
        Self { q, magnitude: q.abs() }
    }

    /// Returns `true` if this exceeds `other` by more than rounding.
    pub(in crate::tabular) fn beats(self, other: Self) -> bool {
        self.q - other.q > ROUNDING * self.magnitude.max(other.magnitude)
    }
}

/// Returns `true` if a number that became `new` moved by more than `tolerance` of itself, and of the `magnitude`
/// of what it was added up from. Below the normal numbers, 2·10⁻³⁰⁸, all are 0.
pub(in crate::tabular) fn moves(
    new: f64,
    old: f64,
    tolerance: f64,
    magnitude: impl FnOnce() -> f64,
) -> bool {
    let (change, tolerance) = ((new - old).abs(), tolerance.max(ROUNDING));
    change >= f64::MIN_POSITIVE
        && change > tolerance * new.abs().max(old.abs())
        && change > tolerance * magnitude()
}

/// Test of convergence for all numbers; looks first at the one that was seen to move last, which as a
/// rule still does.
///
/// A number that is 0 because two others cancel is known no better than these, and what is added up from it
/// does not know that: such numbers may go round among bits of rounding for ever. So after [`LATE`] sweeps
/// the numbers are remembered, anew after twice as many each time (Brent 1980), and where they come back to
/// the bit, and are moved by no more than rounding of the largest, they have settled.
#[derive(Debug, Default)]
pub(in crate::tabular) struct Settling {
    moving: usize,
    sweeps: u64,
    remembered: Vec<f64>,
}

/// Sweeps before numbers are remembered: many more than most problems need.
const LATE: u64 = 4096;

impl Settling {
    /// Returns `true` if none of the `numbers` moves, of which the last sweep changed none by more than `largest`.
    pub(in crate::tabular) fn settled(
        &mut self,
        numbers: &[f64],
        largest: f64,
        moves: impl Fn(usize) -> bool + Sync,
    ) -> bool {
        self.sweeps += 1;
        if self.comes_back(numbers) {
            let scale = numbers.iter().fold(0.0, |scale: f64, number| scale.max(number.abs()));
            return largest <= ROUNDING * scale;
        }
        if self.moving < numbers.len() && moves(self.moving) {
            return false;
        }
        let all = (0..numbers.len()).into_par_iter().with_min_len(CHUNK);
        // Any will do: which one is found shows nowhere.
        let found = all.find_any(|i| moves(*i));
        self.moving = found.unwrap_or(0);
        found.is_none()
    }

    /// Returns `true` if it is time to look whether states hold each other's values up by turns, which never settles.
    pub(in crate::tabular) fn is_due(&self) -> bool {
        self.sweeps > 0 && self.sweeps.is_multiple_of(1024)
    }

    fn comes_back(&mut self, numbers: &[f64]) -> bool {
        let again = self.remembered == numbers;
        if self.sweeps >= LATE && self.sweeps.is_power_of_two() {
            self.remembered.clear();
            self.remembered.extend_from_slice(numbers);
        }
        again && !numbers.is_empty()
    }

    /// Saves or loads what is remembered; of `n` numbers.
    pub(in crate::tabular) fn state(
        &mut self,
        checkpoint: &mut Checkpoint,
        n: usize,
    ) -> Result<()> {
        checkpoint.value("sweeps", &mut self.sweeps)?;
        checkpoint.check("sweeps", "a count is expected", || self.sweeps < 1 << 62)?;
        if self.sweeps < LATE {
            self.remembered.clear();
            return Ok(());
        }
        self.remembered.resize(n, 0.0);
        checkpoint.bytes("remembered", cast_slice_mut(&mut self.remembered))
    }
}

impl Model {
    /// [`q`](Self::q) with its magnitude.
    pub(in crate::tabular) fn worth(&self, pair: usize, values: &[f64], gamma: f64) -> Worth {
        let (mut expected, mut beside) = (0.0, 0.0);
        for (next, prob) in self.entries(pair) {
            expected += prob * values[next];
            beside += prob * values[next].abs();
        }
        let reward = self.reward(pair);
        Worth { q: reward + gamma * expected, magnitude: reward.abs() + gamma * beside }
    }

    /// The best pair of a state, the first of equals, with its worth; `None` where the state is
    /// terminal.
    pub(in crate::tabular) fn largest(
        &self,
        state: usize,
        worth: impl Fn(usize) -> Worth,
    ) -> Option<(usize, Worth)> {
        let all = self.pairs(state).map(|pair| (pair, worth(pair)));
        all.reduce(|best, other| if other.1.q > best.1.q { other } else { best })
    }

    /// The first pair of a state that no other beats; `None` where the state is terminal.
    pub(in crate::tabular) fn first_best(
        &self,
        state: usize,
        worth: impl Fn(usize) -> Worth,
    ) -> Option<usize> {
        let (_, best) = self.largest(state, &worth)?;
        self.pairs(state).find(|&pair| !best.beats(worth(pair)))
    }

    /// Returns `true` if no pair of the state beats `pair`.
    pub(in crate::tabular) fn is_best(
        &self,
        state: usize,
        pair: usize,
        worth: impl Fn(usize) -> Worth,
    ) -> bool {
        self.largest(state, &worth).is_some_and(|(_, best)| !best.beats(worth(pair)))
    }

    /// The first best pair of each state.
    pub(in crate::tabular) fn greedy(
        &self,
        worth: impl Fn(usize) -> Worth + Sync,
    ) -> Vec<Option<usize>> {
        let states = (0..self.n_states()).into_par_iter().with_min_len(CHUNK);
        states.map(|state| self.first_best(state, &worth)).collect()
    }

    /// Returns whether a backup by `values` would move any of them, and the largest change it would
    /// make.
    pub(in crate::tabular) fn residual(
        &self,
        values: &[f64],
        gamma: f64,
        tolerance: f64,
    ) -> (f64, bool) {
        let states = (0..self.n_states()).into_par_iter().with_min_len(CHUNK);
        let look = |(largest, moving): (f64, bool), state: usize| {
            let new = self.backup(state, values, gamma);
            let moving =
                moving || self.moved(state, [new, values[state]], values, gamma, tolerance);
            (larger(largest, (new - values[state]).abs()), moving)
        };
        let both = |a: (f64, bool), b: (f64, bool)| (larger(a.0, b.0), a.1 || b.1);
        states.fold(|| (0.0, false), look).reduce(|| (0.0, false), both)
    }

    /// Returns `true` if the value of a state has moved from `old` to `new`, the best of what `values` say.
    pub(in crate::tabular) fn moved(
        &self,
        state: usize,
        [new, old]: [f64; 2],
        values: &[f64],
        gamma: f64,
        tolerance: f64,
    ) -> bool {
        let best = || self.largest(state, |pair| self.worth(pair, values, gamma));
        moves(new, old, tolerance, || best().map_or(0.0, |(_, best)| best.magnitude))
    }
}
