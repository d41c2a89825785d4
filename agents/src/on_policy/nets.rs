//! Policy and critic networks of policy-gradient learners.
use crate::on_policy::heads::{Head, Policy};
use candle_core::{Module, Result, Tensor, bail};
use envs::Spec;
use nn::onnx::{Graph, Value};
use nn::{Activation, Conv2d, Conv2dConfig, Flatten, Frozen, Layer, Linear, Params, Sequential};
use serde::{Deserialize, Serialize};

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

/// Size and initialisation of networks.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Units in each hidden layer.
    pub hidden: usize,
    /// Initialisation of weights.
    pub start: Start,
    /// log σ at first, where actions are vectors.
    pub log_std: f64,
}

/// Gain of the policy's last layer: at first every action is about as probable as every other.
const POLICY_GAIN: f64 = 0.01;

/// Gain of the critic's last layer.
const CRITIC_GAIN: f64 = 1.0;

/// A policy's outputs, `[B, A]` logits or `[B, D]` means, and a critic's values `[B, outputs]`.
pub struct ActorCriticNet<N> {
    trunk: N,
    policy: N,
    critic: N,
    /// Head of the policy.
    pub head: Head,
}

impl ActorCriticNet<Sequential> {
    /// New networks in `params`; the critic has one output, or one for every action.
    ///
    /// # Errors
    /// If the observation's shape has no network.
    pub fn new(
        params: &Params,
        spec: &Spec,
        sharing: Sharing,
        shape: Shape,
        outputs: usize,
    ) -> Result<Self> {
        let (trunk, policy, critic) = match sharing {
            Sharing::Separate => (
                Vec::new(),
                body(params, "policy", spec, shape)?,
                body(params, "critic", spec, shape)?,
            ),
            Sharing::Shared => (body(params, "shared", spec, shape)?, Vec::new(), Vec::new()),
        };
        let last = |mut layers: Vec<Layer>, name, outputs, gain| {
            layers.push(dense(params, name, [shape.hidden, outputs], shape.start.linear(gain))?);
            Ok::<_, candle_core::Error>(Sequential::new(layers))
        };
        let head = Head::new(params, spec, shape.log_std)?;
        Ok(Self {
            trunk: Sequential::new(trunk),
            policy: last(policy, "policy.out", head.outputs(), POLICY_GAIN)?,
            critic: last(critic, "critic.out", outputs, CRITIC_GAIN)?,
            head,
        })
    }

    /// The networks without gradients: see [`Sequential::frozen`].
    pub fn frozen(&self) -> ActorCriticNet<Frozen> {
        ActorCriticNet {
            trunk: self.trunk.frozen(),
            policy: self.policy.frozen(),
            critic: self.critic.frozen(),
            head: self.head.frozen(),
        }
    }
}

impl ActorCriticNet<Frozen> {
    /// Adds the networks to an ONNX graph, for observations `[B, …]`: the outputs of the policy, for its
    /// [`Head`], and those of the critic.
    pub(crate) fn nodes(&self, graph: &mut Graph, obs: Value) -> Result<[Value; 2]> {
        let features = self.trunk.nodes(graph, obs)?;
        Ok([self.policy.nodes(graph, features.clone())?, self.critic.nodes(graph, features)?])
    }
}

impl<N: Module> ActorCriticNet<N> {
    /// π(·|s) and values `[B, outputs]` for observations `[B, …]`.
    ///
    /// # Errors
    /// Errors of the layers.
    pub fn forward(&self, obs: &Tensor) -> Result<(Policy, Tensor)> {
        let features = self.trunk.forward(obs)?;
        let policy = self.head.policy(&self.policy.forward(&features)?)?;
        Ok((policy, self.critic.forward(&features)?))
    }

    /// Outputs of the policy alone, for its [`Head`]: `[B, A]` or `[B, D]`.
    ///
    /// # Errors
    /// Errors of the layers.
    pub fn outputs(&self, obs: &Tensor) -> Result<Tensor> {
        self.policy.forward(&self.trunk.forward(obs)?)
    }
}

/// A policy's network alone, observations `[B, …]` to `[B, A]` logits or `[B, D]` means, and how
/// actions follow from them.
///
/// # Errors
/// If the observation's shape has no network.
pub fn policy_network(params: &Params, spec: &Spec, shape: Shape) -> Result<(Sequential, Head)> {
    let mut layers = body(params, "policy", spec, shape)?;
    let head = Head::new(params, spec, shape.log_std)?;
    let sizes = [shape.hidden, head.outputs()];
    layers.push(dense(params, "policy.out", sizes, shape.start.linear(POLICY_GAIN))?);
    Ok((Sequential::new(layers), head))
}

