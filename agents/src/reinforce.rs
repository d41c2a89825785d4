//! REINFORCE (Williams 1992, "Simple Statistical Gradient-Following Algorithms for Connectionist
//! Reinforcement Learning"; Sutton & Barto, sections 13.3 and 13.4).
//!
//! After E whole episodes, one step uphill on (1/E)·Σ ∇log π(a|s)·(G − b) over all their steps: an
//! unbiased estimate of the gradient of the expected return where γ = 1 and b does not depend on the
//! action. G is what the step earned from then on, or with `--returns whole` what the episode earned.
//! Where we leave the book: several episodes per step, no factor γᵗ, Adam.
use crate::evaluation::longest;
use crate::on_policy::heads::{Head, Policy};
use crate::on_policy::nets::{critic_network, policy_network};
use crate::on_policy::returns::{Weights, discounted_return, normalise, rewards_to_go};
use crate::on_policy::rollout::Rollout;
use crate::on_policy::scaling::Scaler;
use crate::tabular::{self, Model, Table};
use crate::{ActionBatch, Agent, MakeEnv, Mode, OptimizerName, evaluate, memory};
use anyhow::Result;
use candle_core::{Device, Module as _, Tensor};
use envs::{End, Spec, VecEnv};
use nn::{Frozen, Optimizer, Params, Sequential, loss};
use serde::{Deserialize, Serialize};
use train::{
    BadValue, Checkpoint, Evaluation, FirstUpdate, Learner, Log, MODEL, Memory, Progress, Rng,
    Split, above, stream,
};

policy_parameters! {
    /// Hyper-parameters of [`Reinforce`].
    pub struct ReinforceConfig {
        /// Episodes from one update to the next
        episodes: usize = 16, in 1..=1 << 20;
        /// Environments stepped together; each plays its next episode until all are begun
        n_envs: usize = 16, in 1..=1 << 14;
        /// What an action is given credit for: to-go (rewards from then on) or whole (all of them)
        returns: Returns = Returns::ToGo;
        /// What is taken off the returns: none, mean (over the update) or value (a learned V)
        baseline: Baseline = Baseline::Value;
        /// Weights of actions within an update: raw, or normalised to mean 0 and deviation 1
        weights: Weights = Weights::Raw;
        /// Weight of the entropy bonus of each step
        entropy_coef: f64 = 0.0, in 0.0..;
        /// Optimiser: adam, rmsprop or sgd
        optimizer: OptimizerName = OptimizerName::Adam;
        /// ε of adam and rmsprop
        optimizer_eps: f64 = 1e-8, in above(0.0);
        /// Learning rate of the policy
        lr: f64 = 1e-2, in above(0.0);
        /// Learning rate of V
        value_lr: f64 = 1e-2, in above(0.0);
        /// Steps of V's optimiser in an update
        value_epochs: usize = 10, in 1..;
        /// Clip each gradient to this norm; 0 leaves it as it is
        max_grad_norm: f64 = 0.0, in 0.0..;
    }
}

/// What an action is given credit for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Returns {
    /// The discounted rewards from then on: the others do not depend on the action.
    ToGo,
    /// The discounted return of its episode.
    Whole,
}

/// What is taken off the returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Baseline {
    /// Nothing.
    None,
    /// Their mean over all steps of the update.
    Mean,
    /// V(s), which is regressed on them. It also says what would have followed a time limit.
    Value,
}

impl ReinforceConfig {
    /// The hyper-parameter, if there is one, by which the weights of an update are 0 where its returns
    /// are equal, and its value.
    fn less_their_mean(&self) -> Option<(&'static str, &'static str)> {
        match (self.baseline, self.weights) {
            (Baseline::Mean, _) => Some(("baseline", "mean")),
            (Baseline::None, Weights::Normalised) => Some(("weights", "normalised")),
            _ => None,
        }
    }
}

/// −(1/E)·Σ log π(a|s)·w over all steps of E episodes, for `log_probs` and `weights` of `[B]`.
///
/// # Errors
/// Where the shapes don't fit.
pub fn reinforce_loss(
    log_probs: &Tensor,
    weights: &Tensor,
    episodes: usize,
) -> candle_core::Result<Tensor> {
    (log_probs * weights.detach())?.sum_all()? * (-1.0 / episodes as f64)
}

