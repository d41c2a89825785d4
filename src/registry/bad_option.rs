//! Options of an environment or a data set that can't be.
use super::{Options, Resolve};
use serde_json::Value;

/// What is wrong with options of an environment or a data set, and which.
#[derive(Debug, thiserror::Error)]
#[error("{}: {why}", self.told())]
pub(crate) struct BadOption {
    /// Those it is about, with their values; none where that can't be said.
    pub(crate) options: Vec<(String, Value)>,
    /// A sentence.
    pub(crate) why: String,
}

impl BadOption {
    /// One option.
    pub(crate) fn of(key: &str, value: &Value, why: impl Into<String>) -> Self {
        Self { options: vec![(key.to_owned(), value.clone())], why: why.into() }
    }

    /// What keeps `make` from making something of `given`: the option that it would do without, as all
    /// the others are. `options` fills in defaults.
    pub(crate) fn blamed(
        given: &Options,
        options: Resolve,
        why: String,
        make: impl Fn(&Options) -> bool,
    ) -> Self {
        let changed = changed(given, options);
        let guilty = changed.iter().find(|(key, _)| {
            let mut others = given.clone();
            others.remove(key);
            options(&others).is_ok_and(|others| make(&others))
        });
        Self { options: guilty.map_or(changed.clone(), |guilty| vec![guilty.clone()]), why }
    }

    /// Numbers, not left at their defaults, that need too much memory.
    pub(crate) fn too_large(given: &Options, options: Resolve, why: String) -> Self {
        let mut changed = changed(given, options);
        changed.retain(|(key, value)| value.is_number() && key != "seed" || key == "map");
        Self { options: changed, why }
    }

    /// As flags; a map that was read from a file is not repeated.
    fn told(&self) -> String {
        let told = self.options.iter().map(|(key, value)| {
            let flag = key.replace('_', "-");
            match value {
                Value::String(text) if text.contains('\n') || text.len() > 80 => {
                    format!("--{flag}")
                }
                Value::String(text) => format!("--{flag} {text}"),
                value => format!("--{flag} {value}"),
            }
        });
        told.collect::<Vec<_>>().join(" ")
    }
}

/// A mismatch of types in the words of who typed it, and not in those of Rust.
pub(crate) fn plain(error: &dyn std::fmt::Display) -> String {
    let names = [
        ("expected f64", "a number is expected"),
        ("expected usize", "a whole number is expected"),
        ("expected u64", "a whole number is expected"),
        ("expected u32", "a whole number is expected"),
        ("expected a boolean", "true or false is expected"),
    ];
    let told = error.to_string();
    names.iter().fold(told, |told, (rust, plain)| match told.strip_suffix(rust) {
        Some(rest) => format!("{rest}{plain}"),
        None => told,
    })
}

/// What was given and is not the default.
fn changed(given: &Options, options: Resolve) -> Vec<(String, Value)> {
    let defaults = options(&Options::new()).unwrap_or_default();
    let changed = given.iter().filter(|(key, value)| defaults.get(*key) != Some(value));
    changed.map(|(key, value)| (key.clone(), value.clone())).collect()
}
