//! Policies whose actions are vectors.
use candle_core::{D, Result, Tensor, bail};
use rand_distr::{Distribution as _, StandardNormal};
use train::Rng;

/// ½·log 2π.
const HALF_LOG_2_PI: f64 = 0.918_938_533_204_672_7;

/// Normal distributions over actions, one for each row of means `[B, D]`: the numbers of an action
/// are independent, with deviations σ `[D]` that are the same in every state.
///
/// They reach beyond any box. The environment takes the nearest action in it; probabilities are of
/// the action that was drawn.
pub struct Gaussian {
    mean: Tensor,
    log_std: Tensor,
}

impl Gaussian {
    /// N(mean, σ²) for `mean` `[B, D]` and `log_std` = log σ, `[D]`.
    ///
    /// # Errors
    /// If the shapes don't match.
    pub fn new(mean: &Tensor, log_std: &Tensor) -> Result<Self> {
        let (_, len) = mean.dims2()?;
        if log_std.dims() != [len] {
            bail!("means {:?} and deviations {:?} don't fit", mean.shape(), log_std.shape())
        }
        Ok(Self { mean: mean.clone(), log_std: log_std.clone() })
    }

    /// The logarithm of the density, −Σ_d [½·((a_d − μ_d)/σ_d)² + log σ_d + ½·log 2π], at `actions`
    /// `[B, D]`: `[B]`.
    ///
    /// # Errors
    /// If shapes don't match.
    pub fn log_prob(&self, actions: &Tensor) -> Result<Tensor> {
        let inverse_std = self.log_std.neg()?.exp()?; // [D]
        let distance = (actions - &self.mean)?.broadcast_mul(&inverse_std)?; // [B, D]
        let exponent = (distance.sqr()?.sum(D::Minus1)? * -0.5)?; // [B]
        exponent.broadcast_sub(&self.log_volume(0.0)?)
    }

    /// H = Σ_d (½ + ½·log 2π + log σ_d) in every state: `[B]`.
    ///
    /// # Errors
    /// Errors of the device.
    pub fn entropy(&self) -> Result<Tensor> {
        self.log_volume(0.5)?.broadcast_as(self.mean.dim(0)?)
    }

    /// Σ_d (more + ½·log 2π + log σ_d), a scalar.
    fn log_volume(&self, more: f64) -> Result<Tensor> {
        let len = self.log_std.elem_count() as f64;
        self.log_std.sum_all()? + len * (more + HALF_LOG_2_PI)
    }
}

/// Draws an action, all of `[D]`, from N(mean, σ²): each number is μ + σ·z with z from N(0, 1).
pub(super) fn sample(mean: &[f32], log_std: &[f32], rng: &mut Rng, action: &mut [f32]) {
    for ((action, &mean), log_std) in action.iter_mut().zip(mean).zip(log_std) {
        let z: f32 = StandardNormal.sample(rng);
        *action = mean + log_std.exp() * z;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{DType, Var};
    use nn::gradcheck::gradcheck;
    use std::f64::consts::PI;
    use train::stream;
    use train::testing::device;

    fn tensor<const N: usize>(values: &[[f64; 2]; N], dtype: DType) -> Tensor {
        Tensor::new(values, device()).unwrap().to_dtype(dtype).unwrap()
    }

    fn vector(values: [f64; 2], dtype: DType) -> Var {
        let values = Tensor::new(&values, device()).unwrap().to_dtype(dtype).unwrap();
        Var::from_tensor(&values).unwrap()
    }

    #[test]
    fn log_probabilities_and_entropy_by_hand() {
        for dtype in [DType::F32, DType::F64] {
            // σ = (1, 3); the first action is the mean, the second is one and two deviations off.
            let log_std = vector([0.0, 3f64.ln()], dtype);
            let mean = tensor(&[[1.0, -2.0], [0.5, 1.0]], dtype);
            let policy = Gaussian::new(&mean, &log_std).unwrap();
            let actions = tensor(&[[1.0, -2.0], [1.5, -5.0]], dtype);
            let numbers = |t: Tensor| t.to_dtype(DType::F64).unwrap().to_vec1::<f64>().unwrap();
            let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 2e-6);
            // The density at the mean is 1/(2π·σ₁·σ₂); e^(−½·(1 + 4)) of it for the second.
            let at_mean = -(6.0 * PI).ln();
            let log_prob = numbers(policy.log_prob(&actions).unwrap());
            assert!(close(&log_prob, &[at_mean, at_mean - 2.5]), "{log_prob:?}");
            // ½·log((2πe)²·σ₁²·σ₂²)
            let entropy = numbers(policy.entropy().unwrap());
            assert!(close(&entropy, &[(6.0 * PI).ln() + 1.0; 2]), "{entropy:?}");
        }
    }

    #[test]
    fn gradients_of_log_probability_and_entropy_by_differences() {
        for (dtype, h, most) in [(DType::F64, 1e-5, 1e-8), (DType::F32, 1e-2, 3e-3)] {
            let mean = Var::from_tensor(&tensor(&[[0.2, -1.0], [1.1, 0.4]], dtype)).unwrap();
            let log_std = vector([0.3, -0.5], dtype);
            let actions = tensor(&[[0.7, -0.4], [0.3, 0.9]], dtype);
            let weights = vector([1.5, -0.5], dtype);
            let policy = || Gaussian::new(&mean, &log_std);
            let log_prob = || (policy()?.log_prob(&actions)? * weights.detach())?.sum_all();
            assert!(gradcheck(&[mean.clone(), log_std.clone()], h, log_prob).unwrap() < most);
            let entropy = || (policy()?.entropy()? * weights.detach())?.sum_all();
            assert!(gradcheck(std::slice::from_ref(&log_std), h, entropy).unwrap() < most);
        }
    }

    #[test]
    fn deviations_of_another_length_are_refused() {
        let mean = tensor(&[[0.0; 2]; 3], DType::F32);
        let log_std = Tensor::zeros(3, DType::F32, device()).unwrap();
        let error = Gaussian::new(&mean, &log_std).err().unwrap().to_string();
        assert!(error.contains("means [3, 2] and deviations [3]"), "{error}");
    }

    #[test]
    fn drawn_with_their_mean_and_deviation() {
        const N: usize = 40_000;
        let (mean, log_std) = ([3f32, -1.0], [0f32, 0.5f32.ln()]);
        let mut rng = stream(1, "test");
        let (mut sums, mut squares, mut product) = ([0f64; 2], [0f64; 2], 0f64);
        for _ in 0..N {
            let mut action = [0.0; 2];
            sample(&mean, &log_std, &mut rng, &mut action);
            let z = [0, 1].map(|i| f64::from((action[i] - mean[i]) / log_std[i].exp()));
            for i in 0..2 {
                sums[i] += z[i];
                squares[i] += z[i] * z[i];
            }
            product += z[0] * z[1];
        }
        // Five standard deviations: of a mean 1/√N, of a mean square √(2/N).
        let near = |sum: f64, mean: f64, deviation: f64| {
            (sum / N as f64 - mean).abs() < 5.0 * deviation / (N as f64).sqrt()
        };
        assert!(sums.into_iter().all(|sum| near(sum, 0.0, 1.0)), "{sums:?}");
        assert!(squares.into_iter().all(|sum| near(sum, 1.0, 2f64.sqrt())), "{squares:?}");
        assert!(near(product, 0.0, 1.0), "{product}");
    }
}
