//! Training that leaves rows and no run directory.
use anyhow::Result;
use std::sync::{Arc, Mutex, PoisonError};
use train::{Interrupted, Learner, Outcome, Plan, Row, Run, Sink, fit};

/// Trains for `steps`, with a row every `log_every` and an evaluation every `eval_every`, 0 for none; the rows.
///
/// # Errors
/// [`Interrupted`]; what the learner reports.
pub(super) fn trained(
    learner: &mut dyn Learner,
    steps: u64,
    [log_every, eval_every]: [u64; 2],
) -> Result<Vec<Row>> {
    let plan = Plan { steps, log_every, eval_every, save_every: 0, target: None, patience: None };
    let rows = Rows::default();
    let sinks: Vec<Box<dyn Sink>> = vec![Box::new(rows.clone())];
    match fit(learner, &plan, &mut Run { sinks, ..Run::default() })?.outcome {
        Outcome::Interrupted => Err(Interrupted.into()),
        _ => Ok(rows.taken()),
    }
}

/// Those that have come.
#[derive(Default, Clone)]
struct Rows(Arc<Mutex<Vec<Row>>>);

impl Rows {
    fn taken(&self) -> Vec<Row> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Sink for Rows {
    fn row(&mut self, row: &Row) -> Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(row.clone());
        Ok(())
    }
}
