//! One comparison: what lab gets beside what it should get.
use crate::told;
use serde::Serialize;
use train::Measure;

/// A number or a text.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Figure {
    /// A number.
    Number(f64),
    /// Anything else: a policy, a table, a number with its interval.
    Text(String),
}

/// One line of a check.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Claim {
    /// Description of the compared number.
    pub what: String,
    /// Number that lab gets.
    pub ours: Figure,
    /// Number that is published, or derived.
    pub expected: Figure,
    /// Allowed difference: half a unit of the last digit that is printed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<f64>,
    /// The second way in which `expected` was derived; `None` where it is published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub derived: Option<&'static str>,
    /// Remark, above all where another number is printed: which one, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The numbers agree within the tolerance.
    pub pass: bool,
    /// `expected` as it is printed.
    #[serde(skip)]
    printed: Option<String>,
}

/// Digits after the point, and half a unit of the last one.
fn rounding(printed: &str) -> (usize, f64) {
    let digits = printed.split_once('.').map_or(0, |(_, digits)| digits.len());
    // A number half-way between two may be printed either way.
    (digits, 0.5 * 0.1_f64.powi(digits as i32) + 1e-9)
}

/// The number that a text prints; NaN, which agrees with nothing, where it prints none.
fn number(printed: &str) -> f64 {
    printed.replace('−', "-").parse().unwrap_or(f64::NAN)
}

impl Claim {
    /// `ours` agrees with a `printed` number if it rounds to it.
    pub fn printed(what: impl Into<String>, ours: f64, printed: &str) -> Self {
        let (digits, tolerance) = rounding(printed);
        let expected = number(printed);
        let pass = (ours - expected).abs() <= tolerance;
        let shown = format!("{ours:.*}", digits + 2).parse().unwrap_or(ours);
        let line = Self::new(what, Figure::Number(shown), Figure::Number(expected), pass);
        Self { printed: Some(printed.to_owned()), ..line.within(tolerance) }
    }

    /// `ours` beside a number that comes from a second way, `how`.
    pub fn derived(
        what: impl Into<String>,
        ours: f64,
        (expected, tolerance): (f64, f64),
        how: &'static str,
    ) -> Self {
        let pass = (ours - expected).abs() <= tolerance;
        let line = Self::new(what, Figure::Number(ours), Figure::Number(expected), pass);
        line.within(tolerance).by(how)
    }

    /// A table of numbers: rows between `|`, cells between blanks. Cells of `printed` that are no
    /// numbers are not compared.
    pub fn table(
        what: impl Into<String>,
        ours: impl Fn(usize, usize) -> Option<f64>,
        printed: &str,
    ) -> Self {
        let mut pass = true;
        let mut narrowest = f64::INFINITY;
        let cell = |(row, column): (usize, usize), printed: &str| {
            let expected = number(printed);
            let (digits, tolerance) = rounding(printed);
            match ours(row, column) {
                _ if expected.is_nan() => (printed.to_owned(), tolerance, true),
                Some(ours) => {
                    let agrees = (ours - expected).abs() <= tolerance;
                    // The same digits for what agrees; more where it does not, to show by how much.
                    let digits = if agrees { digits } else { digits + 2 };
                    let shown = if agrees { expected } else { ours };
                    (format!("{shown:.digits$}"), tolerance, agrees)
                }
                None => ("none".to_owned(), tolerance, false),
            }
        };
        let mut rows = Vec::new();
        for (row, line) in printed.split('|').enumerate() {
            let mut cells = Vec::new();
            for (column, printed) in line.split_whitespace().enumerate() {
                let (shown, tolerance, agrees) = cell((row, column), printed);
                pass &= agrees;
                narrowest = f64::min(narrowest, tolerance);
                cells.push(shown);
            }
            rows.push(cells.join(" "));
        }
        let expected = printed.split_whitespace().collect::<Vec<_>>().join(" ");
        Self::new(what, Figure::Text(rows.join(" | ")), Figure::Text(expected), pass)
            .within(narrowest)
    }

    /// Texts that must be the same, blanks aside.
    pub fn same(what: impl Into<String>, ours: impl Into<String>, expected: &str) -> Self {
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let (ours, expected) = (words(&ours.into()), words(expected));
        let pass = ours == expected;
        Self::new(what, Figure::Text(ours), Figure::Text(expected), pass)
    }

    /// A claim in words, and what it was judged by.
    pub fn stated(
        what: impl Into<String>,
        ours: impl Into<String>,
        claim: &str,
        holds: bool,
    ) -> Self {
        Self::new(what, Figure::Text(ours.into()), Figure::Text(claim.to_owned()), holds)
    }

    /// A simulation: the published number must lie in the 95 % interval of the mean, give or take
    /// `tolerance`, which is how exactly the number can be read.
    pub fn simulated(
        what: impl Into<String>,
        measure: Measure,
        (expected, tolerance): (f64, f64),
    ) -> Self {
        // Without an interval there is nothing to agree with.
        let pass = measure
            .ci95
            .is_some_and(|[low, high]| low - tolerance <= expected && expected <= high + tolerance);
        let digits = told::digits(&measure);
        let ours = format!("{:.digits$} ({})", measure.mean, told::interval(&measure, digits));
        Self::new(what, Figure::Text(ours), Figure::Number(expected), pass).within(tolerance)
    }

