//! Collection of experience with the current policy.
use super::heads::Head;
use super::length::Length;
use super::rollout::Rollout;
use super::scaling::{Scaler, Scaling};
use crate::acting::Devices;
use crate::evaluation::{evaluate, longest};
use crate::export::observed;
use crate::{Agent, MakeEnv, masks};
use anyhow::{Result, ensure};
use candle_core::{Device, Tensor};
use envs::{Spec, VecEnv};
use nn::HostTensor;
use nn::onnx::{Graph, Value};
use train::{Checkpoint, Download as _, Evaluation, FirstUpdate, Log, Rng, Split, stream};

/// Steps N environments with the current policy and fills a rollout.
pub(crate) struct Collector {
    /// Observations and rewards as the networks see them.
    pub(crate) rollout: Rollout,
    /// N copies together, or, where episodes are collected, each alone: then those that wait are not
    /// stepped.
    envs: Vec<VecEnv>,
    length: Length,
    scaler: Scaler,
    /// Raw and scaled observations of the copies that are stepped, `[rows, obs_len]`.
    raw: Vec<f32>,
    scaled: Vec<f32>,
    /// The scaled ones as a tensor, where all copies are stepped, `[N, …]`.
    obs: HostTensor<f32>,
    /// `[rows, W]`.
    actions: Vec<f32>,
    /// A, where some states lack some actions.
    masked: Option<usize>,
    /// 1 for each action that the copies that are stepped have now, else 0: `[rows, A]`, or nothing where all always
    /// have all.
    allowed: Vec<u8>,
    rng: Rng,
    make: MakeEnv,
    seed: u64,
    devices: Devices,
}

impl Collector {
    /// At the start of the first episodes, for rollouts of `steps` steps of each of `n` copies.
    pub(crate) fn of_steps(
        make: MakeEnv,
        [n, steps]: [usize; 2],
        scaling: Scaling,
        (seed, devices): (u64, Devices),
    ) -> Result<Self> {
        let rngs = (0..n).map(|i| stream(seed, &format!("env/{i}"))).collect();
        let envs = vec![VecEnv::new(rngs, &make)];
        let mut collector = Self::new(make, envs, Length::Steps(steps), scaling, (seed, devices))?;
        let spec = collector.spec();
        let rollout = Rollout::new(steps * n, spec.obs_len(), spec.action_width());
        collector.rollout = rollout.masked(collector.masked.unwrap_or(0));
        Ok(collector)
    }

    /// At the start of the first episodes, for rollouts of `episodes` of them, played by `n` copies.
    pub(crate) fn of_episodes(
        make: MakeEnv,
        [n, episodes]: [usize; 2],
        scaling: Scaling,
        (seed, devices): (u64, Devices),
    ) -> Result<Self> {
        let rngs = (0..n).map(|i| stream(seed, &format!("env/{i}")));
        let envs = rngs.map(|rng| VecEnv::new(vec![rng], &make)).collect();
        let length = Length::Episodes { episodes, begun: n, playing: vec![true; n] };
        Self::new(make, envs, length, scaling, (seed, devices))
    }

    fn new(
        make: MakeEnv,
        envs: Vec<VecEnv>,
        length: Length,
        scaling: Scaling,
        (seed, devices): (u64, Devices),
    ) -> Result<Self> {
        let (n, spec) = (envs.iter().map(VecEnv::n).sum(), envs[0].spec());
        let masked = envs[0].env(0).masks_actions().then(|| spec.n_actions());
        let rollout = Rollout::new(0, spec.obs_len(), spec.action_width());
        Ok(Self {
            rollout: rollout.masked(masked.unwrap_or(0)),
            scaler: Scaler::new(scaling, spec.obs_len(), n),
            raw: Vec::new(),
            scaled: Vec::new(),
            obs: HostTensor::new(spec.batch_shape(n), &devices.acting)?,
            actions: Vec::new(),
            masked,
            allowed: Vec::new(),
            rng: stream(seed, "policy"),
            devices,
            envs,
            length,
            make,
            seed,
        })
    }

    /// N.
    pub(crate) fn n(&self) -> usize {
        self.envs.iter().map(VecEnv::n).sum()
    }

    /// Shapes and actions of the environment.
    pub(crate) fn spec(&self) -> &Spec {
        self.envs[0].spec()
    }

