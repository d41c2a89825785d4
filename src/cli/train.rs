//! `lab ALGORITHM`: a new run.
use super::config::Config;
use super::run_data;
use super::session::{self, Machine, Session, Verbosity};
use super::subject_options;
use crate::registry::{Algorithm, Options};
use crate::usage::Usage;
use ::train::{RunDir, RunInfo};
use anyhow::Result;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args as _, Command, FromArgMatches as _};
use serde_json::Value;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Instant, SystemTime};

/// Options of every training subcommand. Those of the plan have their defaults in the registry.
#[derive(clap::Args)]
struct Args {
    /// Seed of everything random [default: 1]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// UNITS to train for
    #[arg(long, value_name = "N")]
    steps: Option<u64>,
    /// Device for tensors: auto, cpu, cuda or cuda:I
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    device: ::train::DeviceChoice,
    /// Threads to compute on; results do not depend on it [default: one per core]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Run directory [default: runs/ALGORITHM-SUBJECT-sSEED]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Named set of options (`lab list presets`) [default: ALGORITHM-SUBJECT where there is one]
    #[arg(long, value_name = "NAME")]
    preset: Option<String>,
    /// File of options, TOML, or the run.json of another run
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// UNITS from one row of metrics to the next; 0 for never
    #[arg(long, value_name = "N")]
    log_every: Option<u64>,
    /// UNITS from one evaluation to the next; 0 for never
    #[arg(long, value_name = "N")]
    eval_every: Option<u64>,
    /// UNITS from one checkpoint to the next; 0 for the best and the last one only
    #[arg(long, value_name = "N")]
    save_every: Option<u64>,
    /// Stop once an evaluation is this good, in the units of the measure that decides: at least SCORE where
    /// higher is better (return, elbo_nats, value_start), at most SCORE where lower is (nll_nats, errors)
    #[arg(long, value_name = "SCORE", value_parser = finite)]
    target: Option<f64>,
    /// Stop after this many evaluations without a new best
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    patience: Option<u32>,
    #[command(flatten)]
    verbosity: Verbosity,
}

/// The subcommand of `algorithm`, with a flag for each of its hyper-parameters.
pub(super) fn command(algorithm: &Algorithm) -> Command {
    let about = format!("Train: {}", algorithm.about);
    let subject = algorithm.subject();
    let command = Command::new(algorithm.name).aliases(algorithm.aliases);
    let options = Args::augment_args(command.args(subject_options::named(subject)));
    let plan = serde_json::to_value(&algorithm.plan).unwrap_or_default();
    let units = algorithm.unit[..1].to_uppercase() + &algorithm.unit[1..];
    let options = options.mut_args(|arg| {
        let help = arg.get_help().map(|help| {
            let name = subject.key().to_uppercase();
            help.to_string().replace("UNITS", &units).replace("SUBJECT", &name)
        });
        let default = plan.get(arg.get_id().as_str()).filter(|default| !default.is_null());
        match (help, default) {
            (Some(help), Some(default)) => arg.help(format!("{help} [default: {default}]")),
            (Some(help), None) => arg.help(help),
            (None, _) => arg,
        }
    });
    let own: Vec<_> = options.get_arguments().map(|arg| arg.get_id().clone()).collect();
    let all = (algorithm.hyper.flags)(options.next_help_heading("Hyper-parameters"));
    let all = all.mut_args(|arg| match arg.get_action().takes_values() {
        true if own.contains(arg.get_id()) => arg.allow_negative_numbers(true),
        true => arg.allow_negative_numbers(true).value_name("X"),
        false => arg,
    });
    subject_options::flags(all, subject)
    // The doc comments of the two tables of options would go before it.
    .about(about)
    .long_about(None)
    .after_help(format!(
        "A flag goes before --config, that before the preset, that before the default. Where there is \
         a preset for the {}, its values are the ones that count: run.json in the run directory tells \
         them all.",
        subject.what()
    ))
}