    fn new(what: impl Into<String>, ours: Figure, expected: Figure, pass: bool) -> Self {
        let (what, tolerance, derived, note) = (what.into(), None, None, None);
        Self { what, ours, expected, tolerance, derived, note, pass, printed: None }
    }

    /// Expected number and tolerance, as text.
    pub fn expected_shown(&self) -> String {
        let expected = match (&self.printed, &self.expected) {
            (Some(printed), _) => printed.clone(),
            (None, figure) => self.shown(figure),
        };
        match self.tolerance {
            // Less what was added for numbers half-way.
            Some(0.0) => expected,
            Some(by) if by >= 1e-6 => format!("{expected} ± {}", (by * 1e7).round() / 1e7),
            Some(by) => format!("{expected} ± {by:e}"),
            None => expected,
        }
    }

    /// Number that lab gets, with its significant digits.
    pub fn ours_shown(&self) -> String {
        self.shown(&self.ours)
    }

    fn shown(&self, figure: &Figure) -> String {
        match (figure, self.tolerance) {
            (Figure::Number(number), Some(tolerance)) => {
                let least = if tolerance > 0.0 { tolerance } else { 1e-3 };
                let digits = (1.0 - least.log10()).ceil().clamp(0.0, 12.0) as usize;
                let text = format!("{number:.digits$}");
                let text = if digits > 0 {
                    text.trim_end_matches('0').trim_end_matches('.')
                } else {
                    &text
                };
                if text == "-0" { "0".to_owned() } else { text.to_owned() }
            }
            (Figure::Number(number), None) => number.to_string(),
            (Figure::Text(text), _) => text.clone(),
        }
    }

    fn within(mut self, tolerance: f64) -> Self {
        self.tolerance = Some(tolerance);
        self
    }

    /// Says that what is expected is not published but was derived, and how.
    pub fn by(mut self, how: &'static str) -> Self {
        self.derived = Some(how);
        self
    }

    /// Says what else is to be known.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_number_carries_its_rounding() {
        let pass = |ours, printed| Claim::printed("v", ours, printed).pass;
        assert!(pass(0.7053, "0.705") && pass(0.7045, "0.705") && pass(0.7055, "0.705"));
        assert!(!pass(0.7056, "0.705") && !pass(0.7044, "0.705") && !pass(f64::NAN, "0.705"));
        assert!(pass(-13.4, "−13") && !pass(-13.6, "-13"));
        assert!(!pass(1.0, "one"), "what is no number agrees with nothing");
    }

    #[test]
    fn one_wrong_cell_fails_a_table_and_is_shown() {
        let ours = |row: usize, column: usize| (column < 2).then_some((row * 2 + column) as f64);
        let line = Claim::table("t", ours, "0.0 1.0 | # 3.0");
        assert!(line.pass, "{line:?}");
        assert_eq!(line.ours, Figure::Text("0.0 1.0 | # 3.0".into()));
        let wrong = Claim::table("t", ours, "0.0 1.0 | 2.1 3.0");
        assert!(!wrong.pass);
        assert_eq!(wrong.ours, Figure::Text("0.0 1.0 | 2.000 3.0".into()));
        assert!(!Claim::table("t", ours, "0 1 2").pass, "there is no third column");
    }

    #[test]
    fn a_simulation_is_judged_by_its_interval() {
        let measure = Measure { mean: 17.0, ci95: Some([16.5, 17.5]), n: 10 };
        let pass = |expected, tolerance| Claim::simulated("l", measure, (expected, tolerance)).pass;
        assert!(pass(17.4, 0.0) && pass(18.0, 0.5));
        assert!(!pass(17.6, 0.0) && !pass(16.0, 0.4));
        let line = Claim::simulated("l", measure, (17.0, 0.0));
        assert_eq!(line.ours, Figure::Text("17.00 (95 % between 16.50 and 17.50, n = 10)".into()));
        let one = Claim::simulated("l", Measure::single(17.0), (17.0, 0.0));
        assert!(!one.pass, "{one:?}");
    }

    #[test]
    fn the_digits_that_count_are_shown() {
        let printed = Claim::printed("v", 0.084_988_831, "0.0850");
        assert_eq!(
            [printed.ours_shown(), printed.expected_shown()],
            ["0.084989", "0.0850 ± 0.00005"]
        );
        let derived = Claim::derived("v", 7.929_999_999_999_9, (7.93, 1e-9), "by hand");
        assert_eq!([derived.ours_shown(), derived.expected_shown()], ["7.93", "7.93 ± 1e-9"]);
        let counted = Claim::printed("v", 9.0, "9");
        assert_eq!([counted.ours_shown(), counted.expected_shown()], ["9", "9 ± 0.5"]);
    }

    #[test]
    fn words_and_claims() {
        assert!(Claim::same("p", " up  left", "up left").pass);
        assert!(!Claim::same("p", "up", "left").pass);
        assert!(!Claim::stated("c", "3", "less than 2", false).pass);
        let line = Claim::derived("d", 1.0, (1.1, 0.01), "by hand").note("why");
        assert!(
            !line.pass && line.derived == Some("by hand") && line.note.as_deref() == Some("why")
        );
    }
}
