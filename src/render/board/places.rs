//! The places of states on a board.
use super::layout::MOST_ARROWS;
use agents::tabular::Model;
use anyhow::Result;
use envs::{Grid, Mdp};

/// Boards with more cells have no arrows: what ties is not asked.
const MOST_CELLS: usize = MOST_ARROWS * MOST_ARROWS;

/// Columns or rows of a board at most; of a larger one some are left out.
const MOST_PLACES: usize = 600;

/// The places of the states of an MDP, and what its actions are.
pub struct Board {
    pub(super) grid: Grid,
    /// Names of the actions.
    pub(super) names: Vec<String>,
    /// The MDP, unless it is too large to be shown in detail.
    pub(super) model: Option<Model>,
}

impl Board {
    /// The board of an MDP whose states lie on one.
    ///
    /// # Errors
    /// If the MDP is not one.
    pub fn new(mdp: &dyn Mdp) -> Result<Option<Self>> {
        let Some(grid) = mdp.grid().map(coarse) else { return Ok(None) };
        let detailed = grid.cells.len() <= MOST_CELLS;
        let model = detailed.then(|| Model::new(mdp)).transpose()?;
        let names = (0..mdp.n_actions()).map(|action| mdp.action_name(action)).collect();
        Ok(Some(Self { grid, names, model }))
    }

    pub(super) fn shape(&self) -> [usize; 2] {
        [self.grid.width, self.grid.height]
    }
}

/// This grid with no more columns and rows than a figure can show: every so manieth.
fn coarse(grid: Grid) -> Grid {
    let Grid { width, height, cells, arrows } = grid;
    let each = width.max(height).div_ceil(MOST_PLACES).max(1);
    if each == 1 {
        return Grid { width, height, cells, arrows };
    }
    let rows = cells.chunks(width).step_by(each);
    let cells = rows.flat_map(|row| row.iter().step_by(each)).copied().collect();
    Grid { width: width.div_ceil(each), height: height.div_ceil(each), cells, arrows }
}
