//! RiverSwim: swim against the current to a reward that is far away.

use serde::{Deserialize, Serialize};

use crate::{Arrow, CellKind, Grid, GridCell, Mdp, Outcome};

const PLACES: usize = 6;
const LAST: usize = PLACES - 1;
const LEFT: usize = 0;

/// RiverSwim of Strehl & Littman (2008), *An analysis of model-based interval estimation for Markov decision
/// processes*. Probabilities and rewards are those of two public transcriptions that agree; they have not been
/// compared with the paper itself.
///
/// - **States** six places along a river, 0 downstream to 5 upstream.
/// - **Actions** left, right. Left goes to the next place downstream, and stays at 0. Right goes against the
///   current: at 0 it moves on with probability 0.3 and stays with 0.7; at 1 to 4 it moves on with 0.3, stays
///   with 0.6 and is carried back with 0.1; at 5 it stays with 0.3 and is carried back with 0.7.
/// - **Reward** 5 for left at 0, 10,000 for staying at 5 by right.
/// - **Start** 1 or 2 with equal chance.
/// - **End** there is none.
/// - **Discount** 0.95 is usual. Later papers have other probabilities (0.35, 0.6, 0.05)
///   and rewards of 0.005 and 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RiverSwim {}

impl Mdp for RiverSwim {
    fn n_states(&self) -> usize {
        PLACES
    }

    fn n_actions(&self) -> usize {
        2
    }

    fn outcomes(&self, state: usize, action: usize, visit: &mut dyn FnMut(Outcome)) {
        let mut outcome = |prob, next, reward| {
            visit(Outcome { prob, next, reward, terminated: false });
        };
        match state {
            0 if action == LEFT => outcome(1.0, 0, 5.0),
            _ if action == LEFT => outcome(1.0, state - 1, 0.0),
            0 => {
                outcome(0.7, 0, 0.0);
                outcome(0.3, 1, 0.0);
            }
            LAST => {
                outcome(0.7, LAST - 1, 0.0);
                outcome(0.3, LAST, 10_000.0);
            }
            _ => {
                outcome(0.1, state - 1, 0.0);
                outcome(0.6, state, 0.0);
                outcome(0.3, state + 1, 0.0);
            }
        }
    }

    fn starts(&self) -> Vec<(usize, f64)> {
        vec![(1, 0.5), (2, 0.5)]
    }

    fn state_name(&self, state: usize) -> String {
        state.to_string()
    }

    fn action_name(&self, action: usize) -> String {
        ["left", "right"][action].into()
    }

    fn discount(&self) -> f64 {
        0.95
    }

    fn grid(&self) -> Option<Grid> {
        let cell = |state| GridCell::State { state, kind: CellKind::Open };
        Some(Grid {
            width: PLACES,
            height: 1,
            cells: (0..PLACES).map(cell).collect(),
            arrows: vec![Some(Arrow::Left), Some(Arrow::Right)],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(state: usize, action: usize) -> Vec<(usize, f64, f64)> {
        let mut observed = Vec::new();
        RiverSwim {}.outcomes(state, action, &mut |outcome| {
            assert!(!outcome.terminated);
            observed.push((outcome.next, outcome.prob, outcome.reward));
        });
        observed
    }

    #[test]
    fn outcomes_are_the_published_ones() {
        assert_eq!(crate::check_mdp(&RiverSwim {}), Ok(()));
        assert_eq!(outcomes(0, 0), [(0, 1.0, 5.0)]);
        assert_eq!(outcomes(3, 0), [(2, 1.0, 0.0)]);
        assert_eq!(outcomes(0, 1), [(0, 0.7, 0.0), (1, 0.3, 0.0)]);
        assert_eq!(outcomes(2, 1), [(1, 0.1, 0.0), (2, 0.6, 0.0), (3, 0.3, 0.0)]);
        assert_eq!(outcomes(5, 1), [(4, 0.7, 0.0), (5, 0.3, 10_000.0)]);
    }

    /// The stationary distribution of always swimming right is in balance between neighbours: 0.3 from 0
    /// against 0.1 from 1, 0.3 against 0.1 further on, and 0.3 from 4 against 0.7 from 5. In parts of place 0
    /// that is 1, 3, 9, 27, 81, 243/7, and the mean reward is 3,000 times the part of place 5.
    #[test]
    fn swimming_right_earns_by_its_stationary_distribution() {
        let parts = [1.0, 3.0, 9.0, 27.0, 81.0, 243.0 / 7.0];
        let sum: f64 = parts.iter().sum();
        let mut distribution = [1.0 / 6.0; PLACES];
        for _ in 0..2000 {
            let mut next = [0.0; PLACES];
            for (state, part) in distribution.into_iter().enumerate() {
                outcomes(state, 1).iter().for_each(|(to, prob, _)| next[*to] += part * prob);
            }
            distribution = next;
        }
        for (ours, expected) in distribution.iter().zip(parts) {
            assert!((ours - expected / sum).abs() < 1e-9, "{distribution:?}");
        }
    }
}
