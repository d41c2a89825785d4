//! What the loop is asked to do, and with what around it.
use crate::{Checkpoints, Seconds, Sink};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How long to train, and how often to look up from it. Intervals count the learner's own units;
/// 0 is never.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Units to train for.
    pub steps: u64,
    /// Units between metric rows.
    pub log_every: u64,
    /// Units between evaluations.
    pub eval_every: u64,
    /// Units between checkpoints.
    pub save_every: u64,
    /// Stop once the measure that decides is this good, in its own units: at least this where higher is better,
    /// at most this where lower is.
    pub target: Option<f64>,
    /// Stop after this many evaluations without a new best.
    pub patience: Option<u32>,
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
