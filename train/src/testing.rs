//! Requirements on every learner, as functions its tests call, and a learner that only counts.
use crate::{
    Checkpoint, Checkpoints, DeviceChoice, Evaluation, Learner, Log, MODEL, Measure, Plan,
    Progress, Report, Rng, Row, Run, RunOutcome, Sink, Split, fit, is_host, pulse, stream,
};
use anyhow::{Context as _, Result, ensure};
use candle_core::{Device, Tensor, Var};
use rand::Rng as _;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Device that tests of layers, losses and algorithms run on, by `LAB_TEST_DEVICE`: `cpu` (the default), `cuda` or
/// `cuda:1`.
///
/// # Panics
/// If the variable holds anything else.
#[expect(
    clippy::panic,
    reason = "a test that ran elsewhere than it was told to would show nothing"
)]
pub fn device_choice() -> DeviceChoice {
    let Ok(name) = std::env::var("LAB_TEST_DEVICE") else { return DeviceChoice::Cpu };
    match name.parse() {
        Ok(choice) if choice != DeviceChoice::Auto => choice,
        _ => panic!("LAB_TEST_DEVICE={name}: cpu, cuda or cuda:1 is expected"),
    }
}

/// The device of [`device_choice`], one for the whole process: tensors of two handles of a GPU do not go together.
///
/// # Panics
/// If it can't be used.
#[expect(clippy::panic, reason = "as in `device_choice`")]
pub fn device() -> &'static Device {
    static DEVICE: OnceLock<Device> = OnceLock::new();
    DEVICE.get_or_init(|| match device_choice().open() {
        Ok(open) => open.device,
        Err(error) => panic!("LAB_TEST_DEVICE: {error}"),
    })
}

/// Relative difference that tests allow, on [`device`], between numbers that the CPU's kernels compute to the same
/// bits: none by those kernels, and rounding in `f32` elsewhere.
pub fn rounding() -> f32 {
    if is_host(device()) { 0.0 } else { 2e-5 }
}

/// Returns `false`, and prints so, where the kernels that a test is about are off (`LAB_CPU_KERNELS=off`). Such a test
/// is about the CPU, whatever [`device`] is.
#[expect(clippy::print_stdout, reason = "tests print it")]
pub fn kernels_are_on() -> bool {
    let on = is_host(&Device::Cpu);
    if !on {
        println!("skipped: about the kernels, which are off");
    }
    on
}

/// Downloads of the present thread so far: see [`Download`](crate::Download).
pub fn downloads() -> u64 {
    crate::download::downloads()
}

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

/// A run that is interrupted, at each of so many `moments` in turn among all those at which something in it
/// asks [`pulse::check`], and resumed ends with the bits and the rows of one that never was.
///
/// # Errors
/// Says which moment it was, and which hash or rows differ; or what training reports.
pub fn interrupting_changes_nothing(
    make: Make<'_>,
    plan: &Plan,
    moments: u64,
    dir: &Path,
) -> Result<()> {
    // The same number of questions whatever the answers are, up to the last one.
    let part = |stop_at: u64, dir: Option<&Path>, rows: &Recorder| {
        let asked = Arc::new(AtomicU64::new(0));
        let questions = Arc::clone(&asked);
        let stopped = move || questions.fetch_add(1, Ordering::Relaxed) + 1 >= stop_at;
        let mut run = Run { checkpoints: dir.map(Checkpoints::of), ..Run::default() };
        run.sinks.push(Box::new(rows.clone()));
        let report = pulse::hearing(stopped, || fit(make()?.as_mut(), plan, &mut run));
        report.map(|report| (report, asked.load(Ordering::Relaxed)))
    };
    let rows = Recorder::default();
    let (report, asked) = part(u64::MAX, None, &rows)?;
    let whole = (report, rows.taken());
    let moments = (1..=moments).map(|moment| (asked * moment / moments).max(1));
    for at in moments.collect::<BTreeSet<_>>() {
        let (dir, rows) = (dir.join(at.to_string()), Recorder::default());
        let (stopped, _) = part(at, Some(&dir), &rows)?;
        ensure!(
            stopped.outcome == RunOutcome::Interrupted,
            "question {at} of {asked} was not heard"
        );
        ensure!(stopped.evaluation.is_none(), "what was interrupted is no evaluation");
        let (report, _) = part(u64::MAX, Some(&dir), &rows)?;
        same(&whole, &(report, rows.taken()))
            .with_context(|| format!("interrupted at question {at} of {asked}"))?;
    }
    Ok(())
}

