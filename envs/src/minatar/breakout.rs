//! Breakout: break a wall of bricks with a ball that must not be dropped.

mod config;

use rand::{Rng as _, RngCore};
use serde::{Deserialize, Serialize};

pub use self::config::BreakoutConfig;
use super::board::{AREA, Button, SIZE, Square, blank, taken};
use crate::{Action, Cell, Cells, Element, Env, Rgb, Spec, Step};

/// The actions that do something.
const MINIMAL: &[Button] = &[Button::Noop, Button::Left, Button::Right];
const PADDLE_ROW: i8 = SIZE - 1;
/// Rows 1, 2 and 3 of the wall, ten bits each.
const FULL_WALL: u32 = (1 << 30) - 1;

const PADDLE: Cell = Cell { glyph: '=', color: [56, 189, 248] };
const BALL: Cell = Cell { glyph: 'o', color: [250, 204, 21] };
const TRAIL: Cell = Cell { glyph: '*', color: [113, 99, 45] };
const BRICK: Cell = Cell { glyph: '#', color: [225, 87, 89] };

/// Corner from which the ball starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Column 0, moving down to the right.
    Left,
    /// Column 9, moving down to the left.
    Right,
}

/// Breakout, by the rules of MinAtar 1.0.15 (Young & Tian 2019, arXiv:1903.03176).
///
/// A ball moves diagonally on a grid of 10 × 10 squares, a paddle slides along the bottom row, and
/// rows 1 to 3, counted from 0 at the top, hold a wall of 30 bricks.
///
/// - **Observation** `[4, 10, 10]`, bits. Channels: paddle, ball, trail (where the ball was a step
///   ago), bricks.
/// - **Actions** noop, left, right; in the full set also up, down and fire, which do nothing. Left and
///   right move the paddle by one column, up to the edge.
///   With probability [`BreakoutConfig::sticky`] the action taken a step ago is taken again.
/// - **Reward** 1 for each brick broken.
/// - **Start** the wall is whole, the paddle in column 4, the ball in row 3 and on its way down: in
///   column 0 towards the right or in column 9 towards the left, with equal chance.
/// - **End** when the ball is lost. The cut at 10,000 steps is ours: MinAtar has none, but an
///   evaluation must end for a policy that never drops the ball.
///
/// In each step the paddle moves first. Then the ball makes for the next square on its diagonal:
///
/// 1. Beyond a side wall, it stays in its column and turns around sideways.
/// 2. Above the ceiling, it stays in row 0 and turns down.
/// 3. At a brick, it breaks the brick, stays in its row and turns around vertically; but if it met a
///    brick a step ago too, it flies on into this one's square and leaves it whole.
/// 4. In the bottom row: if no brick is left, a whole wall appears. If the paddle is in the column
///    the ball comes from, the ball stays in its row and turns up; if it is in the column the ball
///    makes for, the ball stays in its row and turns around in both directions; else it is lost.
///
/// One deviation: MinAtar remembers the last action for the sticky draw beyond the end of an
/// episode, here every episode begins with noop remembered, so that it depends on nothing before it.
///
/// MinAtar is under the GPL. None of its code is used here: the rules are from the paper and from
/// watching the installed package play, and `tests/parity` holds traces of it that ours must match.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Breakout {
    config: BreakoutConfig,
    ball: Square,
    /// Rows and columns the ball moves by, each 1 or -1.
    velocity: Square,
    trail: Square,
    paddle: i8,
    /// Bit `10 (row - 1) + column` is set where a brick stands.
    bricks: u32,
    /// The ball met a brick on the step before.
    struck: bool,
    previous_action: usize,
}

impl Default for Breakout {
    fn default() -> Self {
        Self::new(BreakoutConfig::default())
    }
}

impl Breakout {
    /// A game that has not begun: [`Env::reset`] or [`Breakout::start`] begins an episode.
    pub fn new(config: BreakoutConfig) -> Self {
        let ball = Square { row: 3, column: 0 };
        Self {
            config,
            ball,
            velocity: Square { row: 1, column: 1 },
            trail: ball,
            paddle: 4,
            bricks: FULL_WALL,
            struck: false,
            previous_action: 0,
        }
    }

