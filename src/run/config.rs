//! The configuration of a run: flag > config file > preset > default.
use super::layer::{Layer, Source, TARGET_UPDATE_INTERVAL, fields};
use crate::registry::{
    self, Algorithm, BadOption, DataName, EnvName, Options, PRESETS, Subject, as_part, find,
};
use crate::usage::Usage;
use anyhow::Result;
use params::{BadValue, Field, Parameters as _, plain};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use train::Plan;

/// A resolved configuration: what a run is made from, and all that `run.json` says of it.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// `env` and `env_args`, or `data` and `data_args`; `seed`, the plan and every hyper-parameter.
    pub(crate) all: Options,
    /// Sentences about it for its user.
    pub(crate) notes: Vec<String>,
    sources: BTreeMap<String, Source>,
}

/// Settings in units of the return, which another environment's are not in.
const RETURNS: [&str; 3] = ["target", "v_min", "v_max"];

/// Intervals of the plan, and how many of them a run has at least unless they were given.
const LEAST: [(&str, u64); 2] = [("log_every", 20), ("eval_every", 4)];

/// The option of an environment of Gymnasium that names its Python.
const PYTHON: &str = "python";

/// Keys that are neither plan nor hyper-parameter.
const FRAME: [&str; 6] = ["algorithm", "env", "env_args", "data", "data_args", "seed"];

impl Config {
    /// Lays `flags` over the file, the preset and the defaults of `algorithm`.
    pub(crate) fn resolve(
        algorithm: &Algorithm,
        flags: Layer,
        preset: Option<&str>,
        file: Option<&Path>,
    ) -> Result<Self> {
        let file = file.map(|file| Layer::read(file, algorithm)).transpose()?;
        let named = preset.map(|name| find("preset", name, PRESETS, |p| p.name)).transpose()?;
        let kind = algorithm.subject();
        let subject = flags.subject(kind).or_else(|| file.as_ref()?.subject(kind));
        let subject = subject.map(|name| match kind {
            // An environment may go by Gymnasium's id.
            Subject::Env => {
                EnvName::parse(name).map_or_else(|_| name.to_owned(), |name| name.full())
            }
            Subject::Data => bare(name).to_owned(),
        });
        let preset = named.or_else(|| {
            let name = format!("{}-{}", algorithm.name, as_part(&subject?));
            PRESETS.iter().find(|preset| preset.name == name)
        });
        let preset = preset.map(|preset| Layer::preset(preset, algorithm)).transpose()?;
        let mut config = Self::defaults(algorithm);
        let made_for = preset.as_ref().and_then(|preset| preset.subject(kind)).map(str::to_owned);
        preset.into_iter().for_each(|preset| config.lay(preset));
        for layer in file.into_iter().chain([flags]) {
            config.lay(layer);
        }
        let typed = config.named().to_owned();
        let mut config = config.normalised(algorithm)?;
        config.check_requirements(algorithm)?;
        let is_other = |made_for: &String| {
            *made_for != config.subject() || !registry::options_of_id(&typed).is_empty()
        };
        if let Some(made_for) = made_for.filter(is_other) {
            config.leave_returns(algorithm, &made_for);
        }
        config.shorten_intervals();
        Ok(config)
    }

    /// Leaves out the target of a preset that is made for `made_for`, and tells of what else is a return there.
    fn leave_returns(&mut self, algorithm: &Algorithm, made_for: &str) {
        let of_preset = |key: &str| matches!(self.source(key), Source::Preset(_));
        let fields = fields(algorithm);
        let counts = |key: &str| {
            let field = fields.iter().find(|field| field.name == key);
            let requirement = field.and_then(|field| field.requirement.as_ref());
            requirement.is_none_or(|requirement| requirement.is_met(&self.all))
        };
        let found = RETURNS.into_iter().filter(|key| of_preset(key) && counts(key));
        let (mut left, mut kept) = (None, Vec::new());
        for key in found {
            let assigned = format!("{key} = {}", self.all.get(key).unwrap_or(&Value::Null));
            match key {
                "target" => left = Some(assigned),
                _ => kept.push(assigned),
            }
        }
        let left = left.map(|target| format!("its {target} is left out"));
        let kept = (!kept.is_empty()).then(|| format!("{} are returns there", kept.join(" and ")));
        let all: Vec<_> = left.iter().chain(&kept).map(String::as_str).collect();
        if !all.is_empty() {
            self.notes.push(format!("the preset is made for {made_for}: {}", all.join("; ")));
        }
        if left.is_some() {
            self.all.insert("target".to_owned(), Value::Null);
            self.sources.remove("target");
        }
    }

