//! A second way to the same numbers: dense linear algebra, recursion and search on the outcomes of an
//! MDP. Small, slow and written apart from the planners, so that an error in one shows.
use agents::tabular::Choice;
use anyhow::{Context, Result, ensure};
use envs::{Mdp, Outcome};
use std::collections::VecDeque;

/// The outcomes of an action.
pub(super) fn outcomes(mdp: &dyn Mdp, state: usize, action: usize) -> Vec<Outcome> {
    let mut all = Vec::new();
    mdp.outcomes(state, action, &mut |outcome| all.push(outcome));
    all
}

/// The actions a state has.
pub(super) fn actions(mdp: &dyn Mdp, state: usize) -> Vec<usize> {
    (0..mdp.n_actions()).filter(|action| mdp.allows(state, *action)).collect()
}

/// A policy in which every action of a state is as probable as the others.
pub(super) fn uniform(mdp: &dyn Mdp) -> impl Fn(usize, usize) -> f64 {
    move |state, _| 1.0 / actions(mdp, state).len() as f64
}

/// A policy that takes one action for sure in each state, `[S]`.
pub(super) fn sure(policy: &[Option<Choice>]) -> impl Fn(usize, usize) -> f64 {
    move |state, action| f64::from(policy[state] == Some(Choice::Action(action)))
}

/// A policy that takes any action of a state with probability ε, and else one of those whose value,
/// given by `q`, ties with the best.
pub(super) fn epsilon_greedy(
    mdp: &dyn Mdp,
    epsilon: f64,
    q: impl Fn(usize, usize) -> f64,
) -> impl Fn(usize, usize) -> f64 {
    move |state, action| {
        let actions = actions(mdp, state);
        let best = actions.iter().map(|a| q(state, *a)).fold(f64::NEG_INFINITY, f64::max);
        let greedy = |action: usize| q(state, action) > best - 1e-9;
        let n = actions.iter().filter(|action| greedy(**action)).count() as f64;
        let rest = if greedy(action) { (1.0 - epsilon) / n } else { 0.0 };
        epsilon / actions.len() as f64 + rest
    }
}

/// v of a policy, `[S]`, given as π(a | s): solves (I − γ·P)·v = r by Gaussian elimination.
///
/// # Errors
/// If the system has no unique solution: undiscounted, the policy never ends.
pub(super) fn values(
    mdp: &dyn Mdp,
    gamma: f64,
    policy: impl Fn(usize, usize) -> f64,
) -> Result<Vec<f64>> {
    solve(mdp, gamma, policy, |outcome| outcome.reward)
}

/// Mean number of steps to an end from each state under a policy, `[S]`.
///
/// # Errors
/// If the policy never ends.
pub(super) fn mean_steps(mdp: &dyn Mdp, policy: impl Fn(usize, usize) -> f64) -> Result<Vec<f64>> {
    solve(mdp, 1.0, policy, |_| 1.0)
}

fn solve(
    mdp: &dyn Mdp,
    gamma: f64,
    policy: impl Fn(usize, usize) -> f64,
    reward: impl Fn(&Outcome) -> f64,
) -> Result<Vec<f64>> {
    let n = mdp.n_states();
    // [S, S + 1]: the matrix, and r as its last column.
    let mut rows = vec![vec![0.0; n + 1]; n];
    for (state, row) in rows.iter_mut().enumerate() {
        row[state] += 1.0;
        for action in actions(mdp, state) {
            let taken = policy(state, action);
            for outcome in outcomes(mdp, state, action) {
                row[n] += taken * outcome.prob * reward(&outcome);
                if !outcome.terminated {
                    row[outcome.next] -= gamma * taken * outcome.prob;
                }
            }
        }
    }
    for i in 0..n {
        let size = |row: &usize| rows[*row][i].abs();
        let pivot = (i..n).max_by(|a, b| size(a).total_cmp(&size(b))).context("no states")?;
        rows.swap(i, pivot);
        let (above, below) = rows.split_at_mut(i + 1);
        let row = &above[i];
        ensure!(row[i].abs() > 1e-12, "the policy never ends from some state");
        for other in below {
            let factor = other[i] / row[i];
            if factor != 0.0 {
                (i..=n).for_each(|column| other[column] -= factor * row[column]);
            }
        }
    }
    let mut values = vec![0.0; n];
    for i in (0..n).rev() {
        let known: f64 = (i + 1..n).map(|column| rows[i][column] * values[column]).sum();
        values[i] = (rows[i][n] - known) / rows[i][i];
    }
    Ok(values)
}

