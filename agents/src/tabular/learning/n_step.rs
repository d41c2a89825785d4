//! Returns of n steps.
use super::estimates::Estimates;
use anyhow::Result;
use serde::{Deserialize, Serialize};
use train::Checkpoint;

/// The last transitions, at most n, that have not been learned from: what was estimated (a state or
/// a pair), and the reward that followed. A return costs the same however large n is: the older
/// transitions know their rewards up to a certain one, and of what came after it there is one sum.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct NStep {
    /// The older transitions, the oldest one last.
    old: Vec<Summed>,
    /// The newer ones, with their rewards, in order.
    new: Vec<(usize, f64)>,
    /// Σ γ^i·r_i over the newer ones.
    ret: f64,
    /// γ to the number of newer ones.
    decay: f64,
}

/// A transition with the rewards from it to the last one that is old.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Summed {
    index: usize,
    /// Σ γ^i·r_i over these.
    ret: f64,
    /// γ to their number.
    decay: f64,
}

impl Default for NStep {
    fn default() -> Self {
        Self { old: Vec::new(), new: Vec::new(), ret: 0.0, decay: 1.0 }
    }
}

impl NStep {
    /// Saves or loads transitions among the values of `estimates`.
    pub(super) fn state(
        &mut self,
        estimates: &Estimates,
        checkpoint: &mut Checkpoint,
    ) -> Result<()> {
        checkpoint.value("recent", self)?;
        let old = self.old.iter().flat_map(|old| [old.ret, old.decay]);
        let mut all =
            old.chain(self.new.iter().map(|(_, reward)| *reward)).chain([self.ret, self.decay]);
        checkpoint.check("recent", "finite numbers are expected", || all.all(f64::is_finite))?;
        let (old, new) = (self.old.iter(), self.new.iter());
        let indices = old.map(|old| old.index).chain(new.map(|(index, _)| *index));
        estimates.check(checkpoint, "recent", indices)
    }

    /// Adds a transition, then shows what has its n rewards, or where the episode has ended
    /// everything, to `learn` with its return
    /// G = r₁ + γ·r₂ + … + γ^(n−1)·r_n + γⁿ·`bootstrap`. The latter is the value of the state arrived
    /// in, 0 where that is terminal.
    pub(super) fn push(
        &mut self,
        (index, reward): (usize, f64),
        n: usize,
        ended: bool,
        (gamma, bootstrap): (f64, f64),
        mut learn: impl FnMut(usize, f64),
    ) {
        self.new.push((index, reward));
        self.ret += self.decay * reward;
        self.decay *= gamma;
        while ended || self.old.len() + self.new.len() >= n {
            if self.old.is_empty() {
                self.sum_up(gamma);
            }
            let Some(oldest) = self.old.pop() else { break };
            learn(oldest.index, oldest.ret + oldest.decay * (self.ret + self.decay * bootstrap));
        }
    }

    /// Makes all newer transitions old ones.
    fn sum_up(&mut self, gamma: f64) {
        let (mut ret, mut decay) = (0.0, 1.0);
        for (index, reward) in self.new.drain(..).rev() {
            (ret, decay) = (reward + gamma * ret, gamma * decay);
            self.old.push(Summed { index, ret, decay });
        }
        (self.ret, self.decay) = (0.0, 1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng as _;
    use train::stream;

    #[test]
    fn returns_by_hand() {
        // Two steps: a transition is learned from with the next, at an end all are.
        let (mut recent, mut learned) = (NStep::default(), Vec::new());
        for (index, reward, ended, bootstrap) in
            [(7, 1.0, false, 4.0), (8, 2.0, false, 4.0), (9, 8.0, true, 0.0)]
        {
            let what = (0.5, bootstrap);
            recent.push((index, reward), 2, ended, what, |i, target| learned.push((i, target)));
        }
        assert_eq!(learned, [(7, 1.0 + 1.0 + 1.0), (8, 2.0 + 4.0), (9, 8.0)]);
    }

    #[test]
    fn returns_are_what_their_formula_says() {
        let mut rng = stream(1, "test");
        for n in [1, 2, 3, 7] {
            let (mut recent, mut rewards) = (NStep::default(), Vec::new());
            let mut next = 0;
            for step in 0..200 {
                let (reward, bootstrap) = (rng.random_range(-1.0..1.0), rng.random());
                let ended = step % 31 == 30;
                rewards.push(reward);
                let mut learned = Vec::new();
                let learn = |index, ret| learned.push((index, ret));
                recent.push((step, reward), n, ended, (0.9, bootstrap), learn);
                for (index, ret) in learned {
                    let after = rewards[index..].iter().rev();
                    let expected = after.fold(bootstrap, |ret, reward| reward + 0.9 * ret);
                    assert!((ret - expected).abs() < 1e-12, "{ret} and {expected}, n = {n}");
                    assert_eq!(index, next);
                    next += 1;
                }
                assert_eq!(
                    next,
                    if ended { step + 1 } else { next.max((step + 2).saturating_sub(n)) }
                );
            }
        }
    }
}
