//! Plan of a training, and the surroundings of its loop.
use crate::{Checkpoints, Seconds, Sink};
use serde_json::Value;

params::parameters! {
    /// Length of training, and its intervals for logging, evaluation and checkpoints. Intervals count
    /// the learner's own units; 0 is never.
    pub struct Plan {
        /// Units to train for
        steps: u64 = 10_000;
        /// Units between rows of metrics; 0 for none
        log_every: u64 = 100;
        /// Units between evaluations; 0 for none
        eval_every: u64 = 1_000;
        /// Units between checkpoints; 0 for the best and the last one only
        save_every: u64 = 1_000;
        /// Stop once an evaluation is this good, in the units of the measure that decides: at least this where
        /// higher is better (return, elbo_nats, value_start), at most this where lower is (nll_nats, errors)
        target: Option<f64> = None;
        /// Stop after this many evaluations without a new best
        patience: Option<u32> = None;
    }
}

/// Surroundings of the loop: checkpoints, sinks, configuration.
#[derive(Default)]
pub struct Run {
    /// Checkpoints to save to and resume from; `None` keeps everything in memory.
    pub checkpoints: Option<Checkpoints>,
    /// Configuration that must not change between parts of a run: the hyper-parameters.
    pub config: Value,
    /// Time of earlier parts of the run, where one came to its end: seconds in all, and by kind of
    /// work.
    pub earlier: Option<(f64, Seconds)>,
    /// Receivers of metric rows.
    pub sinks: Vec<Box<dyn Sink>>,
}
