//! Values that can't be used, and why.
use std::fmt::Display;
use std::ops::{Bound, RangeBounds};

/// The range of numbers greater than `low`, for [`parameters!`](crate::parameters).
pub fn above<T>(low: T) -> (Bound<T>, Bound<T>) {
    (Bound::Excluded(low), Bound::Unbounded)
}

/// A parameter has a value that it can't have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("--{} {value}: {expected}", flag(name))]
pub struct BadValue {
    name: String,
    value: String,
    expected: String,
}

/// The flag of the parameter `name`, without its dashes.
pub fn flag(name: &str) -> String {
    name.replace('_', "-")
}

impl BadValue {
    /// `value` is no good for the parameter `name`; `expected` says what would be.
    pub fn new(name: &str, value: impl Display, expected: &str) -> Self {
        let name = name.replace('-', "_");
        Self { name, value: value.to_string(), expected: expected.to_owned() }
    }

    /// The parameter, as a configuration file writes it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its value.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The values that would be good.
    pub fn expected(&self) -> &str {
        &self.expected
    }

    /// # Errors
    /// If `value` lies outside `range`; NaN always does.
    pub fn outside<T: PartialOrd + Display>(
        name: &str,
        value: T,
        range: impl RangeBounds<T>,
    ) -> Result<(), Self> {
        if range.contains(&value) {
            return Ok(());
        }
        Err(Self::new(name, value, &inside(&range)))
    }
}

/// The condition of lying in a range, in words.
pub fn inside<T: PartialOrd + Display>(range: &impl RangeBounds<T>) -> String {
    match (range.start_bound(), range.end_bound()) {
        (Bound::Included(low), Bound::Included(high)) => {
            format!("must lie between {low} and {high}")
        }
        (Bound::Included(low), Bound::Excluded(high)) => {
            format!("must be at least {low} and less than {high}")
        }
        (Bound::Included(low), Bound::Unbounded) => format!("must be at least {low}"),
        (Bound::Excluded(low), Bound::Unbounded) => format!("must be more than {low}"),
        (Bound::Excluded(low), Bound::Included(high)) => {
            format!("must be more than {low} and at most {high}")
        }
        (_, Bound::Included(high)) => format!("must be at most {high}"),
        _ => "is out of range".to_owned(),
    }
}

/// A range in as few characters as help has room for; empty where it says no more than the kind of number.
pub fn shown<T: PartialOrd + Display>(range: &impl RangeBounds<T>) -> String {
    // The ends of what a type holds, and of what memory holds, are told when they are passed.
    let message = |bound: &T| Some(bound.to_string()).filter(|text| text.len() < 5);
    match (range.start_bound(), range.end_bound()) {
        (Bound::Included(low), Bound::Included(high)) => match (message(low), message(high)) {
            (Some(low), Some(high)) => format!("{low} to {high}"),
            (Some(low), None) => format!("at least {low}"),
            _ => String::new(),
        },
        (Bound::Included(low), Bound::Excluded(high)) => match (message(low), message(high)) {
            (Some(low), Some(high)) => format!("{low} to less than {high}"),
            _ => String::new(),
        },
        (Bound::Included(low), Bound::Unbounded) => {
            message(low).map_or_else(String::new, |low| format!("at least {low}"))
        }
        (Bound::Excluded(low), Bound::Unbounded) => format!("more than {low}"),
        (Bound::Excluded(low), Bound::Included(high)) => match (message(low), message(high)) {
            (Some(low), Some(high)) => format!("more than {low}, at most {high}"),
            _ => String::new(),
        },
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_which_flag_and_what_is_expected() {
        let message = |error: Result<(), BadValue>| error.unwrap_err().to_string();
        assert!(BadValue::outside("lr", 0.0, 0.0..).is_ok());
        assert_eq!(
            message(BadValue::outside("lr", f64::NAN, 0.0..)),
            "--lr NaN: must be at least 0"
        );
        let tau = (Bound::Excluded(0.0), Bound::Included(1.0));
        assert_eq!(
            message(BadValue::outside("tau", 0.0, tau)),
            "--tau 0: must be more than 0 and at most 1"
        );
        assert_eq!(shown(&tau), "more than 0, at most 1");
        let batch = BadValue::outside("train_every", 0, 1..);
        assert_eq!(message(batch), "--train-every 0: must be at least 1");
        let size = BadValue::outside("lr", 0.0, above(0.0));
        assert_eq!(message(size), "--lr 0: must be more than 0");
        assert!(BadValue::outside("lr", 1e-9, above(0.0)).is_ok());
        let decay = BadValue::outside("decay", 1.0, 0.0..1.0);
        assert_eq!(message(decay), "--decay 1: must be at least 0 and less than 1");
    }

    #[test]
    fn ranges_are_shown_as_short_as_can_be() {
        assert_eq!(shown(&(0.0..=1.0)), "0 to 1");
        assert_eq!(shown(&(1..=1 << 20)), "at least 1");
        assert_eq!(shown(&above(0.0)), "more than 0");
        assert_eq!(shown(&(0.0..1.0)), "0 to less than 1");
        assert_eq!(shown(&(f64::MIN..)), "");
    }
}
