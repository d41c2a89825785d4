//! p(x|z): what the decoder's numbers say about a picture.
use candle_core::{Result, Tensor};
use nn::loss;
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// How a pixel is distributed, by the name of the choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LikelihoodName {
    /// Black or white.
    Bernoulli,
    /// A real number.
    Gaussian,
    /// One of the grey levels.
    Logistic,
}

impl LikelihoodName {
    /// With standard deviation `sigma`, or so many grey `levels`, where that counts.
    pub(crate) fn of(self, sigma: f64, levels: u16) -> Likelihood {
        match self {
            Self::Bernoulli => Likelihood::Bernoulli,
            Self::Gaussian => Likelihood::Gaussian { sigma },
            Self::Logistic => Likelihood::Logistic { levels },
        }
    }
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
    /// A logistic distribution whose mean and log of the scale are both output, black 0 and white 1,
    /// rounded to the nearest level; what lies beyond black and white is added to them (Salimans et al.
    /// 2017, "PixelCNN++", section 2.1, with one component).
    Logistic {
        /// Grey levels, at least 2.
        levels: u16,
    },
}

impl Likelihood {
    /// Numbers that the decoder says about a pixel: for each picture all the first ones, then all the
    /// second ones.
    pub fn outputs(self) -> usize {
        match self {
            Self::Bernoulli | Self::Gaussian { .. } => 1,
            Self::Logistic { .. } => 2,
        }
    }

    /// Whether p(x|z) is a probability, and not a density.
    pub fn is_discrete(self) -> bool {
        match self {
            Self::Bernoulli | Self::Logistic { .. } => true,
            Self::Gaussian { .. } => false,
        }
    }

    /// −log p(x|z) of each picture, in nats: `[B]`, for pixels x `[B, D]` and what the decoder says
    /// about them, `[B, outputs·D]`. Of Gaussians it is a density:
    /// Σ ½·((x − output)/sigma)² + log sigma + ½·log 2π.
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
            Self::Logistic { levels } => logistic_nll(output, x, levels),
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
            Self::Logistic { levels } => logistic_nll(output, x, levels)?.mean_all(),
        }
    }

    /// How white each pixel of a picture is on average, 0 to 1: `[D]` for what the decoder says about
    /// it, `[outputs·D]`.
    pub fn whites(self, output: &[f32]) -> Vec<f32> {
        let (first, second) = output.split_at(output.len() / self.outputs());
        match self {
            Self::Bernoulli => first.iter().copied().map(sigmoid).collect(),
            Self::Gaussian { .. } => first.iter().map(|mean| mean.clamp(0.0, 1.0)).collect(),
            Self::Logistic { levels } => {
                let pixels = first.iter().zip(second);
                pixels.map(|(&mean, &log_scale)| logistic_mean(mean, log_scale, levels)).collect()
            }
        }
    }
}

/// Log of the smallest scale of a logistic pixel: a quarter of the way from one of 256 levels to the
/// next.
const LOG_SCALE: f64 = -7.0;

/// A logit that stands for ∞.
const FAR: f64 = 1e5;

