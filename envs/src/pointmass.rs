//! Pointmass: find the way through a maze with noisy steps and no reward before the goal.

use rand::RngCore;
use rand_distr::{Distribution as _, Normal};
use serde::{Deserialize, Serialize};

use crate::canvas::Canvas;
use crate::{Action, Cell, CellShape, Cells, Element, Env, Rgb, Spec, Step};

/// Direction of each action, along the first and the second number of the position.
const DIRECTIONS: [[f64; 2]; 5] = [[0.0, 0.0], [0.0, -1.0], [0.0, 1.0], [-1.0, 0.0], [1.0, 0.0]];
/// Standard deviation of the noise in each direction.
const NOISE: f64 = 0.5;
/// Parts in which a step is made, each up to the next wall.
const PARTS: usize = 10;

const FLOOR: [u8; 3] = [250, 250, 249];
const WALL: [u8; 3] = [120, 113, 108];
const GOAL: [u8; 3] = [74, 222, 128];
const POINT: [u8; 3] = [74, 111, 165];

params::parameters! {
    /// Options of [`Pointmass`].
    #[derive(Copy)]
    pub struct PointmassConfig {
        /// Maze: easy, medium or hard
        difficulty: Difficulty = Difficulty::Easy;
    }
}

/// Maze of the course.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Difficulty {
    /// A corridor around a corner, 10 × 10.
    #[default]
    Easy,
    /// A maze of 6 × 6.
    Medium,
    /// Four rooms, 22 × 22.
    Hard,
}

/// A maze with its measures.
struct Maze {
    /// `1` for a wall; rows are the first number of a position, columns the second.
    rows: &'static [&'static str],
    /// Length of a square's side, and distance at which the goal is reached.
    scale: f64,
    start: [f64; 2],
    goal: [f64; 2],
    time_limit: u32,
}

static EASY: Maze = Maze {
    rows: &["00000", "11110", "11110", "11110", "11110"],
    scale: 2.0,
    start: [1.0, 1.0],
    goal: [9.0, 9.0],
    time_limit: 50,
};

static MEDIUM: Maze = Maze {
    rows: &["001000", "101010", "001011", "011001", "001101", "100001"],
    scale: 1.0,
    start: [0.5, 0.5],
    goal: [1.5, 5.5],
    time_limit: 150,
};

static HARD: Maze = Maze {
    rows: &[
        "00000100000",
        "00000100000",
        "00000000000",
        "00000100000",
        "00000100000",
        "10111100000",
        "00000111011",
        "00000100000",
        "00000100000",
        "00000000000",
        "00000100000",
    ],
    scale: 2.0,
    start: [2.0, 2.0],
    goal: [20.0, 20.0],
    time_limit: 100,
};

impl Maze {
    /// Lengths of the board in both directions.
    fn size(&self) -> [f64; 2] {
        [self.rows.len(), self.rows[0].len()].map(|squares| self.scale * squares as f64)
    }

    /// Returns `true` if nobody can be there: a wall, or off the board.
    fn is_blocked(&self, position: [f64; 2]) -> bool {
        let size = self.size();
        if (0..2).any(|axis| !(0.0..=size[axis]).contains(&position[axis])) {
            return true;
        }
        // The far edge belongs to the last square.
        let [row, column] = [0, 1].map(|axis| {
            let square = (position[axis] / self.scale) as usize;
            square.min((size[axis] / self.scale) as usize - 1)
        });
        self.rows[row].as_bytes()[column] == b'1'
    }

    fn distance(&self, position: [f64; 2]) -> f64 {
        (position[0] - self.goal[0]).hypot(position[1] - self.goal[1])
    }
}

/// `PointmassEasy-v0`, `PointmassMedium-v0` and `PointmassHard-v0` of Berkeley's CS285, homework 5 (2020 to 2023).
///
/// A point walks in a maze. Exploration alone finds the goal: there is nothing to learn from before it.
///
/// - **Observation** `[2]`: the position in parts of the board, from 0 to 1.
/// - **Actions** stay, and a step of length 1 back or forth along the second or the first number of the
///   position. To both numbers of every step noise of standard deviation 0.5 is added. A step is made in ten
///   parts, one direction after the other; a part that would lead into a wall or off the board is not made.
/// - **Reward** −1 for every step but that to the goal, which pays 0.
/// - **Start** in the corner at 0.
/// - **End** near the goal: within 2 of boards of 10 and 22, within 1 of the board of 6. Episodes are cut off after
///   50, 150 and 100 steps. The course reports the cut as an end, here it is truncation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pointmass {
    config: PointmassConfig,
    position: [f64; 2],
}

