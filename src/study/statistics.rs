//! Statistics of a few runs (Agarwal et al. 2021, "Deep reinforcement learning at the edge of the statistical
//! precipice"): interquartile mean, stratified bootstrap, probability of improvement, performance profiles.
use rand::Rng as _;
use train::{Rng, stream};

/// Resamples of a bootstrap.
const RESAMPLES: usize = 10_000;

/// Scores of one algorithm: for each task those of its runs.
pub type Scores = Vec<Vec<f64>>;

/// The mean of the middle half of all scores: of n sorted scores, ⌊n/4⌋ are left out at either end. NaN where there are
/// none.
pub fn interquartile_mean(scores: &[Vec<f64>]) -> f64 {
    let mut all = scores.concat();
    all.sort_by(f64::total_cmp);
    let cut = all.len() / 4;
    mean(&all[cut..all.len() - cut])
}

/// The middle score of all, or the mean of the middle two. NaN where there are none.
pub fn median(scores: &[Vec<f64>]) -> f64 {
    let mut all = scores.concat();
    all.sort_by(f64::total_cmp);
    percentile(&all, 0.5)
}

fn mean(scores: &[f64]) -> f64 {
    scores.iter().sum::<f64>() / scores.len() as f64
}

/// The 95 % interval of a statistic, by the percentiles of its stratified bootstrap: runs are drawn with replacement within
/// each task. `None` where a task has one run or none, which tells nothing of how much runs differ.
pub fn bootstrap(scores: &[Vec<f64>], statistic: impl Fn(&[Vec<f64>]) -> f64) -> Option<[f64; 2]> {
    bootstrap_of([scores], |[scores]| statistic(scores))
}

/// [`bootstrap`] of a statistic of two algorithms.
pub fn bootstrap_of_two(
    one: &[Vec<f64>],
    other: &[Vec<f64>],
    statistic: impl Fn(&[Vec<f64>], &[Vec<f64>]) -> f64,
) -> Option<[f64; 2]> {
    bootstrap_of([one, other], |[one, other]| statistic(one, other))
}

fn bootstrap_of<const N: usize>(
    scores: [&[Vec<f64>]; N],
    statistic: impl Fn([&[Vec<f64>]; N]) -> f64,
) -> Option<[f64; 2]> {
    let tasks = || scores.iter().copied().flatten();
    if tasks().next().is_none() || tasks().any(|runs| runs.len() < 2) {
        return None;
    }
    // The same scores have the same interval.
    let mut rng = stream(0, "bootstrap");
    let mut drawn = scores.map(<[Vec<f64>]>::to_vec);
    let mut found: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            for (from, to) in scores.iter().zip(&mut drawn) {
                from.iter().zip(to).for_each(|(from, to)| redraw(from, to, &mut rng));
            }
            statistic(drawn.each_ref().map(Vec::as_slice))
        })
        .collect();
    found.sort_by(f64::total_cmp);
    Some([0.025, 0.975].map(|share| percentile(&found, share)))
}

fn redraw(from: &[f64], to: &mut [f64], rng: &mut Rng) {
    to.iter_mut().for_each(|to| *to = from[rng.random_range(0..from.len())]);
}

/// The number below which a `share` of sorted numbers lie, interpolated between two of them. NaN where there are none.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let at = share * sorted.len().saturating_sub(1) as f64;
    let (below, above) = (at.floor() as usize, at.ceil() as usize);
    let Some((low, high)) = sorted.get(below).zip(sorted.get(above)) else { return f64::NAN };
    if low == high { *low } else { low + (high - low) * at.fract() }
}

/// The probability that a run of `one` scores higher than a run of `other` on a task drawn at random, where a tie counts half.
/// Both have the same tasks.
pub fn probability_of_improvement(one: &[Vec<f64>], other: &[Vec<f64>]) -> f64 {
    let of_task = |(one, other): (&Vec<f64>, &Vec<f64>)| {
        let wins = one.iter().flat_map(|x| {
            other.iter().map(move |y| if x > y { 1.0 } else { 0.5 * f64::from(u8::from(x == y)) })
        });
        wins.sum::<f64>() / (one.len() * other.len()) as f64
    };
    one.iter().zip(other).map(of_task).sum::<f64>() / one.len() as f64
}

