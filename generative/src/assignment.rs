//! The cheapest way to pair two sets of as many.
use anyhow::{Result, ensure};

/// A row whose column is not known yet.
const FREE: usize = usize::MAX;

/// The permutation π that minimises Σᵢ costs[i, π(i)], `[n]`, for costs `[n, n]`: rows are added one after the other, each
/// along a shortest augmenting path by reduced costs (Jonker & Volgenant 1987, "A shortest augmenting path algorithm for
/// dense and sparse linear assignment problems"), in O(n³).
///
/// # Errors
/// Costs that are not finite, or not n² of them.
pub(crate) fn assignment(costs: &[f64], n: usize) -> Result<Vec<usize>> {
    ensure!(costs.len() == n * n, "{} costs for {n} times {n} pairs", costs.len());
    ensure!(costs.iter().all(|cost| cost.is_finite()), "a cost is not finite");
    // The row that is added begins in a column of its own, the last.
    let (mut of_row, mut of_column) = (vec![0.0; n], vec![0.0; n + 1]);
    let mut owner = vec![FREE; n + 1];
    for row in 0..n {
        let (mut least, mut from) = (vec![f64::INFINITY; n], vec![n; n]);
        let mut reached = vec![false; n + 1];
        let mut column = n;
        owner[n] = row;
        while owner[column] != FREE {
            reached[column] = true;
            let current = owner[column];
            let (mut nearest, mut next) = (f64::INFINITY, column);
            for j in (0..n).filter(|j| !reached[*j]) {
                let reduced = costs[current * n + j] - of_row[current] - of_column[j];
                if reduced < least[j] {
                    (least[j], from[j]) = (reduced, column);
                }
                if least[j] < nearest {
                    (nearest, next) = (least[j], j);
                }
            }
            for j in 0..=n {
                if reached[j] {
                    of_row[owner[j]] += nearest;
                    of_column[j] -= nearest;
                } else if j < n {
                    least[j] -= nearest;
                }
            }
            column = next;
        }
        while column != n {
            owner[column] = owner[from[column]];
            column = from[column];
        }
    }
    let mut chosen = vec![0; n];
    owner[..n].iter().enumerate().for_each(|(column, row)| chosen[*row] = column);
    Ok(chosen)
}

/// Squared distances of all rows of `x` from all of `y`, of `d` numbers each: `[n, m]`.
pub(crate) fn squared_distances(x: &[f32], y: &[f32], d: usize) -> Vec<f64> {
    let apart = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum()
    };
    x.chunks_exact(d).flat_map(|a| y.chunks_exact(d).map(move |b| apart(a, b))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng as _;
    use train::stream;

    fn total(costs: &[f64], of: &[usize]) -> f64 {
        of.iter().enumerate().map(|(row, column)| costs[row * of.len() + column]).sum()
    }

    /// The least over all permutations of `rest` in the rows from `row` on.
    fn least(costs: &[f64], n: usize, row: usize, rest: &[usize]) -> f64 {
        let after = |column: &usize| {
            let others: Vec<_> = rest.iter().copied().filter(|other| other != column).collect();
            costs[row * n + column] + least(costs, n, row + 1, &others)
        };
        if rest.is_empty() { 0.0 } else { rest.iter().map(after).fold(f64::INFINITY, f64::min) }
    }

    #[test]
    fn by_hand() {
        // Each row's own least, 1, 2 and 2, lies in the first column twice: the second row takes 3.
        let costs = [1.0, 2.0, 9.0, 2.0, 9.0, 3.0, 9.0, 2.0, 8.0];
        let found = assignment(&costs, 3).unwrap();
        assert_eq!((&found[..], total(&costs, &found)), (&[0, 2, 1][..], 6.0));
        assert_eq!(assignment(&[], 0).unwrap(), Vec::<usize>::new());
        assert!(assignment(&[1.0], 2).is_err() && assignment(&[f64::NAN], 1).is_err());
    }

    #[test]
    fn no_permutation_is_cheaper() {
        let mut rng = stream(1, "costs");
        for round in 0..200 {
            let n = 1 + round % 7;
            // Of few values, so that there are ties; and below 0.
            let costs: Vec<f64> =
                (0..n * n).map(|_| f64::from(rng.random_range(-4..5)) / 2.0).collect();
            let found = assignment(&costs, n).unwrap();
            let mut columns = found.clone();
            columns.sort_unstable();
            assert_eq!(columns, (0..n).collect::<Vec<_>>());
            let all: Vec<_> = (0..n).collect();
            assert_eq!(total(&costs, &found), least(&costs, n, 0, &all), "{costs:?}");
        }
    }

    /// On a line points are paired in their order.
    #[test]
    fn points_on_a_line_keep_their_order() {
        let (x, y) = ([3.0, -1.0, 2.0, 7.0], [0.5, 9.0, 2.5, -3.0]);
        let found = assignment(&squared_distances(&x, &y, 1), 4).unwrap();
        assert_eq!(found, [2, 3, 0, 1]);
        assert_eq!(squared_distances(&[0.0, 3.0], &[4.0, 0.0], 2), [25.0]);
    }
}
