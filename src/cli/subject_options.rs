//! What is learned from as flags: `--env` or `--data`, and the options of each: `--layout aima` is
//! `--env-arg layout=aima`.
use crate::registry::{BadOption, Options, Subject, TIME_LIMIT};
use crate::usage::Usage;
use anyhow::Result;
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// The flag that names the environment or the data set, and the one that sets any option of it.
pub(super) fn named(subject: Subject) -> [Arg; 2] {
    let [name, about, value, option] = match subject {
        Subject::Env => [
            "env-arg",
            "Environment to learn in (`lab list envs`)",
            "NAME",
            "Option of the environment, as in `--env-arg sticky=0` or, the same, `--sticky 0`",
        ],
        Subject::Data => [
            "data-arg",
            "Data to learn from (`lab list data`); with the path of its files, as in mnist:PATH",
            "NAME[:PATH]",
            "Option of the data set, as in `--data-arg side=4` or, the same, `--side 4`",
        ],
    };
    let option = Arg::new(subject.args_key()).long(name).value_name("KEY=VALUE").help(option);
    [
        Arg::new(subject.key()).long(subject.key()).value_name(value).help(about),
        option.action(ArgAction::Append),
    ]
}

/// Adds a flag for each option that some environment, or data set, has. An option of the same name as another
/// flag, such as the seed of a random MDP, is left to `--env-arg`.
pub(super) fn flags(command: Command, subject: Subject) -> Command {
    let taken: Vec<String> =
        command.get_arguments().filter_map(|arg| arg.get_long().map(str::to_owned)).collect();
    let command = command.next_help_heading(format!("Options of {}s", subject.what()));
    all(subject).into_iter().fold(command, |command, (key, of)| {
        let long = key.replace('_', "-");
        if taken.contains(&long) {
            return command;
        }
        let told = |(name, default): &(&str, Value)| match default {
            Value::Null => (*name).to_owned(),
            Value::String(default) => format!("{name} (default {default})"),
            default => format!("{name} (default {default})"),
        };
        let help = of.iter().map(told).collect::<Vec<_>>().join(", ");
        let file = match key.as_str() {
            "map" => "; a file, or what would be in it",
            TIME_LIMIT => "; steps after which an episode is cut off",
            _ => "",
        };
        let arg = Arg::new(id(subject, &key)).long(long).help(format!("Of {help}{file}"));
        let arg = arg.value_name(if key == "map" { "FILE" } else { "X" });
        // A map may begin with an exit that costs.
        let arg = match key.as_str() {
            "map" => arg.allow_hyphen_values(true),
            _ => arg.allow_negative_numbers(true),
        };
        let switch = of.iter().all(|(_, default)| default.is_boolean());
        command.arg(if switch { arg.num_args(0..=1).default_missing_value("true") } else { arg })
    })
}

/// What was typed of it all, by key of the configuration.
pub(super) fn typed(matches: &ArgMatches, subject: Subject) -> Result<Options> {
    let mut options = Options::new();
    for key in all(subject).into_keys() {
        // Where the name was taken, there is no such flag.
        if let Ok(Some(text)) = matches.try_get_one::<String>(&id(subject, &key)) {
            options.insert(key.clone(), value(&key, text)?);
        }
    }
    for arg in matches.get_many::<String>(subject.args_key()).into_iter().flatten() {
        let Some((key, text)) = arg.split_once('=') else {
            let flag = subject.key();
            return Err(Usage(format!("--{flag}-arg {arg}: expected KEY=VALUE")).into());
        };
        options.insert(key.to_owned(), value(key, text)?);
    }
    let mut typed = Options::new();
    if let Some(name) = matches.get_one::<String>(subject.key()) {
        typed.insert(subject.key().to_owned(), Value::from(name.as_str()));
    }
    if !options.is_empty() {
        typed.insert(subject.args_key().to_owned(), Value::Object(options));
    }
    Ok(typed)
}

/// `error` with the flags as they were typed, where it is about options.
pub(super) fn as_typed(
    matches: &ArgMatches,
    subject: Subject,
    error: anyhow::Error,
) -> anyhow::Error {
    let Some(BadOption { options, why }) = error.downcast_ref() else { return error };
    let typed = |key: &String| -> Option<String> {
        if let Ok(Some(text)) = matches.try_get_one::<String>(&id(subject, key)) {
            return Some(format!("--{} {text}", key.replace('_', "-")));
        }
        let mut args = matches.get_many::<String>(subject.args_key()).into_iter().flatten();
        let arg = args.rfind(|arg| arg.split_once('=').is_some_and(|(name, _)| name == key))?;
        Some(format!("--{}-arg {arg}", subject.key()))
    };
    let told: Option<Vec<_>> = options.iter().map(|(key, _)| typed(key)).collect();
    match told {
        Some(told) if !told.is_empty() => Usage(format!("{}: {why}", told.join(" "))).into(),
        _ => error,
    }
}

/// Each option, with those that have it and their defaults.
fn all(subject: Subject) -> BTreeMap<String, Vec<(&'static str, Value)>> {
    let mut all = BTreeMap::<_, Vec<_>>::new();
    for (name, options) in subject.all() {
        for (key, default) in options(&Options::new()).unwrap_or_default() {
            all.entry(key).or_default().push((name, default));
        }
    }
    all
}

fn id(subject: Subject, key: &str) -> String {
    format!("{}.{key}", subject.args_key())
}

/// The text of a map is taken from its file, so that the run does not need the file any more.
fn value(key: &str, text: &str) -> Result<Value> {
    // A map has several lines; a frozen lake's may be one of the two that have names.
    let is_path = !text.contains(char::is_whitespace) && text.contains(['/', '\\', '.']);
    if key == "map" && (is_path || Path::new(text).is_file()) {
        let map = ::train::read_text(Path::new(text));
        let map = map.map_err(|error| Usage(format!("--map {text}: {error:#}")))?;
        return Ok(Value::from(map));
    }
    let text = text.trim_start_matches('\u{feff}');
    Ok(serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)))
}
