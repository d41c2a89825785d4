//! A number that an evaluation found, and how sure it is.
use crate::interval::{student_t, wilson};
use serde::{Deserialize, Serialize};

/// A mean over independent samples and how sure it is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// Mean over the samples.
    pub mean: f64,
    /// The 95 % interval of the mean; `None` where one sample, or none, tells nothing of it.
    pub ci95: Option<[f64; 2]>,
    /// Number of samples.
    pub n: usize,
}

/// Range of the mean of numbers that are never below 0: see [`Measure::within`].
pub const POSITIVE: [f64; 2] = [0.0, f64::INFINITY];

impl Measure {
    /// The mean of `samples` with its interval; NaN where there are none.
    ///
    /// The interval is Student's, mean ∓ t·s/√n with n − 1 degrees of freedom.
    pub fn of(samples: &[f64]) -> Self {
        let n = samples.len();
        let mean = samples.iter().sum::<f64>() / n as f64;
        let squares: f64 = samples.iter().map(|x| (x - mean).powi(2)).sum();
        let error = (squares / (n.max(2) - 1) as f64 / n as f64).sqrt();
        Self::about(mean, error, n)
    }

    /// The mean of `samples`, each `low` or `high`, with Wilson's interval of the share of `high`, between these
    /// two.
    pub fn of_two([low, high]: [f64; 2], samples: &[f64]) -> Self {
        let n = samples.len();
        let mean = samples.iter().sum::<f64>() / n as f64;
        let share = (mean - low) / (high - low);
        let ci95 = wilson(share, n).map(|end| low + (high - low) * end);
        Self { mean, ci95: (n > 1).then_some(ci95), n }
    }

    /// The share of `n` independent samples that `hits` of them are, with Wilson's interval; NaN where there are
    /// none.
    pub fn share(hits: usize, n: usize) -> Self {
        let mean = hits as f64 / n as f64;
        Self { mean, ci95: (n > 1).then(|| wilson(mean, n)), n }
    }

    /// A mean of `n` samples with its standard error, by Student's t with n − 1 degrees of freedom.
    pub fn about(mean: f64, standard_error: f64, n: usize) -> Self {
        let half = student_t(n.saturating_sub(1)) * standard_error;
        Self { mean, ci95: (n > 1).then_some([mean - half, mean + half]), n }
    }

    /// A number that is computed once, from a model or from a whole sample, and has no interval.
    pub fn single(value: f64) -> Self {
        Self { mean: value, ci95: None, n: 1 }
    }

    /// The interval cut to the range that the true mean lies in, as a squared error's does above 0; never so
    /// far that the mean found, which an estimate may carry beyond, is outside.
    #[must_use]
    pub fn within(self, [least, most]: [f64; 2]) -> Self {
        let (least, most) = (least.min(self.mean), most.max(self.mean));
        Self { ci95: self.ci95.map(|[low, high]| [low.max(least), high.min(most)]), ..self }
    }

    /// Measure of the negated samples.
    #[must_use]
    pub fn negated(self) -> Self {
        Self { mean: -self.mean, ci95: self.ci95.map(|[low, high]| [-high, -low]), n: self.n }
    }

