//! Seaquest: dive for divers, shoot what attacks, and surface before the air is out.

use rand::{Rng as _, RngCore};
use serde::{Deserialize, Serialize};

use super::board::{AREA, Button, SIZE, Square, blank, pick, taken};
use crate::{Action, Cell, Cells, Element, Env, Rgb, Spec, Step};

/// All six actions do something.
const BUTTONS: &[Button] = &Button::ALL;
/// The deepest row.
const DEEPEST: i8 = SIZE - 2;
const MAX_OXYGEN: i16 = 200;
/// Divers that there is room for.
const ROOM: i32 = 6;
/// Steps from one enemy to the next at first.
const ENEMY_INTERVAL: i8 = 20;
/// Steps from one diver to the next.
const DIVER_INTERVAL: i8 = 30;
/// Steps from one move of an enemy to the next at first, less one; of a diver always.
const MOVE_INTERVAL: i8 = 5;
/// Steps from one move of the fastest enemies to the next, less one.
const FASTEST: i8 = 2;
/// Steps from one shot of the submarine to the next, at least.
const COOL_DOWN: i8 = 5;
/// Steps from one shot of an enemy to the next, less one.
const SHOT_INTERVAL: i8 = 10;

const FRONT: Cell = Cell { glyph: 'O', color: [56, 189, 248] };
const BACK: Cell = Cell { glyph: '=', color: [44, 110, 150] };
const SHOT: Cell = Cell { glyph: '*', color: [250, 204, 21] };
const ENEMY_SHOT: Cell = Cell { glyph: '!', color: [251, 146, 60] };
const FISH: Cell = Cell { glyph: 'f', color: [225, 87, 89] };
const ENEMY: Cell = Cell { glyph: 's', color: [217, 70, 239] };
const TRAIL: Cell = Cell { glyph: '-', color: [92, 98, 112] };
const DIVER: Cell = Cell { glyph: 'd', color: [74, 222, 128] };
const OXYGEN: Cell = Cell { glyph: 'o', color: [190, 200, 215] };

params::parameters! {
    /// Options of [`Seaquest`].
    #[derive(Copy)]
    pub struct SeaquestConfig {
        /// Probability, at every step, that the previous action is repeated
        sticky: f64 = 0.1, in 0.0..=1.0;
        /// Difficulty that rises with each surfacing: enemies come and move faster
        ramping: bool = true;
    }
}

/// Seaquest, by the rules of MinAtar 1.0.15 (Young & Tian 2019, arXiv:1903.03176).
///
/// A submarine of two squares moves in rows 0 (the surface) to 8 of a grid of 10 × 10 squares. Fish,
/// enemy submarines and divers enter at either side of rows 1 to 8 and cross the board.
///
/// - **Observation** `[10, 10, 10]`, bits. Channels: front of the submarine, its back, its shots, trails
///   (the square behind a fish, an enemy submarine or a diver), shots of enemies, fish, enemy submarines,
///   gauge of oxygen (bottom row, a square for each 20 of 200), gauge of divers (bottom row, left of
///   the last column), divers.
/// - **Actions** noop, left, up, right, down, fire. Left and right turn the submarine too. After a
///   shot it can't fire for 4 steps. With probability [`SeaquestConfig::sticky`] the action taken a step
///   ago is taken again.
/// - **Reward** 1 for each enemy shot; for surfacing with six divers, the squares of the gauge of oxygen.
/// - **Start** the submarine at the surface in column 5, facing left, with full oxygen.
/// - **End** when an enemy or its shot comes to the front of the submarine, when there is no oxygen left,
///   and when the submarine surfaces without a diver. The cut at 10,000 steps is ours.
///
/// In each step
///
/// 1. When its timer is at 0, an enemy comes in: from the left with probability 1/2, a submarine with
///    probability 1/3, else a fish, in any row with equal chance; nothing, if an enemy in that
///    row moves the other way. Likewise a diver, every 30 steps.
/// 2. The submarine acts. Its shots move by one square and take the first enemy they come to with them.
/// 3. Divers come aboard where there is room for six, or move. Then enemy submarines, their shots and
///    fish move, each of them at its own time, and run into the submarine or into its shots. A
///    submarine shoots in every eleventh step.
/// 4. Below the surface a step costs 1 of oxygen. At the surface, on arrival, a diver goes ashore, or all
///    six; oxygen is full again. With [`SeaquestConfig::ramping`] enemies then follow on each other with one
///    step less between them, down to 1, and every second time move with one step less between moves, down
///    to 2.
///
/// Of these the package has peculiarities that are part of the game here: after six divers have gone
/// ashore one more is taken off, so that their number is −1, with which one may surface; and enemies that are
/// alike in everything are told apart by their order in a list.
///
/// Versions before 1.0.11 had a fault: oxygen ran out a step later, and in that step the gauge showed it
/// full. Published results from before then, those of the paper among them, are of that game. This is the
/// later one, to which 1.0.15 belongs.
///
/// One deviation: every episode begins with noop as the previous action, as in
/// [`Breakout`](crate::Breakout).
///
/// MinAtar is under the GPL. None of its code is used here: this is written from the rules above, and
/// `tests/parity` holds traces of the package that it must match.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seaquest {
    config: SeaquestConfig,
    /// Front of the submarine.
    front: Square,
    rightward: bool,
    oxygen: i16,
    /// Divers aboard.
    aboard: i32,
    /// The submarine has been at the surface since its last arrival there.
    surfaced: bool,
    cool_down: i8,
    shots: Vec<Shot>,
    enemy_shots: Vec<Shot>,
    fish: Vec<Swimmer>,
    enemies: Vec<Swimmer>,
    divers: Vec<Swimmer>,
    enemy_interval: i8,
    enemy_timer: i8,
    diver_timer: i8,
    move_interval: i8,
    /// The next surfacing makes enemies move faster.
    ramps_moves: bool,
    previous_action: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shot {
    square: Square,
    rightward: bool,
}

