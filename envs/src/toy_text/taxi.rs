//! Taxi: fetch a passenger and bring them where they want to go.

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

/// The number of rides: of places of the taxi and of the passenger, and of destinations.
const RIDES: usize = 500;

params::parameters! {
    /// `Taxi-v4` of Gymnasium, after Dietterich (2000, arXiv:cs/9905014).
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
    ///   With a fickle passenger there are 1,000: from 500 on, those in which the passenger has made up their mind.
    /// - **Actions** south, north, east, west, pickup, dropoff. Edges and walls (`|`) stop the taxi. In rain
    ///   the taxi goes ahead with [`Taxi::rainy_probability`], else to either side at a right angle with
    ///   equal chance; where it is stopped ahead, it stays.
    /// - **Reward** −1 a step; −10 for a pickup where nobody waits, and for a dropoff with nobody aboard
    ///   or where there is no stand; 20 for the dropoff at the destination.
    /// - **Start** one of the 300 states in which the passenger waits at a stand that is not the
    ///   destination.
    /// - **End** the dropoff at the destination. A dropoff at another stand leaves the passenger there.
    ///   Gymnasium cuts episodes off after 200 steps.
    /// - **Fickle passenger** on the first move of the taxi with the passenger aboard, they change their mind
    ///   with [`Taxi::fickle_probability`], to another destination with equal chance. Gymnasium draws
    ///   at the start whether they will and does not show it; the outcomes are the same, since nothing
    ///   depends on it until then. That the mind is made up is shown here, so that the states are Markov.
    /// - **Discount** Gymnasium has none; 0.99 here.
    #[derive(Copy)]
    pub struct Taxi {
        /// Rain, in which the taxi may slip to either side
        rainy: bool = false;
        /// Probability that the taxi goes ahead in rain
        rainy_probability: f64 = 0.8, in 0.0..=1.0, with rainy;
        /// Passenger who may change the destination on the first move aboard
        fickle_passenger: bool = false;
        /// Probability that a fickle passenger does so
        fickle_probability: f64 = 0.3, in 0.0..=1.0, with fickle_passenger;
    }
}

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

    /// The directions of a move in rain, ahead, left and right, with their probabilities; ahead alone where
    /// something stops the taxi.
    fn directions(self, action: usize, ahead: f64) -> [(usize, f64); 3] {
        const LEFT: [usize; 4] = [2, 3, 1, 0];
        const RIGHT: [usize; 4] = [3, 2, 0, 1];
        let mut moved = self;
        moved.act(action);
        let side = (1.0 - ahead) / 2.0;
        match [moved.row, moved.column] == [self.row, self.column] {
            true => [(action, ahead), (action, side), (action, side)],
            false => [(action, ahead), (LEFT[action], side), (RIGHT[action], side)],
        }
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

impl Taxi {
    /// Calls `visit` with the outcome of a move or of another action, split where the passenger may change
    /// their mind.
    fn visit(
        self,
        ride: Ride,
        settled: bool,
        action: usize,
        prob: f64,
        visit: &mut dyn FnMut(Outcome),
    ) {
        let mut next = ride;
        let reward = next.act(action);
        let moved = [next.row, next.column] != [ride.row, ride.column];
        let asks = self.fickle_passenger && !settled && moved && ride.passenger == ABOARD;
        let offset = if self.fickle_passenger && (settled || asks) { RIDES } else { 0 };
        let mut outcome = |ride: Ride, prob: f64| {
            let terminated = ride.is_over();
            visit(Outcome { prob, next: offset + ride.state(), reward, terminated });
        };
        if !asks {
            return outcome(next, prob);
        }
        outcome(next, prob * (1.0 - self.fickle_probability));
        for destination in (0..STANDS.len()).filter(|other| *other != ride.destination) {
            outcome(Ride { destination, ..next }, prob * self.fickle_probability / 3.0);
        }
    }
}

impl Mdp for Taxi {
    fn n_states(&self) -> usize {
        if self.fickle_passenger { 2 * RIDES } else { RIDES }
    }

    fn n_actions(&self) -> usize {
        6
    }

    fn outcomes(&self, state: usize, action: usize, visit: &mut dyn FnMut(Outcome)) {
        let (ride, settled) = (Ride::of(state % RIDES), state >= RIDES);
        if ride.is_over() {
            return;
        }
        if self.rainy && action < 4 {
            for (direction, prob) in ride.directions(action, self.rainy_probability) {
                self.visit(ride, settled, direction, prob, visit);
            }
        } else {
            self.visit(ride, settled, action, 1.0, visit);
        }
    }

    fn starts(&self) -> Vec<(usize, f64)> {
        let waits = |state: &usize| {
            let Ride { passenger, destination, .. } = Ride::of(*state);
            passenger != ABOARD && passenger != destination
        };
        (0..RIDES).filter(waits).map(|state| (state, 1.0 / 300.0)).collect()
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
        Some(Ride::of(state % RIDES).cells())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Result of an action: the next state, the reward, whether the episode ends.
    fn step(ride: Ride, action: usize) -> (usize, f64, bool) {
        let mut observed = Vec::new();
        Taxi::default().outcomes(ride.state(), action, &mut |outcome| observed.push(outcome));
        assert_eq!((observed.len(), observed[0].prob), (1, 1.0));
        (observed[0].next, observed[0].reward, observed[0].terminated)
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

    /// Next states and probabilities, rounded to thousandths.
    fn outcomes(taxi: Taxi, state: usize, action: usize) -> Vec<(usize, i32)> {
        let mut observed = Vec::new();
        taxi.outcomes(state, action, &mut |outcome| {
            observed.push((outcome.next, (outcome.prob * 1000.0).round() as i32));
        });
        observed
    }

    #[test]
    fn in_rain_the_taxi_slips() {
        let taxi = Taxi { rainy: true, ..Taxi::default() };
        let at = |row, column| Ride { row, column, passenger: 3, destination: 0 }.state();
        // South from the middle: left is east.
        let expected = [(at(3, 2), 800), (at(2, 3), 100), (at(2, 1), 100)];
        assert_eq!(outcomes(taxi, at(2, 2), 0), expected);
        // A wall stops the slip, or everything.
        let expected = [(at(1, 1), 800), (at(0, 1), 100), (at(0, 0), 100)];
        assert_eq!(outcomes(taxi, at(0, 1), 0), expected);
        assert_eq!(
            outcomes(taxi, at(0, 1), 2),
            [(at(0, 1), 800), (at(0, 1), 100), (at(0, 1), 100)]
        );
        assert_eq!(outcomes(taxi, at(2, 2), 4), [(at(2, 2), 1000)]);
    }

    #[test]
    fn a_fickle_passenger_decides_on_the_first_move() {
        let taxi = Taxi { fickle_passenger: true, ..Taxi::default() };
        let aboard = Ride { row: 2, column: 2, passenger: ABOARD, destination: 1 };
        let next = |destination| RIDES + Ride { row: 3, destination, ..aboard }.state();
        let expected = [(next(1), 700), (next(0), 100), (next(2), 100), (next(3), 100)];
        assert_eq!(outcomes(taxi, aboard.state(), 0), expected);
        assert_eq!(outcomes(taxi, RIDES + aboard.state(), 0), [(next(1), 1000)], "decided");
        // Standing, or without the passenger, nothing is decided.
        assert_eq!(outcomes(taxi, aboard.state(), 5), [(aboard.state(), 1000)]);
        let waits = Ride { passenger: 0, ..aboard };
        let moved = Ride { row: 3, ..waits }.state();
        assert_eq!(outcomes(taxi, waits.state(), 0), [(moved, 1000)]);
        assert_eq!(taxi.n_states(), 1000);
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
