//! Networks made of layers.
use crate::{Conv2d, Flatten, Linear};
use candle_core::{Module, Result, Tensor};

/// One layer of a [`Sequential`].
#[derive(Debug, Clone)]
pub enum Layer {
    /// See [`Linear`].
    Linear(Linear),
    /// See [`Conv2d`].
    Conv2d(Conv2d),
    /// See [`Flatten`].
    Flatten(Flatten),
}

impl Layer {
    fn frozen(&self) -> Self {
        match self {
            Layer::Linear(layer) => Layer::Linear(layer.frozen()),
            Layer::Conv2d(layer) => Layer::Conv2d(layer.frozen()),
            Layer::Flatten(layer) => Layer::Flatten(*layer),
        }
    }
}

impl Module for Layer {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Layer::Linear(layer) => layer.forward(x),
            Layer::Conv2d(layer) => layer.forward(x),
            Layer::Flatten(layer) => layer.forward(x),
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

impl From<Flatten> for Layer {
    fn from(layer: Flatten) -> Self {
        Layer::Flatten(layer)
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

    const CONV: Conv2dConfig =
        Conv2dConfig { inputs: 2, outputs: 3, kernel: 3, stride: 2, padding: 1 };

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
