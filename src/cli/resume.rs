//! `lab resume`: go on exactly where a run stopped.
use super::{Verbose, train};
use crate::registry::{self, Subject};
use crate::run::config::Config;
use crate::run::layer::Layer;
use crate::run::machine::{Machine, Verbosity};
use crate::run::session::Session;
use crate::run::{build, data};
use crate::usage::Usage;
use ::train::{Checkpoints, ConfigChanged, DeviceChoice, RunDir};
use anyhow::Result;
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

/// Continue a run exactly where it stopped
///
/// The result is that of a run that never stopped.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Run directory
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
    /// New place of the model's data, if they were moved; they must be unchanged
    #[arg(long, value_name = "NAME:PATH")]
    data: Option<String>,
    #[command(flatten)]
    verbose: Verbose,
    /// Other options of the run's algorithm; a hyper-parameter that is not the run's is refused
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTIONS")]
    options: Vec<String>,
}

pub(super) fn run(args: Args, out: &mut dyn Write) -> Result<u8> {
    let begun = Instant::now();
    let (dir, mut info) = RunDir::open(&args.run)?;
    let algorithm = registry::algorithm(&info.algorithm)?;
    let before = Config::saved(info.config, algorithm)?;
    let mut more = train::parse(algorithm, &args.options)?;
    if let Some(steps) = args.steps {
        more.flags.lay(Layer::typed(algorithm, [("steps".to_owned(), steps)])?);
    }
    let moved = more.flags.take(Subject::Data.key()).or(args.data);
    if let (Some(data), Subject::Env) = (&moved, algorithm.subject()) {
        let sentence = format!("--data {data}: {} learns in an environment", algorithm.name);
        return Err(Usage(sentence).into());
    }
    let config = before.with(more.flags, algorithm)?;
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
    let device = more.device.unwrap_or(args.device);
    let machine = Machine::prepare(device, more.threads.or(args.threads))?;
    let verbosity = Verbosity {
        quiet: args.verbose.quiet || more.verbosity.quiet,
        json: args.verbose.json || more.verbosity.json,
    };
    let (mut record, mut notes) = (None, Vec::new());
    let (saved, moved) = (info.data.take(), moved.as_deref());
    let trainee = build::trainee(algorithm, &config, &machine.device, || {
        let loaded = data::again(&args.run, &config, saved.as_ref(), moved)?;
        (record, notes) = (loaded.record, loaded.notes);
        Ok(loaded.dataset)
    })?;
    info.data = data::remember(&config, moved, saved.as_ref(), record)?;
    // A run that is stopped once more goes on towards the steps that were asked for last.
    info.config = config.all.clone();
    notes.extend(machine.note);
    let device = ::train::device_name(&machine.device);
    if info.device != device {
        let was = std::mem::replace(&mut info.device, device);
        let now = &info.device;
        notes.push(format!(
            "this run was on {was} and goes on on {now}: numbers are rounded differently there, so the result is \
             not that of one device to the bit"
        ));
    }
    info.threads = machine.threads;
    dir.write_json("run.json", &info)?;
    if !verbosity.quiet {
        data::tell(&notes);
    }
    Session { algorithm, config, dir, info, verbosity, begun }.train(trainee, out)
}

#[cfg(test)]
mod tests;
