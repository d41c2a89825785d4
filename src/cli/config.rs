//! From what was typed to what it means: flag > config file > preset > default.
use crate::registry::{
    ALGORITHMS, Algorithm, BadOption, DataName, ENVS, Options, PRESETS, Preset, Subject, find,
    plain,
};
use crate::usage::Usage;
use ::train::Plan;
use anyhow::{Context, Result};
use serde_json::Value;
use std::path::Path;

/// A resolved configuration: what a run is made from, and all that `run.json` says of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Config {
    /// `env` and `env_args`, or `data` and `data_args`; `seed`, the plan and every hyper-parameter.
    pub(super) all: Options,
}

/// Keys that are neither plan nor hyper-parameter.
const FRAME: [&str; 6] = ["algorithm", "env", "env_args", "data", "data_args", "seed"];

impl Config {
    /// Lays `flags` over the file, the preset and the defaults of `algorithm`.
    pub(super) fn resolve(
        algorithm: &Algorithm,
        flags: Options,
        preset: Option<&str>,
        file: Option<&Path>,
    ) -> Result<Self> {
        let file = file.map(Layer::read).transpose()?;
        let named = preset.map(|name| find("preset", name, PRESETS, |p| p.name)).transpose()?;
        let subject = [Some(&flags), file.as_ref().map(|file| &file.options)]
            .into_iter()
            .flatten()
            .find_map(|options| options.get(algorithm.subject().key())?.as_str())
            .map(bare);
        let preset = match (named, subject) {
            (Some(preset), _) => Some(preset),
            (None, Some(subject)) => {
                let name = format!("{}-{subject}", algorithm.name);
                PRESETS.iter().find(|preset| preset.name == name)
            }
            (None, None) => None,
        };
        let mut all = defaults(algorithm)?;
        for layer in [preset.map(Layer::of).transpose()?, file].into_iter().flatten() {
            layer.check(algorithm)?;
            lay(&mut all, layer.options);
        }
        lay(&mut all, flags);
        Self { all }.normalised(algorithm)
    }

    /// Reads back what [`resolve`](Self::resolve) made, as a run directory holds it.
    pub(super) fn saved(all: Options, algorithm: &Algorithm) -> Result<Self> {
        Layer { name: "run.json".to_owned(), options: all.clone() }.check(algorithm)?;
        Self { all }.normalised(algorithm)
    }

    /// The same with `flags` over it.
    pub(super) fn with(&self, flags: Options, algorithm: &Algorithm) -> Result<Self> {
        let mut all = self.all.clone();
        lay(&mut all, flags);
        Self { all }.normalised(algorithm)
    }

    /// Brings every value to the type it has: `1` and `1.0` are the same number.
    fn normalised(mut self, algorithm: &Algorithm) -> Result<Self> {
        let kind = algorithm.subject();
        let (key, args_key) = (kind.key(), kind.args_key());
        let Some(named) = self.all.get(key).and_then(Value::as_str) else {
            let known: Vec<_> = kind.all().into_iter().map(|(name, _)| name).collect();
            let sentence = format!("--{key} is missing: give one of {}", known.join(", "));
            return Err(Usage(sentence).into());
        };
        let (named, options_of) = match kind {
            Subject::Env => {
                let entry = find(kind.what(), named, ENVS, |entry| entry.name)?;
                (named.to_owned(), entry.options)
            }
            Subject::Data => {
                let data = DataName::parse(named)?;
                (data.full()?, data.entry.options)
            }
        };
        let (subject, known) = (bare(&named), options_of(&Options::new())?);
        let given = self.args(kind);
        if let Some(unknown) = given.keys().find(|key| !known.contains_key(*key)) {
            let options = match known.is_empty() {
                true => format!("{subject} has no options"),
                false => Usage::unknown(
                    &format!("option of {subject}"),
                    unknown,
                    known.keys().map(String::as_str),
                )
                .to_string(),
            };
            let unknown = (unknown, given.get(unknown).unwrap_or(&Value::Null));
            return Err(BadOption::of(unknown.0, unknown.1, options).into());
        }
        let args = options_of(&given).map_err(|error| {
            let wrong = |(key, value): &(&String, &Value)| {
                options_of(&Options::from_iter([((*key).clone(), (*value).clone())])).is_err()
            };
            match given.iter().find(wrong) {
                Some((key, value)) => BadOption::of(key, value, plain(&error)).into(),
                None => anyhow::Error::from(Usage(format!("options of {subject}: {error}"))),
            }
        })?;
        self.all.insert(args_key.to_owned(), Value::Object(args));
        self.all.insert(key.to_owned(), Value::from(named));
        self.all.extend(serialised(&self.plan()?)?);
        self.all.extend((algorithm.hyper.options)(&self.options())?);
        Ok(self)
    }

    /// The name of the environment or of the data set.
    pub(super) fn subject(&self) -> &str {
        bare(self.named())
    }

    /// The same with the path of its files, as in `mnist:PATH`.
    pub(super) fn named(&self) -> &str {
        let mut keys = [Subject::Env, Subject::Data].into_iter().map(Subject::key);
        keys.find_map(|key| self.all.get(key)?.as_str()).unwrap_or_default()
    }

