//! `lab completions` and `lab man`: the command line told to a shell and to `man`.
use crate::registry::{Algorithm, PRESETS, algorithms, subjects};
use crate::usage::Usage;
use anyhow::Result;
use clap::builder::PossibleValuesParser;
use clap::{Arg, Command, ValueHint};
use clap_complete::Shell;
use params::Kind;
use std::io::Write;

/// Print completions for a shell
///
/// As in `source <(lab completions bash)`.
#[derive(clap::Args)]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

/// Print the manual page of lab or of a subcommand
///
/// As in `lab man dqn | man -l -`.
#[derive(clap::Args)]
pub(super) struct Man {
    /// The subcommand [default: lab itself]
    subcommand: Option<String>,
}

pub(super) fn completions(
    args: &Completions,
    mut command: Command,
    out: &mut dyn Write,
) -> Result<()> {
    command = algorithms().iter().fold(command, |command, algorithm| {
        let offered = |subcommand| with_values(subcommand, algorithm);
        command
            .mut_subcommand(algorithm.name, offered)
            .mut_subcommand("config", |config| config.mut_subcommand(algorithm.name, offered))
    });
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut command, "lab", &mut text);
    Ok(out.write_all(&text)?)
}

/// The subcommand of an algorithm with the names that a shell offers after its flags. Training takes others, such as
/// Gymnasium's ids, so that these stand in completions alone.
fn with_values(command: Command, algorithm: &Algorithm) -> Command {
    let subject = algorithm.subject();
    let subjects = subjects(subject).into_iter().map(|(name, _)| name);
    let own = format!("{}-", algorithm.name);
    let presets = PRESETS.iter().map(|preset| preset.name).filter(|name| name.starts_with(&own));
    let files = |arg: Arg| arg.value_hint(ValueHint::FilePath);
    let command = command
        .mut_arg(subject.key(), |arg| arg.value_parser(PossibleValuesParser::new(subjects)))
        .mut_arg("preset", |arg| arg.value_parser(PossibleValuesParser::new(presets)))
        .mut_arg("config", files)
        .mut_arg("out", |arg| arg.value_hint(ValueHint::DirPath));
    (algorithm.hyper)().into_iter().fold(command, |command, field| match field.kind {
        Kind::Choice(names) => {
            command.mut_arg(field.name, |arg| arg.value_parser(PossibleValuesParser::new(names)))
        }
        Kind::Switch => command.mut_arg(field.name, |arg| {
            arg.value_parser(PossibleValuesParser::new(["true", "false"]))
        }),
        _ => command,
    })
}

pub(super) fn man(args: &Man, command: Command, out: &mut dyn Write) -> Result<()> {
    let page = match &args.subcommand {
        None => command,
        Some(name) => {
            let names = command.get_subcommands().map(Command::get_name);
            let unknown = Usage::unknown("subcommand", name, names);
            let found = command.find_subcommand(name).ok_or(unknown)?;
            // The page's title; it lives as long as the program.
            let title: &'static str = format!("lab-{}", found.get_name()).leak();
            found.clone().bin_name(format!("lab {}", found.get_name())).name(title)
        }
    };
    let mut text = Vec::new();
    clap_mangen::Man::new(page).render(&mut text)?;
    Ok(out.write_all(&text)?)
}
