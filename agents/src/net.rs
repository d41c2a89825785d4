//! Networks of agents.
use crate::Hidden;
use crate::memory::Sizes;
use anyhow::{Result, bail};
use candle_core::{DType, Module, Tensor};
use envs::Spec;
use nn::onnx::{Graph, Value};
use nn::{
    Activation, ActivationName, Conv2d, Conv2dConfig, Flatten, Layer, LayerNorm, Linear, MaxPool2d,
    Noisy, Params, Sequential, Skip,
};
use serde::{Deserialize, Serialize};
use std::rc::Rc;
use train::{BadValue, Rng};

/// A network with its parameters.
#[derive(Clone)]
pub struct Net {
    pub(crate) params: Params,
    pub(crate) online: Rc<dyn Module>,
    /// The network without gradients, always with the current parameters, and without noise.
    pub(crate) frozen: Rc<dyn Module>,
    /// The network without gradients, with its present noise where it has noisy layers.
    pub(crate) noisy: Rc<dyn Module>,
    /// Its layers, where they are lab's own.
    layers: Option<Sequential>,
}

impl Net {
    /// The network `online`, whose parameters are `params`.
    pub fn new(params: Params, online: Sequential) -> Self {
        let layers = Some(online.clone());
        let (frozen, noisy) = (Rc::new(online.frozen()), Rc::new(online.detached()));
        Self { frozen, noisy, online: Rc::new(online), params, layers }
    }

    /// A module of candle-nn, or of your own, whose parameters are `params`: made by
    /// [`Params::var_builder`], they are seeded, saved and learned like those of lab's layers.
    pub fn of_module(params: Params, module: impl Module + 'static) -> Self {
        let online: Rc<dyn Module> = Rc::new(module);
        let frozen: Rc<dyn Module> = Rc::new(Detached(Rc::clone(&online)));
        Self { noisy: Rc::clone(&frozen), frozen, online, params, layers: None }
    }

    /// The fractions `[rows, K]` whose quantiles it computes for so many rows, where it has implicit ones.
    pub(crate) fn fractions(&self, rows: usize) -> candle_core::Result<Option<Tensor>> {
        self.layers.as_ref().map_or(Ok(None), |layers| layers.fractions(rows))
    }

    /// Draws the noise of its noisy layers, and the fractions of its implicit quantiles, anew.
    pub(crate) fn draw_noise(&self, rng: &mut Rng) -> Result<()> {
        Ok(self.layers.as_ref().map_or(Ok(()), |layers| layers.draw_noise(rng))?)
    }

    /// Adds the network to an ONNX graph, for x `[B, …]`.
    ///
    /// # Errors
    /// If it is a [module](Self::of_module) that lab knows no layers of.
    pub(crate) fn nodes(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        match &self.layers {
            Some(layers) => Ok(layers.nodes(graph, x)?),
            None => bail!("the network is a module of its own, and its layers are not known"),
        }
    }

    /// Refuses a network that does not map one observation of `spec` to `outputs` numbers, `[1, outputs]`.
    pub(crate) fn check(&self, spec: &Spec, outputs: usize) -> Result<()> {
        let obs = Tensor::zeros(spec.batch_shape(1), DType::F32, self.params.device())?;
        let found = self.frozen.forward(&obs)?;
        if found.dims() != [1, outputs] {
            bail!(
                "the network maps an observation {:?} to {:?}; expected [1, {outputs}]",
                obs.dims(),
                found.dims()
            )
        }
        Ok(())
    }
}

/// A module from which no gradient comes: the graph that it builds is dropped.
struct Detached(Rc<dyn Module>);

impl Module for Detached {
    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        Ok(self.0.forward(&x.detach())?.detach())
    }
}

