//! Markov decision processes: all outcomes are known, with their probabilities.

mod chart;
mod check;
mod env;
mod frame;

use std::sync::Arc;

pub use self::chart::{Chart, ChartAmounts, ChartAxis, ChartPanel};
pub use self::check::check_mdp;
pub use self::env::MdpEnv;
use crate::Cells;

/// One way a step can turn out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// Probability; those of a state's action sum to 1.
    pub prob: f64,
    /// State arrived in.
    pub next: usize,
    /// Reward on the way.
    pub reward: f64,
    /// `next` is terminal: it has no actions and its value is 0.
    pub terminated: bool,
}

/// A finite Markov decision process: planners ask for its outcomes, [`MdpEnv`] draws them.
///
/// [`check_mdp`] tests the promises made here.
pub trait Mdp: Send + Sync {
    /// States are numbered from 0.
    fn n_states(&self) -> usize;

    /// Actions are numbered from 0; a state need not have all of them.
    fn n_actions(&self) -> usize;

    /// Calls `visit` with each outcome of an action, some `next` perhaps more than once. It is not
    /// called at all where the state does not have this action; a terminal state has none.
    fn outcomes(&self, state: usize, action: usize, visit: &mut dyn FnMut(Outcome));

    /// Distribution of the first state: states and their probabilities, which sum to 1.
    fn starts(&self) -> Vec<(usize, f64)>;

    /// Name of a state in the literature: `(column,row)` on a grid, counted from 1 at the bottom
    /// left; in Gymnasium's tables its number.
    fn state_name(&self, state: usize) -> String;

    /// Name of an action in the literature.
    fn action_name(&self, action: usize) -> String;

    /// The discount this problem is usually stated with.
    fn discount(&self) -> f64;

    /// The lower and the higher return of an episode, where each has one of two.
    fn two_returns(&self) -> Option<[f64; 2]> {
        None
    }

    /// Grid of the states, if they lie on one.
    fn grid(&self) -> Option<Grid> {
        None
    }

    /// Along which axes the literature draws values and policies, where states are counts.
    fn chart(&self) -> Option<Chart> {
        None
    }

    /// A drawing of a state, where the grid would not tell enough; its size never changes.
    fn frame(&self, _state: usize) -> Option<Cells> {
        None
    }

    /// Returns `true` if a state has an action.
    fn allows(&self, state: usize, action: usize) -> bool {
        let mut any = false;
        self.outcomes(state, action, &mut |_| any = true);
        any
    }
}

/// The states of an MDP as places on a board.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    /// Cells per row.
    pub width: usize,
    /// Number of rows.
    pub height: usize,
    /// `[height, width]`, row-major from the top left.
    pub cells: Vec<GridCell>,
    /// Direction of each action, if it has one, `[n_actions]`.
    pub arrows: Vec<Option<Arrow>>,
}

/// Content of a place of a [`Grid`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GridCell {
    /// Nothing can stand here.
    Wall,
    /// One can be here.
    State {
        /// The state that is being here.
        state: usize,
        /// Role of the place.
        kind: CellKind,
    },
    /// No state is being here, though it is no wall: a cliff one never stays on.
    Empty,
}

/// Role of a place of a [`Grid`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellKind {
    /// Nothing special.
    Open,
    /// Episodes start here.
    Start,
    /// Episodes end here, and well.
    Goal,
    /// Episodes end here, and badly.
    Pit,
}

/// A direction on a [`Grid`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Arrow {
    Up,
    Down,
    Left,
    Right,
    UpLeft,
    UpRight,
    DownLeft,
    DownRight,
}

/// Many copies of an environment may share one MDP.
impl<M: Mdp + ?Sized> Mdp for Arc<M> {
    fn n_states(&self) -> usize {
        (**self).n_states()
    }

    fn n_actions(&self) -> usize {
        (**self).n_actions()
    }

    fn outcomes(&self, state: usize, action: usize, visit: &mut dyn FnMut(Outcome)) {
        (**self).outcomes(state, action, visit);
    }

    fn starts(&self) -> Vec<(usize, f64)> {
        (**self).starts()
    }

    fn state_name(&self, state: usize) -> String {
        (**self).state_name(state)
    }

    fn action_name(&self, action: usize) -> String {
        (**self).action_name(action)
    }

    fn discount(&self) -> f64 {
        (**self).discount()
    }

    fn two_returns(&self) -> Option<[f64; 2]> {
        (**self).two_returns()
    }

    fn grid(&self) -> Option<Grid> {
        (**self).grid()
    }

    fn chart(&self) -> Option<Chart> {
        (**self).chart()
    }

    fn frame(&self, state: usize) -> Option<Cells> {
        (**self).frame(state)
    }

    fn allows(&self, state: usize, action: usize) -> bool {
        (**self).allows(state, action)
    }
}
