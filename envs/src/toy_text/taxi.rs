//! Taxi: fetch a passenger and bring them where they want to go.

use serde::{Deserialize, Serialize};

use crate::{Cell, CellShape, Cells, Mdp, Outcome};

/// The stands R, G, Y and B, as row and column.
const STANDS: [[usize; 2]; 4] = [[0, 0], [0, 4], [4, 0], [4, 3]];
const STAND_NAMES: [char; 4] = ['R', 'G', 'Y', 'B'];
/// The passenger's place when in the taxi; lower numbers are stands.
const ABOARD: usize = 4;

const ROAD: [u8; 3] = [24, 26, 34];
const WALL: Cell = Cell { glyph: '|', color: [92, 98, 112] };
const STAND: [u8; 3] = [44, 62, 92];
const WAITING: [u8; 3] = [56, 189, 248];
const DESTINATION: [u8; 3] = [217, 70, 239];
const EMPTY_TAXI: Cell = Cell { glyph: 't', color: [250, 204, 21] };
const FULL_TAXI: Cell = Cell { glyph: 'T', color: [74, 222, 128] };

/// `Taxi-v4` of Gymnasium without rain, after Dietterich (2000, arXiv:cs/9905014).
///
/// ```text
/// +---------+
/// |R: | : :G|
/// | : | : : |
/// | : : : : |
/// | | : | : |
/// |Y| : |B: |
/// +---------+
/// ```
///
/// - **States** `((row · 5 + column) · 5 + passenger) · 4 + destination`: 500. The passenger waits at
///   stand 0 to 3, that is R, G, Y, B, or is aboard, 4. In the 100 states where the passenger is
///   at the destination the ride is over: four of them end an episode, the others are never reached.
/// - **Actions** south, north, east, west, pickup, dropoff. Edges and walls (`|`) stop the taxi.
/// - **Reward** −1 a step; −10 for a pickup where nobody waits, and for a dropoff with nobody aboard
///   or where there is no stand; 20 for the dropoff at the destination.
/// - **Start** one of the 300 states in which the passenger waits at a stand that is not the
///   destination.
/// - **End** the dropoff at the destination. A dropoff at another stand leaves the passenger there.
///   Gymnasium cuts episodes off after 200 steps.
/// - **Discount** Gymnasium has none; 0.99 here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Taxi {}

/// A state, taken apart.
#[derive(Clone, Copy)]
struct Ride {
    row: usize,
    column: usize,
    passenger: usize,
    destination: usize,
}

impl Ride {
    fn of(state: usize) -> Self {
        Self {
            row: state / 100,
            column: state / 20 % 5,
            passenger: state / 4 % 5,
            destination: state % 4,
        }
    }

    fn state(self) -> usize {
        ((self.row * 5 + self.column) * 5 + self.passenger) * 4 + self.destination
    }

    /// The stand the taxi is at.
    fn stand(self) -> Option<usize> {
        STANDS.iter().position(|stand| *stand == [self.row, self.column])
    }

    /// Returns `true` if the passenger is at the destination.
    fn is_over(self) -> bool {
        self.passenger == self.destination
    }

    /// Returns `true` if a wall is to the right of a column in the taxi's row.
    fn wall_right_of(self, column: usize) -> bool {
        match self.row {
            0 | 1 => column == 1,
            3 | 4 => column == 0 || column == 2,
            _ => false,
        }
    }

    /// The roads with the walls between them; the passenger's stand and the destination stand out.
    fn cells(self) -> Cells {
        let road = Cell { glyph: '.', color: ROAD };
        let mut cells = Cells::filled(9, 5, road, CellShape::Square);
        for row in 0..5 {
            let line = Self { row, ..self };
            for column in (0..4).filter(|column| line.wall_right_of(*column)) {
                cells.put(row, 2 * column + 1, WALL);
            }
        }
        for (stand, [row, column]) in STANDS.into_iter().enumerate() {
            let color = match stand {
                _ if stand == self.destination => DESTINATION,
                _ if stand == self.passenger => WAITING,
                _ => STAND,
            };
            cells.put(row, 2 * column, Cell { glyph: STAND_NAMES[stand], color });
        }
        let taxi = if self.passenger == ABOARD { FULL_TAXI } else { EMPTY_TAXI };
        cells.put(self.row, 2 * self.column, taxi);
        cells
    }

