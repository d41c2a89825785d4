//! Step size α of a table's values, as a hyper-parameter.
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use train::Text;

/// α as a hyper-parameter.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "train::Text")]
pub enum StepSize {
    /// A constant.
    Of(f64),
    /// 1/n^w at the nth visit: with w = 1 the mean of what has been seen. Where ½ < w ≤ 1 the values
    /// converge (Robbins & Monro 1951).
    Visits(f64),
}

impl StepSize {
    /// α at the `n`th visit, counted from 1.
    pub fn at(self, n: u32) -> f64 {
        match self {
            Self::Of(alpha) => alpha,
            Self::Visits(1.0) => f64::from(n).recip(),
            Self::Visits(power) => f64::from(n).powf(-power),
        }
    }
}

impl FromStr for StepSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let positive = |text: &str| text.parse().ok().filter(|x| *x > 0.0 && *x <= 1.0);
        let size = match text.strip_prefix("1/n") {
            Some("") => Some(Self::Visits(1.0)),
            Some(power) => power.strip_prefix('^').and_then(positive).map(Self::Visits),
            None => positive(text).map(Self::Of),
        };
        size.ok_or_else(|| {
            "a number above 0 and at most 1 is expected, or `1/n`, or `1/n^0.8`".to_owned()
        })
    }
}

impl fmt::Display for StepSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Of(alpha) => write!(f, "{alpha}"),
            Self::Visits(1.0) => f.write_str("1/n"),
            Self::Visits(power) => write!(f, "1/n^{power}"),
        }
    }
}

impl From<StepSize> for String {
    fn from(size: StepSize) -> Self {
        size.to_string()
    }
}

impl TryFrom<Text> for StepSize {
    type Error = String;

    fn try_from(text: Text) -> Result<Self, String> {
        text.to_string().parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn step_sizes() {
        let parse = |text: &str| text.parse::<StepSize>();
        for (text, size, second) in [
            ("0.1", StepSize::Of(0.1), 0.1),
            ("1/n", StepSize::Visits(1.0), 0.5),
            ("1/n^0.5", StepSize::Visits(0.5), 0.5f64.sqrt()),
        ] {
            assert_eq!((parse(text).unwrap(), size.to_string()), (size, text.to_owned()));
            assert!((size.at(2) - second).abs() < 1e-15 && (text == "0.1" || size.at(1) == 1.0));
        }
        for wrong in ["0", "1.5", "-0.1", "NaN", "1/n^", "1/n^2", "1/n0.8", "n"] {
            assert!(parse(wrong).unwrap_err().contains("1/n^0.8"), "{wrong}");
        }
    }
}
