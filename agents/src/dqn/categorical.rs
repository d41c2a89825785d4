//! Distributions of returns over fixed atoms, C51 (Bellemare et al. 2017, "A distributional perspective on
//! reinforcement learning", <https://arxiv.org/abs/1707.06887>).
use candle_core::{Device, Result, Tensor};
use nn::log_softmax;

/// K atoms z₀ < … < z_{K−1} at equal distances.
#[derive(Clone)]
pub(super) struct Support {
    ends: [f64; 2],
    /// `[1, K]`.
    atoms: Tensor,
}

impl Support {
    pub(super) fn new(ends: [f64; 2], k: usize, device: &Device) -> Result<Self> {
        let atom = |i| ends[0] + (ends[1] - ends[0]) * i as f64 / (k - 1) as f64;
        let atoms: Vec<f32> = (0..k).map(|i| atom(i) as f32).collect();
        Ok(Self { ends, atoms: Tensor::from_vec(atoms, (1, k), device)? })
    }

    /// K.
    pub(super) fn len(&self) -> usize {
        self.atoms.elem_count()
    }

    /// z, `[1, K]`.
    pub(super) fn atoms(&self) -> &Tensor {
        &self.atoms
    }

    /// Distance between two atoms, Δz.
    fn gap(&self) -> f64 {
        (self.ends[1] - self.ends[0]) / (self.len() - 1) as f64
    }

    /// The mean Σᵢ pᵢ·zᵢ of distributions with these `logits` `[N, K]`: `[N]`.
    pub(super) fn means(&self, logits: &Tensor) -> Result<Tensor> {
        log_softmax(logits)?.exp()?.broadcast_mul(&self.atoms)?.sum(1)
    }

    /// Probabilities on the atoms of R + d·Z for Z distributed on the atoms by `probs` (algorithm 1): each moved atom,
    /// cut off at the ends, is shared by the two atoms beside it, the nearer one having more.
    ///
    /// `probs` is `[B, K]`, `rewards` and `discounts` are `[B]`; the result is `[B, K]`.
    pub(super) fn project(
        &self,
        probs: &Tensor,
        rewards: &Tensor,
        discounts: &Tensor,
    ) -> Result<Tensor> {
        let moved = discounts.unsqueeze(1)?.broadcast_mul(&self.atoms)?; // [B, K]
        let moved =
            moved.broadcast_add(&rewards.unsqueeze(1)?)?.clamp(self.ends[0], self.ends[1])?;
        let apart = moved.unsqueeze(2)?.broadcast_sub(&self.atoms.unsqueeze(0)?)?; // [B, K, K]
        let shares = (1.0 - (apart.abs()? / self.gap())?)?.clamp(0.0, 1.0)?;
        probs.unsqueeze(1)?.matmul(&shares)?.squeeze(1) // [B, 1, K] → [B, K]
    }
}

/// −Σᵢ mᵢ·log pᵢ for targets m and distributions with these logits, both `[B, K]`: `[B]`. Up to the entropy of m it is
/// the Kullback–Leibler divergence.
pub(super) fn cross_entropy(logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    (log_softmax(logits)? * targets.detach())?.sum(1)?.neg()
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Var;
    use nn::gradcheck::gradcheck;
    use train::testing::device;

    fn tensor(values: &[f32]) -> Tensor {
        Tensor::new(values, device()).unwrap()
    }

    fn rows(tensor: &Tensor) -> Vec<Vec<f32>> {
        tensor.to_vec2().unwrap()
    }

    #[test]
    fn projections_by_hand() {
        // Atoms at 0, 1, 2.
        let support = Support::new([0.0, 2.0], 3, device()).unwrap();
        let probs = Tensor::new(&[[0.5f32, 0.25, 0.25]; 4], device()).unwrap();
        let (rewards, discounts) = (tensor(&[0.5, 1.0, 0.75, -9.0]), tensor(&[0.5, 0.0, 1.0, 1.0]));
        let projected = rows(&support.project(&probs, &rewards, &discounts).unwrap());
        // 0.5, 1 and 1.5: the first is shared by 0 and 1, the last by 1 and 2.
        assert_eq!(projected[0], [0.25, 0.625, 0.125]);
        // Terminal: all of it at the reward.
        assert_eq!(projected[1], [0.0, 1.0, 0.0]);
        // 0.75, 1.75 and 2.75, which is cut off at 2.
        assert_eq!(projected[2], [0.125, 0.4375, 0.4375]);
        assert_eq!(projected[3], [1.0, 0.0, 0.0]);
    }

    #[test]
    fn what_stays_within_the_ends_keeps_its_mean() {
        let support = Support::new([-10.0, 10.0], 51, device()).unwrap();
        let logits: Vec<f32> = (0..102).map(|i| (i as f32 * 0.7).sin()).collect();
        let logits = Tensor::from_vec(logits, (2, 51), device()).unwrap();
        let means: Vec<f32> = support.means(&logits).unwrap().to_vec1().unwrap();
        let probs = log_softmax(&logits).unwrap().exp().unwrap();
        let moved = support.project(&probs, &tensor(&[0.3, -1.0]), &tensor(&[0.5, 0.9])).unwrap();
        for (row, expected) in
            rows(&moved).iter().zip([0.3 + 0.5 * means[0], -1.0 + 0.9 * means[1]])
        {
            let atom = |i: usize| -10.0 + 0.4 * i as f32;
            let mean: f32 = row.iter().enumerate().map(|(i, p)| p * atom(i)).sum();
            let sum: f32 = row.iter().sum();
            assert!(
                (sum - 1.0).abs() < 1e-5 && (mean - expected).abs() < 1e-4,
                "{mean} {expected}"
            );
        }
    }

    #[test]
    fn cross_entropies_by_hand_with_their_gradient() {
        let logits = Var::new(&[[0f32, 3f32.ln()], [1.0, -1.0]], device()).unwrap();
        let targets = Tensor::new(&[[0.5f32, 0.5], [1.0, 0.0]], device()).unwrap();
        let losses: Vec<f32> = cross_entropy(&logits, &targets).unwrap().to_vec1().unwrap();
        // p = ¼ and ¾; then σ(2).
        let expected = [0.5 * (4f32.ln() + (4f32 / 3.0).ln()), (1.0 + (-2f32).exp()).ln()];
        assert!(losses.iter().zip(expected).all(|(l, e)| (l - e).abs() < 1e-6), "{losses:?}");
        let vars = std::slice::from_ref(&logits);
        let loss = || cross_entropy(&logits, &targets)?.mean_all();
        assert!(gradcheck(vars, 1e-2, loss).unwrap() < 1e-3);
    }
}