/// A fish, an enemy submarine or a diver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Swimmer {
    square: Square,
    rightward: bool,
    /// Steps until it moves.
    timer: i8,
    /// Steps until it shoots, if it does.
    shot_timer: Option<i8>,
}

impl Default for Seaquest {
    fn default() -> Self {
        SeaquestConfig::default().into()
    }
}

impl From<SeaquestConfig> for Seaquest {
    fn from(config: SeaquestConfig) -> Self {
        Self {
            config,
            front: Square { row: 0, column: 5 },
            rightward: false,
            oxygen: MAX_OXYGEN,
            aboard: 0,
            surfaced: true,
            cool_down: 0,
            shots: Vec::new(),
            enemy_shots: Vec::new(),
            fish: Vec::new(),
            enemies: Vec::new(),
            divers: Vec::new(),
            enemy_interval: ENEMY_INTERVAL,
            enemy_timer: ENEMY_INTERVAL,
            diver_timer: DIVER_INTERVAL,
            move_interval: MOVE_INTERVAL,
            ramps_moves: false,
            previous_action: 0,
        }
    }
}

/// Removes the first of `items` that equals the one at `index`, and returns the new place of that one, if it is
/// left.
fn remove_equal<T: PartialEq>(items: &mut Vec<T>, index: usize) -> Option<usize> {
    let first = items.iter().position(|item| *item == items[index])?;
    items.remove(first);
    (first < index).then(|| index - 1)
}

/// Removes the first swimmer on a square, and returns `true` if there is one.
fn strike(swimmers: &mut Vec<Swimmer>, square: Square) -> bool {
    let found = swimmers.iter().position(|swimmer| swimmer.square == square);
    found.map(|index| swimmers.remove(index)).is_some()
}

impl Swimmer {
    /// A newcomer, at the side that it comes from.
    fn enter(row: i8, rightward: bool, timer: i8, shot_timer: Option<i8>) -> Self {
        let column = if rightward { 0 } else { SIZE - 1 };
        Self { square: Square { row, column }, rightward, timer, shot_timer }
    }

    /// Moves if it is time, with `interval` steps before the next move; returns `true` if it does.
    fn swim(&mut self, interval: i8) -> bool {
        if self.timer > 0 {
            self.timer -= 1;
            return false;
        }
        self.timer = interval;
        self.square = self.square.beside(self.rightward);
        true
    }
}

impl Seaquest {
    fn spawn_enemy(&mut self, rng: &mut dyn RngCore) {
        let rightward = rng.random::<f64>() < 1.0 / 2.0;
        let shoots = rng.random::<f64>() < 1.0 / 3.0;
        let row = 1 + pick(DEEPEST as usize, rng) as i8;
        let meets = |other: &Swimmer| other.square.row == row && other.rightward != rightward;
        if self.enemies.iter().chain(&self.fish).any(meets) {
            return;
        }
        let kind = if shoots { &mut self.enemies } else { &mut self.fish };
        let shot_timer = shoots.then_some(SHOT_INTERVAL);
        kind.push(Swimmer::enter(row, rightward, self.move_interval, shot_timer));
    }

    fn spawn_diver(&mut self, rng: &mut dyn RngCore) {
        let rightward = rng.random::<f64>() < 1.0 / 2.0;
        let row = 1 + pick(DEEPEST as usize, rng) as i8;
        self.divers.push(Swimmer::enter(row, rightward, MOVE_INTERVAL, None));
    }

