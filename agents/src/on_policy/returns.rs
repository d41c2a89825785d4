//! Returns and advantages, GAE among them (Sutton & Barto, chapters 3, 7 and 12; Schulman et al. 2016,
//! "High-Dimensional Continuous Control Using Generalized Advantage Estimation").
//!
//! All of it is computed in `f64` from the last step back to the first.
use envs::End;
use serde::{Deserialize, Serialize};

/// A rollout: `T` steps of each of `N` copies of an environment. Everything is `[T, N]`, row-major.
#[derive(Debug, Clone, Copy)]
pub struct Steps<'a> {
    /// N.
    pub n: usize,
    /// r, received for the step.
    pub rewards: &'a [f32],
    /// End of each step: none, termination or truncation.
    pub ends: &'a [End],
    /// V(s) of the state acted in.
    pub values: &'a [f32],
    /// V(s') of the state arrived in, which at an end is the episode's own final one. Read where the
    /// episode was truncated and in the last row; anything elsewhere.
    pub next_values: &'a [f32],
}

impl Steps<'_> {
    /// V(s') of the state that step `i` arrived in: 0 where it is terminal, and only there.
    fn next_value(&self, i: usize) -> f64 {
        let value = match (self.ends[i], self.values.get(i + self.n)) {
            (End::Terminated, _) => 0.0,
            (End::Not, Some(value)) => *value,
            (End::Not, None) | (End::Truncated, _) => self.next_values[i],
        };
        f64::from(value)
    }

    /// The next step of the same episode, where the rollout holds it.
    fn following(&self, i: usize) -> Option<usize> {
        let next = i + self.n;
        (self.ends[i] == End::Not && next < self.rewards.len()).then_some(next)
    }
}

/// Generalised advantage estimation: Â = Σₖ (γλ)ᵏ·δₖ over the steps from here to the end of the
/// episode or of the rollout, with δ = r + γ·V(s') − V(s). Fills `advantages`, `[T, N]`.
///
/// With λ = 0 it is the one-step error δ; with λ = 1 the return as far as it was seen, then V, minus
/// V(s): the advantage of Mnih et al. 2016 (algorithm S3). Â + V(s) is the λ-return.
pub fn gae(steps: &Steps<'_>, gamma: f64, lambda: f64, advantages: &mut [f32]) {
    for i in (0..steps.rewards.len()).rev() {
        let (reward, value) = (f64::from(steps.rewards[i]), f64::from(steps.values[i]));
        let delta = reward + gamma * steps.next_value(i) - value;
        let later = steps.following(i).map_or(0.0, |next| f64::from(advantages[next]));
        advantages[i] = (delta + gamma * lambda * later) as f32;
    }
}

/// The λ-return G = r + γ·((1 − λ)·V(s') + λ·G'), where G' is that of the next step (Sutton & Barto, equation 12.2);
/// G = r + γ·V(s') where the episode or the rollout ends, so that truncation bootstraps and termination does not. Fills
/// `returns`, `[T, N]`. PQN has max_a Q(s', a) for V(s').
pub fn lambda_returns(steps: &Steps<'_>, gamma: f64, lambda: f64, returns: &mut [f32]) {
    for i in (0..steps.rewards.len()).rev() {
        let value = steps.next_value(i);
        let later = steps.following(i).map_or(value, |next| f64::from(returns[next]));
        let after = (1.0 - lambda) * value + lambda * later;
        returns[i] = (f64::from(steps.rewards[i]) + gamma * after) as f32;
    }
}

/// The n-step return G = r₀ + γ·r₁ + … + γᵏ⁻¹·rₖ₋₁ + γᵏ·V(sₖ), where k is `horizon`, or less where
/// the episode or the rollout ends before. Fills `returns`, `[T, N]`.
pub fn n_step_returns(steps: &Steps<'_>, gamma: f64, horizon: usize, returns: &mut [f32]) {
    for (i, ret) in returns.iter_mut().enumerate() {
        let (mut at, mut sum, mut discount) = (i, f64::from(steps.rewards[i]), gamma);
        for _ in 1..horizon {
            let Some(next) = steps.following(at) else { break };
            sum += discount * f64::from(steps.rewards[next]);
            (at, discount) = (next, discount * gamma);
        }
        *ret = (sum + discount * steps.next_value(at)) as f32;
    }
}

