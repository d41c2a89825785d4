//! Layers of a configuration: flags, a file, a preset, and where each value comes from.
use crate::registry::{Algorithm, Options, Preset, Subject};
use crate::usage::Usage;
use anyhow::{Context, Result};
use params::{Field, Parameters as _, canonical, flag, plain};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;
use train::Plan;

/// Source of a value of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// The algorithm, the environment or the data set states it.
    Default,
    /// A preset of this name.
    Preset(String),
    /// A file of this name, in which the parameter may go by an alias.
    File { name: String, key: Option<String> },
    /// The file of a sweep, of this name.
    Sweep(String),
    /// A flag, in the words that were typed.
    Flag(String),
    /// It follows `--steps`.
    Steps,
    /// The `run.json` of the run.
    Run,
}

impl Source {
    /// A value of the parameter `key` that comes from here, as its user wrote it.
    pub(crate) fn described(&self, key: &str, value: &Value) -> String {
        let assigned = || format!("{key} = {value}");
        match self {
            Self::Flag(typed) => typed.clone(),
            Self::Default => format!("--{} {} (the default)", flag(key), plain(value)),
            Self::Steps => format!("--{} {} (by --steps)", flag(key), plain(value)),
            Self::Preset(name) => format!("preset {name}: {}", assigned()),
            Self::File { name, key: Some(alias) } => {
                format!("--config {name}: {alias} = {value}")
            }
            Self::File { name, key: None } => format!("--config {name}: {}", assigned()),
            Self::Sweep(name) => format!("{name}: {}", assigned()),
            Self::Run => format!("run.json: {}", assigned()),
        }
    }
}

/// A parameter of another library that counts in another unit: Stable-Baselines3 copies the target network after
/// so many transitions, where lab counts updates.
pub(super) const TARGET_UPDATE_INTERVAL: &str = "target_update_interval";

/// Layers shared by policy and critic were once a value of `network`, which older runs still hold.
const SHARING: &str = "sharing";

fn shares(fields: &[Field], key: &str, value: &Value) -> bool {
    let known = fields.iter().any(|field| field.name == SHARING);
    known && key == "network" && (value == "shared" || value == "separate")
}

/// Options, each with the place it comes from. Options of an environment or a data set go by `env_args.NAME`.
#[derive(Debug, Default)]
pub(crate) struct Layer {
    pub(super) options: Options,
    pub(super) sources: BTreeMap<String, Source>,
}

/// One option as it was typed: the flag without its dashes, and its value.
pub(crate) type Typed = (String, String);

/// Seed, plan and hyper-parameters of an algorithm.
pub(crate) fn fields(algorithm: &Algorithm) -> Vec<Field> {
    let seed = Field::of("seed", &["Seed of everything random"], &1_u64, String::new());
    let plan = serde_json::to_value(&algorithm.plan).unwrap_or_default();
    let units = algorithm.unit[..1].to_uppercase() + &algorithm.unit[1..];
    let plan = Plan::fields().into_iter().map(|field| {
        let default = plan.get(field.name).cloned().unwrap_or_default();
        let about = match field.about.strip_prefix("Units") {
            Some(rest) => format!("{units}{rest}"),
            None => field.about.clone(),
        };
        let about = match field.name {
            "log_every" => format!("{about}; at most a twentieth of --steps unless given"),
            "eval_every" => format!("{about}; at most a quarter of --steps unless given"),
            _ => about,
        };
        field.with_default(default).with_about(about)
    });
    std::iter::once(seed).chain(plan).chain((algorithm.hyper)()).collect()
}

impl Layer {
    /// Flags. Of each option the last value counts.
    pub(crate) fn typed(
        algorithm: &Algorithm,
        typed: impl IntoIterator<Item = Typed>,
    ) -> Result<Self> {
        let (fields, subject) = (fields(algorithm), algorithm.subject());
        let converted = converted(&fields);
        let (mut layer, mut args) = (Self::default(), Options::new());
        for (name, text) in typed {
            let key = name.replace('-', "_");
            let message = format!("--{name} {}", shortened(&text));
            if let Some(why) = instead(&fields, &key) {
                return Err(Usage(format!("{message}: {why}")).into());
            }
            let names = fields.iter().chain(&converted).map(|field| field.name);
            if let Some(key) = canonical(&key, names) {
                let text = Value::from(text);
                if shares(&fields, key, &text) {
                    let why = format!("{message}: this is now --{SHARING} {}", plain(&text));
                    return Err(Usage(why).into());
                }
                layer.options.insert(key.to_owned(), text);
                layer.sources.insert(key.to_owned(), Source::Flag(message));
            } else if key == subject.key() {
                layer.options.insert(key.clone(), Value::from(text));
                layer.sources.insert(key, Source::Flag(message));
            } else {
                let (key, text) = match key == subject.args_key().trim_end_matches('s') {
                    true => text
                        .split_once('=')
                        .ok_or_else(|| Usage(format!("--{name} {text}: expected KEY=VALUE")))?,
                    false => (key.as_str(), text.as_str()),
                };
                let key = key.replace('-', "_");
                layer
                    .sources
                    .insert(format!("{}.{key}", subject.args_key()), Source::Flag(message));
                args.insert(key.clone(), self::text(&key, text)?);
            }
        }
        layer.check_target()?;
        if !args.is_empty() {
            layer.options.insert(subject.args_key().to_owned(), Value::Object(args));
        }
        Ok(layer)
    }

