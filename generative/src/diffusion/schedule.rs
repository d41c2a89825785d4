//! Variances of the noise that is added step by step.
//!
//! Step t, from 1 to T, has β_t; α_t = 1 − β_t, ᾱ_t = α_1·…·α_t, and ᾱ_0 = 1.
use serde::{Deserialize, Serialize};
use std::f64::consts::FRAC_PI_2;

/// Schedules of β.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleName {
    /// From 10⁻⁴ to 0.02 for T = 1000 (Ho et al. 2020, section 4), times 1000/T for other T.
    Linear,
    /// ᾱ_t = f(t)/f(0), f(t) = cos²(π/2·(t/T + 0.008)/1.008) (Nichol & Dhariwal 2021, "Improved denoising diffusion
    /// probabilistic models", equation 17).
    Cosine,
}

/// The largest β (Nichol & Dhariwal 2021, section 3.2).
const LARGEST: f64 = 0.999;

/// ᾱ of every step.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Schedule {
    /// ᾱ_0 … ᾱ_T, `[T + 1]`.
    alpha_bar: Vec<f64>,
}

/// q(x_s | x_t, x_0) = N(of_x0·x_0 + of_x·x_t, variance), for s < t.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Posterior {
    pub(super) of_x0: f64,
    pub(super) of_x: f64,
    pub(super) variance: f64,
    /// 1 − ᾱ_t/ᾱ_s, the β of the steps from s to t together.
    pub(super) beta: f64,
}

impl Schedule {
    /// With T `steps`.
    pub(super) fn new(name: ScheduleName, steps: usize) -> Self {
        let t = |i: usize| i as f64 / steps as f64;
        let cosine = |i: usize| (FRAC_PI_2 * (t(i) + 0.008) / 1.008).cos().powi(2);
        let beta = |i: usize| match name {
            ScheduleName::Linear => {
                let part = if steps == 1 { 1.0 } else { (i - 1) as f64 / (steps - 1) as f64 };
                (1e-4 + (0.02 - 1e-4) * part) * 1000.0 / steps as f64
            }
            ScheduleName::Cosine => 1.0 - cosine(i) / cosine(i - 1),
        };
        let mut alpha_bar = vec![1.0];
        for i in 1..=steps {
            alpha_bar.push(alpha_bar[i - 1] * (1.0 - beta(i).min(LARGEST)));
        }
        Self { alpha_bar }
    }

    /// T.
    pub(super) fn steps(&self) -> usize {
        self.alpha_bar.len() - 1
    }

    /// t/T, as the network is given them.
    pub(super) fn times(&self, steps: &[usize]) -> Vec<f32> {
        steps.iter().map(|t| *t as f32 / self.steps() as f32).collect()
    }

    /// √ᾱ_t, the part of the data in x_t.
    pub(super) fn alpha(&self, t: usize) -> f64 {
        self.alpha_bar[t].sqrt()
    }

    /// √(1 − ᾱ_t), the part of the noise in x_t.
    pub(super) fn sigma(&self, t: usize) -> f64 {
        (1.0 - self.alpha_bar[t]).sqrt()
    }

    /// λ_t = log(√ᾱ_t/√(1 − ᾱ_t)), half the logarithm of the ratio of signal to noise.
    pub(super) fn lambda(&self, t: usize) -> f64 {
        (self.alpha(t) / self.sigma(t)).ln()
    }

    /// The step back from t to s < t (Ho et al. 2020, equations 6 and 7, where s = t − 1).
    pub(super) fn posterior(&self, t: usize, s: usize) -> Posterior {
        let [now, then] = [t, s].map(|i| self.alpha_bar[i]);
        let (beta, noise) = (1.0 - now / then, 1.0 - now);
        Posterior {
            of_x0: then.sqrt() * beta / noise,
            of_x: (now / then).sqrt() * (1.0 - then) / noise,
            variance: beta * (1.0 - then) / noise,
            beta,
        }
    }

    /// `n` steps among 1 … T that end in T, as far apart from each other as 0 is from the first.
    pub(super) fn strided(&self, n: usize) -> Vec<usize> {
        let (n, all) = (n.min(self.steps()) as u64, self.steps() as u64);
        (1..=n).map(|i| (i * all).div_ceil(n) as usize).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_papers_numbers() {
        let linear = Schedule::new(ScheduleName::Linear, 1000);
        assert_eq!(linear.steps(), 1000);
        assert!((linear.posterior(1, 0).beta - 1e-4).abs() < 1e-12);
        assert!((linear.posterior(1000, 999).beta - 0.02).abs() < 1e-12);
        // Σ log(1 − β) is about −Σβ − Σβ²/2 = −10.05 − 0.067: "D_KL(q(x_T|x_0) ‖ N(0, I)) ≈ 10⁻⁵ bits per dimension".
        assert!((linear.alpha_bar[1000] - 4.04e-5).abs() < 1e-6, "{}", linear.alpha_bar[1000]);
        let cosine = Schedule::new(ScheduleName::Cosine, 1000);
        // cos²(π/2·0.508/1.008)/cos²(π/2·0.008/1.008)
        let half =
            (FRAC_PI_2 * 0.508 / 1.008).cos().powi(2) / (FRAC_PI_2 * 0.008 / 1.008).cos().powi(2);
        assert!((cosine.alpha_bar[500] - half).abs() < 1e-9);
        assert!(cosine.alpha_bar[1000] > 0.0 && cosine.alpha_bar[1000] < 1e-4);
        for schedule in [linear, cosine] {
            assert!(schedule.alpha_bar.windows(2).all(|pair| pair[1] < pair[0]));
        }
        // A schedule of fewer steps adds as much noise, about.
        let few = Schedule::new(ScheduleName::Linear, 100).alpha_bar[100];
        assert!((few.ln() + 10.1).abs() < 1.0, "{few}");
        assert_eq!(Schedule::new(ScheduleName::Linear, 1).alpha_bar, [1.0, 1.0 - LARGEST]);
    }

    /// ᾱ = 1, 0.8, 0.4: from 2 to 1 β = ½; (√0.8·½)/0.6, √½·0.2/0.6 and ½·0.2/0.6.
    #[test]
    fn a_posterior_by_hand() {
        let schedule = Schedule { alpha_bar: vec![1.0, 0.8, 0.4] };
        let Posterior { of_x0, of_x, variance, beta } = schedule.posterior(2, 1);
        assert!((beta - 0.5).abs() < 1e-12 && (variance - 1.0 / 6.0).abs() < 1e-12);
        assert!((of_x0 - 0.8f64.sqrt() / 1.2).abs() < 1e-12);
        assert!((of_x - 0.5f64.sqrt() / 3.0).abs() < 1e-12);
        // To the data themselves: x₀ without noise.
        let last = schedule.posterior(2, 0);
        assert!((last.of_x0 - 1.0).abs() < 1e-12 && last.of_x == 0.0 && last.variance == 0.0);
        assert_eq!([schedule.alpha(2), schedule.sigma(2)], [0.4f64.sqrt(), 0.6f64.sqrt()]);
        assert!((schedule.lambda(1) - 2f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn strides_end_in_the_last_step() {
        let schedule = Schedule::new(ScheduleName::Linear, 10);
        assert_eq!(schedule.strided(10), (1..=10).collect::<Vec<_>>());
        assert_eq!(schedule.strided(5), [2, 4, 6, 8, 10]);
        assert_eq!(schedule.strided(3), [4, 7, 10]);
        assert_eq!((schedule.strided(1), schedule.strided(99).len()), (vec![10], 10));
    }
}
