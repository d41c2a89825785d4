//! Asterix: gather treasure that crosses the board, and keep out of the way of enemies.

use rand::{Rng as _, RngCore};
use serde::{Deserialize, Serialize};

use super::board::{AREA, ActionSet, Button, SIZE, Square, blank, pick, taken};
use crate::{Action, Cell, Cells, Element, Env, Rgb, Spec, Step};

/// The actions that do something.
const MINIMAL: &[Button] = &[Button::Noop, Button::Left, Button::Up, Button::Right, Button::Down];
/// Rows 1 to 8, in each of which one thing at most is under way.
const LANES: usize = 8;
/// Steps from one newcomer to the next at first.
const SPAWN_INTERVAL: i8 = 10;
/// Steps from one move of the others to the next at first.
const MOVE_INTERVAL: i8 = 5;
/// Steps until the game gets harder, less two.
const RAMP_INTERVAL: i8 = 100;

const PLAYER: Cell = Cell { glyph: 'A', color: [56, 189, 248] };
const ENEMY: Cell = Cell { glyph: 'x', color: [225, 87, 89] };
const TRAIL: Cell = Cell { glyph: '-', color: [92, 98, 112] };
const GOLD: Cell = Cell { glyph: '$', color: [250, 204, 21] };

params::parameters! {
    /// Options of [`Asterix`].
    #[derive(Copy)]
    pub struct AsterixConfig {
        /// Probability, at every step, that the previous action is repeated
        sticky: f64 = 0.1, in 0.0..=1.0;
        /// Actions: minimal (noop, left, up, right, down), or full (all six of MinAtar)
        actions: ActionSet = ActionSet::Minimal;
        /// Difficulty that rises with time: newcomers and moves follow faster on each other
        ramping: bool = true;
    }
}

/// Asterix, by the rules of MinAtar 1.0.15 (Young & Tian 2019, arXiv:1903.03176).
///
/// The player walks freely in rows 1 to 8 of a grid of 10 × 10 squares. Enemies and treasure enter at
/// either side and cross the board, one to a row.
///
/// - **Observation** `[4, 10, 10]`, bits. Channels: player, enemies, trails (the square behind an enemy
///   or a treasure, which tells its direction), treasure.
/// - **Actions** noop, left, up, right, down; in the full set also fire, which does nothing. A move
///   stops at the side walls and at rows 1 and 8. With probability [`AsterixConfig::sticky`] the action
///   taken a step ago is taken again.
/// - **Reward** 1 for each treasure.
/// - **Start** the player in row 5 and column 5 of an empty board.
/// - **End** when the player meets an enemy. The cut at 10,000 steps is ours.
///
/// In each step
///
/// 1. When the spawn timer is at 0, something comes in: from the left with probability 1/2, a treasure
///    with probability 1/3, in one of the free rows with equal chance; if none is free, nothing.
/// 2. The player moves, and meets what is on the square.
/// 3. When the move timer is at 0, all others move by one square, or off the board, and meet the player
///    if they come to the square.
/// 4. The timers count down, from 10 between newcomers and from 5 between moves. With
///    [`AsterixConfig::ramping`], after every 102 steps there is one step less between newcomers and,
///    every second time, between moves, down to 1 each.
///
/// One deviation: every episode begins with noop as the previous action, as in
/// [`Breakout`](crate::Breakout).
///
/// MinAtar is under the GPL. None of its code is used here: this is written from the rules above, and
/// `tests/parity` holds traces of the package that it must match.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asterix {
    config: AsterixConfig,
    player: Square,
    /// The enemy or the treasure in each of rows 1 to 8.
    lanes: [Option<Passerby>; LANES],
    spawn_interval: i8,
    spawn_timer: i8,
    move_interval: i8,
    move_timer: i8,
    /// Steps until the next ramp, less two.
    ramp_timer: i8,
    /// The next ramp is one after which moves follow faster.
    ramps_moves: bool,
    previous_action: usize,
}

/// An enemy or a treasure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Passerby {
    column: i8,
    rightward: bool,
    gold: bool,
}

impl Default for Asterix {
    fn default() -> Self {
        AsterixConfig::default().into()
    }
}

impl From<AsterixConfig> for Asterix {
    fn from(config: AsterixConfig) -> Self {
        Self {
            config,
            player: Square { row: 5, column: 5 },
            lanes: [None; LANES],
            spawn_interval: SPAWN_INTERVAL,
            spawn_timer: SPAWN_INTERVAL,
            move_interval: MOVE_INTERVAL,
            move_timer: MOVE_INTERVAL,
            ramp_timer: RAMP_INTERVAL,
            ramps_moves: false,
            previous_action: 0,
        }
    }
}

