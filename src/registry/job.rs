//! What learners are made from.
use super::{DATA, ENVS, Fields, Options, Source};
use crate::usage::Usage;
use agents::tabular::Problem;
use agents::{MakeEnv, discrete_actions};
use anyhow::Result;
use candle_core::Device;
use envs::Mdp;
use generative::data::{Dataset, Images, Parts};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::sync::Arc;

/// What an algorithm learns from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// An environment.
    Env,
    /// A data set.
    Data,
}

impl Subject {
    /// The flag that names it, and the key of the configuration.
    pub fn key(self) -> &'static str {
        match self {
            Self::Env => "env",
            Self::Data => "data",
        }
    }

    /// The key of its options; the flag for one of them is `--env-arg` or `--data-arg`.
    pub fn args_key(self) -> &'static str {
        match self {
            Self::Env => "env_args",
            Self::Data => "data_args",
        }
    }

    /// What it is called.
    pub fn what(self) -> &'static str {
        match self {
            Self::Env => "environment",
            Self::Data => "data set",
        }
    }

    /// All there are: the name, and the options.
    pub fn all(self) -> Vec<(&'static str, Fields)> {
        match self {
            Self::Env => ENVS.iter().map(|entry| (entry.name, entry.options)).collect(),
            Self::Data => DATA.iter().map(|entry| (entry.name, entry.options)).collect(),
        }
    }
}

/// What a generative model is made from.
pub struct DataJob<'a> {
    /// The hyper-parameters, all of them.
    pub options: &'a Options,
    /// What it learns from.
    pub data: Dataset,
    /// Seed of every stream.
    pub seed: u64,
    /// Where its tensors live.
    pub device: &'a Device,
}

impl DataJob<'_> {
    /// For a model of pictures.
    pub(super) fn images(self) -> Result<Parts<Images>> {
        Ok(self.data.images().map_err(|error| Usage(error.to_string()))?)
    }

    pub(super) fn config<C: DeserializeOwned>(&self) -> Result<C> {
        Ok(serde_json::from_value(Value::Object(self.options.clone()))?)
    }
}

/// What an agent is made from.
pub struct Job<'a> {
    /// The hyper-parameters, all of them.
    pub options: &'a Options,
    /// Makes copies of the environment.
    pub make: MakeEnv,
    /// The environment's outcomes, where they are known.
    pub mdp: Option<Arc<dyn Mdp>>,
    /// Seed of every stream.
    pub seed: u64,
    /// Where its tensors live.
    pub device: &'a Device,
}

impl Job<'_> {
    pub(super) fn mdp(&self) -> Result<&dyn Mdp> {
        self.mdp.as_deref().ok_or_else(|| {
            let known = ENVS.iter().filter(|entry| matches!(entry.source, Source::Mdp(..)));
            let known: Vec<_> = known.map(|entry| entry.name).collect();
            Usage(format!(
                "--env: a planner needs to know the outcomes of every action, and this environment \
                 only draws them; give one of {}",
                known.join(", ")
            ))
            .into()
        })
    }

    /// What a learner with a table learns in.
    pub(super) fn task(self) -> Result<Problem> {
        Ok(Problem::new(self.make, self.mdp).map_err(|error| Usage(error.to_string()))?)
    }

    /// Some algorithms choose an action from a list.
    pub(super) fn needs_discrete_actions(&self) -> Result<()> {
        let actions = discrete_actions(&(self.make)().spec());
        Ok(actions.map(|_| ()).map_err(|error| Usage(error.to_string()))?)
    }

    /// A network has an output for every action, and takes all of them for allowed in every state.
    pub(super) fn needs_every_action(&self) -> Result<()> {
        let Some(mdp) = &self.mdp else { return Ok(()) };
        for state in 0..mdp.n_states() {
            let allowed = (0..mdp.n_actions()).filter(|action| mdp.allows(state, *action)).count();
            if allowed != 0 && allowed != mdp.n_actions() {
                let name = mdp.state_name(state);
                return Err(Usage(format!(
                    "--env: state {name} does not have every action, and this algorithm can't \
                     choose among some only; use a planner, or in a gridworld --reward entering"
                ))
                .into());
            }
        }
        Ok(())
    }

    /// The gradient of a policy that has one action to take is 0.
    pub(super) fn needs_a_choice(&self) -> Result<()> {
        let spec = (self.make)().spec();
        if spec.action_len() == 0 && spec.n_actions() == 1 {
            let sentence = "--env: this environment has one action only, so that a policy has nothing \
                            to learn; give td, which learns what its states are worth";
            return Err(Usage(sentence.to_owned()).into());
        }
        Ok(())
    }

    pub(super) fn config<C: DeserializeOwned>(&self) -> Result<C> {
        Ok(serde_json::from_value(Value::Object(self.options.clone()))?)
    }
}
