//! Options of an environment or a data set that can't be.
use super::Options;
use params::Field;
use serde_json::Value;

/// Invalid options of an environment or a data set, and the reason.
#[derive(Debug, thiserror::Error)]
#[error("{}: {why}", self.assignments())]
pub struct BadOption {
    /// Those it is about, with their values; none where that can't be said.
    pub options: Vec<(String, Value)>,
    /// A sentence.
    pub why: String,
}

impl BadOption {
    /// Finds the option of `given` for which `make` fails: without it, all others are accepted.
    /// `fields` have the defaults.
    pub(crate) fn blamed(
        given: &Options,
        fields: &[Field],
        why: String,
        make: impl Fn(&Options) -> bool,
    ) -> Self {
        let changed = changed(given, fields);
        let guilty = changed.iter().find(|(key, _)| {
            let mut others = given.clone();
            others.remove(key);
            params::resolve(fields, &others).is_ok_and(|others| make(&others))
        });
        Self { options: guilty.map_or(changed.clone(), |guilty| vec![guilty.clone()]), why }
    }

    /// Numbers, not left at their defaults, that need too much memory.
    pub(crate) fn too_large(given: &Options, fields: &[Field], why: String) -> Self {
        let mut changed = changed(given, fields);
        changed.retain(|(key, value)| value.is_number() && key != "seed" || key == "map");
        Self { options: changed, why }
    }

    /// As flags; a map that was read from a file is not repeated.
    fn assignments(&self) -> String {
        let assignments = self.options.iter().map(|(key, value)| {
            let flag = key.replace('_', "-");
            match value {
                Value::String(text) if text.contains('\n') || text.len() > 80 => {
                    format!("--{flag}")
                }
                Value::String(text) => format!("--{flag} {text}"),
                value => format!("--{flag} {value}"),
            }
        });
        assignments.collect::<Vec<_>>().join(" ")
    }
}

/// Given options that differ from their defaults.
fn changed(given: &Options, fields: &[Field]) -> Vec<(String, Value)> {
    let default =
        |key: &str| fields.iter().find(|field| field.name == key).map(|field| &field.default);
    let changed = given.iter().filter(|(key, value)| default(key) != Some(value));
    changed.map(|(key, value)| (key.clone(), value.clone())).collect()
}
