//! Results of an evaluation.
use crate::Measure;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// The measures of one evaluation, and the one that decides.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// Measure that `--target`, `--patience` and the best checkpoint follow.
    pub objective: Objective,
    /// Measure by name, with its unit in the name where it has one; that of the objective among them.
    pub measures: BTreeMap<String, Measure>,
    /// Episodes that a time limit ended, where there were any.
    pub cut_off: Option<CutOff>,
}

/// Episodes that a time limit ended: they might have gone on to another return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CutOff {
    /// Number of episodes.
    pub episodes: usize,
    /// Episodes of the evaluation.
    pub of: usize,
    /// Steps of an episode at most.
    pub limit: u32,
}

impl fmt::Display for CutOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { episodes, of, limit } = self;
        let steps = if *limit == 1 { "step" } else { "steps" };
        write!(f, "{episodes} of {of} episodes were cut off by the time limit of {limit} {steps}")
    }
}

/// The measure that decides which model is better.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objective {
    /// Its name among the measures.
    pub measure: String,
    /// Direction of improvement.
    pub direction: Direction,
}

/// Direction of improvement of a measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Higher is better: returns.
    Maximise,
    /// Lower is better: errors.
    Minimise,
}

impl Direction {
    /// `value` turned so that higher is better; the way back as well.
    pub fn score(self, value: f64) -> f64 {
        match self {
            Self::Maximise => value,
            Self::Minimise => -value,
        }
    }
}

impl Evaluation {
    /// Decided by `measure`: the higher, the better.
    pub fn maximise(name: &str, measure: Measure) -> Self {
        Self::by(Direction::Maximise, name, measure)
    }

    /// Decided by `measure`: the lower, the better.
    pub fn minimise(name: &str, measure: Measure) -> Self {
        Self::by(Direction::Minimise, name, measure)
    }

    fn by(direction: Direction, name: &str, measure: Measure) -> Self {
        Self {
            objective: Objective { measure: name.to_owned(), direction },
            measures: BTreeMap::from([(name.to_owned(), measure)]),
            cut_off: None,
        }
    }

    /// Adds measures that decide nothing; one by the name of the objective is left out.
    #[must_use]
    pub fn with(mut self, others: impl IntoIterator<Item = (String, Measure)>) -> Self {
        for (name, measure) in others {
            self.measures.entry(name).or_insert(measure);
        }
        self
    }

    /// The number that decides, in the measure's own units.
    pub fn value(&self) -> f64 {
        self.measures.get(&self.objective.measure).map_or(f64::NAN, |measure| measure.mean)
    }

    /// Value of the objective, with its sign turned where lower is better.
    pub(crate) fn score(&self) -> f64 {
        self.objective.direction.score(self.value())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_measure_that_decides_is_named() {
        let others = [("bits".to_owned(), Measure::single(9.0))];
        let nats = Evaluation::minimise("nats", Measure::single(3.0)).with(others);
        assert_eq!((nats.value(), nats.score(), nats.measures.len()), (3.0, -3.0, 2));
        let again = nats.clone().with([("nats".to_owned(), Measure::single(5.0))]);
        assert_eq!(again, nats);
        let told = serde_json::to_string(&nats.objective).unwrap();
        assert_eq!(told, r#"{"measure":"nats","direction":"minimise"}"#);
        let ret = Evaluation::maximise("return", Measure::single(-3.0));
        assert_eq!((ret.value(), ret.score()), (-3.0, -3.0));
        assert_eq!(Direction::Minimise.score(Direction::Minimise.score(7.0)), 7.0);
    }
}
