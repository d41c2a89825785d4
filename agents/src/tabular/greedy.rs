//! Greedy and ε-greedy actions by a row of values q(s, ·), `[A]`, −∞ where an action is not available.
use rand::Rng as _;
use train::Rng;

/// An action of a row, `[A]`, whose value is at least `least`, all equally probable; `None` where there
/// is none.
pub(in crate::tabular) fn any(row: &[f64], least: f64, rng: &mut Rng) -> Option<usize> {
    let good = |q: &f64| *q >= least && *q > f64::NEG_INFINITY;
    let skipped = match row.iter().filter(|q| good(q)).count() {
        0 | 1 => 0,
        n => rng.random_range(0..n),
    };
    let mut good = row.iter().enumerate().filter(|(_, q)| good(q));
    good.nth(skipped).map(|(action, _)| action)
}

/// Any of the actions whose values tie with the best of a row, `[A]`, all equally probable: the first one
/// always might walk into a wall for ever. `None` where the state has no action.
pub(in crate::tabular) fn any_best(row: &[f64], rng: &mut Rng) -> Option<usize> {
    any(row, tied(row), rng)
}

/// The largest value of a row, `[A]`; −∞ where the state has no action.
pub(in crate::tabular) fn max(row: &[f64]) -> f64 {
    row.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

/// Learned values that differ by less, relative to the larger one, are equal but for rounding.
const ROUNDING: f64 = 1e-12;

/// The least value that ties with `best`.
pub(crate) fn least_tied(best: f64) -> f64 {
    best - ROUNDING * best.abs()
}

/// The least value that ties with the best of a row, `[A]`.
fn tied(row: &[f64]) -> f64 {
    least_tied(max(row))
}

/// Returns `true` if an action's value ties with the best of its row, `[A]`.
pub(in crate::tabular) fn is_greedy(row: &[f64], action: usize) -> bool {
    row[action] >= tied(row)
}

/// Returns `true` if no available action of a row, `[A]`, is better than another.
pub(in crate::tabular) fn all_tie(row: &[f64]) -> bool {
    let least = tied(row);
    row.iter().all(|q| *q >= least || *q == f64::NEG_INFINITY)
}

/// The first action whose value ties with the best; `None` where the state has no action.
pub(in crate::tabular) fn best(row: &[f64]) -> Option<usize> {
    let least = tied(row);
    row.iter().position(|q| *q >= least && *q > f64::NEG_INFINITY)
}

/// Probability of a greedy or any other action under the ε-greedy policy of a row, `[A]`.
pub(in crate::tabular) fn epsilon_greedy(row: &[f64], action: usize, epsilon: f64) -> f64 {
    let least = tied(row);
    let (mut available, mut greedy) = (0.0, 0.0);
    for q in row.iter().filter(|q| **q > f64::NEG_INFINITY) {
        available += 1.0;
        greedy += f64::from(*q >= least);
    }
    let rest = if row[action] >= least { (1.0 - epsilon) / greedy } else { 0.0 };
    epsilon / available + rest
}

/// Σ_a π(a | s)·q(s, a) for the ε-greedy π; `row` is q(s, ·), `[A]`, −∞ where an action is not
/// available.
pub fn expected_value(row: &[f64], epsilon: f64) -> f64 {
    let (mut sum, mut n) = (0.0, 0.0);
    for q in row.iter().filter(|q| **q > f64::NEG_INFINITY) {
        sum += q;
        n += 1.0;
    }
    epsilon * (sum / n) + (1.0 - epsilon) * max(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expectation_by_hand() {
        let row = [1.0, 4.0, f64::NEG_INFINITY];
        // 0.2·(1 + 4)/2 + 0.8·4.
        assert!((expected_value(&row, 0.2) - 3.7).abs() < 1e-12);
        assert_eq!([expected_value(&row, 0.0), expected_value(&row, 1.0)], [4.0, 2.5]);
    }
}