/// The reward to go of each step of one episode: G = r + γ·G', where G' is that of the next step, and
/// after the last one `after`: 0 where the final state is terminal. `rewards` and `returns` are `[T]`.
pub fn rewards_to_go(rewards: &[f32], gamma: f64, after: f64, returns: &mut [f32]) {
    let mut later = after;
    for (ret, reward) in returns.iter_mut().zip(rewards).rev() {
        later = f64::from(*reward) + gamma * later;
        *ret = later as f32;
    }
}

/// The discounted return of one episode, Σₜ γᵗ·rₜ + γᵀ·after, for `rewards` of `[T]`.
pub fn discounted_return(rewards: &[f32], gamma: f64, after: f64) -> f64 {
    rewards.iter().rev().fold(after, |later, reward| f64::from(*reward) + gamma * later)
}

/// Return that an action is given credit for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Returns {
    /// The discounted rewards from then on: the others do not depend on the action.
    ToGo,
    /// The discounted return of its episode.
    Whole,
}

/// Baseline that is subtracted from the returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Baseline {
    /// Nothing.
    None,
    /// Their mean over all steps of the update.
    Mean,
    /// V(s), which is regressed on them. Truncated episodes bootstrap from it.
    Value,
}

/// Normalisation of advantages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weights {
    /// Nothing.
    Raw,
    /// [`normalise`].
    Normalised,
}

/// Shifts and scales to mean 0 and standard deviation 1 (of the values themselves, not an estimate
/// of a larger population's); equal values become 0.
pub fn normalise(values: &mut [f32]) {
    let n = values.len().max(1) as f64;
    let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
    let variance = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n;
    let scale = 1.0 / (variance.sqrt() + 1e-8);
    values.iter_mut().for_each(|v| *v = ((f64::from(*v) - mean) * scale) as f32);
}

#[cfg(test)]
mod tests {
    use super::*;
    use End::{Not, Terminated, Truncated};

    /// Two copies, three steps. The first copy goes on throughout; the second is truncated at its
    /// first step, terminated at its second. What may not be read is NaN.
    const REWARDS: [f32; 6] = [1.0, 2.0, 0.0, 3.0, 4.0, 5.0];
    const ENDS: [End; 6] = [Not, Truncated, Not, Terminated, Not, Not];
    const VALUES: [f32; 6] = [8.0, 6.0, 4.0, 2.0, 10.0, 20.0];
    const NEXT: [f32; 6] = [f32::NAN, 16.0, f32::NAN, f32::NAN, 32.0, 64.0];