/// r(s, a) + Σ_s' p(s' | s, a)·v(s').
fn ahead(mdp: &dyn Mdp, state: usize, action: usize, values: &[f64]) -> f64 {
    let after = |o: &Outcome| o.reward + if o.terminated { 0.0 } else { values[o.next] };
    outcomes(mdp, state, action).iter().map(|outcome| outcome.prob * after(outcome)).sum()
}

/// The best that can be had within so many steps from each state, `[S]`, undiscounted.
pub(super) fn best_within(mdp: &dyn Mdp, steps: usize) -> Vec<f64> {
    let mut values = vec![0.0; mdp.n_states()];
    for _ in 0..steps {
        let best = |state| {
            let actions = actions(mdp, state).into_iter();
            actions.map(|action| ahead(mdp, state, action, &values)).reduce(f64::max)
        };
        values = (0..mdp.n_states()).map(|state| best(state).unwrap_or(0.0)).collect();
    }
    values
}

/// Expected undiscounted return of a policy π(a | s) within so many steps from each state, `[S]`.
pub(super) fn within(
    mdp: &dyn Mdp,
    steps: usize,
    policy: impl Fn(usize, usize) -> f64,
) -> Vec<f64> {
    let mut values = vec![0.0; mdp.n_states()];
    for _ in 0..steps {
        let value = |state| -> f64 {
            let actions = actions(mdp, state).into_iter();
            actions.map(|a| policy(state, a) * ahead(mdp, state, a, &values)).sum()
        };
        values = (0..mdp.n_states()).map(value).collect();
    }
    values
}

/// Least number of steps to an end from each state, `[S]`, by breadth-first search: for outcomes that
/// are sure. `None` where there is no way.
pub(super) fn steps_to_end(mdp: &dyn Mdp) -> Vec<Option<u32>> {
    let mut before: Vec<Vec<usize>> = vec![Vec::new(); mdp.n_states()];
    let mut steps = vec![None; mdp.n_states()];
    let mut open = VecDeque::new();
    for (state, steps) in steps.iter_mut().enumerate() {
        let of = |action| outcomes(mdp, state, action);
        for outcome in actions(mdp, state).into_iter().flat_map(of) {
            if !outcome.terminated {
                before[outcome.next].push(state);
            } else if steps.is_none() {
                *steps = Some(1);
                open.push_back(state);
            }
        }
    }
    while let Some(state) = open.pop_front() {
        for &earlier in &before[state] {
            if steps[earlier].is_none() {
                steps[earlier] = steps[state].map(|steps| steps + 1);
                open.push_back(earlier);
            }
        }
    }
    steps
}

/// The best return of all sequences of actions from `state`, one by one: for outcomes that are sure.
pub(super) fn best_sequence(mdp: &dyn Mdp, state: usize) -> f64 {
    let returns = actions(mdp, state)
        .into_iter()
        .flat_map(|action| outcomes(mdp, state, action))
        .map(|outcome| match outcome.terminated {
            true => outcome.reward,
            false => outcome.reward + best_sequence(mdp, outcome.next),
        });
    returns.fold(f64::NEG_INFINITY, f64::max)
}

/// Σ_s start(s)·v(s).
pub(super) fn start_value(mdp: &dyn Mdp, values: &[f64]) -> f64 {
    mdp.starts().into_iter().map(|(state, prob)| prob * values[state]).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use envs::{FiveStep, ShortCorridor};

    #[test]
    fn the_corridor_by_hand() {
        // Uniform: v₁ = −1 + ½v₁ + ½v₂, v₂ = −1 + ½v₃ + ½v₁, v₃ = −1 + ½v₂: −12, −10, −6.
        let corridor = ShortCorridor {};
        let values = values(&corridor, 1.0, uniform(&corridor)).unwrap();
        for (value, by_hand) in values.iter().zip([-12.0, -10.0, -6.0, 0.0]) {
            assert!((value - by_hand).abs() < 1e-9, "{values:?}");
        }
        assert!(super::values(&corridor, 1.0, sure(&vec![Some(Choice::Action(0)); 4])).is_err());
        assert_eq!(steps_to_end(&corridor), [Some(3), Some(2), Some(1), None]);
        assert_eq!(best_within(&corridor, 2), [-2.0, -2.0, -1.0, 0.0]);
        assert_eq!(within(&corridor, 2, uniform(&corridor)), [-2.0, -2.0, -1.5, 0.0]);
        assert!((best_sequence(&FiveStep {}, 0) - 4.1).abs() < 1e-12);
    }
}
