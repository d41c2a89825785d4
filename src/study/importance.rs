//! Importance of each setting of a sweep.
use super::rounds::Tried;
use super::space::{Dimension, Range};
use crate::wording;
use params::plain;
use serde::Serialize;

/// Parts that a range is divided into.
const PARTS: usize = 4;

/// Scored configurations below which nothing is said.
const LEAST: usize = 8;

/// Part that one setting has in the differences of scores.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Importance {
    pub(crate) key: String,
    /// The share of the variance of the scores that lies between values of this setting (the correlation ratio η²), a range
    /// taken in quarters. Shares of several settings need not come to 1.
    pub(crate) share: f64,
}

/// The importance of each setting, the greatest first. Empty for fewer than eight scored configurations, or where all scored the
/// same.
pub(crate) fn importance(space: &[Dimension], tried: &[Tried]) -> Vec<Importance> {
    let scores: Vec<f64> = tried.iter().filter_map(|tried| tried.score).collect();
    let mean = scores.iter().sum::<f64>() / scores.len() as f64;
    let total: f64 = scores.iter().map(|score| (score - mean).powi(2)).sum();
    if scores.len() < LEAST || total == 0.0 {
        return Vec::new();
    }
    let share = |at: usize, range: &Range| {
        let parts = parts(range);
        let mut of = vec![(0.0, 0.0); parts];
        for tried in tried {
            let Some(score) = tried.score else { continue };
            let part = ((range.place(&tried.point[at]) * parts as f64) as usize).min(parts - 1);
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

    fn tried(point: [Value; 2], score: Option<f64>) -> Tried {
        Tried { configuration: 0, steps: 1, score, point: point.to_vec(), round: 0 }
    }

    #[test]
    fn shares_of_variance_by_hand() {
        let list = |value: Value| Range::read(&value, None).unwrap();
        let space = [
            Dimension { key: "a".into(), range: list(json!([1, 2])) },
            Dimension { key: "b".into(), range: list(json!({"low": 0.0, "high": 4.0})) },
        ];
        // a decides but for ±1 by the halves of b: variance 4 between values of a, 1 between parts of b, 5 in all.
        let all: Vec<_> = (0..8)
            .map(|i| {
                let (a, b) = (i % 2, i / 2);
                let score = f64::from(4 * a) + if b < 2 { -1.0 } else { 1.0 };
                tried([json!(a + 1), json!(f64::from(b) + 0.5)], Some(score))
            })
            .collect();
        let found = importance(&space, &all);
        assert_eq!([&*found[0].key, &*found[1].key], ["a", "b"]);
        assert!((found[0].share - 0.8).abs() < 1e-12 && (found[1].share - 0.2).abs() < 1e-12);
        assert!(importance(&space, &all[..7]).is_empty());
        // One that failed counts for nothing.
        let failed = [all.clone(), vec![tried([json!(1), json!(0.5)], None)]].concat();
        assert_eq!(importance(&space, &failed), found);
        assert_eq!(names(&space[0].range), ["1", "2"]);
        assert_eq!(names(&space[1].range), ["≥ 0", "≥ 1", "≥ 2", "≥ 3"]);
    }
}
