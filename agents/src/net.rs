//! Networks of agents.
use candle_core::{Module, Result, Tensor, bail};
use envs::Spec;
use nn::onnx::{Graph, Value};
use nn::{Activation, Conv2d, Conv2dConfig, Flatten, Linear, Params, Sequential};
use std::rc::Rc;

/// A network with its parameters.
pub struct Net {
    pub(crate) params: Params,
    pub(crate) online: Rc<dyn Module>,
    /// The network without gradients, always with the current parameters.
    pub(crate) frozen: Rc<dyn Module>,
    /// Its layers, where they are lab's own.
    layers: Option<Sequential>,
}

impl Net {
    /// The network `online`, whose parameters are `params`.
    pub fn new(params: Params, online: Sequential) -> Self {
        let layers = Some(online.clone());
        Self { frozen: Rc::new(online.frozen()), online: Rc::new(online), params, layers }
    }

    /// A module of candle-nn, or of your own, whose parameters are `params`: made by
    /// [`Params::var_builder`], they are seeded, saved and learned like those of lab's layers.
    pub fn of_module(params: Params, module: impl Module + 'static) -> Self {
        let online: Rc<dyn Module> = Rc::new(module);
        Self { frozen: Rc::new(Detached(Rc::clone(&online))), online, params, layers: None }
    }

    /// Adds the network to an ONNX graph, for x `[B, …]`.
    ///
    /// # Errors
    /// If it is a [module](Self::of_module) that lab knows no layers of.
    pub(crate) fn nodes(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        match &self.layers {
            Some(layers) => layers.nodes(graph, x),
            None => bail!("the network is a module of its own, and its layers are not known"),
        }
    }
}

/// A module from which no gradient comes: the graph that it builds is dropped.
struct Detached(Rc<dyn Module>);

impl Module for Detached {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(self.0.forward(&x.detach())?.detach())
    }
}

/// A network from observations `[B, …]` to one value per action, `[B, A]`, chosen by the
/// observation's shape:
///
/// - `[features]`: two hidden layers of `hidden` units, ReLU.
/// - `[channels, height, width]`: the network of MinAtar (Young & Tian 2019, section 4), 16 filters
///   of 3×3 with stride 1 and one layer of `hidden` units, ReLU.
///
/// # Errors
/// If the observation has another rank, or is smaller than the filters.
pub fn q_network(params: &Params, spec: &Spec, hidden: usize) -> Result<Sequential> {
    let actions = spec.n_actions();
    let dense = |name: &str, inputs, outputs, activation| {
        Ok::<_, candle_core::Error>(Linear::new(params, name, inputs, outputs, activation)?.into())
    };
    let layers = match spec.obs_shape[..] {
        [features] => vec![
            dense("hidden1", features, hidden, Activation::Relu)?, // [B, hidden]
            dense("hidden2", hidden, hidden, Activation::Relu)?,   // [B, hidden]
            dense("out", hidden, actions, Activation::Linear)?,    // [B, A]
        ],
        [inputs, height, width] if height >= 3 && width >= 3 => {
            let filters = Conv2dConfig::new(inputs, 16, 3);
            vec![
                Conv2d::new(params, "conv", filters, Activation::Relu)?.into(), // [B, 16, H-2, W-2]
                Flatten.into(), // [B, 16·(H-2)·(W-2)]
                dense("hidden", 16 * (height - 2) * (width - 2), hidden, Activation::Relu)?, // [B, hidden]
                dense("out", hidden, actions, Activation::Linear)?, // [B, A]
            ]
        }
        _ => bail!(
            "observations of shape {:?}: expected [features], or [channels, height, width] of at \
             least 3×3",
            spec.obs_shape
        ),
    };
    Ok(Sequential::new(layers))
}