/// V and what it learns by.
struct Value {
    params: Params,
    net: Sequential,
    acting: Frozen,
    optimizer: Optimizer,
}

/// A REINFORCE agent and the environments it learns in. `B` is the number of steps of an update.
pub struct Reinforce {
    config: ReinforceConfig,
    seed: u64,
    device: Device,
    make: MakeEnv,
    /// Each of its own, so that those that wait are not stepped.
    envs: Vec<VecEnv>,
    /// Which of them play. Episodes that are begun are finished: to take the first E to end would
    /// favour short ones.
    playing: Vec<bool>,
    /// Episodes begun since the last update.
    begun: usize,
    /// Observations and rewards as they are learned from.
    rollout: Rollout,
    scaler: Scaler,
    params: Params,
    policy: Sequential,
    acting: Frozen,
    head: Head,
    optimizer: Optimizer,
    value: Option<Value>,
    rng: Rng,
    /// Updates of one step, one after the other.
    single: u32,
}

impl ReinforceConfig {
    /// What all of it takes in an environment like `spec`, where episodes are as long as they can be.
    fn memory(&self, spec: &Spec) -> Memory {
        let Self { episodes, n_envs, hidden, .. } = *self;
        let mut memory = Memory::default();
        memory::copies(&mut memory, n_envs, spec);
        memory::networks(&mut memory, hidden, (spec, spec.action_width()), 8);
        let longest = spec.time_limit.unwrap_or(1) as usize;
        let row = spec.obs_len() + spec.action_width() + 4;
        memory.part("episodes", episodes, [episodes, longest, row, size_of::<f32>()]);
        memory
    }
}

impl Reinforce {
    /// An untrained agent for the environment `make` makes.
    ///
    /// # Errors
    /// [`BadValue`] where a hyper-parameter is out of range; where the observation's shape has no
    /// network.
    pub fn new(make: MakeEnv, config: ReinforceConfig, seed: u64, device: &Device) -> Result<Self> {
        config.check()?;
        if config.n_envs > config.episodes {
            let fits = "must not be more than --episodes, the rest would never play";
            return Err(BadValue::new("n_envs", config.n_envs, fits).into());
        }
        config.memory(&make().spec()).check()?;
        if let Some((name, value)) = config.less_their_mean()
            && config.episodes == 1
            && config.returns == Returns::Whole
        {
            let expected = "the steps of one episode all have its return, which less their mean is 0, and \
                            nothing would be learned: give --episodes 2 or more, or --returns to-go";
            return Err(BadValue::new(name, value, expected).into());
        }
        let rngs = (0..config.n_envs).map(|i| stream(seed, &format!("env/{i}")));
        let envs: Vec<_> = rngs.map(|rng| VecEnv::new(vec![rng], &make)).collect();
        let spec = make().spec();
        let ReinforceConfig { optimizer_eps, max_grad_norm, .. } = config;
        let params = Params::new(seed, device);
        let (policy, head) = policy_network(&params, &spec, config.shape())?;
        let optimizer = |lr| config.optimizer.on_policy(lr, optimizer_eps, max_grad_norm);
        let value = match config.baseline {
            Baseline::None | Baseline::Mean => None,
            Baseline::Value => {
                let params = Params::new(seed, device);
                let net = critic_network(&params, &spec, config.shape())?;
                let optimizer = Optimizer::new(&params, optimizer(config.value_lr))?;
                Some(Value { acting: net.frozen(), params, net, optimizer })
            }
        };
        Ok(Self {
            seed,
            device: device.clone(),
            playing: vec![true; config.n_envs],
            begun: config.n_envs,
            rollout: Rollout::new(0, spec.obs_len(), spec.action_width()),
            scaler: Scaler::new(config.scaling(), spec.obs_len(), config.n_envs),
            acting: policy.frozen(),
            optimizer: Optimizer::new(&params, optimizer(config.lr))?,
            rng: stream(seed, "policy"),
            single: 0,
            params,
            policy,
            head,
            value,
            make,
            envs,
            config,
        })
    }

    /// Observations one after the other as `[rows, …]`.
    fn tensor(&self, obs: &[f32]) -> Result<Tensor> {
        let spec = self.envs[0].spec();
        let rows = obs.len() / spec.obs_len();
        let shape: Vec<_> = [rows].iter().chain(&spec.obs_shape).copied().collect();
        Ok(Tensor::from_slice(obs, shape, &self.device)?)
    }

