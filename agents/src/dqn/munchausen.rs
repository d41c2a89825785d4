//! Munchausen DQN (Vieillard et al. 2020, "Munchausen reinforcement learning", <https://arxiv.org/abs/2007.14430>).
use candle_core::{Result, Tensor};
use nn::{log_softmax, select};

/// Weights of the terms that its target adds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Munchausen {
    /// α of τ·log π(a|s) in the reward.
    pub(super) alpha: f64,
    /// Temperature τ of π = softmax(Q̄/τ).
    pub(super) temperature: f64,
    /// Least value of τ·log π(a|s), without its sign: −l₀.
    pub(super) clip: f64,
}

impl Munchausen {
    /// y = r + α·[τ·log π(a|s)] + d·Σ_a' π(a'|s')·(Q̄(s', a') − τ·log π(a'|s')) (equation 4), where [·] cuts off below
    /// l₀ and above 0, and d is γ, or 0 where s' is terminal.
    ///
    /// `q` and `next_q` are Q̄(s, ·) and Q̄(s', ·), `[B, A]`, the others, and the target, `[B]`.
    pub(super) fn target(
        self,
        [rewards, discounts]: [&Tensor; 2],
        actions: &Tensor,
        [q, next_q]: [&Tensor; 2],
    ) -> Result<Tensor> {
        let tau = self.temperature;
        let scaled = |q: &Tensor| log_softmax(&(q / tau)?)? * tau; // τ·log π
        let own = select(&scaled(q)?, actions)?.clamp(-self.clip, 0.0)?; // [B]
        let log_pi = scaled(next_q)?; // [B, A]
        let soft = ((&log_pi / tau)?.exp()? * (next_q - &log_pi)?)?.sum(1)?; // [B]
        (rewards + (own * self.alpha)?)? + (soft * discounts)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use train::testing::device;

    #[test]
    fn targets_by_hand() {
        let rows = |rows: [[f32; 2]; 3]| Tensor::new(&rows, device()).unwrap();
        let numbers = |numbers: [f32; 3]| Tensor::new(&numbers, device()).unwrap();
        let ln3 = 3f32.ln();
        // With τ = 1, logits 0 and ln 3 are probabilities ¼ and ¾.
        let q = rows([[0.0, ln3], [0.0, ln3], [0.0, 50.0]]);
        let next_q = rows([[0.0, ln3], [1.0, 2.0], [0.0, 0.0]]);
        let actions = Tensor::new(&[0u32, 1, 0], device()).unwrap();
        let rule = Munchausen { alpha: 0.5, temperature: 1.0, clip: 2.0 };
        let y = rule
            .target([&numbers([1.0, 2.0, 0.0]), &numbers([0.5, 0.0, 1.0])], &actions, [&q, &next_q])
            .unwrap();
        let y: Vec<f32> = y.to_vec1().unwrap();
        // Σ π·(q − log π) is log Σ e^q: ln 4 here, and ln 2 in the last row, whose log π(a|s) of −50 is cut off at −2.
        let expected =
            [1.0 - 0.5 * 4f32.ln() + 0.5 * 4f32.ln(), 2.0 + 0.5 * 0.75f32.ln(), -1.0 + 2f32.ln()];
        assert!(
            y.iter().zip(expected).all(|(y, e)| (y - e).abs() < 1e-6),
            "{y:?}, not {expected:?}"
        );
    }

    /// As τ falls to 0 the soft value becomes the maximum.
    #[test]
    fn without_temperature_it_is_dqn() {
        let q = Tensor::new(&[[1f32, 3.0]], device()).unwrap();
        let one = Tensor::new(&[1f32], device()).unwrap();
        let rule = Munchausen { alpha: 0.0, temperature: 1e-3, clip: 1.0 };
        let actions = Tensor::new(&[0u32], device()).unwrap();
        let y = rule.target([&one, &one], &actions, [&q, &q]).unwrap().to_vec1::<f32>().unwrap();
        assert!((y[0] - 4.0).abs() < 1e-5, "{y:?}");
    }
}
