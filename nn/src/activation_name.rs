//! Activation functions by name, for configurations.
use crate::{Activation, Elementwise, Layer};
use serde::{Deserialize, Serialize};

/// Activation functions that agents and models of data know by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActivationName {
    /// max(0, x).
    Relu,
    /// x, or x/100 where it is negative, as in PyTorch.
    LeakyRelu,
    /// tanh(x).
    Tanh,
    /// x·σ(x).
    Silu,
}

impl ActivationName {
    /// The function that a layer takes along, and the layer that follows where it takes none.
    pub fn parts(self) -> (Activation, Option<Elementwise>) {
        match self {
            Self::Relu => (Activation::Relu, None),
            Self::LeakyRelu => (Activation::LeakyRelu(0.01), None),
            Self::Tanh => (Activation::Tanh, None),
            Self::Silu => (Activation::Linear, Some(Elementwise::Silu)),
        }
    }

    /// The function as a layer of its own.
    pub fn layer(self) -> Layer {
        let (along, after) = self.parts();
        after.unwrap_or(Elementwise::Activation(along)).into()
    }
}
