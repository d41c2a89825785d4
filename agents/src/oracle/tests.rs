use super::*;
use crate::ActionBatch;
use crate::tabular::{Problem, Td, TdConfig};
use envs::{GridConfig, GridWorld, Layout, Reward};
use std::sync::Arc;
use train::stream;

#[test]
fn a_policy_that_draws_its_actions_draws_them_here_too() {
    let mdp: Arc<dyn Mdp> = Arc::new(GridWorld::new(&GridConfig::of(Layout::Open)).unwrap());
    let agent = || Td::new(Problem::of(Arc::clone(&mdp), 10), TdConfig::default(), 1).unwrap();
    let observed = observed(Box::new(agent()), Some(&*mdp), Discount::Own, 1).unwrap();
    let mut obs = vec![0.0; mdp.n_states()];
    obs[mdp.starts()[0].0] = 1.0;
    let sampled = |agent: &dyn Agent| {
        let (mut rngs, mut action) = ([stream(1, "test")], ActionBatch::Discrete(Vec::new()));
        let mut draw = |_| {
            action.choose(agent, &obs, std::iter::empty(), &mut rngs).unwrap();
            action.clone()
        };
        (0..50).map(&mut draw).collect::<Vec<_>>()
    };
    let actions = sampled(observed.learner());
    assert_eq!(actions, sampled(&agent()));
    assert!(actions.iter().any(|action| *action != actions[0]), "{actions:?}");
}

/// `policy_error` without a discount of an agent with values `q`, `[S, 4]` (up, down, left, right), of a map.
fn policy_error(map: &str, q: &[[f64; 4]]) -> f64 {
    let config = GridConfig {
        map: Some(map.to_owned()),
        discount: Some(1.0),
        living_reward: Some(0.0),
        noise: Some(0.0),
        reward: Some(Reward::Entering),
        ..Default::default()
    };
    let mdp = GridWorld::new(&config).unwrap();
    let known = Known::new(&mdp, Discount::Own, None).unwrap();
    let mut table = Table::unknown(&known.model);
    for (state, q) in q.iter().enumerate() {
        table.set(&known.model, state, |action| q[action]);
    }
    known.policy_error(&table, known.exact.as_ref().unwrap()).unwrap()
}

#[test]
fn who_never_ends_is_wrong_where_ending_pays() {
    // Every action of the three cells is worth 10, but the way into the exit that pays 1.
    let (exit, map) = ([0.0; 4], "10 . S . 1");
    let left = [9.0, 9.0, 10.0, 9.0];
    let right = [9.0, 9.0, 9.0, 10.0];
    let wall = [10.0, 9.0, 9.0, 9.0];
    let any = [10.0; 4];
    let not_right = [10.0, 10.0, 10.0, 1.0];
    for (cells, wrong) in [
        ([left, left, left], 0.0),
        // Issue 15, P9: to and fro between two cells.
        ([right, left, left], 3.0),
        ([wall, wall, wall], 3.0),
        ([left, wall, left], 2.0),
        ([left, left, right], 1.0),
        // Play draws among those that tie, and comes to an end.
        ([any, any, not_right], 0.0),
        ([any, any, any], 1.0),
    ] {
        let [a, b, c] = cells;
        let error = policy_error(map, &[exit, a, b, c, exit]);
        assert!((error - wrong / 3.0).abs() < 1e-12, "{cells:?}: {error}");
    }
    // To stay is worth 0 and to end less.
    assert_eq!(policy_error("S . -1", &[wall, wall, exit]), 0.0);
    assert_eq!(policy_error("S . -1", &[wall, right, exit]), 0.5);
}