    /// Starts an episode from a known corner.
    pub fn start(&mut self, side: Side) {
        *self = Self::new(self.config);
        if side == Side::Right {
            self.ball.column = SIZE - 1;
            self.trail = self.ball;
            self.velocity.column = -1;
        }
    }

    /// Moves one step on with the action that is really taken: no draw is made.
    pub fn advance(&mut self, action: usize) -> Step {
        self.previous_action = action;
        let columns = self.buttons()[action].columns();
        self.paddle = (self.paddle + columns).clamp(0, SIZE - 1);
        self.move_ball()
    }

    fn buttons(&self) -> &'static [Button] {
        self.config.actions.buttons(MINIMAL)
    }

    fn move_ball(&mut self) -> Step {
        let from = self.ball;
        let mut to = Square {
            row: from.row + self.velocity.row,
            column: from.column + self.velocity.column,
        };
        if !(0..SIZE).contains(&to.column) {
            to.column = from.column;
            self.velocity.column = -self.velocity.column;
        }
        let mut step = Step { reward: 0.0, terminated: false };
        let met_brick = self.has_brick(to);
        if to.row < 0 {
            to.row = 0;
            self.velocity.row = 1;
        } else if met_brick && !self.struck {
            step.reward = 1.0;
            self.bricks &= !brick(to);
            to.row = from.row;
            self.velocity.row = -self.velocity.row;
        } else if to.row == PADDLE_ROW {
            if self.bricks == 0 {
                self.bricks = FULL_WALL;
            }
            if from.column == self.paddle {
                to.row = from.row;
                self.velocity.row = -1;
            } else if to.column == self.paddle {
                to.row = from.row;
                self.velocity = Square { row: -1, column: -self.velocity.column };
            } else {
                step.terminated = true;
            }
        }
        self.struck = met_brick;
        self.trail = from;
        self.ball = to;
        step
    }

    fn has_brick(&self, square: Square) -> bool {
        self.bricks & brick(square) != 0
    }
}

/// The bit of the brick at a square, 0 where the wall never is.
fn brick(square: Square) -> u32 {
    match square.row {
        1..=3 => 1 << (square.index() - SIZE as usize),
        _ => 0,
    }
}

impl Env for Breakout {
    fn spec(&self) -> Spec {
        Spec {
            obs_shape: vec![4, SIZE as usize, SIZE as usize],
            element: Element::Bit,
            actions: Button::names(self.buttons()),
            time_limit: Some(10_000),
            two_returns: None,
        }
    }

    fn is_possible(&self) -> bool {
        self.ball.is_inside()
            && self.trail.is_inside()
            && (0..SIZE).contains(&self.paddle)
            && [self.velocity.row, self.velocity.column].iter().all(|by| by.abs() == 1)
            && self.bricks & !FULL_WALL == 0
            && self.previous_action < self.buttons().len()
            && self.config.check().is_ok()
    }

    fn reset(&mut self, rng: &mut dyn RngCore) {
        self.start(if rng.random() { Side::Left } else { Side::Right });
    }

    fn step(&mut self, action: Action<'_>, rng: &mut dyn RngCore) -> Step {
        self.advance(taken(self.config.sticky, self.previous_action, action.discrete(), rng))
    }

    fn observe(&self, obs: &mut [f32]) {
        obs.fill(0.0);
        let paddle = Square { row: PADDLE_ROW, column: self.paddle };
        for (channel, square) in [paddle, self.ball, self.trail].into_iter().enumerate() {
            obs[channel * AREA + square.index()] = 1.0;
        }
        let mut bricks = self.bricks;
        while bricks != 0 {
            obs[3 * AREA + SIZE as usize + bricks.trailing_zeros() as usize] = 1.0;
            bricks &= bricks - 1;
        }
    }

    fn render(&self) -> Rgb {
        self.cells().to_rgb(16)
    }

    fn cells(&self) -> Cells {
        let mut cells = blank();
        for row in 1..4 {
            for column in 0..SIZE {
                let square = Square { row, column };
                if self.has_brick(square) {
                    cells.cells[square.index()] = BRICK;
                }
            }
        }
        cells.cells[self.trail.index()] = TRAIL;
        cells.cells[Square { row: PADDLE_ROW, column: self.paddle }.index()] = PADDLE;
        cells.cells[self.ball.index()] = BALL;
        cells
    }
}

#[cfg(test)]
mod tests;
