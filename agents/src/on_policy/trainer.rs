//! What actor-critic learners share: networks, environments, the rollout under way, and the step on
//! L = L_π + c_v·L_v − c_e·mean H(π(·|s)).
use crate::agent::{ActionBatch, Mode};
use crate::on_policy::heads::Policy;
use crate::on_policy::nets::{ActorCriticNet, Shape, Sharing};
use crate::on_policy::rollout::Rollout;
use crate::on_policy::scaling::{Scaler, Scaling};
use crate::tabular::{Model, Table};
use crate::{MakeEnv, discrete_actions, evaluate, memory};
use anyhow::Result;
use candle_core::{Device, Tensor};
use envs::{Spec, VecEnv};
use nn::{Frozen, HostTensor, Optimizer, OptimizerConfig, Params, Sequential};
use serde::{Deserialize, Serialize};
use train::{BadValue, Checkpoint, FirstUpdate, Linear, Log, MODEL, Memory, Rng, stream};

/// What an [`OnPolicyTrainer`] is made from.
pub(crate) struct Setup {
    /// N, environments stepped together.
    pub(crate) n_envs: usize,
    /// T, steps of a rollout.
    pub(crate) rollout: usize,
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

impl Setup {
    /// What all of it takes in an environment like `spec`.
    fn memory(&self, spec: &Spec) -> Memory {
        let Self { n_envs, rollout, shape: Shape { hidden, .. }, .. } = *self;
        let mut memory = Memory::default();
        memory::copies(&mut memory, n_envs, spec);
        // Two networks, with gradients and moments.
        memory::networks(&mut memory, hidden, (spec, spec.action_width()), 8);
        memory::pass(
            &mut memory,
            ("rollout", rollout),
            &[("n_envs", n_envs), ("hidden", hidden)],
            [rollout, n_envs],
            (spec, hidden),
        );
        memory
    }
}

/// What the critic learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Critic {
    /// V(s); actions are weighed by the advantage Q(s, a) − V(s), estimated by returns.
    Advantage,
    /// Q(s, a), by which actions are weighed; V(s) = Σₐ π(a|s)·Q(s, a).
    Q,
}

/// Acts by its policy and remembers what came of it, until a learner takes the rollout. `B` is T·N.
pub(crate) struct OnPolicyTrainer {
    pub(crate) make: MakeEnv,
    pub(crate) params: Params,
    pub(crate) net: ActorCriticNet<Sequential>,
    pub(crate) acting: ActorCriticNet<Frozen>,
    /// Observations and rewards as they are learned from.
    pub(crate) rollout: Rollout,
    setup: Setup,
    optimizer: Optimizer,
    scaler: Scaler,
    envs: VecEnv,
    /// Transitions so far.
    transitions: u64,
    seed: u64,
    device: Device,
    /// What the networks see of the present states, `[N, obs_len]`, and as a tensor `[N, …]`.
    seen: Vec<f32>,
    obs: HostTensor<f32>,
    /// `[N, W]`
    actions: Vec<f32>,
    rng: Rng,
}

impl OnPolicyTrainer {
    /// At the start of the first episodes, untrained.
    pub(crate) fn new(make: MakeEnv, setup: Setup, seed: u64, device: &Device) -> Result<Self> {
        let n = setup.n_envs;
        setup.memory(&make().spec()).check()?;
        let rngs = (0..n).map(|i| stream(seed, &format!("env/{i}"))).collect();
        let envs = VecEnv::new(rngs, &make);
        let spec = envs.spec();
        let params = Params::new(seed, device);
        let outputs = match setup.critic {
            Critic::Advantage => 1,
            Critic::Q => discrete_actions(spec).map_err(|_| {
                let fits = "has one output for each action, and those of this environment are \
                            vectors; use --critic advantage";
                BadValue::new("critic", "q", fits)
            })?,
        };
        let net = ActorCriticNet::new(&params, spec, setup.sharing, setup.shape, outputs)?;
        let obs_shape: Vec<_> = [n].iter().chain(&spec.obs_shape).copied().collect();
        let (obs_len, width) = (spec.obs_len(), spec.action_width());
        Ok(Self {
            obs: HostTensor::new(obs_shape, device)?,
            rollout: Rollout::new(setup.rollout * n, obs_len, width),
            optimizer: Optimizer::new(&params, setup.optimizer)?,
            scaler: Scaler::new(setup.scaling, obs_len, n),
            acting: net.frozen(),
            actions: vec![0.0; n * width],
            rng: stream(seed, "policy"),
            device: device.clone(),
            seen: vec![0.0; n * obs_len],
            transitions: 0,
            setup,
            make,
            params,
            net,
            envs,
            seed,
        })
    }

