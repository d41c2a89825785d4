//! A random walk: nothing to decide, all to predict.

use crate::{CellKind, Grid, GridCell, Mdp, Outcome};

params::parameters! {
    /// Options of [`RandomWalk`].
    #[derive(Copy)]
    pub struct RandomWalkConfig {
        /// Cells between the two ends
        cells: usize = 5;
        /// Reward at the left end
        left: f64 = 0.0;
        /// Reward at the right end
        right: f64 = 1.0;
    }
}

/// The random walk of example 6.2 of Sutton & Barto, *Reinforcement Learning*, second edition, and with
/// 19 cells and −1 at the left end that of example 7.1.
///
/// - **States** cells in a row, called `A`, `B`, … or by number where there are more than 26; terminal
///   cells `left` and `right` at the ends.
/// - **Actions** `walk`: to the left or to the right, with equal chance.
/// - **Reward** for leaving, 0 at the left end and 1 at the right one unless given.
/// - **Start** the middle.
/// - **Discount** 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RandomWalk {
    config: RandomWalkConfig,
}

impl RandomWalk {
    /// The walk of these options, or the error in them.
    pub fn new(config: RandomWalkConfig) -> Result<Self, String> {
        if config.cells == 0 || config.cells > 1 << 24 {
            return Err(format!("cells must be 1 to {}, not {}", 1 << 24, config.cells));
        }
        match [config.left, config.right].into_iter().find(|reward| !reward.is_finite()) {
            Some(reward) => Err(format!("the reward at an end must be finite, not {reward}")),
            None => Ok(Self { config }),
        }
    }

    /// The right end; the left one is state 0.
    fn last(&self) -> usize {
        self.config.cells + 1
    }
}

impl Mdp for RandomWalk {
    fn n_states(&self) -> usize {
        self.config.cells + 2
    }

    fn n_actions(&self) -> usize {
        1
    }

    fn outcomes(&self, state: usize, _action: usize, visit: &mut dyn FnMut(Outcome)) {
        if state == 0 || state == self.last() {
            return;
        }
        for next in [state - 1, state + 1] {
            let reward = match next {
                0 => self.config.left,
                next if next == self.last() => self.config.right,
                _ => 0.0,
            };
            let terminated = next == 0 || next == self.last();
            visit(Outcome { prob: 0.5, next, reward, terminated });
        }
    }

    fn starts(&self) -> Vec<(usize, f64)> {
        vec![(self.config.cells.div_ceil(2), 1.0)]
    }

    fn state_name(&self, state: usize) -> String {
        match state {
            0 => "left".into(),
            state if state == self.last() => "right".into(),
            state if self.config.cells <= 26 => char::from(b'A' + state as u8 - 1).into(),
            state => state.to_string(),
        }
    }

    fn action_name(&self, _action: usize) -> String {
        "walk".into()
    }

    fn discount(&self) -> f64 {
        1.0
    }

    fn grid(&self) -> Option<Grid> {
        let start = self.config.cells.div_ceil(2);
        let kind = |state| match state {
            0 => CellKind::Pit,
            state if state == self.last() => CellKind::Goal,
            state if state == start => CellKind::Start,
            _ => CellKind::Open,
        };
        let cell = |state| GridCell::State { state, kind: kind(state) };
        let width = self.n_states();
        Some(Grid { width, height: 1, cells: (0..width).map(cell).collect(), arrows: vec![None] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check_mdp;

    #[test]
    fn it_walks_to_either_side_and_is_paid_at_the_ends() {
        let walk = RandomWalk::new(RandomWalkConfig { left: -1.0, ..Default::default() }).unwrap();
        assert_eq!(check_mdp(&walk), Ok(()));
        let names: Vec<_> = (0..walk.n_states()).map(|state| walk.state_name(state)).collect();
        assert_eq!(names, ["left", "A", "B", "C", "D", "E", "right"]);
        assert_eq!(walk.starts(), [(3, 1.0)]);
        let outcomes = |state| {
            let mut observed = Vec::new();
            walk.outcomes(state, 0, &mut |outcome| {
                observed.push((outcome.prob, outcome.next, outcome.reward, outcome.terminated));
            });
            observed
        };
        assert_eq!(outcomes(1), [(0.5, 0, -1.0, true), (0.5, 2, 0.0, false)]);
        assert_eq!(outcomes(3), [(0.5, 2, 0.0, false), (0.5, 4, 0.0, false)]);
        assert_eq!(outcomes(5), [(0.5, 4, 0.0, false), (0.5, 6, 1.0, true)]);
        assert_eq!([outcomes(0), outcomes(6)], [[], []]);
    }

    #[test]
    fn wrong_options_are_refused() {
        let with = |cells, right| RandomWalkConfig { cells, right, ..Default::default() };
        let error = RandomWalk::new(with(0, 1.0)).unwrap_err();
        assert_eq!(error, "cells must be 1 to 16777216, not 0");
        let error = RandomWalk::new(with(5, f64::INFINITY)).unwrap_err();
        assert_eq!(error, "the reward at an end must be finite, not inf");
    }
}
