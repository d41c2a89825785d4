//! The distribution of a value, by the logits of a network.
use candle_core::{DType, Result, Tensor};
use nn::loss;
use train::Download as _;

/// The distribution of one value that has `levels` levels, by P logits.
///
/// Images `[B, C, H, W]` have logits `[B, C·P, H, W]`, all P of the first channel first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Two values: 1 has probability σ(l). P = 1.
    Bernoulli,
    /// K values from −1 to 1, into which a mixture of M logistic distributions is cut (Salimans et al. 2017,
    /// "PixelCNN++", equation 2): logits of the weights, means, logarithms of the scales. P = 3M.
    Logistics {
        /// K.
        levels: usize,
        /// M.
        components: usize,
    },
    /// K values: softmax over as many logits. P = K.
    Categorical {
        /// K.
        levels: usize,
    },
}

impl Output {
    /// For levels `0..levels`: a mixture of `components`, or without any where that is 0.
    pub fn of(levels: u16, components: usize) -> Self {
        match (usize::from(levels), components) {
            (2, 0) => Self::Bernoulli,
            (levels, 0) => Self::Categorical { levels },
            (levels, components) => Self::Logistics { levels, components },
        }
    }

    /// Levels of a value.
    pub fn levels(self) -> usize {
        match self {
            Self::Bernoulli => 2,
            Self::Categorical { levels } | Self::Logistics { levels, .. } => levels,
        }
    }

    /// Logits of a value, P.
    pub fn params(self) -> usize {
        match self {
            Self::Bernoulli => 1,
            Self::Categorical { levels } => levels,
            Self::Logistics { components, .. } => 3 * components,
        }
    }

    /// −log p of images x `[B, C, H, W]`, from 0 to 1, in nats per image: the mean over them.
    ///
    /// # Errors
    /// If the shapes don't match.
    pub fn loss(self, logits: &Tensor, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Bernoulli => loss::bernoulli_nll(logits, x),
            Self::Logistics { levels, .. } => {
                let (params, labels) = by_level(logits, x, levels)?;
                // Each colour of an image is a sample of its own there.
                loss::logistic_mixture_nll(&params, &labels, levels)? * x.dim(1)? as f64
            }
            Self::Categorical { levels } => {
                let (logits, labels) = by_level(logits, x, levels)?;
                let d = x.elem_count() / x.dim(0)?;
                loss::softmax_cross_entropy(&logits, &labels)? * d as f64
            }
        }
    }

    /// −log p of each image, in nats; there is no gradient.
    ///
    /// # Errors
    /// If the shapes don't match.
    pub fn nll(self, logits: &Tensor, x: &Tensor) -> Result<Vec<f64>> {
        match self {
            Self::Bernoulli => {
                let numbers = |tensor: &Tensor| {
                    tensor.flatten_from(1)?.to_dtype(DType::F64)?.to_vec2::<f64>()
                };
                let nll = |(logits, x): (Vec<f64>, Vec<f64>)| -> f64 {
                    logits.iter().zip(x).map(|(l, x)| softplus(*l) - l * x).sum()
                };
                Ok(numbers(logits)?.into_iter().zip(numbers(x)?).map(nll).collect())
            }
            Self::Categorical { levels } | Self::Logistics { levels, .. } => {
                let (logits, labels) = by_level(logits, x, levels)?;
                let each = match self {
                    Self::Logistics { .. } => {
                        loss::logistic_mixture_nll_each(&logits, &labels, levels)?
                    }
                    _ => loss::softmax_nll_each(&logits, &labels)?,
                }; // [B·C]
                let each = each.reshape((x.dim(0)?, ()))?.to_dtype(DType::F64)?;
                each.sum(1)?.download()
            }
        }
    }

    /// The level sampled by a number `u` of U(0, 1), for P logits divided by `temperature`; the likeliest one, the
    /// lowest of several, where that is 0.
    ///
    /// A mixture is sharpened as a whole: the logits of its weights and its scales are divided alike.
    pub fn sample(self, logits: &[f32], temperature: f64, u: f64) -> u8 {
        let both;
        let logits = match self {
            Self::Bernoulli => {
                both = [0.0, logits[0]];
                &both[..]
            }
            Self::Logistics { levels, .. } => return of_mixture(logits, levels, temperature, u),
            Self::Categorical { .. } => logits,
        };
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let likeliest = || logits.iter().position(|&logit| logit == largest).unwrap_or(0) as u8;
        if temperature == 0.0 {
            return likeliest();
        }
        let weight = |logit: &f32| (f64::from(logit - largest) / temperature).exp();
        let mut left = u * logits.iter().map(weight).sum::<f64>();
        for (level, logit) in logits.iter().enumerate() {
            left -= weight(logit);
            if left < 0.0 {
                return level as u8;
            }
        }
        // Rounding left something over.
        likeliest()
    }
}

/// The lowest level that, with those below, has more than probability u.
fn of_mixture(logits: &[f32], levels: usize, temperature: f64, u: f64) -> u8 {
    let highest = levels as u32 - 1;
    if temperature == 0.0 {
        let below = |level| loss::logistic_mixture_cdf(logits, level, levels, 1.0);
        let p = |level: u32| below(level) - level.checked_sub(1).map_or(0.0, below);
        let (mut likeliest, mut most) = (0, p(0));
        for level in 1..=highest {
            let p = p(level);
            if p > most {
                (likeliest, most) = (level, p);
            }
        }
        return likeliest as u8;
    }
    let (mut low, mut high) = (0, highest);
    while low < high {
        let middle = (low + high) / 2;
        match loss::logistic_mixture_cdf(logits, middle, levels, 1.0 / temperature) > u {
            true => high = middle,
            false => low = middle + 1,
        }
    }
    low as u8
}

