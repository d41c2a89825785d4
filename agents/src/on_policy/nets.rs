//! Policy and critic networks of policy-gradient learners.
use crate::Hidden;
use crate::masks;
use crate::memory::Sizes;
use crate::net::{Body, Net, NetworkName, dense};
use crate::on_policy::heads::{ActionDistribution, Head};
use anyhow::{Context as _, Result};
use candle_core::{Device, Module, Tensor};
use envs::Spec;
use nn::onnx::{Graph, Value};
use nn::{Activation, ActivationName, Layer, Params, Sequential};
use serde::{Deserialize, Serialize};
use std::rc::Rc;

/// Layers that policy and critic share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sharing {
    /// Nothing: each has its own layers.
    Separate,
    /// All layers but the last.
    Shared,
}

/// Initialisation of weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// Orthogonal with gain √2 in hidden layers, 0.01 for the policy, 1 for the critic; biases 0
    /// (Huang et al. 2022, detail 2).
    Orthogonal,
    /// U(±1/√inputs), as in PyTorch.
    FanIn,
}

/// Form and initialisation of networks.
#[derive(Debug, Clone)]
pub struct Shape {
    /// Kind of network.
    pub network: NetworkName,
    /// Units of its hidden layers.
    pub hidden: Hidden,
    /// Activation of all layers but the last, where it is not the usual one.
    pub activation: Option<ActivationName>,
    /// Features are normalised before the activation of dense layers and of the last convolution.
    pub layer_norm: bool,
    /// Initialisation of weights.
    pub start: Start,
    /// log σ at first, where actions are vectors.
    pub log_std: f64,
}

/// A part of a learner that is a network of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// `policy` or `critic`. Both may lie in one store, where names of parameters begin with it.
    pub name: &'static str,
    /// Length of a row of outputs: A logits or D means of a policy; of a critic 1, or A for Q.
    pub outputs: usize,
}

/// Makes the networks of a learner: from observations `[B, …]` to `[B, outputs]`.
pub type MakeNet<'a> = &'a dyn Fn(Params, &Spec, Part) -> Result<Net>;

/// Gain of the policy's last layer: at first every action is about as probable as every other.
const POLICY_GAIN: f64 = 0.01;

/// Gain of the critic's last layer.
const CRITIC_GAIN: f64 = 1.0;

/// A policy's outputs, `[B, A]` logits or `[B, D]` means, and a critic's values `[B, outputs]`.
#[derive(Clone)]
pub struct ActorCriticNet {
    /// Shared layers, policy and critic.
    nets: [Net; 3],
    /// The networks that learn, or those without gradients.
    side: fn(&Net) -> &Rc<dyn Module>,
    /// Head of the policy.
    pub head: Head,
}

impl ActorCriticNet {
    /// New networks in `params`, and the same without gradients; the critic has one output, or one for
    /// every action.
    ///
    /// # Errors
    /// If there is no such network for the observation's shape.
    pub fn new(
        params: &Params,
        spec: &Spec,
        sharing: Sharing,
        shape: &Shape,
        outputs: usize,
    ) -> Result<[Self; 2]> {
        let head = Head::new(params, spec, shape.log_std)?;
        let (policy, critic) = (Part::policy(&head), Part::critic(outputs));
        let net = |layers| Net::new(params.clone(), Sequential::new(layers));
        match sharing {
            Sharing::Separate => {
                let (policy, critic) =
                    (shape.layers(params, spec, policy)?, shape.layers(params, spec, critic)?);
                Ok(Self::pair(net(Vec::new()), net(policy), net(critic), head))
            }
            Sharing::Shared => {
                let (trunk, features) = shape.body().layers(params, "shared.", spec)?;
                let last = |part| Ok::<_, anyhow::Error>(vec![shape.last(params, features, part)?]);
                Ok(Self::pair(net(trunk), net(last(policy)?), net(last(critic)?), head))
            }
        }
    }