/// −log p(x|z) of each picture: `[B]` for output `[B, 2·D]` and x `[B, D]`. With h half the way from a
/// level to the next, m the mean, s the scale, a = (x + h − m)/s and b = (x − h − m)/s, a pixel has
///
/// p(x) = σ(a) − σ(b) = σ(a)·σ(−b)·(1 − e^(b−a)),
///
/// where a is ∞ for white and b is −∞ for black.
fn logistic_nll(output: &Tensor, x: &Tensor, levels: u16) -> Result<Tensor> {
    let d = x.dim(1)?;
    let half = 0.5 / (f64::from(levels) - 1.0);
    let (mean, log_scale) = (output.narrow(1, 0, d)?, output.narrow(1, d, d)?); // [B, D]
    // A pixel that has the smallest scale keeps it while the gradient is 0.
    let sharpness = ((log_scale - LOG_SCALE)?.relu()? + LOG_SCALE)?.neg()?.exp()?; // [B, D]
    let white = x.ge(1.0 - half)?.to_dtype(x.dtype())?; // [B, D]
    let black = x.le(half)?.to_dtype(x.dtype())?; // [B, D]
    let from_mean = (x - mean)?; // [B, D]
    let unless =
        |beyond: &Tensor, border: Tensor, far: f64| (border * (1.0 - beyond)?)? + (beyond * far)?;
    let above = unless(&white, ((&from_mean + half)? * &sharpness)?, FAR)?; // [B, D]
    let below = unless(&black, ((&from_mean - half)? * &sharpness)?, -FAR)?; // [B, D]
    // −log σ(a) and −log σ(−b).
    let beyond = (loss::bernoulli_nll_each(&above, &x.ones_like()?)?
        + loss::bernoulli_nll_each(&below, &x.zeros_like()?)?)?; // [B]
    // 1 − e^−2v = 2t/(1 + t) with t = tanh v, which loses nothing where v is small.
    let t = (sharpness * half)?.tanh()?; // [B, D]
    let between = ((&t * 2.0)? / (t + 1.0)?)?.log()?; // [B, D]
    beyond - (between * (1.0 - (white + black)?)?)?.sum(1)?
}

/// Levels that are summed one by one on either side of the mean; beyond, a sigmoid is 0 or 1.
const NEAR: f32 = 17.0;

/// Σ over levels above black of the probability to be at or above them, as a part of them all. Where that
/// takes many terms it is ∫ σ((mean − t) / scale) dt from 0 to 1, to within 1 / 48 of a level.
fn logistic_mean(mean: f32, log_scale: f32, levels: u16) -> f32 {
    let (highest, scale) = (f32::from(levels - 1), log_scale.max(LOG_SCALE as f32).exp());
    if scale * highest > 1.0 && highest > 2.0 * NEAR {
        return scale * (softplus(mean / scale) - softplus((mean - 1.0) / scale));
    }
    let (below, beyond) = match highest > 2.0 * NEAR {
        true => (mean * highest - NEAR, mean * highest + NEAR),
        false => (0.0, highest),
    };
    let [below, beyond] = [below, beyond].map(|level| level.clamp(0.0, highest) as u16);
    let near = below + 1..=beyond;
    let at_least = |level: u16| sigmoid((mean - (f32::from(level) - 0.5) / highest) / scale);
    (f32::from(below) + near.map(at_least).sum::<f32>()) / highest
}

