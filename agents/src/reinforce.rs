//! REINFORCE (Williams 1992, "Simple Statistical Gradient-Following Algorithms for Connectionist
//! Reinforcement Learning"; Sutton & Barto, sections 13.3 and 13.4).
//!
//! After E whole episodes, one step uphill on (1/E)·Σ ∇log π(a|s)·(G − b) over all their steps: an
//! unbiased estimate of the gradient of the expected return where γ = 1 and the baseline b does not depend
//! on the action. G is the return from the step on, or with `--returns whole` that of the episode.
//! Deviations from the book: several episodes per update, no factor γᵗ, Adam.
mod config;
mod gradient;
mod one_step;

use crate::acting::Acting;
use crate::net::Net;
use crate::on_policy::collector::Collector;
use crate::on_policy::heads::{ActionDistribution, Head};
use crate::on_policy::nets::{MakeNet, Part};
use crate::on_policy::returns::{Baseline, Returns, Weights, normalise};
use crate::on_policy::value::ValueFunction;
use crate::tabular::{self, Model, Table};
use crate::{ActionBatch, Agent, MakeEnv, Mode, masks, memory};
use anyhow::Result;
use candle_core::{Device, Tensor};
pub use config::ReinforceConfig;
use envs::Spec;
use nn::onnx::Export;
use nn::{Optimizer, Params};
use one_step::OneStepUpdates;
use train::{
    BadValue, Checkpoint, Download as _, Evaluation, FirstUpdate, Learner, Log, MODEL, Progress,
    Rng, Split,
};

/// −(1/E)·Σ log π(a|s)·Â over all steps of E episodes, for `log_probs` and `advantages` of `[B]`.
///
/// # Errors
/// If the shapes don't match.
pub fn reinforce_loss(
    log_probs: &Tensor,
    advantages: &Tensor,
    episodes: usize,
) -> candle_core::Result<Tensor> {
    (log_probs * advantages.detach())?.sum_all()? * (-1.0 / episodes as f64)
}

/// A REINFORCE agent and the environments it learns in. `B` is the number of steps of an update.
pub struct Reinforce {
    config: ReinforceConfig,
    collector: Collector,
    policy: Net,
    head: Head,
    optimizer: Optimizer,
    value: Option<ValueFunction>,
    acting: Acting<(Net, Head)>,
    one_step: OneStepUpdates,
}

impl Reinforce {
    /// An untrained agent for the environment `make` makes.
    ///
    /// # Errors
    /// [`BadValue`] where a hyper-parameter is out of range, or the network does not take such observations.
    pub fn new(make: MakeEnv, config: ReinforceConfig, seed: u64, device: &Device) -> Result<Self> {
        Self::with_networks(make, config, seed, device, None)
    }

