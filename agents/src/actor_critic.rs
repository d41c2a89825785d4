//! Advantage actor-critic, synchronous (Mnih et al. 2016, "Asynchronous Methods for Deep Reinforcement
//! Learning", <https://arxiv.org/abs/1602.01783>, algorithm S3), and the policy gradient weighted by a
//! learned Q (Sutton et al. 2000, "Policy Gradient Methods", theorem 1).
//!
//! After T steps of N environments, one step on the gradient of
//! L = −mean log π(a|s)·w + c_v·mean (C − G)² − c_e·mean H(π(·|s)),
//! with the critic C = V(s) and w = Â, or C = Q(s, a) and w = Q(s, a); G and w are constants. Where we
//! leave the paper: environments are stepped together, not by threads of their own; ε of RMSProp is
//! outside the root; two networks instead of one (`--network shared` has one).
use crate::actor::{Actor, Critic, Setup, state_values};
use crate::policy_head::Categorical;
use crate::policy_net::{Shape, Sharing, Start};
use crate::returns::{Weights, gae, n_step_returns, normalise};
use crate::tabular::{Model, Table};
use crate::{Agent, MakeEnv, OptimizerName};
use anyhow::Result;
use candle_core::{Device, Tensor};
use clap::ValueEnum;
use nn::{Optimizer, loss, select};
use serde::{Deserialize, Serialize};
use train::{Checkpoint, Evaluation, Learner, Linear, Log, Progress, Split};

train::hyper_parameters! {
    /// Hyper-parameters of [`ActorCritic`].
    pub struct ActorCriticConfig {
        /// Discount γ
        gamma: f64 = 0.99, in 0.0..=1.0;
        /// What the critic learns, and actions are weighed by: advantage (learns V) or q
        #[arg(value_enum, hide_possible_values = true)]
        critic: Critic = Critic::Advantage;
        /// How returns are estimated: gae or n-step
        #[arg(value_enum, hide_possible_values = true)]
        estimator: Estimator = Estimator::Gae;
        /// λ of gae: 0 looks one step ahead, 1 to the end of the rollout
        lambda: f64 = 1.0, in 0.0..=1.0;
        /// Steps that n-step looks ahead, within the rollout
        n_step: usize = 5, in 1..;
        /// Weights of actions within an update: raw, or normalised to mean 0 and deviation 1
        #[arg(value_enum, hide_possible_values = true)]
        weights: Weights = Weights::Raw;
        /// Steps of each environment from one update to the next
        rollout: usize = 5, in 1..=1 << 20;
        /// Environments stepped together
        n_envs: usize = 8, in 1..=1 << 14;
        /// Weight of the critic's loss
        value_coef: f64 = 0.5, in 0.0..;
        /// Weight of the entropy bonus
        entropy_coef: f64 = 0.0, in 0.0..;
        /// Optimiser: adam, rmsprop or sgd
        #[arg(value_enum, hide_possible_values = true)]
        optimizer: OptimizerName = OptimizerName::RmsProp;
        /// ε of adam and rmsprop
        optimizer_eps: f64 = 1e-5, in 0.0..;
        /// Step size at first
        lr: f64 = 7e-4, in 0.0..;
        /// Step size in the end, as a part of --lr
        lr_end: f64 = 1.0, in 0.0..;
        /// Transitions over which the step size changes
        lr_steps: u64 = 0;
        /// Clip the gradient to this norm; 0 leaves it as it is
        max_grad_norm: f64 = 0.5, in 0.0..;
        /// Networks of policy and critic: separate, or shared up to the last layer
        #[arg(value_enum, hide_possible_values = true)]
        network: Sharing = Sharing::Separate;
        /// What weights start from: orthogonal or fan-in
        #[arg(value_enum, hide_possible_values = true)]
        init: Start = Start::Orthogonal;
        /// Units in each hidden layer
        hidden: usize = 64, in 1..=1 << 14;
        /// Episodes of an evaluation during training
        eval_episodes: usize = 20, in 1..=1_000_000;
        /// Episodes of the evaluation at the end
        test_episodes: usize = 100, in 1..=1_000_000;
    }
}

/// How returns are estimated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
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
/// Where the shapes don't fit.
pub fn policy_loss(log_probs: &Tensor, weights: &Tensor) -> candle_core::Result<Tensor> {
    (log_probs * weights.detach())?.mean_all()?.neg()
}

