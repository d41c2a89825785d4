//! Shared machinery of actor-critic learners: networks, collector, and the gradient step on
//! L = L_π + c_v·L_v − c_e·mean H(π(·|s)).
use super::collector::Collector;
use super::heads::ActionDistribution;
use super::nets::{ActorCriticNet, MakeNet, Shape, Sharing};
use super::scaling::Scaling;
use crate::acting::Acting;
use crate::actions::{ActionBatch, Mode, discrete_actions};
use crate::tabular::{Model, Table, one_hot_batches};
use crate::{ActDevice, MakeEnv, masks, memory};
use anyhow::Result;
use candle_core::{Device, Tensor};
use nn::onnx::Export;
use nn::{Optimizer, OptimizerConfig, Params};
use serde::{Deserialize, Serialize};
use train::{BadValue, Checkpoint, Download as _, Linear, Log, MODEL, Rng};

/// Settings of an [`OnPolicyTrainer`].
pub(crate) struct Setup {
    /// N, environments stepped together.
    pub(crate) n_envs: usize,
    /// T, steps of a rollout.
    pub(crate) rollout: usize,
    pub(crate) act_device: ActDevice,
    pub(crate) critic: Critic,
    pub(crate) sharing: Sharing,
    pub(crate) shape: Shape,
    pub(crate) scaling: Scaling,
    pub(crate) optimizer: OptimizerConfig,
    /// Initial learning rate.
    pub(crate) lr: f64,
    /// Final learning rate, as a fraction of the initial one.
    pub(crate) lr_end: f64,
    /// Transitions over which it changes.
    pub(crate) lr_steps: u64,
    /// c_v.
    pub(crate) value_coef: f64,
    /// c_e.
    pub(crate) entropy_coef: f64,
}

/// Target of the critic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Critic {
    /// V(s); actions are weighed by the advantage Q(s, a) − V(s), estimated by returns.
    Advantage,
    /// Q(s, a), by which actions are weighed; V(s) = Σₐ π(a|s)·Q(s, a).
    Q,
}

/// Networks, optimiser and collector of an actor-critic learner. `B` is T·N.
pub(crate) struct OnPolicyTrainer {
    pub(crate) params: Params,
    pub(crate) net: ActorCriticNet,
    /// The networks without gradients.
    pub(crate) frozen: ActorCriticNet,
    acting: Acting<ActorCriticNet>,
    pub(crate) collector: Collector,
    setup: Setup,
    optimizer: Optimizer,
    /// Transitions so far.
    transitions: u64,
}

impl OnPolicyTrainer {
    /// At the start of the first episodes, untrained; with networks that `network` makes, if it is given.
    pub(crate) fn new(
        make: MakeEnv,
        setup: Setup,
        (seed, device): (u64, &Device),
        network: Option<MakeNet>,
    ) -> Result<Self> {
        let spec = make().spec();
        let sizes = setup.shape.sizes(&spec, network)?;
        memory::steps(&spec, setup.rollout, setup.n_envs, &sizes).check()?;
        let lengths = [setup.n_envs, setup.rollout];
        let devices = setup.act_device.beside(device);
        let collector = Collector::of_steps(make, lengths, setup.scaling, (seed, devices))?;
        let spec = collector.spec();
        let params = Params::new(seed, device);
        let outputs = match setup.critic {
            Critic::Advantage => 1,
            Critic::Q => discrete_actions(spec).map_err(|_| {
                let fits = "has one output for each action, and those of this environment are \
                            vectors; use --critic advantage";
                BadValue::new("critic", "q", fits)
            })?,
        };
        let log_std = setup.shape.log_std;
        let networks = |params: &Params| match network {
            Some(make) => ActorCriticNet::made(params, spec, make, (log_std, outputs)),
            None => ActorCriticNet::new(params, spec, setup.sharing, &setup.shape, outputs),
        };
        let [net, frozen] = networks(&params)?;
        let acting = setup.act_device.networks(&params, &frozen, |params| {
            let [_, frozen] = networks(params)?;
            Ok(frozen)
        })?;
        Ok(Self {
            optimizer: Optimizer::new(&params, setup.optimizer)?,
            transitions: 0,
            collector,
            setup,
            params,
            net,
            frozen,
            acting,
        })
    }

    /// Steps every copy with an action drawn from the policy; whether the rollout is full then.
    pub(crate) fn step(&mut self, log: &mut Log) -> Result<bool> {
        let Self { collector, acting: Acting { net, .. }, .. } = self;
        self.transitions += collector.step(&net.head, |obs, _| net.outputs(obs), log)? as u64;
        Ok(collector.is_full())
    }

    /// One step of the optimiser on L, for losses that are scalars; the learning rate follows its
    /// schedule.
    pub(crate) fn descend(
        &mut self,
        policy_loss: &Tensor,
        value_loss: &Tensor,
        policy: &ActionDistribution,
        log: &mut Log,
    ) -> Result<()> {
        let Setup { lr, lr_end, lr_steps, value_coef, entropy_coef, .. } = self.setup;
        let entropy = policy.entropy()?.mean_all()?;
        log.tensor("train/policy_loss", policy_loss)?;
        log.tensor("train/value_loss", value_loss)?;
        log.tensor("train/entropy", &entropy)?;
        let mut loss = (policy_loss + (value_loss * value_coef)?)?;
        if entropy_coef > 0.0 {
            loss = (loss - (entropy * entropy_coef)?)?;
        }
        let fraction = Linear { from: 1.0, to: lr_end, over: lr_steps }.at(self.transitions);
        self.optimizer.set_lr(lr * fraction);
        log.tensor("train/grad_norm", &self.optimizer.step(&loss)?.grad_norm)?;
        log.updated();
        Ok(())
    }

