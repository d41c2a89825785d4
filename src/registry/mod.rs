//! The one table of environments, algorithms, data sets and presets: name → how to make it.
//!
//! To add one inside lab is to add its line here; a crate of a user's own adds its own by [`App`](crate::App).
mod algorithms;
mod all;
mod bad_option;
mod data;
mod data_name;
mod env_name;
mod environments;
mod job;
mod presets;

pub use algorithms::{Algorithm, Build, Family};
pub(crate) use all::{Tables, add, has_own, wrappers, wraps};
pub use all::{algorithm, algorithms, data_set, data_sets, env, envs, is_own_env, subjects};
pub use bad_option::BadOption;
pub use data::{DataEntry, DataSource, Loaded};
pub use data_name::DataName;
pub(crate) use env_name::{ABOUT_GYM, EnvName, as_part};
pub(crate) use environments::GYM;
pub use environments::{EnvEntry, Source, TIME_LIMIT, options_of_id};
pub use job::{DataJob, Job, Subject};
pub use presets::{PRESETS, Preset};

use crate::usage::Usage;
use anyhow::Result;
use params::{Field, Parameters};
use serde_json::{Map, Value};

/// Options by name.
pub type Options = Map<String, Value>;

/// The parameters of an entry.
pub type Fields = fn() -> Vec<Field>;

/// The parameters of an entry that has none.
pub(crate) fn no_options() -> Vec<Field> {
    Vec::new()
}

/// Options as the struct `C` that they are stated in.
///
/// # Errors
/// If they are not those of `C`, or one is out of its range.
pub fn config<C: Parameters>(options: &Options) -> Result<C> {
    Ok(serde_json::from_value::<C>(Value::Object(options.clone()))?.checked()?)
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
        for entry in envs() {
            let make =
                entry.make(&params::resolve(&(entry.options)(), &Options::new()).unwrap()).unwrap();
            ::envs::check_env(&*make, 2_000).unwrap_or_else(|why| panic!("{}: {why}", entry.name));
        }
    }

    #[test]
    fn wrapped_environments_keep_the_interface() {
        let options = serde_json::json!({
            "time_limit": 40, "pixels": true, "frame_stack": 2, "action_repeat": 3, "sticky": 0.2,
            "reward_scale": 0.5, "reward_clip": 1.0,
        });
        for entry in envs() {
            let wrappers = entry.wrappers();
            assert_eq!(wrappers.is_empty(), matches!(entry.source, Source::Mdp(..)));
            let mut own = params::resolve(&(entry.options)(), &Options::new()).unwrap();
            for field in wrappers {
                own.insert(field.name.to_owned(), options[field.name].clone());
            }
            let make = entry.make(&own).unwrap();
            ::envs::check_env(&*make, 300).unwrap_or_else(|why| panic!("{}: {why}", entry.name));
        }
    }

    #[test]
    fn an_option_of_its_own_keeps_its_meaning() {
        let names = |name: &str| {
            let fields = env(name).unwrap().wrappers().into_iter();
            fields.map(|field| field.name).collect::<Vec<_>>()
        };
        assert!(names("catch").contains(&"sticky") && names("catch").contains(&"time_limit"));
        assert!(
            !names("breakout").contains(&"sticky") && names("breakout").contains(&"time_limit")
        );
        assert!(!names("cartpole").contains(&"time_limit"));
    }

    #[test]
    fn gymnasiums_ids_are_taken_in_any_case() {
        for id in ["CartPole-v1", "cartpole-v1", "CARTPOLE-V1"] {
            assert_eq!(env(id).unwrap().name, "cartpole");
        }
        assert_eq!(env("MinAtar/Breakout-v1").unwrap().name, "breakout");
        assert_eq!(env("minatar/spaceinvaders-v0").unwrap().name, "space-invaders");
        assert_eq!(env("CartPole-v0").unwrap().name, "cartpole");
        let error = env("Acrobot-v0").err().unwrap().to_string();
        assert_eq!(error, "unknown environment `Acrobot-v0`; did you mean `Acrobot-v1`?");
        for (typed, meant) in
            [("Asterix-v1", "MinAtar/Asterix-v0"), ("spaceinvaders-v4", "MinAtar/SpaceInvaders-v0")]
        {
            let error = env(typed).err().unwrap().to_string();
            assert_eq!(error, format!("unknown environment `{typed}`; did you mean `{meant}`?"));
        }
    }

    #[test]
    fn a_parameter_that_another_one_needs_is_there_and_takes_its_values() {
        let tables = algorithms().iter().map(|algorithm| (algorithm.name, (algorithm.hyper)()));
        let subjects = [Subject::Env, Subject::Data].into_iter().flat_map(subjects);
        let tables = tables.chain(subjects.map(|(name, options)| (name, options())));
        let mut n = 0;
        for (name, fields) in tables {
            for (field, needs) in
                fields.iter().filter_map(|field| Some((field.name, field.requirement.as_ref()?)))
            {
                let other = fields.iter().find(|other| other.name == needs.parameter);
                let fits = other.is_some_and(|other| needs.fits(&other.kind));
                assert!(fits, "{name}: {field} counts with {}", needs.shown());
                n += 1;
            }
        }
        assert!(n > 30, "{n}");
    }

    #[test]
    fn names_are_unique_and_sorted() {
        assert!(envs().is_sorted_by(|a, b| a.name < b.name));
        assert!(algorithms().is_sorted_by(|a, b| a.name < b.name));
        assert!(data_sets().is_sorted_by(|a, b| a.name < b.name));
        assert!(PRESETS.is_sorted_by(|a, b| a.name < b.name));
    }
}