    /// Refuses a value that changes nothing, since the parameter beside which alone it counts has another value: a
    /// flag, or one of a file that does not state that parameter.
    fn check_requirements(&self, algorithm: &Algorithm) -> Result<(), Usage> {
        let kind = algorithm.subject();
        let prefix = format!("{}.", kind.args_key());
        let options = match kind {
            Subject::Env => EnvName::parse(self.named())?.options(),
            Subject::Data => (DataName::parse(self.named())?.entry.options)(),
        };
        self.check_table(&fields(algorithm), "", &self.all)?;
        self.check_table(&options, &prefix, &self.args(kind))
    }

    /// [`check_requirements`](Self::check_requirements) of `fields`, whose keys begin with `prefix`.
    fn check_table(&self, fields: &[Field], prefix: &str, all: &Options) -> Result<(), Usage> {
        for field in fields {
            let Some(requirement) = field.requirement.as_ref().filter(|it| !it.is_met(all)) else {
                continue;
            };
            let (key, other) = (field.name, requirement.parameter);
            let stated = self.source(&format!("{prefix}{other}"));
            let key = format!("{prefix}{key}");
            let refused = match self.source(&key) {
                Source::Flag(_) => true,
                Source::File { .. } => !matches!(stated, Source::Flag(_) | Source::File { .. }),
                _ => false,
            };
            if refused {
                let value = all.get(other).unwrap_or(&Value::Null);
                let instead = match stated {
                    Source::Default => ": add it".to_owned(),
                    stated => format!("; here is {}", stated.described(other, value)),
                };
                let why = format!("counts only with {}{instead}", requirement.shown());
                return Err(self.wrong(&key, &why));
            }
        }
        Ok(())
    }

    /// Lets the intervals of the plan that nobody gave follow a `--steps` that is short for them, so that the curves of
    /// a short run are curves.
    fn shorten_intervals(&mut self) {
        let given = |source: &Source| {
            matches!(source, Source::Flag(_) | Source::File { .. } | Source::Sweep(_))
        };
        let Some(steps) = self.all.get("steps").and_then(Value::as_u64) else { return };
        if !given(self.source("steps")) {
            return;
        }
        for (key, least) in LEAST {
            let longest = (steps / least).max(1);
            let interval = self.all.get(key).and_then(Value::as_u64);
            if !given(self.source(key)) && interval.is_some_and(|interval| interval > longest) {
                self.all.insert(key.to_owned(), Value::from(longest));
                self.sources.insert(key.to_owned(), Source::Steps);
            }
        }
    }

    /// Reads back what [`resolve`](Self::resolve) made, as a run directory holds it.
    pub(crate) fn saved(all: Options, algorithm: &Algorithm) -> Result<Self> {
        if let Some(name) = all.get(Subject::Env.key()).and_then(Value::as_str)
            && EnvName::parse(name).is_err()
        {
            return Err(Usage(format!(
                "there is no environment `{name}` here: a run in an environment of a program's own is for that program"
            ))
            .into());
        }
        let mut config = Self::defaults(algorithm);
        config.lay(Layer::of(all, &Source::Run, algorithm)?);
        config.normalised(algorithm)
    }

    /// This configuration with `flags` over it.
    pub(crate) fn with(&self, flags: Layer, algorithm: &Algorithm) -> Result<Self> {
        let mut config = self.clone();
        config.lay(flags);
        config.normalised(algorithm)
    }

    /// The configuration that `run.json` holds, unchecked: to be compared with another one.
    pub(crate) fn unchecked(all: Options) -> Self {
        Self { all, notes: Vec::new(), sources: BTreeMap::new() }
    }

    fn defaults(algorithm: &Algorithm) -> Self {
        let defaults = fields(algorithm).into_iter();
        let mut all: Options =
            defaults.map(|field| (field.name.to_owned(), field.default)).collect();
        all.insert("algorithm".to_owned(), Value::from(algorithm.name));
        Self { all, notes: Vec::new(), sources: BTreeMap::new() }
    }

