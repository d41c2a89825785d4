//! Freeway: cross a road of eight lanes, again and again.

use rand::{Rng as _, RngCore};
use serde::{Deserialize, Serialize};

use super::board::{AREA, ActionSet, Button, SIZE, Square, blank, pick, taken};
use crate::{Action, Cell, Cells, Element, Env, Rgb, Spec, Step};

/// The actions that do something.
const MINIMAL: &[Button] = &[Button::Noop, Button::Up, Button::Down];
/// Rows 1 to 8, with a car each.
const LANES: usize = 8;
/// The column in which the chicken walks.
const COLUMN: i8 = 4;
/// The bottom row, where the chicken starts.
const BOTTOM: i8 = SIZE - 1;
/// Steps from one of the chicken's to the next.
const PAUSE: i8 = 3;
/// Steps from one move of the slowest car to the next.
const SLOWEST: i8 = 5;
/// Steps of an episode: MinAtar's timer begins at 2,500 and ends the game below 0.
const EPISODE: u32 = 2_501;

const CHICKEN: Cell = Cell { glyph: 'c', color: [250, 204, 21] };
const CAR: Cell = Cell { glyph: '#', color: [225, 87, 89] };
const TRAIL: Cell = Cell { glyph: '-', color: [92, 98, 112] };

params::parameters! {
    /// Options of [`Freeway`].
    #[derive(Copy)]
    pub struct FreewayConfig {
        /// Probability, at every step, that the previous action is repeated
        sticky: f64 = 0.1, in 0.0..=1.0;
        /// Actions: minimal (noop, up, down), or full (all six of MinAtar)
        actions: ActionSet = ActionSet::Minimal;
    }
}

/// Freeway, by the rules of MinAtar 1.0.15 (Young & Tian 2019, arXiv:1903.03176).
///
/// A chicken walks up and down in column 4 of a grid of 10 × 10 squares. In each of rows 1 to 8 a car
/// drives to the left or to the right, and comes in at the other side when it leaves.
///
/// - **Observation** `[7, 10, 10]`, bits. Channels: chicken, cars, and five of trails, of the cars that
///   move every 2nd, 3rd, …, 6th step. The trail is the square behind the car.
/// - **Actions** noop, up, down; in the full set also left, right and fire, which do nothing. After a
///   move the chicken stands still for 2 steps, whatever is tried. With probability
///   [`FreewayConfig::sticky`] the action taken a step ago is taken again.
/// - **Reward** 1 for reaching the top row, from which the chicken is put back to the bottom.
/// - **Start** the chicken at the bottom, unable to move for 3 steps; every car in column 0, its pace and
///   its direction drawn with equal chance.
/// - **End** none. MinAtar ends the game after 2,501 steps, which is a time limit: episodes are cut off
///   then, and learners bootstrap. The difficulty does not rise.
///
/// In each step the chicken moves first. If it reaches the top, paces and directions of all cars are
/// drawn anew. Then, from the top row to the bottom one, each car hits the chicken if it is on its square,
/// moves if it is time, and hits the chicken if it comes to its square; the chicken is put back to the
/// bottom.
///
/// One deviation: every episode begins with noop as the previous action, as in
/// [`Breakout`](crate::Breakout).
///
/// MinAtar is under the GPL. None of its code is used here: this is written from the rules above, and
/// `tests/parity` holds traces of the package that it must match.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Freeway {
    config: FreewayConfig,
    /// Row of the chicken.
    chicken: i8,
    /// Steps until the chicken can move.
    pause: i8,
    /// The car in each of rows 1 to 8.
    cars: [Car; LANES],
    previous_action: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Car {
    column: i8,
    /// Steps that it stands between two moves, from 1 to 5.
    pace: i8,
    rightward: bool,
    /// Steps until it moves.
    timer: i8,
}

impl Default for Freeway {
    fn default() -> Self {
        FreewayConfig::default().into()
    }
}

