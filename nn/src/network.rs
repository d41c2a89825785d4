//! Networks made of layers.
use crate::layers::{Layer, Pass as _};
use crate::onnx::{Graph, Value};
use crate::ops::{Reader, Signal};
use candle_core::{Module, Result, Tensor};
use train::Rng;

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

    pub(crate) fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// This network without gradients: it shares the parameters' storage, so it always computes with
    /// their present values, but builds no graph, and as it is evaluated: without the noise of [`Noisy`](crate::Noisy)
    /// layers. For acting and for targets.
    pub fn frozen(&self) -> Frozen {
        Frozen(Sequential { layers: self.layers.iter().map(Layer::frozen).collect() })
    }

    /// Adds the network to an ONNX graph, for x `[B, …]`, as it is evaluated: normalisation is by running
    /// statistics, and weights are those that inputs are multiplied by.
    ///
    /// # Errors
    /// If x does not fit the layers; errors of the device.
    pub fn nodes(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        self.layers.iter().try_fold(x, |x, layer| layer.nodes(graph, x))
    }

    /// This network as a fixed function: a gradient passes through it to its input, but takes none of
    /// its parameters. It shares their storage too.
    ///
    /// For the step of a generator, whose loss is what the discriminator says: the discriminator's
    /// gradients would be thrown away, and here they are not computed.
    pub fn detached(&self) -> Sequential {
        Sequential { layers: self.layers.iter().map(Layer::detached).collect() }
    }
}

impl Sequential {
    /// Draws the noise of its [`Noisy`](crate::Noisy) layers and the fractions of [`ImplicitQuantiles`](crate::ImplicitQuantiles)
    /// anew, for this network and for those that it was [`detached`](Self::detached) into.
    ///
    /// # Errors
    /// Errors of the device.
    pub fn draw_noise(&self, rng: &mut Rng) -> Result<()> {
        self.layers.iter().try_for_each(|layer| layer.draw_noise(rng))
    }

    /// The fractions `[rows, K]` whose quantiles it computes for so many rows, where it ends in
    /// [`ImplicitQuantiles`](crate::ImplicitQuantiles).
    ///
    /// # Errors
    /// Errors of the device.
    pub fn fractions(&self, rows: usize) -> Result<Option<Tensor>> {
        match self.layers.last() {
            Some(Layer::ImplicitQuantiles(layer)) => layer.fractions(rows).map(Some),
            _ => Ok(None),
        }
    }
}

impl Module for Sequential {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        // Reshaping layers pass on whose result they reshape: the next of the others reads it.
        let reshapes = |layer: &Layer| matches!(layer, Layer::Flatten(_) | Layer::Unflatten(_));
        let mut signal = Signal::from(x);
        for (index, layer) in self.layers.iter().enumerate() {
            let reader = match self.layers[index + 1..].iter().find(|layer| !reshapes(layer)) {
                None => Reader::Anybody,
                Some(next) => next.reader(),
            };
            signal = layer.pass(&signal, reader)?;
        }
        signal.into_tensor()
    }
}

/// A [`Sequential`] that takes no part in training: see [`Sequential::frozen`].
#[derive(Debug, Clone)]
pub struct Frozen(Sequential);

impl Frozen {
    /// See [`Sequential::nodes`].
    ///
    /// # Errors
    /// If x does not fit the layers; errors of the device.
    pub fn nodes(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        self.0.nodes(graph, x)
    }
}

