//! Space invaders: shoot down rows of aliens that come nearer and shoot back.

use rand::RngCore;
use serde::{Deserialize, Serialize};

use super::board::{AREA, ActionSet, Button, FULL_ROW, SIZE, Square, blank, taken};
use crate::{Action, Cell, Cells, Element, Env, Rgb, Spec, Step};

/// The actions that do something.
const MINIMAL: &[Button] = &[Button::Noop, Button::Left, Button::Right, Button::Fire];
/// The bottom row, where the cannon is.
const BOTTOM: usize = SIZE as usize - 1;
const LEFT_EDGE: u16 = 1;
const RIGHT_EDGE: u16 = 1 << BOTTOM;
/// A row of the wave: columns 2 to 7.
const WAVE_ROW: u16 = 0b00_1111_1100;
const WAVE_ROWS: usize = 4;
/// Steps from one shot of the cannon to the next, at least.
const COOL_DOWN: i8 = 5;
/// Steps from one move of the first wave to the next, at most.
const MOVE_INTERVAL: i8 = 12;
/// Steps between moves of the fastest wave, at most.
const FASTEST: i8 = 6;
/// Steps from one shot of the aliens to the next.
const SHOT_INTERVAL: i8 = 10;

const CANNON: Cell = Cell { glyph: 'A', color: [56, 189, 248] };
const ALIEN: Cell = Cell { glyph: 'x', color: [74, 222, 128] };
const SHOT: Cell = Cell { glyph: '|', color: [250, 204, 21] };
const ENEMY_SHOT: Cell = Cell { glyph: '!', color: [225, 87, 89] };

/// Bits of each row from the top: bit `column` is set where something is.
type Bits = [u16; SIZE as usize];

params::parameters! {
    /// Options of [`SpaceInvaders`].
    #[derive(Copy)]
    pub struct SpaceInvadersConfig {
        /// Probability, at every step, that the previous action is repeated
        sticky: f64 = 0.1, in 0.0..=1.0;
        /// Actions: minimal (noop, left, right, fire), or full (all six of MinAtar)
        actions: ActionSet = ActionSet::Minimal;
        /// Difficulty that rises with each wave: it moves faster than the one before
        ramping: bool = true;
    }
}

/// Space Invaders, by the rules of MinAtar 1.0.15 (Young & Tian 2019, arXiv:1903.03176).
///
/// A cannon slides along the bottom row of a grid of 10 × 10 squares and shoots upwards; a wave of 24
/// aliens moves sideways, comes down a row at each edge, and shoots back.
///
/// - **Observation** `[6, 10, 10]`, bits. Channels: cannon, aliens, aliens if they move left, aliens if
///   they move right, the cannon's shots, the aliens' shots.
/// - **Actions** noop, left, right, fire; in the full set also up and down, which do nothing. After a shot
///   the cannon can't fire for 4 steps. With probability [`SpaceInvadersConfig::sticky`] the action
///   taken a step ago is taken again.
/// - **Reward** 1 for each alien hit.
/// - **Start** the cannon in column 5; aliens in rows 0 to 3 and columns 2 to 7, on their way to the left.
/// - **End** when a shot or an alien comes to the cannon, or when the aliens would come down from the
///   bottom row. The cut at 10,000 steps is ours. There is no chance but in sticky actions.
///
/// In each step
///
/// 1. The cannon moves or shoots. The shots on both sides move by one row; a new one is in row 8 then.
/// 2. When the move timer is at 0, the aliens move: sideways, or, if one is at the edge they move to, down
///    by one row and from then on the other way. They move again after as many steps as there are
///    aliens, 12 at most; with [`SpaceInvadersConfig::ramping`], in each further wave one less, down to 6.
/// 3. Every tenth step the alien shoots that is lowest in the nearest column that has any, the left one
///    of two: the shot appears on its own square.
/// 4. Aliens and the cannon's shots on the same square vanish. When no alien is left, a new wave appears.
///
/// One deviation: every episode begins with noop as the previous action, as in
/// [`Breakout`](crate::Breakout).
///
/// MinAtar is under the GPL. None of its code is used here: this is written from the rules above, and
/// `tests/parity` holds traces of the package that it must match.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpaceInvaders {
    config: SpaceInvadersConfig,
    /// Column of the cannon.
    cannon: i8,
    aliens: Bits,
    /// The aliens move to the right.
    rightward: bool,
    shots: Bits,
    enemy_shots: Bits,
    /// Steps until the cannon can shoot.
    cool_down: i8,
    /// Steps between moves in this wave, at most.
    move_interval: i8,
    move_timer: i8,
    shot_timer: i8,
    previous_action: usize,
}

impl Default for SpaceInvaders {
    fn default() -> Self {
        SpaceInvadersConfig::default().into()
    }
}

impl From<SpaceInvadersConfig> for SpaceInvaders {
    fn from(config: SpaceInvadersConfig) -> Self {
        Self {
            config,
            cannon: 5,
            aliens: wave(),
            rightward: false,
            shots: Bits::default(),
            enemy_shots: Bits::default(),
            cool_down: 0,
            move_interval: MOVE_INTERVAL,
            move_timer: MOVE_INTERVAL,
            shot_timer: SHOT_INTERVAL,
            previous_action: 0,
        }
    }
}

/// All aliens where they start.
fn wave() -> Bits {
    std::array::from_fn(|row| if row < WAVE_ROWS { WAVE_ROW } else { 0 })
}

/// Bits that are set.
fn count(bits: &Bits) -> i8 {
    bits.iter().map(|row| row.count_ones() as i8).sum()
}

