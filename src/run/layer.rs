//! Layers of a configuration: flags, a file, a preset, and where each value comes from.
use crate::registry::{Algorithm, Options, Preset, Subject};
use crate::usage::Usage;
use anyhow::{Context, Result};
use params::{Field, Parameters as _, canonical, flag, plain};
use serde_json::Value;
use std::collections::BTreeMap;
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
    /// A flag, in the words that were typed.
    Flag(String),
    /// The `run.json` of the run.
    Run,
}

impl Source {
    /// A value of the parameter `key` that comes from here, as its user wrote it.
    pub(crate) fn told(&self, key: &str, value: &Value) -> String {
        let assigned = || format!("{key} = {value}");
        match self {
            Self::Flag(typed) => typed.clone(),
            Self::Default => format!("--{} {} (the default)", flag(key), plain(value)),
            Self::Preset(name) => format!("preset {name}: {}", assigned()),
            Self::File { name, key: Some(alias) } => {
                format!("--config {name}: {alias} = {value}")
            }
            Self::File { name, key: None } => format!("--config {name}: {}", assigned()),
            Self::Run => format!("run.json: {}", assigned()),
        }
    }
}

/// A parameter of another library that counts in another unit: Stable-Baselines3 copies the target network after
/// so many transitions, where lab counts updates.
pub(super) const TARGET_UPDATE_INTERVAL: &str = "target_update_interval";

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
            let told = format!("--{name} {}", shortened(&text));
            let names = fields.iter().chain(&converted).map(|field| field.name);
            if let Some(key) = canonical(&key, names) {
                layer.options.insert(key.to_owned(), Value::from(text));
                layer.sources.insert(key.to_owned(), Source::Flag(told));
            } else if key == subject.key() {
                layer.options.insert(key.clone(), Value::from(text));
                layer.sources.insert(key, Source::Flag(told));
            } else {
                let (key, text) = match key == subject.args_key().trim_end_matches('s') {
                    true => text
                        .split_once('=')
                        .ok_or_else(|| Usage(format!("--{name} {text}: expected KEY=VALUE")))?,
                    false => (key.as_str(), text.as_str()),
                };
                let key = key.replace('-', "_");
                layer.sources.insert(format!("{}.{key}", subject.args_key()), Source::Flag(told));
                args.insert(key.clone(), self::text(&key, text)?);
            }
        }
        if !args.is_empty() {
            layer.options.insert(subject.args_key().to_owned(), Value::Object(args));
        }
        Ok(layer)
    }

    /// A TOML file, or a run's `run.json`.
    pub(super) fn read(path: &Path, algorithm: &Algorithm) -> Result<Self> {
        let name = path.display().to_string();
        let text = train::read_text(path).with_context(|| format!("--config {name}"))?;
        let wrong = |error: &dyn std::fmt::Display| Usage(format!("--config {name}: {error}"));
        let options = if path.extension().is_some_and(|extension| extension == "json") {
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
    pub(super) fn of(options: Options, from: &Source, algorithm: &Algorithm) -> Result<Self> {
        let (fields, kind) = (fields(algorithm), algorithm.subject());
        let converted = converted(&fields);
        let mut layer = Self::default();
        for (key, value) in options {
            let wrong = |why: &str| Usage(format!("{}: {why}", from.told(&key, &value)));
            let names = fields.iter().chain(&converted).map(|field| field.name);
            if let Some(name) = canonical(&key, names) {
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
                let frame = ["algorithm", kind.key(), kind.args_key()];
                let known = fields.iter().map(|field| field.name).chain(frame);
                let unknown = Usage::unknown("key", &key, known);
                return Err(match from {
                    Source::File { name, .. } => Usage(format!("--config {name}: {unknown}")),
                    Source::Preset(name) => Usage(format!("preset {name}: {unknown}")),
                    _ => Usage(format!("run.json: {unknown}")),
                }
                .into());
            }
        }
        Ok(layer)
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
