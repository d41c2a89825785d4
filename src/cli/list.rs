//! `lab list`: algorithms, environments, data sets, presets, checks and reproductions.
use crate::checks;
use crate::registry::{
    self, ABOUT_GYM, Algorithm, GYM, PRESETS, Subject, algorithms, data_sets, envs, find,
};
use crate::reproduce::TARGETS;
use crate::run::layer::fields;
use crate::usage::Usage;
use anyhow::Result;
use envs::GymOptions;
use params::{Field, Parameters as _, plain};
use serde_json::Value;
use std::io::Write;

/// List algorithms, environments, data sets, presets or checks
#[derive(clap::Args)]
pub(super) struct Args {
    /// Kind to list
    what: What,
    /// One of them, to be shown in full: a preset's file, the options of an environment or a data set, the
    /// hyper-parameters of an algorithm
    name: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum What {
    /// Environments, with their options and defaults
    Envs,
    /// Algorithms
    Algorithms,
    /// Presets
    Presets,
    /// Data sets, with their options and defaults
    Data,
    /// Checks against published exercises
    Checks,
    /// Experiments that `lab reproduce` runs
    Reproductions,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Result<()> {
    let name = args.name.as_deref();
    match (args.what, name) {
        (What::Presets, Some(name)) => {
            let preset = find("preset", name, PRESETS, |preset| preset.name)?;
            write!(out, "{}", preset.text)?;
        }
        (What::Envs, Some(name)) if name.split(':').next() == Some(GYM) => {
            named(out, &format!("{GYM}:ID"), ABOUT_GYM)?;
            explained(&GymOptions::fields(), Subject::Env, out)?;
        }
        (What::Envs, Some(name)) => {
            let entry = registry::env(name)?;
            named(out, entry.name, entry.about)?;
            let own = registry::options_of_id(name);
            let options = (entry.options)().into_iter().chain(entry.wrappers());
            let options =
                options.map(|field| match own.iter().find(|(option, _)| *option == field.name) {
                    Some((_, value)) => field.with_default(value.clone()),
                    None => field,
                });
            explained(&options.collect::<Vec<_>>(), Subject::Env, out)?;
        }
        (What::Data, Some(name)) => {
            let entry = registry::data_set(name)?;
            named(out, entry.name, entry.about)?;
            explained(&(entry.options)(), Subject::Data, out)?;
        }
        (What::Algorithms, Some(name)) => algorithm(registry::algorithm(name)?, out)?,
        (What::Checks, Some(name)) => {
            let sentence = format!("list checks {name}: see `lab check {name}`");
            return Err(Usage(sentence).into());
        }
        (What::Reproductions, Some(name)) => {
            let target = find("reproduction", name, TARGETS, |target| target.name)?;
            named(out, target.name, target.about)?;
            for experiment in target.experiments {
                writeln!(out, "  {}: {}", experiment.name, experiment.about)?;
            }
        }
        (what, None) => all(what, out)?,
    }
    Ok(())
}

/// An algorithm with its plan, its hyper-parameters and its presets.
fn algorithm(entry: &Algorithm, out: &mut dyn Write) -> Result<()> {
    named(out, entry.name, entry.about)?;
    if !entry.aliases.is_empty() {
        writeln!(out, "  also {}", entry.aliases.join(", "))?;
    }
    let (name, key, unit) = (entry.name, entry.subject().key(), entry.unit);
    writeln!(out, "  lab {name} --{key} NAME; steps count {unit}")?;
    for field in fields(entry) {
        let told = format!("--{} {}", field.flag(), default_of(&field));
        writeln!(out, "  {told:28}  {}", field.about)?;
    }
    let own = format!("{}-", entry.name);
    let presets = PRESETS.iter().map(|preset| preset.name).filter(|name| name.starts_with(&own));
    let presets: Vec<_> = presets.collect();
    if !presets.is_empty() {
        writeln!(out, "  presets: {}", presets.join(", "))?;
    }
    Ok(())
}

fn all(what: What, out: &mut dyn Write) -> Result<()> {
    match what {
        What::Envs => {
            for entry in envs() {
                named(out, entry.name, entry.about)?;
                options(&(entry.options)(), Subject::Env, out)?;
            }
            named(out, &format!("{GYM}:ID"), ABOUT_GYM)?;
            options(&GymOptions::fields(), Subject::Env, out)?;
        }
        What::Algorithms => {
            for entry in algorithms() {
                named(out, entry.name, entry.about)?;
            }
        }
        What::Data => {
            for entry in data_sets() {
                named(out, entry.name, entry.about)?;
                options(&(entry.options)(), Subject::Data, out)?;
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
fn options(of: &[Field], kind: Subject, out: &mut dyn Write) -> Result<()> {
    of.iter().try_for_each(|field| named(out, "", &format!("  {}", flag_of(field, kind))))
}

/// Each option as a flag with its default and its meaning.
fn explained(of: &[Field], kind: Subject, out: &mut dyn Write) -> Result<()> {
    of.iter()
        .try_for_each(|field| Ok(writeln!(out, "  {:28}  {}", flag_of(field, kind), field.about)?))
}

fn default_of(field: &Field) -> String {
    match &field.default {
        Value::Null => "…".to_owned(),
        default => plain(default),
    }
}

fn flag_of(field: &Field, kind: Subject) -> String {
    let default = default_of(field);
    match field.name {
        // The flag of this name is the seed of the run.
        "seed" => format!("--{}-arg seed={default}", kind.key()),
        _ => format!("--{} {default}", field.flag()),
    }
}
