//! What parameters start from.
use candle_core::{Result, bail};
use rand_distr::{Distribution as _, Normal, Uniform};
use train::Rng;

/// The distribution a parameter is drawn from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    /// The same value everywhere.
    Constant(f64),
    /// U(−1/√`fan_in`, 1/√`fan_in`): what PyTorch draws the weights and biases of `Linear` and
    /// `Conv2d` from (LeCun et al. 1998, "Efficient BackProp", section 4.6, up to a constant).
    FanInUniform {
        /// Inputs of one output: C·k·k for a convolution.
        fan_in: usize,
    },
    /// N(0, 2/`fan_in`), for layers followed by a ReLU (He et al. 2015, "Delving Deep into
    /// Rectifiers", equation 10).
    HeNormal {
        /// Inputs of one output: C·k·k for a convolution.
        fan_in: usize,
    },
}

impl Init {
    /// `n` values, in the order they are drawn.
    pub(crate) fn draw(self, n: usize, rng: &mut Rng) -> Result<Vec<f32>> {
        match self {
            Init::Constant(value) => Ok(vec![value as f32; n]),
            Init::FanInUniform { fan_in: 0 } | Init::HeNormal { fan_in: 0 } => {
                bail!("a parameter without inputs has no initial scale")
            }
            Init::FanInUniform { fan_in } => {
                let bound = (fan_in as f64).recip().sqrt();
                let uniform = Uniform::new(-bound, bound).map_err(candle_core::Error::wrap)?;
                Ok(uniform.sample_iter(rng).take(n).map(|value| value as f32).collect())
            }
            Init::HeNormal { fan_in } => {
                let deviation = (2.0 / fan_in as f64).sqrt();
                let normal = Normal::new(0.0, deviation).map_err(candle_core::Error::wrap)?;
                Ok(normal.sample_iter(rng).take(n).map(|value: f64| value as f32).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use train::stream;

    fn draw(init: Init) -> Vec<f32> {
        init.draw(20_000, &mut stream(1, "test")).unwrap()
    }

    fn mean_and_variance(values: &[f32]) -> (f64, f64) {
        let n = values.len() as f64;
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
        let variance = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n;
        (mean, variance)
    }

    #[test]
    fn fan_in_uniform_fills_its_bounds() {
        let values = draw(Init::FanInUniform { fan_in: 16 });
        let largest = values.iter().copied().fold(f32::MIN, f32::max);
        let smallest = values.iter().copied().fold(f32::MAX, f32::min);
        assert!((0.2499..=0.25).contains(&largest) && (-0.25..=-0.2499).contains(&smallest));
        // (2·0.25)² / 12
        let (mean, variance) = mean_and_variance(&values);
        assert!(mean.abs() < 0.003 && (variance - 0.020_833).abs() < 3e-4, "{mean} {variance}");
    }

    #[test]
    fn he_normal_has_its_variance() {
        let (mean, variance) = mean_and_variance(&draw(Init::HeNormal { fan_in: 8 }));
        assert!(mean.abs() < 0.01 && (variance - 0.25).abs() < 0.01, "{mean} {variance}");
    }

    #[test]
    fn constant_is_constant_and_no_inputs_are_an_error() {
        assert_eq!(Init::Constant(0.5).draw(2, &mut stream(1, "test")).unwrap(), [0.5, 0.5]);
        assert!(Init::FanInUniform { fan_in: 0 }.draw(2, &mut stream(1, "test")).is_err());
    }
}
