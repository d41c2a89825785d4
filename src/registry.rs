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
pub(crate) use bad_option::BadOption;
pub use data::{DATA, DataEntry, DataName, DataSource, Loaded};
pub use envs::{ENVS, EnvEntry, Source, TIME_LIMIT};
pub use job::{DataJob, Job, Subject};
pub use presets::{PRESETS, Preset};

use crate::usage::Usage;
use params::Field;
use serde_json::{Map, Value};

/// Options by name.
pub type Options = Map<String, Value>;

/// The parameters of an entry.
pub type Fields = fn() -> Vec<Field>;

/// The parameters of an entry that has none.
pub(crate) fn no_options() -> Vec<Field> {
    Vec::new()
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
            let make =
                entry.make(&params::resolve(&(entry.options)(), &Options::new()).unwrap()).unwrap();
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
