//! Initial values of parameters.
use candle_core::{Result, bail};
use rand_distr::{Distribution as _, Normal, StandardNormal, Uniform};
use train::Rng;

/// The distribution a parameter is drawn from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    /// One value for all elements.
    Constant(f64),
    /// U(−1/√`fan_in`, 1/√`fan_in`): what PyTorch draws the weights and biases of `Linear` and
    /// `Conv2d` from (LeCun et al. 1998, "Efficient BackProp", section 4.6, up to a constant).
    FanInUniform {
        /// Inputs of one output: C·k·k for a convolution.
        fan_in: usize,
    },
    /// N(0, `deviation`²).
    Normal {
        /// Standard deviation.
        deviation: f64,
    },
    /// N(0, 2/`fan_in`), for layers followed by a ReLU (He et al. 2015, "Delving Deep into
    /// Rectifiers", equation 10).
    HeNormal {
        /// Inputs of one output: C·k·k for a convolution.
        fan_in: usize,
    },
    /// A matrix `[outputs, inputs]` times a gain, whose rows, or columns where there are fewer, are
    /// orthogonal and of length 1; all such matrices are equally probable (Saxe et al. 2014, "Exact
    /// solutions to the nonlinear dynamics of learning in deep linear neural networks", section 3).
    Orthogonal {
        /// Outputs: rows of the matrix.
        outputs: usize,
        /// Inputs of one output: C·k·k for a convolution.
        inputs: usize,
        /// Factor of the orthogonal matrix.
        gain: f64,
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
                Init::Normal { deviation: (2.0 / fan_in as f64).sqrt() }.draw(n, rng)
            }
            Init::Normal { deviation } => {
                let normal = Normal::new(0.0, deviation).map_err(candle_core::Error::wrap)?;
                Ok(normal.sample_iter(rng).take(n).map(|value: f64| value as f32).collect())
            }
            Init::Orthogonal { outputs, inputs, gain } => {
                if outputs.checked_mul(inputs) != Some(n) {
                    bail!("an orthogonal matrix [{outputs}, {inputs}] does not have {n} elements")
                }
                Ok(orthogonal(outputs, inputs, rng).iter().map(|v| (gain * v) as f32).collect())
            }
        }
    }
}

/// A random matrix `[rows, columns]` whose shorter side is orthonormal: Gram-Schmidt on normal draws.
fn orthogonal(rows: usize, columns: usize, rng: &mut Rng) -> Vec<f64> {
    let (count, len) = (rows.min(columns), rows.max(columns));
    let mut vectors: Vec<f64> = StandardNormal.sample_iter(rng).take(count * len).collect();
    for i in 0..count {
        let (before, rest) = vectors.split_at_mut(i * len);
        let vector = &mut rest[..len];
        for other in before.chunks_exact(len) {
            let dot: f64 = vector.iter().zip(other).map(|(v, o)| v * o).sum();
            vector.iter_mut().zip(other).for_each(|(v, o)| *v -= dot * o);
        }
        let length = vector.iter().map(|v| v * v).sum::<f64>().sqrt();
        vector.iter_mut().for_each(|v| *v /= length);
    }
    if rows <= columns {
        return vectors;
    }
    (0..rows * columns).map(|i| vectors[i % columns * len + i / columns]).collect()
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
    fn normal_draws_have_their_variance() {
        for init in [Init::HeNormal { fan_in: 8 }, Init::Normal { deviation: 0.5 }] {
            let (mean, variance) = mean_and_variance(&draw(init));
            assert!(mean.abs() < 0.01 && (variance - 0.25).abs() < 0.01, "{mean} {variance}");
        }
    }

    /// The product of the matrix with its transpose along the shorter side is gain²·1.
    #[test]
    fn orthogonal_is_orthogonal_in_every_shape() {
        for (outputs, inputs) in [(3, 5), (5, 3), (4, 4), (1, 7), (7, 1)] {
            let init = Init::Orthogonal { outputs, inputs, gain: 2.0 };
            let n = outputs * inputs;
            let values = init.draw(n, &mut stream(1, "test")).unwrap();
            let count = outputs.min(inputs);
            let element = |vector: usize, i: usize| match outputs <= inputs {
                true => values[vector * inputs + i],
                false => values[i * inputs + vector],
            };
            for (a, b) in (0..count).flat_map(|a| (0..count).map(move |b| (a, b))) {
                let products = (0..n / count).map(|i| element(a, i) * element(b, i));
                let expected = if a == b { 4.0 } else { 0.0 };
                assert!((products.sum::<f32>() - expected).abs() < 1e-5, "{outputs} {inputs}");
            }
        }
        let init = Init::Orthogonal { outputs: 2, inputs: 2, gain: 1.0 };
        let error = init.draw(5, &mut stream(1, "test")).unwrap_err().to_string();
        assert!(error.contains("[2, 2] does not have 5 elements"), "{error}");
        // Both signs are drawn: without that half of the matrices would never come.
        let first = |seed| init.draw(4, &mut stream(seed, "test")).unwrap()[0] > 0.0;
        let positive = (0..1_000).filter(|&seed| first(seed)).count();
        assert!((440..560).contains(&positive), "{positive}");
    }

    #[test]
    fn constant_is_constant_and_no_inputs_are_an_error() {
        assert_eq!(Init::Constant(0.5).draw(2, &mut stream(1, "test")).unwrap(), [0.5, 0.5]);
        assert!(Init::FanInUniform { fan_in: 0 }.draw(2, &mut stream(1, "test")).is_err());
    }
}