    fn act(&mut self, button: Button) {
        match button {
            Button::Fire if self.cool_down == 0 => {
                self.shots.push(Shot { square: self.front, rightward: self.rightward });
                self.cool_down = COOL_DOWN;
            }
            Button::Left | Button::Right => {
                self.rightward = button == Button::Right;
                self.front.column = (self.front.column + button.columns()).clamp(0, SIZE - 1);
            }
            _ => self.front.row = (self.front.row + button.rows()).clamp(0, DEEPEST),
        }
    }

    fn move_shots(&mut self, step: &mut Step) {
        for index in (0..self.shots.len()).rev() {
            let shot = &mut self.shots[index];
            shot.square = shot.square.beside(shot.rightward);
            let square = shot.square;
            let inside = square.is_inside();
            let struck =
                inside && (strike(&mut self.fish, square) || strike(&mut self.enemies, square));
            if struck || !inside {
                remove_equal(&mut self.shots, index);
            }
            step.reward += f32::from(u8::from(struck));
        }
    }

    fn move_divers(&mut self) {
        for index in (0..self.divers.len()).rev() {
            let diver = &mut self.divers[index];
            let meets = |diver: &Swimmer| self.aboard < ROOM && diver.square == self.front;
            // One that comes aboard where it is does not move.
            let mut boards = meets(diver);
            if !boards && diver.swim(MOVE_INTERVAL) {
                boards = meets(diver);
            }
            self.aboard += i32::from(boards);
            if boards || !diver.square.is_inside() {
                remove_equal(&mut self.divers, index);
            }
        }
    }

    /// Moves fish or enemy submarines, which may run into the submarine or its shots; lets them shoot.
    fn move_enemies(&mut self, mut enemies: Vec<Swimmer>, step: &mut Step) -> Vec<Swimmer> {
        for index in (0..enemies.len()).rev() {
            step.terminated |= enemies[index].square == self.front;
            let moved = enemies[index].swim(self.move_interval);
            let mut enemy = enemies[index];
            let mut place = Some(index);
            if moved && !enemy.square.is_inside() {
                place = remove_equal(&mut enemies, index);
            } else if moved && enemy.square == self.front {
                step.terminated = true;
            } else if moved
                && let Some(shot) = self.shots.iter().position(|shot| shot.square == enemy.square)
            {
                self.shots.remove(shot);
                place = remove_equal(&mut enemies, index);
                step.reward += 1.0;
            }
            match &mut enemy.shot_timer {
                Some(0) => {
                    enemy.shot_timer = Some(SHOT_INTERVAL);
                    let Swimmer { square, rightward, .. } = enemy;
                    self.enemy_shots.push(Shot { square, rightward });
                }
                Some(timer) => *timer -= 1,
                None => {}
            }
            if let Some(place) = place {
                enemies[place] = enemy;
            }
        }
        enemies
    }

    fn move_enemy_shots(&mut self, step: &mut Step) {
        for index in (0..self.enemy_shots.len()).rev() {
            let shot = &mut self.enemy_shots[index];
            step.terminated |= shot.square == self.front;
            shot.square = shot.square.beside(shot.rightward);
            step.terminated |= shot.square == self.front;
            if !shot.square.is_inside() {
                remove_equal(&mut self.enemy_shots, index);
            }
        }
    }

    /// Breathes at the surface or below it.
    fn breathe(&mut self, step: &mut Step) {
        step.terminated |= self.oxygen <= 0;
        if self.front.row > 0 {
            self.oxygen -= 1;
            self.surfaced = false;
        } else if !self.surfaced && self.aboard == 0 {
            step.terminated = true;
        } else if !self.surfaced {
            self.surfaced = true;
            if self.aboard == ROOM {
                self.aboard = 0;
                step.reward += self.gauge() as f32;
            }
            self.oxygen = MAX_OXYGEN;
            self.aboard -= 1;
            if self.config.ramping {
                self.ramp();
            }
        }
    }

    fn ramp(&mut self) {
        if self.enemy_interval == 1 && self.move_interval == FASTEST {
            return;
        }
        if self.ramps_moves {
            self.move_interval = (self.move_interval - 1).max(FASTEST);
        }
        self.enemy_interval = (self.enemy_interval - 1).max(1);
        self.ramps_moves = !self.ramps_moves;
    }

    /// Squares of the gauge of oxygen.
    fn gauge(&self) -> i8 {
        (self.oxygen.max(0) * 10 / MAX_OXYGEN) as i8
    }