    /// Lays a layer over this configuration; the options of the environment or the data set one by one.
    fn lay(&mut self, layer: Layer) {
        for (key, value) in layer.options {
            match (self.all.get_mut(&key), value) {
                (Some(Value::Object(below)), Value::Object(above)) => below.extend(above),
                (_, value) => _ = self.all.insert(key.clone(), value),
            }
            // Two names of one parameter: the later layer counts.
            if key == TARGET_UPDATE_INTERVAL {
                self.all.remove("target_every");
            } else if key == "target_every" {
                self.all.remove(TARGET_UPDATE_INTERVAL);
            }
        }
        self.sources.extend(layer.sources);
    }

    /// Brings every value to the type it has: `1`, `1.0` and a typed `1` are the same number.
    fn normalised(mut self, algorithm: &Algorithm) -> Result<Self> {
        let kind = algorithm.subject();
        self.convert_interval()?;
        for field in fields(algorithm) {
            if let Some(value) = self.all.get(field.name) {
                let value = self.read(&field, field.name, value)?;
                self.all.insert(field.name.to_owned(), value);
            }
        }
        if self.all.get("patience").is_some_and(|patience| *patience == 0) {
            return Err(self.wrong("patience", "must be at least 1").into());
        }
        let Some(named) = self.all.get(kind.key()).and_then(Value::as_str).map(str::to_owned)
        else {
            let known: Vec<_> =
                registry::subjects(kind).into_iter().map(|(name, _)| name).collect();
            let sentence = format!("--{} is missing: give one of {}", kind.key(), known.join(", "));
            return Err(Usage(sentence).into());
        };
        let named = named.as_str();
        let (named, fields, wrappers, open) = match kind {
            Subject::Env => {
                let name = EnvName::parse(named)?;
                for (option, value) in registry::options_of_id(named) {
                    let args = self.all.entry(kind.args_key());
                    let args = args.or_insert_with(|| Value::Object(Options::new()));
                    if let Value::Object(args) = args
                        && !args.contains_key(option)
                    {
                        args.insert(option.to_owned(), value);
                        let source = self.source(kind.key()).clone();
                        self.sources.insert(format!("{}.{option}", kind.args_key()), source);
                    }
                }
                (name.full(), name.options(), name.wrappers(), name.takes_arguments())
            }
            Subject::Data => {
                let data = DataName::parse(named)?;
                (data.full()?, (data.entry.options)(), Vec::new(), false)
            }
        };
        let args = match open {
            true => self.with_arguments(kind, &named, &fields)?,
            false => self.subject_args(kind, bare(&named), &fields, wrappers)?,
        };
        self.all.insert(kind.args_key().to_owned(), Value::Object(args));
        self.all.insert(kind.key().to_owned(), Value::from(named));
        Ok(self)
    }

    /// The options of the environment or the data set `subject`, whose parameters are `fields`; those of
    /// `wrappers` only where they are given.
    fn subject_args(
        &self,
        kind: Subject,
        subject: &str,
        fields: &[Field],
        wrappers: Vec<Field>,
    ) -> Result<Options> {
        let given = self.args(kind);
        let own = fields.len();
        let fields: Vec<_> = fields.iter().cloned().chain(wrappers).collect();
        let key_of = |key: &str| format!("{}.{key}", kind.args_key());
        let known = |key: &str| fields.iter().any(|field| field.name == key);
        if let Some(key) = given.keys().find(|key| !known(key)) {
            let as_flags = match self.source(&key_of(key)) {
                Source::Flag(typed) => !typed.starts_with(&format!("--{}-arg", kind.key())),
                _ => false,
            };
            let written = |name: &str| match as_flags {
                true => format!("--{}", params::flag(name)),
                false => name.to_owned(),
            };
            let names: Vec<_> = fields.iter().map(|field| written(field.name)).collect();
            let has = match names.is_empty() {
                true => "it has no options".to_owned(),
                false => format!("it has {}", names.join(", ")),
            };
            let why = if kind == Subject::Env && registry::wraps(key) {
                format!(
                    "wraps environments whose outcomes are drawn, and those of {subject} are known: it stays as planners \
                     solve it; {has}"
                )
            } else if fields.is_empty() {
                format!("{subject} has no options")
            } else {
                let what = format!("option of {subject}");
                let unknown =
                    Usage::unknown(&what, &written(key), names.iter().map(String::as_str)).0;
                // Where one name is near, the others are not told with it.
                match unknown.ends_with('?') {
                    true => format!("{unknown} It has {}", names.join(", ")),
                    false => unknown,
                }
            };
            return Err(self.wrong(&key_of(key), &why).into());
        }
        let value = |field: &Field| {
            let value = match given.get(field.name) {
                Some(value) => self.read(field, &key_of(field.name), value)?,
                None => field.default.clone(),
            };
            Ok((field.name.to_owned(), value))
        };
        let (own, wrappers) = fields.split_at(own);
        let wrappers = wrappers.iter().filter(|field| given.contains_key(field.name));
        own.iter().chain(wrappers).map(value).collect()
    }

