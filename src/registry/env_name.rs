//! An environment as `--env` names it, with the id of one of Gymnasium.
use super::environments::{EnvEntry, GYM, Source, TIME_LIMIT, options_of_id};
use super::{Options, all};
use crate::usage::Usage;
use agents::MakeEnv;
use anyhow::Result;
use envs::{Gym, GymId, GymOptions, Mdp};
use params::{Field, Parameters as _};
use serde_json::Value;
use std::sync::Arc;

/// One line about `gym:ID`.
pub(crate) const ABOUT_GYM: &str = "Any environment of Gymnasium, in a process of Python: gym:CartPole-v1, gym:ALE/Pong-v5, \
     gym:package.module:Name-v0";

/// An environment as `--env` names it: `NAME`, or `gym:ID`.
pub(crate) enum EnvName {
    /// One of lab's, or of a user's own.
    Entry(&'static EnvEntry),
    /// One of Gymnasium, in a process of Python.
    Gym(GymId),
}

impl EnvName {
    /// Finds the environment; whether Gymnasium has one of this id is found out when it is made.
    ///
    /// # Errors
    /// [`Usage`], with the nearest name there is.
    pub(crate) fn parse(text: &str) -> Result<Self, Usage> {
        match text.split_once(':') {
            Some((GYM, "")) => {
                Err(Usage(format!("--env {text}: an id is expected after the colon")))
            }
            Some((GYM, id)) => Ok(Self::Gym(GymId::new(id))),
            None if text == GYM => {
                Err(Usage(format!("--env {GYM}: say which, as in --env {GYM}:CartPole-v1")))
            }
            _ => Ok(Self::Entry(all::env(text)?)),
        }
    }

    /// The name in full.
    pub(crate) fn full(&self) -> String {
        match self {
            Self::Entry(entry) => entry.name.to_owned(),
            Self::Gym(id) => id.to_string(),
        }
    }

    /// The options of its own; one of Gymnasium takes others too, as keyword arguments.
    pub(crate) fn options(&self) -> Vec<Field> {
        match self {
            Self::Entry(entry) => (entry.options)(),
            Self::Gym(_) => GymOptions::fields(),
        }
    }

    /// The options that wrap it, which a configuration holds only where they are given.
    pub(crate) fn wrappers(&self) -> Vec<Field> {
        match self {
            Self::Entry(entry) => entry.wrappers(),
            Self::Gym(_) => Vec::new(),
        }
    }

    /// Returns `true` if options that are none of [`options`](Self::options) are keyword arguments.
    pub(crate) fn takes_arguments(&self) -> bool {
        matches!(self, Self::Gym(_))
    }

    /// A function that makes copies with these options.
    ///
    /// # Errors
    /// If an option is wrong; errors of the process.
    pub(crate) fn make(&self, options: &Options) -> Result<MakeEnv> {
        match self {
            Self::Entry(entry) => entry.make(options),
            Self::Gym(id) => {
                let fields = self.options();
                let (mut own, mut arguments) = (options.clone(), options.clone());
                own.retain(|key, _| fields.iter().any(|field| field.name == key));
                arguments.retain(|key, _| !own.contains_key(key));
                let own: GymOptions =
                    serde_json::from_value(Value::Object(params::resolve(&fields, &own)?))?;
                own.check()?;
                let gym = Gym::start(id, &arguments, &own)?;
                Ok(Box::new(move || gym.make()))
            }
        }
    }

    /// Its outcomes, where they are known.
    ///
    /// # Errors
    /// If an option is wrong.
    pub(crate) fn mdp(&self, options: &Options) -> Result<Option<Arc<dyn Mdp>>> {
        match self {
            Self::Entry(entry) => entry.mdp(options),
            Self::Gym(_) => Ok(None),
        }
    }

    /// Returns `true` if an id of this environment brings the time limit `limit`.
    fn is_of_id(&self, limit: &Value) -> bool {
        let Self::Entry(entry) = self else { return false };
        let brought = entry.ids.iter().flat_map(|id| options_of_id(id));
        brought.into_iter().any(|(option, value)| option == TIME_LIMIT && value == *limit)
    }

    /// Returns `true` if its time limit is the user's to choose: that of a problem whose outcomes are known, or one laid
    /// around it by these options. Others are a part of the task, as in CartPole.
    pub(crate) fn has_chosen_time_limit(&self, options: &Options) -> bool {
        let known = matches!(self, Self::Entry(EnvEntry { source: Source::Mdp(..), .. }));
        let is_limit = |field: &&Field| field.name == TIME_LIMIT;
        let (own, wrappers) = (self.options(), self.wrappers());
        let given = options.get(TIME_LIMIT);
        match own.iter().find(is_limit) {
            _ if known => true,
            Some(own) => given.is_some_and(|given| *given != own.default && !self.is_of_id(given)),
            None => wrappers.iter().any(|field| is_limit(&field)) && given.is_some(),
        }
    }
}

/// A name as part of the name of a directory or of a preset: `gym-ALE-Pong-v5`.
pub(crate) fn as_part(name: &str) -> String {
    name.replace(|char: char| !char.is_alphanumeric() && !"-_.".contains(char), "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_gymnasium_follows_a_colon() {
        let full = |text| EnvName::parse(text).map(|name| name.full()).map_err(|error| error.0);
        assert_eq!(full("gym:ALE/Pong-v5"), Ok("gym:ALE/Pong-v5".to_owned()));
        assert_eq!(full("gym:a.b:C-v0"), Ok("gym:a.b:C-v0".to_owned()));
        assert_eq!(full("CartPole-v1"), Ok("cartpole".to_owned()));
        assert!(full("gym").unwrap_err().contains("as in --env gym:CartPole-v1"));
        assert!(full("gym:").unwrap_err().contains("an id is expected"));
        assert!(full("cartpole:x").unwrap_err().contains("did you mean `cartpole`"));
        assert_eq!(as_part("gym:a.b:C/D-v0"), "gym-a.b-C-D-v0");
    }
}
