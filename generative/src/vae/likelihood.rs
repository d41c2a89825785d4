//! p(x|z): what the decoder's numbers say about a picture.
use candle_core::{Result, Tensor};
use clap::ValueEnum;
use nn::loss;
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// How a pixel is distributed, by the name of the choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum LikelihoodName {
    /// Black or white.
    Bernoulli,
    /// A real number.
    Gaussian,
}

/// p(x|z) of pixels that know nothing of each other once z is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Likelihood {
    /// White with probability σ(output), black otherwise.
    Bernoulli,
    /// N(output, sigma²).
    Gaussian {
        /// Standard deviation, on the scale on which black is 0 and white 1.
        sigma: f64,
    },
}

impl Likelihood {
    /// −log p(x|z) of each picture, in nats: `[B]`, for what the decoder says and pixels x, both
    /// `[B, D]`. Of Gaussians it is a density: Σ ½·((x − output)/sigma)² + log sigma + ½·log 2π.
    ///
    /// # Errors
    /// Where the shapes don't fit.
    pub fn nll(self, output: &Tensor, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Bernoulli => loss::bernoulli_nll_each(output, x),
            Self::Gaussian { sigma } => {
                let squares = (output - x)?.sqr()?.sum(1)?; // [B]
                (squares * (0.5 / (sigma * sigma)))? + constant(sigma, x.dim(1)?)
            }
        }
    }

    /// The mean of [`nll`](Self::nll) over the pictures: a scalar, to train on.
    ///
    /// # Errors
    /// Where the shapes don't fit.
    pub fn mean_nll(self, output: &Tensor, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Bernoulli => loss::bernoulli_nll(output, x),
            Self::Gaussian { sigma } => {
                let d = x.dim(1)?;
                let squares = (loss::mse(output, x)? * d as f64)?;
                (squares * (0.5 / (sigma * sigma)))? + constant(sigma, d)
            }
        }
    }

    /// How white a pixel is on average, 0 to 1.
    pub fn white(self, output: f32) -> f32 {
        match self {
            Self::Bernoulli => 1.0 / (1.0 + (-output).exp()),
            Self::Gaussian { .. } => output.clamp(0.0, 1.0),
        }
    }
}

/// −log of the density of `d` Gaussians at their means.
fn constant(sigma: f64, d: usize) -> f64 {
    d as f64 * (sigma.ln() + 0.5 * (2.0 * PI).ln())
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{DType, Device, Var};
    use nn::gradcheck::gradcheck;
    use std::f64::consts::LN_2;

    fn tensor(values: &[f64]) -> Tensor {
        Tensor::from_slice(values, (values.len() / 2, 2), &Device::Cpu).unwrap()
    }

    fn assert_close(left: &Tensor, right: &[f64]) {
        let left: Vec<f64> = left.flatten_all().unwrap().to_vec1().unwrap();
        let close = left.iter().zip(right).all(|(left, right)| (left - right).abs() < 1e-12);
        assert!(close && left.len() == right.len(), "{left:?} {right:?}");
    }

    #[test]
    fn bernoulli_by_hand() {
        // Logits of 0 say nothing: log 2 a pixel. A logit of log 3 gives white three of four times.
        let logits = tensor(&[0.0, 0.0, 3f64.ln(), 3f64.ln(), 1000.0, -1000.0]);
        let x = tensor(&[1.0, 0.0, 1.0, 0.0, 1.0, 0.0]);
        let expected = [2.0 * LN_2, -(0.75f64.ln() + 0.25f64.ln()), 0.0];
        assert_close(&Likelihood::Bernoulli.nll(&logits, &x).unwrap(), &expected);
        assert_eq!(Likelihood::Bernoulli.white(0.0), 0.5);
    }

    #[test]
    fn gaussian_by_hand() {
        // At the mean, and one and two standard deviations from it.
        let (mean, x) = (tensor(&[0.5, 0.2, 0.5, 0.2]), tensor(&[0.5, 0.2, 1.0, -0.8]));
        let gaussian = Likelihood::Gaussian { sigma: 0.5 };
        let at_means = 2.0 * (0.5f64.ln() + 0.5 * (2.0 * PI).ln());
        assert_close(&gaussian.nll(&mean, &x).unwrap(), &[at_means, at_means + 0.5 + 2.0]);
        assert_eq!([-0.5, 0.25, 7.0].map(|output| gaussian.white(output)), [0.0, 0.25, 1.0]);
    }

    /// A density has mass 1: over one pixel by a sum, the other at its mean.
    #[test]
    fn the_gaussian_is_a_density() {
        let gaussian = Likelihood::Gaussian { sigma: 0.3 };
        let at: Vec<f64> = (-4_000..4_000).map(|i| f64::from(i) / 1_000.0).collect();
        let x = tensor(&at.iter().flat_map(|&x| [x, 0.0]).collect::<Vec<_>>());
        let mean = tensor(&[0.4, 0.0].repeat(at.len()));
        let nll: Vec<f64> = gaussian.nll(&mean, &x).unwrap().to_vec1().unwrap();
        let mass: f64 = nll.iter().map(|nll| (-nll).exp()).sum::<f64>() / 1_000.0;
        let other = 1.0 / (0.3 * (2.0 * PI).sqrt());
        assert!((mass - other).abs() < 1e-9, "{mass} {other}");
    }

    #[test]
    fn what_is_trained_on_is_the_mean_and_has_its_gradient() {
        let x = tensor(&[1.0, 0.0, 0.0, 1.0]);
        for likelihood in [Likelihood::Bernoulli, Likelihood::Gaussian { sigma: 0.7 }] {
            for dtype in [DType::F32, DType::F64] {
                let output = tensor(&[0.3, -1.0, 2.0, 0.5]).to_dtype(dtype).unwrap();
                let x = x.to_dtype(dtype).unwrap();
                let each = likelihood.nll(&output, &x).unwrap().mean_all().unwrap();
                let mean = likelihood.mean_nll(&output, &x).unwrap();
                let apart = (each - mean).unwrap().to_dtype(DType::F64).unwrap();
                assert!(apart.to_scalar::<f64>().unwrap().abs() < 1e-6);
            }
            let output = Var::from_tensor(&tensor(&[0.3, -1.0, 2.0, 0.5])).unwrap();
            let squares = || likelihood.nll(&output, &x)?.sqr()?.sum_all();
            assert!(gradcheck(std::slice::from_ref(&output), 1e-5, squares).unwrap() < 1e-8);
            let mean = || likelihood.mean_nll(&output, &x);
            assert!(gradcheck(std::slice::from_ref(&output), 1e-5, mean).unwrap() < 1e-8);
        }
    }
}
