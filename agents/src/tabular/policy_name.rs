//! A policy as a hyper-parameter.
use super::choice::Choice;
use super::model::Model;
use super::policy::Policy;
use anyhow::Result;
use envs::Mdp;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use train::BadValue;

/// A policy as a hyper-parameter.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum PolicyName {
    /// `uniform`: every available action is as probable as the others.
    #[default]
    Uniform,
    /// A JSON object with `policy`, a list by state, as `solution.json` of a run has: the action's
    /// number, or a list with the probability of each action, or null where the state is terminal.
    File(PathBuf),
}

impl From<String> for PolicyName {
    fn from(text: String) -> Self {
        match text.as_str() {
            "uniform" => Self::Uniform,
            _ => Self::File(text.into()),
        }
    }
}

impl FromStr for PolicyName {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(text.to_owned().into())
    }
}

impl fmt::Display for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uniform => f.write_str("uniform"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

impl From<PolicyName> for String {
    fn from(name: PolicyName) -> Self {
        name.to_string()
    }
}

impl PolicyName {
    /// The policy of this name, for the problem `mdp`, given by `flag`.
    ///
    /// # Errors
    /// [`BadValue`] where the file can't be read or does not fit the problem.
    pub fn read(&self, flag: &str, mdp: &dyn Mdp, model: &Model) -> Result<Policy> {
        let Self::File(path) = self else { return Ok(Policy::uniform(model)) };
        let wrong = |why: &str| BadValue::new(flag, path.display(), why);
        let text = train::read_text(path.as_ref())
            .map_err(|error| wrong(&format!("{error:#}; `uniform` or a JSON file is expected")))?;
        let file: File = serde_json::from_str(&text).map_err(|error| {
            wrong(&format!("`policy`, a list by state, is expected in a JSON object: {error}"))
        })?;
        Policy::of(&file.policy, mdp, model).map_err(|error| wrong(&error.to_string()).into())
    }
}

#[derive(Deserialize)]
struct File {
    policy: Vec<Option<Choice>>,
}
