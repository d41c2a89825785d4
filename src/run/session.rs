//! A run from its first step, or its latest checkpoint, to its result.
use super::config::Config;
use super::figures::Figures;
use super::interrupt::Interrupts;
use super::machine::{Verbosity, progress, tell};
use super::result::RunResult;
use super::tensorboard::{EventFile, Events};
use super::trainee::Trainee;
use crate::registry::{Algorithm, Family};
use crate::wording;
use anyhow::{Context, Result};
use std::io::Write;
use std::path::Path;
use std::time::Instant;
use train::{
    Checkpoints, ConfigChanged, Ends, JsonLines, Run, RunDir, RunInfo, RunOutcome, Seconds, Sink,
    fit,
};

/// Seconds from which on the time is told that figures took.
const TOLD_FIGURES: f64 = 0.5;

/// A run that is about to be trained.
pub(crate) struct Session {
    pub(crate) algorithm: &'static Algorithm,
    pub(crate) config: Config,
    pub(crate) dir: RunDir,
    pub(crate) info: RunInfo,
    pub(crate) verbosity: Verbosity,
    /// TensorBoard's event files are written too; a run that has some keeps them up without being asked.
    pub(crate) tensorboard: bool,
    /// The end of standard input interrupts the run, as Ctrl-C does.
    pub(crate) ends_with_input: bool,
    /// Time at which the command was started.
    pub(crate) begun: Instant,
}

/// A directory that was to be new holds a run: says how it differs from the one asked for, or how
/// to go on with it.
pub(crate) fn if_already_run(
    error: anyhow::Error,
    path: Option<&Path>,
    config: &Config,
) -> anyhow::Error {
    let Some((path, info)) = path.and_then(|path| Some((path, RunDir::info(path).ok()?))) else {
        return error;
    };
    let saved = Config::unchecked(info.config);
    match ConfigChanged::check(&saved.fixed(), &config.fixed()) {
        Err(changed) => {
            anyhow::Error::from(changed).context(format!("--out {} holds a run", path.display()))
        }
        Ok(()) => error
            .context(format!("this run exists; go on with `lab resume {}`", wording::path(path))),
    }
}

impl Session {
    /// Trains, then writes and tells the result.
    pub(crate) fn train(self, mut trainee: Trainee, out: &mut dyn Write) -> Result<u8> {
        let plan = self.config.plan()?;
        let earlier = self.earlier(plan.steps)?;
        let ends = match self.algorithm.family {
            Family::Planning => Ends::ByConverging,
            _ => Ends::AfterSteps,
        };
        let events = Events::of(&self.info);
        let tensorboard = self.tensorboard || EventFile::is_in(&events, self.dir.path());
        let mut sinks: Vec<Box<dyn Sink>> =
            vec![Box::new(JsonLines::open(&self.dir.path().join("metrics.jsonl"))?)];
        if tensorboard {
            sinks.push(Box::new(EventFile::open(events.clone(), self.dir.path())?));
        }
        sinks.push(progress(self.algorithm.unit, ends, self.verbosity.quiet));
        let mut run = Run {
            earlier,
            checkpoints: Some(Checkpoints::of(self.dir.path())),
            config: self.config.fixed(),
            sinks,
        };
        if !self.verbosity.quiet {
            let RunInfo { algorithm, subject, seed, device, threads, .. } = &self.info;
            let run = self.dir.path().display();
            // Progress that can't be told is no reason not to train.
            let _ = writeln!(
                std::io::stderr(),
                "{algorithm} on {subject}, seed {seed}, on {device} with --threads {threads}, in {run}"
            );
        }
        let interrupts = Interrupts::listen()?;
        if self.ends_with_input {
            interrupts.hear_end_of_input();
        }
        let loaded = self.begun.elapsed();
        let report = interrupts.hearing(|| fit(trainee.learner(), &plan, &mut run))?;
        let trained = Instant::now();
        drop(run); // The bar leaves the terminal before the result is told.
        let mut result = RunResult::of(self.algorithm, &self.config, self.dir.path(), &report);
        let figures =
            Figures { algorithm: self.algorithm, config: &self.config, dir: self.dir.path() };
        // What the loop knows of, and what was before it and after it.
        let waited = || report.wall_seconds + (loaded + trained.elapsed()).as_secs_f64();
        result.wall_seconds = waited();
        self.dir.write_json("result.json", &result)?;
        interrupts.end_at_once();
        // Who wants to stop waits for nothing that a run at its end makes as well.
        let stopped = report.outcome == RunOutcome::Interrupted || interrupts.stopped();
        let known = if stopped { None } else { trainee.known_values()? };
        if let Some(known) = &known {
            figures.write_solution(known)?;
        }
        let next = if stopped { ["plot", ""] } else { trainee.next() };
        // Before figures are drawn, in which Ctrl-C ends the program.
        let mut closing = || -> Result<()> {
            if !self.verbosity.json {
                result.tell((self.algorithm, &self.config, self.dir.path()), &report, next, out)?;
                if !self.verbosity.quiet {
                    Figures::show(known.as_ref(), out)?;
                }
            }
            Ok(out.flush()?)
        };
        // Who reads no further has the figures all the same.
        let message = closing();
        let drawing = Instant::now();
        if !stopped {
            figures.draw(&trainee, known.as_ref(), &report);
            if tensorboard {
                self.finish_events(events);
            }
        }
        let seconds = drawing.elapsed().as_secs_f64();
        result.seconds.figures += seconds;
        result.wall_seconds = waited();
        self.dir.write_json("result.json", &result)?;
        message?;
        if self.verbosity.json {
            writeln!(out, "{}", serde_json::to_string(&result)?)?;
        } else if seconds >= TOLD_FIGURES {
            writeln!(out, "Its figures were drawn in {}", wording::duration(seconds))?;
        }
        out.flush()?;
        Ok(if stopped { 130 } else { 0 })
    }

    /// Adds figures and histograms to TensorBoard's events; a failure is told, since no more than these is missing.
    fn finish_events(&self, events: Events) {
        let dir = self.dir.path();
        if let Err(error) = EventFile::open(events, dir).and_then(|mut file| file.finish()) {
            let run = dir.display();
            tell(&format!(
                "warning: no figures and histograms for TensorBoard: {error:#}; all else of {run} is there"
            ));
        }
    }

    /// Seconds that the result of an earlier part of this run states, of a run that goes on now; that
    /// result is removed. Where the run had come to its end it stays, until the same takes its place.
    fn earlier(&self, steps: u64) -> Result<Option<(f64, Seconds)>> {
        let path = self.dir.path().join("result.json");
        let Ok(text) = std::fs::read(&path) else { return Ok(None) };
        let result: Option<RunResult> = serde_json::from_slice(&text).ok();
        let ended = |result: &RunResult| {
            result.outcome != RunOutcome::Interrupted
                && result.steps >= steps
                && Checkpoints::of(self.dir.path()).newest_step() == Some(result.steps)
        };
        if !result.as_ref().is_some_and(ended) {
            std::fs::remove_file(&path).context("cannot replace result.json")?;
        }
        Ok(result.map(|result| (result.wall_seconds, result.seconds)))
    }
}