impl Default for Pointmass {
    fn default() -> Self {
        PointmassConfig::default().into()
    }
}

impl From<PointmassConfig> for Pointmass {
    fn from(config: PointmassConfig) -> Self {
        let mut point = Self { config, position: [0.0; 2] };
        point.position = point.maze().start;
        point
    }
}

impl Pointmass {
    fn maze(&self) -> &'static Maze {
        match self.config.difficulty {
            Difficulty::Easy => &EASY,
            Difficulty::Medium => &MEDIUM,
            Difficulty::Hard => &HARD,
        }
    }

    /// Starts an episode at a position.
    pub fn start(&mut self, position: [f64; 2]) {
        self.position = position;
    }

    /// Moves one step on by a displacement, noise included: no draw is made.
    pub fn advance(&mut self, by: [f64; 2]) -> Step {
        let maze = self.maze();
        for _ in 0..PARTS {
            for axis in 0..2 {
                let mut next = self.position;
                next[axis] += 1.0 / PARTS as f64 * by[axis];
                if !maze.is_blocked(next) {
                    self.position = next;
                }
            }
        }
        let terminated = maze.distance(self.position) < maze.scale;
        Step { reward: if terminated { 0.0 } else { -1.0 }, terminated }
    }

    /// The position in parts of the board.
    pub fn parts(&self) -> [f64; 2] {
        let size = self.maze().size();
        [0, 1].map(|axis| self.position[axis] / size[axis])
    }
}

impl Env for Pointmass {
    fn spec(&self) -> Spec {
        Spec {
            obs_shape: vec![2],
            element: Element::Float,
            actions: Spec::names(&["stay", "left", "right", "up", "down"]),
            time_limit: Some(self.maze().time_limit),
            two_returns: None,
        }
    }

    fn is_possible(&self) -> bool {
        !self.maze().is_blocked(self.position)
    }

    fn reset(&mut self, _: &mut dyn RngCore) {
        *self = self.config.into();
    }

    fn step(&mut self, action: Action<'_>, mut rng: &mut dyn RngCore) -> Step {
        let direction = DIRECTIONS[action.discrete()];
        let by = direction.map(|mean| match Normal::new(mean, NOISE) {
            Ok(noise) => noise.sample(&mut rng),
            Err(error) => unreachable!("a standard deviation of {NOISE}: {error}"),
        });
        self.advance(by)
    }

    fn observe(&self, obs: &mut [f32]) {
        obs.copy_from_slice(&self.parts().map(|part| part as f32));
    }

    fn render(&self) -> Rgb {
        const SIZE: f32 = 220.0;
        let maze = self.maze();
        let square = SIZE / maze.rows.len() as f32;
        let mut canvas = Canvas::new(SIZE as usize, SIZE as usize, FLOOR);
        for (row, squares) in maze.rows.iter().enumerate() {
            for (column, _) in squares.bytes().enumerate().filter(|(_, square)| *square == b'1') {
                let center = [column, row].map(|at| (at as f32 + 0.5) * square);
                canvas.rectangle(center, [square, square], 0.0, WALL);
            }
        }
        let scale = SIZE / maze.size()[0] as f32;
        let place = |[row, column]: [f64; 2]| [column as f32 * scale, row as f32 * scale];
        canvas.disc(place(maze.goal), maze.scale as f32 * scale, GOAL);
        canvas.disc(place(self.position), 5.0, POINT);
        canvas.into_rgb()
    }

    fn cells(&self) -> Cells {
        let maze = self.maze();
        let side = maze.rows.len();
        let floor = Cell { glyph: '.', color: FLOOR };
        let mut cells = Cells::filled(side, side, floor, CellShape::Square);
        for (row, squares) in maze.rows.iter().enumerate() {
            for (column, _) in squares.bytes().enumerate().filter(|(_, square)| *square == b'1') {
                cells.put(row, column, Cell { glyph: '#', color: WALL });
            }
        }
        for (position, glyph, color) in [(maze.goal, 'G', GOAL), (self.position, 'o', POINT)] {
            let [row, column] = position.map(|at| ((at / maze.scale) as usize).min(side - 1));
            cells.put(row, column, Cell { glyph, color });
        }
        cells
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Rng, check_env};
    use rand::SeedableRng;

