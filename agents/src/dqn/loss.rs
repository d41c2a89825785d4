//! Losses of Q.
use candle_core::{Result, Tensor};
use nn::loss;
use serde::{Deserialize, Serialize};

/// Loss of Q(s, a) − y.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// ½d² up to |d| = 1, |d| − ½ beyond: the paper's "error clipping".
    Huber,
    /// d².
    Mse,
}

impl Loss {
    /// The mean over a batch, for Q and its targets y of `[B]`: a scalar.
    pub(super) fn of(self, q: &Tensor, y: &Tensor) -> Result<Tensor> {
        match self {
            Self::Huber => loss::huber(q, y, 1.0),
            Self::Mse => loss::mse(q, y),
        }
    }
}
