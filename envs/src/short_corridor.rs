//! The short corridor in which one action means two things.

use serde::{Deserialize, Serialize};

use crate::{Arrow, CellKind, Grid, GridCell, Mdp, Outcome};

const GOAL: usize = 3;
/// The cell in which left and right are swapped.
const SWITCHED: usize = 1;

/// The short corridor with switched actions, example 13.1 of Sutton & Barto, *Reinforcement Learning*,
/// second edition.
///
/// - **States** three cells in a row, and the goal to the right of them: `(1,1)` to `(4,1)`. The book's
///   agent cannot tell the three apart; a planner can, so that only policies that do the same in all
///   three can be compared with the book's.
/// - **Actions** left, right: a step to the next cell, or none at the left edge; in the second cell
///   each does what the other should.
/// - **Reward** −1 a step.
/// - **Start** the first cell.
/// - **End** at the goal.
/// - **Discount** 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShortCorridor {}

impl Mdp for ShortCorridor {
    fn n_states(&self) -> usize {
        GOAL + 1
    }

    fn n_actions(&self) -> usize {
        2
    }

    fn outcomes(&self, state: usize, action: usize, visit: &mut dyn FnMut(Outcome)) {
        if state == GOAL {
            return;
        }
        let goes_right = (action == 1) != (state == SWITCHED);
        let next = if goes_right { state + 1 } else { state.saturating_sub(1) };
        visit(Outcome { prob: 1.0, next, reward: -1.0, terminated: next == GOAL });
    }

    fn starts(&self) -> Vec<(usize, f64)> {
        vec![(0, 1.0)]
    }

    fn state_name(&self, state: usize) -> String {
        format!("({},1)", state + 1)
    }

    fn action_name(&self, action: usize) -> String {
        ["left", "right"][action].into()
    }

    fn discount(&self) -> f64 {
        1.0
    }

    fn grid(&self) -> Option<Grid> {
        let kind = |state| match state {
            0 => CellKind::Start,
            GOAL => CellKind::Goal,
            _ => CellKind::Open,
        };
        let cell = |state| GridCell::State { state, kind: kind(state) };
        Some(Grid {
            width: GOAL + 1,
            height: 1,
            cells: (0..=GOAL).map(cell).collect(),
            arrows: vec![Some(Arrow::Left), Some(Arrow::Right)],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check_mdp;

    #[test]
    fn the_second_cell_turns_left_and_right_around() {
        assert_eq!(check_mdp(&ShortCorridor {}), Ok(()));
        let next = |state, action| {
            let mut observed = Vec::new();
            ShortCorridor {}.outcomes(state, action, &mut |outcome| {
                assert_eq!((outcome.prob, outcome.reward), (1.0, -1.0));
                assert_eq!(outcome.terminated, outcome.next == GOAL);
                observed.push(outcome.next);
            });
            observed
        };
        assert_eq!([next(0, 0), next(0, 1)], [[0], [1]]);
        assert_eq!([next(1, 0), next(1, 1)], [[2], [0]]);
        assert_eq!([next(2, 0), next(2, 1)], [[1], [3]]);
        assert!(next(3, 0).is_empty());
    }
}