    /// Takes an action and returns its reward.
    fn act(&mut self, action: usize) -> f64 {
        match action {
            0 => self.row = (self.row + 1).min(4),
            1 => self.row = self.row.saturating_sub(1),
            2 if self.column < 4 && !self.wall_right_of(self.column) => self.column += 1,
            3 if self.column > 0 && !self.wall_right_of(self.column - 1) => self.column -= 1,
            4 if self.stand() != Some(self.passenger) => return -10.0,
            4 => self.passenger = ABOARD,
            5 => match self.stand() {
                Some(stand) if self.passenger == ABOARD => {
                    self.passenger = stand;
                    return if stand == self.destination { 20.0 } else { -1.0 };
                }
                _ => return -10.0,
            },
            _ => (),
        }
        -1.0
    }
}

impl Mdp for Taxi {
    fn n_states(&self) -> usize {
        500
    }

    fn n_actions(&self) -> usize {
        6
    }

    fn outcomes(&self, state: usize, action: usize, visit: &mut dyn FnMut(Outcome)) {
        let mut ride = Ride::of(state);
        if ride.is_over() {
            return;
        }
        let reward = ride.act(action);
        visit(Outcome { prob: 1.0, next: ride.state(), reward, terminated: ride.is_over() });
    }

    fn starts(&self) -> Vec<(usize, f64)> {
        let waits = |state: &usize| {
            let Ride { passenger, destination, .. } = Ride::of(*state);
            passenger != ABOARD && passenger != destination
        };
        (0..500).filter(waits).map(|state| (state, 1.0 / 300.0)).collect()
    }

    fn state_name(&self, state: usize) -> String {
        state.to_string()
    }

    fn action_name(&self, action: usize) -> String {
        ["south", "north", "east", "west", "pickup", "dropoff"][action].into()
    }

    fn discount(&self) -> f64 {
        0.99
    }

    fn frame(&self, state: usize) -> Option<Cells> {
        Some(Ride::of(state).cells())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Result of an action: the next state, the reward, whether the episode ends.
    fn step(ride: Ride, action: usize) -> (usize, f64, bool) {
        let mut seen = Vec::new();
        Taxi {}.outcomes(ride.state(), action, &mut |outcome| seen.push(outcome));
        assert_eq!((seen.len(), seen[0].prob), (1, 1.0));
        (seen[0].next, seen[0].reward, seen[0].terminated)
    }

    #[test]
    fn a_passenger_is_fetched_and_brought() {
        let waits = Ride { row: 0, column: 0, passenger: 0, destination: 2 };
        let aboard = Ride { passenger: ABOARD, ..waits };
        assert_eq!(step(waits, 4), (aboard.state(), -1.0, false));
        assert_eq!(step(waits, 5), (waits.state(), -10.0, false), "nobody aboard");
        assert_eq!(step(aboard, 4), (aboard.state(), -10.0, false), "nobody waits");
        assert_eq!(step(aboard, 5), (waits.state(), -1.0, false), "another stand");
        let there = Ride { row: 4, ..aboard };
        assert_eq!(step(there, 5), (Ride { passenger: 2, ..there }.state(), 20.0, true));
    }

    #[test]
    fn the_frame_shows_the_taxi_and_both_stands() {
        let ride = Ride { row: 3, column: 1, passenger: 3, destination: 0 };
        let cells = ride.cells();
        assert_eq!(cells.to_string(), "R..|....G\n...|.....\n.........\n.|t..|...\nY|...|B..\n");
        assert_eq!((cells.cells[0].color, cells.cells[42].color), (DESTINATION, WAITING));
        assert_eq!(Ride { passenger: ABOARD, ..ride }.cells().cells[29], FULL_TAXI);
    }

    #[test]
    fn walls_stop_the_taxi() {
        let at = |row, column| Ride { row, column, passenger: 3, destination: 0 };
        assert_eq!(step(at(0, 1), 2).0, at(0, 1).state());
        assert_eq!(step(at(0, 2), 3).0, at(0, 2).state());
        assert_eq!(step(at(2, 1), 2).0, at(2, 2).state());
        assert_eq!(step(at(4, 2), 2).0, at(4, 2).state());
        assert_eq!(step(at(4, 2), 0).0, at(4, 2).state());
        assert_eq!(step(at(4, 2), 1).0, at(3, 2).state());
    }
}
