//! Evaluating a given policy against published values and against policy iteration.
#![expect(clippy::unwrap_used, reason = "clippy.toml exempts only functions marked #[test]")]
use agents::tabular::*;
use agents::{MakeEnv, Watched, episodes};
use envs::*;
use std::sync::Arc;
use train::testing::{resume_changes_nothing, same_seed_same_bits, trained};
use train::{Learner, Log, Progress, stream};

fn grid(layout: Layout) -> GridWorld {
    GridWorld::new(&GridConfig::of(layout)).unwrap()
}

fn evaluation(mdp: &dyn Mdp, method: Method) -> PolicyEvaluation {
    let config = PolicyEvaluationConfig { method, ..Default::default() };
    PolicyEvaluation::new(mdp, config, 1).unwrap()
}

fn converged(mdp: &dyn Mdp, method: Method) -> PolicyEvaluation {
    let mut learner = evaluation(mdp, method);
    while learner.step(&mut Log::default()).unwrap() != Progress::Converged {}
    learner
}

const METHODS: [Method; 3] = [Method::Synchronous, Method::InPlace, Method::Exact];

/// The values of the cells, row by row from the top.
fn cells(mdp: &GridWorld, values: &[f64], width: usize, height: usize) -> Vec<f64> {
    let value = |name: String| {
        let state = (0..mdp.n_states()).find(|state| mdp.state_name(*state) == name);
        state.map_or(0.0, |state| values[state])
    };
    let rows = (1..=height).rev();
    rows.flat_map(|row| (1..=width).map(move |column| format!("({column},{row})")))
        .map(value)
        .collect()
}

#[test]
fn the_random_policy_of_example_4_1() {
    // Sutton & Barto, figure 4.1, to one decimal as printed.
    let published = [
        (1, "0 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 0"),
        (2, "0 -1.7 -2 -2 -1.7 -2 -2 -2 -2 -2 -2 -1.7 -2 -2 -1.7 0"),
        (3, "0 -2.4 -2.9 -3 -2.4 -2.9 -3 -2.9 -2.9 -3 -2.9 -2.4 -3 -2.9 -2.4 0"),
        (10, "0 -6.1 -8.4 -9 -6.1 -7.7 -8.4 -8.4 -8.4 -8.4 -7.7 -6.1 -9 -8.4 -6.1 0"),
    ];
    let mdp = grid(Layout::Sutton4x4);
    let mut learner = evaluation(&mdp, Method::Synchronous);
    for sweep in 1..=10 {
        learner.step(&mut Log::default()).unwrap();
        let Some((_, values)) = published.iter().find(|(k, _)| *k == sweep) else { continue };
        for (v, published) in cells(&mdp, learner.values(), 4, 4).iter().zip(values.split(' ')) {
            // The book cuts 1.75 off at 1.7, where we would round to 1.8.
            let published: f64 = published.parse().unwrap();
            assert!((v - published).abs() <= 0.0501, "sweep {sweep}: {v} and {published}");
        }
    }
    let limit: [f64; 16] = [
        0., -14., -20., -22., -14., -18., -20., -20., -20., -20., -18., -14., -22., -20., -14., 0.,
    ];
    for method in METHODS {
        let learner = converged(&mdp, method);
        for (v, limit) in cells(&mdp, learner.values(), 4, 4).iter().zip(limit) {
            assert!((v - limit).abs() < 1e-6, "{method:?}: {v} and {limit}");
        }
    }
}

#[test]
fn the_random_policy_of_example_3_5() {
    // Sutton & Barto, figure 3.2.
    let published = [
        3.3, 8.8, 4.4, 5.3, 1.5, 1.5, 3.0, 2.3, 1.9, 0.5, 0.1, 0.7, 0.7, 0.4, -0.4, -1.0, -0.4,
        -0.4, -0.6, -1.2, -1.9, -1.3, -1.2, -1.4, -2.0,
    ];
    let mdp = grid(Layout::Sutton5x5);
    for method in METHODS {
        let learner = converged(&mdp, method);
        for (v, published) in cells(&mdp, learner.values(), 5, 5).iter().zip(published) {
            assert!((v - published).abs() < 0.0501, "{method:?}: {v} and {published}");
        }
    }
}

