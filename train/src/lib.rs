//! The one training loop, and what every algorithm shares with it.
mod atomic;
mod checkpoint;
mod checkpoints;
mod clock;
mod config;
mod device;
mod evaluation;
mod files;
mod fit;
mod interval;
mod learner;
mod log;
mod measure;
mod memory;
mod part;
mod plan;
pub mod pulse;
mod report;
mod rng;
mod run_dir;
mod schedule;
mod seconds;
mod sinks;
pub mod testing;

pub use atomic::write_atomic;
pub use checkpoint::{Checkpoint, MODEL, NotFinite, Scope, model_hash};
pub use checkpoints::{Checkpoints, Which, load_model};
pub use config::{ConfigChanged, check_learning_rate};
pub use device::{DeviceChoice, device_name};
pub use evaluation::{CutOff, Direction, Evaluation, Objective};
pub use files::{LONGEST_TEXT, open_file, read_file, read_text};
pub use fit::fit;
pub use learner::{FirstUpdate, Learner, Progress, Split};
pub use log::{Log, Row};
pub use measure::{Measure, POSITIVE};
pub use memory::{Memory, available_memory};
pub use params::{
    BadValue, Parameters, Text, above, choices, name, parameters as hyper_parameters,
};
pub use plan::{Plan, Run};
pub use pulse::Interrupted;
pub use report::{Diverged, Outcome, Report};
pub use rng::{Rng, stream};
pub use run_dir::{RunDir, RunInfo};
pub use schedule::Linear;
pub use seconds::{Seconds, rate};
pub use sinks::{Bar, Ends, JsonLines, Lines, Notes, Sink};
