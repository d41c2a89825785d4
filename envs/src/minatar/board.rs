//! The board and the actions that the games share.

use rand::{Rng as _, RngCore};
use serde::{Deserialize, Serialize};

use crate::{Actions, Cell, CellShape, Cells, Spec};

/// Rows, and columns.
pub(super) const SIZE: i8 = 10;
/// Squares of a channel.
pub(super) const AREA: usize = 100;
/// The columns of a row, as bits.
pub(super) const FULL_ROW: u16 = (1 << SIZE) - 1;

const EMPTY: Cell = Cell { glyph: '.', color: [24, 26, 34] };

/// A place, counted from the top left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Square {
    pub(super) row: i8,
    pub(super) column: i8,
}

impl Square {
    /// Its place in a channel; it must be on the board.
    pub(super) fn index(self) -> usize {
        self.row as usize * SIZE as usize + self.column as usize
    }

    /// Returns `true` if it is on the board.
    pub(super) fn is_inside(self) -> bool {
        (0..SIZE).contains(&self.row) && (0..SIZE).contains(&self.column)
    }

    /// The next square to the right or to the left, which may lie beyond the board.
    pub(super) fn beside(self, rightward: bool) -> Self {
        Self { column: self.column + if rightward { 1 } else { -1 }, ..self }
    }
}

/// Subset of MinAtar's six actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActionSet {
    /// Those that do something in the game.
    #[default]
    Minimal,
    /// noop, left, up, right, down, fire.
    Full,
}

impl ActionSet {
    /// The actions of this set in a game in which those of `minimal` do something.
    pub(super) fn buttons(self, minimal: &'static [Button]) -> &'static [Button] {
        match self {
            Self::Minimal => minimal,
            Self::Full => &Button::ALL,
        }
    }
}

/// An action of MinAtar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Button {
    Noop,
    Left,
    Up,
    Right,
    Down,
    Fire,
}

impl Button {
    pub(super) const ALL: [Self; 6] =
        [Self::Noop, Self::Left, Self::Up, Self::Right, Self::Down, Self::Fire];

    /// The names of actions, for [`Spec::actions`].
    pub(super) fn names(buttons: &[Self]) -> Actions {
        let names = ["noop", "left", "up", "right", "down", "fire"];
        Spec::names(&buttons.iter().map(|button| names[*button as usize]).collect::<Vec<_>>())
    }

    /// Columns to the right that this moves by.
    pub(super) fn columns(self) -> i8 {
        i8::from(self == Self::Right) - i8::from(self == Self::Left)
    }

    /// Rows down that this moves by.
    pub(super) fn rows(self) -> i8 {
        i8::from(self == Self::Down) - i8::from(self == Self::Up)
    }
}

/// The action that is really taken: with probability `sticky` the previous one, else the given one.
pub(super) fn taken(sticky: f64, previous: usize, given: usize, rng: &mut dyn RngCore) -> usize {
    if rng.random::<f64>() < sticky { previous } else { given }
}

/// One of `n` with equal chance, from 0.
pub(super) fn pick(n: usize, rng: &mut dyn RngCore) -> usize {
    (rng.random::<f64>() * n as f64) as usize
}

/// An empty board for a terminal.
pub(super) fn blank() -> Cells {
    Cells::filled(SIZE as usize, SIZE as usize, EMPTY, CellShape::Square)
}
