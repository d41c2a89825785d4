//! Observations and rewards brought to a common size while they are collected.
//!
//! A learner owns an [`ObsNorm`], a [`RewardNorm`] or both and puts them between its environments and
//! its network; environments and the statistics of their episodes keep the raw numbers.
//!
//! - Training: `update` with what the environments show, then `apply`.
//! - Evaluation: [`ObsNorm::apply`] alone, since the network knows nothing else; rewards stay raw.
//! - Checkpoint: both are serialisable. A policy can't act without its [`ObsNorm`], which therefore
//!   belongs to the model.

use serde::{Deserialize, Serialize};

use crate::End;

/// Added to variances, so that nothing is divided by 0.
const EPSILON: f64 = 1e-8;

/// Weight of the variance 1 that is assumed before anything is seen, in observations.
const PRIOR: f64 = 1e-4;

/// Mean and variance of the numbers seen so far, without keeping them (Welford 1962).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Running {
    count: f64,
    mean: f64,
    /// Sum of the squared distances from the mean.
    squares: f64,
}

impl Running {
    const NOTHING: Self = Self { count: PRIOR, mean: 0.0, squares: PRIOR };

    fn add(&mut self, x: f64) {
        let before = x - self.mean;
        self.count += 1.0;
        self.mean += before / self.count;
        self.squares += before * (x - self.mean);
    }

    /// Returns `true` if numbers may have led to this.
    fn is_possible(&self) -> bool {
        let finite = self.count.is_finite() && self.mean.is_finite() && self.squares.is_finite();
        finite && self.count > 0.0 && self.squares >= 0.0
    }

    fn deviation(&self) -> f64 {
        (self.squares / self.count + EPSILON).sqrt()
    }
}

/// Observations less their mean so far, divided by their standard deviation so far, and clipped:
/// `NormalizeObservation` of Gymnasium.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObsNorm {
    /// Of each number of an observation, `[obs_len]`.
    running: Vec<Running>,
    clip: f32,
}

impl ObsNorm {
    /// For observations of `obs_len` numbers, each of which becomes at most `clip` in size;
    /// [`f32::MAX`] clips nothing.
    pub fn new(obs_len: usize, clip: f32) -> Self {
        Self { running: vec![Running::NOTHING; obs_len], clip }
    }

    /// Returns `true` if this may have become of `other` by observations, both of one kind.
    pub fn fits(&self, other: &Self) -> bool {
        let possible = self.running.iter().all(Running::is_possible);
        possible && self.running.len() == other.running.len() && self.clip == other.clip
    }

    /// Takes observations into account, `[N, obs_len]`.
    pub fn update(&mut self, obs: &[f32]) {
        for row in obs.chunks_exact(self.running.len()) {
            for (running, &x) in self.running.iter_mut().zip(row) {
                running.add(f64::from(x));
            }
        }
    }

    /// Mean so far of each number of an observation, `[obs_len]`.
    pub fn means(&self) -> Vec<f64> {
        self.running.iter().map(|running| running.mean).collect()
    }

    /// Divisors of the numbers less their means, `[obs_len]`.
    pub fn deviations(&self) -> Vec<f64> {
        self.running.iter().map(Running::deviation).collect()
    }

    /// Writes (x − mean)/deviation for every number x of `obs`, both `[N, obs_len]`.
    pub fn apply(&self, obs: &[f32], normed: &mut [f32]) {
        let n = self.running.len();
        for (row, normed) in obs.chunks_exact(n).zip(normed.chunks_exact_mut(n)) {
            for ((running, &x), to) in self.running.iter().zip(row).zip(normed) {
                let normed = (f64::from(x) - running.mean) / running.deviation();
                *to = (normed as f32).clamp(-self.clip, self.clip);
            }
        }
    }
}

/// Rewards divided by the standard deviation of the discounted return so far, and clipped:
/// `NormalizeReward` of Gymnasium.
///
/// The return of a copy is R ← γ·R + r, from 0 in every episode. (Gymnasium forgets what came before
/// a terminal reward instead of what came before the next episode, and goes on over a time limit.)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RewardNorm {
    gamma: f64,
    clip: f32,
    /// R of each copy, `[N]`.
    returns: Vec<f64>,
    running: Running,
}

impl RewardNorm {
    /// For `n` copies and the discount `gamma`; a reward becomes at most `clip` in size, [`f32::MAX`]
    /// clips nothing.
    pub fn new(n: usize, gamma: f64, clip: f32) -> Self {
        Self { gamma, clip, returns: vec![0.0; n], running: Running::NOTHING }
    }

    /// Returns `true` if this may have become of `other` by rewards, both of one kind.
    pub fn fits(&self, other: &Self) -> bool {
        let returns = self.returns.iter().all(|ret| ret.is_finite());
        let kind = self.gamma == other.gamma && self.clip == other.clip;
        let same = kind && self.returns.len() == other.returns.len();
        same && returns && self.running.is_possible()
    }

    /// Takes a reward of the copy `index` into account, and how its transition left the episode.
    pub fn update(&mut self, index: usize, reward: f32, end: End) {
        let ret = &mut self.returns[index];
        *ret = self.gamma * *ret + f64::from(reward);
        self.running.add(*ret);
        if end != End::Not {
            *ret = 0.0;
        }
    }

