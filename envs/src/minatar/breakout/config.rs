//! Options of Breakout.

use super::super::board::ActionSet;

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
