//! Drawings of rods that hang one from the other.

use crate::canvas::Canvas;
use crate::{Cell, CellShape, Cells, Rgb};

/// Metres shown to every side of the fixed joint, for each rod of 1 m.
const VIEW: f64 = 1.1;

const BACKGROUND: [u8; 3] = [250, 250, 249];
const GOAL: [u8; 3] = [168, 162, 158];
const ROD: [u8; 3] = [217, 119, 6];
const JOINT: [u8; 3] = [74, 111, 165];

/// Draws to scale the rods from the fixed joint to each of `ends`, in metres to the right of it and
/// above it, with a line at the height of the goal.
pub(super) fn render(ends: &[[f64; 2]], goal: Option<f64>) -> Rgb {
    const SIZE: usize = 200;
    let half_view = VIEW * ends.len() as f64;
    let scale = SIZE as f64 / (2.0 * half_view);
    let place =
        |[x, y]: [f64; 2]| [((x + half_view) * scale) as f32, ((half_view - y) * scale) as f32];

    let mut canvas = Canvas::new(SIZE, SIZE, BACKGROUND);
    if let Some(height) = goal {
        let (from, to) = (place([-half_view, height]), place([half_view, height]));
        canvas.line(from, to, 2.0, GOAL);
    }
    let mut joint = [0.0; 2];
    for &end in ends {
        canvas.line(place(joint), place(end), 7.0, ROD);
        canvas.disc(place(joint), 4.0, JOINT);
        joint = end;
    }
    canvas.into_rgb()
}

/// Draws with characters: `o` the joints, `*` the rods.
pub(super) fn cells(ends: &[[f64; 2]], goal: Option<f64>) -> Cells {
    const HEIGHT: usize = 23;
    const WIDTH: usize = 45; // A character is twice as high as it is wide.
    /// Characters put along a rod: more than it passes through.
    const POINTS: usize = 60;
    let half_view = VIEW * ends.len() as f64;
    let nothing = Cell { glyph: ' ', color: BACKGROUND };
    let mut cells = Cells::filled(WIDTH, HEIGHT, nothing, CellShape::Letter);
    let place =
        |metres: f64, n: usize| (((metres / half_view + 1.0) / 2.0 * n as f64) as usize).min(n - 1);
    let mut put = |[x, y]: [f64; 2], glyph: char, color: [u8; 3]| {
        cells.put(place(-y, HEIGHT), place(x, WIDTH), Cell { glyph, color });
    };
    if let Some(height) = goal {
        for column in 0..WIDTH {
            let x = (2.0 * (column as f64 + 0.5) / WIDTH as f64 - 1.0) * half_view;
            put([x, height], '-', GOAL);
        }
    }
    let mut joint = [0.0; 2];
    for &end in ends {
        for point in 0..=POINTS {
            let part = point as f64 / POINTS as f64;
            put([0, 1].map(|i| joint[i] + part * (end[i] - joint[i])), '*', ROD);
        }
        joint = end;
    }
    // Over the rods.
    for &joint in [[0.0; 2]].iter().chain(&ends[..ends.len() - 1]) {
        put(joint, 'o', JOINT);
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Row and column of every `glyph`.
    fn places(cells: &Cells, glyph: char) -> Vec<[usize; 2]> {
        let found = cells.cells.iter().enumerate().filter(|(_, cell)| cell.glyph == glyph);
        found.map(|(i, _)| [i / cells.width, i % cells.width]).collect()
    }

    #[test]
    fn a_rod_hangs_from_the_middle() {
        // 23 rows show 2.2 m: a metre is 10.5 rows and 20.5 columns.
        let down = cells(&[[0.0, -1.0]], None);
        assert_eq!(places(&down, 'o'), [[11, 22]]);
        assert_eq!(places(&down, '*'), (12..=21).map(|row| [row, 22]).collect::<Vec<_>>());
        let right = cells(&[[1.0, 0.0]], None);
        assert_eq!(places(&right, '*'), (23..=42).map(|column| [11, column]).collect::<Vec<_>>());
    }

    #[test]
    fn two_rods_have_two_joints_and_a_goal() {
        // 23 rows show 4.4 m: the goal is 1 m or 5.2 rows above the middle of row 11.
        let bent = cells(&[[0.0, -1.0], [1.0, -1.0]], Some(1.0));
        assert_eq!(places(&bent, 'o'), [[11, 22], [16, 22]]);
        assert!(places(&bent, '*').contains(&[16, 32]) && !places(&bent, '*').contains(&[16, 12]));
        assert_eq!(places(&bent, '-'), (0..45).map(|column| [6, column]).collect::<Vec<_>>());
    }

    #[test]
    fn frames_differ_with_the_angle_and_the_goal() {
        let down = [[0.0, -1.0]];
        assert_eq!(render(&down, None).width, 200);
        assert_ne!(render(&down, None), render(&[[0.1, -0.995]], None));
        assert_ne!(render(&down, None), render(&down, Some(1.0)));
    }
}
