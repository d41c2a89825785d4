//! How what a network says of a number is read.
use candle_core::{DType, Result, Tensor};
use nn::loss;

/// The distribution of one number that has `levels` values, by the P numbers that a network says of it.
///
/// Of pictures `[B, C, H, W]` a network says `[B, C·P, H, W]`, all P of the first channel first.
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
    /// The one for numbers in `0..levels`: a mixture of so many components, or none of 0.
    pub fn of(levels: u16, components: usize) -> Self {
        match (usize::from(levels), components) {
            (2, 0) => Self::Bernoulli,
            (levels, 0) => Self::Categorical { levels },
            (levels, components) => Self::Logistics { levels, components },
        }
    }

    /// How many values a number has.
    pub fn levels(self) -> usize {
        match self {
            Self::Bernoulli => 2,
            Self::Categorical { levels } | Self::Logistics { levels, .. } => levels,
        }
    }

    /// P.
    pub fn params(self) -> usize {
        match self {
            Self::Bernoulli => 1,
            Self::Categorical { levels } => levels,
            Self::Logistics { components, .. } => 3 * components,
        }
    }

    /// −log p of the pictures x `[B, C, H, W]`, from 0 to 1, in nats per picture: the mean over them.
    ///
    /// # Errors
    /// Where the shapes don't fit.
    pub fn loss(self, said: &Tensor, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Bernoulli => loss::bernoulli_nll(said, x),
            Self::Logistics { levels, .. } => {
                let (said, labels) = by_level(said, x, levels)?;
                // Each colour of a picture is a sample of its own there.
                loss::logistic_mixture_nll(&said, &labels, levels)? * x.dim(1)? as f64
            }
            Self::Categorical { levels } => {
                let (logits, labels) = by_level(said, x, levels)?;
                let d = x.elem_count() / x.dim(0)?;
                loss::softmax_cross_entropy(&logits, &labels)? * d as f64
            }
        }
    }

    /// −log p of each picture, in nats; there is no gradient.
    ///
    /// # Errors
    /// Where the shapes don't fit.
    pub fn nll(self, said: &Tensor, x: &Tensor) -> Result<Vec<f64>> {
        match self {
            Self::Bernoulli => {
                let numbers = |tensor: &Tensor| {
                    tensor.flatten_from(1)?.to_dtype(DType::F64)?.to_vec2::<f64>()
                };
                let nll = |(said, x): (Vec<f64>, Vec<f64>)| -> f64 {
                    said.iter().zip(x).map(|(l, x)| softplus(*l) - l * x).sum()
                };
                Ok(numbers(said)?.into_iter().zip(numbers(x)?).map(nll).collect())
            }
            Self::Categorical { levels } | Self::Logistics { levels, .. } => {
                let (said, labels) = by_level(said, x, levels)?;
                let each = match self {
                    Self::Logistics { .. } => {
                        loss::logistic_mixture_nll_each(&said, &labels, levels)?
                    }
                    _ => loss::softmax_nll_each(&said, &labels)?,
                }; // [B·C]
                let each = each.reshape((x.dim(0)?, ()))?.to_dtype(DType::F64)?;
                each.sum(1)?.to_vec1()
            }
        }
    }

    /// The value that a number `u` of U(0, 1) draws from what is `said`, P numbers, whose logits are divided
    /// by `temperature`; the likeliest one, the lowest of several, where that is 0.
    ///
    /// A mixture is made sharper as a whole: the logits of its weights and its scales are divided alike.
    pub fn draw(self, said: &[f32], temperature: f64, u: f64) -> u8 {
        let both;
        let logits = match self {
            Self::Bernoulli => {
                both = [0.0, said[0]];
                &both[..]
            }
            Self::Logistics { levels, .. } => return of_mixture(said, levels, temperature, u),
            Self::Categorical { .. } => said,
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
fn of_mixture(said: &[f32], levels: usize, temperature: f64, u: f64) -> u8 {
    let highest = levels as u32 - 1;
    if temperature == 0.0 {
        let below = |level| loss::logistic_mixture_cdf(said, level, levels, 1.0);
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
        match loss::logistic_mixture_cdf(said, middle, levels, 1.0 / temperature) > u {
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

/// What is said as `[B·C, P, H, W]`, and the levels as `[B·C, H, W]`.
fn by_level(said: &Tensor, x: &Tensor, levels: usize) -> Result<(Tensor, Tensor)> {
    let (batch, channels, height, width) = x.dims4()?;
    let labels = x.affine((levels - 1) as f64, 0.5)?.to_dtype(DType::U32)?;
    Ok((
        said.reshape((batch * channels, (), height, width))?,
        labels.reshape((batch * channels, height, width))?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    fn tensor(values: &[f32], shape: &[usize]) -> Tensor {
        Tensor::from_slice(values, shape, &Device::Cpu).unwrap()
    }

    fn assert_both(output: Output, said: &Tensor, x: &Tensor, expected: &[f64]) {
        let nll = output.nll(said, x).unwrap();
        let close = nll.iter().zip(expected).all(|(nll, expected)| (nll - expected).abs() < 1e-6);
        assert!(close && nll.len() == expected.len(), "{nll:?} {expected:?}");
        let mean = f64::from(output.loss(said, x).unwrap().to_scalar::<f32>().unwrap());
        assert!((mean - expected.iter().sum::<f64>() / expected.len() as f64).abs() < 1e-6);
    }

    #[test]
    fn black_and_white_by_hand() {
        // Two pictures of two pixels: even odds twice; 3 : 1 for white, told white and black.
        let third = 3f32.ln();
        let said = tensor(&[0.0, 0.0, third, third], &[2, 1, 1, 2]);
        let x = tensor(&[1.0, 0.0, 1.0, 0.0], &[2, 1, 1, 2]);
        let expected = [2.0 * 2f64.ln(), -(0.75f64.ln() + 0.25f64.ln())];
        assert_both(Output::Bernoulli, &said, &x, &expected);
    }

    #[test]
    fn levels_by_hand() {
        // One picture of two pixels in two colours with three levels. Logits lie as
        // [colour][level][pixel]: red 1 : 1 : 2 at both, green certain of its first level, then even.
        let two = 2f32.ln();
        let red = [0.0, 0.0, 0.0, 0.0, two, two];
        let green = [900.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        let said = tensor(&[red, green].concat(), &[1, 6, 1, 2]);
        // Levels 2 and 0 of red, 0 and 1 of green.
        let x = tensor(&[1.0, 0.0, 0.0, 0.5], &[1, 2, 1, 2]);
        let expected = 2f64.ln() + 4f64.ln() + 0.0 + 3f64.ln();
        assert_both(Output::Categorical { levels: 3 }, &said, &x, &[expected]);
    }

    #[test]
    fn mixtures_by_hand() {
        // One component of mean 0 and scale ½ for three levels with borders at ∓½ (nn has the rest).
        let output = Output::Logistics { levels: 3, components: 1 };
        let said = tensor(&[[9.0; 2], [0.0; 2], [0.5f32.ln(); 2]].concat(), &[1, 3, 1, 2]);
        let sigma = 1.0 / (1.0 + (-1f64).exp());
        let expected = -(2.0 * sigma - 1.0).ln() - (1.0 - sigma).ln();
        assert_both(output, &said, &tensor(&[0.5, 1.0], &[1, 1, 1, 2]), &[expected]);
        // 0.269, 0.462, 0.269; at temperature ½ the middle has σ(2) − σ(−2) = 0.762.
        let said = [9.0, 0.0, 0.5f32.ln()];
        let at = |temperature| [0.1, 0.26, 0.28, 0.74].map(|u| output.draw(&said, temperature, u));
        assert_eq!((at(1.0), at(0.5), at(0.0)), ([0, 0, 1, 2], [0, 1, 1, 1], [1; 4]));
    }

    #[test]
    fn draws_by_hand() {
        let output = Output::Categorical { levels: 3 };
        // Probabilities ¼, ¼, ½; at temperature ½ they are 1/6, 1/6, 4/6.
        let said = [0.0, 0.0, 2f32.ln()];
        let at = |temperature: f64| {
            [0.0, 0.2, 0.3, 0.49, 0.51, 0.999].map(|u| output.draw(&said, temperature, u))
        };
        assert_eq!(at(1.0), [0, 0, 1, 1, 2, 2]);
        assert_eq!(at(0.5), [0, 1, 1, 2, 2, 2]);
        assert_eq!(at(0.0), [2; 6]);
        // White with probability ¾.
        let said = [3f32.ln()];
        let drawn = [0.0, 0.24, 0.26, 0.99].map(|u| Output::Bernoulli.draw(&said, 1.0, u));
        assert_eq!(drawn, [0, 0, 1, 1]);
        assert_eq!(Output::Bernoulli.draw(&[-0.1], 0.0, 0.99), 0);
        // Logits that would overflow.
        assert_eq!(Output::Bernoulli.draw(&[1e30], 1.0, 0.0), 1);
    }
}
