//! Options of Breakout.

use serde::{Deserialize, Serialize};

/// Options of [`Breakout`](super::Breakout).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BreakoutConfig {
    /// Probability, at every step, that the previous action is repeated instead of the one given.
    pub sticky: f64,
    /// The actions there are.
    pub actions: ActionSet,
}

impl Default for BreakoutConfig {
    fn default() -> Self {
        Self { sticky: 0.1, actions: ActionSet::Minimal }
    }
}

impl BreakoutConfig {
    /// # Errors
    /// Where `sticky` is no probability.
    pub fn check(&self) -> Result<(), String> {
        match (0.0..=1.0).contains(&self.sticky) {
            true => Ok(()),
            false => Err(format!("sticky must lie between 0 and 1, not at {}", self.sticky)),
        }
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