    /// What the policy's network says of observations as the environment shows them, row by row.
    fn outputs(&self, obs: &[f32]) -> Result<Vec<f32>> {
        let mut seen = vec![0.0; obs.len()];
        self.scaler.obs(obs, &mut seen);
        Ok(self.acting.forward(&self.tensor(&seen)?)?.flatten_all()?.to_vec1()?)
    }

    /// V of observations as they are learned from, `[rows]`; 0 where there is no V.
    ///
    /// # Errors
    /// Where `obs` are not whole observations.
    pub fn values(&self, obs: &[f32]) -> Result<Vec<f32>> {
        let rows = obs.len() / self.envs[0].spec().obs_len();
        match &self.value {
            Some(value) if rows > 0 => {
                Ok(value.acting.forward(&self.tensor(obs)?)?.flatten_all()?.to_vec1()?)
            }
            _ => Ok(vec![0.0; rows]),
        }
    }

    /// Steps every copy that plays; how many did.
    fn play(&mut self, log: &mut Log) -> Result<usize> {
        let playing: Vec<usize> = (0..self.envs.len()).filter(|&i| self.playing[i]).collect();
        let obs: Vec<f32> = playing.iter().flat_map(|&i| self.envs[i].obs()).copied().collect();
        let (obs_len, width) = (self.envs[0].spec().obs_len(), self.envs[0].spec().action_width());
        let mut seen = vec![0.0; obs.len()];
        self.scaler.update(&obs);
        self.scaler.obs(&obs, &mut seen);
        let outputs: Vec<f32> =
            self.acting.forward(&self.tensor(&seen)?)?.flatten_all()?.to_vec1()?;
        let mut actions = vec![0.0; playing.len() * width]; // [playing, W]
        self.head.sample(&outputs, &mut self.rng, &mut actions)?;
        let Self { envs, rollout, scaler, begun, config, playing: plays, .. } = self;
        let rows = actions.chunks_exact(width).zip(seen.chunks_exact(obs_len));
        for (&copy, (action, seen)) in playing.iter().zip(rows) {
            let goes_on = &mut plays[copy];
            envs[copy].step_rows(action, |transition| {
                if let Some(episode) = transition.episode {
                    log.scalar("train/return", episode.ret);
                    log.scalar("train/length", f64::from(episode.len));
                    *goes_on = *begun < config.episodes;
                    *begun += usize::from(*goes_on);
                }
                rollout.push(&scaler.transition(transition, copy, seen), copy);
            });
        }
        Ok(playing.len())
    }

    /// G of every step, and of those that a value is learned for what they earned from then on;
    /// `[B]` each.
    fn returns(&self) -> Result<(Vec<f32>, Vec<f32>)> {
        let gamma = self.config.gamma;
        let finals = self.values(&self.rollout.finals)?;
        let mut finals = finals.iter();
        let mut after = vec![0f64; self.rollout.len()];
        for (after, end) in after.iter_mut().zip(&self.rollout.ends) {
            if *end == End::Truncated {
                *after = finals.next().map_or(0.0, |value| f64::from(*value));
            }
        }
        let (mut credit, mut to_go) = (vec![0f32; after.len()], vec![0f32; after.len()]);
        for episode in episodes(&self.rollout) {
            let after = episode.last().map_or(0.0, |&last| after[last]);
            let rewards: Vec<f32> = episode.iter().map(|&row| self.rollout.rewards[row]).collect();
            let mut returns = vec![0.0; rewards.len()];
            rewards_to_go(&rewards, gamma, after, &mut returns);
            let whole = discounted_return(&rewards, gamma, after) as f32;
            for (&row, ret) in episode.iter().zip(returns) {
                to_go[row] = ret;
                credit[row] = match self.config.returns {
                    Returns::ToGo => ret,
                    Returns::Whole => whole,
                };
            }
        }
        Ok((credit, to_go))
    }

    /// G − b of every step, as an update weighs it, and what V learns; `[B]` each.
    fn weights(&self) -> Result<(Vec<f32>, Vec<f32>)> {
        let (mut weights, to_go) = self.returns()?;
        let baseline = match self.config.baseline {
            Baseline::None => vec![0.0; weights.len()],
            Baseline::Mean => {
                let sum: f64 = weights.iter().map(|&weight| f64::from(weight)).sum();
                vec![(sum / weights.len().max(1) as f64) as f32; weights.len()]
            }
            Baseline::Value => self.values(&self.rollout.obs)?,
        };
        weights.iter_mut().zip(baseline).for_each(|(weight, baseline)| *weight -= baseline);
        if self.config.weights == Weights::Normalised {
            normalise(&mut weights);
        }
        Ok((weights, to_go))
    }

