//! A run from its first step, or its latest checkpoint, to its result.
use super::config::Config;
use super::interrupt::Interrupts;
use super::trainee::Trainee;
use crate::registry::{Algorithm, Build, DataJob, ENVS, Job, Source, Subject, find};
use crate::told;
use crate::usage::Usage;
use ::train::{
    Bar, Checkpoints, ConfigChanged, DeviceChoice, Direction, JsonLines, Lines, Measure, Notes,
    Objective, Outcome, Report, Run, RunDir, RunInfo, Seconds, Sink, fit, rate,
};
use agents::tabular::Discount;
use agents::{Agent, MakeEnv, Watched};
use anyhow::{Context, Result};
use candle_core::Device;
use envs::Mdp;
use generative::data::Dataset;
use generative::measures::LEAST;
use generative::{Filmed, Generative};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

/// How much is told, and in what form.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct Verbosity {
    /// Show no progress
    #[arg(long)]
    pub(super) quiet: bool,
    /// Print the result as one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

/// What a run computes on.
pub(super) struct Machine {
    pub(super) device: Device,
    pub(super) threads: usize,
}

impl Machine {
    /// Opens the device and starts the threads.
    pub(super) fn prepare(device: DeviceChoice, threads: Option<usize>) -> Result<Self> {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let threads = threads.unwrap_or_else(cores);
        ::train::BadValue::outside("threads", threads, 1..=1024)?;
        // The main thread computes too, instead of waiting for the others.
        rayon::ThreadPoolBuilder::new().num_threads(threads).use_current_thread().build_global()?;
        Ok(Self { device: device.open()?, threads })
    }
}

/// `result.json`.
#[derive(Debug, Serialize, Deserialize)]
struct RunResult {
    algorithm: String,
    subject: String,
    seed: u64,
    outcome: Outcome,
    steps: u64,
    /// All that the user has waited for, in all parts of the run together.
    wall_seconds: f64,
    /// Of training alone.
    steps_per_second: f64,
    #[serde(default)]
    seconds: Seconds,
    /// `null` where an older version began the run and did not count.
    updates: Option<u64>,
    eval: BTreeMap<String, Measure>,
    /// What decides, and which way it is better; `null` where nothing was evaluated.
    objective: Option<Objective>,
    params_hash: String,
    run: String,
}

impl RunResult {
    /// The measure that decides, as the final evaluation found it.
    fn scored(&self) -> Option<(&Objective, &Measure)> {
        let objective = self.objective.as_ref()?;
        Some((objective, self.eval.get(&objective.measure)?))
    }
}

/// Seconds from which on the time is told that pictures took.
const TOLD_FIGURES: f64 = 0.5;

/// A run that is about to be trained.
pub(super) struct Session {
    pub(super) algorithm: &'static Algorithm,
    pub(super) config: Config,
    pub(super) dir: RunDir,
    pub(super) info: RunInfo,
    pub(super) verbosity: Verbosity,
    /// When the user began to wait.
    pub(super) begun: Instant,
}

/// An untrained agent.
pub(super) fn agent(
    algorithm: &Algorithm,
    config: &Config,
    device: &Device,
) -> Result<Box<dyn Agent>> {
    let Build::Agent(build) = algorithm.build else {
        let sentence = format!("{} learns from data; it does not act", algorithm.name);
        return Err(Usage(sentence).into());
    };
    let entry = find("environment", config.subject(), ENVS, |entry| entry.name)?;
    let args = config.args(Subject::Env);
    let (make, mdp) = (entry.make(&args)?, entry.mdp(&args)?);
    build(Job { options: &config.options(), make, mdp, seed: config.seed(), device })
}

