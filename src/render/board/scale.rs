//! Numbers as colours and as text.

/// Below zero, from pale to dark, then above it: the two halves of ColorBrewer's PuOr and RdBu
/// (Brewer 2003), which colour-blind readers tell apart.
const BELOW: [[u8; 3]; 6] =
    [PALE, [254, 224, 182], [253, 184, 99], [224, 130, 20], [179, 88, 6], [127, 59, 8]];
const ABOVE: [[u8; 3]; 6] =
    [PALE, [209, 229, 240], [146, 197, 222], [67, 147, 195], [33, 102, 172], [5, 48, 97]];
const PALE: [u8; 3] = [247, 247, 247];
/// Colour of unknown values.
const UNKNOWN: [u8; 3] = [214, 214, 214];

/// A side of zero that reaches less far than this part of the other counts as zero.
const NOTHING: f64 = 1e-3;

/// Colours for the values of a figure. Below zero they are orange, above it blue, the darker the
/// further. Where there are both, each has its whole half of the scale, pale in the middle; else the
/// value nearest to zero is pale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Scale {
    /// A scale that all values lie on; those that are not finite don't count.
    pub(super) fn of(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = values
            .filter(|value| value.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        match (low, high) {
            _ if low > high => Self { low: 0.0, high: 0.0 },
            _ if low < 0.0 && high > 0.0 && -low < NOTHING * high => Self { low: 0.0, high },
            _ if low < 0.0 && high > 0.0 && high < NOTHING * -low => Self { low, high: 0.0 },
            _ => Self { low, high },
        }
    }

    fn signed(&self) -> bool {
        self.low < 0.0 && self.high > 0.0
    }

    /// Position of a value between the darkest orange, −1, and the darkest blue, 1.
    pub(super) fn place(&self, value: f64) -> f64 {
        let Self { low, high } = *self;
        let part =
            |of: f64, whole: f64| if whole == 0.0 { 0.0 } else { (of / whole).clamp(0.0, 1.0) };
        match value {
            _ if self.signed() && value < 0.0 => -part(value, low),
            _ if self.signed() => part(value, high),
            _ if low >= 0.0 => part(value - low, high - low),
            _ => -part(high - value, high - low),
        }
    }

    /// The value at a place: the inverse of [`Scale::place`].
    pub(super) fn value(&self, place: f64) -> f64 {
        let Self { low, high } = *self;
        match place {
            _ if self.signed() && place < 0.0 => -place * low,
            _ if self.signed() => place * high,
            _ if low >= 0.0 => low + place * (high - low),
            _ => high + place * (high - low),
        }
    }

    /// The places there are.
    pub(super) fn places(&self) -> [f64; 2] {
        match self {
            _ if self.signed() => [-1.0, 1.0],
            _ if self.low >= 0.0 => [0.0, 1.0],
            _ => [-1.0, 0.0],
        }
    }

    pub(super) fn colour(&self, value: f64) -> [u8; 3] {
        if value.is_nan() { UNKNOWN } else { shade(self.place(value)) }
    }

    /// Decimals that tell the values apart and fit a cell.
    pub(super) fn decimals(&self) -> usize {
        match self.low.abs().max(self.high.abs()) {
            0.0 => 2,
            ..0.01 => 4,
            ..0.1 => 3,
            ..99.995 => 2,
            ..999.95 => 1,
            _ => 0,
        }
    }
}

/// The colour at a place.
pub(super) fn shade(place: f64) -> [u8; 3] {
    let stops = if place < 0.0 { &BELOW } else { &ABOVE };
    let along = place.abs().min(1.0) * (stops.len() - 1) as f64;
    let from = (along as usize).min(stops.len() - 2);
    let part = along - from as f64;
    std::array::from_fn(|i| {
        let [one, other] = [stops[from][i], stops[from + 1][i]].map(f64::from);
        (one + part * (other - one)).round() as u8
    })
}

/// Returns `true` if white is easier to read on a colour than black.
pub(super) fn is_dark([red, green, blue]: [u8; 3]) -> bool {
    0.299 * f64::from(red) + 0.587 * f64::from(green) + 0.114 * f64::from(blue) < 140.0
}

/// A number as it is written in a cell; nothing where it is not known.
pub(super) fn number(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return String::new();
    }
    if value.abs() >= 99_999.5 {
        return format!("{value:.1e}");
    }
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(digits) if digits.bytes().all(|byte| matches!(byte, b'0' | b'.')) => digits.to_owned(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale(values: &[f64]) -> Scale {
        Scale::of(values.iter().copied())
    }

    #[test]
    fn each_sign_has_its_half_of_the_scale() {
        let both = scale(&[-10.0, 2.0, f64::NAN]);
        let places = [-10.0, -5.0, 0.0, 1.0, 2.0].map(|value| both.place(value));
        assert_eq!(places, [-1.0, -0.5, 0.0, 0.5, 1.0]);
        let above = scale(&[400.0, 600.0]);
        assert_eq!([400.0, 500.0, 600.0].map(|value| above.place(value)), [0.0, 0.5, 1.0]);
        let below = scale(&[-14.0, -4.0]);
        assert_eq!([-14.0, -9.0, -4.0].map(|value| below.place(value)), [-1.0, -0.5, 0.0]);
        assert_eq!(scale(&[-1e-9, 1.0]), Scale { low: 0.0, high: 1.0 }, "a rounding error");
        assert_eq!(scale(&[7.0]).place(7.0), 0.0);
        assert_eq!(scale(&[]).place(0.0), 0.0);
        for scale in [both, above, below] {
            for place in scale.places() {
                assert_eq!(scale.place(scale.value(place)), place);
            }
        }
    }

    #[test]
    fn colours_run_from_orange_over_pale_to_blue() {
        let scale = scale(&[-1.0, 1.0]);
        assert_eq!(scale.colour(-1.0), [127, 59, 8]);
        assert_eq!(scale.colour(0.0), PALE);
        assert_eq!(scale.colour(1.0), [5, 48, 97]);
        assert_eq!(scale.colour(0.2), [209, 229, 240]);
        // Half way from (209, 229, 240) to (146, 197, 222).
        assert_eq!(scale.colour(0.3), [178, 213, 231]);
        assert_eq!(scale.colour(f64::NAN), UNKNOWN);
        assert!(is_dark([5, 48, 97]) && is_dark([127, 59, 8]) && !is_dark(PALE));
        // The further from zero, the darker, so that it can be read without colour too.
        let light = |place: f64| shade(place).map(f64::from).iter().sum::<f64>();
        for side in [-1.0, 1.0] {
            let lights: Vec<f64> = (0..=20).map(|i| light(side * f64::from(i) / 20.0)).collect();
            assert!(lights.is_sorted_by(|a, b| a > b), "{lights:?}");
        }
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(number(0.811558, 2), "0.81");
        assert_eq!(number(-0.001, 2), "0.00");
        assert_eq!(number(-13.0, 2), "-13.00");
        assert_eq!(number(1_234_567.0, 0), "1.2e6");
        assert_eq!(number(f64::NAN, 2), "");
        let decimals = [0.0, 0.005, 0.05, 1.0, 100.0, 5000.0].map(|v| scale(&[v, -v]).decimals());
        assert_eq!(decimals, [2, 4, 3, 2, 1, 0]);
    }
}
