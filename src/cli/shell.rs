//! `lab completions` and `lab man`: the command line told to a shell and to `man`.
use crate::usage::Usage;
use anyhow::Result;
use clap::Command;
use clap_complete::Shell;
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
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut command, "lab", &mut text);
    Ok(out.write_all(&text)?)
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