    /// A TOML file, or a run's `run.json`.
    pub(super) fn read(path: &Path, algorithm: &Algorithm) -> Result<Self> {
        let name = path.display().to_string();
        let text = match is_stdin(path) {
            true => read_stdin().with_context(|| format!("--config {name}"))?,
            false => train::read_text(path).with_context(|| format!("--config {name}"))?,
        };
        let wrong = |error: &dyn std::fmt::Display| Usage(format!("--config {name}: {error}"));
        let json = path.extension().is_some_and(|extension| extension == "json");
        let options = if json || is_stdin(path) && text.trim_start().starts_with('{') {
            let run: Options = serde_json::from_str(&text).map_err(|error| wrong(&error))?;
            match run.get("config") {
                Some(Value::Object(config)) => config.clone(),
                _ => run,
            }
        } else {
            let table = text.parse::<toml::Table>().map_err(|error| wrong(&error))?;
            // JSON, which options are kept in, has no such numbers.
            if let Some((key, value)) = not_finite(&table) {
                return Err(wrong(&format!("{key} = {value}: must be a finite number")).into());
            }
            table.try_into().map_err(|error| wrong(&error))?
        };
        Self::of(options, &Source::File { name, key: None }, algorithm)
    }

    /// A preset.
    pub(super) fn preset(preset: &Preset, algorithm: &Algorithm) -> Result<Self> {
        let options = toml::from_str(preset.text)
            .with_context(|| format!("the preset {} is damaged", preset.name))?;
        Self::of(options, &Source::Preset(preset.name.to_owned()), algorithm)
    }

    /// Options that are all from one place, under their own names.
    ///
    /// # Errors
    /// [`Usage`] if a key is unknown, or a value is not of the form that its key needs.
    pub(crate) fn of(options: Options, from: &Source, algorithm: &Algorithm) -> Result<Self> {
        let (fields, kind) = (fields(algorithm), algorithm.subject());
        let converted = converted(&fields);
        let mut layer = Self::default();
        for (key, value) in options {
            let wrong = |why: &str| Usage(format!("{}: {why}", from.described(&key, &value)));
            if shares(&fields, &key, &value) && *from != Source::Run {
                return Err(wrong(&format!("this is now {SHARING} = {value}")).into());
            }
            let renamed = if shares(&fields, &key, &value) { SHARING } else { &key };
            let names = fields.iter().chain(&converted).map(|field| field.name);
            if let Some(name) = canonical(renamed, names) {
                if let Some(other) = layer.sources.get(name) {
                    let other = match other {
                        Source::File { key: Some(alias), .. } => alias,
                        _ => name,
                    };
                    let why = format!("{other} is the same setting; give one of them");
                    return Err(wrong(&why).into());
                }
                let source = match from {
                    Source::File { name: file, .. } if key != name => {
                        Source::File { name: file.clone(), key: Some(key) }
                    }
                    from => from.clone(),
                };
                layer.sources.insert(name.to_owned(), source);
                layer.options.insert(name.to_owned(), value);
            } else if key == kind.args_key() {
                let Value::Object(args) = &value else {
                    return Err(wrong("a table is expected").into());
                };
                for arg in args.keys() {
                    layer.sources.insert(format!("{key}.{arg}"), from.clone());
                }
                layer.options.insert(key, value);
            } else if key == kind.key() {
                if !value.is_string() {
                    return Err(wrong("a name is expected").into());
                }
                layer.sources.insert(key.clone(), from.clone());
                layer.options.insert(key, value);
            } else if key == "algorithm" {
                if value != algorithm.name {
                    return Err(wrong(&format!("this is {}", algorithm.name)).into());
                }
            } else {
                let unknown = unknown(&key, &fields, algorithm);
                return Err(match from {
                    Source::File { name, .. } => Usage(format!("--config {name}: {unknown}")),
                    Source::Preset(name) => Usage(format!("preset {name}: {unknown}")),
                    Source::Sweep(name) => Usage(format!("{name}: {unknown}")),
                    _ => Usage(format!("run.json: {unknown}")),
                }
                .into());
            }
        }
        layer.check_target()?;
        Ok(layer)
    }