impl From<FreewayConfig> for Freeway {
    fn from(config: FreewayConfig) -> Self {
        let car = Car { column: 0, pace: 1, rightward: true, timer: 1 };
        Self { config, chicken: BOTTOM, pause: PAUSE, cars: [car; LANES], previous_action: 0 }
    }
}

impl Freeway {
    fn buttons(&self) -> &'static [Button] {
        self.config.actions.buttons(MINIMAL)
    }

    /// Draws paces and directions of all cars.
    fn draw_cars(&mut self, rng: &mut dyn RngCore) {
        for car in &mut self.cars {
            car.pace = 1 + pick(SLOWEST as usize, rng) as i8;
            car.timer = car.pace;
        }
        for car in &mut self.cars {
            car.rightward = rng.random::<f64>() >= 0.5;
        }
    }

    /// The car's square, and the one behind it, around the board.
    fn squares(&self) -> impl Iterator<Item = (&Car, Square, Square)> {
        (1..).zip(&self.cars).map(|(row, car)| {
            let square = Square { row, column: car.column };
            let behind = square.beside(!car.rightward).column.rem_euclid(SIZE);
            (car, square, Square { row, column: behind })
        })
    }
}

impl Env for Freeway {
    fn spec(&self) -> Spec {
        Spec {
            obs_shape: vec![7, SIZE as usize, SIZE as usize],
            element: Element::Bit,
            actions: Button::names(self.buttons()),
            time_limit: Some(EPISODE),
            two_returns: None,
        }
    }

    fn is_possible(&self) -> bool {
        let drives = |car: &Car| {
            (0..SIZE).contains(&car.column)
                && (1..=SLOWEST).contains(&car.pace)
                && (0..=SLOWEST).contains(&car.timer)
        };
        (1..SIZE).contains(&self.chicken)
            && (0..=PAUSE).contains(&self.pause)
            && self.cars.iter().all(drives)
            && self.previous_action < self.buttons().len()
            && self.config.check().is_ok()
    }

    fn reset(&mut self, rng: &mut dyn RngCore) {
        *self = self.config.into();
        self.draw_cars(rng);
    }

    fn step(&mut self, action: Action<'_>, rng: &mut dyn RngCore) -> Step {
        let action = taken(self.config.sticky, self.previous_action, action.discrete(), rng);
        self.previous_action = action;
        let rows = self.buttons()[action].rows();
        if rows != 0 && self.pause == 0 {
            self.pause = PAUSE;
            self.chicken = (self.chicken + rows).min(BOTTOM);
        }
        let mut step = Step { reward: 0.0, terminated: false };
        if self.chicken == 0 {
            step.reward = 1.0;
            self.draw_cars(rng);
            self.chicken = BOTTOM;
        }
        for (row, car) in (1..).zip(&mut self.cars) {
            let mut hit = row == self.chicken && car.column == COLUMN;
            if car.timer == 0 {
                car.timer = car.pace;
                let column = car.column + if car.rightward { 1 } else { -1 };
                car.column = column.rem_euclid(SIZE);
                hit |= row == self.chicken && car.column == COLUMN;
            } else {
                car.timer -= 1;
            }
            if hit {
                self.chicken = BOTTOM;
            }
        }
        self.pause = (self.pause - 1).max(0);
        step
    }

    fn observe(&self, obs: &mut [f32]) {
        obs.fill(0.0);
        obs[Square { row: self.chicken, column: COLUMN }.index()] = 1.0;
        for (car, square, behind) in self.squares() {
            obs[AREA + square.index()] = 1.0;
            obs[(1 + car.pace as usize) * AREA + behind.index()] = 1.0;
        }
    }

    fn render(&self) -> Rgb {
        self.cells().to_rgb(16)
    }

    fn cells(&self) -> Cells {
        let mut cells = blank();
        for (_, square, behind) in self.squares() {
            cells.cells[behind.index()] = TRAIL;
            cells.cells[square.index()] = CAR;
        }
        cells.cells[Square { row: self.chicken, column: COLUMN }.index()] = CHICKEN;
        cells
    }
}

#[cfg(test)]
mod tests;