    /// The options of the environment or of the data set.
    pub(super) fn args(&self, kind: Subject) -> Options {
        self.all.get(kind.args_key()).and_then(Value::as_object).cloned().unwrap_or_default()
    }

    /// The seed of every stream.
    pub(super) fn seed(&self) -> u64 {
        self.all.get("seed").and_then(Value::as_u64).unwrap_or(1)
    }

    /// How long to train.
    pub(super) fn plan(&self) -> Result<Plan> {
        let plan = self.all.iter().filter(|(key, _)| is_plan(key));
        let plan = plan.map(|(key, value)| (key.clone(), value.clone())).collect();
        Ok(serde_json::from_value(Value::Object(plan))?)
    }

    /// The hyper-parameters.
    pub(super) fn options(&self) -> Options {
        let mut options = self.all.clone();
        options.retain(|key, _| !is_plan(key) && !FRAME.contains(&key.as_str()));
        options
    }

    /// What must not change when a run is resumed: all but the plan.
    pub(super) fn fixed(&self) -> Value {
        let mut fixed = self.all.clone();
        fixed.retain(|key, _| !is_plan(key));
        Value::Object(fixed)
    }
}

/// Lays `over` on `all`; the options of the environment or the data set one by one.
fn lay(all: &mut Options, mut over: Options) {
    for kind in [Subject::Env, Subject::Data] {
        if let (Some(Value::Object(below)), Some(Value::Object(above))) =
            (all.get(kind.args_key()), over.get_mut(kind.args_key()))
        {
            let mut merged = below.clone();
            merged.append(above);
            *above = merged;
        }
    }
    all.extend(over);
}

/// The name without the path of its files.
fn bare(named: &str) -> &str {
    named.split_once(':').map_or(named, |(name, _)| name)
}

/// Options with a name to blame them on.
struct Layer {
    name: String,
    options: Options,
}

impl Layer {
    /// A TOML file, or a run's `run.json`.
    fn read(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let text = ::train::read_text(path).with_context(|| format!("--config {name}"))?;
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
        Ok(Self { name, options })
    }

    fn of(preset: &Preset) -> Result<Self> {
        let options = toml::from_str(preset.text)
            .with_context(|| format!("the preset {} is damaged", preset.name))?;
        Ok(Self { name: format!("preset {}", preset.name), options })
    }

    /// Refuses unknown keys, and values that are not of their key's type.
    fn check(&self, algorithm: &Algorithm) -> Result<()> {
        let (defaults, kind) = (defaults(algorithm)?, algorithm.subject());
        let frame = ["algorithm", kind.key(), kind.args_key(), "seed"];
        for (key, value) in &self.options {
            if !defaults.contains_key(key) && !frame.contains(&key.as_str()) {
                let known = defaults.keys().map(String::as_str).chain(frame);
                let unknown = Usage::unknown("key", key, known);
                return Err(Usage(format!("{}: {unknown}", self.name)).into());
            }
            let wrong = |why: &dyn std::fmt::Display| {
                Usage(format!("{}: {key} = {value}: {}", self.name, plain(why)))
            };
            match key.as_str() {
                "algorithm" if value != algorithm.name => {
                    return Err(wrong(&format!("this is {}", algorithm.name)).into());
                }
                "seed" if !value.is_u64() => {
                    return Err(wrong(&"a whole number is expected").into());
                }
                key if key == kind.key() && !value.is_string() => {
                    return Err(wrong(&"a name is expected").into());
                }
                key if key == kind.args_key() && !value.is_object() => {
                    return Err(wrong(&"a table is expected").into());
                }
                key if is_plan(key) => {
                    let mut plan = serialised(&algorithm.plan)?;
                    plan.insert(key.to_owned(), value.clone());
                    let plan: Result<Plan, _> = serde_json::from_value(Value::Object(plan));
                    plan.map_err(|error| wrong(&error))?;
                }
                key if !FRAME.contains(&key) => {
                    let one = Options::from_iter([(key.to_owned(), value.clone())]);
                    (algorithm.hyper.options)(&one).map_err(|error| wrong(&error))?;
                }
                _ => {}
            }
        }
        Ok(())
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

/// Plan and hyper-parameters of `algorithm` with their defaults, and the seed.
fn defaults(algorithm: &Algorithm) -> Result<Options> {
    let mut all = serialised(&algorithm.plan)?;
    all.extend((algorithm.hyper.options)(&Options::new())?);
    all.insert("seed".to_owned(), Value::from(1));
    all.insert("algorithm".to_owned(), Value::from(algorithm.name));
    Ok(all)
}

fn is_plan(key: &str) -> bool {
    ["steps", "log_every", "eval_every", "save_every", "target", "patience"].contains(&key)
}

fn serialised(plan: &Plan) -> Result<Options> {
    Ok(serde_json::from_value(serde_json::to_value(plan)?)?)
}

/// The algorithm a run was trained by.
pub(super) fn algorithm(name: &str) -> Result<&'static Algorithm> {
    Ok(find("algorithm", name, ALGORITHMS, |algorithm| algorithm.name)?)
}
