//! `lab list`: what there is.
use crate::checks;
use crate::registry::{ALGORITHMS, DATA, ENVS, Options, PRESETS, Resolve};
use crate::reproduce::TARGETS;
use anyhow::Result;
use serde_json::Value;
use std::io::Write;

/// List what there is, a line each
#[derive(clap::Args)]
pub(super) struct Args {
    /// What to list
    what: What,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum What {
    /// Environments, with their options and defaults
    Envs,
    /// Algorithms
    Algorithms,
    /// Presets
    Presets,
    /// Data sets, with their options and defaults
    Data,
    /// Checks of the answer key
    Checks,
    /// Experiments that `lab reproduce` runs
    Reproductions,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Result<()> {
    match args.what {
        What::Envs => {
            for entry in ENVS {
                named(out, entry.name, entry.about)?;
                options(entry.options, out)?;
            }
        }
        What::Algorithms => {
            for entry in ALGORITHMS {
                named(out, entry.name, entry.about)?;
            }
        }
        What::Data => {
            for entry in DATA {
                named(out, entry.name, entry.about)?;
                options(entry.options, out)?;
            }
        }
        What::Checks => {
            for check in checks::all() {
                named(out, check.name, check.about)?;
            }
        }
        What::Reproductions => {
            for target in TARGETS {
                named(out, target.name, target.about)?;
            }
        }
        What::Presets => {
            for preset in PRESETS {
                named(out, preset.name, preset.about())?;
            }
        }
    }
    Ok(())
}

/// A name in a column as wide as the longest, and its meaning.
fn named(out: &mut dyn Write, name: &str, about: &str) -> Result<()> {
    Ok(writeln!(out, "{name:24}{about}")?)
}

/// Each option as a flag with its default.
fn options(of: Resolve, out: &mut dyn Write) -> Result<()> {
    for (key, default) in of(&Options::new())? {
        let default = if default.is_null() { Value::from("…") } else { default };
        let default = default.as_str().map_or(default.to_string(), str::to_owned);
        named(out, "", &format!("  --{} {default}", key.replace('_', "-")))?;
    }
    Ok(())
}
