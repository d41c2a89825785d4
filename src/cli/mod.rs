//! The command line: one file per group of subcommands.
mod check;
mod clean;
mod compare;
mod config;
mod data;
mod doing;
mod eval;
mod export;
mod flags;
mod list;
#[cfg(test)]
mod mutated;
mod play;
mod plot;
mod report;
mod reproduce;
mod resume;
mod runs;
mod sample;
mod shell;
mod study;
mod sweep;
mod train;
mod watch;
mod worker;

use crate::registry::{self, BadOption, Family, Tables, algorithms};
use crate::run::machine::Verbosity;
use crate::usage::Usage;
use ::train::{BadValue, ConfigChanged};
use anyhow::Result;
use clap::{Args as _, Command, FromArgMatches as _};
use std::ffi::OsString;
use std::io::{ErrorKind, Write};

/// Amount and form of output.
#[derive(Debug, Clone, Copy, clap::Args)]
struct Verbose {
    /// Show no progress
    #[arg(long)]
    quiet: bool,
    /// Print the result as one JSON object
    #[arg(long)]
    json: bool,
}

/// Python of a run in an environment of Gymnasium.
#[derive(Debug, Clone, clap::Args)]
struct Interpreter {
    /// Python with gymnasium, for a run in an environment gym:ID [default: the one that the run was started with]
    #[arg(long, value_name = "PATH")]
    python: Option<String>,
}

impl From<Verbose> for Verbosity {
    fn from(Verbose { quiet, json }: Verbose) -> Self {
        Self { quiet, json }
    }
}

/// Runs the program, with entries of a user's own, on arguments of which the first is its name: the exit code.
pub(crate) fn main(own: Tables, arguments: Vec<OsString>) -> u8 {
    if let Err(error) = registry::add(own) {
        let _ = writeln!(std::io::stderr(), "error: {error}");
        return 2;
    }
    let matches = command().get_matches_from(flags::remembered(arguments));
    let mut out = std::io::stdout().lock();
    match run(&matches, &mut out).and_then(|code| Ok(out.flush().map(|()| code)?)) {
        Ok(code) => code,
        // Whoever read our output has seen enough, as in `lab list envs | head -1`.
        Err(error) if is_broken_pipe(&error) => 0,
        Err(error) => {
            // Where even standard error is closed, the exit code has to do.
            let told = match ::train::cuda_out_of_memory(&error) {
                Some(sentence) => sentence,
                None => format!("{error:#}"),
            };
            let _ = writeln!(std::io::stderr(), "error: {told}");
            if is_usage(&error) { 2 } else { 1 }
        }
    }
}

/// Every subcommand; each algorithm of the registry is one.
fn command() -> Command {
    let root = Command::new("lab")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Reinforcement learning and generative models, one training loop for all")
        .long_about(
            "Reinforcement learning and generative models, one training loop for all.\n\n\
             Start with `lab dqn --env breakout`; `lab list algorithms` and `lab list envs` tell \
             what there is.",
        )
        .subcommand_required(true)
        .arg_required_else_help(true)
        .max_term_width(100);
    let training = algorithms().iter().map(train::command);
    let others = [
        resume::Args::augment_args(Command::new("resume")),
        eval::Args::augment_args(Command::new("eval")),
        play::Args::augment_args(Command::new("play")),
        sample::Args::augment_args(Command::new("sample")),
        plot::Args::augment_args(Command::new("plot")),
        report::Args::augment_args(Command::new("report")),
        watch::Args::augment_args(Command::new("watch")),
        export::Args::augment_args(Command::new("export")),
        data::Args::augment_args(Command::new("data")),
        list::Args::augment_args(Command::new("list")),
        check::Args::augment_args(Command::new("check")),
        reproduce::Args::augment_args(Command::new("reproduce")),
        runs::Args::augment_args(Command::new("runs")),
        compare::Args::augment_args(Command::new("compare")),
        sweep::Args::augment_args(Command::new("sweep")),
        worker::Args::augment_args(Command::new("worker")),
        clean::Args::augment_args(Command::new("clean")),
        shell::Completions::augment_args(Command::new("completions")),
        shell::Man::augment_args(Command::new("man")),
    ];
    let root = root
        .subcommands(training)
        .subcommand(config::command())
        .subcommands(others.map(with_negative_numbers));
    let groups = groups(&root);
    root.help_template("{about}\n\n{usage-heading} {usage}{after-help}\n\nOptions:\n{options}\n")
        .after_help(groups)
}