    /// N.
    pub(crate) fn n(&self) -> usize {
        self.envs.n()
    }

    /// Shapes and actions of the environment.
    pub(crate) fn spec(&self) -> &envs::Spec {
        self.envs.spec()
    }

    /// Steps every copy with an action drawn from the policy; whether the rollout is full then.
    pub(crate) fn step(&mut self, log: &mut Log) -> Result<bool> {
        let Self { envs, actions, rollout, scaler, seen, obs, acting, .. } = self;
        scaler.update(envs.obs());
        scaler.obs(envs.obs(), seen);
        obs.fill(|obs| obs.copy_from_slice(seen))?;
        let outputs: Vec<f32> = acting.outputs(obs.tensor())?.flatten_all()?.to_vec1()?;
        acting.head.sample(&outputs, &mut self.rng, actions)?;
        let obs_len = envs.spec().obs_len();
        envs.step_rows(actions, |transition| {
            if let Some(episode) = transition.episode {
                log.scalar("train/return", episode.ret);
                log.scalar("train/length", f64::from(episode.len));
            }
            let copy = transition.index;
            rollout.push(
                &scaler.transition(transition, copy, &seen[copy * obs_len..][..obs_len]),
                copy,
            );
        });
        self.transitions += self.envs.n() as u64;
        Ok(self.rollout.len() >= self.setup.rollout * self.n())
    }

    /// One step of the optimiser on L, for losses that are scalars; the size of the step follows its
    /// schedule.
    pub(crate) fn descend(
        &mut self,
        policy_loss: &Tensor,
        value_loss: &Tensor,
        policy: &Policy,
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
        let part = Linear { from: 1.0, to: lr_end, over: lr_steps }.at(self.transitions);
        self.optimizer.set_lr(lr * part);
        log.scalar("train/grad_norm", self.optimizer.step(&loss)?.grad_norm);
        log.updated();
        Ok(())
    }

    /// See [`Learner::first_update`](train::Learner::first_update): with the first full rollout.
    pub(crate) fn first_update(&self) -> FirstUpdate {
        let (steps, n) = (self.setup.rollout as u64, self.n() as u64);
        let unit = steps * n;
        let waits_for = format!(
            "the first one comes with a full rollout, after {unit} transitions (--rollout {steps} of --n-envs {n})"
        );
        FirstUpdate::at(unit, n, waits_for)
    }

    /// The observations of the rollout, `[B, …]`.
    pub(crate) fn obs(&self) -> Result<Tensor> {
        self.tensor(&self.rollout.obs)
    }

    /// The actions of the rollout, `[B, W]`.
    pub(crate) fn actions(&self) -> Result<Tensor> {
        let shape = (self.rollout.len(), self.spec().action_width());
        Ok(Tensor::from_slice(&self.rollout.actions, shape, &self.device)?)
    }

    /// One number for each transition as a tensor, `[B]`.
    pub(crate) fn column(&self, values: &[f32]) -> Result<Tensor> {
        Ok(Tensor::from_slice(values, values.len(), &self.device)?)
    }

    /// V of the states that transitions of the rollout arrived in, where returns ask for it, `[B]`.
    pub(crate) fn next_values(&self) -> Result<Vec<f32>> {
        let mut obs = self.rollout.finals.clone();
        let finals = obs.len();
        obs.resize(finals + self.envs.obs().len(), 0.0);
        self.scaler.obs(self.envs.obs(), &mut obs[finals..]);
        let (policy, critic) = self.acting.forward(&self.tensor(&obs)?)?;
        let values: Vec<f32> = state_values(&policy, &critic)?.to_vec1()?;
        let (finals, current) = values.split_at(values.len() - self.n());
        let mut next_values = vec![0.0; self.rollout.len()];
        self.rollout.next_values(finals, current, &mut next_values);
        Ok(next_values)
    }

    /// The policy for observations one after the other, B of them.
    pub(crate) fn policy(&self, obs: &[f32]) -> Result<Policy> {
        Ok(self.acting.head.policy(&self.acting.outputs(&self.tensor(obs)?)?)?)
    }