/// A critic's network alone: observations `[B, …]` to values `[B, 1]`.
///
/// # Errors
/// If the observation's shape has no network.
pub fn critic_network(params: &Params, spec: &Spec, shape: Shape) -> Result<Sequential> {
    let mut layers = body(params, "critic", spec, shape)?;
    let linear = shape.start.linear(CRITIC_GAIN);
    layers.push(dense(params, "critic.out", [shape.hidden, 1], linear)?);
    Ok(Sequential::new(layers))
}

/// The layers up to the last one, chosen by the observation's shape:
///
/// - `[features]`: two layers of `hidden` units, tanh.
/// - `[channels, height, width]`: MinAtar's, 16 filters of 3×3 and one layer of `hidden` units, ReLU.
fn body(params: &Params, name: &str, spec: &Spec, shape: Shape) -> Result<Vec<Layer>> {
    let Shape { hidden, start, .. } = shape;
    let layer = |layer: &str, inputs, activation| {
        let form = Form { activation, ..start.linear(std::f64::consts::SQRT_2) };
        dense(params, &format!("{name}.{layer}"), [inputs, hidden], form)
    };
    match spec.obs_shape[..] {
        [features] => Ok(vec![
            layer("hidden1", features, Activation::Tanh)?, // [B, hidden]
            layer("hidden2", hidden, Activation::Tanh)?,   // [B, hidden]
        ]),
        [inputs, height, width] if height >= 3 && width >= 3 => {
            let filters = Conv2dConfig::new(inputs, 16, 3);
            let (conv, relu) = (format!("{name}.conv"), Activation::Relu);
            let conv = match start {
                Start::Orthogonal => {
                    Conv2d::orthogonal(params, &conv, filters, relu, std::f64::consts::SQRT_2)?
                }
                Start::FanIn => Conv2d::new(params, &conv, filters, relu)?,
            };
            let features = 16 * (height - 2) * (width - 2);
            // [B, 16, H-2, W-2], [B, features], [B, hidden]
            Ok(vec![conv.into(), Flatten.into(), layer("hidden", features, relu)?])
        }
        _ => bail!(
            "observations of shape {:?}: expected [features], or [channels, height, width] of at \
             least 3×3",
            spec.obs_shape
        ),
    }
}

/// Activation and initialisation of a fully connected layer.
struct Form {
    activation: Activation,
    /// Gain of an orthogonal initialisation; `None` for any other.
    gain: Option<f64>,
}

impl Start {
    fn linear(self, gain: f64) -> Form {
        let gain = (self == Self::Orthogonal).then_some(gain);
        Form { activation: Activation::Linear, gain }
    }
}

fn dense(params: &Params, name: &str, sizes: [usize; 2], form: Form) -> Result<Layer> {
    let Form { activation, gain } = form;
    let layer = match gain {
        Some(gain) => Linear::orthogonal(params, name, sizes, activation, gain)?,
        None => Linear::new(params, name, sizes[0], sizes[1], activation)?,
    };
    Ok(layer.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;
    use envs::{Breakout, CartPole, Env as _, Pendulum};

    #[test]
    fn shapes_and_parameters_are_as_stated() {
        let shape = Shape { hidden: 8, start: Start::Orthogonal, log_std: -1.0 };
        let specs =
            [CartPole::default().spec(), Breakout::default().spec(), Pendulum::default().spec()];
        for (spec, outputs_of_policy) in specs.iter().zip([2, 3, 1]) {
            for (sharing, outputs) in [(Sharing::Separate, 1), (Sharing::Shared, 3)] {
                let params = Params::new(1, &Device::Cpu);
                let net = ActorCriticNet::new(&params, spec, sharing, shape, outputs).unwrap();
                let dims: Vec<_> = [5].iter().chain(&spec.obs_shape).copied().collect();
                let obs = Tensor::ones(dims, candle_core::DType::F32, &Device::Cpu).unwrap();
                let (policy, values) = net.forward(&obs).unwrap();
                let logits = net.outputs(&obs).unwrap();
                assert_eq!(logits.dims(), [5, outputs_of_policy]);
                assert_eq!(values.dims(), [5, outputs]);
                let frozen = net.frozen();
                let bits = |t: &Tensor| t.to_vec2::<f32>().unwrap();
                assert_eq!(bits(&frozen.outputs(&obs).unwrap()), bits(&logits));
                let (frozen_policy, frozen_values) = frozen.forward(&obs).unwrap();
                assert_eq!(bits(&frozen_values), bits(&values));
                let entropy = |policy: &Policy| policy.entropy().unwrap();
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
