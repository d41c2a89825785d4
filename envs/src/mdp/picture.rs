//! Pictures of an MDP that is played.

use super::{CellKind, Grid, GridCell};
use crate::{Cell, CellShape, Cells, Rgb};

const WALL: Cell = Cell { glyph: '#', color: [92, 98, 112] };
const OPEN: Cell = Cell { glyph: '.', color: [24, 26, 34] };
const NOWHERE: Cell = Cell { glyph: ' ', color: [12, 12, 14] };
const START: Cell = Cell { glyph: 'S', color: [44, 62, 92] };
const GOAL: Cell = Cell { glyph: 'G', color: [74, 222, 128] };
const PIT: Cell = Cell { glyph: 'X', color: [225, 87, 89] };
const HERE: Cell = Cell { glyph: '@', color: [250, 204, 21] };

/// A board for states that have no places of their own: in rows, as near to a square as can be.
pub(super) fn square(states: usize) -> Grid {
    let width = (states as f64).sqrt().ceil() as usize;
    let height = states.div_ceil(width.max(1));
    let cell = |state| match state < states {
        true => GridCell::State { state, kind: CellKind::Open },
        false => GridCell::Empty,
    };
    Grid { width, height, cells: (0..width * height).map(cell).collect(), arrows: Vec::new() }
}

/// A board with one on the cell `here`.
pub(super) fn cells(board: &Grid, here: Option<usize>) -> Cells {
    let mut cells = Cells::filled(board.width, board.height, NOWHERE, CellShape::Square);
    for (cell, place) in cells.cells.iter_mut().zip(&board.cells) {
        *cell = match place {
            GridCell::Wall => WALL,
            GridCell::Empty => NOWHERE,
            GridCell::State { kind: CellKind::Open, .. } => OPEN,
            GridCell::State { kind: CellKind::Start, .. } => START,
            GridCell::State { kind: CellKind::Goal, .. } => GOAL,
            GridCell::State { kind: CellKind::Pit, .. } => PIT,
        };
    }
    if let Some(here) = here {
        cells.cells[here] = HERE;
    }
    cells
}

/// The same as pixels, of a size to look at.
pub(super) fn rgb(cells: &Cells) -> Rgb {
    cells.to_rgb((480 / cells.width.max(cells.height)).clamp(1, 48))
}