    /// Steps the copies that play with actions that `head` draws by the policy's outputs, `[rows, A]` or
    /// `[rows, D]` for observations `[rows, …]` and, where states lack actions, 1 for each that is allowed and else 0,
    /// `[rows, A]`; returns how many did. What is not allowed is never drawn.
    pub(crate) fn step(
        &mut self,
        head: &Head,
        outputs: impl FnOnce(&Tensor, Option<&[u8]>) -> candle_core::Result<Tensor>,
        log: &mut Log,
    ) -> Result<usize> {
        let rows = self.observe();
        self.ask_allowed();
        let allowed = self.masked.map(|_| &self.allowed[..]);
        let mut outputs: Vec<f32> = if rows == self.n() {
            self.obs.fill(|obs| obs.copy_from_slice(&self.scaled))?;
            outputs(self.obs.tensor(), allowed)?.download()?
        } else {
            outputs(&self.tensor_on(&self.scaled, &self.devices.acting)?, allowed)?.download()?
        };
        masks::add(&mut outputs, &self.allowed);
        self.rollout.allowed.extend_from_slice(&self.allowed);
        let (obs_len, width) = (self.spec().obs_len(), self.spec().action_width());
        self.actions.resize(rows * width, 0.0);
        head.sample(&outputs, &mut self.rng, &mut self.actions)?;
        let Self { envs, length, scaler, rollout, scaled, actions, .. } = self;
        if envs.len() > 1 {
            let playing = envs.iter_mut().enumerate().filter(|(copy, _)| length.is_playing(*copy));
            for ((_, env), row) in playing.zip(actions.chunks_exact(width)) {
                env.begin_rows(row);
            }
        }
        let (mut row, mut copy) = (0, 0);
        for env in envs {
            let first = copy;
            copy += env.n();
            if !length.is_playing(first) {
                continue;
            }
            let (from, to) = (row, row + env.n());
            row = to;
            env.step_rows(&actions[from * width..to * width], |transition| {
                let (copy, row) = (first + transition.index, from + transition.index);
                if let Some(episode) = transition.episode {
                    log.scalar("train/return", episode.ret);
                    log.scalar("train/length", f64::from(episode.len));
                    length.end_episode(copy);
                }
                let obs = &scaled[row * obs_len..][..obs_len];
                rollout.push(&scaler.transition(transition, copy, obs), copy);
            })?;
        }
        Ok(rows)
    }

    /// Writes the observations of the copies that play, and counts these; the normalisation learns from
    /// them.
    fn observe(&mut self) -> usize {
        let Self { envs, length, scaler, raw, scaled, .. } = self;
        let raw = match &envs[..] {
            [env] => env.obs(),
            _ => {
                raw.clear();
                let playing = envs.iter().enumerate().filter(|(copy, _)| length.is_playing(*copy));
                playing.for_each(|(_, env)| raw.extend_from_slice(env.obs()));
                raw
            }
        };
        scaler.update(raw);
        scaled.resize(raw.len(), 0.0);
        scaler.obs(raw, scaled);
        scaled.len() / envs[0].spec().obs_len()
    }

    /// Writes which actions the copies that play have now.
    fn ask_allowed(&mut self) {
        let Self { envs, length, allowed, masked, .. } = self;
        let Some(n) = *masked else { return };
        allowed.clear();
        let mut copy = 0;
        for env in envs {
            if length.is_playing(copy) {
                extend_allowed(allowed, env, n);
            }
            copy += env.n();
        }
    }

    /// A, where some states lack some actions.
    pub(crate) fn masked(&self) -> Option<usize> {
        self.masked
    }

    /// Numbers to add to the values, or logits, of actions in the states of the rollout, `[B, A]`; `None` where every
    /// state has every action.
    pub(crate) fn masks(&self) -> Result<Option<Tensor>> {
        self.masks_of(&self.rollout.allowed)
    }

    /// Those of [`next_obs`](Self::next_obs), `[K + N, A]`.
    pub(crate) fn next_masks(&self) -> Result<Option<Tensor>> {
        let Some(n) = self.masked else { return Ok(None) };
        let mut allowed = self.rollout.truncated_allowed.clone();
        self.envs.iter().for_each(|env| extend_allowed(&mut allowed, env, n));
        self.masks_of(&allowed)
    }

    fn masks_of(&self, allowed: &[u8]) -> Result<Option<Tensor>> {
        let masks = |n| masks::tensor(allowed, n, &self.devices.learning);
        Ok(self.masked.map(masks).transpose()?)
    }

    /// Returns `true` if the rollout has all its steps or episodes.
    pub(crate) fn is_full(&self) -> bool {
        match &self.length {
            Length::Steps(steps) => self.rollout.len() >= steps * self.n(),
            Length::Episodes { playing, .. } => !playing.contains(&true),
        }
    }

    /// Begins the next rollout.
    pub(crate) fn clear(&mut self) {
        self.rollout.clear();
        self.length.begin();
    }

    /// See [`Learner::first_update`](train::Learner::first_update): with the first full rollout.
    pub(crate) fn first_update(&self) -> FirstUpdate {
        let n = self.n() as u64;
        match self.length {
            Length::Steps(steps) => {
                let unit = steps as u64 * n;
                let waits_for = format!(
                    "the first one comes with a full rollout, after {unit} transitions (--rollout {steps} of --n-envs {n})"
                );
                FirstUpdate::at(unit, n, waits_for)
            }
            Length::Episodes { episodes, .. } => FirstUpdate {
                // An episode is a transition at least.
                earliest: (episodes as u64 - n) + 1,
                latest: longest(self.spec()) * episodes as u64,
                waits_for: format!(
                    "the first one comes when {episodes} episodes have ended (--episodes {episodes})"
                ),
            },
        }
    }

