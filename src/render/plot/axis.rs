//! The axes of a curve: what they show, and what is written on them.

use std::ops::Range;

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::coord::types::RangedCoordf64;

use super::panel::Scale;

/// Values that are never negative and span more than this are drawn on a logarithmic axis.
const LOGARITHMIC: f64 = 1e4;

/// A linear or a logarithmic axis, or one of names.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Axis {
    Linear(Range<f64>),
    /// Logarithmic range; values below it, such as 0, are drawn at its end.
    Logarithmic(Range<f64>),
    /// Each at its number.
    Names(Vec<String>),
    /// From 0 to 1, without numbers.
    Unit,
}

impl Axis {
    /// Axis of kind `scale` for these values.
    pub(super) fn scaled(scale: &Scale, values: impl Iterator<Item = f64>) -> Self {
        match scale {
            Scale::Auto => Self::of(values),
            Scale::Linear => Self::linear(values),
            Scale::Names(names) => Self::Names(names.clone()),
            Scale::Unit => Self::Unit,
            Scale::Logarithmic => {
                let (low, high) = values
                    .filter(|value| *value > 0.0)
                    .fold((f64::INFINITY, 0.0), |(low, high), v| (v.min(low), v.max(high)));
                // Never empty, also where all values are the same, or none is above 0.
                let (low, high) = if low > high { (0.1, 1.0) } else { (low, high) };
                let margin = (high / low).powf(0.04).max(1.1);
                Self::Logarithmic(low / margin..high * margin)
            }
        }
    }

    /// Logarithmic where no value is negative and the largest is more than 10 000 times the smallest
    /// above 0; else linear.
    pub(super) fn of(values: impl Iterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.collect();
        let positive = values.iter().copied().filter(|value| *value > 0.0);
        let smallest = positive.fold(f64::INFINITY, f64::min);
        let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if values.iter().any(|value| *value < 0.0) || largest <= LOGARITHMIC * smallest {
            return Self::linear(values.into_iter());
        }
        let margin = (largest / smallest).powf(0.04);
        Self::Logarithmic(smallest / margin..largest * margin)
    }

    /// A little more than the values, and never empty.
    pub(super) fn linear(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = values
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        if low > high {
            return Self::Linear(0.0..1.0);
        }
        let (span, largest) = (high - low, low.abs().max(high.abs()));
        let margin = match largest {
            0.0 => 1.0,
            // Constant, but for rounding: labels that tell such values apart would not fit.
            _ if span < 1e-3 * largest => 0.05 * largest,
            _ => 0.04 * span,
        };
        Self::Linear(low - margin..high + margin)
    }

    /// The axis with room for the ends of bands; a logarithmic one stays as the values have it, since an
    /// interval may reach to 0.
    pub(super) fn with_band(self, ends: impl Iterator<Item = f64>) -> Self {
        let Self::Linear(range) = self else { return self };
        let beyond: Vec<f64> = ends.filter(|end| !range.contains(end)).collect();
        if beyond.is_empty() {
            return Self::Linear(range);
        }
        Self::linear(beyond.into_iter().chain([range.start, range.end]))
    }

    /// The nearest value that lies on the axis.
    pub(super) fn nearest(&self, value: f64) -> f64 {
        let range = self.range();
        value.clamp(range.start, range.end)
    }

    /// Label of the tick at a value.
    pub(super) fn label(&self, value: f64) -> String {
        match self {
            Self::Linear(range) => tick(value, range.end - range.start),
            Self::Logarithmic(_) if (0.01..1e4).contains(&value) => format!("{value}"),
            Self::Logarithmic(_) => format!("{value:e}"),
            Self::Names(names) => names.get(value.round() as usize).cloned().unwrap_or_default(),
            Self::Unit => String::new(),
        }
    }

    /// Ticks at most: every name has one.
    pub(super) fn ticks(&self) -> usize {
        match self {
            Self::Names(names) => names.len(),
            _ => 6,
        }
    }
}

impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        match self {
            Self::Linear(_) | Self::Names(_) | Self::Unit => {
                RangedCoordf64::from(self.range()).map(value, limit)
            }
            Self::Logarithmic(range) => {
                let part =
                    (value.max(range.start) / range.start).ln() / (range.end / range.start).ln();
                limit.0 + (part * f64::from(limit.1 - limit.0)).round() as i32
            }
        }
    }

    fn key_points<H: KeyPointHint>(&self, hint: H) -> Vec<f64> {
        match self {
            Self::Linear(range) => RangedCoordf64::from(range.clone()).key_points(hint),
            Self::Logarithmic(range) => decades(range, hint.max_num_points()),
            Self::Names(names) => (0..names.len()).map(|place| place as f64).collect(),
            Self::Unit => vec![0.0, 1.0],
        }
    }

    fn range(&self) -> Range<f64> {
        match self {
            Self::Linear(range) | Self::Logarithmic(range) => range.clone(),
            Self::Names(names) => -0.5..names.len() as f64 - 0.5,
            Self::Unit => -0.04..1.04,
        }
    }
}

/// Powers of ten inside a range, at most so many, evenly apart; where there is hardly one, their halves
/// and fifths too.
fn decades(range: &Range<f64>, most: usize) -> Vec<f64> {
    let (first, last) = (range.start.log10().ceil() as i32, range.end.log10().floor() as i32);
    if last - first < 1 {
        let digits = (first - 1..=last).flat_map(|power| [1, 2, 5].map(|digit| (digit, power)));
        let parsed = digits.filter_map(|(digit, power)| format!("{digit}e{power}").parse().ok());
        return parsed.filter(|value| range.contains(value)).collect();
    }
    let count = (last - first + 1).max(0) as usize;
    let stride = count.div_ceil(most.max(1)).max(1);
    // Multiples, so that 1 is among them wherever it is in the range. Parsed, powers are exact.
    let inside = (first..=last).filter(|power| power.rem_euclid(stride as i32) == 0);
    inside.filter_map(|power| format!("1e{power}").parse().ok()).collect()
}

