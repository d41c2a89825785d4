//! Penalties that keep the discriminator from being steep.
//!
//! Each is made of the length of ∇D, the gradient of the logit for a sample, at points x̂:
//!
//! - `interpolates`: (‖∇D(x̂)‖ − 1)² at x̂ = t·x + (1 − t)·G(z), t from U(0, 1) (Gulrajani et al. 2017, "Improved
//!   training of Wasserstein GANs", equation 3)
//! - `noise`: the same at x̂ = x + δ, δ from N(0, c²), where c is half the standard deviation of the data
//!   (Kodali et al. 2017, "On convergence and stability of GANs", section 2.4)
//! - `real`: ½·‖∇D(x)‖² (Mescheder, Geiger & Nowozin 2018, "Which training methods for GANs do actually converge?",
//!   equation 9)
//!
//! A mean over the batch of each. With `--one-sided` the first two are max(0, ‖∇D‖ − 1)²: a gradient that is short
//! costs nothing.
use anyhow::Result;
use candle_core::{Device, Tensor};
use nn::HostTensor;
use rand::Rng as _;
use rand_distr::{Distribution as _, StandardNormal};
use serde::{Deserialize, Serialize};
use train::Rng;

/// Points at which the discriminator's gradient is penalised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Penalty {
    /// Nowhere.
    None,
    /// Between samples of the data and generated ones.
    Interpolates,
    /// Around samples of the data.
    Noise,
    /// At samples of the data.
    Real,
}

/// The points at which the penalty is computed.
pub(super) struct Points {
    penalty: Penalty,
    /// t of each sample, `[B, 1, …]`, of interpolates.
    share: HostTensor<f32>,
    /// δ of the shape of the samples, of noise.
    noise: HostTensor<f32>,
}

impl Points {
    pub(super) fn new(penalty: Penalty, shape: &[usize], device: &Device) -> Result<Self> {
        let mut each = vec![1; shape.len()];
        each[0] = shape[0];
        Ok(Self {
            penalty,
            share: HostTensor::new(each, device)?,
            noise: HostTensor::new(shape, device)?,
        })
    }

    /// x̂, of the shape of data samples `x` and generated ones.
    pub(super) fn sample(&mut self, x: &Tensor, fake: &Tensor, rng: &mut Rng) -> Result<Tensor> {
        match self.penalty {
            Penalty::None | Penalty::Real => Ok(x.clone()),
            Penalty::Interpolates => {
                self.share.fill(|to| to.fill_with(|| rng.random()))?;
                // G(z) + t·(x − G(z))
                Ok((fake + (x - fake)?.broadcast_mul(self.share.tensor())?)?)
            }
            Penalty::Noise => {
                let off = x.broadcast_sub(&x.mean_all()?)?;
                let half = (off.sqr()?.mean_all()?.sqrt()? * 0.5)?;
                self.noise.fill(|to| to.fill_with(|| StandardNormal.sample(rng)))?;
                Ok((x + self.noise.tensor().broadcast_mul(&half)?)?)
            }
        }
    }
}

/// The norm of each sample's gradient `[B, …]`: `[B]`.
pub(super) fn norms(gradient: &Tensor) -> candle_core::Result<Tensor> {
    // The root has no derivative at 0.
    (gradient.flatten_from(1)?.sqr()?.sum(1)? + 1e-12)?.sqrt()
}

impl Penalty {
    /// The mean cost of gradient norms `[B]`.
    pub(super) fn cost(self, norms: &Tensor, one_sided: bool) -> candle_core::Result<Tensor> {
        match self {
            Self::None => norms.mean_all()?.zeros_like(),
            Self::Real => norms.sqr()?.mean_all()? * 0.5,
            Self::Interpolates | Self::Noise => {
                let above = (norms - 1.0)?;
                let above = if one_sided { above.relu()? } else { above };
                above.sqr()?.mean_all()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use train::stream;
    use train::testing::device;

    fn points(penalty: Penalty, x: &Tensor, fake: &Tensor) -> Vec<Vec<f32>> {
        let mut points = Points::new(penalty, x.dims(), device()).unwrap();
        let mut rng = stream(1, "test");
        points.sample(x, fake, &mut rng).unwrap().to_vec2().unwrap()
    }

    #[test]
    fn points_lie_where_they_should() {
        let n = 4_000;
        // (1, 2) and (3, −2) have a standard deviation of √(18/4 − 1) = √3.5.
        let x = Tensor::new(&[[1f32, 2.0], [3.0, -2.0]], device()).unwrap();
        let x = x.repeat((n / 2, 1)).unwrap();
        let fake = Tensor::new(&[[5f32, 6.0]], device()).unwrap().repeat((n, 1)).unwrap();
        assert_eq!(points(Penalty::Real, &x, &fake), x.to_vec2::<f32>().unwrap());
        let (mut sum, mut squares) = (0.0, 0.0);
        for (i, at) in points(Penalty::Interpolates, &x, &fake).iter().enumerate() {
            let x = [[1.0, 2.0], [3.0, -2.0]][i % 2];
            let t = [0, 1].map(|axis| (at[axis] - [5.0, 6.0][axis]) / (x[axis] - [5.0, 6.0][axis]));
            assert!((t[0] - t[1]).abs() < 1e-5 && (0.0..=1.0).contains(&t[0]), "{t:?}");
            (sum, squares) = (sum + t[0], squares + t[0] * t[0]);
        }
        // Of U(0, 1): ½ and ⅓, within four standard errors.
        assert!(
            (sum / n as f32 - 0.5).abs() < 0.02 && (squares / n as f32 - 1.0 / 3.0).abs() < 0.02
        );
        let (mut sum, mut squares) = (0.0, 0.0);
        for (at, x) in points(Penalty::Noise, &x, &fake).iter().zip(x.to_vec2::<f32>().unwrap()) {
            let noise = at[0] - x[0];
            (sum, squares) = (sum + noise, squares + noise * noise);
        }
        assert!((sum / n as f32).abs() < 0.06, "{sum}");
        assert!((squares / n as f32 - 3.5 / 4.0).abs() < 0.08, "{squares}");
    }

    #[test]
    fn costs_by_hand() {
        let gradient = Tensor::new(&[[3f64, 4.0], [0.3, 0.4]], device()).unwrap();
        let norms = norms(&gradient).unwrap();
        let cost = |penalty: Penalty, one_sided| -> f64 {
            penalty.cost(&norms, one_sided).unwrap().to_scalar().unwrap()
        };
        // Lengths 5 and ½.
        for (penalty, one_sided, expected) in [
            (Penalty::Interpolates, false, (16.0 + 0.25) / 2.0),
            (Penalty::Noise, true, 16.0 / 2.0),
            (Penalty::Real, false, (25.0 + 0.25) / 4.0),
            (Penalty::None, false, 0.0),
        ] {
            let found = cost(penalty, one_sided);
            assert!((found - expected).abs() < 1e-9, "{penalty:?} {found} {expected}");
        }
    }
}
