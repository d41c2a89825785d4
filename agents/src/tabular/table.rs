//! What is known, or thought, of every state of an MDP.
use super::{Choice, Model, least_tied};
use envs::Mdp;
use serde::{Deserialize, Serialize};

/// Values of states and actions, and the actions taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// v, `[S]`.
    pub values: Vec<f64>,
    /// q, `[S, A]`, row-major; NaN where an action is not available, or has no value here.
    pub q: Vec<f64>,
    /// What is done in each state, `[S]`; `None` where it is terminal, and there alone.
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

    /// Sets what is thought of a state to `q(a)`, its largest and the first action that has it; a terminal
    /// state stays as it is.
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

/// `solution.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Solution {
    /// Name of each state.
    pub states: Vec<String>,
    /// Name of each action.
    pub actions: Vec<String>,
    /// Value of each state.
    pub values: Vec<f64>,
    /// What is done in each state: the action's number, or the probability of each action where one is
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