    fn point(difficulty: Difficulty, position: [f64; 2]) -> Pointmass {
        Pointmass { config: PointmassConfig { difficulty }, position }
    }

    fn after(difficulty: Difficulty, position: [f64; 2], by: [f64; 2]) -> [f64; 2] {
        let mut point = point(difficulty, position);
        point.advance(by);
        point.position.map(|number| (number * 1e9).round() / 1e9)
    }

    #[test]
    fn a_step_stops_at_walls_and_edges() {
        assert_eq!(after(Difficulty::Easy, [1.0, 1.0], [0.0, 1.0]), [1.0, 2.0]);
        // The wall begins at 2: 1.9 is the last part of 0.1 before it.
        assert_eq!(after(Difficulty::Easy, [1.5, 1.0], [1.0, 0.0]), [1.9, 1.0]);
        assert_eq!(after(Difficulty::Easy, [1.5, 1.0], [1.0, 1.0]), [1.9, 2.0]);
        assert_eq!(after(Difficulty::Easy, [0.25, 1.0], [-1.0, 0.0]), [0.05, 1.0]);
        assert_eq!(after(Difficulty::Easy, [1.0, 9.5], [0.0, 2.0]), [1.0, 9.9]);
        assert_eq!(after(Difficulty::Medium, [0.5, 0.5], [0.0, 1.0]), [0.5, 1.5]);
    }

    #[test]
    fn the_goal_is_a_disc() {
        let step = |position| point(Difficulty::Easy, position).advance([0.0, 0.0]);
        assert_eq!(step([7.1, 9.0]), Step { reward: 0.0, terminated: true });
        assert_eq!(step([6.9, 9.0]), Step { reward: -1.0, terminated: false });
        let medium = point(Difficulty::Medium, [0.6, 5.5]).advance([0.0, 0.0]);
        assert!(medium.terminated);
    }

    #[test]
    fn every_maze_has_a_way_and_its_own_limit() {
        for (difficulty, limit) in
            [(Difficulty::Easy, 50), (Difficulty::Medium, 150), (Difficulty::Hard, 100)]
        {
            let make = || Pointmass::from(PointmassConfig { difficulty });
            check_env(&|| Box::new(make()), 1000).unwrap();
            assert_eq!(make().spec().time_limit, Some(limit));
            let maze = make().maze();
            let square = |[row, column]: [f64; 2]| {
                [(row / maze.scale) as usize, (column / maze.scale) as usize]
            };
            let (mut reached, mut next) = (vec![square(maze.start)], 0);
            while next < reached.len() {
                let [row, column] = reached[next];
                for [r, c] in [
                    [row + 1, column],
                    [row.wrapping_sub(1), column],
                    [row, column + 1],
                    [row, column.wrapping_sub(1)],
                ] {
                    let free =
                        maze.rows.get(r).and_then(|row| row.as_bytes().get(c)) == Some(&b'0');
                    if free && !reached.contains(&[r, c]) {
                        reached.push([r, c]);
                    }
                }
                next += 1;
            }
            assert!(reached.contains(&square(maze.goal)), "{difficulty:?}");
        }
    }

    #[test]
    fn every_step_is_noisy() {
        let mut rng = Rng::seed_from_u64(0);
        let moved = |action: usize, rng: &mut Rng| {
            let mut point = point(Difficulty::Hard, [5.0, 5.0]);
            point.step(Action::Discrete(action), rng);
            point.position.map(|number| number - 5.0)
        };
        for (action, direction) in DIRECTIONS.into_iter().enumerate() {
            let all: Vec<_> = (0..2000).map(|_| moved(action, &mut rng)).collect();
            for axis in 0..2 {
                let mean = all.iter().map(|by| by[axis]).sum::<f64>() / 2000.0;
                let variance = all.iter().map(|by| (by[axis] - mean).powi(2)).sum::<f64>() / 2000.0;
                assert!((mean - direction[axis]).abs() < 0.05, "{action}: {mean}");
                assert!((variance.sqrt() - 0.5).abs() < 0.05, "{action}: {variance}");
            }
        }
    }
}