/// The subcommands in groups, a line each.
fn groups(root: &Command) -> String {
    let line = |name: &str| {
        let about = root.find_subcommand(name).and_then(Command::get_about);
        let about = about.map(ToString::to_string).unwrap_or_default();
        format!("  {name:20}{}\n", about.trim_start_matches("Train: "))
    };
    let mut text = String::new();
    for family in Family::ALL {
        let of = algorithms().iter().filter(|algorithm| algorithm.family == family);
        let lines: String = of.map(|algorithm| line(algorithm.name)).collect();
        text += &format!("{}:\n{lines}\n", family.heading());
    }
    for (heading, names) in [
        (
            "Runs",
            &[
                "resume", "eval", "play", "sample", "plot", "report", "watch", "export", "runs",
                "clean",
            ][..],
        ),
        ("Studies", &["sweep", "compare", "worker"]),
        ("Checks and experiments", &["check", "reproduce"]),
        ("Tools", &["list", "config", "data", "completions", "man"]),
    ] {
        let lines: String = names.iter().map(|name| line(name)).collect();
        text += &format!("{heading}:\n{lines}\n");
    }
    text
}

/// Has flags take `-1` for a value, which they then refuse by what it is, and not for a flag.
fn with_negative_numbers(command: Command) -> Command {
    let command = command.mut_args(|arg| match arg.get_action().takes_values() {
        true if !arg.is_positional() => arg.allow_negative_numbers(true),
        _ => arg,
    });
    command.mut_subcommands(with_negative_numbers)
}

fn run(matches: &clap::ArgMatches, out: &mut dyn Write) -> Result<u8> {
    let Some((name, matches)) = matches.subcommand() else {
        return Err(Usage("no subcommand; see `lab --help`".to_owned()).into());
    };
    let done = |result: Result<()>| result.map(|()| 0);
    match name {
        "config" => done(config::run(matches, out)),
        "resume" => resume::run(resume::Args::from_arg_matches(matches)?, out),
        "eval" => done(eval::run(&eval::Args::from_arg_matches(matches)?, out)),
        "play" => done(play::run(&play::Args::from_arg_matches(matches)?, out)),
        "sample" => done(sample::run(&sample::Args::from_arg_matches(matches)?, out)),
        "data" => done(data::run(&data::Args::from_arg_matches(matches)?, out)),
        "plot" => done(plot::run(&plot::Args::from_arg_matches(matches)?, out)),
        "watch" => done(watch::run(&watch::Args::from_arg_matches(matches)?, out)),
        "report" => done(report::run(&report::Args::from_arg_matches(matches)?, out)),
        "export" => done(export::run(&export::Args::from_arg_matches(matches)?, out)),
        "list" => done(list::run(&list::Args::from_arg_matches(matches)?, out)),
        "check" => check::run(&check::Args::from_arg_matches(matches)?, out),
        "runs" => done(runs::run(&runs::Args::from_arg_matches(matches)?, out)),
        "compare" => done(compare::run(&compare::Args::from_arg_matches(matches)?, out)),
        "sweep" => sweep::run(&sweep::Args::from_arg_matches(matches)?, out),
        "worker" => worker::run(&worker::Args::from_arg_matches(matches)?, out),
        "clean" => done(clean::run(&clean::Args::from_arg_matches(matches)?, out)),
        "completions" => done(shell::completions(
            &shell::Completions::from_arg_matches(matches)?,
            command(),
            out,
        )),
        "man" => done(shell::man(&shell::Man::from_arg_matches(matches)?, command(), out)),
        "reproduce" => reproduce::run(&reproduce::Args::from_arg_matches(matches)?, out),
        name => {
            let algorithm = registry::algorithm(name)?;
            train::run(algorithm, matches, out)
        }
    }
}

/// A number of episodes or images as people type it, at least 1.
fn positive(text: &str) -> Result<u32, String> {
    let number = params::whole(text).ok().and_then(|number| u32::try_from(number).ok());
    let expected = || format!("a whole number from 1 to {} is expected", u32::MAX);
    number.filter(|number| *number > 0).ok_or_else(expected)
}

fn is_usage(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.is::<Usage>()
            || cause.is::<BadValue>()
            || cause.is::<ConfigChanged>()
            || cause.is::<BadOption>()
    })
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|io| io.kind() == ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent_and_help_names_all_of_it() {
        let command = super::command();
        let groups = super::groups(&command);
        for subcommand in command.get_subcommands() {
            let name = format!("\n  {} ", subcommand.get_name());
            assert!(groups.contains(&name), "{name} is in no group");
        }
        command.debug_assert();
    }
}