    fn steps() -> Steps<'static> {
        Steps { n: 2, rewards: &REWARDS, ends: &ENDS, values: &VALUES, next_values: &NEXT }
    }

    #[test]
    fn one_step_advantages_by_hand() {
        let mut advantages = [0.0; 6];
        gae(&steps(), 0.5, 0.0, &mut advantages);
        // Copy 0: 1 + 4/2 − 8, 0 + 10/2 − 4, 4 + 32/2 − 10; copy 1: 2 + 16/2 − 6, 3 + 0 − 2,
        // 5 + 64/2 − 20.
        assert_eq!(advantages, [-5.0, 4.0, 1.0, 1.0, 10.0, 17.0]);
    }

    #[test]
    fn traces_run_to_the_end_of_the_episode_and_no_further() {
        let mut advantages = [0.0; 6];
        gae(&steps(), 0.5, 0.5, &mut advantages);
        // γλ = ¼: copy 0 is 10, 1 + 10/4, −5 + 3.5/4; copy 1 ends twice.
        assert_eq!(advantages, [-4.125, 4.0, 3.5, 1.0, 10.0, 17.0]);
        gae(&steps(), 0.5, 1.0, &mut advantages);
        // 10, 1 + 10/2, −5 + 6/2
        assert_eq!(advantages, [-2.0, 4.0, 6.0, 1.0, 10.0, 17.0]);
    }

    #[test]
    fn lambda_returns_by_hand() {
        let mut returns = [0.0; 6];
        lambda_returns(&steps(), 0.5, 0.5, &mut returns);
        // Copy 0: 4 + 32/2, then 0 + (10 + 20)/4, then 1 + (4 + 7.5)/4. Copy 1 is truncated, 2 + 16/2, terminated, 3, and
        // goes on to 64.
        assert_eq!(returns, [3.875, 10.0, 7.5, 3.0, 20.0, 37.0]);
        // With λ = 0 a step ahead, with λ = 1 as far as the rollout goes.
        lambda_returns(&steps(), 0.5, 0.0, &mut returns);
        assert_eq!(returns, [3.0, 10.0, 5.0, 3.0, 20.0, 37.0]);
        lambda_returns(&steps(), 0.5, 1.0, &mut returns);
        assert_eq!(returns, [6.0, 10.0, 10.0, 3.0, 20.0, 37.0]);
    }

    #[test]
    fn n_step_returns_by_hand() {
        let mut returns = [0.0; 6];
        n_step_returns(&steps(), 0.5, 1, &mut returns);
        assert_eq!(returns, [3.0, 10.0, 5.0, 3.0, 20.0, 37.0]);
        n_step_returns(&steps(), 0.5, 2, &mut returns);
        // Copy 0: 1 + 0/2 + 10/4, 0 + 4/2 + 32/4, then one step only.
        assert_eq!(returns, [3.5, 10.0, 10.0, 3.0, 20.0, 37.0]);
        n_step_returns(&steps(), 0.5, 9, &mut returns);
        // 1 + 0/2 + 4/4 + 32/8
        assert_eq!(returns, [6.0, 10.0, 10.0, 3.0, 20.0, 37.0]);
    }

    /// The λ-return with λ = 1 is the n-step return with n = T.
    #[test]
    fn the_two_estimates_meet() {
        let (mut advantages, mut returns) = ([0.0; 6], [0.0; 6]);
        gae(&steps(), 0.9, 1.0, &mut advantages);
        n_step_returns(&steps(), 0.9, 3, &mut returns);
        for ((advantage, ret), value) in advantages.iter().zip(returns).zip(VALUES) {
            assert!((advantage + value - ret).abs() < 1e-5, "{advantage} {value} {ret}");
        }
    }

    #[test]
    fn rewards_to_go_by_hand() {
        let mut returns = [0.0; 3];
        rewards_to_go(&[1.0, 0.0, 4.0], 0.5, 0.0, &mut returns);
        assert_eq!(returns, [2.0, 2.0, 4.0]);
        // Cut off where V is 8.
        rewards_to_go(&[1.0, 0.0, 4.0], 0.5, 8.0, &mut returns);
        assert_eq!(returns, [3.0, 4.0, 8.0]);
        assert_eq!(discounted_return(&[1.0, 0.0, 4.0], 0.5, 0.0), 2.0);
        assert_eq!(discounted_return(&[1.0, 0.0, 4.0], 0.5, 8.0), 3.0);
        assert_eq!(discounted_return(&[], 0.5, 8.0), 8.0);
    }

    #[test]
    fn normalised_by_hand() {
        let mut values = [1.0, 3.0, 5.0, 7.0];
        normalise(&mut values);
        // Mean 4, variance 5.
        let expected = [-3.0, -1.0, 1.0, 3.0].map(|v: f32| v / 5f32.sqrt());
        assert!(values.iter().zip(expected).all(|(v, e)| (v - e).abs() < 1e-6), "{values:?}");
        let mut equal = [2.0, 2.0];
        normalise(&mut equal);
        assert_eq!(equal, [0.0, 0.0]);
    }
}