/// For each threshold the share of all runs that score above it.
pub fn profile(scores: &[Vec<f64>], thresholds: &[f64]) -> Vec<f64> {
    let all = scores.concat();
    let above = |threshold: &f64| all.iter().filter(|score| *score > threshold).count();
    thresholds.iter().map(|threshold| above(threshold) as f64 / all.len() as f64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_half_by_hand() {
        assert_eq!(interquartile_mean(&[vec![100.0, 1.0, 2.0, 3.0, -50.0]]), 2.0);
        // Eight scores of two tasks: 2, 3, 4 and 5 are left.
        let two = [vec![1.0, 8.0, 2.0, 3.0], vec![4.0, 5.0, 0.0, 9.0]];
        assert_eq!(interquartile_mean(&two), 3.5);
        assert_eq!(interquartile_mean(&[vec![1.0, 2.0, 6.0]]), 3.0);
        assert!(interquartile_mean(&[]).is_nan() && median(&[vec![]]).is_nan());
        assert_eq!([median(&two), median(&[vec![7.0, 1.0, 2.0]])], [3.5, 2.0]);
    }

    #[test]
    fn percentiles_are_interpolated() {
        let sorted = [0.0, 10.0, 20.0, 30.0];
        assert_eq!(
            [0.0, 0.5, 0.9, 1.0].map(|share| percentile(&sorted, share)),
            [0.0, 15.0, 27.0, 30.0]
        );
    }

    /// Of two runs 0 and 1, the mean of a resample is 0, ½, ½ or 1 with a probability of a quarter each: the interval is
    /// all of it. Of 0, 0, 0 and 1 it is binomial, of which 2.5 % are 0 (31.6 %), and 97.5 % at most ¾ (99.6 %).
    #[test]
    fn an_interval_by_enumeration() {
        let mean = |scores: &[Vec<f64>]| mean(&scores[0]);
        assert_eq!(bootstrap(&[vec![0.0, 1.0]], mean), Some([0.0, 1.0]));
        assert_eq!(bootstrap(&[vec![0.0, 0.0, 0.0, 1.0]], mean), Some([0.0, 0.75]));
        assert_eq!(bootstrap(&[vec![2.0; 5]], mean), Some([2.0, 2.0]));
        assert_eq!(bootstrap(&[vec![1.0]], mean), None);
        assert_eq!(bootstrap(&[], mean), None);
    }

    /// Runs stay within their task: with two tasks, all of whose runs are the same, nothing varies.
    #[test]
    fn the_bootstrap_is_stratified() {
        let scores = [vec![0.0; 4], vec![10.0; 4]];
        assert_eq!(bootstrap(&scores, interquartile_mean), Some([5.0, 5.0]));
    }

    #[test]
    fn improvement_by_counting_pairs() {
        // 2 > 1, 2 = 2 ; 3 > 1, 3 > 2: 3.5 of 4; in the second task none.
        let (one, other) = ([vec![2.0, 3.0], vec![0.0]], [vec![1.0, 2.0], vec![5.0]]);
        assert_eq!(probability_of_improvement(&one, &other), (0.875 + 0.0) / 2.0);
        assert_eq!(probability_of_improvement(&other, &one), (0.125 + 1.0) / 2.0);
        let same = [vec![1.0, 1.0]];
        assert_eq!(probability_of_improvement(&same, &same), 0.5);
        let of_two =
            bootstrap_of_two(&[vec![2.0, 3.0]], &[vec![0.0, 1.0]], probability_of_improvement);
        assert_eq!(of_two, Some([1.0, 1.0]));
    }

    #[test]
    fn a_profile_falls() {
        let scores = [vec![0.0, 1.0], vec![1.0, 2.0]];
        assert_eq!(profile(&scores, &[-1.0, 0.0, 1.0, 2.0]), [1.0, 0.75, 0.25, 0.0]);
    }
}
