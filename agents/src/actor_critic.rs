//! Advantage actor-critic, synchronous (Mnih et al. 2016, "Asynchronous Methods for Deep Reinforcement
//! Learning", <https://arxiv.org/abs/1602.01783>, algorithm S3), and the policy gradient weighted by a
//! learned Q (Sutton et al. 2000, "Policy Gradient Methods", theorem 1).
//!
//! After T steps of N environments, one step on the gradient of
//! L = −mean log π(a|s)·w + c_v·mean (C − G)² − c_e·mean H(π(·|s)),
//! with the critic C = V(s) and w = Â, or C = Q(s, a) and w = Q(s, a); G and w are constants. Deviations
//! from the paper: environments are stepped together, not by threads of their own; ε of RMSProp is
//! outside the root; two networks instead of one (`--sharing shared` has one).
use crate::on_policy::heads::{ActionDistribution, numbers};
use crate::on_policy::nets::MakeNet;
use crate::on_policy::returns::{Weights, gae, n_step_returns, normalise};
use crate::on_policy::trainer::{Critic, OnPolicyTrainer, state_values};
use crate::tabular::{self, Model, Table};
use crate::{ActionBatch, Agent, MakeEnv, Mode, OptimizerName};
use anyhow::Result;
use candle_core::{Device, Tensor};
use nn::onnx::Export;
use nn::{loss, select};
use serde::{Deserialize, Serialize};
use train::{
    BadValue, Checkpoint, Download as _, Evaluation, FirstUpdate, Learner, Log, Progress, Rng,
    Split, above,
};

actor_parameters! {
    /// Hyper-parameters of [`ActorCritic`].
    pub struct ActorCriticConfig {
        /// Function the critic learns and weighs actions by: advantage (learns V) or q
        critic: Critic = Critic::Advantage;
        /// Actions that q weighs: taken, or all, each by its probability
        weighed: Weighed = Weighed::Taken, with critic = "q";
        /// Advantage estimator: gae or n-step
        estimator: Estimator = Estimator::Gae;
        /// λ of gae: 0 looks one step ahead, 1 to the end of the rollout
        lambda: f64 = 1.0, in 0.0..=1.0, with estimator = "gae";
        /// Steps that n-step looks ahead, within the rollout
        n_step: usize = 5, in 1.., with estimator = "n-step";
        /// Advantages: raw, or normalised to mean 0 and deviation 1
        weights: Weights = Weights::Raw;
        /// Steps of each environment from one update to the next
        rollout: usize = 5, in 1..=1 << 20;
        /// Weight of the entropy bonus
        entropy_coef: f64 = 0.0, in 0.0..;
        /// Optimiser: adam, rmsprop or sgd
        optimizer: OptimizerName = OptimizerName::RmsProp;
        /// Initial learning rate
        lr: f64 = 7e-4, in above(0.0);
    }
}

/// Actions that Q weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weighed {
    /// Those that were taken: [`policy_loss`].
    Taken,
    /// All of them: [`all_actions_loss`].
    All,
}

/// Estimator of returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Estimator {
    /// [`gae`].
    Gae,
    /// [`n_step_returns`].
    NStep,
}

/// −mean log π(a|s)·w for `log_probs` and `weights` of `[B]`: its gradient is that of the policy,
/// uphill in what w says, where w is constant.
///
/// # Errors
/// If the shapes don't match.
pub fn policy_loss(log_probs: &Tensor, weights: &Tensor) -> candle_core::Result<Tensor> {
    (log_probs * weights.detach())?.mean_all()?.neg()
}

/// −mean Σₐ π(a|s)·Q(s, a) for `q` `[B, A]`, which is constant: its gradient is the mean of that of
/// [`policy_loss`] over the actions that might have been drawn (Sutton et al. 2000, theorem 1), so the
/// draw adds no noise, and neither does what all actions of a state have in common.
///
/// # Errors
/// If the shapes don't match; where actions are vectors.
pub fn all_actions_loss(policy: &ActionDistribution, q: &Tensor) -> candle_core::Result<Tensor> {
    policy.expected(&q.detach())?.mean_all()?.neg()
}

/// An actor-critic agent and the environments it learns in.
pub struct ActorCritic {
    config: ActorCriticConfig,
    trainer: OnPolicyTrainer,
}

