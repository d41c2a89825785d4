//! The median stopping rule (Golovin et al. 2017, "Google Vizier: a service for black-box optimization", section 3.2.2).
//!
//! A configuration is stopped at a step if the best score that it has had by then is worse than the median, over all configurations
//! that were trained to their end, of the running averages of their scores up to that step. In the paper these are all that have ended
//! by the time of the question, which depends on who is fast; here they are those of earlier rounds, which does not.
use super::statistics::median;
use serde::{Deserialize, Serialize};

/// The rule as a sweep's file has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MedianRule {
    /// Equal parts of the steps of a run, at the end of each of which it is looked at.
    pub(crate) checks: u64,
    /// Configurations of the first round, none of which is stopped.
    pub(crate) startup: usize,
    /// Steps before which none is stopped.
    pub(crate) warmup: u64,
}

impl MedianRule {
    /// The steps of the next look at a run of `full` steps that has `steps`.
    pub(crate) fn next(self, full: u64, steps: u64) -> u64 {
        let at = |check| (u128::from(full) * u128::from(check) / u128::from(self.checks)) as u64;
        (1..self.checks).map(at).find(|next| *next > steps).unwrap_or(full)
    }

    /// Test whether a configuration with these scores at its looks so far, of which the last was at `steps`, is stopped, by the scores
    /// at all looks of those that came to their end; higher is better.
    pub(crate) fn stops(self, own: &[f64], steps: u64, ended: &[Vec<f64>]) -> bool {
        let mean = |scores: &Vec<f64>| scores[..own.len()].iter().sum::<f64>() / own.len() as f64;
        let averages: Vec<f64> =
            ended.iter().filter(|scores| scores.len() >= own.len()).map(mean).collect();
        if steps < self.warmup || averages.is_empty() || own.is_empty() {
            return false;
        }
        let best = own.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        best < median(&[averages])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: MedianRule = MedianRule { checks: 4, startup: 3, warmup: 0 };

    #[test]
    fn looks_are_evenly_apart() {
        let looks = |checks, full| {
            let rule = MedianRule { checks, ..RULE };
            let mut looks = vec![rule.next(full, 0)];
            while looks[looks.len() - 1] < full {
                looks.push(rule.next(full, looks[looks.len() - 1]));
            }
            looks
        };
        assert_eq!(looks(4, 1000), [250, 500, 750, 1000]);
        assert_eq!(looks(3, 1000), [333, 666, 1000]);
        // As many as there are steps.
        assert_eq!(looks(5, 3), [1, 2, 3]);
        assert_eq!(looks(2, u64::MAX), [u64::MAX / 2, u64::MAX]);
    }

    #[test]
    fn medians_of_running_averages_by_hand() {
        let ended = [vec![1.0, 3.0, 8.0], vec![2.0, 2.0, 2.0], vec![5.0, 5.0, 5.0]];
        let stops = |own: &[f64]| RULE.stops(own, 250 * own.len() as u64, &ended);
        // Averages 1, 2, 5 at the first look, 2, 2, 5 at the second, 4, 2, 5 at the third.
        assert!(stops(&[1.9]) && !stops(&[2.0]) && !stops(&[9.0]));
        assert!(stops(&[0.0, 1.9]) && stops(&[1.9, 0.0]) && !stops(&[0.0, 2.0]));
        assert!(stops(&[0.0, 3.9, 0.0]) && !stops(&[0.0, 4.0, 0.0]), "the best so far counts");
        // Of two the median is the mean: 1.5.
        assert!(RULE.stops(&[1.4], 250, &ended[..2]) && !RULE.stops(&[1.5], 250, &ended[..2]));
        // None has come to its end, or it is too early.
        assert!(!RULE.stops(&[-9.0], 250, &[]));
        // One with fewer looks says nothing of later ones.
        assert!(!RULE.stops(&[0.0, 0.0], 500, &[vec![9.0]]));
        let late = MedianRule { warmup: 500, ..RULE };
        assert!(!late.stops(&[-9.0], 250, &ended) && late.stops(&[-9.0, -9.0], 500, &ended));
    }
}
