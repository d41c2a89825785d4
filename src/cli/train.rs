//! `lab ALGORITHM`: a new run.
use super::Verbose;
use super::flags;
use super::study::{self, Place, Shares};
use crate::registry::Algorithm;
use crate::run::config::Config;
use crate::run::layer::Layer;
use crate::run::machine::Verbosity;
use crate::run::start::Start;
use crate::usage::Usage;
use anyhow::Result;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args as _, Command, FromArgMatches as _};
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

/// Options of every training subcommand that are no parameters.
#[derive(clap::Args)]
struct Args {
    /// Device for tensors: auto, cpu, cuda or cuda:I
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    device: ::train::DeviceChoice,
    /// Threads to compute on; results do not depend on it [default: one per core]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Run directory [default: runs/ALGORITHM-SUBJECT-sSEED]; with --seeds that of the study
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Runs with several seeds side by side, a study: 1..5, or 1,2,3
    #[arg(long, value_name = "SEEDS", conflicts_with = "seed")]
    seeds: Option<String>,
    #[command(flatten)]
    place: Place,
    /// Named set of options (`lab list presets`) [default: ALGORITHM-SUBJECT where there is one]
    #[arg(long, value_name = "NAME")]
    preset: Option<String>,
    /// File of options, TOML, or the run.json of another run
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Write metrics, figures, histograms and hyper-parameters as TensorBoard's event files too, in the run directory
    #[arg(long)]
    tensorboard: bool,
    #[command(flatten)]
    verbose: Verbose,
}

/// The subcommand of `algorithm`, with a flag for each of its parameters.
pub(super) fn command(algorithm: &Algorithm) -> Command {
    let subject = algorithm.subject();
    let command = Command::new(algorithm.name).aliases(algorithm.aliases);
    let command = command.args(flags::named(subject)).args(flags::of_plan(algorithm));
    let command = Args::augment_args(command).mut_args(|arg| {
        let help = arg.get_help().map(|help| help.to_string());
        match help {
            Some(help) => arg.help(help.replace("SUBJECT", &subject.key().to_uppercase())),
            None => arg,
        }
    });
    let command = command.next_help_heading("Hyper-parameters").args(flags::of_hyper(algorithm));
    flags::of_subjects(command, subject)
        // The doc comments of the tables of options would go before it.
        .about(format!("Train: {}", algorithm.about))
        .long_about(None)
        .after_help(format!(
            "A flag goes before --config, that before the preset, that before the default. Where there is \
             a preset for the {}, its values are the ones that count: `lab config {} …` prints them all. \
             Numbers may be written 1e6, 10_000 or 10k.",
            subject.what(),
            algorithm.name
        ))
}

/// The configuration of a new run: what was typed, over file, preset and defaults.
pub(super) fn config(algorithm: &Algorithm, matches: &ArgMatches) -> Result<Config> {
    let args = Args::from_arg_matches(matches)?;
    let flags = flags::typed(algorithm, matches)?;
    Config::resolve(algorithm, flags, args.preset.as_deref(), args.config.as_deref())
}

/// Starts a run from what was typed.
pub(super) fn run(
    algorithm: &'static Algorithm,
    matches: &ArgMatches,
    out: &mut dyn Write,
) -> Result<u8> {
    let begun = Instant::now();
    let args = Args::from_arg_matches(matches)?;
    let config = config(algorithm, matches)?;
    if let Some(seeds) = &args.seeds {
        let shares = Shares {
            place: &args.place,
            threads: args.threads,
            device: args.device,
            tensorboard: args.tensorboard,
        };
        return study::seeds(
            (algorithm, config, seeds),
            args.out.as_deref(),
            (shares, args.verbose),
            out,
        );
    }
    if let Some(typed) = args.place.typed() {
        return Err(Usage(format!("{typed}: this is one run; add --seeds")).into());
    }
    let start = Start {
        algorithm,
        config,
        device: args.device,
        threads: args.threads,
        verbosity: args.verbose.into(),
        tensorboard: args.tensorboard,
        ends_with_input: false,
        begun,
    };
    start.anew(args.out.as_deref(), out)
}

/// Arguments typed after the options that `lab resume` knows itself.
pub(super) struct More {
    pub(super) flags: Layer,
    pub(super) device: Option<::train::DeviceChoice>,
    pub(super) threads: Option<usize>,
    pub(super) verbosity: Verbosity,
    pub(super) tensorboard: bool,
}

/// Reads `arguments` as they may follow the subcommand of `algorithm`.
pub(super) fn parse(algorithm: &Algorithm, arguments: &[String]) -> Result<More> {
    let name = std::iter::once(algorithm.name.to_owned());
    let matches = command(algorithm).get_matches_from(name.chain(arguments.iter().cloned()));
    let args = Args::from_arg_matches(&matches)?;
    for refused in ["out", "config", "preset", "seeds", "jobs", "on", "on_options"] {
        if matches.value_source(refused) == Some(ValueSource::CommandLine) {
            let flag = params::flag(refused);
            let sentence = format!("--{flag}: a run that is resumed stays what and where it is");
            return Err(Usage(sentence).into());
        }
    }
    let typed_device = matches.value_source("device") == Some(ValueSource::CommandLine);
    Ok(More {
        flags: flags::typed(algorithm, &matches)?,
        device: typed_device.then_some(args.device),
        threads: args.threads,
        verbosity: args.verbose.into(),
        tensorboard: args.tensorboard,
    })
}