    /// The difference of two means of independent samples, with Welch's interval: Student's, with the degrees of freedom of
    /// Welch and Satterthwaite, rounded down. It has none where one of them has none; both are Student's.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        let (mean, n) = (self.mean - other.mean, self.n + other.n);
        if self.ci95.is_none() || other.ci95.is_none() {
            return Self { mean, ci95: None, n };
        }
        let [one, two] = [self, other].map(|measure| measure.standard_error().powi(2));
        let of = |square: f64, n: usize| square * square / (n - 1) as f64;
        let freedom = (one + two).powi(2) / (of(one, self.n) + of(two, other.n));
        // 0/0 where neither varies.
        let freedom = if freedom.is_finite() { (freedom + 1e-9).floor() as usize } else { 1 };
        let half = student_t(freedom) * (one + two).sqrt();
        Self { mean, ci95: Some([mean - half, mean + half]), n }
    }

    /// Returns `true` if all of its interval lies below all of the other's; not where one has none.
    pub fn below(&self, other: &Self) -> bool {
        self.ci95.zip(other.ci95).is_some_and(|([_, high], [low, _])| high < low)
    }

    /// The standard error by which [`about`](Self::about) made the interval; infinite where there is none.
    pub fn standard_error(&self) -> f64 {
        self.ci95.map_or(f64::INFINITY, |[low, high]| {
            (high - low) / 2.0 / student_t(self.n.saturating_sub(1))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn half(measure: Measure) -> f64 {
        let [low, high] = measure.ci95.unwrap();
        assert!((measure.mean - (low + high) / 2.0).abs() < 1e-12, "{measure:?}");
        (high - low) / 2.0
    }

    #[test]
    fn intervals_of_few_samples_by_hand() {
        // Mean 3, variance (4 + 0 + 4) / 2 = 4, standard error 2/√3; t of 2 degrees of freedom.
        let measure = Measure::of(&[1.0, 3.0, 5.0]);
        assert_eq!((measure.mean, measure.n), (3.0, 3));
        assert!((half(measure) - 4.302_652_73 * 2.0 / 3f64.sqrt()).abs() < 1e-7);
        assert!((measure.standard_error() - 2.0 / 3f64.sqrt()).abs() < 1e-12);
        // Standard errors 1 and √2.5 / √5.
        assert!((half(Measure::of(&[4.0, 6.0])) - 12.706_204_74).abs() < 1e-7);
        let five = Measure::of(&[1.0, 2.0, 3.0, 4.0, 5.0]);
        assert!((half(five) - 2.776_445_11 * 0.5f64.sqrt()).abs() < 1e-7);
        assert_eq!(Measure::of(&[2.5; 4]).ci95, Some([2.5, 2.5]));
    }

    #[test]
    fn one_sample_has_no_interval() {
        for measure in [Measure::of(&[42.0]), Measure::of(&[1.0]), Measure::single(42.0)] {
            assert_eq!((measure.ci95, measure.n), (None, 1));
            assert!(measure.standard_error().is_infinite());
        }
        assert_eq!(Measure::of(&[42.0]).mean, 42.0);
        let none = Measure::of(&[]);
        assert!(none.mean.is_nan() && none.ci95.is_none() && none.n == 0);
        let one = serde_json::to_string(&Measure::single(2.0)).unwrap();
        assert_eq!(one, r#"{"mean":2.0,"ci95":null,"n":1}"#);
    }

    #[test]
    fn hits_are_a_share() {
        let hits: Vec<f64> = (0..20).map(|i| f64::from(u8::from(i < 19))).collect();
        let measure = Measure::of_two([0.0, 1.0], &hits);
        assert_eq!(measure, Measure::share(19, 20));
        let [low, high] = measure.ci95.unwrap();
        assert!((low - 0.7639).abs() < 6e-5 && (high - 0.9911).abs() < 6e-5, "{measure:?}");
        // All of 20 is no certainty.
        let least = |two, samples: &[f64]| Measure::of_two(two, samples).ci95.unwrap()[0];
        assert!((least([0.0, 1.0], &[1.0; 20]) - 0.8389).abs() < 6e-5);
        // Two of two: Wilson's share is 0.3424 at least, which is −0.3152 between −1 and 1; of 100, 0.9260.
        assert!((least([-1.0, 1.0], &[1.0; 2]) + 0.3152).abs() < 6e-5);
        assert!((least([-1.0, 1.0], &[1.0; 100]) - 0.9260).abs() < 6e-5);
        // Numbers that happen to be 0 or 1 are no hits.
        assert_eq!(
            half(Measure::of(&[0.0, 1.0])),
            Measure::about(0.5, 0.5, 2).ci95.unwrap()[1] - 0.5
        );
    }

    #[test]
    fn what_cannot_be_is_not_in_an_interval() {
        let errors = Measure::of(&[0.1, 0.3]).within([0.0, f64::INFINITY]);
        let [low, high] = errors.ci95.unwrap();
        assert!(low == 0.0 && (high - (0.2 + 12.706_204_74 * 0.1)).abs() < 1e-7);
        assert_eq!(Measure::single(0.5).within([0.0, 1.0]), Measure::single(0.5));
        // An estimate of log p, which is below 0, of few draws may come out above.
        let bound = Measure::of(&[0.5, 1.5]).within([f64::NEG_INFINITY, 0.0]);
        assert!(bound.mean == 1.0 && bound.ci95.unwrap()[0] < 0.0 && bound.ci95.unwrap()[1] == 1.0);
    }

    #[test]
    fn a_difference_has_welchs_interval() {
        // Squared standard errors 4/3 and 1/4: ν = (19/12)² / ((4/3)²/2 + (1/4)²/1) = 2.6, rounded down to 2.
        let difference = Measure::of(&[1.0, 3.0, 5.0]).minus(&Measure::of(&[0.0, 1.0]));
        let error = (4.0_f64 / 3.0 + 0.25).sqrt();
        let freedom = (4.0_f64 / 3.0 + 0.25).powi(2) / ((4.0_f64 / 3.0).powi(2) / 2.0 + 0.0625);
        assert!((2.0..3.0).contains(&freedom));
        assert_eq!((difference.mean, difference.n), (2.5, 5));
        assert!((half(difference) - 4.302_652_73 * error).abs() < 1e-7);
        // Of equal numbers and errors ν is 2 (n − 1).
        let equal = Measure::of(&[1.0, 3.0, 5.0]).minus(&Measure::of(&[0.0, 2.0, 4.0]));
        assert!((half(equal) - 2.776_445_11 * (8.0_f64 / 3.0).sqrt()).abs() < 1e-7);
        assert_eq!(Measure::of(&[2.0; 3]).minus(&Measure::of(&[1.0; 3])).ci95, Some([1.0, 1.0]));
        assert_eq!(Measure::single(2.0).minus(&Measure::of(&[1.0, 2.0])).ci95, None);
    }

    #[test]
    fn intervals_are_turned_and_compared() {
        let (low, high) = (Measure::about(1.0, 0.1, 9), Measure::about(2.0, 0.2, 9));
        assert!(low.below(&high) && !high.below(&low));
        assert!(high.negated().below(&low.negated()) && high.negated().mean == -2.0);
        assert!(!Measure::single(0.0).below(&high) && !low.below(&Measure::about(1.5, 0.2, 9)));
    }
}
