//! `lab config`: what a training command would run.
use super::train;
use crate::registry::{self, Algorithm, algorithms};
use crate::run::config::Config;
use crate::run::layer::{Source, fields};
use crate::run::{build, data};
use crate::usage::Usage;
use anyhow::{Context, Result};
use candle_core::Device;
use clap::{ArgMatches, Command};
use params::Field;
use serde_json::Value;
use std::io::Write;

/// The subcommand, which takes what every training command takes.
pub(super) fn command() -> Command {
    Command::new("config")
        .about("Print the configuration of a training command as TOML")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand_value_name("ALGORITHM")
        .subcommands(algorithms().iter().map(train::command))
}

pub(super) fn run(matches: &ArgMatches, out: &mut dyn Write) -> Result<()> {
    let (name, matches) = matches.subcommand().context("no algorithm")?;
    let algorithm = registry::algorithm(name)?;
    let config = train::config(algorithm, matches)?;
    // What training would refuse is refused here; files of data may be missing still.
    if data::needs_no_files(&config)? {
        let load = || Ok(data::first(&config)?.dataset);
        build::trainee(algorithm, &config, &Device::Cpu, load)
            .map_err(|error| config.explained(error))?;
    }
    write!(out, "{}", toml(algorithm, &config)?)?;
    Ok(())
}

/// The configuration as TOML; each value with where it comes from and its meaning.
fn toml(algorithm: &Algorithm, config: &Config) -> Result<String> {
    let subject = algorithm.subject();
    let (key, args_key) = (subject.key(), subject.args_key());
    let mut text = format!("# lab {} --config FILE\n", algorithm.name);
    config.notes.iter().for_each(|note| text += &format!("# {note}\n"));
    let named = config.all.get(key).unwrap_or(&Value::Null);
    text += &line(key, named, config.source(key), "")?;
    for Field { name, about, .. } in fields(algorithm) {
        let value = config.all.get(name).unwrap_or(&Value::Null);
        text += &line(name, value, config.source(name), &about)?;
    }
    let args = config.args(subject);
    if !args.is_empty() {
        text += &format!("\n[{args_key}]\n");
    }
    for (name, value) in &args {
        text += &line(name, value, config.source(&format!("{args_key}.{name}")), "")?;
    }
    Ok(text)
}

fn line(key: &str, value: &Value, source: &Source, about: &str) -> Result<String> {
    let source = match source {
        Source::Default => "default".to_owned(),
        Source::Steps => "by --steps".to_owned(),
        Source::Preset(name) => format!("preset {name}"),
        Source::File { name, .. } => format!("--config {name}"),
        Source::Flag(typed) | Source::Sweep(typed) => typed.clone(),
        Source::Run => "run.json".to_owned(),
    };
    // TOML has no null.
    let assigned = match value {
        Value::Null if ["map", "python"].contains(&key) => format!("# {key} ="),
        Value::Null => format!("{key} = \"none\""),
        value => {
            let value = toml::Value::try_from(value).map_err(|_| {
                let most = i64::MAX;
                Usage(format!("{key} = {value}: TOML holds whole numbers up to {most}"))
            })?;
            format!("{key} = {value}")
        }
    };
    let about = if about.is_empty() { String::new() } else { format!("; {about}") };
    Ok(format!("{assigned:28} # {source}{about}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::line::configured;

    #[test]
    fn a_configuration_says_where_each_value_comes_from_and_can_be_given_back() {
        let (algorithm, config) =
            configured("dqn --env breakout --learning-rate 3e-4 --steps 10k --sticky 0").unwrap();
        let text = toml(algorithm, &config).unwrap();
        let says =
            |line: &str| assert!(text.lines().any(|written| written.contains(line)), "{text}");
        says("lr = 0.0003                  # --learning-rate 3e-4; Initial learning rate");
        says("steps = 10000                # --steps 10k; Transitions to train for");
        says("# preset dqn-breakout; ");
        says("target = \"none\"");
        says("sticky = 0.0");
        let file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
        std::fs::write(file.path(), &text).unwrap();
        let again = format!("dqn --config {}", file.path().display());
        assert_eq!(configured(&again).unwrap().1.all, config.all);
    }
}
