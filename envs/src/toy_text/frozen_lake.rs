//! Frozen lake: cross the ice without falling into a hole.

use crate::{Arrow, CellKind, Grid, GridCell, Mdp, Outcome};

const SMALL: &str = "SFFF FHFH FFFH HFFG";
const LARGE: &str = "SFFFFFFF FFFFFFFF FFFHFFFF FFFFFHFF FFFHFFFF FHHFFFHF FHFFHFHF FFFHFFFG";

params::parameters! {
    /// Options of [`FrozenLake`].
    pub struct FrozenLakeConfig {
        /// Map: 4x4, 8x8, a file, or rows of S start, F ice, H hole, G goal
        map: String = "4x4".into();
        /// Slippery ice: a step goes ahead with probability --success-rate, else to either side
        slippery: bool = true;
        /// Probability that a step on slippery ice goes where it should
        success_rate: f64 = 1.0 / 3.0, with slippery;
    }
}

/// `FrozenLake-v1` and `FrozenLake8x8-v1` of Gymnasium.
///
/// - **States** the squares, row by row from the top left.
/// - **Actions** left, down, right, up: a step to the next square, or none at the edge. On slippery
///   ice it goes where it should with [`FrozenLakeConfig::success_rate`], a third unless given, else
///   to either side at a right angle with equal chance.
/// - **Reward** 1 for stepping on the goal.
/// - **Start** the square `S`; one of them with equal chance if there are several.
/// - **End** on the goal and in a hole. Gymnasium cuts episodes off after 100 steps on the small map
///   and 200 on the large one.
/// - **Discount** Gymnasium has none; 0.99 here, so that a shorter way is worth more.
#[derive(Debug, Clone, PartialEq)]
pub struct FrozenLake {
    width: usize,
    /// `S`, `F`, `H` or `G`, `[height, width]`.
    squares: Vec<u8>,
    /// Probability that a step goes where it should.
    success_rate: f64,
}

/// Columns to the right and rows down, for each action; its neighbours are at right angles.
const STEPS: [[isize; 2]; 4] = [[-1, 0], [0, 1], [1, 0], [0, -1]];
const ARROWS: [Arrow; 4] = [Arrow::Left, Arrow::Down, Arrow::Right, Arrow::Up];

impl FrozenLake {
    /// The lake of these options, or what is wrong with its map.
    pub fn new(config: &FrozenLakeConfig) -> Result<Self, String> {
        let map = match config.map.as_str() {
            "4x4" => SMALL,
            "8x8" => LARGE,
            map => map,
        };
        let mut squares = Vec::new();
        let mut width = 0;
        for (row, number) in map.split_whitespace().zip(1..) {
            if let Some((column, char)) = row
                .chars()
                .zip(1..)
                .find_map(|(char, column)| (!"SFHG".contains(char)).then_some((column, char)))
            {
                let place = format!("row {number}, column {column} of the lake");
                return Err(format!("{place}: `{char}` is none of S, F, H, G"));
            }
            if number == 1 {
                width = row.len();
            }
            if row.len() != width {
                let len = row.len();
                return Err(format!("row {number} of the lake has {len} squares, not {width}"));
            }
            squares.extend(row.bytes());
        }
        for wanted in ['S', 'G'] {
            if !squares.contains(&(wanted as u8)) {
                return Err(format!("the lake has no {wanted}"));
            }
        }
        let success_rate = if config.slippery { config.success_rate } else { 1.0 };
        if !(0.0..=1.0).contains(&success_rate) {
            return Err(format!(
                "the success rate must lie between 0 and 1, not at {success_rate}"
            ));
        }
        Ok(Self { width, squares, success_rate })
    }

    fn is_terminal(&self, state: usize) -> bool {
        matches!(self.squares[state], b'H' | b'G')
    }

    /// The square next to one, or itself at the edge.
    fn neighbour(&self, state: usize, [columns, rows]: [isize; 2]) -> usize {
        let height = self.squares.len() / self.width;
        let column = (state % self.width).saturating_add_signed(columns).min(self.width - 1);
        let row = (state / self.width).saturating_add_signed(rows).min(height - 1);
        row * self.width + column
    }
}

