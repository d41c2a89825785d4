//! A run from its first step, or its latest checkpoint, to its result.
use super::config::Config;
use crate::registry::{Algorithm, ENVS, Job, find};
use crate::usage::Usage;
use ::train::{
    Bar, Checkpoints, ConfigChanged, DeviceChoice, JsonLines, Lines, Measure, Notes, Outcome,
    Report, Run, RunDir, RunInfo, Sink, fit,
};
use agents::tabular::{Discount, Solution};
use agents::{Agent, MakeEnv, Watched};
use anyhow::{Context, Result};
use candle_core::Device;
use envs::Mdp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

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
    wall_seconds: f64,
    steps_per_second: f64,
    eval: BTreeMap<String, Measure>,
    params_hash: String,
    run: String,
}

/// A run that is about to be trained.
pub(super) struct Session {
    pub(super) algorithm: &'static Algorithm,
    pub(super) config: Config,
    pub(super) dir: RunDir,
    pub(super) info: RunInfo,
    pub(super) verbosity: Verbosity,
    /// The problem, where its outcomes are known.
    pub(super) mdp: Option<Arc<dyn Mdp>>,
}

/// An untrained agent.
pub(super) fn build(
    algorithm: &Algorithm,
    config: &Config,
    device: &Device,
) -> Result<Box<dyn Agent>> {
    let entry = find("environment", config.subject(), ENVS, |entry| entry.name)?;
    let (make, mdp) = (entry.make(&config.env_args())?, entry.mdp(&config.env_args())?);
    (algorithm.build)(Job { options: &config.options(), make, mdp, seed: config.seed(), device })
}

/// An untrained agent, watched beside the exact answer where its problem has one.
pub(super) fn watched(
    algorithm: &Algorithm,
    config: &Config,
    device: &Device,
) -> Result<(Watched, Option<Arc<dyn Mdp>>)> {
    let mdp = problem(config)?;
    let agent = build(algorithm, config, device)?;
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
    entry.mdp(&config.env_args())
}

/// Makes copies of the environment of a run.
pub(super) fn environment(config: &Config) -> Result<MakeEnv> {
    let entry = find("environment", config.subject(), ENVS, |entry| entry.name)?;
    entry.make(&config.env_args())
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
            error.context(format!("this run exists; go on with `lab resume {}`", path.display()))
        }
    }
}

impl Session {
    /// Trains, then writes and tells the result.
    pub(super) fn train(self, mut agent: Watched, out: &mut dyn Write) -> Result<ExitCode> {
        let plan = self.config.plan()?;
        let mut run = Run {
            checkpoints: Some(Checkpoints::of(self.dir.path())),
            config: self.config.fixed(),
            sinks: vec![
                Box::new(JsonLines::open(&self.dir.path().join("metrics.jsonl"))?),
                self.progress(),
            ],
            stop: stop_flag()?,
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
        // It tells of the part of the run before, and no longer holds.
        match std::fs::remove_file(self.dir.path().join("result.json")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).context("cannot replace result.json");
            }
            _ => {}
        }
        let report = fit(&mut agent, &plan, &mut run)?;
        drop(run); // The bar leaves the terminal before the result is told.
        let result = self.result(&report);
        self.dir.write_json("result.json", &result)?;
        let table = self.mdp.as_deref().map(|mdp| agent.thinks(mdp)).transpose()?.flatten();
        if let (Some(mdp), Some(table)) = (self.mdp.as_deref(), &table) {
            self.dir.write_json("solution.json", &Solution::new(mdp, table.clone()))?;
        }
        if self.verbosity.json {
            writeln!(out, "{}", serde_json::to_string(&result)?)?;
        } else {
            self.tell(&result, &report, out)?;
        }
        if !self.verbosity.json && !self.verbosity.quiet {
            self.show(table.as_ref(), out)?;
        }
        out.flush()?;
        self.draw(&agent, table.as_ref(), &report)?;
        Ok(match report.outcome {
            Outcome::Interrupted => ExitCode::from(130),
            _ => ExitCode::SUCCESS,
        })
    }

    fn progress(&self) -> Box<dyn Sink> {
        match (self.verbosity.quiet, std::io::stderr().is_terminal()) {
            (true, _) => Box::new(Notes),
            (false, true) => Box::new(Bar::new(self.algorithm.unit)),
            (false, false) => Box::new(Lines::new(self.algorithm.unit)),
        }
    }

    fn result(&self, report: &Report) -> RunResult {
        RunResult {
            algorithm: self.algorithm.name.to_owned(),
            subject: self.config.subject().to_owned(),
            seed: self.config.seed(),
            outcome: report.outcome,
            steps: report.steps,
            wall_seconds: report.wall_seconds,
            steps_per_second: report.steps as f64 / report.wall_seconds,
            eval: report
                .evaluation
                .clone()
                .map(|evaluation| evaluation.measures)
                .unwrap_or_default(),
            params_hash: report.params_hash.clone(),
            run: self.dir.path().display().to_string(),
        }
    }

    fn tell(&self, result: &RunResult, report: &Report, out: &mut dyn Write) -> Result<()> {
        let RunResult { algorithm, subject, .. } = result;
        let run = self.dir.path().display();
        let time = humantime::format_duration(Duration::from_secs(result.wall_seconds as u64));
        let unit = self.algorithm.unit;
        match result.eval.iter().next() {
            Some((name, Measure { mean, n: 1, .. })) => {
                writeln!(out, "{algorithm} on {subject}: {name} {mean:.6}")?;
            }
            Some((name, Measure { mean, ci95: [low, high], n })) => {
                let first = report.first_score.map_or(String::new(), |first| {
                    format!("; the first evaluation gave {first:.2}")
                });
                writeln!(
                    out,
                    "{algorithm} on {subject}: {name} {mean:.2} (95 % between {low:.2} and {high:.2}, \
                     n = {n}) without exploration{first}"
                )?;
            }
            None => writeln!(out, "{algorithm} on {subject}: stopped before the final evaluation")?,
        }
        let outcome = match result.outcome {
            Outcome::Finished => "finished",
            Outcome::Converged => "converged",
            Outcome::TargetReached => "reached the target",
            Outcome::Stalled => "stopped improving",
            Outcome::Interrupted => "interrupted",
        };
        writeln!(out, "{outcome} after {} {unit} in {time}; all of it is in {run}", result.steps)?;
        let further = match result.outcome {
            Outcome::Interrupted => format!("lab resume {run}"),
            Outcome::Finished => format!("lab resume {run} --steps {}", 2 * result.steps.max(1)),
            _ => format!("lab plot {run}"),
        };
        writeln!(
            out,
            "Try next:\n  lab play {run}\n  lab eval {run} --episodes 1000\n  {further}"
        )?;
        Ok(())
    }
}

/// Raised by the first Ctrl-C or `kill`; the second one ends the program. A closed terminal is left
/// to what the user chose: `nohup`, or the end.
pub(super) fn stop_flag() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        flag::register_conditional_shutdown(signal, 130, Arc::clone(&stop))
            .and_then(|_| flag::register(signal, Arc::clone(&stop)))
            .context("cannot listen for Ctrl-C")?;
    }
    Ok(stop)
}
