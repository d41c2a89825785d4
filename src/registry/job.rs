//! Inputs from which learners are made.
use super::Options;
use crate::usage::Usage;
use agents::tabular::Problem;
use agents::{MakeEnv, discrete_actions};
use anyhow::Result;
use candle_core::Device;
use envs::Mdp;
use generative::data::{Dataset, Images, Parts};
use params::Parameters;
use std::sync::Arc;

/// Kinds of subjects to learn from: an environment or a data set.
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

    /// Noun for sentences and headings.
    pub fn what(self) -> &'static str {
        match self {
            Self::Env => "environment",
            Self::Data => "data set",
        }
    }
}

/// Inputs for making a generative model.
pub struct DataJob<'a> {
    /// The hyper-parameters, all of them.
    pub options: &'a Options,
    /// Data set to learn from.
    pub data: Dataset,
    /// Seed of every stream.
    pub seed: u64,
    /// Device for its tensors.
    pub device: &'a Device,
}

impl DataJob<'_> {
    /// For a model of images.
    ///
    /// # Errors
    /// If the data are points.
    pub fn images(self) -> Result<Parts<Images>> {
        Ok(self.data.images().map_err(|error| Usage(error.to_string()))?)
    }

    /// The hyper-parameters as the struct that they are stated in.
    ///
    /// # Errors
    /// If they are not those of `C`, or one is out of its range.
    pub fn config<C: Parameters>(&self) -> Result<C> {
        super::config(self.options)
    }
}

/// Inputs for making an agent.
pub struct Job<'a> {
    /// The hyper-parameters, all of them.
    pub options: &'a Options,
    /// Makes copies of the environment.
    pub make: MakeEnv,
    /// The environment's outcomes, where they are known.
    pub mdp: Option<Arc<dyn Mdp>>,
    /// Seed of every stream.
    pub seed: u64,
    /// Device for its tensors.
    pub device: &'a Device,
}

impl Job<'_> {
    /// The outcomes, for a planner.
    ///
    /// # Errors
    /// If they are not known.
    pub fn mdp(&self) -> Result<&dyn Mdp> {
        self.mdp.as_deref().ok_or_else(|| {
            let sentence = "--env: a planner needs to know the outcomes of every action, and this environment only \
                            draws them; give one whose outcomes are known, as frozen-lake, gridworld or taxi";
            Usage(sentence.to_owned()).into()
        })
    }

    /// The problem that a learner with a table learns in.
    ///
    /// # Errors
    /// If states can not be told apart.
    pub fn task(self) -> Result<Problem> {
        Ok(Problem::new(self.make, self.mdp).map_err(|error| Usage(error.to_string()))?)
    }

    /// Some algorithms choose an action from a list.
    ///
    /// # Errors
    /// If actions are vectors.
    pub fn needs_discrete_actions(&self) -> Result<()> {
        let actions = discrete_actions(&(self.make)().spec());
        Ok(actions.map(|_| ()).map_err(|error| Usage(error.to_string()))?)
    }

    /// The gradient of a policy that has one action to take is 0.
    ///
    /// # Errors
    /// If there is one action only.
    pub fn needs_a_choice(&self) -> Result<()> {
        let spec = (self.make)().spec();
        if spec.action_len() == 0 && spec.n_actions() == 1 {
            let sentence = "--env: this environment has one action only, so that a policy has nothing \
                            to learn; give td, which learns what its states are worth";
            return Err(Usage(sentence.to_owned()).into());
        }
        Ok(())
    }

    /// The hyper-parameters as the struct that they are stated in.
    ///
    /// # Errors
    /// If they are not those of `C`, or one is out of its range.
    pub fn config<C: Parameters>(&self) -> Result<C> {
        super::config(self.options)
    }
}