/// Writes a solution of `mdp` and reads it as a policy.
fn best_policy(mdp: &dyn Mdp, dir: &std::path::Path) -> (PolicyName, Vec<f64>) {
    let mut planner = PolicyIteration::new(mdp, PolicyIterationConfig::default()).unwrap();
    while planner.step(&mut Log::default()).unwrap() != Progress::Converged {}
    let values = planner.values().to_vec();
    let path = dir.join("solution.json");
    let solution = Solution::new(mdp, planner.answer());
    std::fs::write(&path, serde_json::to_vec(&solution).unwrap()).unwrap();
    (PolicyName::File(path), values)
}

#[test]
fn the_best_policy_is_worth_what_its_planner_says() {
    let dir = tempfile::tempdir().unwrap();
    for layout in [Layout::Aima, Layout::Book, Layout::Windy] {
        let mdp = grid(layout);
        let (policy, values) = best_policy(&mdp, dir.path());
        for method in METHODS {
            let config =
                PolicyEvaluationConfig { policy: policy.clone(), method, ..Default::default() };
            let mut learner = PolicyEvaluation::new(&mdp, config, 1).unwrap();
            while learner.step(&mut Log::default()).unwrap() != Progress::Converged {}
            for (v, value) in learner.values().iter().zip(&values) {
                assert!((v - value).abs() < 1e-8, "{layout:?}, {method:?}: {v} and {value}");
            }
        }
    }
}

#[test]
fn playing_draws_from_the_policy() {
    let mdp = Arc::new(grid(Layout::Aima));
    let learner = converged(&mdp, Method::Exact);
    let value = learner.values()[Model::new(&mdp).unwrap().starts().next().unwrap()];
    let make: MakeEnv = Box::new(move || Box::new(MdpEnv::new(Arc::clone(&mdp), None)));
    let rngs = (0..4_000).map(|i| stream(1, &format!("{i}"))).collect();
    let played = episodes(&learner, &make, rngs).unwrap();
    let mean = played.iter().map(|episode| episode.ret).sum::<f64>() / 4_000.0;
    // Returns lie about 1.6 apart: the standard error of 4,000 is 0.025.
    assert!((mean - value).abs() < 0.1, "{mean} and {value}");
}

#[test]
fn a_policy_that_never_ends_is_explained() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("left.json");
    let mdp = grid(Layout::Sutton4x4);
    let left = |state| match (0..4).any(|action| mdp.allows(state, action)) {
        true => "2",
        false => "null",
    };
    let left: Vec<_> = (0..mdp.n_states()).map(left).collect();
    std::fs::write(&path, format!("{{\"policy\": [{}]}}", left.join(","))).unwrap();
    let config = PolicyEvaluationConfig { policy: PolicyName::File(path), ..Default::default() };
    let error = PolicyEvaluation::new(&mdp, config.clone(), 1).err().unwrap().to_string();
    assert!(error.contains("never ends an episode from state (1,3)"), "{error}");
    let config = PolicyEvaluationConfig { gamma: Discount::Of(0.9), ..config };
    let mut learner = PolicyEvaluation::new(&mdp, config, 1).unwrap();
    while learner.step(&mut Log::default()).unwrap() != Progress::Converged {}
    // −1 for ever, from where the left wall is run against.
    assert!(learner.values().iter().any(|v| (v + 10.0).abs() < 1e-6));
}

#[test]
fn same_bits_resumes_and_is_compared_with_its_policy() {
    let mdp = grid(Layout::Aima);
    for method in METHODS {
        let make = || -> anyhow::Result<Box<dyn Learner>> {
            let agent = Box::new(evaluation(&mdp, method));
            Ok(Box::new(Watched::new(agent, Some(&mdp), Discount::Own, 5)?))
        };
        let dir = tempfile::tempdir().unwrap();
        same_seed_same_bits(&make, 9).unwrap();
        resume_changes_nothing(&make, 4, 9, dir.path()).unwrap();
    }
    let make = || -> anyhow::Result<Box<dyn Learner>> {
        let agent = Box::new(evaluation(&mdp, Method::InPlace));
        Ok(Box::new(Watched::new(agent, Some(&mdp), Discount::Own, 10)?))
    };
    let (_, rows) = trained(&make, &[400], None).unwrap();
    let errors: Vec<_> =
        rows.iter().filter_map(|row| row.values.get("oracle/value_error")).collect();
    assert!(*errors[0] > 0.0 && *errors[errors.len() - 1] < 1e-2, "{errors:?}");
    assert!(rows.iter().all(|row| !row.values.contains_key("oracle/policy_error")));
}