    /// [`subject_args`](Self::subject_args) of an environment that takes keyword arguments of any name.
    fn with_arguments(&self, kind: Subject, subject: &str, fields: &[Field]) -> Result<Options> {
        let mut own = self.clone();
        let given = self.args(kind);
        let (known, mut arguments): (Options, Options) =
            given.into_iter().partition(|(key, _)| fields.iter().any(|field| field.name == key));
        // A keyword argument of that name is `--env-arg`.
        let is_flag = |key: &str| match self.source(&format!("{}.{key}", kind.args_key())) {
            Source::Flag(typed) => !typed.starts_with("--env-arg"),
            _ => false,
        };
        if let Some(key) = arguments.keys().find(|key| registry::wraps(key) && is_flag(key)) {
            let why = "wraps lab's own environments only; those of Gymnasium have --stack-size, and wrappers of Gymnasium's";
            return Err(self.wrong(&format!("{}.{key}", kind.args_key()), why).into());
        }
        own.all.insert(kind.args_key().to_owned(), Value::Object(known));
        for (key, value) in &mut arguments {
            let source = self.source(&format!("{}.{key}", kind.args_key()));
            match (source, &value) {
                (Source::Flag(_), Value::String(text)) => *value = argument(text),
                // TOML has no null.
                (_, Value::String(text)) if text == "none" => *value = Value::Null,
                _ => {}
            }
        }
        let mut args = own.subject_args(kind, subject, fields, Vec::new())?;
        if let Some(Value::String(path)) = args.get_mut(PYTHON) {
            *path = lasting(path)?;
        }
        args.extend(arguments);
        Ok(args)
    }

    /// `value` of the parameter `field`, which goes by `key`, in the form that it is kept in.
    fn read(&self, field: &Field, key: &str, value: &Value) -> Result<Value, Usage> {
        let read = match (self.source(key), value) {
            (Source::Flag(_), Value::String(text)) => field.parse(text),
            _ => field.read(value),
        };
        read.map_err(|why| self.wrong(key, &why))
    }

    /// Stable-Baselines3's interval between copies into the target network, in updates.
    fn convert_interval(&mut self) -> Result<(), Usage> {
        let Some(value) = self.all.get(TARGET_UPDATE_INTERVAL).cloned() else { return Ok(()) };
        let number = |value: &Value| params::whole(&plain(value)).ok().filter(|number| *number > 0);
        let every = self.all.get("train_every").and_then(number).unwrap_or(1);
        let Some(updates) = number(&value).filter(|interval| interval % every == 0) else {
            let why =
                format!("counts transitions: a multiple of --train-every {every} is expected");
            return Err(self.wrong(TARGET_UPDATE_INTERVAL, &why));
        };
        self.all.remove(TARGET_UPDATE_INTERVAL);
        let source = self.source(TARGET_UPDATE_INTERVAL).clone();
        self.sources.insert("target_every".to_owned(), source);
        self.all.insert("target_every".to_owned(), Value::from(updates / every));
        Ok(())
    }

    /// Source of the value of `key`.
    pub(crate) fn source(&self, key: &str) -> &Source {
        self.sources.get(key).unwrap_or(&Source::Default)
    }

    /// A sentence about the value of `key`, which names it as its user wrote it.
    fn wrong(&self, key: &str, why: &str) -> Usage {
        let value = match key.split_once('.') {
            Some((args, key)) => self.all.get(args).and_then(|args| args.get(key)),
            None => self.all.get(key),
        };
        let name = key.split_once('.').map_or(key, |(_, key)| key);
        let value = value.unwrap_or(&Value::Null);
        let with = self.typed_beside(key, why);
        let from = self.stated_elsewhere(key, why);
        Usage(format!("{}{with}: {why}{from}", self.source(key).described(name, value)))
    }

