//! Choice of an action, certain or random.
use serde::{Deserialize, Serialize};

/// Action of a policy in a state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Choice {
    /// Always this action.
    Action(usize),
    /// Each action with its probability, `[A]`.
    Probabilities(Vec<f64>),
}

impl Choice {
    /// The action that is always taken; `None` where one is drawn.
    pub fn action(&self) -> Option<usize> {
        match self {
            Self::Action(action) => Some(*action),
            Self::Probabilities(_) => None,
        }
    }

    /// The actions that may be taken, each with its probability.
    pub fn probs(&self) -> impl Iterator<Item = (usize, f64)> {
        let (sure, sampled) = match self {
            Self::Action(action) => (Some((*action, 1.0)), &[][..]),
            Self::Probabilities(probs) => (None, &probs[..]),
        };
        sure.into_iter().chain(sampled.iter().copied().enumerate().filter(|(_, prob)| *prob > 0.0))
    }
}
