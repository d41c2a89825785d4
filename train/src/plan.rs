//! What the loop is asked to do, and with what around it.
use crate::{Checkpoints, Seconds, Sink};
use serde_json::Value;

params::parameters! {
    /// How long to train, and how often to look up from it. Intervals count the learner's own units;
    /// 0 is never.
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

/// What surrounds the loop.
#[derive(Default)]
pub struct Run {
    /// Where checkpoints go and are resumed from; `None` keeps everything in memory.
    pub checkpoints: Option<Checkpoints>,
    /// What must not change between parts of a run: the hyper-parameters.
    pub config: Value,
    /// What was told of the parts before, where one came to its end: seconds in all, and what they went into.
    pub earlier: Option<(f64, Seconds)>,
    /// Receivers of metric rows.
    pub sinks: Vec<Box<dyn Sink>>,
}