    /// An untrained agent with networks that `networks` makes, if it is given, from observations `[B, …]` to `[B, outputs]`:
    /// the policy, and the critic where the baseline is a learned V; `config.network` and `config.hidden` then don't count.
    /// [`Net::of_module`](crate::Net::of_module) takes a model of candle-nn.
    ///
    /// # Errors
    /// As [`new`](Self::new), and errors of `networks`.
    pub fn with_networks(
        make: MakeEnv,
        config: ReinforceConfig,
        seed: u64,
        device: &Device,
        networks: Option<MakeNet>,
    ) -> Result<Self> {
        config.check()?;
        if config.n_envs > config.episodes {
            let fits = "must not be more than --episodes, the rest would never play";
            return Err(BadValue::new("n_envs", config.n_envs, fits).into());
        }
        let (spec, shape) = (make().spec(), config.shape());
        let sizes = shape.sizes(&spec, networks)?;
        memory::episodes(&spec, config.episodes, config.n_envs, &sizes).check()?;
        if let Some(cause) = config.subtracts_mean()
            && config.baseline != Baseline::Value
            && config.returns == Returns::Whole
        {
            one_step::check_episodes(config.episodes, cause)?;
        }
        let lengths = [config.n_envs, config.episodes];
        let devices = config.act_device.beside(device);
        let collector = Collector::of_episodes(make, lengths, config.scaling(), (seed, devices))?;
        let own = |params, spec: &Spec, part| shape.net(params, spec, part);
        let networks = networks.unwrap_or(&own);
        let params = Params::new(seed, device);
        let policy = |params: &Params| {
            let head = Head::new(params, &spec, config.log_std)?;
            Ok((Part::policy(&head).made(params, &spec, networks)?, head))
        };
        let own = policy(&params)?;
        let acting = config.act_device.networks(&params, &own, policy)?;
        let (policy, head) = own;
        let optimizer =
            |lr| config.optimizer.on_policy(lr, config.optimizer_eps, config.max_grad_norm);
        let mut value = None;
        if config.baseline == Baseline::Value {
            let critic = Part::critic(1).made(&Params::new(seed, device), &spec, networks)?;
            value = Some(ValueFunction::new(critic, optimizer(config.value_lr))?);
        }
        Ok(Self {
            optimizer: Optimizer::new(&params, optimizer(config.lr))?,
            policy,
            one_step: OneStepUpdates::default(),
            collector,
            acting,
            head,
            value,
            config,
        })
    }

    /// Steps every copy that plays; how many did.
    fn play(&mut self, log: &mut Log) -> Result<usize> {
        let Self { collector, acting: Acting { net: (policy, head), .. }, .. } = self;
        collector.step(head, |obs, _| policy.frozen.forward(obs), log)
    }

    /// V of observations as they are learned from, `[rows]`; 0 where there is no V.
    ///
    /// # Errors
    /// If `obs` are not whole observations.
    pub fn values(&self, obs: &[f32]) -> Result<Vec<f32>> {
        let rows = obs.len() / self.collector.spec().obs_len();
        match &self.value {
            Some(value) if rows > 0 => value.values(&self.collector.tensor(obs)?),
            _ => Ok(vec![0.0; rows]),
        }
    }

    /// G of every step for the policy, by `--returns`, and G from each step on for V; `[B]` each.
    fn returns(&self) -> Result<(Vec<f32>, Vec<f32>)> {
        let (gamma, rollout) = (self.config.gamma, &self.collector.rollout);
        let truncated = self.values(&rollout.truncated_obs)?;
        let mut bootstrap = vec![0.0; rollout.len()];
        rollout.next_values(&truncated, &[], &mut bootstrap);
        let (whole, to_go) = rollout.episode_returns(gamma, &bootstrap);
        let credit = if self.config.returns == Returns::Whole { whole } else { to_go.clone() };
        Ok((credit, to_go))
    }

    /// Advantages G − b of every step, and the targets of V; `[B]` each.
    fn advantages(&self) -> Result<(Vec<f32>, Vec<f32>)> {
        let (mut advantages, to_go) = self.returns()?;
        let baseline = match self.config.baseline {
            Baseline::None => vec![0.0; advantages.len()],
            Baseline::Mean => {
                let sum: f64 = advantages.iter().map(|&ret| f64::from(ret)).sum();
                vec![(sum / advantages.len().max(1) as f64) as f32; advantages.len()]
            }
            Baseline::Value => self.values(&self.collector.rollout.obs)?,
        };
        advantages.iter_mut().zip(baseline).for_each(|(ret, baseline)| *ret -= baseline);
        if self.config.weights == Weights::Normalised {
            normalise(&mut advantages);
        }
        Ok((advantages, to_go))
    }

