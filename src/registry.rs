//! The one table of what lab has: name → how to make it.
//!
//! To add an environment, an algorithm or a preset is to add its line here.
mod algorithms;
mod bad_option;
mod data;
mod envs;
mod job;
mod presets;

pub use algorithms::{ALGORITHMS, Algorithm, Build};
pub(crate) use bad_option::{BadOption, plain};
pub use data::{DATA, DataEntry, DataName, DataSource, Loaded};
pub use envs::{ENVS, EnvEntry, Source, TIME_LIMIT};
pub use job::{DataJob, Job, Subject};
pub use presets::{PRESETS, Preset};

use crate::usage::Usage;
use anyhow::Result;
use clap::{ArgMatches, FromArgMatches, parser::ValueSource};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// Options by name.
pub type Options = Map<String, Value>;

/// Every option there is, with its default or as given.
pub type Resolve = fn(&Options) -> Result<Options>;

/// What an entry without options has.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NoOptions {}

/// `given` over the defaults of `C`.
pub(crate) fn resolve<C: Default + Serialize + DeserializeOwned>(
    given: &Options,
) -> Result<Options> {
    let mut all = object(&C::default())?;
    all.extend(given.clone());
    // Through the type and back: 1 and 1.0 are the same number, unknown keys are refused.
    object(&serde_json::from_value::<C>(Value::Object(all))?)
}

/// The flags of `C` that the user typed; those left at their default don't count.
pub(crate) fn typed<C: FromArgMatches + Serialize>(matches: &ArgMatches) -> Result<Options> {
    let mut options = object(&C::from_arg_matches(matches)?)?;
    options.retain(|name, _| matches.value_source(name) == Some(ValueSource::CommandLine));
    // JSON has no NaN and no infinity, and neither is a hyper-parameter.
    match options.iter().find(|(_, value)| value.is_null()) {
        Some((name, _)) => {
            let raw = matches.get_raw(name).and_then(|mut values| values.next());
            let raw = raw.unwrap_or_default().display();
            let flag = name.replace('_', "-");
            Err(Usage(format!("--{flag} {raw}: must be a finite number")).into())
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
            let make = entry.make(&(entry.options)(&Options::new()).unwrap()).unwrap();
            ::envs::check_env(&*make, 2_000).unwrap_or_else(|why| panic!("{}: {why}", entry.name));
        }
    }

    #[test]
    fn names_are_unique_and_sorted() {
        assert!(ENVS.is_sorted_by(|a, b| a.name < b.name));
        assert!(ALGORITHMS.is_sorted_by(|a, b| a.name < b.name));
        assert!(PRESETS.is_sorted_by(|a, b| a.name < b.name));
    }
}
