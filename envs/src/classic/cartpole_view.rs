//! Drawings of the cart-pole.

use super::cartpole_track::MAX_POSITION;
use crate::canvas::Canvas;
use crate::{Cell, CellShape, Cells, Rgb};

/// Metres of track shown to either side of the middle: up to the bound, and half a cart more.
const HALF_VIEW: f64 = MAX_POSITION + 0.3;

const BACKGROUND: [u8; 3] = [250, 250, 249];
const TRACK: [u8; 3] = [168, 162, 158];
const CART: [u8; 3] = [74, 111, 165];
const POLE: [u8; 3] = [217, 119, 6];
const JOINT: [u8; 3] = [148, 163, 184];

/// Draws to scale, but for the cart's size, which the dynamics do not know.
pub(super) fn render(position: f64, angle: f64) -> Rgb {
    const WIDTH: usize = 300;
    const HEIGHT: usize = 150;
    const TRACK_Y: f32 = 118.0;
    let pixels_per_metre = WIDTH as f64 / (2.0 * HALF_VIEW);
    let to_x = |metres: f64| ((metres + HALF_VIEW) * pixels_per_metre) as f32;
    let joint = [to_x(position), TRACK_Y - 14.0];
    let (sin, cos) = angle.sin_cos();
    let tip =
        [joint[0] + (pixels_per_metre * sin) as f32, joint[1] - (pixels_per_metre * cos) as f32];

    let mut canvas = Canvas::new(WIDTH, HEIGHT, BACKGROUND);
    let bounds = [-MAX_POSITION, MAX_POSITION].map(to_x);
    canvas.line([bounds[0], TRACK_Y], [bounds[1], TRACK_Y], 2.0, TRACK);
    for x in bounds {
        canvas.line([x, TRACK_Y - 5.0], [x, TRACK_Y + 5.0], 2.0, TRACK);
    }
    canvas.rectangle([joint[0], TRACK_Y - 9.0], [34.0, 16.0], 3.0, CART);
    canvas.line(joint, tip, 6.0, POLE);
    canvas.disc(joint, 2.5, JOINT);
    canvas.into_rgb()
}

/// Draws with characters. The pole is drawn 14 rows high, about three times to scale: at its own
/// length 12 degrees would be two columns.
pub(super) fn cells(position: f64, angle: f64) -> Cells {
    const WIDTH: usize = 60;
    const HEIGHT: usize = 18;
    const POLE_ROWS: usize = 14;
    const CART_ROW: usize = POLE_ROWS + 1;
    let to_column = |metres: f64| (metres + HALF_VIEW) / (2.0 * HALF_VIEW) * WIDTH as f64;

    let nothing = Cell { glyph: ' ', color: BACKGROUND };
    let mut cells = Cells::filled(WIDTH, HEIGHT, nothing, CellShape::Letter);
    // What lies outside the frame is left out.
    let mut put = |row: usize, column: f64, glyph: char, color: [u8; 3]| {
        if (0.0..WIDTH as f64).contains(&column) {
            cells.put(row, column as usize, Cell { glyph, color });
        }
    };
    for column in 0..WIDTH {
        put(CART_ROW + 2, column as f64, '-', TRACK);
    }
    for bound in [-MAX_POSITION, MAX_POSITION] {
        put(CART_ROW + 2, to_column(bound), '+', TRACK);
    }
    let joint = to_column(position).floor();
    for (offset, (top, bottom)) in
        (-4..=4).map(f64::from).zip("[=======]".chars().zip(" o     o ".chars()))
    {
        put(CART_ROW, joint + offset, top, CART);
        put(CART_ROW + 1, joint + offset, bottom, CART);
    }
    // A character is twice as high as it is wide.
    let offset = |height: usize| (2.0 * height as f64 * angle.tan()).round();
    for height in 1..=POLE_ROWS {
        let lean = offset(height) - offset(height - 1);
        let glyph = if lean > 0.0 {
            '/'
        } else if lean < 0.0 {
            '\\'
        } else {
            '|'
        };
        put(CART_ROW - height, joint + offset(height), glyph, POLE);
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The row and column of every `glyph`.
    fn places(cells: &Cells, glyph: char) -> Vec<(usize, usize)> {
        let found = cells.cells.iter().enumerate().filter(|(_, cell)| cell.glyph == glyph);
        found.map(|(i, _)| (i / cells.width, i % cells.width)).collect()
    }

    #[test]
    fn an_upright_pole_stands_in_the_middle_of_the_cart() {
        let cells = cells(0.0, 0.0);
        let expected: Vec<_> = (1..15).map(|row| (row, 30)).collect();
        assert_eq!(places(&cells, '|'), expected);
        assert_eq!(places(&cells, '['), [(15, 26)]);
        assert_eq!(places(&cells, ']'), [(15, 34)]);
    }

    #[test]
    fn a_pole_leans_to_the_side_of_its_angle() {
        // 14 rows are 28 columns' widths high; 28 tan 0.1 = 2.8.
        let right = cells(0.0, 0.1);
        assert_eq!(places(&right, '/').len(), 3);
        assert_eq!(places(&right, '|')[0], (1, 33));
        let left = cells(0.0, -0.1);
        assert_eq!(places(&left, '\\').len(), 3);
        assert_eq!(places(&left, '|')[0], (1, 27));
    }

    #[test]
    fn the_cart_may_leave_the_frame() {
        assert_eq!(places(&cells(5.0, 0.0), '['), []);
        assert_eq!(render(5.0, 0.0), render(6.0, 0.0));
        assert_ne!(render(0.0, 0.0), render(0.0, 0.1));
        assert_ne!(render(0.0, 0.0), render(0.1, 0.0));
    }
}
