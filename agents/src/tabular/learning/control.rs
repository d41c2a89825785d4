//! Machinery that tabular learners of control share.
use super::estimates::Estimates;
use super::explorer::Explorer;
use super::tabular_env::{TabularEnv, TabularTransition};
use crate::actions::{ActionBatch, Mode};
use crate::agent::Agent;
use crate::evaluation::Episodes;
use crate::on_policy::heads::ActionDistribution;
use crate::tabular::model::Model;
use crate::tabular::policy::Policy;
use crate::tabular::table::Table;
use anyhow::Result;
use nn::onnx::Export;
use train::{Checkpoint, Evaluation, Learner, Log, Rng, Split};

/// An environment, q(s, a), and ε-greedy exploration by it.
pub(super) struct Control {
    pub(super) env: TabularEnv,
    pub(super) q: Estimates,
    pub(super) explorer: Explorer,
    pub(super) episodes: Episodes,
}

impl Control {
    /// An ε-greedy action for the current state.
    pub(super) fn explore(&mut self, log: &mut Log) -> usize {
        let Self { env, q, explorer, .. } = self;
        log.scalar("train/epsilon", explorer.epsilon(env.n_transitions));
        explorer.choose(q.row(env.state), env.n_transitions)
    }

    /// Takes an action that the current state has.
    pub(super) fn step(&mut self, action: usize, log: &mut Log) -> Result<TabularTransition> {
        let transition = self.env.step(action, log)?;
        self.q.grow(&self.env.states);
        Ok(transition)
    }

    pub(super) fn evaluate(&self, agent: &dyn Agent, split: Split) -> Result<Evaluation> {
        self.env.evaluate(agent, self.episodes, split)
    }

    pub(super) fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.env.state(checkpoint)?;
        self.q.state(&self.env.states, checkpoint)?;
        self.explorer.state(checkpoint)
    }
}

/// A learner that acts greedily by the q of its [`Control`].
pub(super) trait ControlLearner: Learner {
    fn control(&self) -> &Control;
}

impl<L: ControlLearner> Agent for L {
    fn act(&self, obs: &[f32], _: Mode, rngs: &mut [Rng], actions: &mut ActionBatch) -> Result<()> {
        let Control { env, q, .. } = self.control();
        q.act(&env.states, obs, rngs, actions.numbers()?)
    }

    fn table(&self, model: &Model) -> Result<Option<Table>> {
        let Control { env, q, .. } = self.control();
        Ok(q.table(&env.states, model))
    }

    fn evaluates(&self) -> Option<&Policy> {
        None
    }

    fn q_values(&self, obs: &[f32]) -> Result<Option<Vec<f64>>> {
        let Control { env, q, .. } = self.control();
        q.of(&env.states, obs, env.obs_len()).map(Some)
    }

    fn policy(&self, _: &[f32]) -> Result<Option<ActionDistribution>> {
        Ok(None)
    }

    fn exports(&self) -> Vec<Export<'_>> {
        Vec::new()
    }
}
