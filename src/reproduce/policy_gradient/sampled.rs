//! Estimates drawn from a learner, and what they say.
use super::exact::dot;
use agents::Reinforce;
use anyhow::Result;
use train::{Measure, pulse};

/// Independent estimates of the gradient, `[n, P]`.
pub(super) struct Sampled(Vec<Vec<f64>>);

impl Sampled {
    /// `n` of the updates that `agent` would make; `baseline` is as in [`Reinforce::gradient`], for
    /// numbered actions.
    pub(super) fn draw(
        agent: &mut Reinforce,
        n: usize,
        baseline: &dyn Fn(&[f32], usize) -> f32,
    ) -> Result<Self> {
        let mut all = Vec::with_capacity(n);
        for _ in 0..n {
            pulse::check()?;
            let estimate = agent.gradient(&|obs, action| baseline(obs, action[0] as usize))?;
            all.push(estimate.into_iter().map(f64::from).collect());
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
