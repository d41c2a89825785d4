//! Discount γ as a hyper-parameter.
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use train::{Log, Text};

/// γ as a hyper-parameter: a number, or the one the problem is usually stated with.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(into = "String", try_from = "train::Text")]
pub enum Discount {
    /// `own`: [`Mdp::discount`](envs::Mdp::discount).
    #[default]
    Own,
    /// This number, between 0 and 1.
    Of(f64),
}

impl FromStr for Discount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(gamma) if (0.0..=1.0).contains(&gamma) => Ok(Self::Of(gamma)),
            _ if text == "own" => Ok(Self::Own),
            _ => Err("a number between 0 and 1 is expected, or `own`".to_owned()),
        }
    }
}

impl fmt::Display for Discount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => f.write_str("own"),
            Self::Of(gamma) => write!(f, "{gamma}"),
        }
    }
}

impl From<Discount> for String {
    fn from(discount: Discount) -> Self {
        discount.to_string()
    }
}

impl TryFrom<Text> for Discount {
    type Error = String;

    fn try_from(text: Text) -> Result<Self, String> {
        text.to_string().parse()
    }
}

/// 1 − γ that tabular learners of control take for γ = 1.
pub(crate) const TABLE_HASTE: f64 = 1e-9;

/// 1 − γ that learners with approximate values take for γ = 1: more than their errors, or these decide.
pub(crate) const APPROXIMATE_HASTE: f64 = 1e-2;

/// Tells with the first transition that γ = 1 is learned as a little less.
pub(crate) fn note_haste(gamma: f64, seen: u64, log: &mut Log) {
    if gamma == 1.0 && seen == 0 {
        let sentence = "γ = 1 is learned as 0.99: at 1 the values of loops that cost nothing sustain themselves";
        log.note(sentence.to_owned());
    }
}

/// γ as learners of control take it: a little less where it is 1.
///
/// The discount just below 1 at which optimal values are unique. Where a loop costs nothing, the
/// equation of optimal values has more than one solution at γ = 1: an overestimate of its states
/// sustains itself, and going round for ever ties with ending. With γ a little below 1 there is one
/// solution, which comes to that of the ways to an end as γ goes to 1, and in which sooner is better
/// (the perturbation of Bertsekas 2018, "Proper Policies in Infinite-State Stochastic Shortest Path
/// Problems", by a discount in place of a cost, so that the unit of rewards does not matter).
pub(crate) fn hastened(gamma: f64, haste: f64) -> f64 {
    if gamma == 1.0 { 1.0 - haste } else { gamma }
}
