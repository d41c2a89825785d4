//! A training command without a run directory, for who wants the answer only.
use super::config::Config;
use super::{session, train};
use crate::registry::{ALGORITHMS, Algorithm, ENVS, Subject, find};
use ::train::{Evaluation, Row, Run, Sink, fit};
use agents::Watched;
use agents::tabular::{Discount, Solution};
use anyhow::{Context, Result};
use candle_core::Device;
use envs::Mdp;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

/// What a command came to.
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
/// What the command itself would report.
pub(crate) fn solve(command: &str) -> Result<Solved> {
    run(command, |algorithm, config| {
        let agent = session::agent(algorithm, config, &Device::Cpu)?;
        Watched::new(agent, None, Discount::Own, 0)
    })
}

/// The same with the metrics `oracle/…` in every row.
///
/// # Errors
/// What the command itself would report.
pub(crate) fn watch(command: &str) -> Result<Solved> {
    run(command, |algorithm, config| Ok(session::watched(algorithm, config, &Device::Cpu)?.0))
}

fn run(command: &str, build: fn(&Algorithm, &Config) -> Result<Watched>) -> Result<Solved> {
    let matches = super::command().try_get_matches_from(command.split_whitespace())?;
    let (name, matches) = matches.subcommand().context("no subcommand")?;
    let algorithm = find("algorithm", name, ALGORITHMS, |algorithm| algorithm.name)?;
    let config = train::config(algorithm, matches)?;
    let entry = find("environment", config.subject(), ENVS, |entry| entry.name)?;
    let mdp = entry
        .mdp(&config.args(Subject::Env))?
        .context("the environment's outcomes are not known")?;
    let mut agent = build(algorithm, &config)?;
    let rows = Rc::new(RefCell::new(Vec::new()));
    let mut run = Run { sinks: vec![Box::new(Rows(Rc::clone(&rows)))], ..Run::default() };
    let report = fit(&mut agent, &config.plan()?, &mut run)?;
    drop(run);
    let table = agent.thinks(&mdp)?.context("the agent has no table")?;
    let evaluation = report.evaluated()?;
    Ok(Solved { solution: Solution::new(&mdp, table), mdp, rows: rows.take(), evaluation })
}

/// Keeps the rows.
struct Rows(Rc<RefCell<Vec<Row>>>);

impl Sink for Rows {
    fn row(&mut self, row: &Row) -> Result<()> {
        self.0.borrow_mut().push(row.clone());
        Ok(())
    }
}
