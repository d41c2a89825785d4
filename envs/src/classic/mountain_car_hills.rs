//! The valley of the mountain car: its bounds and its drawings.

use crate::canvas::Canvas;
use crate::{Cell, CellShape, Cells, Rgb};

/// The position of the wall on the left.
pub(super) const LEFT: f64 = -1.2;
/// The position of the right end.
pub(super) const RIGHT: f64 = 0.6;
/// The velocity to either side, at most.
pub(super) const MAX_VELOCITY: f64 = 0.07;
/// The car starts between these positions.
pub(super) const STARTS: [f64; 2] = [-0.6, -0.4];

const BACKGROUND: [u8; 3] = [250, 250, 249];
const HILL: [u8; 3] = [168, 162, 158];
const CAR: [u8; 3] = [74, 111, 165];
const FLAG: [u8; 3] = [217, 119, 6];

/// Returns `true` if the car can be so.
pub(super) fn is_possible(position: f64, velocity: f64) -> bool {
    // A state in single precision may lie a little beyond a bound.
    let within = |value: f64, [low, high]: [f64; 2]| (low - 1e-6..=high + 1e-6).contains(&value);
    within(position, [LEFT, RIGHT]) && within(velocity, [-MAX_VELOCITY, MAX_VELOCITY])
}

/// Height of the ground, from 0.1 to 1.
fn height(position: f64) -> f64 {
    0.55 + 0.45 * (3.0 * position).sin()
}

/// Draws to scale, but for the car's size, which the dynamics do not know.
pub(super) fn render(position: f64, goal: f64) -> Rgb {
    const WIDTH: usize = 270;
    const HEIGHT: usize = 180;
    const POINTS: usize = 90;
    let place = |position: f64, above: f32| {
        let x = (position - LEFT) / (RIGHT - LEFT) * WIDTH as f64;
        [x as f32, (HEIGHT as f64 * (1.0 - height(position) / 1.25)) as f32 - above]
    };
    let mut canvas = Canvas::new(WIDTH, HEIGHT, BACKGROUND);
    for point in 0..POINTS {
        let at = |point: usize| LEFT + (RIGHT - LEFT) * point as f64 / POINTS as f64;
        canvas.line(place(at(point), 0.0), place(at(point + 1), 0.0), 2.0, HILL);
    }
    let [x, y] = place(goal, 26.0);
    canvas.line(place(goal, 0.0), [x, y], 2.0, HILL);
    canvas.line([x, y + 4.0], [x + 10.0, y + 4.0], 6.0, FLAG);
    canvas.disc(place(position, 7.0), 6.0, CAR);
    canvas.into_rgb()
}

/// Draws with characters: `_` the ground, `o` the car, `F` the flag.
pub(super) fn cells(position: f64, goal: f64) -> Cells {
    const WIDTH: usize = 60;
    const HEIGHT: usize = 18;
    let nothing = Cell { glyph: ' ', color: BACKGROUND };
    let mut cells = Cells::filled(WIDTH, HEIGHT, nothing, CellShape::Letter);
    let row = |position: f64| {
        let up = (height(position) * (HEIGHT - 2) as f64) as usize;
        (HEIGHT - 1).saturating_sub(up)
    };
    let column = |position: f64| {
        let along = (position - LEFT) / (RIGHT - LEFT) * WIDTH as f64;
        (along.max(0.0) as usize).min(WIDTH - 1)
    };
    for at in 0..WIDTH {
        let position = LEFT + (RIGHT - LEFT) * (at as f64 + 0.5) / WIDTH as f64;
        cells.put(row(position), at, Cell { glyph: '_', color: HILL });
    }
    for (position, glyph, color) in [(goal, 'F', FLAG), (position, 'o', CAR)] {
        cells.put(row(position).saturating_sub(1), column(position), Cell { glyph, color });
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Row and column of the only `glyph`.
    fn place(cells: &Cells, glyph: char) -> [usize; 2] {
        let index = cells.cells.iter().position(|cell| cell.glyph == glyph).unwrap();
        [index / cells.width, index % cells.width]
    }

    #[test]
    fn the_car_is_on_the_ground() {
        // The bottom of the valley is at −π/6, column 22 of 60; its height is 0.1.
        let cells = cells(-std::f64::consts::FRAC_PI_6, 0.5);
        assert_eq!(place(&cells, 'o'), [15, 22]);
        // The flag at 0.5: column 56, height 0.55 + 0.45·sin 1.5 = 0.999, row 17 − 15, one above it.
        assert_eq!(place(&cells, 'F'), [1, 56]);
        assert_eq!(place(&super::cells(LEFT, 0.5), 'o')[1], 0);
    }

    #[test]
    fn frames_differ_with_the_position() {
        assert_eq!(render(0.0, 0.5).width, 270);
        assert_ne!(render(0.0, 0.5), render(0.1, 0.5));
        assert_ne!(render(0.0, 0.5), render(0.0, 0.45));
    }
}