/// An untrained generative model of `data`.
pub(super) fn model(
    build: fn(DataJob<'_>) -> Result<Box<dyn Generative>>,
    data: Dataset,
    config: &Config,
    device: &Device,
) -> Result<Box<dyn Generative>> {
    build(DataJob { options: &config.options(), data, seed: config.seed(), device })
}

/// What is trained, untrained: an agent, or a model of the data that `load` reads.
pub(super) fn trainee(
    algorithm: &Algorithm,
    config: &Config,
    device: &Device,
    load: impl FnOnce() -> Result<Dataset>,
) -> Result<Trainee> {
    match algorithm.build {
        Build::Agent(_) => {
            let (agent, mdp) = watched(algorithm, config, device)?;
            Ok(Trainee::Agent { agent: Box::new(agent), mdp })
        }
        Build::Model(build) => {
            let data = load()?;
            let judged = matches!(&data, Dataset::Images(images) if images.test.len() >= LEAST);
            let model = Filmed::new(model(build, data, config, device)?, config.seed());
            Ok(Trainee::Model { model: Box::new(model), judged })
        }
    }
}

/// An untrained agent, watched beside the exact answer where its problem has one.
pub(super) fn watched(
    algorithm: &Algorithm,
    config: &Config,
    device: &Device,
) -> Result<(Watched, Option<Arc<dyn Mdp>>)> {
    let mdp = problem(config)?;
    let agent = agent(algorithm, config, device)?;
    let gamma = match config.all.get("gamma") {
        Some(Value::Number(gamma)) => gamma.as_f64().map_or(Discount::Own, Discount::Of),
        Some(Value::String(gamma)) => gamma.parse().map_err(|error: String| Usage(error))?,
        _ => Discount::Own,
    };
    let every = config.plan()?.log_every;
    Ok((Watched::new(agent, mdp.as_deref(), gamma, every)?, mdp))
}

/// The problem of a run, where its outcomes are known.
pub(super) fn problem(config: &Config) -> Result<Option<Arc<dyn Mdp>>> {
    let entry = find("environment", config.subject(), ENVS, |entry| entry.name)?;
    entry.mdp(&config.args(Subject::Env))
}

/// Makes copies of the environment of a run.
pub(super) fn environment(config: &Config) -> Result<MakeEnv> {
    let entry = find("environment", config.subject(), ENVS, |entry| entry.name)?;
    entry.make(&config.args(Subject::Env))
}

/// How far work has come, counted in `unit`, on standard error.
pub(super) fn progress(unit: &'static str, quiet: bool) -> Box<dyn Sink> {
    match (quiet, std::io::stderr().is_terminal()) {
        (true, _) => Box::new(Notes),
        (false, true) => Box::new(Bar::new(unit)),
        (false, false) => Box::new(Lines::new(unit)),
    }
}

/// How episodes of a run get more time, where its environment lets one choose.
pub(super) fn raise_limit(config: &Config) -> Result<&'static str> {
    let entry = find("environment", config.subject(), ENVS, |entry| entry.name)?;
    Ok(match entry.source {
        Source::Mdp(..) => "; a run with a larger --time-limit lets them go on",
        Source::Env(_) => "",
    })
}

/// A directory that was to be new holds a run: says how it differs from the one asked for, or how
/// to go on with it.
pub(super) fn if_already_run(
    error: anyhow::Error,
    path: Option<&Path>,
    config: &Config,
) -> anyhow::Error {
    let Some((path, info)) = path.and_then(|path| Some((path, RunDir::info(path).ok()?))) else {
        return error;
    };
    let saved = Config { all: info.config };
    match ConfigChanged::check(&saved.fixed(), &config.fixed()) {
        Err(changed) => {
            anyhow::Error::from(changed).context(format!("--out {} holds a run", path.display()))
        }
        Ok(()) => {
            error.context(format!("this run exists; go on with `lab resume {}`", told::path(path)))
        }
    }
}

