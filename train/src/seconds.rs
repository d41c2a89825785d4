//! Seconds of a run by kind of work.
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// Seconds of a run, in all its parts together, by what they went into. Loading, saving and waiting for the disk
/// are in none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Seconds {
    /// Steps of the learner.
    pub training: f64,
    /// Evaluations on the way and the final one.
    pub evaluation: f64,
    /// Figures.
    pub figures: f64,
}

impl Seconds {
    /// The larger of each: what either knows of.
    #[must_use]
    pub fn at_least(self, other: Self) -> Self {
        Self {
            training: self.training.max(other.training),
            evaluation: self.evaluation.max(other.evaluation),
            figures: self.figures.max(other.figures),
        }
    }

    /// Returns `true` if these can be times.
    pub(crate) fn sound(&self) -> bool {
        let Self { training, evaluation, figures } = *self;
        [training, evaluation, figures].iter().all(|s| s.is_finite() && *s >= 0.0)
    }
}

/// Steps per second; 0 where there were none.
pub fn rate(steps: u64, seconds: f64) -> f64 {
    match steps {
        0 => 0.0,
        // A clock that stood still says no less than that they were quick.
        steps => steps as f64 / seconds.max(1e-9),
    }
}

/// Seconds from one look to the next.
pub(crate) struct Lap(Instant);

impl Lap {
    pub(crate) fn begin() -> Self {
        Self(Instant::now())
    }

    /// Seconds since the last look, or the beginning.
    pub(crate) fn take(&mut self) -> f64 {
        let now = Instant::now();
        now.duration_since(std::mem::replace(&mut self.0, now)).as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_finite() {
        assert_eq!([rate(0, 0.0), rate(10, 2.0)], [0.0, 5.0]);
        assert!(rate(3, 0.0).is_finite());
    }

    #[test]
    fn what_either_knows_of_is_kept() {
        let checkpoint = Seconds { training: 3.0, evaluation: 1.0, figures: 0.0 };
        let result = Seconds { training: 2.0, evaluation: 1.5, figures: 0.25 };
        let both = Seconds { training: 3.0, evaluation: 1.5, figures: 0.25 };
        assert_eq!(checkpoint.at_least(result), both);
        assert!(both.sound() && !Seconds { figures: -1.0, ..both }.sound());
    }
}
