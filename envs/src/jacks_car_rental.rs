//! Jack's car rental: where should the cars be in the morning?

use serde::{Deserialize, Serialize};

use crate::{CellKind, Chart, ChartAmounts, ChartAxis, ChartPanel, Grid, GridCell, Mdp, Outcome};

/// Most cars at a location.
const MOST: usize = 20;
/// Numbers of cars at a location.
const COUNTS: usize = MOST + 1;
/// Most cars moved in a night.
const MOST_MOVED: i64 = 5;
/// Mean numbers of cars asked for and returned, at each location.
const MEANS: [[f64; 2]; 2] = [[3.0, 3.0], [4.0, 2.0]];
/// Dollars per car rented out, and per car moved.
const RENT: f64 = 10.0;
const MOVE: f64 = 2.0;
/// Exercise 4.7: dollars a night where more cars than fit stay.
const PARKING: f64 = 4.0;
const FREE_PARKING: usize = 10;

params::parameters! {
    /// Options of [`JacksCarRental`].
    #[derive(Copy, Eq)]
    pub struct JacksConfig {
        /// Statement of the problem: example-4.2 or exercise-4.7
        version: JacksVersion = JacksVersion::Example;
    }
}

/// The two statements of the problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum JacksVersion {
    /// Example 4.2.
    #[default]
    #[serde(rename = "example-4.2")]
    Example,
    /// Exercise 4.7: one car a night is moved from the first location to the second for nothing, and
    /// each location where more than 10 cars stay overnight, after the moving, costs 4.
    #[serde(rename = "exercise-4.7")]
    Exercise,
}

/// Jack's car rental, example 4.2 of Sutton & Barto, *Reinforcement Learning*, second edition.
///
/// - **States** the cars at the two locations in the evening, each from 0 to 20: 441.
/// - **Actions** cars moved overnight from the first location to the second, from −5 to 5, and no
///   more than there are. A location keeps 20 of them; further ones leave the problem.
/// - **Day** Poisson numbers of customers ask for cars, 3 and 4 on average, and get one while there
///   are any. Poisson numbers of cars are returned, 3 and 2 on average; they can be rented from the
///   next day on. More than 20 cars are not kept.
/// - **Reward** 10 for each car rented out, less 2 for each car moved. An outcome pays what is
///   earned *on average* on the way between its two states.
/// - **Start** the book has none: any state with equal chance. There is no end.
/// - **Discount** 0.9.
///
/// Nothing is cut off the Poisson distributions: all numbers that do the same, such as more
/// customers than cars, are taken together, and their probability is what the others leave of 1.
#[derive(Debug, Clone, PartialEq)]
pub struct JacksCarRental {
    config: JacksConfig,
    /// A day at each location, by the cars in the morning and in the evening.
    days: [Vec<[Evening; COUNTS]>; 2],
}

/// A possible end of a day.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Evening {
    prob: f64,
    /// Cars rented out on average, if it ends so.
    rented: f64,
}

impl JacksCarRental {
    /// The problem in this version.
    pub fn new(config: JacksConfig) -> Self {
        let days = MEANS.map(|means| (0..COUNTS).map(|cars| day(cars, means)).collect());
        Self { config, days }
    }

    /// Cost of the night.
    fn cost(&self, moved: i64, mornings: [usize; 2]) -> f64 {
        match self.config.version {
            JacksVersion::Example => MOVE * moved.abs() as f64,
            JacksVersion::Exercise => {
                let paid = if moved > 0 { moved - 1 } else { -moved };
                let full = mornings.iter().filter(|cars| **cars > FREE_PARKING).count();
                MOVE * paid as f64 + PARKING * full as f64
            }
        }
    }
}

/// Probabilities of 0, 1, … `most - 1` and of at least `most` events.
fn poisson(mean: f64, most: usize) -> Vec<f64> {
    let mut probs = Vec::with_capacity(most + 1);
    let mut prob = (-mean).exp();
    for count in 1..=most {
        probs.push(prob);
        prob *= mean / count as f64;
    }
    probs.push((1.0 - probs.iter().sum::<f64>()).max(0.0));
    probs
}

/// Distribution of the ends of a day that begins with so many cars, by the cars in the evening.
fn day(cars: usize, [asked, returned]: [f64; 2]) -> [Evening; COUNTS] {
    let mut evenings = [Evening::default(); COUNTS];
    for (rented, rented_prob) in poisson(asked, cars).into_iter().enumerate() {
        let left = cars - rented;
        for (back, back_prob) in poisson(returned, MOST - left).into_iter().enumerate() {
            let evening = &mut evenings[left + back];
            evening.prob += rented_prob * back_prob;
            evening.rented += rented_prob * back_prob * rented as f64;
        }
    }
    for evening in &mut evenings {
        if evening.prob > 0.0 {
            evening.rented /= evening.prob;
        }
    }
    evenings
}

impl Mdp for JacksCarRental {
    fn n_states(&self) -> usize {
        COUNTS * COUNTS
    }

    fn n_actions(&self) -> usize {
        2 * MOST_MOVED as usize + 1
    }