    /// The loss whose gradient an update follows, for advantages `[B]`.
    fn loss(&self, advantages: &[f32], log: &mut Log) -> Result<Tensor> {
        let ReinforceConfig { episodes, entropy_coef, .. } = self.config;
        let (actions, advantages) = (self.collector.actions()?, self.collector.column(advantages)?);
        let outputs = self.policy.online.forward(&self.collector.obs()?)?; // [B, A] or [B, D]
        let masks = self.collector.masks()?;
        let policy = self.head.policy(&masks::with(outputs, masks.as_ref())?)?;
        let mut loss = reinforce_loss(&policy.log_prob(&actions)?, &advantages, episodes)?;
        let entropy = policy.entropy()?;
        log.tensor("train/policy_loss", &loss)?;
        log.tensor("train/entropy", &entropy.mean_all()?)?;
        if entropy_coef > 0.0 {
            loss = (loss - (entropy.sum_all()? * (entropy_coef / episodes as f64))?)?;
        }
        Ok(loss)
    }

    /// One step of the optimiser on the episodes, and the steps of V's.
    fn update(&mut self, log: &mut Log) -> Result<()> {
        if let Some(cause) = self.config.subtracts_mean() {
            self.one_step.check(self.collector.rollout.len(), cause)?;
        }
        let (advantages, to_go) = self.advantages()?;
        let loss = self.loss(&advantages, log)?;
        log.tensor("train/grad_norm", &self.optimizer.step(&loss)?.grad_norm)?;
        if let Some(value) = &mut self.value {
            let (obs, to_go) = (self.collector.obs()?, self.collector.column(&to_go)?); // [B, …], [B]
            value.fit((&obs, &to_go), self.config.value_epochs, log)?;
        }
        log.updated();
        self.collector.clear();
        self.acting.follow(&self.policy.params)
    }
}

impl Agent for Reinforce {
    fn act(
        &self,
        obs: &[f32],
        mode: Mode,
        rngs: &mut [Rng],
        actions: &mut ActionBatch,
    ) -> Result<()> {
        let (policy, head) = &self.acting.net;
        let outputs = policy.frozen.forward(&self.collector.scale(obs)?)?; // [N, A] or [N, D]
        head.act(&outputs.download::<f32>()?, mode, rngs, actions)
    }

    fn table(&self, _: &Model) -> Result<Option<Table>> {
        Ok(None)
    }

    fn evaluates(&self) -> Option<&tabular::Policy> {
        None
    }

    fn q_values(&self, _: &[f32]) -> Result<Option<Vec<f64>>> {
        Ok(None)
    }

    fn policy(&self, obs: &[f32]) -> Result<Option<ActionDistribution>> {
        let (policy, head) = &self.acting.net;
        let outputs = policy.frozen.forward(&self.collector.scale(obs)?)?; // [N, A] or [N, D]
        Ok(Some(head.policy(&outputs)?))
    }

    fn exports(&self) -> Vec<Export<'_>> {
        vec![Export::new("policy", || {
            let (mut graph, obs) = self.collector.observed()?;
            let outputs = self.policy.nodes(&mut graph, obs.clone())?; // [B, A] or [B, D]
            self.head.name_outputs(&mut graph, outputs)?;
            if let Some(value) = &self.value {
                value.nodes(&mut graph, obs)?;
            }
            Ok(graph)
        })]
    }
}

impl Learner for Reinforce {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        let played = self.play(log)?;
        if self.collector.is_full() {
            self.update(log)?;
        }
        Ok(Progress::Advanced(played as u64))
    }

    fn first_update(&self) -> FirstUpdate {
        self.collector.first_update()
    }

    fn evaluate(&mut self, split: Split) -> Result<Evaluation> {
        self.collector.evaluate(self, self.config.episodes_of(split), split)
    }

    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.policy.params.state(MODEL, checkpoint)?;
        self.acting.follow(&self.policy.params)?;
        self.collector.scaler_state(checkpoint)?;
        self.optimizer.state("optimizer", checkpoint)?;
        if let Some(value) = &mut self.value {
            value.state(checkpoint)?;
        }
        self.collector.state(checkpoint)
    }
}

#[cfg(test)]
mod tests;
