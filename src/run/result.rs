//! The result of a run: `result.json`, and the closing words.
use super::build::raise_limit;
use super::config::Config;
use crate::registry::{self, Algorithm};
use crate::wording;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{ErrorKind, Write};
use std::path::Path;
use train::{Measure, Objective, Report, RunOutcome, Seconds, rate};

/// `result.json`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RunResult {
    pub(crate) algorithm: String,
    pub(crate) subject: String,
    pub(crate) seed: u64,
    pub(crate) outcome: RunOutcome,
    pub(crate) steps: u64,
    /// All that the user has waited for, in all parts of the run together.
    pub(crate) wall_seconds: f64,
    /// Of training alone.
    pub(crate) steps_per_second: f64,
    #[serde(default)]
    pub(crate) seconds: Seconds,
    /// `null` where an older version began the run and did not count.
    updates: Option<u64>,
    pub(crate) eval: BTreeMap<String, Measure>,
    /// Measure that decides, with its direction; `null` where nothing was evaluated.
    pub(crate) objective: Option<Objective>,
    pub(crate) params_hash: String,
    pub(crate) run: String,
}

impl RunResult {
    /// The result that the loop's `report` comes to.
    pub(crate) fn of(algorithm: &Algorithm, config: &Config, dir: &Path, report: &Report) -> Self {
        Self {
            algorithm: algorithm.name.to_owned(),
            subject: config.subject().to_owned(),
            seed: config.seed(),
            outcome: report.outcome,
            steps: report.steps,
            wall_seconds: report.wall_seconds,
            steps_per_second: rate(report.steps, report.seconds.training),
            seconds: report.seconds,
            updates: report.updates,
            eval: report
                .evaluation
                .clone()
                .map(|evaluation| evaluation.measures)
                .unwrap_or_default(),
            objective: report.objective.clone(),
            params_hash: report.params_hash.clone(),
            run: dir.display().to_string(),
        }
    }

    /// Reads the result of the run at `dir`; `None` where it has none.
    ///
    /// # Errors
    /// If it can't be read.
    pub(crate) fn read(dir: &Path) -> Result<Option<Self>> {
        let file = dir.join("result.json");
        match std::fs::read(&file) {
            Ok(text) => {
                let damaged = || {
                    format!("{0} is damaged; delete it, and resume makes it again", file.display())
                };
                Ok(Some(serde_json::from_slice(&text).with_context(damaged)?))
            }
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                Ok(None)
            }
            Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
        }
    }

    /// Test whether a run of so many steps has come to its end.
    pub(crate) fn is_over(&self, steps: u64) -> bool {
        match self.outcome {
            RunOutcome::Interrupted => false,
            RunOutcome::Finished => self.steps >= steps,
            _ => true,
        }
    }

    /// The measure that decides, as the final evaluation found it.
    pub(crate) fn scored(&self) -> Option<(&Objective, &Measure)> {
        let objective = self.objective.as_ref()?;
        Some((objective, self.eval.get(&objective.measure)?))
    }

    /// Tells the result of a run of an algorithm with a configuration, in a directory. `look` is the command by
    /// which the result is looked at, `measured` what `lab eval` is asked for.
    pub(crate) fn tell(
        &self,
        (trained_by, config, dir): (&Algorithm, &Config, &Path),
        report: &Report,
        [look, measured]: [&str; 2],
        out: &mut dyn Write,
    ) -> Result<()> {
        let Self { algorithm, subject, .. } = self;
        let run = wording::path(dir);
        let time = wording::duration(self.wall_seconds);
        let steps = wording::counted(self.steps, trained_by.unit);
        match self.scored() {
            Some((Objective { measure: name, direction }, measure)) => {
                let digits = wording::digits(measure);
                let first = report.first.map(|first| wording::number(first, digits));
                // Where there was one evaluation, or nothing has changed, it says nothing.
                let first =
                    match first.filter(|first| *first != wording::number(measure.mean, digits)) {
                        Some(first) => format!("; the first evaluation gave {first}"),
                        None => String::new(),
                    };
                // Returns are of episodes that were played; other measures explore nothing.
                let how = if name == "return" { " without exploration" } else { "" };
                let better = wording::better(*direction);
                let measure = wording::measure(measure);
                writeln!(
                    out,
                    "{algorithm} on {subject}: {name} {measure}{how}, {better} is better{first}"
                )?;
            }
            None => writeln!(out, "{algorithm} on {subject}: stopped before the final evaluation")?,
        }
        // Where the limit can be raised, it may be what decided.
        if let Some(cut_off) = report.evaluation.as_ref().and_then(|found| found.cut_off)
            && let raise = raise_limit(config)?
            && !raise.is_empty()
        {
            writeln!(out, "{cut_off}{raise}")?;
        }
        let outcome = wording::outcome(self.outcome);
        let unfinished = report.not_converged && self.outcome == RunOutcome::Finished;
        let not = if unfinished { ", not converged: values still change" } else { "" };
        writeln!(out, "{outcome} after {steps} in {time}{not}; saved to {run}")?;
        if let Some(why) = &report.no_update {
            writeln!(out, "no update was made: {why}")?;
        }
        let further = match self.outcome {
            RunOutcome::Interrupted => format!("resume {run}"),
            RunOutcome::Finished => format!("resume {run} --steps {}", 2 * self.steps.max(1)),
            _ => format!("plot {run}"),
        };
        writeln!(out, "Try next:")?;
        for command in [format!("{look} {run}"), format!("eval {run}{measured}"), further] {
            writeln!(out, "  {} {command}", program())?;
        }
        Ok(())
    }
}

/// The program that the commands it suggests are for: one with entries of its user's own has a name of its own.
fn program() -> String {
    let program = std::env::args_os().next().filter(|_| registry::has_own());
    let name = program.as_deref().map(Path::new).and_then(Path::file_stem);
    name.and_then(|name| name.to_str()).unwrap_or("lab").to_owned()
}