/// Trains `make`'s learner to each of `stops` in turn, a fresh one resuming where the last stopped,
/// and returns the last report with all rows (timing aside).
///
/// # Errors
/// Errors of training.
pub fn trained(make: Make<'_>, stops: &[u64], dir: Option<&Path>) -> Result<(Report, Vec<Row>)> {
    let rows = Recorder::default();
    let mut report = Err(anyhow::anyhow!("no stops were given"));
    let last = stops.last().copied().unwrap_or_default();
    for &steps in stops {
        let mut run = Run { checkpoints: dir.map(Checkpoints::of), ..Run::default() };
        run.sinks.push(Box::new(rows.clone()));
        report = fit(make()?.as_mut(), &Plan { steps, ..plan(last) }, &mut run);
    }
    Ok((report?, rows.taken()))
}

fn same(a: &(Report, Vec<Row>), b: &(Report, Vec<Row>)) -> Result<()> {
    ensure!(a.1 == b.1, "rows differ:\n{:?}\n{:?}", a.1, b.1);
    ensure!(a.0.params_hash == b.0.params_hash, "the parameters' bits differ");
    ensure!(a.0.evaluation == b.0.evaluation, "{:?} ≠ {:?}", a.0.evaluation, b.0.evaluation);
    Ok(())
}

/// Keeps rows in memory, without those metrics that tell time.
#[derive(Debug, Default, Clone)]
pub struct Recorder(pub Arc<Mutex<Vec<Row>>>);

impl Recorder {
    /// Those that have come.
    fn taken(&self) -> Vec<Row> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Sink for Recorder {
    fn begin(&mut self, _: u64, _: u64, rows: u64) -> Result<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).truncate(rows as usize);
        Ok(rows)
    }

    fn row(&mut self, row: &Row) -> Result<()> {
        let mut row = row.clone();
        row.values.retain(|name, _| !name.starts_with("speed/") && !name.starts_with("time/"));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(row);
        Ok(())
    }
}

/// Behaviour of a [`Counter`]; by default it goes on for ever.
#[derive(Debug, Clone, Copy)]
pub struct Behaviour {
    /// Units per step.
    pub stride: u64,
    /// Score at each evaluation, by step; the count itself where `None`.
    pub score: Option<fn(u64) -> f64>,
    /// Lower scores are better.
    pub minimised: bool,
    /// Says [`Progress::Converged`] from this step on.
    pub converges_at: Option<u64>,
    /// Its loss is NaN from this step on.
    pub breaks_at: Option<u64>,
    /// Its parameter is NaN from this step on.
    pub spoils_at: Option<u64>,
    /// Number of times that an evaluation reports progress.
    pub parts: usize,
}

impl Default for Behaviour {
    fn default() -> Self {
        let (score, [converges_at, breaks_at, spoils_at]) = (None, [None; 3]);
        Self { stride: 1, score, converges_at, breaks_at, spoils_at, parts: 3, minimised: false }
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
        let sampled: f32 =
            if reached(self.behaviour.spoils_at) { f32::NAN } else { self.rng.random() };
        self.sum.set(&(self.sum.as_tensor() + f64::from(sampled))?)?;
        let loss = if reached(self.behaviour.breaks_at) { f32::NAN } else { self.count as f32 };
        log.tensor("train/loss", &Tensor::new(loss, &Device::Cpu)?)?;
        Ok(if reached(self.behaviour.converges_at) {
            Progress::Converged
        } else {
            Progress::Advanced(self.behaviour.stride)
        })
    }

    fn evaluate(&mut self, _: Split) -> Result<Evaluation> {
        (0..self.behaviour.parts)
            .try_for_each(|part| pulse::progress("evaluating", part, self.behaviour.parts))?;
        let score = self.behaviour.score.map_or(self.count as f64, |score| score(self.count));
        Ok(match self.behaviour.minimised {
            true => Evaluation::minimise("count", Measure::single(score)),
            false => Evaluation::maximise("count", Measure::single(score)),
        })
    }

    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        checkpoint.tensors(MODEL, &[("sum".to_owned(), self.sum.clone())])?;
        checkpoint.value("count", &mut self.count)?;
        checkpoint.value("rng", &mut self.rng)
    }
}