impl ActorCritic {
    /// An untrained agent for the environment `make` makes.
    ///
    /// # Errors
    /// [`BadValue`] where a hyper-parameter is out of range or goes with another, or the network does not
    /// take such observations.
    pub fn new(
        make: MakeEnv,
        config: ActorCriticConfig,
        seed: u64,
        device: &Device,
    ) -> Result<Self> {
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
        config: ActorCriticConfig,
        seed: u64,
        device: &Device,
        networks: Option<MakeNet>,
    ) -> Result<Self> {
        config.check()?;
        config.check_learning_rate()?;
        if config.weighed == Weighed::All {
            if config.critic != Critic::Q {
                return Err(BadValue::new("weighed", "all", "weighs by Q: give --critic q").into());
            }
            if config.weights == Weights::Normalised {
                let expected = "there are no weights of single actions with --weighed all";
                return Err(BadValue::new("weights", "normalised", expected).into());
            }
        }
        if config.weights == Weights::Normalised && config.rollout * config.n_envs == 1 {
            let expected = "one weight less its own mean is 0, and nothing would be learned: give a \
                            --rollout or --n-envs of 2 or more, or --weights raw";
            return Err(BadValue::new("rollout", 1, expected).into());
        }
        if config.critic == Critic::Q && config.value_coef == 0.0 {
            let expected = "actions are weighed by Q, which would learn nothing: give more than 0";
            return Err(BadValue::new("value_coef", 0, expected).into());
        }
        Ok(Self {
            trainer: OnPolicyTrainer::new(
                make,
                config.setup(config.critic),
                (seed, device),
                networks,
            )?,
            config,
        })
    }

    /// The policy for observations one after the other, B of them.
    ///
    /// # Errors
    /// If `obs` are not whole observations.
    pub fn policy(&self, obs: &[f32]) -> Result<ActionDistribution> {
        self.trainer.policy(obs)
    }

    /// Returns G and advantages G − V(s) of the rollout, `[B]` each, for V(s) `[B]`.
    fn returns(&self, values: &[f32]) -> Result<(Vec<f32>, Vec<f32>)> {
        let ActorCriticConfig { gamma, lambda, n_step, .. } = self.config;
        let next_values = self.trainer.next_values()?;
        let steps =
            self.trainer.collector.rollout.steps(self.trainer.collector.n(), values, &next_values);
        let (mut returns, mut advantages) = (vec![0.0; values.len()], vec![0.0; values.len()]);
        match self.config.estimator {
            Estimator::Gae => {
                gae(&steps, gamma, lambda, &mut advantages);
                let sums =
                    advantages.iter().zip(values).map(|(advantage, value)| advantage + value);
                returns.iter_mut().zip(sums).for_each(|(ret, sum)| *ret = sum);
            }
            Estimator::NStep => {
                n_step_returns(&steps, gamma, n_step, &mut returns);
                let errors = returns.iter().zip(values).map(|(ret, value)| ret - value);
                advantages.iter_mut().zip(errors).for_each(|(advantage, error)| *advantage = error);
            }
        }
        Ok((returns, advantages))
    }

    /// One step of the optimiser on the rollout.
    fn update(&mut self, log: &mut Log) -> Result<()> {
        let trainer = &self.trainer;
        let actions = trainer.collector.actions()?; // [B, W]
        let masks = trainer.collector.masks()?;
        let (policy, critic) = trainer.net.masked(&trainer.collector.obs()?, masks.as_ref())?; // critic [B, 1] or [B, A]
        let values = state_values(&policy, &critic)?; // [B]
        let (returns, advantages) = self.returns(&values.download()?)?;
        let (predicted, mut weights) = match self.config.critic {
            Critic::Advantage => (values, advantages),
            Critic::Q => {
                let q = select(&critic, &numbers(&actions)?)?; // [B]
                let weights = q.download()?;
                (q, weights)
            }
        };
        if self.config.weights == Weights::Normalised {
            normalise(&mut weights);
        }
        let policy_loss = match (self.config.critic, self.config.weighed) {
            (Critic::Q, Weighed::All) => all_actions_loss(&policy, &critic)?,
            _ => policy_loss(&policy.log_prob(&actions)?, &trainer.collector.column(&weights)?)?,
        };
        let value_loss = loss::mse(&predicted, &trainer.collector.column(&returns)?)?;
        self.trainer.descend(&policy_loss, &value_loss, &policy, log)?;
        self.trainer.end_update()
    }
}

impl Agent for ActorCritic {
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

    fn evaluates(&self) -> Option<&tabular::Policy> {
        None
    }

    fn q_values(&self, obs: &[f32]) -> Result<Option<Vec<f64>>> {
        self.trainer.q_values(obs)
    }

    fn policy(&self, obs: &[f32]) -> Result<Option<ActionDistribution>> {
        self.trainer.policy_of(obs).map(Some)
    }

    fn exports(&self) -> Vec<Export<'_>> {
        self.trainer.exports()
    }
}

impl Learner for ActorCritic {
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
        self.trainer.state(checkpoint)
    }
}

#[cfg(test)]
mod tests;