impl Asterix {
    fn buttons(&self) -> &'static [Button] {
        self.config.actions.buttons(MINIMAL)
    }

    fn spawn(&mut self, rng: &mut dyn RngCore) {
        let rightward = rng.random::<f64>() < 1.0 / 2.0;
        let gold = rng.random::<f64>() < 1.0 / 3.0;
        let column = if rightward { 0 } else { SIZE - 1 };
        let free = (0..LANES).filter(|lane| self.lanes[*lane].is_none()).collect::<Vec<_>>();
        if !free.is_empty() {
            self.lanes[free[pick(free.len(), rng)]] = Some(Passerby { column, rightward, gold });
        }
    }

    /// Lets the player take or meet what is on the square.
    fn meet(&mut self, step: &mut Step) {
        let lane = &mut self.lanes[self.player.row as usize - 1];
        match lane {
            Some(Passerby { column, gold, .. }) if *column == self.player.column => {
                if *gold {
                    *lane = None;
                    step.reward += 1.0;
                } else {
                    step.terminated = true;
                }
            }
            _ => {}
        }
    }

    /// Moves enemies and treasure by one square, off the board at its end.
    fn move_others(&mut self) {
        for lane in &mut self.lanes {
            if let Some(Passerby { column, rightward, .. }) = lane {
                *column += if *rightward { 1 } else { -1 };
                if !(0..SIZE).contains(column) {
                    *lane = None;
                }
            }
        }
    }

    fn ramp(&mut self) {
        if self.spawn_interval == 1 && self.move_interval == 1 {
            return;
        }
        if self.ramp_timer >= 0 {
            self.ramp_timer -= 1;
            return;
        }
        if self.ramps_moves {
            self.move_interval = (self.move_interval - 1).max(1);
        }
        self.spawn_interval = (self.spawn_interval - 1).max(1);
        self.ramps_moves = !self.ramps_moves;
        self.ramp_timer = RAMP_INTERVAL;
    }

    /// The row, the column, and the column behind it if on the board, of everyone but the player.
    fn others(&self) -> impl Iterator<Item = (Square, Option<Square>, bool)> {
        (1..).zip(&self.lanes).filter_map(|(row, lane)| {
            let Passerby { column, rightward, gold } = (*lane)?;
            let square = Square { row, column };
            let behind = square.beside(!rightward);
            Some((square, behind.is_inside().then_some(behind), gold))
        })
    }
}

impl Env for Asterix {
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
        let times = |interval: i8, timer: i8, first: i8| {
            (1..=first).contains(&interval) && (0..=first).contains(&timer)
        };
        self.player.is_inside()
            && (1..=LANES as i8).contains(&self.player.row)
            && self.lanes.iter().flatten().all(|other| (0..SIZE).contains(&other.column))
            && times(self.spawn_interval, self.spawn_timer, SPAWN_INTERVAL)
            && times(self.move_interval, self.move_timer, MOVE_INTERVAL)
            && (-1..=RAMP_INTERVAL).contains(&self.ramp_timer)
            && self.previous_action < self.buttons().len()
            && self.config.check().is_ok()
    }

    fn reset(&mut self, _: &mut dyn RngCore) {
        *self = self.config.into();
    }

    fn step(&mut self, action: Action<'_>, rng: &mut dyn RngCore) -> Step {
        let action = taken(self.config.sticky, self.previous_action, action.discrete(), rng);
        self.previous_action = action;
        if self.spawn_timer == 0 {
            self.spawn(rng);
            self.spawn_timer = self.spawn_interval;
        }
        let button = self.buttons()[action];
        self.player.column = (self.player.column + button.columns()).clamp(0, SIZE - 1);
        self.player.row = (self.player.row + button.rows()).clamp(1, LANES as i8);
        let mut step = Step { reward: 0.0, terminated: false };
        self.meet(&mut step);
        if self.move_timer == 0 {
            self.move_timer = self.move_interval;
            self.move_others();
            self.meet(&mut step);
        }
        self.spawn_timer -= 1;
        self.move_timer -= 1;
        if self.config.ramping {
            self.ramp();
        }
        step
    }

    fn observe(&self, obs: &mut [f32]) {
        obs.fill(0.0);
        obs[self.player.index()] = 1.0;
        for (square, behind, gold) in self.others() {
            obs[if gold { 3 } else { 1 } * AREA + square.index()] = 1.0;
            if let Some(behind) = behind {
                obs[2 * AREA + behind.index()] = 1.0;
            }
        }
    }

    fn render(&self) -> Rgb {
        self.cells().to_rgb(16)
    }

    fn cells(&self) -> Cells {
        let mut cells = blank();
        for (square, behind, gold) in self.others() {
            if let Some(behind) = behind {
                cells.cells[behind.index()] = TRAIL;
            }
            cells.cells[square.index()] = if gold { GOLD } else { ENEMY };
        }
        cells.cells[self.player.index()] = PLAYER;
        cells
    }
}

#[cfg(test)]
mod tests;