fn softplus(x: f32) -> f32 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
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
        assert_eq!(Likelihood::Bernoulli.whites(&[0.0]), [0.5]);
    }

    #[test]
    fn gaussian_by_hand() {
        // At the mean, and one and two standard deviations from it.
        let (mean, x) = (tensor(&[0.5, 0.2, 0.5, 0.2]), tensor(&[0.5, 0.2, 1.0, -0.8]));
        let gaussian = Likelihood::Gaussian { sigma: 0.5 };
        let at_means = 2.0 * (0.5f64.ln() + 0.5 * (2.0 * PI).ln());
        assert_close(&gaussian.nll(&mean, &x).unwrap(), &[at_means, at_means + 0.5 + 2.0]);
        assert_eq!(gaussian.whites(&[-0.5, 0.25, 7.0]), [0.0, 0.25, 1.0]);
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

    /// Two pixels of 4 levels, the second one always black with a mean so low that it is sure.
    fn logistic(mean: f64, log_scale: f64, level: u16) -> f64 {
        let output = Tensor::new(&[[mean, -1e3, log_scale, 0.0]], &Device::Cpu).unwrap();
        let x = tensor(&[f64::from(level) / 3.0, 0.0]);
        let nll = Likelihood::Logistic { levels: 4 }.nll(&output, &x).unwrap();
        nll.to_vec1::<f64>().unwrap()[0]
    }

    #[test]
    fn logistic_by_hand() {
        // Borders at 1/6, 1/2 and 5/6. With mean ½ and scale 1/(3·log 3) a number lies below them with
        // probability σ(−log 3) = ¼, ½ and ¾.
        let log_scale = -(3.0 * 3f64.ln()).ln();
        for level in 0..4 {
            let nll = logistic(0.5, log_scale, level);
            assert!((nll - 4f64.ln()).abs() < 1e-12, "{level}: {nll}");
        }
        // One border from a mean that is white, at the smallest scale there is.
        let nll = logistic(1.0, -20.0, 2);
        let expected = (1.0 / 6.0) * 7f64.exp();
        assert!((nll - expected).abs() < 1e-9, "{nll} {expected}");
        let whites = Likelihood::Logistic { levels: 4 }.whites(&[0.5, 2.0, -1.0, -8.0, -8.0, -8.0]);
        let close = whites.iter().zip([0.5, 1.0, 0.0]).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(close, "{whites:?}");
    }

    /// Over the levels they sum to 1, wherever the mean lies and however wide the scale is; and the mean
    /// over them is what is drawn.
    #[test]
    fn the_levels_of_a_logistic_sum_to_1() {
        for levels in [2, 4, 256] {
            let likelihood = Likelihood::Logistic { levels };
            for (mean, log_scale) in
                [(0.5, -1.0), (0.2, -6.0), (-0.3, 1.0), (1.5, -3.0), (0.7, 4.0), (0.301, -12.0)]
            {
                let highest = f64::from(levels - 1);
                let at: Vec<f64> = (0..levels).map(|level| f64::from(level) / highest).collect();
                let x: Vec<f64> = at.iter().flat_map(|&x| [x, 0.0]).collect();
                let output = [mean, -1e6, log_scale, 0.0].repeat(at.len());
                for dtype in [DType::F64, DType::F32] {
                    let x = tensor(&x).to_dtype(dtype).unwrap();
                    let output = Tensor::from_slice(&output, (at.len(), 4), &Device::Cpu).unwrap();
                    let nll = likelihood.nll(&output.to_dtype(dtype).unwrap(), &x).unwrap();
                    let nll: Vec<f64> = nll.to_dtype(DType::F64).unwrap().to_vec1().unwrap();
                    let mass: f64 = nll.iter().map(|nll| (-nll).exp()).sum();
                    assert!((mass - 1.0).abs() < 1e-5, "{levels} {mean} {log_scale}: {mass}");
                    let white: f64 = nll.iter().zip(&at).map(|(nll, x)| (-nll).exp() * x).sum();
                    let told = likelihood.whites(&[mean as f32, log_scale as f32])[0];
                    assert!((white - f64::from(told)).abs() < 1e-4, "{levels}: {white} {told}");
                }
            }
        }
    }

    #[test]
    fn what_is_trained_on_is_the_mean_and_has_its_gradient() {
        let x = tensor(&[1.0, 0.0, 0.0, 1.0]);
        for (likelihood, x) in [
            (Likelihood::Bernoulli, &x),
            (Likelihood::Gaussian { sigma: 0.7 }, &x),
            (Likelihood::Logistic { levels: 4 }, &tensor(&[1.0, 0.0, 1.0 / 3.0, 2.0 / 3.0])),
        ] {
            let about = match likelihood.outputs() {
                1 => tensor(&[0.3, -1.0, 2.0, 0.5]),
                _ => tensor(&[0.3, -1.0, -0.5, 0.3, 2.0, 0.5, -2.0, 1.0]),
            };
            let about = about.reshape((2, 2 * likelihood.outputs())).unwrap();
            for dtype in [DType::F32, DType::F64] {
                let output = about.to_dtype(dtype).unwrap();
                let x = x.to_dtype(dtype).unwrap();
                let each = likelihood.nll(&output, &x).unwrap().mean_all().unwrap();
                let mean = likelihood.mean_nll(&output, &x).unwrap();
                let apart = (each - mean).unwrap().to_dtype(DType::F64).unwrap();
                assert!(apart.to_scalar::<f64>().unwrap().abs() < 1e-6);
            }
            let output = Var::from_tensor(&about).unwrap();
            let squares = || likelihood.nll(&output, x)?.sqr()?.sum_all();
            assert!(gradcheck(std::slice::from_ref(&output), 1e-5, squares).unwrap() < 1e-8);
            let mean = || likelihood.mean_nll(&output, x);
            assert!(gradcheck(std::slice::from_ref(&output), 1e-5, mean).unwrap() < 1e-8);
        }
    }
}