/// What was typed, over file, preset and defaults.
pub(super) fn config(algorithm: &Algorithm, matches: &ArgMatches) -> Result<Config> {
    let args = Args::from_arg_matches(matches)?;
    let flags = typed(algorithm, matches, &args)?;
    Config::resolve(algorithm, flags, args.preset.as_deref(), args.config.as_deref())
}

/// Starts a run from what was typed.
pub(super) fn run(
    algorithm: &'static Algorithm,
    matches: &ArgMatches,
    out: &mut dyn Write,
) -> Result<ExitCode> {
    let begun = Instant::now();
    let args = Args::from_arg_matches(matches)?;
    let typed = |error| subject_options::as_typed(matches, algorithm.subject(), error);
    let config = config(algorithm, matches).map_err(typed)?;
    let machine = Machine::prepare(args.device, args.threads)?;
    // Before the directory is made: wrong usage leaves nothing behind.
    let (mut record, mut notes) = (None, Vec::new());
    let load = || {
        let data = run_data::first(&config)?;
        (record, notes) = (data.record, data.notes);
        Ok(data.dataset)
    };
    let trainee = session::trainee(algorithm, &config, &machine.device, load).map_err(typed)?;
    let (subject, seed) = (config.subject().to_owned(), config.seed());
    let dir = RunDir::create(args.out.as_deref(), &format!("{}-{subject}-s{seed}", algorithm.name))
        .map_err(|error| session::if_already_run(error, args.out.as_deref(), &config))?;
    let info = RunInfo {
        algorithm: algorithm.name.to_owned(),
        subject,
        seed,
        config: config.all.clone(),
        lab_version: env!("CARGO_PKG_VERSION").to_owned(),
        lab_commit: env!("LAB_COMMIT").to_owned(),
        device: ::train::device_name(&machine.device),
        threads: machine.threads,
        started: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        data: run_data::remember(&config, None, None, record)?,
    };
    dir.write_json("run.json", &info)?;
    if !args.verbosity.quiet {
        run_data::tell(&notes);
    }
    Session { algorithm, config, dir, info, verbosity: args.verbosity, begun }.train(trainee, out)
}

fn finite(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => Err("a finite number is expected".to_owned()),
    }
}

/// What was typed after the options that `lab resume` knows itself.
pub(super) struct More {
    pub(super) options: Options,
    pub(super) device: Option<::train::DeviceChoice>,
    pub(super) threads: Option<usize>,
    pub(super) verbosity: Verbosity,
}

/// Reads `arguments` as they may follow the subcommand of `algorithm`.
pub(super) fn parse(algorithm: &Algorithm, arguments: &[String]) -> Result<More> {
    let name = std::iter::once(algorithm.name.to_owned());
    let matches = command(algorithm).get_matches_from(name.chain(arguments.iter().cloned()));
    let args = Args::from_arg_matches(&matches)?;
    for refused in ["out", "config", "preset"] {
        if matches.contains_id(refused) {
            let sentence = format!("--{refused}: a run that is resumed stays what and where it is");
            return Err(Usage(sentence).into());
        }
    }
    let typed_device = matches.value_source("device") == Some(ValueSource::CommandLine);
    Ok(More {
        options: typed(algorithm, &matches, &args)?,
        device: typed_device.then_some(args.device),
        threads: args.threads,
        verbosity: args.verbosity,
    })
}

/// What was typed, by key of the configuration.
fn typed(algorithm: &Algorithm, matches: &ArgMatches, args: &Args) -> Result<Options> {
    let mut options = (algorithm.hyper.typed)(matches)?;
    let numbers = [
        ("seed", args.seed.map(Value::from)),
        ("steps", args.steps.map(Value::from)),
        ("log_every", args.log_every.map(Value::from)),
        ("eval_every", args.eval_every.map(Value::from)),
        ("save_every", args.save_every.map(Value::from)),
        ("target", args.target.map(Value::from)),
        ("patience", args.patience.map(Value::from)),
    ];
    options.extend(numbers.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
    options.extend(subject_options::typed(matches, algorithm.subject())?);
    Ok(options)
}
