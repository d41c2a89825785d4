//! Values and actions of every state of an MDP.
use super::{Choice, Model, least_tied};
use anyhow::Result;
use envs::Mdp;
use serde::{Deserialize, Serialize};

/// Values of states and actions, and the actions taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// v, `[S]`.
    pub values: Vec<f64>,
    /// q, `[S, A]`, row-major; NaN where an action is not available, or has no value here.
    pub q: Vec<f64>,
    /// Action of each state, `[S]`; `None` where it is terminal, and there alone.
    pub policy: Vec<Option<Choice>>,
}

impl Table {
    /// Values 0, nothing else known.
    pub fn unknown(model: &Model) -> Self {
        let n = model.n_states();
        Self {
            values: vec![0.0; n],
            q: vec![f64::NAN; n * model.n_actions()],
            policy: vec![None; n],
        }
    }

    /// The action that is always taken in a state; `None` where one is drawn, or the state terminal.
    pub fn action(&self, state: usize) -> Option<usize> {
        self.policy[state].as_ref()?.action()
    }

    /// Sets q(s, ·) of a state to `q(a)`, v(s) to its maximum and the policy to the first action that
    /// attains it; a terminal state stays as it is.
    pub fn set(&mut self, model: &Model, state: usize, q: impl Fn(usize) -> f64) {
        let q = |pair| q(model.action(pair));
        let most = model.pairs(state).map(q).fold(f64::NEG_INFINITY, f64::max);
        let least = least_tied(most);
        let Some(best) = model.pairs(state).find(|&pair| q(pair) >= least) else { return };
        self.policy[state] = Some(Choice::Action(model.action(best)));
        self.values[state] = most;
        for pair in model.pairs(state) {
            self.q[state * model.n_actions() + model.action(pair)] = q(pair);
        }
    }
}

/// One-hot observations of `n` states in batches of at most `rows`, each with the number of its first
/// state: `[rows, S]`.
pub(crate) fn one_hot_batches(n: usize, rows: usize) -> impl Iterator<Item = (usize, Vec<f32>)> {
    (0..n).step_by(rows).map(move |first| {
        let rows = rows.min(n - first);
        let mut obs = vec![0.0; rows * n];
        (0..rows).for_each(|row| obs[row * n + first + row] = 1.0);
        (first, obs)
    })
}

/// The table of a Q that `q` gives, `[rows·A]` for one-hot observations `[rows, S]`, at most `rows` at once.
///
/// # Errors
/// Errors of `q`.
pub(crate) fn q_table(
    model: &Model,
    rows: usize,
    q: impl Fn(&[f32]) -> Result<Vec<f32>>,
) -> Result<Table> {
    let mut table = Table::unknown(model);
    for (first, obs) in one_hot_batches(model.n_states(), rows) {
        for (row, q) in q(&obs)?.chunks_exact(model.n_actions()).enumerate() {
            table.set(model, first + row, |action| f64::from(q[action]));
        }
    }
    Ok(table)
}

/// `solution.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Solution {
    /// Name of each state.
    pub states: Vec<String>,
    /// Name of each action.
    pub actions: Vec<String>,
    /// Value of each state.
    pub values: Vec<f64>,
    /// Action of each state: its number, or the probability of each action where one is
    /// drawn; `None` where the state is terminal.
    pub policy: Vec<Option<Choice>>,
    /// Value of each action in each state; `None` where it is not available.
    pub q: Vec<Vec<Option<f64>>>,
}

impl Solution {
    /// The action that is always taken in a state; `None` where one is drawn, or the state terminal.
    pub fn action(&self, state: usize) -> Option<usize> {
        self.policy[state].as_ref()?.action()
    }

    /// `table` with the names that `mdp` has for things.
    pub fn new(mdp: &dyn Mdp, table: Table) -> Self {
        let known = |q: &f64| Some(*q).filter(|q| !q.is_nan());
        Self {
            states: (0..mdp.n_states()).map(|state| mdp.state_name(state)).collect(),
            actions: (0..mdp.n_actions()).map(|action| mdp.action_name(action)).collect(),
            values: table.values,
            policy: table.policy,
            q: table.q.chunks(mdp.n_actions()).map(|row| row.iter().map(known).collect()).collect(),
        }
    }
}
