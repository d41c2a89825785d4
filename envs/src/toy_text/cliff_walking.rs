//! Cliff walking: go along a cliff without falling.

use crate::{Arrow, CellKind, Grid, GridCell, Mdp, Outcome};

const WIDTH: usize = 12;
const HEIGHT: usize = 4;
const START: usize = 36;
const GOAL: usize = 47;

/// Columns to the right and rows down, for each action; its neighbours are at right angles.
const STEPS: [[isize; 2]; 4] = [[0, -1], [1, 0], [0, 1], [-1, 0]];
const ARROWS: [Arrow; 4] = [Arrow::Up, Arrow::Right, Arrow::Down, Arrow::Left];

params::parameters! {
    /// `CliffWalking-v1` of Gymnasium, after example 6.6 of Sutton & Barto, *Reinforcement Learning*.
    ///
    /// - **States** the squares of 4 rows and 12 columns, row by row from the top left. Squares 37 to 46
    ///   are the cliff; nobody is ever on it, though Gymnasium's table says what would follow.
    /// - **Actions** up, right, down, left: a step to the next square, or none at the edge. On a slippery
    ///   cliff the step goes with a third each where it should, and to either side at a right angle.
    /// - **Reward** −1 a step; −100 for a step off the cliff, which leads back to the start.
    /// - **Start** square 36, at the bottom left.
    /// - **End** at square 47, at the bottom right. Gymnasium does not cut episodes off.
    /// - **Discount** 1, as in the book.
    #[derive(Copy, Eq)]
    pub struct CliffWalking {
        /// Slippery cliff, as in Gymnasium's CliffWalkingSlippery-v1
        slippery: bool = false;
    }
}

fn is_cliff(square: usize) -> bool {
    (START + 1..GOAL).contains(&square)
}

/// Outcome of a step, with probability `prob`.
fn step(state: usize, [columns, rows]: [isize; 2], prob: f64) -> Outcome {
    let column = (state % WIDTH).saturating_add_signed(columns).min(WIDTH - 1);
    let row = (state / WIDTH).saturating_add_signed(rows).min(HEIGHT - 1);
    let next = row * WIDTH + column;
    if is_cliff(next) {
        return Outcome { prob, next: START, reward: -100.0, terminated: false };
    }
    Outcome { prob, next, reward: -1.0, terminated: next == GOAL }
}

impl Mdp for CliffWalking {
    fn n_states(&self) -> usize {
        WIDTH * HEIGHT
    }

    fn n_actions(&self) -> usize {
        4
    }

    fn outcomes(&self, state: usize, action: usize, visit: &mut dyn FnMut(Outcome)) {
        if state == GOAL {
            return;
        }
        if self.slippery {
            for direction in action + 3..=action + 5 {
                visit(step(state, STEPS[direction % 4], 1.0 / 3.0));
            }
        } else {
            visit(step(state, STEPS[action], 1.0));
        }
    }

    fn starts(&self) -> Vec<(usize, f64)> {
        vec![(START, 1.0)]
    }

    fn state_name(&self, state: usize) -> String {
        state.to_string()
    }

    fn action_name(&self, action: usize) -> String {
        ["up", "right", "down", "left"][action].into()
    }

    fn discount(&self) -> f64 {
        1.0
    }

    fn grid(&self) -> Option<Grid> {
        let cell = |state| match state {
            START => GridCell::State { state, kind: CellKind::Start },
            GOAL => GridCell::State { state, kind: CellKind::Goal },
            _ if is_cliff(state) => GridCell::Empty,
            _ => GridCell::State { state, kind: CellKind::Open },
        };
        Some(Grid {
            width: WIDTH,
            height: HEIGHT,
            cells: (0..WIDTH * HEIGHT).map(cell).collect(),
            arrows: ARROWS.map(Some).into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(cliff: CliffWalking, state: usize, action: usize) -> Vec<(usize, f64, bool)> {
        let mut seen = Vec::new();
        cliff.outcomes(state, action, &mut |outcome| {
            seen.push((outcome.next, outcome.reward, outcome.terminated));
        });
        seen
    }

    #[test]
    fn a_fall_leads_back_to_the_start() {
        let dry = CliffWalking::default();
        assert_eq!(outcomes(dry, 36, 1), [(36, -100.0, false)]);
        assert_eq!(outcomes(dry, 30, 2), [(36, -100.0, false)]);
        assert_eq!(outcomes(dry, 36, 0), [(24, -1.0, false)]);
        assert_eq!(outcomes(dry, 35, 2), [(47, -1.0, true)]);
        assert_eq!(outcomes(dry, 0, 3), [(0, -1.0, false)]);
        assert_eq!(outcomes(dry, 47, 0), []);
    }

    #[test]
    fn one_slips_to_either_side() {
        let seen = outcomes(CliffWalking { slippery: true }, 30, 1);
        assert_eq!(seen, [(18, -1.0, false), (31, -1.0, false), (36, -100.0, false)]);
    }
}
