//! What an evaluation found.
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The measures of one evaluation, and the one that decides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Higher is better: what `--target`, `--patience` and the best checkpoint look at.
    pub score: f64,
    /// Measure by name, with its unit in the name where it has one.
    pub measures: BTreeMap<String, Measure>,
}

impl Evaluation {
    /// An evaluation by one measure of which more is better.
    pub fn of(name: &str, samples: &[f64]) -> Self {
        let measure = Measure::of(samples);
        Self { score: measure.mean, measures: BTreeMap::from([(name.to_owned(), measure)]) }
    }
}

/// A mean over independent samples and how sure it is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// Mean over the samples.
    pub mean: f64,
    /// Mean ∓ 1.96 standard errors: the 95 % interval of the mean for many samples.
    pub ci95: [f64; 2],
    /// Number of samples.
    pub n: usize,
}

impl Measure {
    /// The mean of `samples` with its interval; NaN where there are none.
    pub fn of(samples: &[f64]) -> Self {
        let n = samples.len();
        let mean = samples.iter().sum::<f64>() / n as f64;
        let squares: f64 = samples.iter().map(|x| (x - mean).powi(2)).sum();
        let half = match n {
            0 | 1 => 0.0,
            _ => 1.96 * (squares / (n - 1) as f64 / n as f64).sqrt(),
        };
        Self { mean, ci95: [mean - half, mean + half], n }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interval_by_hand() {
        // Mean 3, variance (4 + 0 + 4) / 2 = 4, standard error 2/√3.
        let measure = Measure::of(&[1.0, 3.0, 5.0]);
        assert_eq!(measure.mean, 3.0);
        assert!((measure.ci95[1] - 3.0 - 1.96 * 2.0 / 3f64.sqrt()).abs() < 1e-12);
        assert_eq!(Measure::of(&[7.0]).ci95, [7.0, 7.0]);
    }
}