    /// Refuses both intervals between copies into the target network at once.
    fn check_target(&self) -> Result<()> {
        let value = |key: &str| Some((self.sources.get(key)?, self.options.get(key)?));
        if let (Some((ours, every)), Some((theirs, interval))) =
            (value("target_every"), value(TARGET_UPDATE_INTERVAL))
        {
            let (ours, theirs) = (
                ours.described("target_every", every),
                theirs.described(TARGET_UPDATE_INTERVAL, interval),
            );
            let sentence = format!("{ours} and {theirs} are the same setting; give one of them");
            return Err(Usage(sentence).into());
        }
        Ok(())
    }

    /// Lays another layer over this one.
    pub(crate) fn lay(&mut self, over: Self) {
        self.options.extend(over.options);
        self.sources.extend(over.sources);
    }

    /// Takes a text out of this layer.
    pub(crate) fn take(&mut self, key: &str) -> Option<String> {
        self.sources.remove(key);
        self.options.remove(key)?.as_str().map(str::to_owned)
    }

    /// The name of the environment or the data set in this layer.
    pub(super) fn subject(&self, kind: Subject) -> Option<&str> {
        self.options.get(kind.key())?.as_str()
    }
}

/// Why another library's parameter `key` is none of these, if it is one that people type.
fn instead(fields: &[Field], key: &str) -> Option<&'static str> {
    let names: Vec<_> = fields.iter().map(|field| field.name).collect();
    params::elsewhere(&names).find(|(name, _)| *name == key).map(|(_, why)| why)
}

/// A sentence about a key that no parameter of `algorithm` has, with the one that was meant.
fn unknown(key: &str, fields: &[Field], algorithm: &Algorithm) -> Usage {
    let (subject, plain) = (algorithm.subject(), key.replace('-', "_"));
    let frame = ["algorithm", subject.key(), subject.args_key()];
    let known = || fields.iter().map(|field| field.name).chain(frame);
    if let Some(why) = instead(fields, &plain) {
        return Usage(format!("unknown key `{key}`: {why}"));
    }
    if canonical(&plain, known()).is_some() {
        return Usage(format!("unknown key `{key}`; did you mean `{plain}`?"));
    }
    let is_option = |(_, options): &(&str, crate::registry::Fields)| {
        options().iter().any(|option| option.name == plain)
    };
    let wraps = crate::registry::wrappers(subject).iter().any(|option| option.name == plain);
    if wraps || crate::registry::subjects(subject).iter().any(is_option) {
        let table = subject.args_key();
        let what = subject.what();
        return Usage(format!(
            "`{key}` is an option of the {what}: write `{plain} = …` under [{table}]"
        ));
    }
    Usage::unknown("key", key, known())
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-") || path == Path::new("/dev/stdin")
}

/// Standard input to its end, no longer than a file may be.
fn read_stdin() -> Result<String> {
    let mut text = String::new();
    let input = std::io::stdin().lock();
    input.take(train::LONGEST_TEXT + 1).read_to_string(&mut text).context("standard input")?;
    anyhow::ensure!(text.len() as u64 <= train::LONGEST_TEXT, "standard input is too long");
    Ok(text.trim_start_matches('\u{feff}').to_owned())
}

/// Parameters that stand for one of `fields` in another unit.
pub(crate) fn converted(fields: &[Field]) -> Option<Field> {
    let about =
        "In place of --target-every: transitions between copies of Q into the target network";
    let interval = || Field::of(TARGET_UPDATE_INTERVAL, &[about], &None::<u64>, String::new());
    fields.iter().any(|field| field.name == "target_every").then(interval)
}

/// The text of a map is taken from its file, so that the run does not need the file any more.
fn text(key: &str, text: &str) -> Result<Value> {
    // A map has several lines; a frozen lake's may be one of the two that have names.
    let is_path = !text.contains(char::is_whitespace) && text.contains(['/', '\\', '.']);
    if key == "map" && (is_path || Path::new(text).is_file()) {
        let map = train::read_text(Path::new(text));
        let map = map.map_err(|error| Usage(format!("--map {text}: {error:#}")))?;
        return Ok(Value::from(map));
    }
    Ok(Value::from(text.trim_start_matches('\u{feff}')))
}

/// The first line of a text, as far as a sentence has room for it.
fn shortened(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    match line.chars().count() > 80 || line.len() < text.trim_end().len() {
        true => line.chars().take(60).chain("…".chars()).collect(),
        false => line.to_owned(),
    }
}

/// The first number of a table that is none, or has no end, and its key.
fn not_finite(table: &toml::Table) -> Option<(String, &toml::Value)> {
    table.iter().find_map(|(key, value)| match value {
        toml::Value::Float(number) if !number.is_finite() => Some((key.clone(), value)),
        toml::Value::Table(inner) => {
            not_finite(inner).map(|(inner, value)| (format!("{key}.{inner}"), value))
        }
        _ => None,
    })
}
