//! Estimates of the gradient, sampled from a learner, and their statistics.
use super::exact::dot;
use agents::{Reinforce, reinforce_loss};
use anyhow::Result;
use candle_core::{Device, Tensor};
use envs::End;
use train::{Measure, pulse};

/// Independent estimates of the gradient, `[n, P]`.
pub(super) struct Sampled(Vec<Vec<f64>>);

impl Sampled {
    /// `n` of the updates that `agent` would make; `baseline(obs, action)` is taken off each
    /// advantage besides.
    pub(super) fn draw(
        agent: &mut Reinforce,
        n: usize,
        baseline: &dyn Fn(&[f32], usize) -> f32,
    ) -> Result<Self> {
        let mut all = Vec::with_capacity(n);
        for done in 0..n {
            pulse::progress("estimating gradients", done, n)?;
            all.push(gradient(agent, baseline)?);
        }
        Ok(Self(all))
    }

    /// Their mean, `[P]`.
    pub(super) fn mean(&self) -> Vec<f64> {
        let component = |i| self.0.iter().map(|estimate| estimate[i]).sum::<f64>();
        let n = self.0.len() as f64;
        (0..self.0[0].len()).map(|i| component(i) / n).collect()
    }

    /// The mean of one component.
    pub(super) fn component(&self, i: usize) -> Measure {
        self.measure(|estimate| estimate[i])
    }

    /// The mean part of `gradient` that is in them: 1 where their mean is the gradient.
    pub(super) fn along(&self, gradient: &[f64]) -> Measure {
        let squares = dot(gradient, gradient);
        self.measure(|estimate| dot(estimate, gradient) / squares)
    }

    /// The mean of |ĝ − centre|².
    pub(super) fn squared_error(&self, centre: &[f64]) -> Measure {
        self.measure(|estimate| estimate.iter().zip(centre).map(|(a, b)| (a - b).powi(2)).sum())
    }

    /// Σ of the components' variances.
    pub(super) fn variance(&self) -> Measure {
        let n = self.0.len() as f64;
        let Measure { mean, ci95, n: samples } = self.squared_error(&self.mean());
        // About their own mean they lie closer than about the true one.
        let wider = n / (n - 1.0);
        Measure {
            mean: mean * wider,
            ci95: ci95.map(|ends| ends.map(|end| end * wider)),
            n: samples,
        }
    }

    fn measure(&self, of: impl Fn(&[f64]) -> f64) -> Measure {
        Measure::of(&self.0.iter().map(|estimate| of(estimate)).collect::<Vec<_>>())
    }
}

/// An estimate of the gradient of the expected return by the policy's parameters, in their order, `[P]`: the
/// direction in which one update would move them.
fn gradient(agent: &mut Reinforce, baseline: &dyn Fn(&[f32], usize) -> f32) -> Result<Vec<f64>> {
    let downhill = agent.play_episodes(|agent, rollout, mut advantages| {
        let (len, obs_len) = (rollout.len(), rollout.obs.len() / rollout.len());
        let steps = rollout.obs.chunks_exact(obs_len).zip(&rollout.actions);
        for (advantage, (obs, action)) in advantages.iter_mut().zip(steps) {
            *advantage -= baseline(obs, *action as usize);
        }
        let episodes = rollout.ends.iter().filter(|end| **end != End::Not).count();
        let actions = Tensor::from_slice(&rollout.actions, (len, 1), &Device::Cpu)?; // [B, 1]
        let advantages = Tensor::from_vec(advantages, len, &Device::Cpu)?; // [B]
        let log_probs = agent.policy(&rollout.obs)?.log_prob(&actions)?; // [B]
        Ok(reinforce_loss(&log_probs, &advantages, episodes)?.backward()?)
    })?;
    let mut uphill = Vec::with_capacity(agent.params().count());
    for (_, var) in agent.params().named() {
        let Some(slopes) = downhill.get(&var) else {
            uphill.resize(uphill.len() + var.elem_count(), 0.0);
            continue;
        };
        let slopes: Vec<f32> = slopes.flatten_all()?.neg()?.to_vec1()?;
        uphill.extend(slopes.into_iter().map(f64::from));
    }
    Ok(uphill)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_by_hand() {
        let sampled = Sampled(vec![vec![1.0, 0.0], vec![3.0, 2.0], vec![2.0, -2.0]]);
        assert_eq!(sampled.mean(), [2.0, 0.0]);
        assert_eq!(sampled.component(1).mean, 0.0);
        // (1 + 3 + 2) / 3 along (1, 0), half of it along (2, 0).
        assert_eq!(sampled.along(&[1.0, 0.0]).mean, 2.0);
        assert_eq!(sampled.along(&[2.0, 0.0]).mean, 1.0);
        // Variances (1 + 1 + 0) / 2 and (0 + 4 + 4) / 2.
        assert!((sampled.variance().mean - 5.0).abs() < 1e-12);
        assert_eq!(sampled.squared_error(&[1.0, 0.0]).mean, (0.0 + 8.0 + 5.0) / 3.0);
    }
}
