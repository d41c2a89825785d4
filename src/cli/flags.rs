//! Parameters as flags: hyper-parameters, seed and plan of an algorithm, options of environments and data sets.
use crate::registry::{Algorithm, Subject, subjects};
use crate::run::layer::{Layer, Typed, converted, fields};
use crate::usage::Usage;
use anyhow::Result;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use params::{Field, Kind, aliases, flag, former, plain};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::sync::{Mutex, PoisonError};

/// The arguments of the program, for errors that name a flag as it was typed.
static ARGUMENTS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Keeps the arguments that are about to be read.
pub(super) fn remembered(arguments: Vec<OsString>) -> Vec<OsString> {
    let texts = arguments.iter().map(|argument| argument.to_string_lossy().into_owned());
    *ARGUMENTS.lock().unwrap_or_else(PoisonError::into_inner) = texts.collect();
    arguments
}

/// The arguments that are being read.
fn arguments() -> Vec<String> {
    ARGUMENTS.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// The flag that names the environment or the data set, and the one that sets any option of it.
pub(super) fn named(subject: Subject) -> [Arg; 2] {
    let [name, id, about, value, option] = match subject {
        Subject::Env => [
            "env-arg",
            // CleanRL's.
            "env-id",
            "Environment to learn in (`lab list envs`)",
            "NAME",
            "Option of the environment, as in `--env-arg sticky=0` or, the same, `--sticky 0`",
        ],
        Subject::Data => [
            "data-arg",
            "dataset",
            "Data to learn from (`lab list data`); with the path of its files, as in mnist:PATH",
            "NAME[:PATH]",
            "Option of the data set, as in `--data-arg side=4` or, the same, `--side 4`",
        ],
    };
    let option = Arg::new(subject.args_key()).long(name).value_name("KEY=VALUE").help(option);
    [
        Arg::new(subject.key()).long(subject.key()).alias(id).value_name(value).help(about),
        option.action(ArgAction::Append),
    ]
}

/// The flags of seed and plan.
pub(super) fn of_plan(algorithm: &Algorithm) -> Vec<Arg> {
    let own = (algorithm.hyper)();
    let plan = fields(algorithm);
    let plan = plan.iter().take(plan.len() - own.len());
    plan.map(arg).collect()
}

/// A flag for each hyper-parameter.
pub(super) fn of_hyper(algorithm: &Algorithm) -> Vec<Arg> {
    let own = (algorithm.hyper)();
    let names: Vec<_> = own.iter().map(|field| field.name).collect();
    let elsewhere = params::elsewhere(&names).map(|(name, _)| {
        Arg::new(name).long(flag(name)).hide(true).num_args(0..=1).default_missing_value("true")
    });
    own.iter().chain(&converted(&own)).map(arg).chain(elsewhere).collect()
}

fn arg(field: &Field) -> Arg {
    let mut others = aliases(field.name).iter().map(|alias| flag(alias));
    let default = match &field.default {
        Value::Null => String::new(),
        default => format!(" [default: {}]", plain(default)),
    };
    let range = match field.range.as_str() {
        "" => String::new(),
        range => format!(" [range: {range}]"),
    };
    let with = match &field.requirement {
        None => String::new(),
        Some(requirement) => format!(" [with: {}]", requirement.shown()),
    };
    let arg = Arg::new(field.name)
        .long(field.flag())
        .help(format!("{}{default}{range}{with}", field.about))
        .visible_aliases(others.next())
        .aliases(others.chain(former(field.name).map(flag)))
        .allow_negative_numbers(true)
        .action(ArgAction::Append)
        .value_name(value_name(&field.kind));
    match field.kind {
        Kind::Switch => arg.num_args(0..=1).default_missing_value("true"),
        _ => arg,
    }
}

fn value_name(kind: &Kind) -> &'static str {
    match kind {
        Kind::Whole(_) => "N",
        Kind::Number => "X",
        Kind::Switch => "BOOL",
        Kind::Choice(_) => "NAME",
        Kind::Text => "VALUE",
    }
}

/// Adds a flag for each option that some environment, or data set, has. An option of the same name as another
/// flag, such as the seed of a random MDP, is left to `--env-arg`.
pub(super) fn of_subjects(command: Command, subject: Subject) -> Command {
    let names = |arg: &Arg| {
        let aliases = arg.get_all_aliases().unwrap_or_default().into_iter();
        arg.get_long().into_iter().chain(aliases).map(str::to_owned).collect::<Vec<_>>()
    };
    let taken: Vec<String> = command.get_arguments().flat_map(names).collect();
    let command = command.next_help_heading(format!("Options of {}s", subject.what()));
    subject_fields(subject).into_iter().fold(command, |command, (key, of)| {
        let long = flag(&key);
        if taken.contains(&long) {
            return command;
        }
        let (_, first) = &of[0];
        let arg = Arg::new(id(subject, &key)).long(long).help(about(&of));
        let arg = arg.value_name(value_name(&first.kind));
        // A map may begin with an exit that costs.
        let arg = match key.as_str() {
            "map" => arg.allow_hyphen_values(true),
            _ => arg.allow_negative_numbers(true),
        };
        let switch = of.iter().all(|(_, field)| field.kind == Kind::Switch);
        command.arg(if switch { arg.num_args(0..=1).default_missing_value("true") } else { arg })
    })
}

