//! Numbers and their intervals as sentences show them.
use std::path::Path;
use std::time::Duration;
use train::{Direction, Measure, RunOutcome};

/// Decimals that a mean is told with: two digits of its interval's width can be seen, and two decimals at least.
/// Without a width, as many as the number itself asks for.
pub(crate) fn digits(measure: &Measure) -> usize {
    let width = measure.ci95.map_or(0.0, |[low, high]| high - low);
    match width {
        _ if measure.ci95.is_none() => decimals(measure.mean),
        // As exact as rounding: there is no width to be seen, and rewards, which are `f32`, have seven digits.
        width if width <= 1e-12 * measure.mean.abs() => decimals(significant(measure.mean)),
        width => (1.0 - width.log10()).ceil().max(2.0) as usize,
    }
}

/// Decimals of a number known exactly: six, without zeros at their end, and two at least.
fn decimals(number: f64) -> usize {
    match number.abs() {
        size if size > 0.0 && size < 1e-3 => EXPONENT,
        _ => {
            let shown = format!("{number:.6}");
            let zeros = shown.len() - shown.trim_end_matches('0').len();
            6 - zeros.min(4)
        }
    }
}

/// A number to six digits.
fn significant(number: f64) -> f64 {
    format!("{number:.5e}").parse().unwrap_or(number)
}

/// From so many decimals on a number is told with an exponent.
const EXPONENT: usize = 10;

/// A number with so many decimals, or with an exponent where these are too many or its size too large for them.
pub(crate) fn number(number: f64, digits: usize) -> String {
    match digits {
        _ if number.abs() >= 1e9 => format!("{number:.3e}"),
        EXPONENT.. if number != 0.0 => format!("{number:.3e}"),
        _ => {
            let shown = format!("{number:.*}", digits.min(EXPONENT - 1));
            // Rounded to 0 a number has no sign.
            let zero = shown.trim_start_matches('-');
            let is_zero = zero.chars().all(|digit| "0.".contains(digit));
            if is_zero { zero.to_owned() } else { shown }
        }
    }
}

/// A number with three significant digits, without zeros at the end of its decimals.
pub(crate) fn short(number: f64) -> String {
    let size = number.abs();
    if size >= 1e6 || size > 0.0 && size < 1e-3 {
        let text = format!("{number:.2e}");
        let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
        let digits = digits.trim_end_matches('0').trim_end_matches('.');
        return format!("{digits}e{power}");
    }
    let digits = if size > 0.0 { (2.0 - size.log10().floor()).max(0.0) as usize } else { 0 };
    let text = format!("{number:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// A sum of rewards, which are `f32`, with the digits that those have.
pub(crate) fn rounded(ret: f64) -> f64 {
    (ret * 1e4).round() / 1e4
}

/// Confidence interval of a mean, for brackets.
pub(crate) fn interval(measure: &Measure, digits: usize) -> String {
    match measure.ci95 {
        Some([low, high]) => {
            let [low, high] = [low, high].map(|end| number(end, digits));
            format!("95 % between {low} and {high}, n = {}", measure.n)
        }
        None => format!("no interval, n = {}", measure.n),
    }
}

/// A mean and how sure it is.
pub(crate) fn measure(measure: &Measure) -> String {
    let digits = digits(measure);
    format!("{} ({})", number(measure.mean, digits), interval(measure, digits))
}

/// Duration as text: to a tenth below ten seconds, in milliseconds below one.
pub(crate) fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 0.9995 => format!("{:.0}ms", (1e3 * s).max(1.0)),
        s if s < 9.95 => format!("{s:.1}s"),
        s => humantime::format_duration(Duration::from_secs(s.round() as u64)).to_string(),
    }
}

/// So many of a unit, whose name is that of many.
pub(crate) fn counted(n: u64, unit: &str) -> String {
    match (n, unit.strip_suffix('s')) {
        (1, Some(one)) => format!("1 {one}"),
        _ => format!("{n} {unit}"),
    }
}

/// The better of two numbers, as in "higher is better".
pub(crate) fn better(direction: Direction) -> &'static str {
    match direction {
        Direction::Maximise => "higher",
        Direction::Minimise => "lower",
    }
}

