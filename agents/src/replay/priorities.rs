//! Priorities of stored transitions, by which large errors are learned from more often (Schaul et al. 2016,
//! "Prioritized experience replay", <https://arxiv.org/abs/1511.05952>, the proportional variant of section 3.3).
//!
//! P(i) = pᵢ^α / Σⱼ pⱼ^α with pᵢ = |δᵢ| + 10⁻⁶ for the error δᵢ that transition i had when it was last learned from;
//! a new one has the largest priority so far. Errors come from the device once per update.
use super::sum_tree::SumTree;
use anyhow::Result;
use bytemuck::cast_slice_mut;
use rand::Rng as _;
use train::{Checkpoint, Rng};

/// Added to every error, so that none of them is never drawn again.
const LEAST: f64 = 1e-6;

/// pᵢ^α of the transitions in a replay buffer.
pub(super) struct Priorities {
    alpha: f64,
    /// The largest pᵢ^α so far; 1 at first.
    largest: f64,
    tree: SumTree,
}

/// (N·P(i))^−β divided by the largest of the batch, for probabilities P(i) among N transitions, `[B]`: the weights by
/// which a gradient of transitions drawn by priority is that of uniformly drawn ones where β = 1 (section 3.4).
pub(super) fn importance_weights(probs: &[f64], n: usize, beta: f64, weights: &mut [f32]) {
    // The rarest has the largest weight; N cancels out of the quotient.
    let rarest = probs.iter().copied().fold(f64::INFINITY, f64::min) * n as f64;
    for (weight, prob) in weights.iter_mut().zip(probs) {
        *weight = (rarest / (prob * n as f64)).powf(beta) as f32;
    }
}

impl Priorities {
    pub(super) fn new(capacity: usize, alpha: f64) -> Self {
        Self { alpha, largest: 1.0, tree: SumTree::new(capacity) }
    }

    /// Gives the new transition in `row` the largest priority so far.
    pub(super) fn push(&mut self, row: usize) {
        self.tree.set(row, self.largest);
    }

    /// Fills `rows` with one draw from each of as many parts of equal probability.
    pub(super) fn sample(&self, rows: &mut [usize], rng: &mut Rng) {
        let part = self.tree.total() / rows.len() as f64;
        for (i, row) in rows.iter_mut().enumerate() {
            *row = self.tree.find((i as f64 + rng.random::<f64>()) * part);
        }
    }

    /// [`importance_weights`] of `rows` among `n` transitions.
    pub(super) fn weights(&self, rows: &[usize], n: usize, beta: f64, weights: &mut [f32]) {
        let total = self.tree.total();
        let probs: Vec<f64> = rows.iter().map(|&row| self.tree.get(row) / total).collect();
        importance_weights(&probs, n, beta, weights);
    }

    /// Sets the priorities of `rows` by their new errors. An error that is not finite changes nothing: the loss has
    /// it too, and ends the run.
    pub(super) fn update(&mut self, rows: &[usize], errors: &[f32]) {
        for (&row, error) in rows.iter().zip(errors).filter(|(_, error)| error.is_finite()) {
            let priority = (f64::from(error.abs()) + LEAST).powf(self.alpha);
            self.largest = self.largest.max(priority);
            self.tree.set(row, priority);
        }
    }

    /// Saves or loads the priorities of the first `len` rows.
    ///
    /// # Errors
    /// Names the file.
    pub(super) fn state(
        &mut self,
        name: &str,
        len: usize,
        checkpoint: &mut Checkpoint,
    ) -> Result<()> {
        let mut priorities: Vec<f64> = (0..len).map(|row| self.tree.get(row)).collect();
        checkpoint.bytes(name, cast_slice_mut(&mut priorities))?;
        checkpoint.value(&format!("{name}-largest"), &mut self.largest)?;
        let sound = |priority: &f64| priority.is_finite() && *priority > 0.0;
        checkpoint.check(name, "positive finite priorities are expected", || {
            priorities.iter().chain([&self.largest]).all(sound)
        })?;
        self.tree.refill(&priorities);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use train::stream;

    #[test]
    fn weights_by_hand() {
        let mut weights = [0.0; 3];
        // N·P = 2, 1 and ½ of four: with β = 1 their inverses, divided by the largest, 2.
        importance_weights(&[0.5, 0.25, 0.125], 4, 1.0, &mut weights);
        assert_eq!(weights, [0.25, 0.5, 1.0]);
        importance_weights(&[0.5, 0.25, 0.125], 4, 0.5, &mut weights);
        assert_eq!(weights, [0.5, 0.5f32.sqrt(), 1.0]);
        importance_weights(&[0.5, 0.25, 0.125], 4, 0.0, &mut weights);
        assert_eq!(weights, [1.0; 3]);
    }

    /// Weighted by β = 1, what is drawn by priority has the mean of what is drawn uniformly.
    #[test]
    fn weights_make_up_for_priorities() {
        let mut priorities = Priorities::new(3, 1.0);
        (0..3).for_each(|row| priorities.push(row));
        priorities.update(&[0, 1, 2], &[1.0, -2.0, 5.0]);
        let (mut rows, mut rng) = (vec![0; 8_000], stream(1, "test"));
        priorities.sample(&mut rows, &mut rng);
        let share = |row| rows.iter().filter(|&&drawn| drawn == row).count() as f64 / 8_000.0;
        for (row, expected) in [1.0, 2.0, 5.0].iter().enumerate() {
            assert!((share(row) - expected / 8.0).abs() < 0.001, "{row}: {}", share(row));
        }
        let mut weights = vec![0.0; rows.len()];
        priorities.weights(&rows, 3, 1.0, &mut weights);
        let sum = |row| {
            let of = rows.iter().zip(&weights).filter(|(drawn, _)| **drawn == row);
            of.map(|(_, weight)| f64::from(*weight)).sum::<f64>()
        };
        assert!((sum(0) / sum(2) - 1.0).abs() < 0.01 && (sum(1) / sum(2) - 1.0).abs() < 0.01);
    }

    #[test]
    fn errors_that_are_not_finite_change_nothing_and_new_ones_come_first() {
        let mut priorities = Priorities::new(2, 0.5);
        priorities.push(0);
        priorities.update(&[0], &[4.0]);
        assert!((priorities.tree.get(0) - 2.0).abs() < 1e-6);
        priorities.update(&[0], &[f32::NAN]);
        priorities.push(1);
        assert_eq!(priorities.tree.get(0), priorities.tree.get(1));
        priorities.update(&[0], &[0.0]);
        assert!(priorities.tree.get(0) > 0.0, "it can be drawn again");
    }
}