impl Session {
    /// Trains, then writes and tells the result.
    pub(super) fn train(self, mut trainee: Trainee, out: &mut dyn Write) -> Result<ExitCode> {
        let plan = self.config.plan()?;
        let earlier = self.earlier(plan.steps)?;
        let mut run = Run {
            earlier,
            checkpoints: Some(Checkpoints::of(self.dir.path())),
            config: self.config.fixed(),
            sinks: vec![
                Box::new(JsonLines::open(&self.dir.path().join("metrics.jsonl"))?),
                progress(self.algorithm.unit, self.verbosity.quiet),
            ],
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
        let loaded = self.begun.elapsed();
        let report = interrupts.hearing(|| fit(trainee.learner(), &plan, &mut run))?;
        let trained = Instant::now();
        drop(run); // The bar leaves the terminal before the result is told.
        let mut result = self.result(&report);
        // What the loop knows of, and what was before it and after it.
        let waited = || report.wall_seconds + (loaded + trained.elapsed()).as_secs_f64();
        result.wall_seconds = waited();
        self.dir.write_json("result.json", &result)?;
        interrupts.end_at_once();
        // Who wants to stop waits for nothing that a run at its end makes as well.
        let stopped = report.outcome == Outcome::Interrupted || interrupts.stopped();
        let thought = if stopped { None } else { trainee.thinks()? };
        if let Some(thought) = &thought {
            self.write_solution(thought)?;
        }
        let next = if stopped { ["plot", ""] } else { trainee.next()? };
        // Before pictures are drawn, in which Ctrl-C ends the program.
        let mut tell = || -> Result<()> {
            if !self.verbosity.json {
                self.tell(&result, &report, next, out)?;
                if !self.verbosity.quiet {
                    Self::show(thought.as_ref(), out)?;
                }
            }
            Ok(out.flush()?)
        };
        // Who reads no further has the pictures all the same.
        let told = tell();
        let drawing = Instant::now();
        if !stopped {
            self.draw(&trainee, thought.as_ref(), &report);
        }
        let figures = drawing.elapsed().as_secs_f64();
        result.seconds.figures += figures;
        result.wall_seconds = waited();
        self.dir.write_json("result.json", &result)?;
        told?;
        if self.verbosity.json {
            writeln!(out, "{}", serde_json::to_string(&result)?)?;
        } else if figures >= TOLD_FIGURES {
            writeln!(out, "Its pictures were drawn in {}", told::duration(figures))?;
        }
        out.flush()?;
        Ok(if stopped { ExitCode::from(130) } else { ExitCode::SUCCESS })
    }

    /// What the result of a part of the run that goes on now says of its time; that result is removed. Where the run
    /// had come to its end it stays, until the same takes its place.
    fn earlier(&self, steps: u64) -> Result<Option<(f64, Seconds)>> {
        let path = self.dir.path().join("result.json");
        let Ok(text) = std::fs::read(&path) else { return Ok(None) };
        let result: Option<RunResult> = serde_json::from_slice(&text).ok();
        let ended = |result: &RunResult| {
            result.outcome != Outcome::Interrupted
                && result.steps >= steps
                && Checkpoints::of(self.dir.path()).newest_step() == Some(result.steps)
        };
        if !result.as_ref().is_some_and(ended) {
            std::fs::remove_file(&path).context("cannot replace result.json")?;
        }
        Ok(result.map(|result| (result.wall_seconds, result.seconds)))
    }

    fn result(&self, report: &Report) -> RunResult {
        RunResult {
            algorithm: self.algorithm.name.to_owned(),
            subject: self.config.subject().to_owned(),
            seed: self.config.seed(),
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
            run: self.dir.path().display().to_string(),
        }
    }

    /// `look` is the command by which the result is looked at, `measured` what `lab eval` is asked for.
    fn tell(
        &self,
        result: &RunResult,
        report: &Report,
        [look, measured]: [&str; 2],
        out: &mut dyn Write,
    ) -> Result<()> {
        let RunResult { algorithm, subject, .. } = result;
        let run = told::path(self.dir.path());
        let time = told::duration(result.wall_seconds);
        let steps = told::counted(result.steps, self.algorithm.unit);
        match result.scored() {
            Some((Objective { measure: name, direction }, measure)) => {
                let digits = told::digits(measure);
                let first = report.first.map(|first| told::number(first, digits));
                // Where there was one evaluation, or nothing has changed, it says nothing.
                let first = match first.filter(|first| *first != told::number(measure.mean, digits))
                {
                    Some(first) => format!("; the first evaluation gave {first}"),
                    None => String::new(),
                };
                // Returns are of episodes that were played; other measures explore nothing.
                let how = if name == "return" { " without exploration" } else { "" };
                let better = match direction {
                    Direction::Maximise => "higher",
                    Direction::Minimise => "lower",
                };
                let measure = told::measure(measure);
                writeln!(
                    out,
                    "{algorithm} on {subject}: {name} {measure}{how}, {better} is better{first}"
                )?;
            }
            None => writeln!(out, "{algorithm} on {subject}: stopped before the final evaluation")?,
        }
        // Where the limit can be raised, it may be what decided.
        if let Some(cut_off) = report.evaluation.as_ref().and_then(|found| found.cut_off)
            && let raise = raise_limit(&self.config)?
            && !raise.is_empty()
        {
            writeln!(out, "{cut_off}{raise}")?;
        }
        let outcome = match result.outcome {
            Outcome::Finished => "finished",
            Outcome::Converged => "converged",
            Outcome::TargetReached => "reached the target",
            Outcome::Stalled => "stopped improving",
            Outcome::Interrupted => "interrupted",
        };
        let unfinished = report.not_converged && result.outcome == Outcome::Finished;
        let not = if unfinished { ", not converged: values still change" } else { "" };
        writeln!(out, "{outcome} after {steps} in {time}{not}; all of it is in {run}")?;
        if let Some(why) = &report.no_update {
            writeln!(out, "no update was made: {why}")?;
        }
        let further = match result.outcome {
            Outcome::Interrupted => format!("lab resume {run}"),
            Outcome::Finished => format!("lab resume {run} --steps {}", 2 * result.steps.max(1)),
            _ => format!("lab plot {run}"),
        };
        writeln!(out, "Try next:\n  lab {look} {run}\n  lab eval {run}{measured}\n  {further}")?;
        Ok(())
    }
}
