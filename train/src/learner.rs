//! What an algorithm must offer to be trained by [`fit`](crate::fit).
use crate::{Checkpoint, Evaluation, Log};
use anyhow::Result;

/// Anything the loop can train: a tabular solver, an agent, a generative model.
pub trait Learner {
    /// Does one unit of work (a sweep, a transition, a rollout, a mini-batch) and says how big it
    /// was. One of seconds asks [`pulse::check`](crate::pulse::check), and returns
    /// [`Interrupted`](crate::Interrupted) only as long as nothing has changed, the log included.
    fn step(&mut self, log: &mut Log) -> Result<Progress>;

    /// Scores the current model on `split`. The next `step` is the same with or without it, and
    /// so is the answer: it depends on the model and the seed alone. It says how far it is by
    /// [`pulse::progress`](crate::pulse::progress) several times a second; interrupted, it leaves
    /// all that `state` names as it was.
    fn evaluate(&mut self, split: Split) -> Result<Evaluation>;

    /// Names everything a resumed run needs; one list both saves and loads. The parameters of
    /// the model go by the name [`MODEL`](crate::MODEL).
    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()>;
}

/// What one [`Learner::step`] achieved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// So many transitions, images or sweeps were consumed.
    Advanced(u64),
    /// Further steps would change nothing.
    Converged,
}

/// What a model is scored on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// During training: it may choose the best checkpoint and stop the run.
    Validation,
    /// Once, for the result: episodes or images that chose nothing.
    Test,
}
