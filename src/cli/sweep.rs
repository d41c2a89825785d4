//! `lab sweep`: runs whose settings a file varies.
use super::Verbose;
use super::study::{self, Place, Shares};
use crate::registry::as_part;
use crate::run::{build, data};
use crate::study::info::Study;
use crate::study::rounds::first;
use crate::study::sweep::Sweep;
use ::train::DeviceChoice;
use anyhow::Result;
use candle_core::Device;
use std::io::Write;
use std::path::PathBuf;

/// Make runs whose settings a file varies: a grid, random draws, or a search
///
/// The file is TOML: settings of all runs as in --config, `[space]` with lists or ranges of what is varied, `[sweep]` with method, seeds
/// and limits. `lab resume` goes on with a sweep that was stopped.
#[derive(clap::Args)]
pub(super) struct Args {
    /// File of the sweep, TOML
    file: PathBuf,
    /// Directory of the study [default: runs/FILE]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
    /// Threads of each run
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Device for tensors: auto, cpu, cuda or cuda:I
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    device: DeviceChoice,
    /// Write metrics, figures and hyper-parameters of each run as TensorBoard's event files too
    #[arg(long)]
    tensorboard: bool,
    #[command(flatten)]
    verbose: Verbose,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Result<u8> {
    let sweep = Sweep::read(&args.file)?;
    let members = first(&sweep)?;
    let shares = Shares {
        place: &args.place,
        threads: args.threads,
        device: args.device,
        tensorboard: args.tensorboard,
    };
    let crew = shares.crew(members.len())?;
    // What the first run would be refused for leaves nothing behind.
    let (algorithm, config) = sweep.example()?;
    let load = || Ok(data::first(&config)?.dataset);
    build::trainee(algorithm, &config, &Device::Cpu, load)
        .map_err(|error| config.explained(error))?;
    let name = args.file.file_stem().map_or("sweep".into(), |stem| stem.to_string_lossy());
    let study =
        Study::create(args.out.as_deref(), &as_part(&name), shares.kept(), (members, Some(sweep)))?;
    study::make(study, (shares, &crew), args.verbose, out)
}
