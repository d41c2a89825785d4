//! Report of a run.
use crate::{Evaluation, Interrupted, Objective, Seconds};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Why training ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// The plan's steps are done.
    Finished,
    /// The learner said that further steps would change nothing.
    Converged,
    /// The target score was reached.
    TargetReached,
    /// Patience ran out.
    Stalled,
    /// Someone wanted to stop.
    Interrupted,
}

/// Report of a run.
#[derive(Debug, Clone)]
pub struct Report {
    /// Why it ended.
    pub outcome: RunOutcome,
    /// A learner that converges had not yet converged.
    pub not_converged: bool,
    /// Units trained, in all parts of the run together.
    pub steps: u64,
    /// Seconds in all, in all parts together.
    pub wall_seconds: f64,
    /// Seconds by kind of work.
    pub seconds: Seconds,
    /// Updates of what is learned; `None` where an older version began the run and did not count.
    pub updates: Option<u64>,
    /// Why none was made, and what to change; `None` where one was, or where it converged without.
    pub no_update: Option<String>,
    /// Measure that decides; `None` where the run was interrupted before it was evaluated.
    pub objective: Option<Objective>,
    /// Value of the objective in the first evaluation of the run, if one was made.
    pub first: Option<f64>,
    /// The model on [`Split::Test`](crate::Split::Test); `None` where the run was interrupted, be it
    /// in this evaluation.
    pub evaluation: Option<Evaluation>,
    /// Hash of the final parameters' bits.
    pub params_hash: String,
}

impl Report {
    /// The final evaluation, for who can do nothing without it.
    ///
    /// # Errors
    /// [`Interrupted`] where the run was.
    pub fn evaluated(self) -> Result<Evaluation, Interrupted> {
        self.evaluation.ok_or(Interrupted)
    }
}

/// The loss or the parameters are no longer finite numbers.
#[derive(Debug, thiserror::Error)]
#[error(
    "{what} at step {step}: training diverged ({fallback}). A setting far from its default may be the cause; else a \
     smaller learning rate (--lr) usually helps, or clipping the gradient (--max-grad-norm) where the algorithm has it; \
     start again with one of them"
)]
pub struct Diverged {
    step: u64,
    what: String,
    fallback: String,
}

impl Diverged {
    /// `what` was found broken at `step`; `newest` is the checkpoint before it.
    pub(crate) fn new(step: u64, what: String, newest: Option<&Path>) -> Self {
        Self { step, what, fallback: fallback(newest) }
    }
}

/// Sentence about the checkpoint to go back to.
pub(crate) fn fallback(newest: Option<&Path>) -> String {
    newest.map_or("nothing was saved before".to_owned(), |dir| {
        format!("the last good checkpoint is {}", dir.display())
    })
}
