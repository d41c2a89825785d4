//! Any layer, and layers with a connection past them.
use super::{
    BatchNorm2d, Conv2d, ConvTranspose2d, Flatten, Linear, MaxPool2d, Pass, Residual, Unflatten,
};
use crate::ops::{Reader, Signal};
use candle_core::{Module, Result, Tensor};

/// One layer of a [`Sequential`](crate::Sequential).
#[derive(Debug, Clone)]
pub enum Layer {
    /// See [`Linear`].
    Linear(Linear),
    /// See [`Conv2d`].
    Conv2d(Conv2d),
    /// See [`ConvTranspose2d`].
    ConvTranspose2d(ConvTranspose2d),
    /// See [`BatchNorm2d`].
    BatchNorm2d(BatchNorm2d),
    /// See [`MaxPool2d`].
    MaxPool2d(MaxPool2d),
    /// See [`Residual`].
    Residual(Residual),
    /// See [`Skip`].
    Skip(Skip),
    /// See [`Flatten`].
    Flatten(Flatten),
    /// See [`Unflatten`].
    Unflatten(Unflatten),
}

impl Layer {
    pub(crate) fn frozen(&self) -> Self {
        match self {
            Layer::BatchNorm2d(layer) => Layer::BatchNorm2d(layer.frozen()),
            Layer::Skip(layer) => Layer::Skip(layer.map(Layer::frozen)),
            layer => layer.detached(),
        }
    }

    pub(crate) fn detached(&self) -> Self {
        match self {
            Layer::Linear(layer) => Layer::Linear(layer.detached()),
            Layer::Conv2d(layer) => Layer::Conv2d(layer.detached()),
            Layer::ConvTranspose2d(layer) => Layer::ConvTranspose2d(layer.detached()),
            Layer::BatchNorm2d(layer) => Layer::BatchNorm2d(layer.detached()),
            Layer::Residual(layer) => Layer::Residual(layer.detached()),
            Layer::Skip(layer) => Layer::Skip(layer.map(Layer::detached)),
            Layer::MaxPool2d(layer) => Layer::MaxPool2d(*layer),
            Layer::Flatten(layer) => Layer::Flatten(*layer),
            Layer::Unflatten(layer) => Layer::Unflatten(*layer),
        }
    }
}

impl Pass for Layer {
    fn pass(&self, x: &Signal, reader: Reader) -> Result<Signal> {
        let layer: &dyn Pass = match self {
            Layer::Linear(layer) => layer,
            Layer::Conv2d(layer) => layer,
            Layer::ConvTranspose2d(layer) => layer,
            Layer::BatchNorm2d(layer) => layer,
            Layer::MaxPool2d(layer) => layer,
            Layer::Residual(layer) => layer,
            Layer::Skip(layer) => layer,
            Layer::Flatten(layer) => layer,
            Layer::Unflatten(layer) => layer,
        };
        layer.pass(x, reader)
    }
}

impl From<Linear> for Layer {
    fn from(layer: Linear) -> Self {
        Layer::Linear(layer)
    }
}

impl From<Conv2d> for Layer {
    fn from(layer: Conv2d) -> Self {
        Layer::Conv2d(layer)
    }
}

impl From<ConvTranspose2d> for Layer {
    fn from(layer: ConvTranspose2d) -> Self {
        Layer::ConvTranspose2d(layer)
    }
}

impl From<BatchNorm2d> for Layer {
    fn from(layer: BatchNorm2d) -> Self {
        Layer::BatchNorm2d(layer)
    }
}

impl From<MaxPool2d> for Layer {
    fn from(layer: MaxPool2d) -> Self {
        Layer::MaxPool2d(layer)
    }
}

impl From<Residual> for Layer {
    fn from(layer: Residual) -> Self {
        Layer::Residual(layer)
    }
}

impl From<Skip> for Layer {
    fn from(layer: Skip) -> Self {
        Layer::Skip(layer)
    }
}

impl From<Flatten> for Layer {
    fn from(layer: Flatten) -> Self {
        Layer::Flatten(layer)
    }
}

impl From<Unflatten> for Layer {
    fn from(layer: Unflatten) -> Self {
        Layer::Unflatten(layer)
    }
}

/// `y = x + layers(x)` (He et al. 2016, equation 1), for layers one after the other whose result has the
/// shape of their input.
#[derive(Debug, Clone)]
pub struct Skip(pub(super) Vec<Layer>);

impl Skip {
    /// `layers`, the first one first, with their input added to their result.
    pub fn new(layers: Vec<Layer>) -> Self {
        Self(layers)
    }

    fn map(&self, f: impl Fn(&Layer) -> Layer) -> Self {
        Self(self.0.iter().map(f).collect())
    }
}

impl Pass for Skip {
    fn pass(&self, x: &Signal, reader: Reader) -> Result<Signal> {
        let mut y = x.clone();
        for layer in &self.0 {
            y = layer.pass(&y, Reader::Layer)?;
        }
        x.plus(&y, reader)
    }
}

macro_rules! modules {
    ($($layer:ty),*) => {$(
        impl Module for $layer {
            fn forward(&self, x: &Tensor) -> Result<Tensor> {
                self.pass(&x.into(), Reader::Anybody)?.into_tensor()
            }
        }
    )*};
}

modules!(
    Linear,
    Conv2d,
    ConvTranspose2d,
    BatchNorm2d,
    MaxPool2d,
    Residual,
    Skip,
    Flatten,
    Unflatten,
    Layer
);
