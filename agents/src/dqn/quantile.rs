//! Quantiles of returns: QR-DQN (Dabney et al. 2018, "Distributional reinforcement learning with quantile regression",
//! <https://arxiv.org/abs/1710.10044>), and IQN, whose network [computes them](nn::ImplicitQuantiles) at random fractions.
use super::loss::huber;
use candle_core::{DType, Device, Result, Tensor};

/// The fractions τᵢ = (i + ½)/K of QR-DQN, `[1, K]`.
pub(super) fn midpoints(k: usize, device: &Device) -> Result<Tensor> {
    let midpoints: Vec<f32> = (0..k).map(|i| (i as f32 + 0.5) / k as f32).collect();
    Tensor::from_vec(midpoints, (1, k), device)
}

/// Σᵢ meanⱼ ρ(yⱼ − θᵢ) with ρ(u) = |τᵢ − 1(u < 0)|·huber(u) (equations 9 and 10 of the one paper, 3 of the other, with
/// κ = 1), for the quantiles θ at `fractions` τ, of each row or `[1, K]`, and samples y of their targets, both `[B, K]`: `[B]`.
pub(super) fn quantile_huber(
    quantiles: &Tensor,
    targets: &Tensor,
    fractions: &Tensor,
) -> Result<Tensor> {
    let fractions = fractions.unsqueeze(2)?; // [B, K, 1]
    let u = targets.detach().unsqueeze(1)?.broadcast_sub(&quantiles.unsqueeze(2)?)?; // [B, K, K]
    let below = u.detach().lt(0.0)?.to_dtype(DType::F32)?;
    let weights = below.broadcast_sub(&fractions)?.abs()?;
    (huber(&u)? * weights)?.mean(2)?.sum(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Var;
    use nn::gradcheck::gradcheck;
    use train::testing::device;

    #[test]
    fn losses_by_hand_with_their_gradient() {
        let quantiles = Var::new(&[[0f32, 1.0]], device()).unwrap();
        let targets = Tensor::new(&[[0.5f32, -2.0]], device()).unwrap();
        let midpoints = midpoints(2, device()).unwrap();
        let of = |fractions: &Tensor| -> f32 {
            let losses = quantile_huber(&quantiles, &targets, fractions).unwrap();
            losses.to_vec1().unwrap()[0]
        };
        // τ = ¼: u = ½ and −2, with ¼·⅛ and ¾·1½; τ = ¾: u = −½ and −3, with ¼·⅛ and ¼·2½.
        let expected = (0.25 * 0.125 + 0.75 * 1.5) / 2.0 + (0.25 * 0.125 + 0.25 * 2.5) / 2.0;
        let loss = of(&midpoints);
        assert!((loss - expected).abs() < 1e-6, "{loss}, not {expected}");
        // Drawn ones in any order: at τ = 0.9 ½ and −2 with 0.9·⅛ and 0.1·1½, at τ = 0.2 −½ and −3 with 0.8·⅛ and 0.8·2½.
        let drawn = Tensor::new(&[[0.9f32, 0.2]], device()).unwrap();
        let expected = (0.9 * 0.125 + 0.1 * 1.5) / 2.0 + (0.8 * 0.125 + 0.8 * 2.5) / 2.0;
        let loss = of(&drawn);
        assert!((loss - expected).abs() < 1e-6, "{loss}, not {expected}");
        let vars = std::slice::from_ref(&quantiles);
        let loss = || quantile_huber(&quantiles, &targets, &drawn)?.mean_all();
        assert!(gradcheck(vars, 1e-2, loss).unwrap() < 1e-3);
    }

    /// The quantiles of the numbers 0 to 99 at ⅛, ⅜, ⅝ and ⅞, but for the width of the threshold.
    #[test]
    fn least_at_the_quantiles() {
        let targets: Vec<f32> = (0..100).map(|i| i as f32).collect();
        let loss = |quantiles: [f32; 4]| {
            let quantiles = Tensor::new(&[quantiles], device()).unwrap();
            let targets = Tensor::from_slice(&targets, (1, 100), device()).unwrap();
            let midpoints = midpoints(4, device()).unwrap();
            let losses = quantile_huber(&quantiles, &targets, &midpoints).unwrap();
            losses.to_vec1::<f32>().unwrap()[0]
        };
        let right = [12.0, 37.0, 62.0, 87.0];
        for i in 0..4 {
            for off in [-4.0, 4.0] {
                let mut moved = right;
                moved[i] += off;
                assert!(loss(moved) > loss(right), "{i} {off}");
            }
        }
    }
}
