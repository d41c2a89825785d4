//! Returns of n steps.
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// G = r₁ + γ·r₂ + … + γ^(n−1)·r_n + γⁿ·`bootstrap`; the bootstrap is 0 where the last state is
/// terminal.
pub fn discounted_return(
    rewards: impl DoubleEndedIterator<Item = f64>,
    gamma: f64,
    bootstrap: f64,
) -> f64 {
    rewards.rev().fold(bootstrap, |after, reward| reward + gamma * after)
}

/// The last transitions, at most n, that have not been learned from: what was estimated (a state or
/// a pair), and the reward that followed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Recent(VecDeque<(usize, f64)>);

impl Recent {
    pub(super) fn new(n: usize) -> Self {
        Self(VecDeque::with_capacity(n))
    }

    /// Adds a transition, then shows what has its n rewards, or where the episode has ended
    /// everything, to `learn` with its return. `bootstrap` is the value of the state arrived in.
    pub(super) fn push(
        &mut self,
        (index, reward): (usize, f64),
        n: usize,
        ended: bool,
        (gamma, bootstrap): (f64, f64),
        mut learn: impl FnMut(usize, f64),
    ) {
        self.0.push_back((index, reward));
        while (ended || self.0.len() >= n) && !self.0.is_empty() {
            let rewards = self.0.iter().map(|(_, reward)| *reward);
            let target = discounted_return(rewards, gamma, bootstrap);
            if let Some((index, _)) = self.0.pop_front() {
                learn(index, target);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_by_hand() {
        assert_eq!(discounted_return([1.0, 2.0, 4.0].into_iter(), 0.5, 8.0), 1.0 + 1.0 + 1.0 + 1.0);
        assert_eq!(discounted_return([].into_iter(), 0.5, 8.0), 8.0);
        // Two steps: a transition is learned from with the next, at an end all are.
        let (mut recent, mut learned) = (Recent::new(2), Vec::new());
        for (index, reward, ended, bootstrap) in
            [(7, 1.0, false, 4.0), (8, 2.0, false, 4.0), (9, 8.0, true, 0.0)]
        {
            let what = (0.5, bootstrap);
            recent.push((index, reward), 2, ended, what, |i, target| learned.push((i, target)));
        }
        assert_eq!(learned, [(7, 1.0 + 1.0 + 1.0), (8, 2.0 + 4.0), (9, 8.0)]);
    }
}