/// log(1 + e^l).
fn softplus(l: f64) -> f64 {
    l.max(0.0) + (-l.abs()).exp().ln_1p()
}

/// Logits as `[B·C, P, H, W]`, and levels as `[B·C, H, W]`.
fn by_level(logits: &Tensor, x: &Tensor, levels: usize) -> Result<(Tensor, Tensor)> {
    let (batch, channels, height, width) = x.dims4()?;
    let labels = x.affine((levels - 1) as f64, 0.5)?.to_dtype(DType::U32)?;
    Ok((
        logits.reshape((batch * channels, (), height, width))?,
        labels.reshape((batch * channels, height, width))?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use train::testing::device;

    fn tensor(values: &[f32], shape: &[usize]) -> Tensor {
        Tensor::from_slice(values, shape, device()).unwrap()
    }

    fn assert_both(output: Output, logits: &Tensor, x: &Tensor, expected: &[f64]) {
        let nll = output.nll(logits, x).unwrap();
        let close = nll.iter().zip(expected).all(|(nll, expected)| (nll - expected).abs() < 1e-6);
        assert!(close && nll.len() == expected.len(), "{nll:?} {expected:?}");
        let mean = f64::from(output.loss(logits, x).unwrap().to_scalar::<f32>().unwrap());
        assert!((mean - expected.iter().sum::<f64>() / expected.len() as f64).abs() < 1e-6);
    }

    #[test]
    fn black_and_white_by_hand() {
        // Two images of two pixels: even odds twice; 3 : 1 for white, and white and black observed.
        let third = 3f32.ln();
        let logits = tensor(&[0.0, 0.0, third, third], &[2, 1, 1, 2]);
        let x = tensor(&[1.0, 0.0, 1.0, 0.0], &[2, 1, 1, 2]);
        let expected = [2.0 * 2f64.ln(), -(0.75f64.ln() + 0.25f64.ln())];
        assert_both(Output::Bernoulli, &logits, &x, &expected);
    }

    #[test]
    fn levels_by_hand() {
        // One image of two pixels in two colours with three levels. Logits lie as
        // [colour][level][pixel]: red 1 : 1 : 2 at both, green certain of its first level, then even.
        let two = 2f32.ln();
        let red = [0.0, 0.0, 0.0, 0.0, two, two];
        let green = [900.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        let logits = tensor(&[red, green].concat(), &[1, 6, 1, 2]);
        // Levels 2 and 0 of red, 0 and 1 of green.
        let x = tensor(&[1.0, 0.0, 0.0, 0.5], &[1, 2, 1, 2]);
        let expected = 2f64.ln() + 4f64.ln() + 0.0 + 3f64.ln();
        assert_both(Output::Categorical { levels: 3 }, &logits, &x, &[expected]);
    }

    #[test]
    fn mixtures_by_hand() {
        // One component of mean 0 and scale ½ for three levels with borders at ∓½ (nn has the rest).
        let output = Output::Logistics { levels: 3, components: 1 };
        let logits = tensor(&[[9.0; 2], [0.0; 2], [0.5f32.ln(); 2]].concat(), &[1, 3, 1, 2]);
        let sigma = 1.0 / (1.0 + (-1f64).exp());
        let expected = -(2.0 * sigma - 1.0).ln() - (1.0 - sigma).ln();
        assert_both(output, &logits, &tensor(&[0.5, 1.0], &[1, 1, 1, 2]), &[expected]);
        // 0.269, 0.462, 0.269; at temperature ½ the middle has σ(2) − σ(−2) = 0.762.
        let logits = [9.0, 0.0, 0.5f32.ln()];
        let at =
            |temperature| [0.1, 0.26, 0.28, 0.74].map(|u| output.sample(&logits, temperature, u));
        assert_eq!((at(1.0), at(0.5), at(0.0)), ([0, 0, 1, 2], [0, 1, 1, 1], [1; 4]));
    }

    #[test]
    fn samples_by_hand() {
        let output = Output::Categorical { levels: 3 };
        // Probabilities ¼, ¼, ½; at temperature ½ they are 1/6, 1/6, 4/6.
        let logits = [0.0, 0.0, 2f32.ln()];
        let at = |temperature: f64| {
            [0.0, 0.2, 0.3, 0.49, 0.51, 0.999].map(|u| output.sample(&logits, temperature, u))
        };
        assert_eq!(at(1.0), [0, 0, 1, 1, 2, 2]);
        assert_eq!(at(0.5), [0, 1, 1, 2, 2, 2]);
        assert_eq!(at(0.0), [2; 6]);
        // White with probability ¾.
        let logits = [3f32.ln()];
        let sampled = [0.0, 0.24, 0.26, 0.99].map(|u| Output::Bernoulli.sample(&logits, 1.0, u));
        assert_eq!(sampled, [0, 0, 1, 1]);
        assert_eq!(Output::Bernoulli.sample(&[-0.1], 0.0, 0.99), 0);
        // Logits that would overflow.
        assert_eq!(Output::Bernoulli.sample(&[1e30], 1.0, 0.0), 1);
    }
}