    /// The reward divided by the deviation.
    pub fn apply(&self, reward: f32) -> f32 {
        let normed = f64::from(reward) / self.running.deviation();
        (normed as f32).clamp(-self.clip, self.clip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_near(values: &[f32], expected: &[f64]) {
        assert_eq!(values.len(), expected.len());
        for (value, expected) in values.iter().zip(expected) {
            assert!((f64::from(*value) - expected).abs() < 1e-6, "{values:?}, not {expected}");
        }
    }

    /// Mean and deviation of `n` numbers whose mean and sum of squared distances from it are known,
    /// and of what is assumed before: mean 0 and variance 1 of a ten-thousandth of a number (Chan,
    /// Golub & LeVeque 1983).
    fn pooled(n: f64, mean: f64, squares: f64) -> (f64, f64) {
        let count = n + 1e-4;
        let squares = squares + 1e-4 + mean * mean * n * 1e-4 / count;
        (mean * n / count, (squares / count + 1e-8).sqrt())
    }

    fn applied(norm: &ObsNorm, obs: &[f32]) -> Vec<f32> {
        let mut normed = vec![f32::NAN; obs.len()];
        norm.apply(obs, &mut normed);
        normed
    }

    #[test]
    fn observations_get_mean_0_and_deviation_1() {
        // First numbers 1, 3, 5, 7: mean 4, squares 9 + 1 + 1 + 9. Second ones are all 10.
        let mut norm = ObsNorm::new(2, 100.0);
        norm.update(&[1.0, 10.0, 3.0, 10.0]);
        norm.update(&[5.0, 10.0, 7.0, 10.0]);
        let [(mean_1, deviation_1), (mean_2, deviation_2)] =
            [pooled(4.0, 4.0, 20.0), pooled(4.0, 10.0, 0.0)];
        // As Gymnasium 1.4 has it.
        assert!(((9.0 - mean_1) / deviation_1 - 2.236_045_62).abs() < 1e-8);
        let expected = [
            (4.0 - mean_1) / deviation_1,
            (10.0 - mean_2) / deviation_2,
            (9.0 - mean_1) / deviation_1,
            (9.5 - mean_2) / deviation_2,
        ];
        assert_near(&applied(&norm, &[4.0, 10.0, 9.0, 9.5]), &expected);
    }

    #[test]
    fn nothing_seen_leaves_observations_as_they_are_but_for_the_clip() {
        let norm = ObsNorm::new(1, 5.0);
        assert_near(&applied(&norm, &[0.5, -3.0, 7.0, -70.0]), &[0.5, -3.0, 5.0, -5.0]);
        let free = ObsNorm::new(1, f32::MAX);
        assert_near(&applied(&free, &[700.0]), &[700.0]);
    }

    #[test]
    fn looking_changes_nothing() {
        let mut norm = ObsNorm::new(1, 5.0);
        norm.update(&[1.0, 2.0, 4.0]);
        let before = norm.clone();
        applied(&norm, &[100.0; 3]);
        assert_eq!(norm, before);
    }

    #[test]
    fn rewards_are_divided_by_the_deviation_of_returns() {
        // Returns with γ = ½: 2; ½·2 + 3 = 4; the end; 6, the next episode starting from 0.
        let mut norm = RewardNorm::new(1, 0.5, 10.0);
        norm.update(0, 2.0, End::Not);
        norm.update(0, 3.0, End::Terminated);
        norm.update(0, 6.0, End::Not);
        // Mean 4, squares 4 + 0 + 4; what is divided is not centred.
        let (_, deviation) = pooled(3.0, 4.0, 8.0);
        assert_near(&[norm.apply(2.0)], &[2.0 / deviation]);
        assert_eq!(norm.returns, [6.0]);
        norm.update(0, 1.0, End::Truncated);
        assert_eq!(norm.returns, [0.0]);
    }

    #[test]
    fn copies_have_returns_of_their_own() {
        let mut norm = RewardNorm::new(2, 0.9, 10.0);
        for (index, reward) in [(0, 1.0), (1, 10.0), (0, 1.0), (1, 10.0)] {
            norm.update(index, reward, End::Not);
        }
        assert_eq!(norm.returns, [1.9, 19.0]);
    }

    #[test]
    fn rewards_are_clipped() {
        let norm = RewardNorm::new(1, 0.9, 10.0);
        assert_eq!([norm.apply(30.0), norm.apply(-30.0)], [10.0, -10.0]);
    }

    #[test]
    fn a_saved_norm_goes_on_to_the_bit() {
        let (mut obs, mut reward) = (ObsNorm::new(1, f32::MAX), RewardNorm::new(1, 0.99, 10.0));
        let add = |obs: &mut ObsNorm, reward: &mut RewardNorm, steps: std::ops::Range<u8>| {
            for i in steps {
                let x = f32::from(i).sin();
                obs.update(&[x]);
                reward.update(0, x, End::Not);
            }
        };
        add(&mut obs, &mut reward, 0..20);
        let text = serde_json::to_string(&(&obs, &reward)).unwrap();
        let (mut obs_2, mut reward_2): (ObsNorm, RewardNorm) = serde_json::from_str(&text).unwrap();
        add(&mut obs, &mut reward, 20..40);
        add(&mut obs_2, &mut reward_2, 20..40);
        assert_eq!((obs, reward), (obs_2, reward_2));
    }
}
