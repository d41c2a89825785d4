//! What can be wrong with a configuration.
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::fmt::Display;

/// A hyper-parameter is out of range.
#[derive(Debug, thiserror::Error)]
#[error("--{flag} {value}: {expected}")]
pub struct BadValue {
    flag: String,
    value: String,
    expected: &'static str,
}

impl BadValue {
    /// An error that says what was `expected` of `name`, unless `holds`.
    ///
    /// # Errors
    /// Where it does not hold.
    pub fn unless(
        holds: bool,
        name: &str,
        value: impl Display,
        expected: &'static str,
    ) -> Result<(), Self> {
        if holds {
            return Ok(());
        }
        Err(Self { flag: name.replace('_', "-"), value: value.to_string(), expected })
    }
}

/// A run was to be resumed with other hyper-parameters than it was started with.
#[derive(Debug, thiserror::Error)]
#[error(
    "the run was started with other hyper-parameters:\n{}\nresume it without changing them, or \
     start a new run",
    .0.join("\n")
)]
pub struct ConfigChanged(Vec<String>);

impl ConfigChanged {
    /// Compares two configurations key by key.
    ///
    /// # Errors
    /// Lists each difference.
    pub fn check(saved: &Value, now: &Value) -> Result<(), Self> {
        let none = Map::new();
        let (saved, now) = (saved.as_object().unwrap_or(&none), now.as_object().unwrap_or(&none));
        let keys: BTreeSet<_> = now.keys().chain(saved.keys()).collect();
        let told = |value: Option<&Value>| value.map_or("absent".to_owned(), Value::to_string);
        let differences =
            keys.into_iter().filter(|key| now.get(*key) != saved.get(*key)).map(|key| {
                format!(
                    "  {key}: {} when started, {} now",
                    told(saved.get(key)),
                    told(now.get(key))
                )
            });
        let differences: Vec<_> = differences.collect();
        if differences.is_empty() { Ok(()) } else { Err(Self(differences)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_which_flag_and_what_is_expected() {
        let check = |gamma: f64| {
            BadValue::unless((0.0..=1.0).contains(&gamma), "gamma", gamma, "must lie in [0, 1]")
        };
        assert!(check(1.0).is_ok());
        assert_eq!(check(1.5).unwrap_err().to_string(), "--gamma 1.5: must lie in [0, 1]");
    }
}
