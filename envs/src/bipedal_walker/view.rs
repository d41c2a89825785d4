//! Drawings of the bipedal walker.

use super::terrain::STEP;
use super::{BipedalWalker, RAYS, VIEW};
use crate::canvas::Canvas;
use crate::{Cell, CellShape, Cells, Rgb};

const SKY: [u8; 3] = [224, 231, 255];
const GROUND: [u8; 3] = [134, 168, 96];
const BLOCK: [u8; 3] = [120, 113, 108];
const HULL: [u8; 3] = [129, 91, 214];
const NEAR: [u8; 3] = [190, 130, 170];
const FAR: [u8; 3] = [140, 90, 130];
const RAY: [u8; 3] = [248, 113, 113];

/// Metres of the left edge of the view from the beginning.
fn scroll(env: &BipedalWalker) -> f64 {
    f64::from(env.world.bodies[0].position().x) - VIEW[0] / 5.0
}

/// Draws to scale the part that the walker is in.
pub(super) fn render(env: &BipedalWalker) -> Rgb {
    const SCALE: f64 = 15.0;
    let left = scroll(env);
    let place = |[x, y]: [f64; 2]| [((x - left) * SCALE) as f32, ((VIEW[1] - y) * SCALE) as f32];
    let is_seen = |x: f64| (left - 6.0 * STEP..left + VIEW[0] + 6.0 * STEP).contains(&x);
    let [width, height] = VIEW.map(|length| (length * SCALE) as usize);
    let mut canvas = Canvas::new(width, height, SKY);
    for i in 1..env.terrain.heights.len() {
        let [from, to] = [env.terrain.point(i - 1), env.terrain.point(i)];
        if is_seen(from[0]) {
            canvas.polygon(&[from, to, [to[0], 0.0], [from[0], 0.0]].map(place), GROUND);
        }
    }
    for block in env.terrain.blocks.iter().filter(|block| is_seen(block[0][0])) {
        canvas.polygon(&block.map(place), BLOCK);
    }
    let metres = |point: crate::box2d::Vec2| [point.x, point.y].map(f64::from);
    let from = metres(env.world.bodies[0].position());
    for (i, part) in env.rays().into_iter().enumerate().filter(|(i, _)| i % 3 == 0 && *i < RAYS) {
        let end = metres(env.ray_end(i));
        let met = [0, 1].map(|axis| from[axis] + f64::from(part) * (end[axis] - from[axis]));
        canvas.line(place(from), place(met), 0.7, RAY);
    }
    for (body, color) in [(3, FAR), (4, FAR), (0, HULL), (1, NEAR), (2, NEAR)] {
        let corners: Vec<_> =
            env.world.bodies[body].corners().map(|corner| place(metres(corner))).collect();
        canvas.polygon(&corners, color);
    }
    canvas.into_rgb()
}

/// Draws with characters: `#` the ground and blocks, `o` the hull, `'` upper and `.` lower legs.
pub(super) fn cells(env: &BipedalWalker) -> Cells {
    const COLUMNS: usize = 60;
    const ROWS: usize = 20;
    let left = scroll(env);
    let nothing = Cell { glyph: ' ', color: SKY };
    let mut cells = Cells::filled(COLUMNS, ROWS, nothing, CellShape::Letter);
    let column =
        |x: f64| (((x - left) / VIEW[0] * COLUMNS as f64).max(0.0) as usize).min(COLUMNS - 1);
    let row = |y: f64| (((VIEW[1] - y) / VIEW[1] * ROWS as f64).max(0.0) as usize).min(ROWS - 1);
    for at in 0..COLUMNS {
        let x = left + (at as f64 + 0.5) / COLUMNS as f64 * VIEW[0];
        let i = ((x / STEP).max(0.0) as usize).min(env.terrain.heights.len() - 1);
        let over = env.terrain.blocks.iter().filter(|block| block[0][0] <= x && x < block[1][0]);
        let tops = over.map(|block| block[0][1].max(block[2][1]));
        let height = tops.fold(env.terrain.heights[i], f64::max);
        for below in row(height)..ROWS {
            cells.put(below, at, Cell { glyph: '#', color: GROUND });
        }
    }
    for (body, glyph, color) in
        [(3, '\'', FAR), (4, '.', FAR), (1, '\'', NEAR), (2, '.', NEAR), (0, 'o', HULL)]
    {
        let place = env.world.bodies[body].position();
        cells.put(row(f64::from(place.y)), column(f64::from(place.x)), Cell { glyph, color });
    }
    cells
}