    /// Raw observations one after the other as the networks see them, `[rows, …]`, for those that act.
    pub(crate) fn scale(&self, raw: &[f32]) -> Result<Tensor> {
        let mut scaled = vec![0.0; raw.len()];
        self.scaler.obs(raw, &mut scaled);
        self.tensor_on(&scaled, &self.devices.acting)
    }

    /// An ONNX graph from raw observations `[B, …]` to those that the networks see.
    pub(crate) fn observed(&self) -> Result<(Graph, Value)> {
        let (mut graph, obs) = observed(self.spec());
        let obs = self.scaler.nodes(&mut graph, obs)?;
        Ok((graph, obs))
    }

    /// Observations that the next values of the rollout are computed from: the K final ones of truncated
    /// episodes, then the N current ones, `[K + N, …]`.
    pub(crate) fn next_obs(&self) -> Result<Tensor> {
        let mut obs = self.rollout.truncated_obs.clone();
        for env in &self.envs {
            let first = obs.len();
            obs.resize(first + env.obs().len(), 0.0);
            self.scaler.obs(env.obs(), &mut obs[first..]);
        }
        self.tensor(&obs)
    }

    /// Observations one after the other as `[rows, …]`, for the networks that learn.
    pub(crate) fn tensor(&self, obs: &[f32]) -> Result<Tensor> {
        self.tensor_on(obs, &self.devices.learning)
    }

    fn tensor_on(&self, obs: &[f32], device: &Device) -> Result<Tensor> {
        let spec = self.spec();
        let rows = obs.len() / spec.obs_len();
        Ok(Tensor::from_slice(obs, spec.batch_shape(rows), device)?)
    }

    /// The observations of the rollout, `[B, …]`.
    pub(crate) fn obs(&self) -> Result<Tensor> {
        self.tensor(&self.rollout.obs)
    }

    /// The actions of the rollout, `[B, W]`.
    pub(crate) fn actions(&self) -> Result<Tensor> {
        let shape = (self.rollout.len(), self.spec().action_width());
        Ok(Tensor::from_slice(&self.rollout.actions, shape, &self.devices.learning)?)
    }

    /// One number for each transition as a tensor, `[B]`.
    pub(crate) fn column(&self, values: &[f32]) -> Result<Tensor> {
        Ok(Tensor::from_slice(values, values.len(), &self.devices.learning)?)
    }

    /// Mean return of `n` episodes of `agent`, which acts by the policy.
    pub(crate) fn evaluate(&self, agent: &dyn Agent, n: usize, split: Split) -> Result<Evaluation> {
        evaluate(agent, &self.make, n, split, self.seed)
    }

    /// Saves or loads what a policy can't act without: the statistics of observations.
    pub(crate) fn scaler_state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.scaler.state(checkpoint)
    }

    /// Saves or loads the environments, and the rollout as far as it has come.
    pub(crate) fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        let n = self.n();
        self.rollout.state("rollout", (self.envs[0].spec(), n), checkpoint)?;
        match &self.length {
            Length::Steps(steps) => {
                let (rollout, env) = (&self.rollout, &mut self.envs[0]);
                let (len, most) = (rollout.len(), *steps * n);
                let expected = format!("a rollout of {n} copies, of less than {most}, is expected");
                checkpoint.check("rollout-len", &expected, || {
                    let mut copies = rollout.copies.iter().enumerate();
                    len < most
                        && len.is_multiple_of(n)
                        && copies.all(|(i, copy)| i % n == *copy as usize)
                })?;
                checkpoint.exchange("envs", env.snapshot()?, |saved| env.restore(saved))?;
            }
            Length::Episodes { .. } => exchange_each(&mut self.envs, checkpoint)?,
        }
        self.length.state(n, checkpoint)?;
        checkpoint.value("policy", &mut self.rng)
    }
}

/// Adds 1 for each of `n` actions that each copy has now, else 0.
fn extend_allowed(allowed: &mut Vec<u8>, env: &VecEnv, n: usize) {
    (0..env.n()).for_each(|i| allowed.extend(masks::allowed(env.env(i), n).map(u8::from)));
}

/// Saves or loads environments as a list.
fn exchange_each(envs: &mut [VecEnv], checkpoint: &mut Checkpoint) -> Result<()> {
    let saved = envs.iter().map(VecEnv::snapshot).collect::<serde_json::Result<Vec<_>>>()?;
    checkpoint.exchange("envs", saved.into(), |saved| {
        let saved: Vec<serde_json::Value> = serde_json::from_value(saved)?;
        let (was, is) = (saved.len(), envs.len());
        ensure!(was == is, "{was} environments were saved, there are {is}");
        envs.iter_mut().zip(saved).try_for_each(|(env, saved)| Ok(env.restore(saved)?))
    })
}
