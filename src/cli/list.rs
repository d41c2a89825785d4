//! `lab list`: what there is.
use crate::registry::{ALGORITHMS, ENVS, Options, PRESETS};
use anyhow::Result;
use std::io::Write;

/// List what there is, a line each
#[derive(clap::Args)]
pub(super) struct Args {
    /// What to list
    what: What,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum What {
    /// Environments, with the options that `--env-arg` takes
    Envs,
    /// Algorithms
    Algorithms,
    /// Presets
    Presets,
    /// Data sets: none yet
    Data,
    /// Checks: none yet
    Checks,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Result<()> {
    match args.what {
        What::Envs => {
            for entry in ENVS {
                writeln!(out, "{:16}{}", entry.name, entry.about)?;
                for (key, default) in (entry.options)(&Options::new())? {
                    writeln!(out, "{:16}  --env-arg {key}={default}", "")?;
                }
            }
        }
        What::Algorithms => {
            for entry in ALGORITHMS {
                writeln!(out, "{:16}{}", entry.name, entry.about)?;
            }
        }
        What::Data | What::Checks => {}
        What::Presets => {
            for preset in PRESETS {
                writeln!(out, "{:16}{}", preset.name, preset.about())?;
            }
        }
    }
    Ok(())
}
