//! Importance of each setting of a sweep.
use super::space::{Dimension, Range};
use super::sweep::Point;
use crate::wording;
use params::plain;
use serde::Serialize;

/// Parts that a range is divided into.
const PARTS: usize = 4;

/// Scored configurations below which nothing is said.
pub(crate) const LEAST: usize = 8;

/// Part that one setting has in the differences of scores.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Importance {
    pub(crate) key: String,
    /// The share of the variance of the scores that lies between values of this setting (the correlation ratio η²), a range
    /// taken in quarters. Shares of several settings need not come to 1.
    pub(crate) share: f64,
}

/// The importance of each setting for the scores of configurations, the greatest first. Empty for fewer than eight, or where all
/// scored the same.
pub(crate) fn importance(space: &[Dimension], scored: &[(&Point, f64)]) -> Vec<Importance> {
    let mean = scored.iter().map(|(_, score)| score).sum::<f64>() / scored.len() as f64;
    let total: f64 = scored.iter().map(|(_, score)| (score - mean).powi(2)).sum();
    if scored.len() < LEAST || total == 0.0 {
        return Vec::new();
    }
    let share = |at: usize, range: &Range| {
        let parts = parts(range);
        let mut of = vec![(0.0, 0.0); parts];
        for (point, score) in scored {
            let part = ((range.place(&point[at]) * parts as f64) as usize).min(parts - 1);
            of[part] = (of[part].0 + score, of[part].1 + 1.0);
        }
        let between = of.iter().filter(|(_, n)| *n > 0.0);
        between.map(|(sum, n)| n * (sum / n - mean).powi(2)).sum::<f64>() / total
    };
    let mut all: Vec<_> = space
        .iter()
        .enumerate()
        .map(|(at, Dimension { key, range })| Importance {
            key: key.clone(),
            share: share(at, range),
        })
        .collect();
    all.sort_by(|a, b| b.share.total_cmp(&a.share));
    all
}

/// Values, or parts, of a setting.
pub(crate) fn parts(range: &Range) -> usize {
    match range {
        Range::List(values) => values.len(),
        Range::Between { .. } => PARTS,
    }
}

/// Names of the values, or parts, of a setting.
pub(crate) fn names(range: &Range) -> Vec<String> {
    match range {
        Range::List(values) => values.iter().map(plain).collect(),
        Range::Between { .. } => {
            let from = |part: usize| match range.at(part as f64 / PARTS as f64) {
                value if value.is_f64() => wording::short(value.as_f64().unwrap_or_default()),
                value => plain(&value),
            };
            (0..PARTS).map(|part| format!("≥ {}", from(part))).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn shares_of_variance_by_hand() {
        let list = |value: Value| Range::read(&value, None).unwrap();
        let space = [
            Dimension { key: "a".into(), range: list(json!([1, 2])) },
            Dimension { key: "b".into(), range: list(json!({"low": 0.0, "high": 4.0})) },
        ];
        // a decides but for ±1 by the halves of b: variance 4 between values of a, 1 between parts of b, 5 in all.
        let points: Vec<Point> =
            (0..8).map(|i| vec![json!(i % 2 + 1), json!(f64::from(i / 2) + 0.5)]).collect();
        let score = |i: i32| f64::from(4 * (i % 2)) + if i / 2 < 2 { -1.0 } else { 1.0 };
        let all: Vec<_> = points.iter().zip((0..).map(score)).collect();
        let found = importance(&space, &all);
        assert_eq!([&*found[0].key, &*found[1].key], ["a", "b"]);
        assert!((found[0].share - 0.8).abs() < 1e-12 && (found[1].share - 0.2).abs() < 1e-12);
        assert!(importance(&space, &all[..7]).is_empty());
        assert_eq!(names(&space[0].range), ["1", "2"]);
        assert_eq!(names(&space[1].range), ["≥ 0", "≥ 1", "≥ 2", "≥ 3"]);
    }
}
