//! Options of Breakout.

use serde::{Deserialize, Serialize};

params::parameters! {
    /// Options of [`Breakout`](super::Breakout).
    #[derive(Copy)]
    pub struct BreakoutConfig {
        /// Probability, at every step, that the previous action is repeated
        sticky: f64 = 0.1, in 0.0..=1.0;
        /// Actions: minimal (noop, left, right), or full (all six of MinAtar)
        actions: ActionSet = ActionSet::Minimal;
    }
}

/// Subset of MinAtar's six actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActionSet {
    /// noop, left, right: those that do something here.
    #[default]
    Minimal,
    /// noop, left, up, right, down, fire; up, down and fire do nothing.
    Full,
}

impl ActionSet {
    pub(super) fn names(self) -> &'static [&'static str] {
        match self {
            Self::Minimal => &["noop", "left", "right"],
            Self::Full => &["noop", "left", "up", "right", "down", "fire"],
        }
    }

    /// Columns the paddle moves by, for each action.
    pub(super) fn moves(self) -> &'static [i8] {
        match self {
            Self::Minimal => &[0, -1, 1],
            Self::Full => &[0, -1, 0, 1, 0, 0],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_read_strictly() {
        let read = |text| serde_json::from_str::<BreakoutConfig>(text);
        assert_eq!(read("{}").unwrap(), BreakoutConfig::default());
        let full = BreakoutConfig { sticky: 0.1, actions: ActionSet::Full };
        assert_eq!(read(r#"{"actions": "full"}"#).unwrap(), full);
        assert!(read(r#"{"stick": 0.1}"#).is_err());
    }
}
