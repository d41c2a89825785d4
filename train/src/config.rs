//! Hyper-parameters: stating them, and what can be wrong with them.
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::{Bound, RangeBounds};

/// States each hyper-parameter once: its meaning, type, default, and the range it must lie in.
///
/// The result is a struct with public fields, that is read from flags (`clap::Args`) and from files
/// (serde, unknown keys refused), has `Default`, and `check(&self) -> Result<(), BadValue>`. The
/// crate that calls it depends on clap and serde.
///
/// ```
/// train::hyper_parameters! {
///     /// Hyper-parameters of a learner.
///     pub struct Config {
///         /// Discount γ
///         gamma: f64 = 0.99, in 0.0..=1.0;
///         /// Transitions in a batch
///         batch: usize = 32, in 1..;
///     }
/// }
/// assert_eq!(Config::default().batch, 32);
/// let error = Config { gamma: 1.5, ..Config::default() }.check().unwrap_err();
/// assert_eq!(error.to_string(), "--gamma 1.5: must lie between 0 and 1");
/// ```
#[macro_export]
macro_rules! hyper_parameters {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $($(#[$about:meta])* $field:ident: $type:ty = $default:expr $(, in $range:expr)?;)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, ::serde::Serialize, ::serde::Deserialize, ::clap::Args)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[$about])* #[arg(long, default_value_t = $default)] pub $field: $type,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl $name {
            /// # Errors
            /// Names the first hyper-parameter that is out of range.
            pub fn check(&self) -> Result<(), $crate::BadValue> {
                $($($crate::BadValue::outside(stringify!($field), self.$field, $range)?;)?)*
                Ok(())
            }
        }
    };
}

/// The range of what must be more than `low`, for [`hyper_parameters!`](crate::hyper_parameters).
pub fn above<T>(low: T) -> (Bound<T>, Bound<T>) {
    (Bound::Excluded(low), Bound::Unbounded)
}

/// Refuses a learning rate that is 0 at the first update already, so that nothing would ever be learned:
/// it goes to the part `lr_end` of itself over `lr_steps` units, of which `before` pass before that
/// update.
///
/// # Errors
/// Names `lr_end`.
pub fn check_learning_rate(lr_end: f64, lr_steps: u64, before: u64) -> Result<(), BadValue> {
    if lr_end > 0.0 || lr_steps > before {
        return Ok(());
    }
    let expected = format!(
        "with --lr-steps {lr_steps} the learning rate is 0 from the first update on: give more --lr-steps"
    );
    Err(BadValue::new("lr_end", lr_end, &expected))
}

/// A hyper-parameter that is a number or a word, as a file may state it: numbers need no quotes.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(untagged, expecting = "a number or a string is expected")]
pub enum Text {
    /// As a number.
    Number(serde_json::Number),
    /// In quotes.
    Quoted(String),
}

impl std::fmt::Display for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Quoted(text) => f.write_str(text),
        }
    }
}

/// A hyper-parameter is out of range.
#[derive(Debug, thiserror::Error)]
#[error("--{flag} {value}: {expected}")]
pub struct BadValue {
    flag: String,
    value: String,
    expected: String,
}

impl BadValue {
    /// `value` is no good for `name`; `expected` says what would be.
    pub fn new(name: &str, value: impl Display, expected: &str) -> Self {
        let flag = name.replace('_', "-");
        Self { flag, value: value.to_string(), expected: expected.to_owned() }
    }

    /// What would be good.
    pub fn expected(&self) -> &str {
        &self.expected
    }

    /// # Errors
    /// Where `value` lies outside `range`; a value that is not a number always does.
    pub fn outside<T: PartialOrd + Display>(
        name: &str,
        value: T,
        range: impl RangeBounds<T>,
    ) -> Result<(), Self> {
        if range.contains(&value) {
            return Ok(());
        }
        let expected = match (range.start_bound(), range.end_bound()) {
            (Bound::Included(low), Bound::Included(high)) => {
                format!("must lie between {low} and {high}")
            }
            (Bound::Included(low), Bound::Excluded(high)) => {
                format!("must be at least {low} and less than {high}")
            }
            (Bound::Included(low), Bound::Unbounded) => format!("must be at least {low}"),
            (Bound::Excluded(low), Bound::Unbounded) => format!("must be more than {low}"),
            (_, Bound::Included(high)) => format!("must be at most {high}"),
            _ => "is out of range".to_owned(),
        };
        Err(Self::new(name, value, &expected))
    }
}

/// A run was to be resumed with other hyper-parameters than it was started with.
#[derive(Debug, thiserror::Error)]
#[error(
    "the run was started with other hyper-parameters:\n{}\nresume it without changing them, or \
     start a new run",
    self.differences()
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

    /// The settings that differ, one a line.
    pub fn differences(&self) -> String {
        self.0.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_which_flag_and_what_is_expected() {
        let told = |error: Result<(), BadValue>| error.unwrap_err().to_string();
        assert!(BadValue::outside("lr", 0.0, 0.0..).is_ok());
        assert_eq!(told(BadValue::outside("lr", f64::NAN, 0.0..)), "--lr NaN: must be at least 0");
        let batch = BadValue::outside("train_every", 0, 1..);
        assert_eq!(told(batch), "--train-every 0: must be at least 1");
        let size = BadValue::outside("lr", 0.0, above(0.0));
        assert_eq!(told(size), "--lr 0: must be more than 0");
        assert!(BadValue::outside("lr", 1e-9, above(0.0)).is_ok());
        let decay = BadValue::outside("decay", 1.0, 0.0..1.0);
        assert_eq!(told(decay), "--decay 1: must be at least 0 and less than 1");
    }

    #[test]
    fn a_learning_rate_that_is_0_from_the_first_update_on_is_refused() {
        for (lr_end, lr_steps, before) in [(0.0, 1, 0), (0.0, 501, 500), (0.1, 0, 0)] {
            assert!(check_learning_rate(lr_end, lr_steps, before).is_ok());
        }
        for (lr_steps, before) in [(0, 0), (500, 500)] {
            let told = check_learning_rate(0.0, lr_steps, before).unwrap_err().to_string();
            let begins =
                format!("--lr-end 0: with --lr-steps {lr_steps} the learning rate is 0 from");
            assert!(told.starts_with(&begins), "{told}");
        }
    }

    #[test]
    fn lists_what_differs() {
        let (saved, now) =
            (serde_json::json!({"a": 1, "b": 2}), serde_json::json!({"a": 1, "c": 3}));
        let told = ConfigChanged::check(&saved, &now).unwrap_err().to_string();
        assert!(told.contains("  b: 2 when started, absent now\n  c: absent when started, 3 now"));
        assert!(ConfigChanged::check(&saved, &saved).is_ok());
    }
}