    /// V of the next states of the rollout, where returns ask for it, `[B]`.
    pub(crate) fn next_values(&self) -> Result<Vec<f32>> {
        let masks = self.collector.next_masks()?;
        let (policy, critic) = self.frozen.masked(&self.collector.next_obs()?, masks.as_ref())?;
        let values: Vec<f32> = state_values(&policy, &critic)?.download()?;
        let (truncated, current) = values.split_at(values.len() - self.collector.n());
        let mut next_values = vec![0.0; self.collector.rollout.len()];
        self.collector.rollout.next_values(truncated, current, &mut next_values);
        Ok(next_values)
    }

    /// The policy for observations one after the other, B of them.
    pub(crate) fn policy(&self, obs: &[f32]) -> Result<ActionDistribution> {
        Ok(self.frozen.head.policy(&self.frozen.outputs(&self.collector.tensor(obs)?)?)?)
    }

    /// Ends an update: begins the next rollout with what was learned.
    pub(crate) fn end_update(&mut self) -> Result<()> {
        self.collector.clear();
        self.acting.follow(&self.params)
    }

    /// See [`Agent::policy`](crate::Agent::policy).
    pub(crate) fn policy_of(&self, raw: &[f32]) -> Result<ActionDistribution> {
        let net = &self.acting.net;
        Ok(net.head.policy(&net.outputs(&self.collector.scale(raw)?)?)?)
    }

    /// See [`Agent::q_values`](crate::Agent::q_values).
    pub(crate) fn q_values(&self, raw: &[f32]) -> Result<Option<Vec<f64>>> {
        if self.setup.critic == Critic::Advantage {
            return Ok(None);
        }
        let (_, q) = self.acting.net.forward(&self.collector.scale(raw)?)?; // [N, A]
        let q: Vec<f32> = q.flatten_all()?.to_vec1()?;
        Ok(Some(q.into_iter().map(f64::from).collect()))
    }

    /// See [`Agent::act`](crate::Agent::act).
    pub(crate) fn act(
        &self,
        obs: &[f32],
        mode: Mode,
        rngs: &mut [Rng],
        actions: &mut ActionBatch,
    ) -> Result<()> {
        self.acting.net.head.act(&self.outputs(obs)?, mode, rngs, actions)
    }

    /// Outputs of the policy's network for raw observations, row by row.
    fn outputs(&self, obs: &[f32]) -> Result<Vec<f32>> {
        Ok(self.acting.net.outputs(&self.collector.scale(obs)?)?.download()?)
    }

    /// See [`Agent::table`](crate::Agent::table): V, the most probable actions, and Q where the critic
    /// has it.
    pub(crate) fn table(&self, model: &Model) -> Result<Table> {
        const ROWS: usize = 256;
        let actions = model.n_actions();
        let mut table = Table::unknown(model);
        for (first, obs) in one_hot_batches(model.n_states(), ROWS) {
            let logits = self.outputs(&obs)?; // [rows, A]
            let net = &self.acting.net;
            let masks = self.collector.masked().map(|n| {
                let rows = obs.len() / model.n_states();
                let mut allowed = vec![0; rows * n];
                for (row, allowed) in allowed.chunks_exact_mut(n).enumerate() {
                    let pairs = model.pairs(first + row);
                    pairs.for_each(|pair| allowed[model.action(pair)] = 1);
                }
                masks::tensor(&allowed, n, net.device())
            });
            let (policy, critic) =
                net.masked(&self.collector.scale(&obs)?, masks.transpose()?.as_ref())?;
            let values: Vec<f32> = state_values(&policy, &critic)?.download()?;
            let q: Vec<Vec<f32>> = critic.to_vec2()?; // [rows, 1] or [rows, A]
            for (row, (value, q)) in values.into_iter().zip(q).enumerate() {
                let state = first + row;
                table.set(model, state, |action| f64::from(logits[row * actions + action]));
                if table.policy[state].is_some() {
                    table.values[state] = f64::from(value);
                }
                for (action, known) in table.q[state * actions..][..actions].iter_mut().enumerate()
                {
                    let q = if q.len() == actions { f64::from(q[action]) } else { f64::NAN };
                    *known = if known.is_nan() { f64::NAN } else { q };
                }
            }
        }
        Ok(table)
    }

    /// See [`Agent::exports`](crate::Agent::exports): policy and critic as one graph.
    pub(crate) fn exports(&self) -> Vec<Export<'_>> {
        vec![Export::new("policy", || {
            let (mut graph, obs) = self.collector.observed()?;
            let [outputs, critic] = self.frozen.nodes(&mut graph, obs)?;
            self.frozen.head.name_outputs(&mut graph, outputs)?;
            let name = match self.setup.critic {
                Critic::Advantage => "value", // [B, 1]
                Critic::Q => "q_values",      // [B, A]
            };
            graph.output(name, critic);
            Ok(graph)
        })]
    }

    /// Saves or loads networks, optimiser, environments, and the rollout as far as it has come.
    pub(crate) fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.params.state(MODEL, checkpoint)?;
        self.acting.follow(&self.params)?;
        self.collector.scaler_state(checkpoint)?;
        self.optimizer.state("optimizer", checkpoint)?;
        self.collector.state(checkpoint)?;
        checkpoint.count("transitions", &mut self.transitions)
    }
}

/// V(s) `[B]` from a critic's outputs: themselves where they are `[B, 1]`, or Σₐ π(a|s)·Q(s, a) where it
/// is `[B, A]`.
pub(crate) fn state_values(
    policy: &ActionDistribution,
    critic: &Tensor,
) -> candle_core::Result<Tensor> {
    match critic.dim(1)? {
        1 => critic.squeeze(1),
        _ => policy.expected(critic),
    }
}

#[cfg(test)]
mod tests;
