//! What actor-critic learners share: networks, environments and the rollout under way.
use crate::policy_head::{Categorical, mode, sample};
use crate::policy_net::{ActorCriticNet, Shape, Sharing};
use crate::rollout::Rollout;
use crate::tabular::{Model, Table};
use crate::{MakeEnv, evaluate};
use anyhow::Result;
use candle_core::{Device, Tensor};
use clap::ValueEnum;
use envs::VecEnv;
use nn::{Frozen, HostTensor, Params, Sequential};
use serde::{Deserialize, Serialize};
use train::{Checkpoint, Log, MODEL, Rng, stream};

/// What an [`Actor`] is made from.
pub(crate) struct Setup {
    /// N, environments stepped together.
    pub(crate) n_envs: usize,
    /// T, steps of a rollout.
    pub(crate) rollout: usize,
    pub(crate) sharing: Sharing,
    pub(crate) shape: Shape,
    pub(crate) critic: Critic,
}

/// What the critic learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Critic {
    /// V(s); actions are weighed by the advantage Q(s, a) − V(s), estimated by returns.
    Advantage,
    /// Q(s, a), by which actions are weighed; V(s) = Σₐ π(a|s)·Q(s, a).
    Q,
}

/// Acts by its policy and remembers what came of it, until a learner takes the rollout. `B` is T·N.
pub(crate) struct Actor {
    pub(crate) make: MakeEnv,
    pub(crate) params: Params,
    pub(crate) net: ActorCriticNet<Sequential>,
    pub(crate) acting: ActorCriticNet<Frozen>,
    pub(crate) rollout: Rollout,
    /// Transitions so far.
    pub(crate) seen: u64,
    envs: VecEnv,
    /// Transitions of a full rollout, B.
    full: usize,
    seed: u64,
    device: Device,
    /// `[N, …]`
    obs: HostTensor<f32>,
    actions: Vec<usize>,
    rng: Rng,
}

impl Actor {
    /// At the start of the first episodes, untrained.
    pub(crate) fn new(make: MakeEnv, setup: &Setup, seed: u64, device: &Device) -> Result<Self> {
        let Setup { n_envs, rollout, sharing, shape, critic } = *setup;
        let rngs = (0..n_envs).map(|i| stream(seed, &format!("env/{i}"))).collect();
        let envs = VecEnv::new(rngs, &make);
        let spec = envs.spec();
        let params = Params::new(seed, device);
        let outputs = match critic {
            Critic::Advantage => 1,
            Critic::Q => spec.n_actions(),
        };
        let net = ActorCriticNet::new(&params, spec, sharing, shape, outputs)?;
        let obs_shape: Vec<_> = [n_envs].iter().chain(&spec.obs_shape).copied().collect();
        Ok(Self {
            obs: HostTensor::new(obs_shape, device)?,
            rollout: Rollout::new(rollout * n_envs, spec.obs_len()),
            acting: net.frozen(),
            full: rollout * n_envs,
            actions: vec![0; n_envs],
            rng: stream(seed, "policy"),
            device: device.clone(),
            seen: 0,
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
        self.obs.fill(|obs| obs.copy_from_slice(self.envs.obs()))?;
        let logits: Vec<f32> = self.acting.logits(self.obs.tensor())?.flatten_all()?.to_vec1()?;
        let rows = logits.chunks_exact(self.envs.spec().n_actions()); // [N, A]
        for (action, logits) in self.actions.iter_mut().zip(rows) {
            *action = sample(logits, &mut self.rng);
        }
        let Self { envs, actions, rollout, .. } = self;
        envs.step(actions, |transition| {
            rollout.push(&transition, transition.index, actions[transition.index]);
            if let Some(episode) = transition.episode {
                log.scalar("train/return", episode.ret);
                log.scalar("train/length", f64::from(episode.len));
            }
        });
        self.seen += self.envs.n() as u64;
        Ok(self.rollout.len() >= self.full)
    }

    /// The observations of the rollout, `[B, …]`.
    pub(crate) fn obs(&self) -> Result<Tensor> {
        self.tensor(&self.rollout.obs)
    }

    /// The actions of the rollout, `[B]`.
    pub(crate) fn actions(&self) -> Result<Tensor> {
        Ok(Tensor::from_slice(&self.rollout.actions, self.rollout.len(), &self.device)?)
    }

    /// One number for each transition as a tensor, `[B]`.
    pub(crate) fn column(&self, values: &[f32]) -> Result<Tensor> {
        Ok(Tensor::from_slice(values, values.len(), &self.device)?)
    }

    /// V of the states that transitions of the rollout arrived in, where returns ask for it, `[B]`.
    pub(crate) fn next_values(&self) -> Result<Vec<f32>> {
        let mut obs = self.rollout.finals.clone();
        obs.extend_from_slice(self.envs.obs());
        let (logits, critic) = self.acting.forward(&self.tensor(&obs)?)?;
        let values: Vec<f32> = state_values(&Categorical::new(&logits)?, &critic)?.to_vec1()?;
        let (finals, current) = values.split_at(values.len() - self.n());
        let mut next_values = vec![0.0; self.rollout.len()];
        self.rollout.next_values(finals, current, &mut next_values);
        Ok(next_values)
    }

    /// The policy for observations one after the other, B of them.
    pub(crate) fn policy(&self, obs: &[f32]) -> Result<Categorical> {
        Ok(Categorical::new(&self.acting.logits(&self.tensor(obs)?)?)?)
    }

    /// See [`Agent::act`](crate::Agent::act): the most probable actions.
    pub(crate) fn act(&self, obs: &[f32], actions: &mut [usize]) -> Result<()> {
        let logits: Vec<f32> = self.acting.logits(&self.tensor(obs)?)?.flatten_all()?.to_vec1()?;
        let rows = logits.chunks_exact(self.spec().n_actions()); // [N, A]
        actions.iter_mut().zip(rows).for_each(|(action, logits)| *action = mode(logits));
        Ok(())
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
            let (logits, critic) = self.acting.forward(&self.tensor(&obs)?)?;
            let values: Vec<f32> = state_values(&Categorical::new(&logits)?, &critic)?.to_vec1()?;
            let logits: Vec<Vec<f32>> = logits.to_vec2()?;
            let q: Vec<Vec<f32>> = critic.to_vec2()?;
            for row in 0..rows {
                let state = first + row;
                table.set(model, state, |action| f64::from(logits[row][action]));
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

    /// Saves or loads networks, environments, and the rollout as far as it has come.
    pub(crate) fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.params.state(MODEL, checkpoint)?;
        self.rollout.state("rollout", checkpoint)?;
        checkpoint.exchange("envs", self.envs.snapshot()?, |saved| self.envs.restore(saved))?;
        checkpoint.value("policy", &mut self.rng)?;
        checkpoint.value("seen", &mut self.seen)
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
pub(crate) fn state_values(policy: &Categorical, critic: &Tensor) -> candle_core::Result<Tensor> {
    match critic.dim(1)? {
        1 => critic.squeeze(1),
        _ => policy.expected(critic),
    }
}