    /// The loss whose gradient an update follows, for weights `[B]`.
    fn loss(&self, weights: Vec<f32>, log: &mut Log) -> Result<Tensor> {
        let (len, episodes) = (self.rollout.len(), self.config.episodes);
        let actions = &self.rollout.actions;
        let actions = Tensor::from_slice(actions, (len, actions.len() / len), &self.device)?; // [B, W]
        let weights = Tensor::from_vec(weights, len, &self.device)?; // [B]
        let policy = self.policy(&self.rollout.obs)?;
        let mut loss = reinforce_loss(&policy.log_prob(&actions)?, &weights, episodes)?;
        let entropy = policy.entropy()?;
        log.tensor("train/policy_loss", &loss)?;
        log.tensor("train/entropy", &entropy.mean_all()?)?;
        if self.config.entropy_coef > 0.0 {
            let part = self.config.entropy_coef / episodes as f64;
            loss = (loss - (entropy.sum_all()? * part)?)?;
        }
        Ok(loss)
    }

    /// Refuses to go on where update after update is of one step, whose weight less the mean over the
    /// update is 0: what comes of an environment whose episodes have one step is not known before.
    fn check_steps(&mut self) -> Result<()> {
        const ENOUGH: u32 = 20;
        let normalised =
            (self.config.weights == Weights::Normalised).then_some(("weights", "normalised"));
        let Some((name, value)) = self.config.less_their_mean().or(normalised) else {
            return Ok(());
        };
        self.single = if self.rollout.len() == 1 { self.single + 1 } else { 0 };
        if self.single < ENOUGH {
            return Ok(());
        }
        let expected = "every update so far was of one step, whose weight less its own mean is 0, so that \
                        nothing was learned: give --episodes 2 or more";
        Err(BadValue::new(name, value, expected).into())
    }

    /// One step of the optimiser on the episodes, and the steps of V's.
    fn update(&mut self, log: &mut Log) -> Result<()> {
        self.check_steps()?;
        let (weights, to_go) = self.weights()?;
        let loss = self.loss(weights, log)?;
        log.scalar("train/grad_norm", self.optimizer.step(&loss)?.grad_norm);
        let obs = self.tensor(&self.rollout.obs)?; // [B, …]
        if let Some(value) = &mut self.value {
            let to_go = Tensor::from_slice(&to_go, to_go.len(), &self.device)?; // [B]
            for _ in 0..self.config.value_epochs {
                let loss = loss::mse(&value.net.forward(&obs)?.squeeze(1)?, &to_go)?;
                log.tensor("train/value_loss", &loss)?;
                value.optimizer.step(&loss)?;
            }
        }
        log.updated();
        self.begin();
        Ok(())
    }

    /// Forgets the episodes and begins those of the next update.
    fn begin(&mut self) {
        self.rollout.clear();
        self.playing.fill(true);
        self.begun = self.config.n_envs;
    }

    /// An estimate of the gradient of the expected return by the policy's [`params`](Self::params), in
    /// their order, `[P]`: plays the episodes of an update and gives what the update would follow
    /// uphill, but nothing is learned, except by the normalisations. `baseline(obs, action)` is taken off
    /// each weight besides.
    ///
    /// # Errors
    /// What the networks report.
    pub fn gradient(&mut self, baseline: &dyn Fn(&[f32], &[f32]) -> f32) -> Result<Vec<f32>> {
        let mut log = Log::default();
        while self.playing.contains(&true) {
            self.play(&mut log)?;
        }
        let (mut weights, _) = self.weights()?;
        let obs = self.rollout.obs.chunks_exact(self.envs[0].spec().obs_len());
        let actions = self.rollout.actions.chunks_exact(self.envs[0].spec().action_width());
        for ((weight, obs), action) in weights.iter_mut().zip(obs).zip(actions) {
            *weight -= baseline(obs, action);
        }
        let downhill = self.loss(weights, &mut log)?.backward()?;
        self.begin();
        let mut uphill = Vec::with_capacity(self.params.count());
        for (_, var) in self.params.named() {
            let Some(slopes) = downhill.get(&var) else {
                uphill.resize(uphill.len() + var.elem_count(), 0.0);
                continue;
            };
            uphill.extend(slopes.flatten_all()?.neg()?.to_vec1::<f32>()?);
        }
        Ok(uphill)
    }