impl Mdp for FrozenLake {
    fn n_states(&self) -> usize {
        self.squares.len()
    }

    fn n_actions(&self) -> usize {
        4
    }

    fn outcomes(&self, state: usize, action: usize, visit: &mut dyn FnMut(Outcome)) {
        if self.is_terminal(state) {
            return;
        }
        let mut towards = |direction: usize, prob| {
            let next = self.neighbour(state, STEPS[direction % 4]);
            let reward = f64::from(u8::from(self.squares[next] == b'G'));
            visit(Outcome { prob, next, reward, terminated: self.is_terminal(next) });
        };
        let success = self.success_rate;
        if success == 1.0 {
            return towards(action, 1.0);
        }
        towards(action + 3, (1.0 - success) / 2.0);
        towards(action, success);
        towards(action + 1, (1.0 - success) / 2.0);
    }

    fn starts(&self) -> Vec<(usize, f64)> {
        let starts = || (0..self.squares.len()).filter(|state| self.squares[*state] == b'S');
        let prob = 1.0 / starts().count() as f64;
        starts().map(|state| (state, prob)).collect()
    }

    fn state_name(&self, state: usize) -> String {
        state.to_string()
    }

    fn action_name(&self, action: usize) -> String {
        ["left", "down", "right", "up"][action].into()
    }

    fn discount(&self) -> f64 {
        0.99
    }

    fn two_returns(&self) -> Option<[f64; 2]> {
        Some([0.0, 1.0])
    }

    fn grid(&self) -> Option<Grid> {
        let kind = |square: &u8| match square {
            b'S' => CellKind::Start,
            b'H' => CellKind::Pit,
            b'G' => CellKind::Goal,
            _ => CellKind::Open,
        };
        let cell = |(state, square)| GridCell::State { state, kind: kind(square) };
        Some(Grid {
            width: self.width,
            height: self.squares.len() / self.width,
            cells: self.squares.iter().enumerate().map(cell).collect(),
            arrows: ARROWS.map(Some).into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lake(map: &str, slippery: bool) -> Result<FrozenLake, String> {
        FrozenLake::new(&FrozenLakeConfig { map: map.into(), slippery, ..Default::default() })
    }

    /// Next state, reward and end of each outcome.
    fn outcomes(lake: &FrozenLake, state: usize, action: usize) -> Vec<(usize, f64, bool)> {
        let mut observed = Vec::new();
        lake.outcomes(state, action, &mut |outcome| {
            observed.push((outcome.next, outcome.reward, outcome.terminated));
        });
        observed
    }

    #[test]
    fn a_step_slides_to_either_side() {
        let lake = lake("4x4", true).unwrap();
        // Right, from the square left of the goal.
        assert_eq!(outcomes(&lake, 14, 2), [(14, 0.0, false), (15, 1.0, true), (10, 0.0, false)]);
        assert_eq!(outcomes(&lake, 1, 0), [(1, 0.0, false), (0, 0.0, false), (5, 0.0, true)]);
        assert_eq!(outcomes(&lake, 5, 0), [], "a hole");
    }

    #[test]
    fn a_lake_of_ones_own() {
        let own = lake("SF\nSG", false).unwrap();
        assert_eq!(own.starts(), [(0, 0.5), (2, 0.5)]);
        assert_eq!(outcomes(&own, 2, 2), [(3, 1.0, true)]);
        assert_eq!(outcomes(&own, 0, 0), [(0, 0.0, false)]);
    }

    #[test]
    fn a_wrong_lake_is_refused() {
        for (map, complaint) in [
            ("SF\nFX", "row 2, column 2 of the lake: `X` is none of S, F, H, G"),
            ("SF\nFFG", "row 2 of the lake has 3 squares, not 2"),
            ("FFG", "the lake has no S"),
            ("SFF", "the lake has no G"),
            ("", "the lake has no S"),
        ] {
            assert_eq!(lake(map, true).unwrap_err(), complaint);
        }
        let config = FrozenLakeConfig { success_rate: 1.5, ..Default::default() };
        assert!(FrozenLake::new(&config).unwrap_err().contains("between 0 and 1, not at 1.5"));
    }
}