/// Networks that agents know by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkName {
    /// By the observation's shape: `mlp` for `[features]`, `conv` for `[channels, height, width]`.
    Auto,
    /// Dense layers, usually two; images are flattened.
    Mlp,
    /// MinAtar's (Young & Tian 2019, section 4): 16 filters of 3×3, then dense layers, usually one.
    Conv,
    /// Atari's (Mnih et al. 2015): 32 filters of 8×8 with stride 4, 64 of 4×4 with stride 2, 64 of 3×3, then
    /// dense layers, usually one.
    Nature,
    /// IMPALA's residual one (Espeholt et al. 2018, figure 3) without its LSTM: three times convolution, pooling and two
    /// residual blocks, with 16, 32 and 32 filters of 3×3, then dense layers, usually one.
    Impala,
}

impl NetworkName {
    /// The network itself, where the observation's shape decides.
    fn resolved(self, spec: &Spec) -> Result<Self, BadValue> {
        let images = |least: usize| match spec.obs_shape[..] {
            [_, height, width] => height >= least && width >= least,
            _ => false,
        };
        let refused = |takes: &str| {
            let shape = &spec.obs_shape;
            let fits = format!(
                "takes observations {takes}, and those of this environment are {shape:?}; use --network mlp"
            );
            Err(BadValue::new("network", train::name(&self), &fits))
        };
        match self {
            Self::Auto if spec.obs_shape.len() == 1 => Ok(Self::Mlp),
            Self::Auto if images(3) => Ok(Self::Conv),
            Self::Auto => refused("[features] or [channels, height, width] of at least 3×3"),
            Self::Impala if !images(1) => refused("[channels, height, width]"),
            Self::Conv if !images(3) => refused("[channels, height, width] of at least 3×3"),
            Self::Nature if !images(36) => refused("[channels, height, width] of at least 36×36"),
            known => Ok(known),
        }
    }

    /// Its convolutions: filters, size and stride of each; none of a residual network, which has [`BLOCKS`].
    fn convolutions(self) -> &'static [[usize; 3]] {
        match self {
            Self::Auto | Self::Mlp | Self::Impala => &[],
            Self::Conv => &[[16, 3, 1]],
            Self::Nature => &[[32, 8, 4], [64, 4, 2], [64, 3, 1]],
        }
    }

    /// Numbers that its first dense layer reads, of observations of `spec`, and those that layers before that put out.
    fn features(self, spec: &Spec) -> [usize; 2] {
        let [_, mut height, mut width] = spec.obs_shape[..] else { return [spec.obs_len(), 0] };
        let (mut features, mut maps) = (spec.obs_len(), 0_usize);
        for [filters, size, stride] in self.convolutions() {
            [height, width] = [height, width].map(|side| (side - size) / stride + 1);
            features = filters * height * width;
            maps = maps.saturating_add(features);
        }
        for filters in if self == Self::Impala { &BLOCKS[..] } else { &[] } {
            maps = maps.saturating_add(filters * height * width);
            [height, width] = [height, width].map(|side| side.div_ceil(2));
            features = filters * height * width;
            // The pooled maps, and two convolutions, an activation and a sum of each of two blocks.
            maps = maps.saturating_add(9 * features);
        }
        [features, maps]
    }
}

/// Filters of each part of [`NetworkName::Impala`].
const BLOCKS: [usize; 3] = [16, 32, 32];

/// Layers of a network before its last one.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    pub(crate) network: NetworkName,
    pub(crate) hidden: Hidden,
    /// Activation of every layer, where it is chosen; else an `mlp` has the usual one, and the other networks ReLU.
    pub(crate) activation: Option<ActivationName>,
    /// Usual activation of an `mlp`.
    pub(crate) usual: ActivationName,
    /// Gain of an orthogonal initialisation; without it weights are U(±1/√inputs), as in PyTorch.
    pub(crate) gain: Option<f64>,
    /// Deviation at first of the noise in dense layers, where they are noisy.
    pub(crate) noisy: Option<f64>,
    /// Features are normalised before the activation of each dense layer, and of the last convolution.
    pub(crate) layer_norm: bool,
}

