//! Networks made of layers.
use crate::{BatchNorm2d, Conv2d, ConvTranspose2d, Flatten, Linear, Residual, Unflatten};
use candle_core::{Module, Result, Tensor};

/// One layer of a [`Sequential`].
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
    /// See [`Residual`].
    Residual(Residual),
    /// See [`Flatten`].
    Flatten(Flatten),
    /// See [`Unflatten`].
    Unflatten(Unflatten),
}

impl Layer {
    fn frozen(&self) -> Self {
        match self {
            Layer::BatchNorm2d(layer) => Layer::BatchNorm2d(layer.frozen()),
            layer => layer.detached(),
        }
    }

    fn detached(&self) -> Self {
        match self {
            Layer::Linear(layer) => Layer::Linear(layer.fixed()),
            Layer::Conv2d(layer) => Layer::Conv2d(layer.fixed()),
            Layer::ConvTranspose2d(layer) => Layer::ConvTranspose2d(layer.fixed()),
            Layer::BatchNorm2d(layer) => Layer::BatchNorm2d(layer.detached()),
            Layer::Residual(layer) => Layer::Residual(layer.fixed()),
            Layer::Flatten(layer) => Layer::Flatten(*layer),
            Layer::Unflatten(layer) => Layer::Unflatten(*layer),
        }
    }
}

impl Module for Layer {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Layer::Linear(layer) => layer.forward(x),
            Layer::Conv2d(layer) => layer.forward(x),
            Layer::ConvTranspose2d(layer) => layer.forward(x),
            Layer::BatchNorm2d(layer) => layer.forward(x),
            Layer::Residual(layer) => layer.forward(x),
            Layer::Flatten(layer) => layer.forward(x),
            Layer::Unflatten(layer) => layer.forward(x),
        }
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

impl From<Residual> for Layer {
    fn from(layer: Residual) -> Self {
        Layer::Residual(layer)
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

/// Layers applied one after the other.
#[derive(Debug, Clone)]
pub struct Sequential {
    layers: Vec<Layer>,
}

impl Sequential {
    /// A network of `layers`, the first one first.
    pub fn new(layers: Vec<Layer>) -> Self {
        Self { layers }
    }

    /// The same network without gradients: it shares the parameters' storage, so it always
    /// computes with their present values, but builds no graph. For acting and for targets.
    pub fn frozen(&self) -> Frozen {
        Frozen(Sequential { layers: self.layers.iter().map(Layer::frozen).collect() })
    }

    /// The same network as a fixed function: a gradient passes through it to its input, but takes
    /// none of its parameters. It shares their storage too.
    ///
    /// For the step of a generator, whose loss is what the discriminator says: the discriminator's
    /// gradients would be thrown away, and here they are not computed.
    pub fn detached(&self) -> Sequential {
        Sequential { layers: self.layers.iter().map(Layer::detached).collect() }
    }
}

impl Module for Sequential {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let Some((first, rest)) = self.layers.split_first() else { return Ok(x.clone()) };
        rest.iter().try_fold(first.forward(x)?, |x, layer| layer.forward(&x))
    }
}

/// A [`Sequential`] that takes no part in training: see [`Sequential::frozen`].
#[derive(Debug, Clone)]
pub struct Frozen(Sequential);

impl Module for Frozen {
    /// The input is detached too: no gradient passes through a frozen network.
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.0.forward(&x.detach())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Activation, Conv2dConfig, Optimizer, OptimizerConfig, Params};
    use candle_core::{DType, Device};

    const CONV: Conv2dConfig = Conv2dConfig { stride: 2, padding: 1, ..Conv2dConfig::new(2, 3, 3) };

    fn network(params: &Params) -> Sequential {
        Sequential::new(vec![
            Conv2d::new(params, "conv", CONV, Activation::Relu).unwrap().into(),
            Flatten.into(),
            Linear::new(params, "out", 12, 2, Activation::Tanh).unwrap().into(),
        ])
    }

    fn input() -> Tensor {
        Tensor::arange(0f32, 32.0, &Device::Cpu).unwrap().reshape((1, 2, 4, 4)).unwrap()
    }

    fn run(network: &dyn Module) -> Vec<Vec<f32>> {
        network.forward(&input()).unwrap().to_vec2().unwrap()
    }

    #[test]
    fn frozen_sees_updates_and_builds_no_graph() {
        let (params, other) = (Params::new(1, &Device::Cpu), Params::new(2, &Device::Cpu));
        let (network, other_network) = (network(&params), network(&other));
        let frozen = network.frozen();
        let before = run(&frozen);
        assert_eq!(before, run(&network));

        let loss = network.forward(&input()).unwrap().sum_all().unwrap();
        let mut optimizer = Optimizer::new(&params, OptimizerConfig::adam(0.1)).unwrap();
        optimizer.step(&loss).unwrap();
        assert_ne!(run(&frozen), before);
        assert_eq!(run(&frozen), run(&network));

        params.copy_from(&other).unwrap();
        assert_eq!(run(&frozen), run(&other_network));
        let third = Params::new(3, &Device::Cpu);
        self::network(&third);
        params.blend(&third, 0.5).unwrap();
        assert_ne!(run(&frozen), run(&other_network));
        assert_eq!(run(&frozen), run(&network));

        let pixel = network.forward(&input()).unwrap().sum_all().unwrap();
        let y = frozen.forward(&pixel.broadcast_as((1, 2, 4, 4)).unwrap()).unwrap();
        assert!(!y.track_op());
        let error = optimizer.step(&y.sum_all().unwrap()).unwrap_err().to_string();
        assert!(error.contains("depends on none of the 4 parameters"), "{error}");
    }

    #[test]
    fn an_empty_network_is_the_identity() {
        let x = Tensor::ones((2, 3), DType::F32, &Device::Cpu).unwrap();
        let y = Sequential::new(Vec::new()).forward(&x).unwrap();
        assert_eq!(y.to_vec2::<f32>().unwrap(), x.to_vec2::<f32>().unwrap());
    }
}
