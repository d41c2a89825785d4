//! Proximal policy optimisation (Schulman et al. 2017, <https://arxiv.org/abs/1707.06347>, algorithm 1),
//! with the details of Huang et al. 2022 ("The 37 Implementation Details of Proximal Policy
//! Optimization", ICLR blog track), each of them a flag: see `docs/policy-gradient.md`.
//!
//! After T steps of N environments, several epochs over the rollout in shuffled batches, each a step on
//! L = −mean min(ρ·Â, clip(ρ, 1 ± ε)·Â) + c_v·L_v − c_e·mean H(π(·|s)), with ρ = π(a|s) / π_old(a|s).
mod divergence;

pub use divergence::divergence;

use crate::on_policy::heads::ActionDistribution;
use crate::on_policy::minibatch::{Minibatch, Targets, check_batch};
use crate::on_policy::nets::MakeNet;
use crate::on_policy::returns::{Weights, gae, normalise};
use crate::on_policy::trainer::{Critic, OnPolicyTrainer, state_values};
use crate::tabular::{Model, Policy, Table};
use crate::{ActionBatch, Agent, MakeEnv, Mode, OptimizerName};
use anyhow::Result;
use candle_core::{Device, Tensor};
use nn::onnx::Export;
use nn::{HostTensor, loss};
use rand::seq::SliceRandom as _;
use serde::{Deserialize, Serialize};
use train::{
    BadValue, Checkpoint, Download as _, Evaluation, FirstUpdate, Learner, Log, Progress, Rng,
    Split, above, is_host, stream,
};

actor_parameters! {
    /// Hyper-parameters of [`Ppo`].
    pub struct PpoConfig {
        /// λ of generalised advantage estimation
        lambda: f64 = 0.95, in 0.0..=1.0;
        /// ε: how far the ratio of new to old probability may move before its gradient stops
        clip: f64 = 0.2, in above(0.0);
        /// Loss of the critic: clipped (moves V by at most ε from what it was) or mse
        value_loss: ValueLoss = ValueLoss::Clipped;
        /// Advantages within a batch: raw, or normalised to mean 0 and deviation 1
        advantages: Weights = Weights::Normalised;
        /// Steps of each environment in a rollout
        rollout: usize = 128, in 1..=1 << 20;
        /// Passes over a rollout
        epochs: usize = 4, in 1..=100;
        /// Batch size, in transitions; a rollout is cut into batches of this size
        batch: usize = 256, in 1..=1 << 20;
        /// Leave a rollout once a batch finds the policy this far (in nats) from what it was; 0 never
        target_kl: f64 = 0.0, in 0.0..;
        /// Weight of the entropy bonus
        entropy_coef: f64 = 0.01, in 0.0..;
        /// Optimiser: adam, rmsprop or sgd
        optimizer: OptimizerName = OptimizerName::Adam;
        /// Initial learning rate
        lr: f64 = 2.5e-4, in above(0.0);
    }
}

/// Loss of V − G.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ValueLoss {
    /// [`clipped_value_loss`].
    Clipped,
    /// mean (V − G)².
    Mse,
}

/// mean min(ρ·Â, clip(ρ, 1 − ε, 1 + ε)·Â) with ρ = e^(`log_probs` − `old_log_probs`): the policy's
/// objective, to be maximised (Schulman et al. 2017, equation 7). Everything is `[B]`; only `log_probs` takes a
/// gradient.
///
/// # Errors
/// If the shapes don't match.
pub fn clipped_objective(
    log_probs: &Tensor,
    old_log_probs: &Tensor,
    advantages: &Tensor,
    clip: f64,
) -> candle_core::Result<Tensor> {
    let ratio = (log_probs - old_log_probs)?.exp()?;
    let clipped = ratio.clamp(1.0 - clip, 1.0 + clip)?;
    (&ratio * advantages)?.minimum(&(clipped * advantages)?)?.mean_all()
}