    /// Networks that `make` makes, each on its own, and the same without gradients.
    pub(crate) fn made(
        params: &Params,
        spec: &Spec,
        make: MakeNet,
        (log_std, outputs): (f64, usize),
    ) -> Result<[Self; 2]> {
        let head = Head::new(params, spec, log_std)?;
        let policy = Part::policy(&head).made(params, spec, make)?;
        let critic = Part::critic(outputs).made(params, spec, make)?;
        let trunk = Net::new(params.clone(), Sequential::new(Vec::new()));
        Ok(Self::pair(trunk, policy, critic, head))
    }

    fn pair(trunk: Net, policy: Net, critic: Net, head: Head) -> [Self; 2] {
        let (nets, frozen) = ([trunk, policy, critic], head.frozen());
        [
            Self { nets: nets.clone(), side: |net| &net.online, head },
            Self { nets, side: |net| &net.frozen, head: frozen },
        ]
    }

    /// Adds the networks to an ONNX graph, for observations `[B, …]`: the outputs of the policy, for its
    /// [`Head`], and those of the critic.
    pub(crate) fn nodes(&self, graph: &mut Graph, obs: Value) -> Result<[Value; 2]> {
        let [trunk, policy, critic] = &self.nets;
        let features = trunk.nodes(graph, obs)?;
        Ok([policy.nodes(graph, features.clone())?, critic.nodes(graph, features)?])
    }

    /// π(·|s) and values `[B, outputs]` for observations `[B, …]`.
    ///
    /// # Errors
    /// Errors of the layers.
    pub fn forward(&self, obs: &Tensor) -> candle_core::Result<(ActionDistribution, Tensor)> {
        self.masked(obs, None)
    }

    /// [`forward`](Self::forward) with numbers `masks` `[B, A]` added to the logits, where states lack actions.
    pub(crate) fn masked(
        &self,
        obs: &Tensor,
        masks: Option<&Tensor>,
    ) -> candle_core::Result<(ActionDistribution, Tensor)> {
        let [trunk, policy, critic] = self.nets.each_ref().map(self.side);
        let features = trunk.forward(obs)?;
        let outputs = masks::with(policy.forward(&features)?, masks)?;
        Ok((self.head.policy(&outputs)?, critic.forward(&features)?))
    }

    /// Device of its parameters.
    pub(crate) fn device(&self) -> &Device {
        self.nets[1].params.device()
    }

    /// Outputs of the policy alone, for its [`Head`]: `[B, A]` or `[B, D]`.
    ///
    /// # Errors
    /// Errors of the layers.
    pub fn outputs(&self, obs: &Tensor) -> candle_core::Result<Tensor> {
        let [trunk, policy, _] = self.nets.each_ref().map(self.side);
        policy.forward(&trunk.forward(obs)?)
    }
}

impl Part {
    /// The policy, whose outputs `head` reads.
    pub(crate) fn policy(head: &Head) -> Self {
        Self { name: "policy", outputs: head.outputs() }
    }

    /// A critic with so many outputs.
    pub(crate) fn critic(outputs: usize) -> Self {
        Self { name: "critic", outputs }
    }

    /// The network that `make` makes for this part.
    pub(crate) fn made(self, params: &Params, spec: &Spec, make: MakeNet) -> Result<Net> {
        let net = make(params.clone(), spec, self)?;
        net.check(spec, self.outputs)
            .with_context(|| format!("the network of the {}", self.name))?;
        Ok(net)
    }
}

impl Shape {
    /// The layers before the last one: tanh in an `mlp`, unless told otherwise.
    pub(crate) fn body(&self) -> Body {
        let Self { network, activation, layer_norm, start, .. } = *self;
        let gain = start.gain(std::f64::consts::SQRT_2);
        let (hidden, usual) = (self.hidden.clone(), ActivationName::Tanh);
        Body { network, hidden, activation, usual, gain, noisy: None, layer_norm }
    }

    /// Sizes of the layers as memory counts them: none of a network that `made` makes.
    pub(crate) fn sizes(&self, spec: &Spec, made: Option<MakeNet>) -> Result<Sizes> {
        match made {
            Some(_) => Ok(Sizes { widths: vec![spec.obs_len()], maps: 0 }),
            None => Ok(self.body().sizes(spec)?),
        }
    }