/// Each meaning of an option, with those that it has it for and their defaults.
fn about(of: &[(&str, Field)]) -> String {
    let mut meanings: Vec<(&str, Vec<String>)> = Vec::new();
    for (name, field) in of {
        let described = match &field.default {
            Value::Null => (*name).to_owned(),
            default => format!("{name} [default: {}]", plain(default)),
        };
        let described = match field.range.as_str() {
            "" => described,
            range => format!("{described} [range: {range}]"),
        };
        match meanings.iter_mut().find(|(about, _)| *about == field.about) {
            Some((_, names)) => names.push(described),
            None => meanings.push((&field.about, vec![described])),
        }
    }
    let described = meanings.iter().map(|(about, names)| format!("{}: {about}", names.join(", ")));
    described.collect::<Vec<_>>().join("; ")
}

/// The flags that were typed, as a layer of a configuration.
pub(super) fn typed(algorithm: &Algorithm, matches: &ArgMatches) -> Result<Layer> {
    let subject = algorithm.subject();
    let mut typed: Vec<Typed> = Vec::new();
    let one = |id: &str| -> Option<String> {
        // An option whose name another flag has is no flag.
        let from = matches.try_contains_id(id).ok().filter(|there| *there);
        from.and_then(|_| matches.value_source(id))
            .filter(|source| *source == ValueSource::CommandLine)
            .and_then(|_| matches.get_one::<String>(id).cloned())
    };
    let fields = fields(algorithm);
    let names: Vec<_> = fields.iter().map(|field| field.name).collect();
    for (name, _) in params::elsewhere(&names) {
        if let Some(text) = one(name) {
            typed.push((flag(name), text));
        }
    }
    for field in fields.iter().chain(&converted(&fields)) {
        if matches.get_many::<String>(field.name).is_some_and(|values| values.len() > 1) {
            return Err(twice(field.name).into());
        }
        if let Some(text) = one(field.name) {
            typed.push((as_typed(field.name), text));
        }
    }
    if let Some(text) = one(subject.key()) {
        typed.push((subject.key().to_owned(), text));
    }
    for key in subject_fields(subject).into_keys() {
        if let Some(text) = one(&id(subject, &key)) {
            typed.push((flag(&key), text));
        }
    }
    let args = matches.get_many::<String>(subject.args_key()).into_iter().flatten();
    typed.extend(args.map(|arg| (format!("{}-arg", subject.key()), arg.clone())));
    Layer::typed(algorithm, typed)
}

/// The name by which the parameter `name` was typed.
fn as_typed(name: &str) -> String {
    let typed = |alias: &&&str| {
        let long = format!("--{}", flag(alias));
        arguments().iter().any(|arg| arg.split('=').next() == Some(long.as_str()))
    };
    flag(aliases(name).iter().find(typed).unwrap_or(&name))
}

/// A sentence about a parameter that was typed more than once.
fn twice(name: &str) -> Usage {
    let all = aliases(name).iter().chain([&name]).map(|name| format!("--{}", flag(name)));
    let all: Vec<_> = all.collect();
    let mut typed: Vec<String> = Vec::new();
    for arg in arguments() {
        let long = arg.split('=').next().unwrap_or_default();
        if all.iter().any(|flag| flag == long) && typed.iter().all(|flag| flag != long) {
            typed.push(long.to_owned());
        }
    }
    Usage(match typed.as_slice() {
        [_, _, ..] => format!("{} are the same setting; give one of them", typed.join(" and ")),
        _ => format!("--{} is given more than once; give it once", flag(name)),
    })
}

/// Each option, with the environments or data sets that have it.
fn subject_fields(subject: Subject) -> BTreeMap<String, Vec<(&'static str, Field)>> {
    let mut all = BTreeMap::<_, Vec<_>>::new();
    for (name, fields) in subjects(subject) {
        for field in fields() {
            all.entry(field.name.to_owned()).or_default().push((name, field));
        }
    }
    for field in crate::registry::wrappers(subject) {
        all.entry(field.name.to_owned())
            .or_default()
            .push(("any other with sampled outcomes", field));
    }
    all
}

fn id(subject: Subject, key: &str) -> String {
    format!("{}.{key}", subject.args_key())
}