/// mean max((V − G)², (V_old + clip(V − V_old, ±ε) − G)²): Huang et al. 2022, detail 9. Everything is
/// `[B]`; only `values` takes a gradient.
///
/// # Errors
/// If the shapes don't match.
pub fn clipped_value_loss(
    values: &Tensor,
    old_values: &Tensor,
    returns: &Tensor,
    clip: f64,
) -> candle_core::Result<Tensor> {
    let moved = (values - old_values)?.clamp(-clip, clip)?;
    let clipped = ((old_values + moved)? - returns)?.sqr()?;
    (values - returns)?.sqr()?.maximum(&clipped)?.mean_all()
}

/// A PPO agent and the environments it learns in.
pub struct Ppo {
    config: PpoConfig,
    trainer: OnPolicyTrainer,
    batch: Minibatch,
    /// The transitions of a rollout in the order they are learned from.
    order: Vec<usize>,
    shuffle: Rng,
}

impl Ppo {
    /// An untrained agent for the environment `make` makes.
    ///
    /// # Errors
    /// [`BadValue`] where a hyper-parameter is out of range, or the network does not take such observations.
    pub fn new(make: MakeEnv, config: PpoConfig, seed: u64, device: &Device) -> Result<Self> {
        Self::with_networks(make, config, seed, device, None)
    }

    /// An untrained agent with networks that `networks` makes, if it is given, from observations `[B, …]` to `[B, outputs]`:
    /// policy and critic; `config.network`, `config.hidden` and `config.sharing` then don't count.
    /// [`Net::of_module`](crate::Net::of_module) takes a model of candle-nn.
    ///
    /// # Errors
    /// As [`new`](Self::new), and errors of `networks`.
    pub fn with_networks(
        make: MakeEnv,
        config: PpoConfig,
        seed: u64,
        device: &Device,
        networks: Option<MakeNet>,
    ) -> Result<Self> {
        config.check()?;
        config.check_learning_rate()?;
        let full = config.rollout * config.n_envs;
        check_batch(config.batch, [config.rollout, config.n_envs])?;
        if config.advantages == Weights::Normalised && config.batch == 1 {
            let fits = "one advantage less its own mean is 0, and nothing would be learned: give a \
                        --batch of 2 or more, or --advantages raw";
            return Err(BadValue::new("batch", 1, fits).into());
        }
        let trainer =
            OnPolicyTrainer::new(make, config.setup(Critic::Advantage), (seed, device), networks)?;
        Ok(Self {
            batch: Minibatch::new(
                config.batch,
                (trainer.collector.spec(), trainer.collector.masked()),
                device,
            )?,
            order: (0..full).collect(),
            shuffle: stream(seed, "shuffle"),
            trainer,
            config,
        })
    }

    /// Targets of the rollout, by the networks as they were while it was made.
    fn targets(&self) -> Result<Targets> {
        let trainer = &self.trainer;
        let masks = trainer.collector.masks()?;
        let (policy, critic) = trainer.frozen.masked(&trainer.collector.obs()?, masks.as_ref())?; // critic [B, 1]
        let values: Vec<f32> = state_values(&policy, &critic)?.download()?;
        let next_values = trainer.next_values()?;
        let steps = trainer.collector.rollout.steps(trainer.collector.n(), &values, &next_values);
        let mut advantages = vec![0.0; values.len()];
        gae(&steps, self.config.gamma, self.config.lambda, &mut advantages);
        let returns = advantages.iter().zip(&values).map(|(advantage, value)| advantage + value);
        Ok(Targets {
            log_probs: policy.log_prob(&trainer.collector.actions()?)?.download()?,
            returns: returns.collect(),
            advantages,
            values,
        })
    }

