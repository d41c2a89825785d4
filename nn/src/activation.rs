//! Element-wise functions that follow a layer.
use candle_core::{Result, Tensor, bail};

/// Activation function of a layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Activation {
    /// The identity.
    Linear,
    /// max(0, x).
    Relu,
    /// x where it is positive, slope·x elsewhere; the slope may not be negative.
    LeakyRelu(f32),
    /// tanh(x).
    Tanh,
    /// σ(x) = 1 / (1 + e^−x).
    Sigmoid,
}

impl Activation {
    /// The function by Candle's own operations.
    pub(crate) fn apply(self, x: &Tensor) -> Result<Tensor> {
        match self {
            Activation::Linear => Ok(x.clone()),
            // Candle's own ReLU has a derivative of 1 at 0, where networks like to start. NaN stays.
            Activation::Relu => x.detach().le(0.0)?.where_cond(&x.zeros_like()?, x),
            Activation::LeakyRelu(slope) => {
                x.detach().le(0.0)?.where_cond(&(x * f64::from(slope))?, x)
            }
            Activation::Tanh => x.tanh(),
            // 1 / (1 + e^−x) has no gradient where the exponential overflows.
            Activation::Sigmoid => ((x * 0.5)?.tanh()? + 1.0)? * 0.5,
        }
    }

    /// Refuses what has no derivative in terms of its result.
    pub(crate) fn check(self) -> Result<()> {
        match self {
            Activation::LeakyRelu(slope) if slope.is_nan() || slope < 0.0 => {
                bail!("the slope of a leaky ReLU must not be negative, got {slope}")
            }
            _ => Ok(()),
        }
    }
}