    /// The policy for observations as they are learned from, B of them; gradients can be taken of it by
    /// [`params`](Self::params).
    ///
    /// # Errors
    /// Where `obs` are not whole observations.
    pub fn policy(&self, obs: &[f32]) -> Result<Policy> {
        Ok(self.head.policy(&self.policy.forward(&self.tensor(obs)?)?)?)
    }

    /// The parameters of the policy.
    pub fn params(&self) -> &Params {
        &self.params
    }
}

/// The rows of each finished episode, first step first.
fn episodes(rollout: &Rollout) -> Vec<Vec<usize>> {
    let mut finished = Vec::new();
    let copies = rollout.copies.iter().max().map_or(0, |&last| last as usize + 1);
    let mut open = vec![Vec::new(); copies];
    for (row, (&copy, end)) in rollout.copies.iter().zip(&rollout.ends).enumerate() {
        let episode = &mut open[copy as usize];
        episode.push(row);
        if *end != End::Not {
            finished.push(std::mem::take(episode));
        }
    }
    finished
}

impl Agent for Reinforce {
    fn act(
        &self,
        obs: &[f32],
        mode: Mode,
        rngs: &mut [Rng],
        actions: &mut ActionBatch,
    ) -> Result<()> {
        self.head.act(&self.outputs(obs)?, mode, rngs, actions)
    }

    fn table(&self, _: &Model) -> Result<Option<Table>> {
        Ok(None)
    }

    fn evaluates(&self) -> Option<&tabular::Policy> {
        None
    }
}

impl Learner for Reinforce {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        let played = self.play(log)?;
        if !self.playing.contains(&true) {
            self.update(log)?;
        }
        Ok(Progress::Advanced(played as u64))
    }

    fn first_update(&self) -> FirstUpdate {
        let (episodes, n) = (self.config.episodes as u64, self.config.n_envs as u64);
        let limit = longest(self.envs[0].spec());
        FirstUpdate {
            // An episode is a transition at least.
            earliest: (episodes - n) + 1,
            latest: limit * episodes,
            waits_for: format!(
                "the first one comes when {episodes} episodes have ended (--episodes {episodes})"
            ),
        }
    }

    fn evaluate(&mut self, split: Split) -> Result<Evaluation> {
        evaluate(self, &self.make, self.config.episodes_of(split), split, self.seed)
    }

    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.params.state(MODEL, checkpoint)?;
        self.scaler.state(checkpoint)?;
        self.optimizer.state("optimizer", checkpoint)?;
        if let Some(value) = &mut self.value {
            value.params.state("model.value", checkpoint)?;
            value.optimizer.state("value-optimizer", checkpoint)?;
        }
        let spec = self.envs[0].spec();
        self.rollout.state("rollout", (spec, self.envs.len()), checkpoint)?;
        let envs =
            self.envs.iter().map(VecEnv::snapshot).collect::<serde_json::Result<Vec<_>>>()?;
        checkpoint.exchange("envs", envs.into(), |saved| {
            let saved: Vec<serde_json::Value> = serde_json::from_value(saved)?;
            anyhow::ensure!(
                saved.len() == self.envs.len(),
                "{} environments were saved, there are {}",
                saved.len(),
                self.envs.len()
            );
            self.envs.iter_mut().zip(saved).try_for_each(|(env, saved)| Ok(env.restore(saved)?))
        })?;
        checkpoint.value("playing", &mut self.playing)?;
        checkpoint.value("begun", &mut self.begun)?;
        let (n, episodes) = (self.envs.len(), self.config.episodes);
        checkpoint.check("playing", &format!("{n} copies, one at play, are expected"), || {
            self.playing.len() == n && self.playing.contains(&true)
        })?;
        checkpoint.check("begun", &format!("{n} to {episodes} episodes are expected"), || {
            (n..=episodes).contains(&self.begun)
        })?;
        checkpoint.value("policy", &mut self.rng)
    }
}

#[cfg(test)]
mod tests;
