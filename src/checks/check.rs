//! A check of the answer key: a command, and its result beside the published one.
use super::exact;
use crate::claim::Claim;
use crate::run::in_memory::Solved;
use anyhow::{Context, Result};
use serde::Serialize;
use std::ops::RangeInclusive;
use std::time::Instant;
use train::Row;

/// A published exercise.
pub struct Check {
    /// Name for `lab check`.
    pub name: &'static str,
    /// One line about it.
    pub about: &'static str,
    /// Book, edition and place.
    pub source: &'static str,
    /// Address of the source.
    pub url: &'static str,
    /// Command line a student would type.
    pub command: &'static str,
    /// Fast enough to run by default, or slow.
    pub speed: Speed,
    /// Conventions, and where the published numbers are known to be wrong.
    pub notes: &'static str,
    /// Runs the command and compares.
    pub run: fn(&'static str) -> Result<Vec<Claim>>,
}

/// Duration of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speed {
    /// Seconds at most.
    Quick,
    /// About so many seconds.
    Slow(u32),
}

/// Outcome of a check.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// Its name.
    pub name: &'static str,
    /// One line about it.
    pub about: &'static str,
    /// Book, edition and place.
    pub source: &'static str,
    /// Address of the source.
    pub url: &'static str,
    /// Command that was run.
    pub command: &'static str,
    /// Conventions, and where the published numbers are known to be wrong.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub notes: &'static str,
    /// Compared numbers, one claim each.
    pub lines: Vec<Claim>,
    /// Why it could not be run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Every line agrees.
    pub pass: bool,
    /// Duration in seconds.
    pub seconds: f64,
}

impl Outcome {
    /// Outcome of a check that produced `lines`, or failed, after so many `seconds`.
    pub fn of(check: &Check, lines: Result<Vec<Claim>>, seconds: f64) -> Self {
        let (lines, error) = match lines {
            Ok(lines) => (lines, None),
            Err(error) => (Vec::new(), Some(format!("{error:#}"))),
        };
        let pass = !lines.is_empty() && lines.iter().all(|line| line.pass);
        let Check { name, about, source, url, command, notes, .. } = *check;
        Self { name, about, source, url, command, notes, lines, error, pass, seconds }
    }
}

impl Check {
    /// Runs it.
    pub fn outcome(&self) -> Outcome {
        let begun = Instant::now();
        let lines = (self.run)(self.command);
        Outcome::of(self, lines, begun.elapsed().as_secs_f64())
    }
}

/// A number of each run of a command, one a seed.
pub(super) fn trials(
    command: &str,
    seeds: RangeInclusive<u64>,
    run: fn(&str) -> Result<Solved>,
    number: impl Fn(&Solved) -> Result<f64>,
) -> Result<Vec<f64>> {
    seeds.map(|seed| number(&run(&format!("{command} --seed {seed}"))?)).collect()
}

/// Values and metrics of a solution, as the lines of checks read them.
impl Solved {
    pub(super) fn state(&self, name: &str) -> Result<usize> {
        let found = self.solution.states.iter().position(|state| state == name);
        found.with_context(|| format!("there is no state {name}"))
    }

    pub(super) fn value(&self, state: &str) -> Result<f64> {
        Ok(self.solution.values[self.state(state)?])
    }

    /// The value of a cell of a grid of so many rows, both from the top left; `None` where it has no
    /// state.
    pub(super) fn cell(&self, rows: usize) -> impl Fn(usize, usize) -> Option<f64> {
        move |row, column| self.value(&format!("({},{})", column + 1, rows - row)).ok()
    }

    pub(super) fn action(&self, state: &str) -> Result<&str> {
        let action = self.solution.action(self.state(state)?);
        Ok(action.map_or("none", |action| self.solution.actions[action].as_str()))
    }

    /// The actions taken in these states, between blanks.
    pub(super) fn actions(&self, states: &[&str]) -> Result<String> {
        let actions: Result<Vec<_>> = states.iter().map(|state| self.action(state)).collect();
        Ok(actions?.join(" "))
    }

    pub(super) fn q(&self, state: &str, action: &str) -> Result<f64> {
        let place = self.solution.actions.iter().position(|name| name == action);
        let place = place.with_context(|| format!("there is no action {action}"))?;
        self.solution.q[self.state(state)?][place]
            .with_context(|| format!("state {state} does not have the action {action}"))
    }

    /// Σ_s start(s)·v(s).
    pub(super) fn start_value(&self) -> f64 {
        exact::start_value(&self.mdp, &self.solution.values)
    }

    /// A metric, row by row.
    pub(super) fn metric(&self, name: &str) -> Vec<f64> {
        self.rows.iter().filter_map(|row| row.values.get(name).copied()).collect()
    }

    /// Values of a metric, row by row, up to and with the row in which the `n`th episode ended; for
    /// runs that write a row a transition.
    pub(super) fn until_episode(&self, n: usize, name: &str) -> Result<Vec<f64>> {
        let ended = |row: &&Row| row.values.contains_key("train/length");
        let last = self.rows.iter().filter(ended).nth(n - 1);
        let last = last.with_context(|| format!("fewer than {n} episodes: more --steps"))?.step;
        let rows = self.rows.iter().take_while(|row| row.step <= last);
        Ok(rows.filter_map(|row| row.values.get(name).copied()).collect())
    }

    /// The largest difference to the values of its own policy by dense linear algebra.
    pub(super) fn error_of_values(&self, gamma: f64) -> Result<f64> {
        let values = exact::values(&self.mdp, gamma, exact::sure(&self.solution.policy))?;
        let differences = values.iter().zip(&self.solution.values).map(|(a, b)| (a - b).abs());
        Ok(differences.fold(0.0, f64::max))
    }
}