    /// Flags that were typed and that a sentence about the value of `key`, which was not, names.
    fn typed_beside(&self, key: &str, why: &str) -> String {
        if matches!(self.source(key), Source::Flag(_)) {
            return String::new();
        }
        let typed =
            self.sources.iter().filter(|(other, _)| *other != key && names_flag(why, other));
        let typed: Vec<_> = typed
            .filter_map(|(_, source)| match source {
                Source::Flag(typed) => Some(typed.as_str()),
                _ => None,
            })
            .collect();
        if typed.is_empty() { String::new() } else { format!(" with {}", typed.join(" and ")) }
    }

    /// Settings that a sentence about the value of `key`, which was typed, names, and that a preset or a file states.
    fn stated_elsewhere(&self, key: &str, why: &str) -> String {
        if !matches!(self.source(key), Source::Flag(_)) {
            return String::new();
        }
        let others = self.sources.iter().filter(|(other, source)| {
            let elsewhere = matches!(source, Source::Preset(_) | Source::File { .. });
            elsewhere && *other != key && names_flag(why, other)
        });
        let described = |(other, source): (&String, &Source)| {
            self.all.get(other).map(|value| source.described(other, value))
        };
        let described: Vec<_> = others.filter_map(described).collect();
        if described.is_empty() { String::new() } else { format!(" ({})", described.join("; ")) }
    }

    /// `error` in the words of whoever wrote the values that it is about.
    pub(crate) fn explained(&self, error: anyhow::Error) -> anyhow::Error {
        if let Some(bad) = error.downcast_ref::<BadValue>() {
            let keys = [Subject::Env, Subject::Data]
                .map(|kind| format!("{}.{}", kind.args_key(), bad.name()))
                .into_iter()
                .chain([bad.name().to_owned()]);
            // A sentence about what the name stands for is not about the name.
            let mut keys =
                keys.filter(|key| self.sources.contains_key(key) && !FRAME.contains(&key.as_str()));
            return match keys.next() {
                Some(key) => self.wrong(&key, bad.expected()).into(),
                None if self.typed_beside(bad.name(), bad.expected()).is_empty() => error,
                None => self.wrong(bad.name(), bad.expected()).into(),
            };
        }
        if let Some(Usage(why)) = error.downcast_ref()
            && let Some(why) = why.strip_prefix("--env: ")
        {
            return self.wrong(Subject::Env.key(), why).into();
        }
        let Some(BadOption { options, why }) = error.downcast_ref() else { return error };
        let message = |(key, value): &(String, Value)| {
            let key_of = |kind: Subject| format!("{}.{key}", kind.args_key());
            let sources = [Subject::Env, Subject::Data].map(|kind| self.source(&key_of(kind)));
            let source = sources.into_iter().find(|source| **source != Source::Default);
            source.map(|source| source.described(key, value))
        };
        match options.iter().map(message).collect::<Option<Vec<_>>>() {
            Some(message) if !message.is_empty() => {
                Usage(format!("{}: {why}", message.join(" "))).into()
            }
            _ => error,
        }
    }

    /// The name of the environment, in full, or of the data set.
    pub(crate) fn subject(&self) -> &str {
        match self.all.contains_key(Subject::Env.key()) {
            true => self.named(),
            false => bare(self.named()),
        }
    }

    /// The environment or the data set in a title: with what differs from its defaults and those of `algorithm`,
    /// as far as there is room.
    pub(crate) fn titled(&self, algorithm: &Algorithm) -> String {
        const ROOM: usize = 48;
        let kind = algorithm.subject();
        let args = self.args(kind);
        let options =
            registry::subjects(kind).into_iter().find(|(name, _)| *name == self.subject());
        let options = options.map_or_else(Vec::new, |(_, options)| options());
        let wrappers = registry::wrappers(kind);
        let is_own = |name: &str| options.iter().any(|field| field.name == name);
        let wrappers = wrappers.iter().filter(|field| !is_own(field.name));
        let own = options.iter().chain(wrappers).map(|field| (field, args.get(field.name)));
        let gamma = fields(algorithm).into_iter().find(|field| field.name == "gamma");
        let gamma = gamma.iter().map(|field| (field, self.all.get(field.name)));
        let differing = own.chain(gamma).filter_map(|(field, value)| {
            let value = value.filter(|value| **value != field.default && !value.is_null())?;
            let (name, text) = (field.name.replace('_', " "), plain(value));
            Some(match (field.name, value) {
                ("map", _) => "own map".to_owned(),
                ("gamma", _) => format!("γ {text}"),
                (_, Value::Bool(true)) => name,
                (_, Value::Bool(false)) => format!("not {name}"),
                _ => format!("{name} {text}"),
            })
        });
        let mut told = String::new();
        for one in differing {
            if told.chars().count() + one.chars().count() > ROOM {
                told += ", …";
                break;
            }
            told += if told.is_empty() { " (" } else { ", " };
            told += &one;
        }
        match told.strip_prefix(", ") {
            Some(rest) => format!("{} ({rest})", self.subject()),
            None if told.is_empty() => self.subject().to_owned(),
            None => format!("{}{told})", self.subject()),
        }
    }