impl Body {
    /// Sizes of its layers, for an observation of `spec`.
    ///
    /// # Errors
    /// [`BadValue`] where the network does not take such observations, or has no such layers.
    pub(crate) fn sizes(&self, spec: &Spec) -> Result<Sizes, BadValue> {
        self.hidden.check()?;
        let network = self.network.resolved(spec)?;
        let usual = if network == NetworkName::Mlp { 2 } else { 1 };
        let [features, maps] = network.features(spec);
        let mut widths = vec![features];
        widths.extend(self.hidden.widths(usual));
        Ok(Sizes { widths, maps })
    }

    /// The activation of its layers, of observations of `spec`.
    pub(crate) fn activation(&self, spec: &Spec) -> Result<ActivationName, BadValue> {
        let mlp = self.network.resolved(spec)? == NetworkName::Mlp;
        let usual = if mlp { self.usual } else { ActivationName::Relu };
        Ok(self.activation.unwrap_or(usual))
    }

    /// The layers, whose parameters have names that begin with `prefix`, and the number of their outputs.
    ///
    /// # Errors
    /// As [`sizes`](Self::sizes), and where `params` has such names already.
    pub(crate) fn layers(
        &self,
        params: &Params,
        prefix: &str,
        spec: &Spec,
    ) -> Result<(Vec<Layer>, usize)> {
        let network = self.network.resolved(spec)?;
        let (convolutions, activation) = (network.convolutions(), self.activation(spec)?);
        let Sizes { widths, .. } = self.sizes(spec)?;
        let mut layers: Vec<Layer> = Vec::new();
        let mut channels = spec.obs_shape[0];
        for (i, [filters, size, stride]) in convolutions.iter().copied().enumerate() {
            let name = format!("{prefix}{}", numbered("conv", i, convolutions.len()));
            let config = Conv2dConfig { stride, ..Conv2dConfig::new(channels, filters, size) };
            let normed = self.layer_norm && i + 1 == convolutions.len();
            let after = (!normed).then_some(activation);
            layers.extend(self.convolution(params, &name, config, after)?); // [B, filters, …]
            channels = filters;
        }
        if network == NetworkName::Impala {
            layers.extend(self.residual(params, prefix, (channels, activation))?); // [B, 32, …]
            if !self.layer_norm {
                layers.push(activation.layer());
            }
        }
        if spec.obs_shape.len() > 1 {
            layers.push(Flatten.into()); // [B, features]
        }
        if self.layer_norm && network != NetworkName::Mlp {
            let name = format!("{prefix}conv.norm");
            layers.extend(normalised(params, &name, widths[0], activation)?);
        }
        // The one layer after convolutions has no number.
        let alone = if network == NetworkName::Mlp { 0 } else { widths.len() - 1 };
        for (i, sizes) in widths.windows(2).enumerate() {
            let name = format!("{prefix}{}", numbered("hidden", i, alone));
            layers.extend(self.hidden(params, &name, [sizes[0], sizes[1]], activation)?);
        }
        Ok((layers, widths[widths.len() - 1]))
    }

    /// A convolution with the activation that follows it, if one does.
    fn convolution(
        &self,
        params: &Params,
        name: &str,
        config: Conv2dConfig,
        activation: Option<ActivationName>,
    ) -> Result<Vec<Layer>> {
        let (along, after) = activation.map_or((Activation::Linear, None), ActivationName::parts);
        let layer = match self.gain {
            Some(gain) => Conv2d::orthogonal(params, name, config, along, gain)?,
            None => Conv2d::new(params, name, config, along)?,
        };
        Ok(std::iter::once(layer.into()).chain(after.map(Layer::from)).collect())
    }

