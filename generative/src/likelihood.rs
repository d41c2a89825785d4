//! p(x|z): the distribution of an image, by the outputs of a decoder.
use candle_core::{Result, Tensor};
use nn::loss;
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// Distributions of a pixel, by the name of the choice.
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

/// p(x|z) of pixels that are independent given z.
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
    /// Outputs of the decoder for a pixel: for each image all the first ones, then all the
    /// second ones.
    pub fn outputs(self) -> usize {
        match self {
            Self::Bernoulli | Self::Gaussian { .. } => 1,
            Self::Logistic { .. } => 2,
        }
    }

    /// Returns `true` if p(x|z) is a probability, and not a density.
    pub fn is_discrete(self) -> bool {
        match self {
            Self::Bernoulli | Self::Logistic { .. } => true,
            Self::Gaussian { .. } => false,
        }
    }

    /// −log p(x|z) of each image, in nats: `[B]`, for pixels x `[B, D]` and decoder outputs
    /// `[B, outputs·D]`. Of Gaussians it is a density:
    /// Σ ½·((x − output)/sigma)² + log sigma + ½·log 2π.
    ///
    /// # Errors
    /// If the shapes don't match.
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

    /// The mean of [`nll`](Self::nll) over the images: a scalar, to train on.
    ///
    /// # Errors
    /// If the shapes don't match.
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

    /// The mean of each pixel, 0 to 1: `[D]` for decoder outputs
    /// `[outputs·D]`.
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

/// −log p(x|z) of each image: `[B]` for output `[B, 2·D]` and x `[B, D]`. With h half the way from a
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
mod tests;