/// End of a run, in words.
pub(crate) fn outcome(outcome: RunOutcome) -> &'static str {
    match outcome {
        RunOutcome::Finished => "finished",
        RunOutcome::Converged => "converged",
        RunOutcome::TargetReached => "reached the target",
        RunOutcome::Stalled => "stopped improving",
        RunOutcome::Interrupted => "interrupted",
    }
}

/// Rows as columns of text, each as wide as its widest cell.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |at: usize| {
        rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<_> = (0..columns).map(|at| width(at).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

/// A path as a shell takes it in a command.
pub(crate) fn path(path: &Path) -> String {
    let path = match path.display().to_string() {
        // No flag.
        dashed if dashed.starts_with('-') => format!("./{dashed}"),
        path => path,
    };
    match shlex::try_quote(&path) {
        Ok(quoted) => quoted.into_owned(),
        // It holds a byte that no command line can.
        Err(_) => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_can_be_typed_as_it_is_told() {
        assert_eq!(path(Path::new("runs/dqn-catch-s1")), "runs/dqn-catch-s1");
        assert_eq!(path(Path::new("v-my pics")), "'v-my pics'");
        assert_eq!(path(Path::new("-v")), "./-v");
        assert_eq!(path(Path::new("it's")), "\"it's\"");
    }

    #[test]
    fn a_column_is_as_wide_as_its_widest_cell() {
        let rows = [["a", "b"], ["five5", ""], ["γ", "d"]];
        let rows = rows.map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(table(&rows), "a      b\nfive5\nγ      d\n");
    }

    #[test]
    fn one_is_not_many() {
        let message =
            [(0, "sweeps"), (1, "sweeps"), (2, "images")].map(|(n, unit)| counted(n, unit));
        assert_eq!(message, ["0 sweeps", "1 sweep", "2 images"]);
    }

    #[test]
    fn short_numbers_have_three_digits() {
        let told = [0.0, 3e-4, 0.012_34, 0.5, 1.0, -12.345, 500.0, 12_345.0, 2e6].map(short);
        assert_eq!(told, ["0", "3e-4", "0.0123", "0.5", "1", "-12.3", "500", "12345", "2e6"]);
    }

    #[test]
    fn an_interval_can_be_seen() {
        let message = |mean, half: f64, n| {
            measure(&Measure { mean, ci95: Some([mean - half, mean + half]), n })
        };
        assert_eq!(message(13.756, 1.98, 100), "13.76 (95 % between 11.78 and 15.74, n = 100)");
        assert_eq!(
            message(0.0412, 0.0003, 50),
            "0.04120 (95 % between 0.04090 and 0.04150, n = 50)"
        );
        assert_eq!(message(1.0, 0.0, 9), "1.00 (95 % between 1.00 and 1.00, n = 9)");
        assert_eq!(
            message(4.2e-4, 3e-5, 9),
            "0.000420 (95 % between 0.000390 and 0.000450, n = 9)"
        );
        assert_eq!(
            message(1e-11, 0.0, 9),
            "1.000e-11 (95 % between 1.000e-11 and 1.000e-11, n = 9)"
        );
        assert_eq!(message(0.0, 0.0, 9), "0.00 (95 % between 0.00 and 0.00, n = 9)");
        assert_eq!(message(-0.001, 0.5, 9), "0.00 (95 % between -0.50 and 0.50, n = 9)");
        assert_eq!(message(-60.000_002, 0.0, 5), "-60.00 (95 % between -60.00 and -60.00, n = 5)");
    }

    #[test]
    fn short_times_are_told_too() {
        let message = [0.0, 0.0004, 0.7, 0.9996, 1.0, 9.94, 9.96, 13.2, 65.0, 7200.4].map(duration);
        let expected = ["1ms", "1ms", "700ms", "1.0s", "1.0s", "9.9s", "10s", "13s", "1m 5s", "2h"];
        assert_eq!(message, expected);
    }

    #[test]
    fn one_number_says_that_it_has_no_interval() {
        let message = |mean| measure(&Measure::single(mean));
        assert_eq!(message(18.0), "18.00 (no interval, n = 1)");
        assert_eq!(message(0.0512), "0.0512 (no interval, n = 1)");
        assert_eq!(message(-14.0 - 2.0 / 3.0), "-14.666667 (no interval, n = 1)");
        assert_eq!(message(1e-11), "1.000e-11 (no interval, n = 1)");
        assert_eq!(message(-3e12), "-3.000e12 (no interval, n = 1)");
    }
}
