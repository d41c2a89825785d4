//! What every learner must hold, as functions its tests call, and a learner that only counts.
use crate::{
    Checkpoint, Checkpoints, Evaluation, Learner, Log, MODEL, Plan, Progress, Report, Rng, Row,
    Run, Sink, Split, fit, stream,
};
use anyhow::{Result, ensure};
use candle_core::{Device, Tensor, Var};
use rand::Rng as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Makes a fresh learner, always the same.
pub type Make<'a> = &'a dyn Fn() -> Result<Box<dyn Learner>>;

/// A plan that logs, evaluates and saves `steps / 4` apart.
pub fn plan(steps: u64) -> Plan {
    let every = (steps / 4).max(1);
    Plan {
        steps,
        log_every: every,
        eval_every: every,
        save_every: every,
        target: None,
        patience: None,
    }
}

/// Two runs with one seed end with the same bits.
///
/// # Errors
/// Says which hash or rows differ; or what training reports.
pub fn same_seed_same_bits(make: Make<'_>, steps: u64) -> Result<()> {
    same(&trained(make, &[steps], None)?, &trained(make, &[steps], None)?)
}

/// A run that is stopped after `stop` steps and resumed ends with the bits and the rows of one
/// that never was.
///
/// # Errors
/// Says which hash or rows differ; or what training reports.
pub fn resume_changes_nothing(make: Make<'_>, stop: u64, steps: u64, dir: &Path) -> Result<()> {
    same(&trained(make, &[steps], None)?, &trained(make, &[stop, steps], Some(dir))?)
}

/// Trains `make`'s learner to each of `stops` in turn, a fresh one resuming where the last stopped,
/// and returns the last report with all rows (timing aside).
///
/// # Errors
/// What training reports.
pub fn trained(make: Make<'_>, stops: &[u64], dir: Option<&Path>) -> Result<(Report, Vec<Row>)> {
    let rows = Rows::default();
    let mut report = Err(anyhow::anyhow!("no stops were given"));
    let last = stops.last().copied().unwrap_or_default();
    for &steps in stops {
        let mut run = Run { checkpoints: dir.map(Checkpoints::of), ..Run::default() };
        run.sinks.push(Box::new(rows.clone()));
        report = fit(make()?.as_mut(), &Plan { steps, ..plan(last) }, &mut run);
    }
    let rows = rows.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok((report?, rows))
}

fn same(a: &(Report, Vec<Row>), b: &(Report, Vec<Row>)) -> Result<()> {
    ensure!(a.1 == b.1, "rows differ:\n{:?}\n{:?}", a.1, b.1);
    ensure!(a.0.params_hash == b.0.params_hash, "the parameters' bits differ");
    ensure!(a.0.evaluation == b.0.evaluation, "{:?} ≠ {:?}", a.0.evaluation, b.0.evaluation);
    Ok(())
}

/// Keeps rows in memory, without those metrics that tell time.
#[derive(Debug, Default, Clone)]
pub struct Rows(pub Arc<Mutex<Vec<Row>>>);

impl Sink for Rows {
    fn begin(&mut self, _: u64, _: u64, rows: u64) -> Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).truncate(rows as usize);
        Ok(())
    }

    fn row(&mut self, row: &Row) -> Result<()> {
        let mut row = row.clone();
        row.values.retain(|name, _| !name.starts_with("speed/") && !name.starts_with("time/"));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(row);
        Ok(())
    }
}

/// How a [`Counter`] behaves; by default it goes on for ever.
#[derive(Debug, Clone, Copy)]
pub struct Behaviour {
    /// Units per step.
    pub stride: u64,
    /// Score at each evaluation, by step; the count itself where `None`.
    pub score: Option<fn(u64) -> f64>,
    /// Says [`Progress::Converged`] from this step on.
    pub converges_at: Option<u64>,
    /// Its loss is NaN from this step on.
    pub breaks_at: Option<u64>,
    /// Its parameter is NaN from this step on.
    pub spoils_at: Option<u64>,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self { stride: 1, score: None, converges_at: None, breaks_at: None, spoils_at: None }
    }
}

/// A learner that learns nothing: it counts its steps and adds random numbers to its one
/// parameter.
pub struct Counter {
    /// Units counted.
    pub count: u64,
    behaviour: Behaviour,
    rng: Rng,
    sum: Var,
}

impl Counter {
    /// A counter at 0.
    ///
    /// # Errors
    /// None on the processor.
    pub fn new(seed: u64, behaviour: Behaviour) -> Result<Self> {
        let sum = Var::zeros((), candle_core::DType::F32, &Device::Cpu)?;
        Ok(Self { count: 0, behaviour, rng: stream(seed, "counter"), sum })
    }
}

impl Learner for Counter {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        self.count += self.behaviour.stride;
        let reached = |step: Option<u64>| step.is_some_and(|step| self.count >= step);
        let drawn: f32 =
            if reached(self.behaviour.spoils_at) { f32::NAN } else { self.rng.random() };
        self.sum.set(&(self.sum.as_tensor() + f64::from(drawn))?)?;
        let loss = if reached(self.behaviour.breaks_at) { f32::NAN } else { self.count as f32 };
        log.tensor("train/loss", &Tensor::new(loss, &Device::Cpu)?)?;
        Ok(if reached(self.behaviour.converges_at) {
            Progress::Converged
        } else {
            Progress::Advanced(self.behaviour.stride)
        })
    }

    fn evaluate(&mut self, _: Split) -> Result<Evaluation> {
        let score = self.behaviour.score.map_or(self.count as f64, |score| score(self.count));
        Ok(Evaluation::of("count", &[score]))
    }

    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        checkpoint.tensors(MODEL, &[("sum".to_owned(), self.sum.clone())])?;
        checkpoint.value("count", &mut self.count)?;
        checkpoint.value("rng", &mut self.rng)
    }
}