    /// All epochs over the rollout.
    fn update(&mut self, log: &mut Log) -> Result<()> {
        let targets = self.targets()?;
        // From the same order each time, so that a resumed run need not know the last one.
        self.order.iter_mut().enumerate().for_each(|(i, row)| *row = i);
        'epochs: for _ in 0..self.config.epochs {
            self.order.shuffle(&mut self.shuffle);
            for first in (0..self.order.len()).step_by(self.config.batch) {
                let rows = &self.order[first..][..self.config.batch];
                self.batch.fill(rows, &self.trainer.collector.rollout, &targets)?;
                if !self.learn(log)? {
                    break 'epochs;
                }
            }
        }
        self.trainer.end_update()
    }

    /// One step of the optimiser on the batch; false, and no step, where the policy has moved too far.
    fn learn(&mut self, log: &mut Log) -> Result<bool> {
        let PpoConfig { clip, target_kl, .. } = self.config;
        if self.config.advantages == Weights::Normalised {
            self.batch.advantages.fill(normalise)?;
        }
        let Minibatch { obs, actions, log_probs: old, advantages, returns, .. } = &self.batch;
        let (old_values, masks) = (&self.batch.values, self.batch.masks.as_ref());
        let masks = masks.map(HostTensor::tensor);
        let (policy, critic) = self.trainer.net.masked(obs.tensor(), masks)?; // critic [M, 1]
        let log_probs = policy.log_prob(actions.tensor())?; // [M]
        let (old, returns) = (old.tensor(), returns.tensor());
        if is_host(log_probs.device()) || target_kl > 0.0 {
            let (kl, clipped) = divergence(&log_probs.download()?, &old.download()?, clip);
            log.scalar("train/kl", kl);
            log.scalar("train/clipped", clipped);
            if target_kl > 0.0 && kl > target_kl {
                return Ok(false);
            }
        } else {
            let (kl, clipped) = divergence::on_device(&log_probs.detach(), old, clip)?;
            log.tensor("train/kl", &kl)?;
            log.tensor("train/clipped", &clipped)?;
        }
        let objective = clipped_objective(&log_probs, old, advantages.tensor(), clip)?;
        let values = state_values(&policy, &critic)?; // [M]
        let value_loss = match self.config.value_loss {
            ValueLoss::Clipped => clipped_value_loss(&values, old_values.tensor(), returns, clip)?,
            ValueLoss::Mse => loss::mse(&values, returns)?,
        };
        self.trainer.descend(&objective.neg()?, &value_loss, &policy, log)?;
        Ok(true)
    }
}

impl Agent for Ppo {
    fn act(
        &self,
        obs: &[f32],
        mode: Mode,
        rngs: &mut [Rng],
        actions: &mut ActionBatch,
    ) -> Result<()> {
        self.trainer.act(obs, mode, rngs, actions)
    }

    fn table(&self, model: &Model) -> Result<Option<Table>> {
        self.trainer.table(model).map(Some)
    }

    fn evaluates(&self) -> Option<&Policy> {
        None
    }

    fn q_values(&self, _: &[f32]) -> Result<Option<Vec<f64>>> {
        Ok(None)
    }

    fn policy(&self, obs: &[f32]) -> Result<Option<ActionDistribution>> {
        self.trainer.policy_of(obs).map(Some)
    }

    fn exports(&self) -> Vec<Export<'_>> {
        self.trainer.exports()
    }
}

impl Learner for Ppo {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        if self.trainer.step(log)? {
            self.update(log)?;
        }
        Ok(Progress::Advanced(self.trainer.collector.n() as u64))
    }

    fn first_update(&self) -> FirstUpdate {
        self.trainer.collector.first_update()
    }

    fn evaluate(&mut self, split: Split) -> Result<Evaluation> {
        self.trainer.collector.evaluate(self, self.config.episodes_of(split), split)
    }

    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.trainer.state(checkpoint)?;
        checkpoint.value("shuffle", &mut self.shuffle)
    }
}

#[cfg(test)]
mod tests;
