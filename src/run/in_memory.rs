//! Training that leaves rows of metrics and no run directory.
use super::build;
use super::config::Config;
use super::line::configured;
use crate::registry::{Algorithm, EnvName, Subject};
use agents::ObservedAgent;
use agents::tabular::{Discount, Solution};
use anyhow::{Context, Result};
use candle_core::Device;
use envs::Mdp;
use std::sync::{Arc, Mutex, PoisonError};
use train::{
    Evaluation, Interrupted, Learner, Plan, Report, Row, Run, RunOutcome, Sink, fit, pulse,
};

/// Trains a learner: every row of metrics, and the report.
///
/// # Errors
/// [`Interrupted`]; errors of the learner.
pub(crate) fn train(learner: &mut dyn Learner, plan: &Plan) -> Result<(Vec<Row>, Report)> {
    let rows = Recorder::default();
    let sinks: Vec<Box<dyn Sink>> = vec![Box::new(rows.clone()), Box::new(Ticks(0))];
    let report = fit(learner, plan, &mut Run { sinks, ..Run::default() })?;
    match report.outcome {
        RunOutcome::Interrupted => Err(Interrupted.into()),
        _ => Ok((rows.taken(), report)),
    }
}

/// A plan of `steps`, with a row every `log_every` and an evaluation every `eval_every`, 0 for none.
pub(crate) fn plan(steps: u64, [log_every, eval_every]: [u64; 2]) -> Plan {
    Plan { steps, log_every, eval_every, save_every: 0, target: None, patience: None }
}

/// Tells whoever waits how far training is of so many steps.
struct Ticks(u64);

impl Sink for Ticks {
    fn begin(&mut self, _: u64, steps: u64, rows: u64) -> Result<u64> {
        self.0 = steps;
        Ok(rows)
    }

    fn row(&mut self, _: &Row) -> Result<()> {
        Ok(())
    }

    fn tick(&mut self, step: u64) {
        pulse::tell("training", step as usize, self.0 as usize);
    }
}

/// The rows so far.
#[derive(Default, Clone)]
struct Recorder(Arc<Mutex<Vec<Row>>>);

impl Recorder {
    fn taken(&self) -> Vec<Row> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Sink for Recorder {
    fn row(&mut self, row: &Row) -> Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(row.clone());
        Ok(())
    }
}

/// Result of a command that was run in memory.
pub(crate) struct Solved {
    /// The problem.
    pub(crate) mdp: Arc<dyn Mdp>,
    /// The answer.
    pub(crate) solution: Solution,
    /// Every row of metrics.
    pub(crate) rows: Vec<Row>,
    /// The evaluation at the end.
    pub(crate) evaluation: Evaluation,
}

/// Runs `lab ALGORITHM --env NAME …` on the CPU, on an environment whose outcomes are known.
///
/// # Errors
/// Errors of the command itself.
pub(crate) fn solve(command: &str) -> Result<Solved> {
    run(command, |algorithm, config| {
        let agent = build::agent(algorithm, config, &Device::Cpu)?;
        agents::observed(agent, None, Discount::Own, 0)
    })
}

/// [`solve`] with the metrics `oracle/…` in every row.
///
/// # Errors
/// Errors of the command itself.
pub(crate) fn watch(command: &str) -> Result<Solved> {
    run(command, |algorithm, config| Ok(build::observed(algorithm, config, &Device::Cpu)?.0))
}

fn run(command: &str, build: fn(&Algorithm, &Config) -> Result<ObservedAgent>) -> Result<Solved> {
    let (algorithm, config) = configured(command)?;
    let mdp = EnvName::parse(config.subject())?
        .mdp(&config.args(Subject::Env))?
        .context("the environment's outcomes are not known")?;
    let mut agent = build(algorithm, &config)?;
    let (rows, report) = train(&mut agent, &config.plan()?)?;
    let table = agent.observer().table(agent.learner(), &mdp)?.context("the agent has no table")?;
    let evaluation = report.evaluated()?;
    Ok(Solved { solution: Solution::new(&mdp, table), mdp, rows, evaluation })
}
