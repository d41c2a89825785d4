//! Tables of learned values, which grow with the states met.
use super::states::States;
use super::step_size::StepSize;
use crate::tabular::greedy::any_best;
use crate::tabular::model::Model;
use crate::tabular::table::Table;
use anyhow::Result;
use bytemuck::cast_slice_mut;
use rand::Rng as _;
use train::{Checkpoint, MODEL, Rng};

/// Kind of value function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    /// v: a number for each state.
    States,
    /// q: a number for each action of each state.
    Actions,
}

/// Values of states (`width` 1) or of actions in states (`width` A), and how often each was visited.
pub(super) struct Estimates {
    of: Of,
    width: usize,
    initial: f64,
    alpha: StepSize,
    /// `[S, width]`, row-major; −∞ where a state does not have an action.
    pub(super) values: Vec<f64>,
    /// `[S, width]`.
    visits: Vec<u32>,
}

impl Estimates {
    /// q for every state there is, `initial` where there is an action.
    pub(super) fn of_actions(states: &States, initial: f64, alpha: StepSize) -> Self {
        Self::new(Of::Actions, states, initial, alpha)
    }

    /// v for every state there is; 0 where it has no action.
    pub(super) fn of_states(states: &States, initial: f64, alpha: StepSize) -> Self {
        Self::new(Of::States, states, initial, alpha)
    }

    fn new(of: Of, states: &States, initial: f64, alpha: StepSize) -> Self {
        let width = match of {
            Of::Actions => states.n_actions(),
            Of::States => 1,
        };
        let (values, visits) = (Vec::new(), Vec::new());
        let mut estimates = Self { of, width, initial, alpha, values, visits };
        estimates.grow(states);
        estimates
    }

    /// Makes room for states that have been met since.
    pub(super) fn grow(&mut self, states: &States) {
        let n = states.n() * self.width;
        if self.values.len() == n {
            return;
        }
        self.values.truncate(n);
        for i in self.values.len()..n {
            let (state, action) = (i / self.width, i % self.width);
            let (known, nothing) = match self.of {
                Of::Actions => (states.allows(state, action), f64::NEG_INFINITY),
                Of::States => {
                    ((0..states.n_actions()).any(|action| states.allows(state, action)), 0.0)
                }
            };
            self.values.push(if known { self.initial } else { nothing });
        }
        self.visits.resize(n, 0);
    }

    /// The values of a state, `[width]`.
    pub(super) fn row(&self, state: usize) -> &[f64] {
        &self.values[state * self.width..(state + 1) * self.width]
    }

    /// Index of a state's action in `values`.
    pub(super) fn index(&self, state: usize, action: usize) -> usize {
        state * self.width + action
    }

    /// Counts a visit and returns its step size.
    pub(super) fn visit(&mut self, index: usize) -> f64 {
        self.visits[index] = self.visits[index].saturating_add(1);
        self.alpha.at(self.visits[index])
    }

    /// Counts a visit and moves the value by α towards `target`; returns how far it was from it.
    pub(super) fn learn(&mut self, index: usize, target: f64) -> f64 {
        let error = target - self.values[index];
        self.values[index] += self.visit(index) * error;
        error
    }

    /// A greedy action for each observation, `[N, obs_len]`, action `i` drawn by `rngs[i]` where several
    /// tie; any action in a state that was never met.
    pub(super) fn act(
        &self,
        states: &States,
        obs: &[f32],
        rngs: &mut [Rng],
        actions: &mut [usize],
    ) -> Result<()> {
        let obs_len = obs.len() / actions.len().max(1);
        let mut key = Vec::new();
        let rows = obs.chunks_exact(obs_len.max(1)).zip(rngs);
        for ((obs, rng), action) in rows.zip(actions) {
            *action = match states.find(obs, &mut key)? {
                Some(state) => any_best(self.row(state), rng).unwrap_or(0),
                None => rng.random_range(0..self.width),
            };
        }
        Ok(())
    }

    /// The values of each observation, `[N, obs_len]`: `[N, width]`; those of the start in a state that was never met.
    pub(super) fn of(&self, states: &States, obs: &[f32], obs_len: usize) -> Result<Vec<f64>> {
        let (mut all, mut key) = (Vec::new(), Vec::new());
        for obs in obs.chunks_exact(obs_len) {
            match states.find(obs, &mut key)? {
                Some(state) => all.extend_from_slice(self.row(state)),
                None => all.extend(std::iter::repeat_n(self.initial, self.width)),
            }
        }
        Ok(all)
    }

    /// max_a q(s, a) and the greedy actions; `None` where states are numbered as they are met.
    pub(super) fn table(&self, states: &States, model: &Model) -> Option<Table> {
        states.are_known().then(|| {
            let mut table = Table::unknown(model);
            (0..model.n_states())
                .for_each(|state| table.set(model, state, |action| self.row(state)[action]));
            table
        })
    }

    pub(super) fn state(&mut self, states: &States, checkpoint: &mut Checkpoint) -> Result<()> {
        self.state_as(MODEL, states, checkpoint)
    }

    /// [`state`](Self::state) under another name than the model's.
    pub(super) fn state_as(
        &mut self,
        name: &str,
        states: &States,
        checkpoint: &mut Checkpoint,
    ) -> Result<()> {
        self.grow(states);
        checkpoint.bytes(name, cast_slice_mut(&mut self.values))?;
        let width = self.width;
        let sound = |(i, value): (usize, &f64)| match self.of {
            Of::Actions => {
                value.is_finite() == states.allows(i / width, i % width)
                    && *value < f64::INFINITY
                    && !value.is_nan()
            }
            Of::States => value.is_finite(),
        };
        checkpoint.check(name, "finite values, of the actions there are, are expected", || {
            self.values.iter().enumerate().all(sound)
        })?;
        checkpoint.bytes(&format!("visits.{name}"), cast_slice_mut(&mut self.visits))
    }

    /// Checks that indices of values that were loaded as `name` are some.
    pub(super) fn check(
        &self,
        checkpoint: &Checkpoint,
        name: &str,
        mut indices: impl Iterator<Item = usize>,
    ) -> Result<()> {
        let expected = format!("places among {} values are expected", self.values.len());
        checkpoint.check(name, &expected, || indices.all(|index| index < self.values.len()))
    }
}
