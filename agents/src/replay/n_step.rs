//! Returns over several steps (Sutton 1988; Sutton & Barto 2018, section 7.1; in DQN: Hessel et al. 2018).

/// R = Σᵢ γⁱ·rᵢ over the steps `(r, ends)` up to the first at which the episode ends, with their number k: the
/// target is R + γᵏ·max_a Q(s', a) for the observation s' that step k came to.
///
/// Both termination and truncation end an episode: no reward of the next one is part of R. k is then less than n, as
/// it is where `steps` ends with the newest transition.
pub(super) fn n_step_return(steps: impl Iterator<Item = (f32, bool)>, gamma: f64) -> (f32, usize) {
    let (mut sum, mut discount, mut k) = (0.0, 1.0, 0);
    for (reward, ends) in steps {
        sum += discount * f64::from(reward);
        discount *= gamma;
        k += 1;
        if ends {
            break;
        }
    }
    (sum as f32, k)
}

/// The rows of the step `row` and of up to n − 1 steps after it of the same copy, in a ring of `capacity` rows of which
/// `pushed` were written: each step of all copies writes `copies` rows.
pub(super) fn rows_from(
    row: usize,
    n: usize,
    (pushed, capacity, copies): (u64, usize, usize),
) -> impl Iterator<Item = usize> {
    // Rows from `row` on that are no older than it, and so not yet written over.
    let newest = ((pushed - 1) % capacity as u64) as usize;
    let newer = (newest + capacity - row) % capacity;
    (0..n.min(newer / copies + 1)).map(move |i| (row + i * copies) % capacity)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_by_hand() {
        let steps = [(1.0, false), (2.0, false), (4.0, false)];
        assert_eq!(n_step_return(steps.into_iter(), 0.5), (3.0, 3));
        assert_eq!(n_step_return(steps.into_iter().take(1), 0.5), (1.0, 1));
        // What follows an end, by the rules or by the limit, is of another episode.
        let steps = [(1.0, false), (2.0, true), (4.0, false)];
        assert_eq!(n_step_return(steps.into_iter(), 0.5), (2.0, 2));
    }

    #[test]
    fn rows_are_of_one_copy_and_never_older() {
        let rows = |row, n, ring| rows_from(row, n, ring).collect::<Vec<_>>();
        // Seven of ten rows written, two copies in turn: 4 and 6 follow 2.
        assert_eq!(rows(2, 3, (7, 10, 2)), [2, 4, 6]);
        assert_eq!(rows(2, 9, (7, 10, 2)), [2, 4, 6]);
        assert_eq!(rows(5, 9, (7, 10, 2)), [5]);
        // Thirteen: the newest is in row 2, the oldest in row 3.
        assert_eq!(rows(7, 9, (13, 10, 2)), [7, 9, 1]);
        assert_eq!(rows(2, 9, (13, 10, 2)), [2]);
        assert_eq!(rows(3, 2, (13, 10, 2)), [3, 5]);
        assert_eq!(rows(0, 9, (1, 10, 1)), [0]);
    }
}
