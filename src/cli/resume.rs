//! `lab resume`: go on exactly where a run stopped.
use super::study::{self, Place, Shares};
use super::{Interpreter, Verbose, train};
use crate::registry::{self, Subject};
use crate::run::config::Config;
use crate::run::layer::Layer;
use crate::run::machine::Verbosity;
use crate::run::start::Start;
use crate::study::info::{Study, is_study};
use crate::usage::Usage;
use crate::wording;
use ::train::{Checkpoints, ConfigChanged, DeviceChoice, RunDir};
use anyhow::Result;
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

/// Continue a run exactly where it stopped
///
/// The result is that of a run that never stopped. Of a study, the runs that are missing are made, and those that failed
/// tried again.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Directory of a run, or of a study
    run: PathBuf,
    /// Train until this many steps in all [default: what the run was started with]
    #[arg(long, value_name = "N")]
    steps: Option<String>,
    /// Device for tensors: auto, cpu, cuda or cuda:I
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    device: DeviceChoice,
    /// Threads to compute on; results do not depend on it [default: one per core]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    #[command(flatten)]
    place: Place,
    /// New place of the model's data, if they were moved; they must be unchanged
    #[arg(long, value_name = "NAME:PATH")]
    data: Option<String>,
    /// Write TensorBoard's event files too, all that was before included; a run that has them needs no such flag
    #[arg(long)]
    tensorboard: bool,
    #[command(flatten)]
    interpreter: Interpreter,
    #[command(flatten)]
    verbose: Verbose,
    /// Other options of the run's algorithm; a hyper-parameter that is not the run's is refused
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTIONS")]
    options: Vec<String>,
}

pub(super) fn run(args: Args, out: &mut dyn Write) -> Result<u8> {
    let begun = Instant::now();
    if is_study(&args.run) {
        return again(&args, out);
    }
    if let Some(typed) = args.place.typed() {
        return Err(Usage(format!("{typed}: {} is one run", args.run.display())).into());
    }
    let (dir, info) = RunDir::open(&args.run)?;
    if info.algorithm == "reproduce" {
        let run = wording::path(dir.path());
        let sentence = format!(
            "{run}: a reproduction can't be resumed; `lab reproduce {}` begins it anew",
            info.subject
        );
        return Err(Usage(sentence).into());
    }
    let algorithm = registry::algorithm(&info.algorithm)?;
    let before = Config::saved(info.config.clone(), algorithm)?;
    let mut more = train::parse(algorithm, &args.options)?;
    if let Some(steps) = args.steps {
        more.flags.lay(Layer::typed(algorithm, [("steps".to_owned(), steps)])?);
    }
    let moved = more.flags.take(Subject::Data.key()).or(args.data);
    if let (Some(data), Subject::Env) = (&moved, algorithm.subject()) {
        let sentence = format!("--data {data}: {} learns in an environment", algorithm.name);
        return Err(Usage(sentence).into());
    }
    let mut config = before.with(more.flags, algorithm)?;
    if let Some(python) = &args.interpreter.python {
        config.use_python(python)?;
    }
    ConfigChanged::check(&before.fixed(), &config.fixed())?;
    let before_steps = before.plan()?.steps;
    let (steps, reached) = (config.plan()?.steps, Checkpoints::of(dir.path()).newest_step());
    // A step may go beyond the last one that was asked for: what is left is the result.
    if let Some(reached) = reached.filter(|reached| *reached > steps && steps < before_steps) {
        let sentence = format!(
            "--steps {steps}: the run has come to {reached} already; give more, or leave it out for the \
             result of {before_steps}"
        );
        return Err(Usage(sentence).into());
    }
    let start = Start {
        algorithm,
        config,
        device: more.device.unwrap_or(args.device),
        threads: more.threads.or(args.threads),
        verbosity: Verbosity {
            quiet: args.verbose.quiet || more.verbosity.quiet,
            json: args.verbose.json || more.verbosity.json,
        },
        tensorboard: args.tensorboard || more.tensorboard,
        ends_with_input: false,
        begun,
    };
    start.again((dir, info), moved.as_deref(), out)
}

/// Makes the runs of a study that are missing.
fn again(args: &Args, out: &mut dyn Write) -> Result<u8> {
    let told = [
        args.steps.as_ref().map(|steps| format!("--steps {steps}")),
        args.data.as_ref().map(|data| format!("--data {data}")),
        args.tensorboard.then(|| "--tensorboard".to_owned()),
        args.interpreter.python.as_ref().map(|python| format!("--python {python}")),
        args.options.first().cloned(),
    ];
    if let Some(typed) = told.into_iter().flatten().next() {
        let study = args.run.display();
        let sentence = format!("{typed}: {study} is a study, whose runs stay what they are");
        return Err(Usage(sentence).into());
    }
    let shares = Shares {
        place: &args.place,
        threads: args.threads,
        device: args.device,
        tensorboard: false,
    };
    study::again(Study::open(&args.run)?, (shares, args.verbose), out)
}

#[cfg(test)]
mod tests;
