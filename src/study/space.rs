//! The values among which a sweep chooses: lists and ranges.
use rand::Rng as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use train::Rng;

/// One setting that is varied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Dimension {
    /// Its name; that of an option of the environment or data set as `env_args.NAME`.
    pub(crate) key: String,
    pub(crate) range: Range,
}

/// Values of a setting. Each has a place in the unit interval, by which searches work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Range {
    /// One of these.
    List(Vec<Value>),
    /// Any number between the two, both included; `log`: equally likely in each decade.
    Between { low: f64, high: f64, log: bool, whole: bool },
}

impl Range {
    /// Reads a list, or `{ low = …, high = …, scale = "log" }`. `whole`: whether the setting takes whole numbers; where that is
    /// not known, its ends say so.
    ///
    /// # Errors
    /// A sentence, if it is neither.
    pub(crate) fn read(value: &Value, whole: Option<bool>) -> Result<Self, String> {
        match value {
            Value::Array(values) if values.is_empty() => Err("it lists no value".to_owned()),
            Value::Array(values) => {
                let twice =
                    values.iter().enumerate().find(|(at, value)| values[..*at].contains(value));
                match twice {
                    Some((_, value)) => Err(format!("{value} is listed twice")),
                    None => Ok(Self::List(values.clone())),
                }
            }
            Value::Object(range) => {
                if let Some(key) =
                    range.keys().find(|key| !["low", "high", "scale"].contains(&key.as_str()))
                {
                    return Err(format!("`{key}` is none of low, high and scale"));
                }
                let end = |key: &str| range.get(key).and_then(Value::as_f64);
                let (Some(low), Some(high)) = (end("low"), end("high")) else {
                    return Err("a range has two numbers, low and high".to_owned());
                };
                let log = match range.get("scale").map(|scale| scale.as_str()) {
                    None | Some(Some("linear")) => false,
                    Some(Some("log")) => true,
                    _ => return Err("scale is \"linear\" or \"log\"".to_owned()),
                };
                if low >= high {
                    return Err(format!("low = {low} is not below high = {high}"));
                }
                if log && low <= 0.0 {
                    return Err(format!("low = {low}: a range with scale = \"log\" lies above 0"));
                }
                let ends = [&range["low"], &range["high"]];
                let whole =
                    whole.unwrap_or_else(|| ends.iter().all(|end| end.is_u64() || end.is_i64()));
                if whole && [low, high].iter().any(|end| end.fract() != 0.0 || *end < 0.0) {
                    return Err("whole numbers are expected".to_owned());
                }
                Ok(Self::Between { low, high, log, whole })
            }
            _ => Err("a list of values, or a range { low = …, high = … }, is expected".to_owned()),
        }
    }

    /// The value at a place of the unit interval.
    pub(crate) fn at(&self, unit: f64) -> Value {
        match self {
            Self::List(values) => {
                let at = (unit * values.len() as f64) as usize;
                values[at.min(values.len() - 1)].clone()
            }
            Self::Between { low, high, log, whole } => {
                // Of whole numbers each has the same share, those at the ends too.
                let half = if *whole { 0.5 } else { 0.0 };
                let [from, to] = [low - half, high + half];
                let value = match log {
                    true => (from.max(low / 2.0).ln() * (1.0 - unit) + to.ln() * unit).exp(),
                    false => from + (to - from) * unit,
                };
                match whole {
                    true => Value::from(value.round().clamp(*low, *high) as u64),
                    false => Value::from(value.clamp(*low, *high)),
                }
            }
        }
    }

    /// The place of a value in the unit interval.
    pub(crate) fn place(&self, value: &Value) -> f64 {
        match self {
            Self::List(values) => {
                let at = values.iter().position(|other| other == value).unwrap_or(0);
                (at as f64 + 0.5) / values.len() as f64
            }
            Self::Between { low, high, log, whole } => {
                let half = if *whole { 0.5 } else { 0.0 };
                let value = value.as_f64().unwrap_or(*low);
                let [from, to] = [low - half, high + half];
                let place = match log {
                    true => {
                        let from = from.max(low / 2.0).ln();
                        (value.ln() - from) / (to.ln() - from)
                    }
                    false => (value - from) / (to - from),
                };
                place.clamp(0.0, 1.0)
            }
        }
    }

    /// A value, each equally likely.
    pub(crate) fn draw(&self, rng: &mut Rng) -> Value {
        self.at(rng.random_range(0.0..1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: Value) -> Range {
        Range::read(&value, None).unwrap()
    }

    #[test]
    fn places_of_the_unit_interval() {
        let list = read(json!(["a", "b", 3]));
        assert_eq!(
            [0.0, 0.34, 0.999, 1.0].map(|unit| list.at(unit)),
            [json!("a"), json!("b"), json!(3), json!(3)]
        );
        let linear = read(json!({"low": 1.0, "high": 3.0}));
        assert_eq!(linear.at(0.25), json!(1.5));
        let log = read(json!({"low": 1e-4, "high": 1e-2, "scale": "log"}));
        assert!((log.at(0.5).as_f64().unwrap() - 1e-3).abs() < 1e-12);
        let whole = read(json!({"low": 1, "high": 4}));
        let drawn: Vec<_> = (0..8).map(|i| whole.at((f64::from(i) + 0.5) / 8.0)).collect();
        assert_eq!(json!(drawn), json!([1, 1, 2, 2, 3, 3, 4, 4]));
        assert_eq!(
            Range::read(&json!({"low": 1, "high": 4}), Some(false)).unwrap().at(0.5),
            json!(2.5)
        );
        for range in [list, linear, log, whole] {
            for i in 0..20 {
                let value = range.at(f64::from(i) / 19.0);
                assert_eq!(
                    range.at(range.place(&value)).to_string()[..1],
                    value.to_string()[..1],
                    "{range:?}"
                );
            }
        }
    }

    #[test]
    fn what_is_no_range_is_refused() {
        let refused = |value: Value, why: &str| {
            let error = Range::read(&value, None).unwrap_err();
            assert!(error.contains(why), "{error}");
        };
        refused(json!([]), "lists no value");
        refused(json!(3), "a list of values, or a range");
        refused(json!({"low": 1}), "two numbers");
        refused(json!({"low": 1, "high": "b"}), "two numbers");
        refused(json!({"low": 2, "high": 1}), "not below");
        refused(json!({"low": 0, "high": 1, "scale": "log"}), "above 0");
        refused(json!({"low": 1, "high": 2, "scale": "ln"}), "scale is");
        refused(json!({"low": 1, "hihg": 2}), "`hihg` is none of");
        assert!(Range::read(&json!({"low": 0.5, "high": 2}), Some(true)).is_err());
    }
}
