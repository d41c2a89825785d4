//! The answer key: published exercises, what lab gets for them and what is printed.
//!
//! A check runs the very command that it shows. What it compares with is published, with the rounding
//! it is printed with; where nothing is published, it was derived in a second way, by `exact` or by
//! what docs/checks.md shows. Where something else is printed than what is right, the line says so.
//!
//! To add a check is to add its entry to the list of its book.
mod aima;
mod cs188;
mod cs7643;
mod exact;
mod gymnasium;
mod line;
mod sutton_barto;

pub use line::{Figure, Line};

use crate::cli::Solved;
use anyhow::{Context, Result};
use serde::Serialize;
use std::ops::RangeInclusive;
use std::time::Instant;
use train::Row;

/// A published exercise.
pub struct Check {
    /// What `lab check` takes.
    pub name: &'static str,
    /// One line about it.
    pub about: &'static str,
    /// Book, edition and place.
    pub source: &'static str,
    /// Where the source can be found.
    pub url: &'static str,
    /// What a student would type.
    pub command: &'static str,
    /// Whether it runs unless told otherwise.
    pub speed: Speed,
    /// Conventions, and where the published numbers are known to be wrong.
    pub notes: &'static str,
    /// Runs the command and compares.
    pub run: fn(&'static str) -> Result<Vec<Line>>,
}

/// How long a check takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speed {
    /// Seconds at most.
    Quick,
    /// About so many seconds.
    Slow(u32),
}

/// Every check: by book, and in it by place.
pub fn all() -> Vec<&'static Check> {
    let sutton_barto =
        [sutton_barto::CHECKS, sutton_barto::prediction::CHECKS, sutton_barto::control::CHECKS];
    let mut examples: Vec<_> = sutton_barto.into_iter().flatten().collect();
    examples.sort_by_key(|check| example(check.name));
    let others = [aima::CHECKS, cs188::CHECKS, cs7643::CHECKS, gymnasium::CHECKS];
    others.into_iter().flatten().chain(examples).collect()
}

/// Chapter and number of an example, from a name such as `sutton-6.5-sarsa`.
fn example(name: &str) -> Vec<u32> {
    let parts = name.split(|char: char| !char.is_ascii_digit());
    parts.filter_map(|part| part.parse().ok()).collect()
}

/// What came of a check.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// Its name.
    pub name: &'static str,
    /// One line about it.
    pub about: &'static str,
    /// Book, edition and place.
    pub source: &'static str,
    /// Where the source can be found.
    pub url: &'static str,
    /// What was run.
    pub command: &'static str,
    /// Conventions, and where the published numbers are known to be wrong.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub notes: &'static str,
    /// What was compared.
    pub lines: Vec<Line>,
    /// Why it could not be run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Whether every line agrees.
    pub pass: bool,
    /// How long it took.
    pub seconds: f64,
}

impl Outcome {
    /// What a check's lines, or its failure, come to.
    pub fn of(check: &Check, lines: Result<Vec<Line>>, seconds: f64) -> Self {
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
fn trials(
    command: &str,
    seeds: RangeInclusive<u64>,
    run: fn(&str) -> Result<Solved>,
    number: impl Fn(&Solved) -> Result<f64>,
) -> Result<Vec<f64>> {
    seeds.map(|seed| number(&run(&format!("{command} --seed {seed}"))?)).collect()
}

/// What lines ask of a solution.
impl Solved {
    fn state(&self, name: &str) -> Result<usize> {
        let found = self.solution.states.iter().position(|state| state == name);
        found.with_context(|| format!("there is no state {name}"))
    }

    fn value(&self, state: &str) -> Result<f64> {
        Ok(self.solution.values[self.state(state)?])
    }

    /// The value of a cell of a grid of so many rows, both from the top left; `None` where it has no
    /// state.
    fn cell(&self, rows: usize) -> impl Fn(usize, usize) -> Option<f64> {
        move |row, column| self.value(&format!("({},{})", column + 1, rows - row)).ok()
    }

    fn action(&self, state: &str) -> Result<&str> {
        let action = self.solution.action(self.state(state)?);
        Ok(action.map_or("none", |action| self.solution.actions[action].as_str()))
    }

    /// The actions taken in these states, between blanks.
    fn actions(&self, states: &[&str]) -> Result<String> {
        let actions: Result<Vec<_>> = states.iter().map(|state| self.action(state)).collect();
        Ok(actions?.join(" "))
    }

    fn q(&self, state: &str, action: &str) -> Result<f64> {
        let place = self.solution.actions.iter().position(|name| name == action);
        let place = place.with_context(|| format!("there is no action {action}"))?;
        self.solution.q[self.state(state)?][place]
            .with_context(|| format!("state {state} does not have the action {action}"))
    }

    /// Σ_s start(s)·v(s).
    fn start_value(&self) -> f64 {
        exact::start_value(&self.mdp, &self.solution.values)
    }

    /// A metric, row by row.
    fn metric(&self, name: &str) -> Vec<f64> {
        self.rows.iter().filter_map(|row| row.values.get(name).copied()).collect()
    }

    /// What there is of a metric, row by row, up to and with the row in which the `n`th episode ended;
    /// for runs that write a row a transition.
    fn until_episode(&self, n: usize, name: &str) -> Result<Vec<f64>> {
        let ended = |row: &&Row| row.values.contains_key("train/length");
        let last = self.rows.iter().filter(ended).nth(n - 1);
        let last = last.with_context(|| format!("fewer than {n} episodes: more --steps"))?.step;
        let rows = self.rows.iter().take_while(|row| row.step <= last);
        Ok(rows.filter_map(|row| row.values.get(name).copied()).collect())
    }

    /// The largest difference to the values of its own policy by dense linear algebra.
    fn error_of_values(&self, gamma: f64) -> Result<f64> {
        let values = exact::values(&self.mdp, gamma, exact::sure(&self.solution.policy))?;
        let differences = values.iter().zip(&self.solution.values).map(|(a, b)| (a - b).abs());
        Ok(differences.fold(0.0, f64::max))
    }
}
