//! Sinks for metrics and progress.
mod jsonl;
mod progress;

pub use jsonl::JsonLines;
pub use progress::{Bar, Ends, Lines, Notes};

use crate::Row;
use anyhow::Result;

/// A receiver of what the loop has to tell.
pub trait Sink {
    /// A part of a run begins at `step` of `steps`. `rows` rows were written before; what may have
    /// come after them is repeated now. Returns how many of them are still there.
    fn begin(&mut self, step: u64, steps: u64, rows: u64) -> Result<u64> {
        let _ = (step, steps);
        Ok(rows)
    }

    /// One row of metrics.
    fn row(&mut self, row: &Row) -> Result<()>;

    /// Makes the rows so far survive a power failure.
    fn sync(&mut self) -> Result<()> {
        Ok(())
    }

    /// The learner has come to `step`. Called after each of its steps: must be cheap.
    fn tick(&mut self, step: u64) {
        let _ = step;
    }

    /// Of `what` is being done beside training, as in `evaluating`, so much `of` so much is done. Called
    /// often: must be cheap.
    fn progress(&mut self, what: &str, done: u64, of: u64) {
        let _ = (what, done, of);
    }

    /// Something the user should know.
    fn note(&mut self, text: &str) {
        let _ = text;
    }
}
