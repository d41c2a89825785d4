//! Values as users type them.
use serde::Deserialize;
use serde_json::Value;
use std::fmt;

/// A parameter that is a number or a word, as a file may state it: numbers need no quotes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged, expecting = "a number or a string is expected")]
pub enum Text {
    /// As a number.
    Number(serde_json::Number),
    /// In quotes.
    Quoted(String),
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Quoted(text) => f.write_str(text),
        }
    }
}

/// A value as one types it: texts without quotes.
pub fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
