//! Actions that Python gives.
use crate::arrays::{floats, integers};
use lab::agents::ActionBatch;
use lab::envs::{Actions, Env, Mdp, Spec};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// Names of discrete actions, or bounds of vectors, for the space.
pub(crate) fn described(spec: &Spec) -> (Vec<String>, Vec<f32>, Vec<f32>) {
    match &spec.actions {
        Actions::Discrete(names) => (names.clone(), Vec::new(), Vec::new()),
        Actions::Box { low, high } => (Vec::new(), low.clone(), high.clone()),
    }
}

/// Actions of `n` copies that lie in `bytes`: whole numbers, or vectors one after the other.
pub(crate) fn read(spec: &Spec, n: usize, bytes: &[u8]) -> PyResult<ActionBatch> {
    let (actions, given) = match &spec.actions {
        Actions::Discrete(names) => {
            let number = |action: i64| {
                let number = usize::try_from(action).ok().filter(|action| *action < names.len());
                number.ok_or_else(|| {
                    let last = names.len() - 1;
                    PyValueError::new_err(format!("action {action}: there are 0 to {last}"))
                })
            };
            let actions = integers(bytes).map(number).collect::<PyResult<Vec<_>>>()?;
            let given = actions.len();
            (ActionBatch::Discrete(actions), given)
        }
        Actions::Box { low, .. } => {
            let (actions, action_len) = (floats(bytes).collect::<Vec<_>>(), low.len());
            if let Some(bad) = actions.iter().find(|x| !x.is_finite()) {
                return Err(PyValueError::new_err(format!(
                    "action {bad}: a finite number is expected"
                )));
            }
            let given = actions.len() / action_len;
            (ActionBatch::Continuous { actions, action_len }, given)
        }
    };
    match given == n {
        true => Ok(actions),
        false => Err(PyValueError::new_err(format!("{given} actions for {n} environments"))),
    }
}

/// Returns `true` if a state of the problem lacks an action that another one has.
pub(crate) fn are_masked(mdp: Option<&dyn Mdp>) -> bool {
    let Some(mdp) = mdp else { return false };
    let row = |state| (0..mdp.n_actions()).filter(|action| mdp.allows(state, *action)).count();
    // A terminal state has none.
    (0..mdp.n_states()).any(|state| !matches!(row(state), n if n == 0 || n == mdp.n_actions()))
}

/// 1 for each action that the present state of `env` has, 0 for the others.
pub(crate) fn mask(env: &dyn Env, n_actions: usize) -> impl Iterator<Item = u8> {
    (0..n_actions).map(|action| u8::from(env.allows(action)))
}

/// `action`, or the nearest number that the present state has, the lower one of two.
pub(crate) fn nearest(env: &dyn Env, action: usize, n_actions: usize) -> usize {
    if env.allows(action) {
        return action;
    }
    let allowed = (0..n_actions).filter(|other| env.allows(*other));
    allowed.min_by_key(|other| other.abs_diff(action)).unwrap_or(action)
}