/// A label on an axis of the given span: 200k, 1.5M, 0.25, 3e-7.
fn tick(value: f64, span: f64) -> String {
    let size = value.abs();
    // Ticks are sums of steps, which miss zero by a rounding error.
    if size < 1e-6 * span {
        return "0".into();
    }
    let (unit, suffix) = match size {
        1e9.. => (1e9, "G"),
        1e6.. => (1e6, "M"),
        1e3.. => (1e3, "k"),
        _ => (1.0, ""),
    };
    let trim = |digits: &str| digits.trim_end_matches('0').trim_end_matches('.').to_owned();
    if span < 1e-3 || size >= 1e12 {
        let text = format!("{value:.4e}");
        return match text.split_once('e') {
            Some((digits, power)) => format!("{}e{power}", trim(digits)),
            None => text,
        };
    }
    let decimals = (2.0 - (span / unit).log10()).ceil().max(1.0) as usize;
    trim(&format!("{:.decimals$}", value / unit)) + suffix
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_short_and_exact() {
        assert_eq!(tick(200_000.0, 1e6), "200k");
        assert_eq!(tick(1_000_000.0, 1e6), "1M");
        assert_eq!(tick(1_250_000.0, 1e6), "1.25M");
        assert_eq!(tick(0.25, 1.25), "0.25");
        assert_eq!(tick(100.0, 500.0), "100");
        assert_eq!(tick(-1e-17, 1.0), "0");
        assert_eq!(tick(-3e-7, 1e-6), "-3e-7");
        assert_eq!(tick(2e37, 1e38), "2e37");
    }

    #[test]
    fn axes_have_a_height_even_for_one_value() {
        for value in [0.0, -7.0, 500.0, 1e-9] {
            let range = Axis::of([value, value].into_iter()).range();
            assert!(range.start < value && value < range.end, "{range:?}");
        }
        assert_eq!(Axis::of(std::iter::empty()), Axis::Linear(0.0..1.0));
    }

    #[test]
    fn only_positive_values_over_many_decades_are_drawn_logarithmically() {
        let logarithmic =
            |values: &[f64]| matches!(Axis::of(values.iter().copied()), Axis::Logarithmic(_));
        assert!(logarithmic(&[1.0, 1e-3, 1e-10]));
        assert!(logarithmic(&[1.0, 1e-5, 0.0]), "an error that becomes 0");
        assert!(!logarithmic(&[1.0, 1e-4]));
        assert!(!logarithmic(&[1.0, 1e-10, -1e-10]));
        assert!(!logarithmic(&[0.0, 3.0]));
    }

    #[test]
    fn scales_are_what_is_asked_for() {
        let values = || [1.0, 4.0, 0.0].into_iter();
        let range = |scale| Axis::scaled(&scale, values()).range();
        assert!(range(Scale::Logarithmic).start > 0.9 && range(Scale::Logarithmic).end < 4.5);
        assert!(range(Scale::Linear).start < 0.0);
        let names = Axis::scaled(&Scale::Names(["a", "b"].map(Into::into).to_vec()), values());
        assert_eq!((names.range(), names.ticks(), names.label(1.0)), (-0.5..1.5, 2, "b".into()));
        let empty = Axis::scaled(&Scale::Logarithmic, std::iter::empty()).range();
        assert!(empty.start > 0.0 && empty.end > empty.start);
    }

    #[test]
    fn a_band_has_room_on_a_linear_axis() {
        let axis = || Axis::linear([0.0, 100.0].into_iter());
        assert_eq!(axis().range(), -4.0..104.0);
        assert_eq!(axis().with_band([-3.0, 103.0].into_iter()), axis());
        // 4 % of the span on either side.
        assert_eq!(axis().with_band([-96.0, 50.0].into_iter()).range(), -104.0..112.0);
        let logarithmic = || Axis::Logarithmic(1.0..10.0);
        assert_eq!(logarithmic().with_band([-5.0, 50.0].into_iter()), logarithmic());
        assert_eq!([-5.0, 2.0, 50.0].map(|end| logarithmic().nearest(end)), [1.0, 2.0, 10.0]);
    }

    #[test]
    fn decades_are_evenly_apart_on_a_logarithmic_axis() {
        let axis = Axis::Logarithmic(1e-10..1.0);
        assert_eq!(axis.map(&1e-10, (0, 100)), 0);
        assert_eq!(axis.map(&1e-5, (0, 100)), 50);
        assert_eq!(axis.map(&1e-5, (100, 0)), 50);
        assert_eq!(axis.map(&1.0, (0, 100)), 100);
        assert_eq!(axis.map(&0.0, (100, 0)), 100, "at the end");
        assert_eq!(decades(&(2e-11..3.0), 6), [1e-10, 1e-8, 1e-6, 1e-4, 1e-2, 1.0]);
        assert_eq!(decades(&(0.5..2e4), 6), [1.0, 10.0, 100.0, 1e3, 1e4]);
        assert_eq!(decades(&(0.15..7.0), 6), [0.2, 0.5, 1.0, 2.0, 5.0]);
        assert_eq!(decades(&(2e-3..4.5e-3), 6), [2e-3]);
        let labels = [1e-10, 0.01, 1.0, 1e3, 1e5].map(|value| axis.label(value));
        assert_eq!(labels, ["1e-10", "0.01", "1", "1000", "1e5"]);
    }
}
