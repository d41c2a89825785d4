//! Drawings of the lunar lander.

use super::{HEIGHT, LunarLander, PAD, POINTS, WIDTH, point};
use crate::canvas::Canvas;
use crate::{Cell, CellShape, Cells, Rgb};

const SKY: [u8; 3] = [28, 25, 23];
const GROUND: [u8; 3] = [214, 211, 209];
const HULL: [u8; 3] = [129, 140, 248];
const LEG: [u8; 3] = [165, 180, 252];
const FLAG: [u8; 3] = [250, 204, 21];
const FLAME: [u8; 3] = [251, 146, 60];

/// The columns of the flags, in metres.
fn flags() -> [f64; 2] {
    [POINTS / 2 - 1, POINTS / 2 + 1].map(|i| WIDTH / (POINTS - 1) as f64 * i as f64)
}

/// Draws to scale.
pub(super) fn render(env: &LunarLander) -> Rgb {
    const SCALE: f64 = 15.0;
    let place = |[x, y]: [f64; 2]| [(x * SCALE) as f32, ((HEIGHT - y) * SCALE) as f32];
    let (width, height) = ((WIDTH * SCALE) as usize, (HEIGHT * SCALE) as usize);
    let mut canvas = Canvas::new(width, height, SKY);
    for i in 1..POINTS {
        let [from, to] = [point(&env.ground, i - 1), point(&env.ground, i)];
        let below = [[to[0], 0.0], [from[0], 0.0]];
        canvas.polygon(&[from, to, below[0], below[1]].map(place), GROUND);
    }
    for x in flags() {
        let [foot, top] = [place([x, PAD]), place([x, PAD + 1.6])];
        canvas.line(foot, top, 1.5, GROUND);
        canvas.polygon(&[top, [top[0], top[1] + 6.0], [top[0] + 12.0, top[1] + 3.0]], FLAG);
    }
    let hull = &env.world.bodies[0];
    let middle = [hull.position().x, hull.position().y].map(f64::from);
    let (sin, cos) = f64::from(hull.angle()).sin_cos();
    let at = |x: f64, y: f64| [middle[0] + cos * x - sin * y, middle[1] + sin * x + cos * y];
    let engines = env.engines;
    if engines.main > 0.0 {
        let flame = [at(-0.2, -0.3), at(0.2, -0.3), at(0.0, -0.5 - engines.main)];
        canvas.polygon(&flame.map(place), FLAME);
    }
    if engines.side > 0.0 {
        // The engine that pushes to the left is on the right.
        let out = -engines.direction;
        let flame =
            [at(0.5 * out, 0.55), at(0.5 * out, 0.35), at((0.7 + 0.5 * engines.side) * out, 0.45)];
        canvas.polygon(&flame.map(place), FLAME);
    }
    for (body, color) in env.world.bodies.iter().zip([HULL, LEG, LEG]).rev() {
        let corners: Vec<_> =
            body.corners().map(|corner| place([corner.x, corner.y].map(f64::from))).collect();
        canvas.polygon(&corners, color);
    }
    canvas.into_rgb()
}

/// Draws with characters: `#` the ground, `P` the flags, `o` the hull, `'` legs and `*` the engines.
pub(super) fn cells(env: &LunarLander) -> Cells {
    const COLUMNS: usize = 60;
    const ROWS: usize = 20;
    let nothing = Cell { glyph: ' ', color: SKY };
    let mut cells = Cells::filled(COLUMNS, ROWS, nothing, CellShape::Letter);
    let column = |x: f64| ((x / WIDTH * COLUMNS as f64).max(0.0) as usize).min(COLUMNS - 1);
    let row = |y: f64| (((HEIGHT - y) / HEIGHT * ROWS as f64).max(0.0) as usize).min(ROWS - 1);
    for at in 0..COLUMNS {
        let along = (at as f64 + 0.5) / COLUMNS as f64 * (POINTS - 1) as f64;
        let i = (along as usize).min(POINTS - 2);
        let part = along - i as f64;
        let height = (1.0 - part) * env.ground[i] + part * env.ground[i + 1];
        for below in row(height)..ROWS {
            cells.put(below, at, Cell { glyph: '#', color: GROUND });
        }
    }
    for x in flags() {
        cells.put(row(PAD).saturating_sub(1), column(x), Cell { glyph: 'P', color: FLAG });
    }
    for (body, glyph, color) in [(1, '\'', LEG), (2, '\'', LEG), (0, 'o', HULL)] {
        let place = env.world.bodies[body].position();
        let (x, y) = (f64::from(place.x), f64::from(place.y));
        cells.put(row(y), column(x), Cell { glyph, color });
        if body == 0 && (env.engines.main > 0.0 || env.engines.side > 0.0) {
            let beside = column(x - env.engines.direction * WIDTH / COLUMNS as f64);
            let below = if env.engines.main > 0.0 { row(y - HEIGHT / ROWS as f64) } else { row(y) };
            cells.put(below, beside, Cell { glyph: '*', color: FLAME });
        }
    }
    cells
}