    /// The parts of IMPALA's network up to the last activation, for images of so many `channels`.
    fn residual(
        &self,
        params: &Params,
        prefix: &str,
        (mut channels, activation): (usize, ActivationName),
    ) -> Result<Vec<Layer>> {
        let same =
            |inputs, outputs| Conv2dConfig { padding: 1, ..Conv2dConfig::new(inputs, outputs, 3) };
        let mut layers = Vec::new();
        for (part, filters) in (1..).zip(BLOCKS) {
            let name = |layer: &str| format!("{prefix}part{part}.{layer}");
            layers.extend(self.convolution(
                params,
                &name("conv"),
                same(channels, filters),
                None,
            )?);
            layers.push(MaxPool2d::spaced(3, 2, 1)?.into()); // [B, filters, ⌈H/2⌉, ⌈W/2⌉]
            for block in ["block1", "block2"] {
                let conv = |layer: &str, activation| {
                    let name = name(&format!("{block}.{layer}"));
                    self.convolution(params, &name, same(filters, filters), activation)
                };
                let first = conv("conv1", Some(activation))?;
                let inside = std::iter::once(activation.layer()).chain(first);
                layers.push(Skip::new(inside.chain(conv("conv2", None)?).collect()).into());
            }
            channels = filters;
        }
        Ok(layers)
    }

    /// A dense layer with its normalisation, if it has one, and its activation.
    pub(crate) fn hidden(
        &self,
        params: &Params,
        name: &str,
        sizes: [usize; 2],
        activation: ActivationName,
    ) -> Result<Vec<Layer>> {
        if self.layer_norm {
            let mut layers = vec![self.dense(params, name, sizes, Activation::Linear)?];
            layers.extend(normalised(params, &format!("{name}.norm"), sizes[1], activation)?);
            return Ok(layers);
        }
        let (along, after) = activation.parts();
        let layer = self.dense(params, name, sizes, along)?;
        Ok(std::iter::once(layer).chain(after.map(Layer::from)).collect())
    }

    /// A dense layer like its own.
    pub(crate) fn dense(
        &self,
        params: &Params,
        name: &str,
        sizes: [usize; 2],
        activation: Activation,
    ) -> Result<Layer> {
        match self.noisy {
            Some(sigma) => Ok(Noisy::new(params, name, sizes, activation, sigma)?.into()),
            None => dense(params, name, sizes, activation, self.gain),
        }
    }
}

/// A normalisation of `features` numbers, and the activation after it.
fn normalised(
    params: &Params,
    name: &str,
    features: usize,
    activation: ActivationName,
) -> Result<Vec<Layer>> {
    let (along, after) = activation.parts();
    let norm = LayerNorm::new(params, name, features, along)?;
    Ok(std::iter::once(norm.into()).chain(after.map(Layer::from)).collect())
}

/// The name of the layer `i` of several, or of `count` one.
fn numbered(name: &str, i: usize, count: usize) -> String {
    if count == 1 { name.to_owned() } else { format!("{name}{}", i + 1) }
}

/// A dense layer, orthogonal with this gain where there is one.
pub(crate) fn dense(
    params: &Params,
    name: &str,
    sizes: [usize; 2],
    activation: Activation,
    gain: Option<f64>,
) -> Result<Layer> {
    let layer = match gain {
        Some(gain) => Linear::orthogonal(params, name, sizes, activation, gain)?,
        None => Linear::new(params, name, sizes[0], sizes[1], activation)?,
    };
    Ok(layer.into())
}

/// The layers of Q before the last one: ReLU, initialised as in PyTorch.
pub(crate) fn q_body(network: NetworkName, hidden: &Hidden) -> Body {
    Body {
        network,
        hidden: hidden.clone(),
        activation: None,
        usual: ActivationName::Relu,
        gain: None,
        noisy: None,
        layer_norm: false,
    }
}

/// A network from observations `[B, …]` to one value per action, `[B, A]`, with ReLU between its layers.
///
/// # Errors
/// [`BadValue`] where the network does not take such observations.
pub fn q_network(
    params: &Params,
    spec: &Spec,
    network: NetworkName,
    hidden: &Hidden,
) -> Result<Sequential> {
    let (mut layers, features) = q_body(network, hidden).layers(params, "", spec)?;
    let sizes = [features, spec.n_actions()];
    layers.push(dense(params, "out", sizes, Activation::Linear, None)?); // [B, A]
    Ok(Sequential::new(layers))
}

#[cfg(test)]
mod tests;
