//! Values that change over training.
use serde::{Deserialize, Serialize};

/// Moves in a straight line from `from` to `to` over `over` units, then stays.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Linear {
    /// Value at the start.
    pub from: f64,
    /// Value at the end.
    pub to: f64,
    /// Units it takes; with 0 the end is there at once.
    pub over: u64,
}

impl Linear {
    /// The value after `step` units.
    pub fn at(&self, step: u64) -> f64 {
        if step >= self.over {
            return self.to;
        }
        self.from + (self.to - self.from) * (step as f64 / self.over as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn straight_then_flat() {
        let epsilon = Linear { from: 1.0, to: 0.2, over: 8 };
        assert_eq!(
            [epsilon.at(0), epsilon.at(4), epsilon.at(8), epsilon.at(99)],
            [1.0, 0.6, 0.2, 0.2]
        );
        assert_eq!(Linear { over: 0, ..epsilon }.at(0), 0.2);
    }
}
