//! Options of environments as flags: `--layout aima` is `--env-arg layout=aima`.
use crate::registry::{ENVS, Options};
use crate::usage::Usage;
use anyhow::Result;
use clap::{Arg, ArgMatches, Command};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// Adds a flag for each option that some environment has. An option of the same name as another
/// flag, such as the seed of a random MDP, is left to `--env-arg`.
pub(super) fn flags(command: Command) -> Command {
    let taken: Vec<String> =
        command.get_arguments().filter_map(|arg| arg.get_long().map(str::to_owned)).collect();
    let command = command.next_help_heading("Options of environments");
    all().into_iter().fold(command, |command, (key, of)| {
        let long = key.replace('_', "-");
        if taken.contains(&long) {
            return command;
        }
        let told = |(env, default): &(&str, Value)| match default {
            Value::Null => (*env).to_owned(),
            Value::String(default) => format!("{env} (default {default})"),
            default => format!("{env} (default {default})"),
        };
        let help = of.iter().map(told).collect::<Vec<_>>().join(", ");
        let file = if key == "map" { "; a file, or what would be in it" } else { "" };
        let arg = Arg::new(id(&key)).long(long).help(format!("Of {help}{file}"));
        let arg =
            arg.value_name(if key == "map" { "FILE" } else { "X" }).allow_negative_numbers(true);
        let switch = of.iter().all(|(_, default)| default.is_boolean());
        command.arg(if switch { arg.num_args(0..=1).default_missing_value("true") } else { arg })
    })
}

/// The options that were typed, as flags or with `--env-arg`.
pub(super) fn typed(matches: &ArgMatches, env_args: &[String]) -> Result<Options> {
    let mut options = Options::new();
    for key in all().into_keys() {
        // Where the name was taken, there is no such flag.
        if let Ok(Some(text)) = matches.try_get_one::<String>(&id(&key)) {
            options.insert(key.clone(), value(&key, text)?);
        }
    }
    for arg in env_args {
        let Some((key, text)) = arg.split_once('=') else {
            return Err(Usage(format!("--env-arg {arg}: expected KEY=VALUE")).into());
        };
        options.insert(key.to_owned(), value(key, text)?);
    }
    Ok(options)
}

/// Each option, with the environments that have it and their defaults.
fn all() -> BTreeMap<String, Vec<(&'static str, Value)>> {
    let mut all = BTreeMap::<_, Vec<_>>::new();
    for entry in ENVS {
        for (key, default) in (entry.options)(&Options::new()).unwrap_or_default() {
            all.entry(key).or_default().push((entry.name, default));
        }
    }
    all
}

fn id(key: &str) -> String {
    format!("env_args.{key}")
}

/// The text of a map is taken from its file, so that the run does not need the file any more.
fn value(key: &str, text: &str) -> Result<Value> {
    // A map has several lines; a frozen lake's may be one of the two that have names.
    let is_path = !text.contains(char::is_whitespace) && text.contains(['/', '\\', '.']);
    if key == "map" && (is_path || Path::new(text).is_file()) {
        let map = std::fs::read_to_string(text);
        let map = map.map_err(|error| Usage(format!("--map {text}: cannot read it: {error}")))?;
        return Ok(Value::from(map));
    }
    Ok(serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)))
}