    /// See [`Agent::act`](crate::Agent::act).
    pub(crate) fn act(
        &self,
        obs: &[f32],
        mode: Mode,
        rngs: &mut [Rng],
        actions: &mut ActionBatch,
    ) -> Result<()> {
        self.acting.head.act(&self.outputs(obs)?, mode, rngs, actions)
    }

    /// What the policy's network says of observations as the environment shows them, row by row.
    fn outputs(&self, obs: &[f32]) -> Result<Vec<f32>> {
        Ok(self.acting.outputs(&self.look(obs)?)?.flatten_all()?.to_vec1()?)
    }

    /// What the networks see of such observations, `[rows, …]`.
    fn look(&self, obs: &[f32]) -> Result<Tensor> {
        let mut seen = vec![0.0; obs.len()];
        self.scaler.obs(obs, &mut seen);
        self.tensor(&seen)
    }

    /// See [`Agent::table`](crate::Agent::table): V, the most probable actions, and Q where the critic
    /// has it.
    pub(crate) fn table(&self, model: &Model) -> Result<Table> {
        const ROWS: usize = 256;
        let (states, actions) = (model.n_states(), model.n_actions());
        let mut table = Table::unknown(model);
        for first in (0..states).step_by(ROWS) {
            let rows = ROWS.min(states - first);
            let mut obs = vec![0f32; rows * states];
            (0..rows).for_each(|row| obs[row * states + first + row] = 1.0);
            let logits = self.outputs(&obs)?; // [rows, A]
            let (policy, critic) = self.acting.forward(&self.look(&obs)?)?;
            let values: Vec<f32> = state_values(&policy, &critic)?.to_vec1()?;
            let q: Vec<Vec<f32>> = critic.to_vec2()?;
            for row in 0..rows {
                let state = first + row;
                table.set(model, state, |action| f64::from(logits[row * actions + action]));
                if table.policy[state].is_some() {
                    table.values[state] = f64::from(values[row]);
                }
                for (action, known) in table.q[state * actions..][..actions].iter_mut().enumerate()
                {
                    let q = if q[row].len() == actions { q[row][action] } else { f32::NAN };
                    *known = if known.is_nan() { f64::NAN } else { f64::from(q) };
                }
            }
        }
        Ok(table)
    }

    /// Mean return of `n` episodes of `agent`, which acts by this actor.
    pub(crate) fn evaluate(
        &self,
        agent: &dyn crate::Agent,
        n: usize,
        split: train::Split,
    ) -> Result<train::Evaluation> {
        evaluate(agent, &self.make, n, split, self.seed)
    }

    /// Saves or loads networks, optimiser, environments, and the rollout as far as it has come.
    pub(crate) fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.params.state(MODEL, checkpoint)?;
        self.scaler.state(checkpoint)?;
        self.optimizer.state("optimizer", checkpoint)?;
        let n = self.n();
        self.rollout.state("rollout", (self.envs.spec(), n), checkpoint)?;
        let (len, most) = (self.rollout.len(), self.setup.rollout * n);
        let expected = format!("a rollout of {n} copies, of less than {most}, is expected");
        checkpoint.check("rollout-len", &expected, || {
            len < most
                && len.is_multiple_of(n)
                && self.rollout.copies.iter().enumerate().all(|(i, copy)| i % n == *copy as usize)
        })?;
        checkpoint.exchange("envs", self.envs.snapshot()?, |saved| self.envs.restore(saved))?;
        checkpoint.value("policy", &mut self.rng)?;
        checkpoint.count("transitions", &mut self.transitions)
    }

    /// Observations one after the other as `[rows, …]`.
    fn tensor(&self, obs: &[f32]) -> Result<Tensor> {
        let spec = self.envs.spec();
        let rows = obs.len() / spec.obs_len();
        let shape: Vec<_> = [rows].iter().chain(&spec.obs_shape).copied().collect();
        Ok(Tensor::from_slice(obs, shape, &self.device)?)
    }
}

/// V(s) `[B]` from what a critic says: that itself where it is `[B, 1]`, or Σₐ π(a|s)·Q(s, a) where it
/// is `[B, A]`.
pub(crate) fn state_values(policy: &Policy, critic: &Tensor) -> candle_core::Result<Tensor> {
    match critic.dim(1)? {
        1 => critic.squeeze(1),
        _ => policy.expected(critic),
    }
}

#[cfg(test)]
mod tests;
