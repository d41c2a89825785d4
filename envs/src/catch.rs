//! Catch: move a paddle under a falling ball.

use rand::{Rng as _, RngCore};
use serde::{Deserialize, Serialize};

use crate::{Action, Cell, CellShape, Cells, Element, Env, Rgb, Spec, Step};

const ROWS: usize = 10;
const COLUMNS: usize = 5;
const PADDLE_ROW: usize = ROWS - 1;

const EMPTY: Cell = Cell { glyph: '.', color: [24, 26, 34] };
const BALL: Cell = Cell { glyph: 'o', color: [250, 204, 21] };
const PADDLE: Cell = Cell { glyph: '=', color: [56, 189, 248] };
const CAUGHT: Cell = Cell { glyph: '@', color: [74, 222, 128] };

/// Catch, as in bsuite (Osband et al. 2020, arXiv:1908.03568, `environments/catch.py`).
///
/// A ball falls through a board of 10 rows and 5 columns; a paddle waits in the bottom row.
///
/// - **Observation** `[50]`, bits: the board, row by row from the top, 1 where the ball or the
///   paddle is. When the ball is on the paddle there is a single 1.
/// - **Actions** left, stay, right: the paddle moves by one column and stops at the edges; then the
///   ball falls by one row.
/// - **Reward** 1 if the ball reaches the bottom row on the paddle, −1 if beside it, else 0.
/// - **Start** ball in the top row, in a column drawn uniformly; paddle in the middle.
/// - **End** when the ball reaches the bottom row, that is after exactly 9 steps.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catch {
    ball_row: usize,
    ball_column: usize,
    paddle_column: usize,
}

impl Catch {
    /// Starts an episode with the ball above `column`, from 0 to 4.
    pub fn start(&mut self, column: usize) {
        *self = Self { ball_row: 0, ball_column: column, paddle_column: COLUMNS / 2 };
    }
}

impl Env for Catch {
    fn spec(&self) -> Spec {
        Spec {
            obs_shape: vec![ROWS * COLUMNS],
            element: Element::Bit,
            actions: Spec::names(&["left", "stay", "right"]),
            time_limit: None,
            two_returns: Some([-1.0, 1.0]),
        }
    }

    fn is_possible(&self) -> bool {
        self.ball_row <= PADDLE_ROW && self.ball_column.max(self.paddle_column) < COLUMNS
    }

    fn reset(&mut self, rng: &mut dyn RngCore) {
        self.start(rng.random_range(0..COLUMNS));
    }

    fn step(&mut self, action: Action<'_>, _: &mut dyn RngCore) -> Step {
        let action = action.discrete();
        debug_assert!(action < 3, "action {action} is not one of Catch's 3");
        // Actions 0, 1, 2 are moves by -1, 0, +1.
        self.paddle_column = (self.paddle_column + action).saturating_sub(1).min(COLUMNS - 1);
        self.ball_row += 1;
        let terminated = self.ball_row == PADDLE_ROW;
        let reward = match (terminated, self.ball_column == self.paddle_column) {
            (false, _) => 0.0,
            (true, true) => 1.0,
            (true, false) => -1.0,
        };
        Step { reward, terminated }
    }

    fn observe(&self, obs: &mut [f32]) {
        obs.fill(0.0);
        obs[self.ball_row * COLUMNS + self.ball_column] = 1.0;
        obs[PADDLE_ROW * COLUMNS + self.paddle_column] = 1.0;
    }

    fn render(&self) -> Rgb {
        self.cells().to_rgb(16)
    }

    fn cells(&self) -> Cells {
        let mut cells = Cells::filled(COLUMNS, ROWS, EMPTY, CellShape::Square);
        cells.put(PADDLE_ROW, self.paddle_column, PADDLE);
        let caught = (self.ball_row, self.ball_column) == (PADDLE_ROW, self.paddle_column);
        cells.put(self.ball_row, self.ball_column, if caught { CAUGHT } else { BALL });
        cells
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rng;
    use rand::SeedableRng;

    const LEFT: usize = 0;
    const STAY: usize = 1;
    const RIGHT: usize = 2;

    /// The rewards of an episode whose ball falls in `column`, with the paddle's nine `actions`.
    fn play(column: usize, actions: [usize; 9]) -> [f32; 9] {
        let mut rng = Rng::seed_from_u64(0);
        let mut env = Catch::default();
        env.start(column);
        let mut rewards = [0.0; 9];
        for (i, action) in actions.into_iter().enumerate() {
            let step = env.step(Action::Discrete(action), &mut rng);
            assert_eq!(step.terminated, i == 8, "step {i}");
            rewards[i] = step.reward;
        }
        rewards
    }

    #[test]
    fn only_the_last_step_pays() {
        // The paddle starts in column 2 and ends where the signed moves add up to.
        let up_to_last = |last| [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, last];
        assert_eq!(play(2, [STAY; 9]), up_to_last(1.0));
        assert_eq!(play(3, [STAY; 9]), up_to_last(-1.0));
        let last_moment = [STAY, STAY, STAY, STAY, STAY, STAY, STAY, STAY, RIGHT];
        assert_eq!(play(3, last_moment), up_to_last(1.0));
        assert_eq!(play(2, last_moment), up_to_last(-1.0));
    }

    #[test]
    fn the_paddle_stops_at_the_edges() {
        assert_eq!(play(0, [LEFT; 9])[8], 1.0);
        assert_eq!(play(4, [RIGHT; 9])[8], 1.0);
        // Eight steps to the left leave it in column 0, one to the right in column 1.
        let back = [LEFT, LEFT, LEFT, LEFT, LEFT, LEFT, LEFT, LEFT, RIGHT];
        assert_eq!(play(1, back)[8], 1.0);
    }

    #[test]
    fn the_board_shows_ball_and_paddle() {
        let mut rng = Rng::seed_from_u64(0);
        let mut env = Catch::default();
        env.start(4);
        env.step(Action::Discrete(LEFT), &mut rng);
        let mut obs = [7.0; 50];
        env.observe(&mut obs);
        let ones: Vec<usize> = (0..50).filter(|&i| obs[i] == 1.0).collect();
        // Ball in row 1, column 4; paddle in row 9, column 1.
        assert_eq!(ones, [9, 46]);
        assert_eq!(obs.iter().sum::<f32>(), 2.0);
        assert_eq!(env.cells().to_string().lines().nth(1), Some("....o"));
        assert_eq!(env.cells().to_string().lines().nth(9), Some(".=..."));
    }

    #[test]
    fn every_column_is_drawn() {
        let mut rng = Rng::seed_from_u64(0);
        let mut env = Catch::default();
        let mut counts = [0; COLUMNS];
        for _ in 0..1000 {
            env.reset(&mut rng);
            counts[env.ball_column] += 1;
        }
        assert!(counts.iter().all(|&count| count > 150), "{counts:?}");
    }

    #[test]
    fn a_seed_means_the_same_for_ever() {
        let mut rng = Rng::seed_from_u64(1);
        let mut env = Catch::default();
        let columns = [(); 10].map(|()| {
            env.reset(&mut rng);
            env.ball_column
        });
        assert_eq!(columns, [2, 2, 4, 0, 1, 2, 1, 1, 4, 1]);
    }
}
