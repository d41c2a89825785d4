//! Ground of the bipedal walker.

use rand::{Rng as _, RngCore};
use serde::{Deserialize, Serialize};

/// Pixels of Gymnasium's window per metre: lengths are given in them.
pub(super) const SCALE: f64 = 30.0;
/// Metres that are seen.
pub(super) const VIEW: [f64; 2] = [600.0 / SCALE, 400.0 / SCALE];
/// Metres from one point of the ground to the next.
pub(super) const STEP: f64 = 14.0 / SCALE;
/// Points of the ground.
pub(super) const LENGTH: usize = 200;
/// Height at the start.
pub(super) const HEIGHT: f64 = VIEW[1] / 4.0;
/// Points at the end that need not be reached; the ground changes after half as many to as many less one.
pub(super) const GRASS: usize = 10;
/// Points at the start that are nearly flat.
pub(super) const START: usize = 20;

/// Ground of [`BipedalWalker`](super::BipedalWalker): a line, and blocks that stand on it or line a pit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WalkerTerrain {
    /// Height of each point, in metres.
    pub heights: Vec<f64>,
    /// Corners of each block.
    pub blocks: Vec<[[f64; 2]; 4]>,
}

/// Kind of ground.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Grass,
    Stump,
    Stairs,
    Pit,
}

/// Draws that a terrain is made of.
pub(super) trait TerrainDraws {
    /// A number from −1 to 1.
    fn slope(&mut self) -> f64;
    /// A whole number from `low` to `high` − 1.
    fn whole(&mut self, low: usize, high: usize) -> usize;
    /// Heads or tails.
    fn coin(&mut self) -> bool;
}

impl TerrainDraws for &mut dyn RngCore {
    fn slope(&mut self) -> f64 {
        self.random_range(-1.0..1.0)
    }

    fn whole(&mut self, low: usize, high: usize) -> usize {
        self.random_range(low..high)
    }

    fn coin(&mut self) -> bool {
        self.random()
    }
}

impl WalkerTerrain {
    /// Flat ground.
    pub(super) fn flat() -> Self {
        Self { heights: vec![HEIGHT; LENGTH], blocks: Vec::new() }
    }

    /// Random ground, with stumps, stairs and pits if `hardcore`.
    pub(super) fn random(hardcore: bool, rng: &mut dyn RngCore) -> Self {
        Self::drawn(hardcore, &mut { rng })
    }

    pub(super) fn drawn(hardcore: bool, draws: &mut dyn TerrainDraws) -> Self {
        let mut terrain = Self { heights: Vec::with_capacity(LENGTH), blocks: Vec::new() };
        let (mut kind, mut begins) = (Kind::Grass, false);
        let (mut y, mut velocity) = (HEIGHT, 0.0);
        // Points until the kind changes.
        let mut left = START;
        // Height before a pit or stairs; their number, length and direction.
        let (mut level, mut stairs) = (0.0, (0, 0, 0.0));
        for i in 0..LENGTH {
            let x = i as f64 * STEP;
            match (kind, begins) {
                (Kind::Grass, false) => {
                    let back = if y == HEIGHT { 0.0 } else { (HEIGHT - y).signum() };
                    velocity = 0.8 * velocity + 0.01 * back;
                    if i > START {
                        velocity += draws.slope() / SCALE;
                    }
                    y += velocity;
                }
                (Kind::Pit, true) => {
                    left = draws.whole(3, 5);
                    let wall =
                        [[x, y], [x + STEP, y], [x + STEP, y - 4.0 * STEP], [x, y - 4.0 * STEP]];
                    let far = wall.map(|[x, y]| [x + STEP * left as f64, y]);
                    terrain.blocks.extend([wall, far]);
                    left += 2;
                    level = y;
                }
                (Kind::Pit, false) => {
                    y = level;
                    if left > 1 {
                        y -= 4.0 * STEP;
                    }
                }
                (Kind::Stump, true) => {
                    left = draws.whole(1, 3);
                    let size = left as f64 * STEP;
                    terrain.blocks.push([
                        [x, y],
                        [x + size, y],
                        [x + size, y + size],
                        [x, y + size],
                    ]);
                }
                (Kind::Stairs, true) => {
                    let up = if draws.coin() { 1.0 } else { -1.0 };
                    let width = draws.whole(4, 5);
                    let steps = draws.whole(3, 5);
                    level = y;
                    for s in 0..steps {
                        let [from, to] = [s, s + 1].map(|s| x + (s * width) as f64 * STEP);
                        let top = y + (s as f64 * up) * STEP;
                        let foot = y + (-1.0 + s as f64 * up) * STEP;
                        terrain.blocks.push([[from, top], [to, top], [to, foot], [from, foot]]);
                    }
                    left = steps * width;
                    stairs = (steps, width, up);
                }
                (Kind::Stairs, false) => {
                    let (steps, width, up) = stairs;
                    let along = (steps * width) as f64 - left as f64 - up;
                    y = level + (along / width as f64 * up) * STEP;
                }
                (Kind::Grass, true) | (Kind::Stump, false) => {}
            }
            begins = false;
            terrain.heights.push(y);
            left -= 1;
            if left == 0 {
                left = draws.whole(GRASS / 2, GRASS);
                kind = if kind == Kind::Grass && hardcore {
                    [Kind::Stump, Kind::Stairs, Kind::Pit][draws.whole(1, 4) - 1]
                } else {
                    Kind::Grass
                };
                begins = true;
            }
        }
        terrain
    }

    /// A point of the line.
    pub(super) fn point(&self, i: usize) -> [f64; 2] {
        [i as f64 * STEP, self.heights[i]]
    }

    /// Returns `true` if a world can be made of it.
    pub(super) fn is_possible(&self) -> bool {
        let is_convex = |block: &[[f64; 2]; 4]| {
            let [[left, _], [right, _], ..] = *block;
            left < right && (block[0][1] - block[2][1]).abs() > 0.1 * STEP
        };
        self.heights.len() == LENGTH
            && self.heights.iter().all(|height| height.abs() < 1e3)
            && self.blocks.len() <= 4 * LENGTH
            && self.blocks.iter().all(is_convex)
            && self.blocks.iter().flatten().flatten().all(|number| number.abs() < 1e3)
    }
}
