//! The policy that policy iteration begins with.
use crate::tabular::discounted_mdp::DiscountedMdp;
use anyhow::Result;
use envs::Mdp;
use train::BadValue;

/// The pair that is taken in each state at first.
///
/// # Errors
/// If there is no such action, or its policy never ends where γ is 1.
pub(super) fn first_policy(
    mdp: &dyn Mdp,
    problem: &DiscountedMdp,
    start: &str,
) -> Result<Vec<Option<usize>>> {
    let model = &problem.model;
    if start == "first" && problem.rests.is_some() {
        return Ok(problem.ending_policy());
    }
    let names: Vec<_> = (0..mdp.n_actions()).map(|action| mdp.action_name(action)).collect();
    let action = names.iter().position(|name| name == start);
    if start != "first" && action.is_none() {
        let why = format!("`first` is expected, or one of the actions: {}", names.join(", "));
        return Err(BadValue::new("start", start, &why).into());
    }
    let first = |state| {
        let named = model.pairs(state).find(|pair| Some(model.action(*pair)) == action);
        named.or_else(|| model.pairs(state).next())
    };
    let policy: Vec<_> = (0..model.n_states()).map(first).collect();
    let mut taken = vec![false; model.n_pairs()];
    policy.iter().flatten().for_each(|pair| taken[*pair] = true);
    if let Some(state) = problem.lost(|pair| taken[pair]) {
        let why = format!(
            "to take it never ends from state {}: with a discount of 1 its value may be infinite; give \
             a --gamma below 1, or leave it out",
            problem.state_name(state)
        );
        return Err(BadValue::new("start", start, &why).into());
    }
    Ok(policy)
}
