//! Any layer, and layers with a connection past them.
use super::{
    BatchNorm2d, Conv2d, ConvTranspose2d, Dueling, Elementwise, Flatten, ImplicitQuantiles,
    LayerNorm, Linear, MaxPool2d, Noisy, Pass, Residual, Unflatten,
};
use crate::ops::{Reader, Signal};
use candle_core::{Module, Result, Tensor};
use train::Rng;

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
    /// See [`LayerNorm`].
    LayerNorm(LayerNorm),
    /// See [`Noisy`].
    Noisy(Noisy),
    /// See [`Dueling`].
    Dueling(Dueling),
    /// See [`ImplicitQuantiles`].
    ImplicitQuantiles(ImplicitQuantiles),
    /// See [`Elementwise`].
    Elementwise(Elementwise),
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
            Layer::Noisy(layer) => Layer::Linear(layer.mean.detached()),
            Layer::Dueling(layer) => Layer::Dueling(layer.map(Layer::frozen)),
            Layer::ImplicitQuantiles(layer) => Layer::ImplicitQuantiles(layer.frozen()),
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
            Layer::LayerNorm(layer) => Layer::LayerNorm(layer.detached()),
            Layer::Noisy(layer) => Layer::Noisy(layer.detached()),
            Layer::Dueling(layer) => Layer::Dueling(layer.map(Layer::detached)),
            Layer::ImplicitQuantiles(layer) => Layer::ImplicitQuantiles(layer.detached()),
            Layer::Skip(layer) => Layer::Skip(layer.map(Layer::detached)),
            Layer::MaxPool2d(layer) => Layer::MaxPool2d(*layer),
            Layer::Elementwise(layer) => Layer::Elementwise(*layer),
            Layer::Flatten(layer) => Layer::Flatten(*layer),
            Layer::Unflatten(layer) => Layer::Unflatten(*layer),
        }
    }

    /// Reader that it is of results before it.
    pub(crate) fn reader(&self) -> Reader {
        match self {
            // These are Candle's operations, which read tensors.
            Layer::MaxPool2d(_) | Layer::LayerNorm(_) | Layer::ImplicitQuantiles(_) => {
                Reader::Anybody
            }
            _ => Reader::Layer,
        }
    }

    /// Draws new noise for this layer and those within it.
    pub(crate) fn draw_noise(&self, rng: &mut Rng) -> Result<()> {
        match self {
            Layer::Noisy(layer) => layer.draw(rng),
            Layer::ImplicitQuantiles(layer) => layer.draw(rng),
            Layer::Dueling(layer) => layer.layers().try_for_each(|layer| layer.draw_noise(rng)),
            Layer::Skip(Skip(layers)) => layers.iter().try_for_each(|layer| layer.draw_noise(rng)),
            _ => Ok(()),
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
            Layer::LayerNorm(layer) => layer,
            Layer::Noisy(layer) => layer,
            Layer::Dueling(layer) => layer,
            Layer::ImplicitQuantiles(layer) => layer,
            Layer::Elementwise(layer) => layer,
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

impl From<LayerNorm> for Layer {
    fn from(layer: LayerNorm) -> Self {
        Layer::LayerNorm(layer)
    }
}

impl From<Noisy> for Layer {
    fn from(layer: Noisy) -> Self {
        Layer::Noisy(layer)
    }
}

impl From<Dueling> for Layer {
    fn from(layer: Dueling) -> Self {
        Layer::Dueling(layer)
    }
}

impl From<ImplicitQuantiles> for Layer {
    fn from(layer: ImplicitQuantiles) -> Self {
        Layer::ImplicitQuantiles(layer)
    }
}

impl From<Elementwise> for Layer {
    fn from(layer: Elementwise) -> Self {
        Layer::Elementwise(layer)
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
    LayerNorm,
    Noisy,
    Dueling,
    ImplicitQuantiles,
    Elementwise,
    Skip,
    Flatten,
    Unflatten,
    Layer
);