impl SpaceInvaders {
    fn buttons(&self) -> &'static [Button] {
        self.config.actions.buttons(MINIMAL)
    }

    /// Returns `true` if one of `bits` is where the cannon is.
    fn is_hit(&self, bits: &Bits) -> bool {
        bits[BOTTOM] >> self.cannon & 1 == 1
    }

    fn move_shots(&mut self) {
        self.shots.rotate_left(1);
        self.shots[BOTTOM] = 0;
        self.enemy_shots.rotate_right(1);
        self.enemy_shots[0] = 0;
    }

    /// Moves the aliens, and returns `true` if they had to come down from the bottom row.
    fn move_aliens(&mut self) -> bool {
        let edge = if self.rightward { RIGHT_EDGE } else { LEFT_EDGE };
        let mut landed = false;
        if self.aliens.iter().any(|row| row & edge != 0) {
            self.rightward = !self.rightward;
            landed = self.aliens[BOTTOM] != 0;
            self.aliens.rotate_right(1);
        } else {
            for row in &mut self.aliens {
                *row = if self.rightward { *row << 1 } else { *row >> 1 };
            }
        }
        landed
    }

    /// Row and column of the alien that shoots.
    fn shooter(&self) -> Option<(usize, i8)> {
        let occupied = self.aliens.iter().fold(0, |columns, row| columns | row);
        let column = (0..SIZE)
            .filter(|column| occupied >> column & 1 == 1)
            .min_by_key(|column| (column - self.cannon).abs())?;
        let row = self.aliens.iter().rposition(|row| row >> column & 1 == 1)?;
        Some((row, column))
    }

    /// Takes away aliens and shots that are on one square, and returns their number.
    fn strike(&mut self) -> f32 {
        let mut struck = 0;
        for (aliens, shots) in self.aliens.iter_mut().zip(&mut self.shots) {
            let both = *aliens & *shots;
            *aliens &= !both;
            *shots &= !both;
            struck += both.count_ones();
        }
        struck as f32
    }
}

impl Env for SpaceInvaders {
    fn spec(&self) -> Spec {
        Spec {
            obs_shape: vec![6, SIZE as usize, SIZE as usize],
            element: Element::Bit,
            actions: Button::names(self.buttons()),
            time_limit: Some(10_000),
            two_returns: None,
        }
    }

    fn is_possible(&self) -> bool {
        let maps = [self.aliens, self.shots, self.enemy_shots];
        (0..SIZE).contains(&self.cannon)
            && maps.iter().flatten().all(|row| row & !FULL_ROW == 0)
            && self.aliens.iter().any(|row| *row != 0)
            && (0..=COOL_DOWN).contains(&self.cool_down)
            && (FASTEST..=MOVE_INTERVAL).contains(&self.move_interval)
            && (0..=MOVE_INTERVAL).contains(&self.move_timer)
            && (0..=SHOT_INTERVAL).contains(&self.shot_timer)
            && self.previous_action < self.buttons().len()
            && self.config.check().is_ok()
    }

    fn reset(&mut self, _: &mut dyn RngCore) {
        *self = self.config.into();
    }

    fn step(&mut self, action: Action<'_>, rng: &mut dyn RngCore) -> Step {
        let action = taken(self.config.sticky, self.previous_action, action.discrete(), rng);
        self.previous_action = action;
        let button = self.buttons()[action];
        if button == Button::Fire && self.cool_down == 0 {
            self.shots[BOTTOM] |= 1 << self.cannon;
            self.cool_down = COOL_DOWN;
        }
        self.cannon = (self.cannon + button.columns()).clamp(0, SIZE - 1);
        self.move_shots();
        let mut terminated = self.is_hit(&self.enemy_shots) || self.is_hit(&self.aliens);
        if self.move_timer == 0 {
            self.move_timer = count(&self.aliens).min(self.move_interval);
            terminated |= self.move_aliens();
            terminated |= self.is_hit(&self.aliens);
        }
        if self.shot_timer == 0 {
            self.shot_timer = SHOT_INTERVAL;
            if let Some((row, column)) = self.shooter() {
                self.enemy_shots[row] |= 1 << column;
            }
        }
        let reward = self.strike();
        self.cool_down = (self.cool_down - 1).max(0);
        self.move_timer -= 1;
        self.shot_timer -= 1;
        if count(&self.aliens) == 0 {
            if self.config.ramping {
                self.move_interval = (self.move_interval - 1).max(FASTEST);
            }
            self.aliens = wave();
        }
        Step { reward, terminated }
    }

    fn observe(&self, obs: &mut [f32]) {
        obs.fill(0.0);
        obs[Square { row: BOTTOM as i8, column: self.cannon }.index()] = 1.0;
        let direction = if self.rightward { 3 } else { 2 };
        for (channel, bits) in
            [(1, self.aliens), (direction, self.aliens), (4, self.shots), (5, self.enemy_shots)]
        {
            for index in places(&bits) {
                obs[channel * AREA + index] = 1.0;
            }
        }
    }

    fn render(&self) -> Rgb {
        self.cells().to_rgb(16)
    }

    fn cells(&self) -> Cells {
        let mut cells = blank();
        cells.cells[Square { row: BOTTOM as i8, column: self.cannon }.index()] = CANNON;
        for (bits, cell) in
            [(self.aliens, ALIEN), (self.shots, SHOT), (self.enemy_shots, ENEMY_SHOT)]
        {
            for index in places(&bits) {
                cells.cells[index] = cell;
            }
        }
        cells
    }
}

/// Places of the bits that are set, in a channel.
fn places(bits: &Bits) -> impl Iterator<Item = usize> {
    let side = SIZE as usize;
    bits.iter().enumerate().flat_map(move |(row, bits)| {
        (0..side)
            .filter(move |column| bits >> column & 1 == 1)
            .map(move |column| row * side + column)
    })
}

#[cfg(test)]
mod tests;
