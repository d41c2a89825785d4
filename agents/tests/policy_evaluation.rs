//! Evaluating a given policy against published values and against policy iteration.
#![expect(clippy::unwrap_used, reason = "clippy.toml exempts only functions marked #[test]")]
use agents::tabular::*;
use agents::{Agent, MakeEnv, episodes, observed};
use envs::*;
use std::sync::Arc;
use train::testing::{resume_changes_nothing, same_seed_same_bits, trained};
use train::{BadValue, Checkpoint, Direction, Learner, Log, Progress, Scope, Split, stream};

fn grid(layout: Layout) -> GridWorld {
    GridWorld::new(&GridConfig::of(layout)).unwrap()
}

fn evaluation(mdp: &dyn Mdp, method: Method) -> PolicyEvaluation {
    let config = PolicyEvaluationConfig { method, ..Default::default() };
    PolicyEvaluation::new(mdp, config).unwrap()
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
            let mut learner = PolicyEvaluation::new(&mdp, config).unwrap();
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

/// Agents that evaluate a policy of `mdp`.
fn agents(mdp: &Arc<dyn Mdp>, policy: PolicyName) -> anyhow::Result<[Box<dyn Agent>; 3]> {
    let config = PolicyEvaluationConfig { policy: policy.clone(), ..Default::default() };
    let (own, task) = (policy.clone(), || Problem::of(Arc::clone(mdp), 100));
    Ok([
        Box::new(PolicyEvaluation::new(mdp, config)?),
        Box::new(Td::new(task(), TdConfig { policy, ..Default::default() }, 1)?),
        Box::new(McPrediction::new(
            task(),
            McPredictionConfig { policy: own, ..Default::default() },
            1,
        )?),
    ])
}

#[test]
fn an_episode_is_the_same_among_how_many_soever() {
    let mdp: Arc<dyn Mdp> = Arc::new(grid(Layout::Aima));
    let played = Arc::clone(&mdp);
    let make: MakeEnv = Box::new(move || Box::new(MdpEnv::new(Arc::clone(&played), Some(50))));
    let rngs = |n| (0..n).map(|i| stream(1, &format!("{i}"))).collect();
    for agent in agents(&mdp, PolicyName::Uniform).unwrap() {
        let one = episodes(agent.as_ref(), &make, rngs(1)).unwrap();
        let many = episodes(agent.as_ref(), &make, rngs(8)).unwrap();
        assert_eq!(one[0], many[0]);
        assert_eq!(many, episodes(agent.as_ref(), &make, rngs(8)).unwrap());
        assert!(many.iter().any(|episode| episode.len != many[0].len), "{many:?}");
    }
}

#[test]
fn a_policy_that_has_changed_since_is_refused() {
    let mdp: Arc<dyn Mdp> = Arc::new(grid(Layout::Tiny));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("policy.json");
    let write = |up: f64| {
        let policy = serde_json::json!({"policy": [4, [up, 1.0 - up, 0, 0, 0], 4, null]});
        std::fs::write(&path, policy.to_string()).unwrap();
    };
    let make = || {
        let file = PolicyName::File(path.clone());
        let behaviour = Behaviour::Other(file.clone());
        let policy = PolicyName::File(dir.path().join("up.json"));
        let config = McPredictionConfig { policy, behaviour, ..Default::default() };
        let off_policy = McPrediction::new(Problem::of(Arc::clone(&mdp), 9), config, 1).unwrap();
        let mut all = Vec::from(agents(&mdp, file).unwrap());
        all.push(Box::new(off_policy));
        all
    };
    std::fs::write(dir.path().join("up.json"), r#"{"policy": [4, 0, 4, null]}"#).unwrap();
    write(0.25);
    let saved = |i: usize| dir.path().join(format!("step-{i}"));
    for (i, agent) in make().iter_mut().enumerate() {
        let mut checkpoint = Checkpoint::create(&saved(i)).unwrap();
        agent.state(&mut checkpoint).unwrap();
        checkpoint.commit().unwrap();
    }
    let load = |i: usize, agent: &mut dyn Agent| {
        agent.state(&mut Checkpoint::open(&saved(i), Scope::All).unwrap())
    };
    for (i, agent) in make().iter_mut().enumerate() {
        load(i, agent.as_mut()).unwrap();
    }
    write(0.5);
    for (i, agent) in make().iter_mut().enumerate() {
        let error = load(i, agent.as_mut()).unwrap_err();
        assert!(error.is::<BadValue>());
        let flag = if i == 3 { "--behaviour " } else { "--policy " };
        let message = error.to_string();
        assert!(
            message.starts_with(flag) && message.contains("it is no longer the policy"),
            "{message}"
        );
    }
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
    let policy = PolicyName::File(path);
    let config = PolicyEvaluationConfig { policy: policy.clone(), ..Default::default() };
    let td = TdConfig { policy: policy.clone(), ..Default::default() };
    let mc = McPredictionConfig { policy, ..Default::default() };
    let task = || Problem::of(Arc::new(grid(Layout::Sutton4x4)), 100);
    for error in [
        PolicyEvaluation::new(&mdp, config.clone()).err(),
        Td::new(task(), td, 1).err(),
        McPrediction::new(task(), mc, 1).err(),
    ] {
        let error = error.unwrap().to_string();
        assert!(error.contains("never ends an episode from state (1,3)"), "{error}");
    }
    let config = PolicyEvaluationConfig { gamma: Discount::Of(0.9), ..config };
    let mut learner = PolicyEvaluation::new(&mdp, config).unwrap();
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
            Ok(Box::new(observed(agent, Some(&mdp), Discount::Own, 5)?))
        };
        let dir = tempfile::tempdir().unwrap();
        same_seed_same_bits(&make, 9).unwrap();
        resume_changes_nothing(&make, 4, 9, dir.path()).unwrap();
    }
    let make = || -> anyhow::Result<Box<dyn Learner>> {
        let agent = Box::new(evaluation(&mdp, Method::InPlace));
        Ok(Box::new(observed(agent, Some(&mdp), Discount::Own, 10)?))
    };
    let (_, rows) = trained(&make, &[400], None).unwrap();
    let errors: Vec<_> =
        rows.iter().filter_map(|row| row.values.get("oracle/value_error")).collect();
    assert!(*errors[0] > 0.0 && *errors[errors.len() - 1] < 1e-2, "{errors:?}");
    assert!(rows.iter().all(|row| !row.values.contains_key("oracle/policy_error")));
}

#[test]
fn the_score_of_an_estimate_is_how_far_off_it_is() {
    // Noise 0, γ = ½, both ways in the middle: v^π = −10, 0, 10. All values 2 are 12, 2 and 8 off.
    let mdp: Arc<dyn Mdp> = Arc::new(grid(Layout::Tiny));
    let config = TdConfig { initial: 2.0, ..Default::default() };
    let mut learner = Td::new(Problem::of(Arc::clone(&mdp), 9), config, 1).unwrap();
    let evaluation = learner.evaluate(Split::Validation).unwrap();
    let error = ((12f64.powi(2) + 2f64.powi(2) + 8f64.powi(2)) / 3.0).sqrt();
    assert!((evaluation.value() - error).abs() < 1e-12, "{evaluation:?}");
    assert_eq!(evaluation.objective.direction, Direction::Minimise);
    let names: Vec<_> = evaluation.measures.keys().map(String::as_str).collect();
    assert_eq!(names, ["value_start", "values_error"]);
    assert_eq!(evaluation.measures["value_start"].mean, 2.0);
}