    fn outcomes(&self, state: usize, action: usize, visit: &mut dyn FnMut(Outcome)) {
        let moved = action as i64 - MOST_MOVED;
        let cars = [(state / COUNTS) as i64 - moved, (state % COUNTS) as i64 + moved];
        if cars.iter().any(|cars| *cars < 0) {
            return;
        }
        let mornings = cars.map(|cars| (cars as usize).min(MOST));
        let cost = self.cost(moved, mornings);
        let [first, second] = [0, 1].map(|place| self.days[place][mornings[place]]);
        for (row, one) in first.iter().enumerate() {
            for (column, other) in second.iter().enumerate() {
                visit(Outcome {
                    prob: one.prob * other.prob,
                    next: row * COUNTS + column,
                    reward: RENT * (one.rented + other.rented) - cost,
                    terminated: false,
                });
            }
        }
    }

    fn starts(&self) -> Vec<(usize, f64)> {
        let states = self.n_states();
        (0..states).map(|state| (state, 1.0 / states as f64)).collect()
    }

    fn state_name(&self, state: usize) -> String {
        format!("({},{})", state / COUNTS, state % COUNTS)
    }

    fn action_name(&self, action: usize) -> String {
        (action as i64 - MOST_MOVED).to_string()
    }

    fn discount(&self) -> f64 {
        0.9
    }

    /// As in figure 4.2: cars at the first location upwards, at the second to the right.
    fn grid(&self) -> Option<Grid> {
        let rows = (0..COUNTS).rev();
        let cells = rows.flat_map(|row| (0..COUNTS).map(move |column| row * COUNTS + column));
        Some(Grid {
            width: COUNTS,
            height: COUNTS,
            cells: cells.map(|state| GridCell::State { state, kind: CellKind::Open }).collect(),
            arrows: vec![None; self.n_actions()],
        })
    }

    fn chart(&self) -> Option<Chart> {
        Some(Chart {
            across: ChartAxis::new("cars at the second location", 0..COUNTS),
            up: Some(ChartAxis::new("cars at the first location", 0..COUNTS)),
            panels: vec![ChartPanel {
                title: String::new(),
                states: (0..self.n_states()).collect(),
            }],
            amounts: Some(ChartAmounts {
                label: "cars moved to the second".into(),
                of: (-MOST_MOVED..=MOST_MOVED).map(|moved| moved as f64).collect(),
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The average reward of moving so many cars.
    fn reward(version: JacksVersion, cars: [usize; 2], moved: i64) -> f64 {
        let jack = JacksCarRental::new(JacksConfig { version });
        let mut sum = 0.0;
        let action = (moved + MOST_MOVED) as usize;
        jack.outcomes(cars[0] * COUNTS + cars[1], action, &mut |outcome| {
            sum += outcome.prob * outcome.reward;
        });
        sum
    }

    #[test]
    fn poisson_numbers_keep_their_tail() {
        let e = (-3.0_f64).exp();
        let probs = poisson(3.0, 2);
        let expected = [e, 3.0 * e, 1.0 - 4.0 * e];
        assert!(probs.iter().zip(expected).all(|(p, q)| (p - q).abs() < 1e-15), "{probs:?}");
        assert_eq!(poisson(3.0, 0), [1.0]);
    }

    #[test]
    fn rewards_are_those_computed_by_hand() {
        // No cars: nothing is rented. One at the first: rented unless nobody asks. One moved: to the
        // location where 4 ask on average.
        assert_eq!(reward(JacksVersion::Example, [0, 0], 0), 0.0);
        let one = 10.0 * (1.0 - (-3.0_f64).exp());
        assert!((reward(JacksVersion::Example, [1, 0], 0) - one).abs() < 1e-12);
        let moved = 10.0 * (1.0 - (-4.0_f64).exp()) - 2.0;
        assert!((reward(JacksVersion::Example, [1, 0], 1) - moved).abs() < 1e-12);
        // With 20 cars everyone gets one: 3 + 4 customers, but for the far tails.
        assert!((reward(JacksVersion::Example, [20, 20], 0) - 70.0).abs() < 1e-6);
    }

    #[test]
    fn the_exercise_has_a_free_move_and_paid_parking() {
        let extra = |cars, moved| {
            reward(JacksVersion::Exercise, cars, moved) - reward(JacksVersion::Example, cars, moved)
        };
        for (cars, moved, expected) in [
            ([5, 5], 1, 2.0),
            ([5, 5], 3, 2.0),
            ([5, 5], -1, 0.0),
            ([10, 11], 0, -4.0),
            ([11, 11], 0, -8.0),
            ([11, 10], 1, 2.0 - 4.0),
        ] {
            assert!((extra(cars, moved) - expected).abs() < 1e-9, "{cars:?} {moved}");
        }
    }

    #[test]
    fn a_day_ends_as_computed_by_hand() {
        // No car in the morning, k in the evening: k are returned.
        let evenings = day(0, [3.0, 2.0]);
        let e = (-2.0_f64).exp();
        assert!((evenings[0].prob - e).abs() < 1e-15);
        assert!((evenings[2].prob - 2.0 * e).abs() < 1e-15);
        // One car, one in the evening: nobody asked and none came back, or it was rented and one
        // came back.
        let [stays, goes] = [(-3.0_f64).exp() * e, (1.0 - (-3.0_f64).exp()) * 2.0 * e];
        let evening = day(1, [3.0, 2.0])[1];
        assert!((evening.prob - (stays + goes)).abs() < 1e-15);
        assert!((evening.rented - goes / (stays + goes)).abs() < 1e-12);
    }
}