    /// The name with the path of its files, as in `mnist:PATH`.
    pub(crate) fn named(&self) -> &str {
        let mut keys = [Subject::Env, Subject::Data].into_iter().map(Subject::key);
        keys.find_map(|key| self.all.get(key)?.as_str()).unwrap_or_default()
    }

    /// The options of the environment or of the data set.
    pub(crate) fn args(&self, kind: Subject) -> Options {
        self.all.get(kind.args_key()).and_then(Value::as_object).cloned().unwrap_or_default()
    }

    /// The seed of every stream.
    pub(crate) fn seed(&self) -> u64 {
        self.all.get("seed").and_then(Value::as_u64).unwrap_or(1)
    }

    /// This configuration with another seed.
    pub(crate) fn seeded(&self, seed: u64) -> Self {
        let mut config = self.clone();
        config.all.insert("seed".to_owned(), Value::from(seed));
        config
    }

    /// Plan of training.
    pub(crate) fn plan(&self) -> Result<Plan> {
        let plan = self.all.iter().filter(|(key, _)| is_plan(key));
        let plan = plan.map(|(key, value)| (key.clone(), value.clone())).collect();
        Ok(serde_json::from_value(Value::Object(plan))?)
    }

    /// The hyper-parameters.
    pub(crate) fn options(&self) -> Options {
        let mut options = self.all.clone();
        options.retain(|key, _| !is_plan(key) && !FRAME.contains(&key.as_str()));
        options
    }

    /// The part that must not change when a run is resumed: all but the plan.
    pub(crate) fn fixed(&self) -> Value {
        let mut fixed = self.all.clone();
        fixed.retain(|key, _| !is_plan(key));
        if let (true, Some(Value::Object(args))) =
            (self.is_in_python(), fixed.get_mut(Subject::Env.args_key()))
        {
            // Where an environment runs changes nothing in it.
            args.retain(|key, _| ![PYTHON, "workers"].contains(&key.as_str()));
        }
        Value::Object(fixed)
    }

    /// Returns `true` if the environment runs in a process of Python.
    pub(crate) fn is_in_python(&self) -> bool {
        let in_environment = self.all.contains_key(Subject::Env.key());
        in_environment && EnvName::parse(self.subject()).is_ok_and(|name| name.takes_arguments())
    }

    /// Has the environment run in another Python than the one of the run.
    ///
    /// # Errors
    /// [`Usage`] if it runs in none.
    pub(crate) fn use_python(&mut self, path: &str) -> Result<()> {
        if !self.is_in_python() {
            let sentence = format!("--python {path}: {} runs without Python", self.subject());
            return Err(Usage(sentence).into());
        }
        let path = Value::from(lasting(path)?);
        if let Some(Value::Object(args)) = self.all.get_mut(Subject::Env.args_key()) {
            args.insert(PYTHON.to_owned(), path);
        }
        Ok(())
    }
}

/// Returns `true` if `sentence` names the flag of the parameter `name`.
fn names_flag(sentence: &str, name: &str) -> bool {
    let long = format!("--{}", params::flag(name));
    sentence.split(|c: char| !c.is_alphanumeric() && c != '-').any(|word| word == long)
}

/// The value of a keyword argument as it was typed: a number, true, false, none, a list, or a word.
fn argument(text: &str) -> Value {
    match text {
        "True" => true.into(),
        "False" => false.into(),
        "None" | "none" => Value::Null,
        _ => serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)),
    }
}

/// A path of a program that holds in other directories too, from which the run may be resumed; a name is looked for on
/// the path.
fn lasting(path: &str) -> Result<String> {
    Ok(match path.contains(std::path::is_separator) {
        true => std::path::absolute(path)?.display().to_string(),
        false => path.to_owned(),
    })
}

fn bare(named: &str) -> &str {
    named.split_once(':').map_or(named, |(name, _)| name)
}

fn is_plan(key: &str) -> bool {
    Plan::fields().iter().any(|field| field.name == key)
}
