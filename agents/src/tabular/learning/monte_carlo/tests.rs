use super::*;
use envs::{GridConfig, GridWorld, Layout};
use std::sync::Arc;

/// `chain` from the left: exit 10, three cells, exit 1, end; actions left, right, exit.
fn learner(config: MonteCarloConfig) -> MonteCarlo {
    let mdp = GridWorld::new(&GridConfig::of(Layout::Chain)).unwrap();
    MonteCarlo::new(Problem::of(Arc::new(mdp), 10), config, 1).unwrap()
}

fn visit(state: usize, action: usize, reward: f64, first: bool, prob: f64) -> Visit {
    Visit { state, action, reward, first, prob }
}

/// In cell 1 right, back left, right once more, then left twice and out with 10.
fn episode() -> Vec<Visit> {
    vec![
        visit(1, 1, 1.0, true, 0.5),
        visit(2, 0, 2.0, true, 0.25),
        visit(1, 1, 4.0, false, 0.5),
        visit(2, 0, 8.0, false, 0.25),
        visit(1, 0, 16.0, true, 0.5),
        visit(0, 2, 32.0, true, 1.0),
    ]
}

fn learned(config: MonteCarloConfig, after: f64) -> MonteCarlo {
    let config = MonteCarloConfig { gamma: crate::tabular::Discount::Of(0.5), ..config };
    let mut learner = learner(config);
    learner.episode = episode();
    learner.learn(after, &mut Log::default());
    learner
}

#[test]
fn returns_of_first_and_every_visit_by_hand() {
    // G from the back: 32, 32, 24, 16, 10, 6.
    let first = learned(MonteCarloConfig::default(), 0.0);
    assert_eq!([first.control.q.row(0)[2], first.control.q.row(1)[0]], [32.0, 32.0]);
    assert_eq!([first.control.q.row(1)[1], first.control.q.row(2)[0]], [6.0, 10.0]);
    let every = MonteCarloConfig { visits: Visits::Every, ..Default::default() };
    let every = learned(every, 0.0);
    assert_eq!([every.control.q.row(1)[1], every.control.q.row(2)[0]], [11.0, 17.0]);
    assert_eq!(every.control.q.row(0)[0], f64::NEG_INFINITY);
    // Cut off where 64 would follow: 32 + ½·64.
    assert_eq!(learned(MonteCarloConfig::default(), 64.0).control.q.row(0)[2], 64.0);
}

#[test]
fn weighted_importance_sampling_by_hand() {
    let config = MonteCarloConfig { method: MonteCarloMethod::OffPolicy, ..Default::default() };
    let learner = learned(config, 0.0);
    let weight = |state, action| learner.weights[learner.control.q.index(state, action)];
    // The exit with W = 1; left in 1 with 1 / 1; left in 2 with 1 / ½; right in 1 with 2 / ¼,
    // after which left is still greedy in 1, so that nothing before it counts.
    assert_eq!([weight(0, 2), weight(1, 0), weight(2, 0), weight(1, 1)], [1.0, 1.0, 2.0, 8.0]);
    assert_eq!([learner.control.q.row(2)[0], learner.control.q.row(1)[1]], [24.0, 16.0]);
    let (mut total, q) = (3.0, weighted_mean(0.0, &mut 0.0, 3.0, 5.0));
    assert_eq!((weighted_mean(q, &mut total, 1.0, 9.0), total), (6.0, 4.0));
    assert_eq!(weighted_mean(7.0, &mut 0.0, 0.0, 9.0), 7.0);
}

#[test]
fn what_weighted_means_leave_no_choice_of_is_refused() {
    let method = MonteCarloMethod::OffPolicy;
    let off_policy = || MonteCarloConfig { method, ..Default::default() };
    for (config, message) in [
        (MonteCarloConfig { alpha: StepSize::Of(0.1), ..off_policy() }, "--alpha 0.1: off-policy"),
        (MonteCarloConfig { visits: Visits::First, ..off_policy() }, "--visits first: off-policy"),
    ] {
        let mdp = GridWorld::new(&GridConfig::of(Layout::Chain)).unwrap();
        let error = MonteCarlo::new(Problem::of(Arc::new(mdp), 10), config, 1).err().unwrap();
        assert!(error.to_string().contains(message), "{error}");
    }
}