    /// A network for `part` alone.
    ///
    /// # Errors
    /// If there is no such network for the observation's shape.
    pub(crate) fn net(&self, params: Params, spec: &Spec, part: Part) -> Result<Net> {
        let layers = self.layers(&params, spec, part)?;
        Ok(Net::new(params, Sequential::new(layers)))
    }

    fn layers(&self, params: &Params, spec: &Spec, part: Part) -> Result<Vec<Layer>> {
        let (mut layers, features) =
            self.body().layers(params, &format!("{}.", part.name), spec)?;
        layers.push(self.last(params, features, part)?);
        Ok(layers)
    }

    fn last(&self, params: &Params, features: usize, part: Part) -> Result<Layer> {
        let gain = if part.name == "policy" { POLICY_GAIN } else { CRITIC_GAIN };
        let (name, sizes) = (format!("{}.out", part.name), [features, part.outputs]);
        dense(params, &name, sizes, Activation::Linear, self.start.gain(gain))
    }
}

impl Start {
    /// The gain of an orthogonal layer; another initialisation has none.
    fn gain(self, gain: f64) -> Option<f64> {
        (self == Self::Orthogonal).then_some(gain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use envs::{Breakout, CartPole, Env as _, Pendulum};
    use train::testing::device;

    #[test]
    fn shapes_and_parameters_are_as_stated() {
        let (network, hidden) = (NetworkName::Auto, Hidden::Each(8));
        let (start, log_std, activation) = (Start::Orthogonal, -1.0, None);
        let shape = Shape { network, hidden, activation, layer_norm: false, start, log_std };
        let specs =
            [CartPole::default().spec(), Breakout::default().spec(), Pendulum::default().spec()];
        for (spec, outputs_of_policy) in specs.iter().zip([2, 3, 1]) {
            for (sharing, outputs) in [(Sharing::Separate, 1), (Sharing::Shared, 3)] {
                let params = Params::new(1, device());
                let [net, frozen] =
                    ActorCriticNet::new(&params, spec, sharing, &shape, outputs).unwrap();
                let dims: Vec<_> = [5].iter().chain(&spec.obs_shape).copied().collect();
                let obs = Tensor::ones(dims, candle_core::DType::F32, device()).unwrap();
                let (policy, values) = net.forward(&obs).unwrap();
                let logits = net.outputs(&obs).unwrap();
                assert_eq!(logits.dims(), [5, outputs_of_policy]);
                assert_eq!(values.dims(), [5, outputs]);
                let bits = |t: &Tensor| t.to_vec2::<f32>().unwrap();
                assert_eq!(bits(&frozen.outputs(&obs).unwrap()), bits(&logits));
                let (frozen_policy, frozen_values) = frozen.forward(&obs).unwrap();
                assert_eq!(bits(&frozen_values), bits(&values));
                let entropy = |policy: &ActionDistribution| policy.entropy().unwrap();
                let bits = |t: &Tensor| t.to_vec1::<f32>().unwrap();
                assert_eq!(bits(&entropy(&frozen_policy)), bits(&entropy(&policy)));
                assert!(entropy(&policy).track_op() && !entropy(&frozen_policy).track_op());
                // Every action is nearly as probable as every other.
                let largest = logits.abs().unwrap().max_all().unwrap();
                assert!(largest.to_scalar::<f32>().unwrap() < 0.1);
                let names: Vec<_> = params.named().into_iter().map(|(name, _)| name).collect();
                let bodies = names.iter().filter(|name| name.ends_with("weight")).count();
                let shared = names.iter().any(|name| name.starts_with("shared."));
                assert_eq!(shared, sharing == Sharing::Shared);
                assert_eq!(bodies, if shared { 4 } else { 6 });
                let vectors = spec.action_len() > 0;
                assert_eq!(names.iter().any(|name| name == "policy.log_std"), vectors);
            }
        }
    }
}
