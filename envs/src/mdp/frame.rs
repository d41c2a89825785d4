//! Frames of an MDP that is played.

use std::collections::BTreeMap;

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

/// Pixels of the longer side of a frame, about.
const SIDE: usize = 480;

/// Pixels of a side of what shows where one is, at least.
const SEEN: usize = 5;

/// The cells as pixels, of a size to look at.
pub(super) fn rgb(cells: &Cells) -> Rgb {
    cells.to_rgb(scale(cells.width, cells.height))
}

fn scale(width: usize, height: usize) -> usize {
    (SIDE / width.max(height).max(1)).clamp(1, 48)
}

/// The frames of a board but for where one is: drawn once, however many there are.
#[derive(Debug, Clone)]
pub(super) struct Scene {
    /// No agent on it.
    empty: Rgb,
    /// The column and row of each state that has a place.
    places: BTreeMap<usize, [usize; 2]>,
    /// Pixels of a cell's side, and how many cells one of them stands for.
    scale: usize,
    each: usize,
}

impl Scene {
    /// Of a board; one with more cells than there are pixels shows every so manieth row and column.
    pub(super) fn new(board: &Grid) -> Self {
        let (scale, each) =
            (scale(board.width, board.height), board.width.max(board.height).div_ceil(SIDE).max(1));
        let all = cells(board, None);
        let rows = all.cells.chunks(board.width.max(1)).step_by(each);
        let some = rows.flat_map(|row| row.iter().step_by(each)).copied().collect();
        let (width, height) = (board.width.div_ceil(each), board.height.div_ceil(each));
        let empty = Cells { width, height, cells: some, shape: all.shape }.to_rgb(scale);
        let mut places = BTreeMap::new();
        for (place, cell) in board.cells.iter().enumerate() {
            if let GridCell::State { state, .. } = cell {
                places.entry(*state).or_insert([place % board.width, place / board.width]);
            }
        }
        Self { empty, places, scale, each }
    }

    /// The frame with one in a state.
    pub(super) fn with(&self, state: usize) -> Rgb {
        let mut rgb = self.empty.clone();
        let Some(place) = self.places.get(&state) else { return rgb };
        let around = SEEN.saturating_sub(self.scale).div_ceil(2);
        let [columns, rows] =
            [(place[0], rgb.width), (place[1], rgb.height)].map(|(place, side)| {
                let first = place / self.each * self.scale;
                first.saturating_sub(around)..(first + self.scale + around).min(side)
            });
        for row in rows {
            let line = &mut rgb.pixels[3 * row * rgb.width..][3 * columns.start..3 * columns.end];
            line.chunks_exact_mut(3).for_each(|pixel| pixel.copy_from_slice(&HERE.color));
        }
        rgb
    }
}