impl Module for Frozen {
    /// The input is detached too: no gradient passes through a frozen network.
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.0.forward(&x.detach())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Activation, BatchNorm2d, Conv2d, Conv2dConfig, Flatten, Linear, Optimizer, OptimizerConfig,
        Params, Residual, Skip, Unflatten,
    };
    use candle_core::DType;
    use train::testing::device;

    const CONV: Conv2dConfig = Conv2dConfig { stride: 2, padding: 1, ..Conv2dConfig::new(2, 3, 3) };

    fn network(params: &Params) -> Sequential {
        Sequential::new(vec![
            Conv2d::new(params, "conv", CONV, Activation::Relu).unwrap().into(),
            Flatten.into(),
            Linear::new(params, "out", 12, 2, Activation::Tanh).unwrap().into(),
        ])
    }

    fn input() -> Tensor {
        Tensor::arange(0f32, 32.0, device()).unwrap().reshape((1, 2, 4, 4)).unwrap()
    }

    fn run(network: &dyn Module) -> Vec<Vec<f32>> {
        network.forward(&input()).unwrap().to_vec2().unwrap()
    }

    #[test]
    fn frozen_sees_updates_and_builds_no_graph() {
        let (params, other) = (Params::new(1, device()), Params::new(2, device()));
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
        let third = Params::new(3, device());
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

    /// Gradients of a loss in the input and in each parameter of a network, whose layers are applied by
    /// `run`.
    fn gradients(run: &dyn Fn(&[Layer], &Tensor) -> Result<Tensor>) -> Vec<Vec<f32>> {
        let params = Params::new(1, device());
        let same = Conv2dConfig { padding: 1, ..Conv2dConfig::new(3, 3, 3) };
        let up = Conv2dConfig { stride: 2, padding: 1, ..Conv2dConfig::new(3, 2, 4) };
        let dense = Linear::new(&params, "skipped", 5, 5, Activation::Tanh).unwrap();
        let skipped = ["same1", "same2"]
            .map(|name| Conv2d::new(&params, name, same, Activation::Tanh).unwrap().into());
        let layers = vec![
            Skip::new(vec![dense.into()]).into(),
            Linear::new(&params, "in", 5, 32, Activation::LeakyRelu(0.2)).unwrap().into(),
            Unflatten { channels: 2, height: 4, width: 4 }.into(),
            Conv2d::new(&params, "conv", CONV, Activation::Relu).unwrap().into(),
            BatchNorm2d::new(&params, "norm", 3, Activation::Tanh).unwrap().into(),
            Residual::new(Conv2d::new(&params, "same", same, Activation::Relu).unwrap()).into(),
            Skip::new(skipped.into()).into(),
            crate::ConvTranspose2d::new(&params, "up", up, Activation::Sigmoid).unwrap().into(),
            Flatten.into(),
            Linear::new(&params, "out", 32, 32, Activation::Tanh).unwrap().into(),
            Unflatten { channels: 2, height: 4, width: 4 }.into(),
        ];
        let x = Tensor::arange(0f32, 10.0, device()).unwrap().reshape((2, 5)).unwrap();
        let x = candle_core::Var::from_tensor(&x).unwrap();
        let y = run(&layers, &x).unwrap();
        // Read twice, and once through the whole network again.
        let loss = (y.sqr().unwrap().mean_all().unwrap() + y.sum_all().unwrap()).unwrap();
        let again = x.affine(0.5, 1.0).unwrap();
        let loss =
            (loss + run(&layers, &again).unwrap().sqr().unwrap().sum_all().unwrap()).unwrap();
        let found = loss.backward().unwrap();
        let vars: Vec<_> = params.named().into_iter().map(|(_, var)| var).chain([x]).collect();
        let of = |found: &candle_core::backprop::GradStore| -> Vec<Vec<f32>> {
            let gradient = |var: &candle_core::Var| found.get(var).unwrap().flatten_all().unwrap();
            vars.iter().map(|var| gradient(var).to_vec1().unwrap()).collect()
        };
        // A graph may be gone through more than once.
        assert_eq!(of(&loss.backward().unwrap()), of(&found));
        of(&found)
    }

    #[test]
    fn layers_hand_on_the_gradients_that_candle_adds_up() {
        let alone =
            gradients(&|layers, x| layers.iter().try_fold(x.clone(), |x, layer| layer.forward(&x)));
        let together = gradients(&|layers, x| Sequential::new(layers.to_vec()).forward(x));
        assert_eq!(together, alone);
        assert!(alone.iter().all(|gradient| gradient.iter().any(|&slope| slope != 0.0)));
    }

    #[test]
    fn an_empty_network_is_the_identity() {
        let x = Tensor::ones((2, 3), DType::F32, device()).unwrap();
        let y = Sequential::new(Vec::new()).forward(&x).unwrap();
        assert_eq!(y.to_vec2::<f32>().unwrap(), x.to_vec2::<f32>().unwrap());
    }
}