/// An actor-critic agent and the environments it learns in.
pub struct ActorCritic {
    config: ActorCriticConfig,
    actor: Actor,
    optimizer: Optimizer,
}

impl ActorCritic {
    /// An untrained agent for the environment `make` makes.
    ///
    /// # Errors
    /// [`BadValue`](train::BadValue) where a hyper-parameter is out of range; where the observation's
    /// shape has no network.
    pub fn new(
        make: MakeEnv,
        config: ActorCriticConfig,
        seed: u64,
        device: &Device,
    ) -> Result<Self> {
        config.check()?;
        let ActorCriticConfig { lr, optimizer_eps, max_grad_norm, .. } = config;
        let setup = Setup {
            n_envs: config.n_envs,
            rollout: config.rollout,
            sharing: config.network,
            shape: Shape { hidden: config.hidden, start: config.init },
            critic: config.critic,
        };
        let actor = Actor::new(make, &setup, seed, device)?;
        let optimizer = config.optimizer.on_policy(lr, optimizer_eps, max_grad_norm);
        Ok(Self { optimizer: Optimizer::new(&actor.params, optimizer)?, actor, config })
    }

    /// The policy for observations one after the other, B of them.
    ///
    /// # Errors
    /// Where `obs` are not whole observations.
    pub fn policy(&self, obs: &[f32]) -> Result<Categorical> {
        self.actor.policy(obs)
    }

    /// Returns G and advantages G − V(s) of the rollout, `[B]` each, for V(s) `[B]`.
    fn returns(&self, values: &[f32]) -> Result<(Vec<f32>, Vec<f32>)> {
        let ActorCriticConfig { gamma, lambda, n_step, .. } = self.config;
        let next_values = self.actor.next_values()?;
        let steps = self.actor.rollout.steps(self.actor.n(), values, &next_values);
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
        let ActorCriticConfig { value_coef, entropy_coef, lr, lr_end, lr_steps, .. } = self.config;
        let actor = &self.actor;
        let actions = actor.actions()?; // [B]
        let (logits, critic) = actor.net.forward(&actor.obs()?)?; // [B, A], [B, 1] or [B, A]
        let policy = Categorical::new(&logits)?;
        let values = state_values(&policy, &critic)?; // [B]
        let (returns, advantages) = self.returns(&values.to_vec1()?)?;
        let (predicted, mut weights) = match self.config.critic {
            Critic::Advantage => (values, advantages),
            Critic::Q => {
                let q = select(&critic, &actions)?; // [B]
                let weights = q.to_vec1()?;
                (q, weights)
            }
        };
        if self.config.weights == Weights::Normalised {
            normalise(&mut weights);
        }
        let policy_loss = policy_loss(&policy.log_prob(&actions)?, &actor.column(&weights)?)?;
        let value_loss = loss::mse(&predicted, &actor.column(&returns)?)?;
        let entropy = policy.entropy()?.mean_all()?;
        log.tensor("train/policy_loss", &policy_loss)?;
        log.tensor("train/value_loss", &value_loss)?;
        log.tensor("train/entropy", &entropy)?;
        let mut loss = (policy_loss + (value_loss * value_coef)?)?;
        if entropy_coef > 0.0 {
            loss = (loss - (entropy * entropy_coef)?)?;
        }
        let part = Linear { from: 1.0, to: lr_end, over: lr_steps }.at(actor.seen);
        self.optimizer.set_lr(lr * part);
        log.scalar("train/grad_norm", self.optimizer.step(&loss)?.grad_norm);
        self.actor.rollout.clear();
        Ok(())
    }
}

impl Agent for ActorCritic {
    fn act(&self, obs: &[f32], actions: &mut [usize]) -> Result<()> {
        self.actor.act(obs, actions)
    }

    fn table(&self, model: &Model) -> Result<Option<Table>> {
        self.actor.table(model).map(Some)
    }
}

impl Learner for ActorCritic {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        if self.actor.step(log)? {
            self.update(log)?;
        }
        Ok(Progress::Advanced(self.actor.n() as u64))
    }

    fn evaluate(&mut self, split: Split) -> Result<Evaluation> {
        let episodes = match split {
            Split::Validation => self.config.eval_episodes,
            Split::Test => self.config.test_episodes,
        };
        self.actor.evaluate(self, episodes, split)
    }

    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.actor.state(checkpoint)?;
        self.optimizer.state("optimizer", checkpoint)
    }
}

#[cfg(test)]
mod tests;
