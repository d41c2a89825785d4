//! The one table of what lab has: name → how to make it.
//!
//! To add an environment, an algorithm or a preset is to add its line here.
use crate::usage::Usage;
use agents::{Agent, Dqn, DqnConfig, MakeEnv};
use anyhow::Result;
use candle_core::Device;
use clap::{ArgMatches, Args, Command, FromArgMatches, parser::ValueSource};
use envs::{Breakout, BreakoutConfig, CartPole, Catch, Env};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use train::Plan;

/// Options by name.
pub type Options = Map<String, Value>;

/// An environment by name.
pub struct EnvEntry {
    /// What `--env` takes.
    pub name: &'static str,
    /// One line about it.
    pub about: &'static str,
    /// Every `--env-arg` with its default, or as given.
    pub options: fn(&Options) -> Result<Options>,
    /// How to make copies with these options.
    pub make: fn(&Options) -> Result<MakeEnv>,
}

/// The environments.
pub const ENVS: &[EnvEntry] = &[
    EnvEntry {
        name: "breakout",
        about: "MinAtar's Breakout: keep the ball in play, clear the bricks (10×10, 4 channels)",
        options: resolve::<BreakoutConfig>,
        make: |options| copies(options, Breakout::new),
    },
    EnvEntry {
        name: "cartpole",
        about: "CartPole-v1: balance a pole on a cart (4 numbers, at most 500 steps)",
        options: resolve::<NoOptions>,
        make: |options| copies(options, |_: NoOptions| CartPole::default()),
    },
    EnvEntry {
        name: "catch",
        about: "bsuite's Catch: move a paddle under a falling ball (10×5)",
        options: resolve::<NoOptions>,
        make: |options| copies(options, |_: NoOptions| Catch::default()),
    },
];

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NoOptions {}

fn copies<C, E: Env + 'static>(options: &Options, make: fn(C) -> E) -> Result<MakeEnv>
where
    C: DeserializeOwned + Clone + 'static,
{
    let config: C = serde_json::from_value(Value::Object(options.clone()))?;
    Ok(Box::new(move || Box::new(make(config.clone()))))
}

/// An algorithm by name.
pub struct Algorithm {
    /// The subcommand.
    pub name: &'static str,
    /// One line about it.
    pub about: &'static str,
    /// What its steps count.
    pub unit: &'static str,
    /// How long it trains and how often it looks up from it, unless told otherwise.
    pub plan: Plan,
    /// Adds a flag per hyper-parameter to its subcommand.
    pub flags: fn(Command) -> Command,
    /// The hyper-parameters that were typed.
    pub typed: fn(&ArgMatches) -> Result<Options>,
    /// Every hyper-parameter with its default, or as given.
    pub options: fn(&Options) -> Result<Options>,
    /// How to make an untrained agent.
    pub build: fn(Job<'_>) -> Result<Box<dyn Agent>>,
}

/// What an agent is made from.
pub struct Job<'a> {
    /// The hyper-parameters, all of them.
    pub options: &'a Options,
    /// Makes copies of the environment.
    pub make: MakeEnv,
    /// Seed of every stream.
    pub seed: u64,
    /// Where its tensors live.
    pub device: &'a Device,
}

/// The algorithms.
pub const ALGORITHMS: &[Algorithm] = &[Algorithm {
    name: "dqn",
    about: "Deep Q-network (Mnih et al. 2015)",
    unit: "transitions",
    plan: Plan {
        steps: 50_000,
        log_every: 1_000,
        eval_every: 5_000,
        save_every: 10_000,
        target: None,
        patience: None,
    },
    flags: DqnConfig::augment_args,
    typed: typed::<DqnConfig>,
    options: resolve::<DqnConfig>,
    build: |job| {
        let config: DqnConfig = serde_json::from_value(Value::Object(job.options.clone()))?;
        Ok(Box::new(Dqn::new(job.make, config, job.seed, job.device)?))
    },
}];

/// A named set of options that is known to work.
pub struct Preset {
    /// What `--preset` takes. `ALGORITHM-SUBJECT` is taken where no preset is named.
    pub name: &'static str,
    /// The file, TOML; its first comment is the line about it.
    pub text: &'static str,
}

/// The presets.
pub const PRESETS: &[Preset] = &[
    Preset { name: "dqn-breakout", text: include_str!("../examples/presets/dqn-breakout.toml") },
    Preset { name: "dqn-cartpole", text: include_str!("../examples/presets/dqn-cartpole.toml") },
    Preset { name: "dqn-catch", text: include_str!("../examples/presets/dqn-catch.toml") },
];

impl Preset {
    /// The line about it.
    pub fn about(&self) -> &'static str {
        self.text.lines().next().unwrap_or_default().trim_start_matches(['#', ' '])
    }
}

/// `given` over the defaults of `C`.
fn resolve<C: Default + Serialize + DeserializeOwned>(given: &Options) -> Result<Options> {
    let mut all = object(&C::default())?;
    all.extend(given.clone());
    // Through the type and back: 1 and 1.0 are the same number, unknown keys are refused.
    object(&serde_json::from_value::<C>(Value::Object(all))?)
}

/// The flags of `C` that the user typed; those left at their default don't count.
fn typed<C: FromArgMatches + Serialize>(matches: &ArgMatches) -> Result<Options> {
    let mut options = object(&C::from_arg_matches(matches)?)?;
    options.retain(|name, _| matches.value_source(name) == Some(ValueSource::CommandLine));
    // JSON has no NaN and no infinity, and neither is a hyper-parameter.
    match options.iter().find(|(_, value)| value.is_null()) {
        Some((name, _)) => {
            Err(Usage(format!("--{}: must be a finite number", name.replace('_', "-"))).into())
        }
        None => Ok(options),
    }
}

fn object(value: &impl Serialize) -> Result<Options> {
    match serde_json::to_value(value)? {
        Value::Object(object) => Ok(object),
        other => Err(anyhow::anyhow!("options must be a table, not {other}")),
    }
}

/// The entry of `table` that goes by `name`.
///
/// # Errors
/// [`Usage`], with the nearest name there is.
pub fn find<'a, T>(
    what: &str,
    name: &str,
    table: &'a [T],
    name_of: fn(&T) -> &'static str,
) -> Result<&'a T, Usage> {
    let found = table.iter().find(|entry| name_of(entry) == name);
    found.ok_or_else(|| Usage::unknown(what, name, table.iter().map(name_of)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_environment_keeps_the_interface() {
        for entry in ENVS {
            let make = (entry.make)(&Options::new()).unwrap();
            envs::check_env(&*make, 2_000).unwrap_or_else(|why| panic!("{}: {why}", entry.name));
        }
    }

    #[test]
    fn names_are_unique_and_sorted() {
        assert!(ENVS.is_sorted_by(|a, b| a.name < b.name));
        assert!(ALGORITHMS.is_sorted_by(|a, b| a.name < b.name));
        assert!(PRESETS.is_sorted_by(|a, b| a.name < b.name));
    }
}