    /// Calls `visit` with everything on the board: its channel, its square and its drawing, the nearest last.
    fn visit(&self, visit: &mut dyn FnMut(usize, Square, Cell)) {
        let bottom = |column| Square { row: SIZE - 1, column };
        (0..self.gauge()).for_each(|column| visit(7, bottom(column), OXYGEN));
        (SIZE - 1 - self.aboard.max(0) as i8..SIZE - 1)
            .for_each(|column| visit(8, bottom(column), DIVER));
        let swimmers = || [&self.fish, &self.enemies, &self.divers].into_iter().flatten();
        for swimmer in swimmers() {
            let behind = swimmer.square.beside(!swimmer.rightward);
            if behind.is_inside() {
                visit(3, behind, TRAIL);
            }
        }
        self.divers.iter().for_each(|diver| visit(9, diver.square, DIVER));
        self.fish.iter().for_each(|fish| visit(5, fish.square, FISH));
        self.enemies.iter().for_each(|enemy| visit(6, enemy.square, ENEMY));
        self.shots.iter().for_each(|shot| visit(2, shot.square, SHOT));
        self.enemy_shots.iter().for_each(|shot| visit(4, shot.square, ENEMY_SHOT));
        visit(1, self.front.beside(!self.rightward), BACK);
        visit(0, self.front, FRONT);
    }
}

impl Env for Seaquest {
    fn spec(&self) -> Spec {
        Spec {
            obs_shape: vec![10, SIZE as usize, SIZE as usize],
            element: Element::Bit,
            actions: Button::names(BUTTONS),
            time_limit: Some(10_000),
            two_returns: None,
        }
    }

    fn is_possible(&self) -> bool {
        let swimmers = [&self.fish, &self.enemies, &self.divers].into_iter().flatten();
        let shots = self.shots.iter().chain(&self.enemy_shots);
        let timers = |swimmer: &Swimmer| {
            (0..=MOVE_INTERVAL).contains(&swimmer.timer)
                && swimmer.shot_timer.is_none_or(|timer| (0..=SHOT_INTERVAL).contains(&timer))
        };
        self.front.is_inside()
            && self.front.row <= DEEPEST
            && self.front.beside(!self.rightward).is_inside()
            && (-1..=MAX_OXYGEN).contains(&self.oxygen)
            && (i32::MIN / 2..=ROOM).contains(&self.aboard)
            && swimmers.clone().all(|swimmer| swimmer.square.is_inside() && timers(swimmer))
            && shots.clone().all(|shot| shot.square.is_inside())
            && swimmers.count() + shots.count() <= 20 * AREA
            && (0..=COOL_DOWN).contains(&self.cool_down)
            && (1..=ENEMY_INTERVAL).contains(&self.enemy_interval)
            && (0..=ENEMY_INTERVAL).contains(&self.enemy_timer)
            && (0..=DIVER_INTERVAL).contains(&self.diver_timer)
            && (FASTEST..=MOVE_INTERVAL).contains(&self.move_interval)
            && self.previous_action < BUTTONS.len()
            && self.config.check().is_ok()
    }

    fn reset(&mut self, _: &mut dyn RngCore) {
        *self = self.config.into();
    }

    fn step(&mut self, action: Action<'_>, rng: &mut dyn RngCore) -> Step {
        let action = taken(self.config.sticky, self.previous_action, action.discrete(), rng);
        self.previous_action = action;
        if self.enemy_timer == 0 {
            self.spawn_enemy(rng);
            self.enemy_timer = self.enemy_interval;
        }
        if self.diver_timer == 0 {
            self.spawn_diver(rng);
            self.diver_timer = DIVER_INTERVAL;
        }
        self.act(BUTTONS[action]);
        let mut step = Step { reward: 0.0, terminated: false };
        self.move_shots(&mut step);
        self.move_divers();
        let enemies = std::mem::take(&mut self.enemies);
        self.enemies = self.move_enemies(enemies, &mut step);
        self.move_enemy_shots(&mut step);
        let fish = std::mem::take(&mut self.fish);
        self.fish = self.move_enemies(fish, &mut step);
        self.enemy_timer -= 1;
        self.diver_timer -= 1;
        self.cool_down = (self.cool_down - 1).max(0);
        self.breathe(&mut step);
        step
    }

    fn observe(&self, obs: &mut [f32]) {
        obs.fill(0.0);
        self.visit(&mut |channel, square, _| obs[channel * AREA + square.index()] = 1.0);
    }

    fn render(&self) -> Rgb {
        self.cells().to_rgb(16)
    }

    fn cells(&self) -> Cells {
        let mut cells = blank();
        self.visit(&mut |_, square, cell| cells.cells[square.index()] = cell);
        cells
    }
}

#[cfg(test)]
mod tests;
