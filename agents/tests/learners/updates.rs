//! Effect of a few transitions on the values, by hand.
use super::Script;
use agents::Agent;
use agents::tabular::*;
use anyhow::Result;
use envs::*;
use std::sync::Arc;
use train::Log;

/// The values after `steps` steps through rewards 1, 2, 8, cut off after `limit`.
fn walked<L: Agent>(make: impl Fn(Problem) -> Result<L>, limit: u32, steps: usize) -> Vec<f64> {
    values_of(Script::corridor(&[1.0, 2.0, 8.0]), make, limit, steps)
}

/// The values of the states of `script`, without the end, after `steps` steps.
fn values_of<L: Agent>(
    script: Script,
    make: impl Fn(Problem) -> Result<L>,
    limit: u32,
    steps: usize,
) -> Vec<f64> {
    let mdp: Arc<dyn Mdp> = Arc::new(script);
    let mut learner = make(Problem::of(Arc::clone(&mdp), limit)).unwrap();
    (0..steps).for_each(|_| _ = learner.step(&mut Log::default()).unwrap());
    let table = learner.table(&Model::new(&*mdp).unwrap()).unwrap().unwrap();
    table.values[..mdp.n_states() - 1].to_vec()
}

const HALF: StepSize = StepSize::Of(0.5);

#[test]
fn one_step_targets_by_hand() {
    // All values 4, α = γ = ½. To the end: 4 + ½·(1 + 2 − 4), 4 + ½·(2 + 2 − 4), 4 + ½·(8 − 4).
    let q_learning = |problem| {
        let config = QLearningConfig { alpha: HALF, initial: 4.0, ..Default::default() };
        QLearning::new(problem, config, 1)
    };
    let sarsa = |problem| {
        let config = SarsaConfig { alpha: HALF, initial: 4.0, ..Default::default() };
        Sarsa::new(problem, config, 1)
    };
    let expected_sarsa = |problem| {
        let config = ExpectedSarsaConfig { alpha: HALF, initial: 4.0, ..Default::default() };
        ExpectedSarsa::new(problem, config, 1)
    };
    for (limit, steps, values) in [
        (9, 3, [3.5, 4.0, 6.0]),
        // Cut off after the first step, it still counts what would follow: not 4 + ½·(1 − 4).
        (1, 1, [3.5, 4.0, 4.0]),
        // The second episode begins at the start again: 3.5 + ½·(1 + 2 − 3.5).
        (1, 2, [3.25, 4.0, 4.0]),
    ] {
        assert_eq!(walked(q_learning, limit, steps), values);
        assert_eq!(walked(sarsa, limit, steps), values);
        assert_eq!(walked(expected_sarsa, limit, steps), values);
    }
}

#[test]
fn sarsa_chooses_anew_after_a_time_limit() {
    // The first state has one action, the second two: what was drawn there to bootstrap from is not
    // taken at the start of the next episode. 4 + ½·(1 + 2 − 4), then 3.5 + ½·(1 + 2 − 3.5).
    let script = || Script(vec![vec![(1.0, 1)], vec![(0.0, 2), (0.0, 2)]]);
    for seed in 1..=8 {
        let config = SarsaConfig { alpha: HALF, initial: 4.0, ..Default::default() };
        let sarsa = |problem| Sarsa::new(problem, config.clone(), seed);
        assert_eq!(values_of(script(), sarsa, 1, 2), [3.25, 4.0], "seed {seed}");
    }
}

#[test]
fn returns_of_n_steps_by_hand() {
    let sarsa = |n| {
        let config = SarsaConfig { alpha: HALF, initial: 4.0, n, ..Default::default() };
        move |problem| Sarsa::new(problem, config.clone(), 1)
    };
    let expected = |n| {
        let config = ExpectedSarsaConfig { alpha: HALF, initial: 4.0, n, ..Default::default() };
        move |problem| ExpectedSarsa::new(problem, config.clone(), 1)
    };
    let td = |n| {
        let config = TdConfig { alpha: HALF, initial: 4.0, n, ..Default::default() };
        move |problem| Td::new(problem, config.clone(), 1)
    };
    for (n, limit, steps, values) in [
        (1, 9, 3, [3.5, 4.0, 6.0]),
        (1, 1, 1, [3.5, 4.0, 4.0]),
        // G = 1 + ½·2 + ¼·4, then 2 + ½·8, then 8.
        (2, 9, 3, [3.5, 5.0, 6.0]),
        (2, 9, 1, [4.0, 4.0, 4.0]),
        // G = 1 + ½·2 + ¼·8.
        (3, 9, 3, [4.0, 5.0, 6.0]),
        (9, 9, 3, [4.0, 5.0, 6.0]),
        // Cut off after two: G = 1 + ½·2 + ¼·4 and 2 + ½·4.
        (9, 2, 2, [3.5, 4.0, 4.0]),
    ] {
        assert_eq!(walked(sarsa(n), limit, steps), values, "n = {n}");
        assert_eq!(walked(expected(n), limit, steps), values, "n = {n}");
        assert_eq!(walked(td(n), limit, steps), values, "n = {n}");
    }
}

#[test]
fn traces_by_hand() {
    // δ = −1, 0, 4; γλ = ¼. The first value gets ½·(−1), ½·0·¼ and ½·4/16; the second ½·4·¼.
    // One step more is of another episode: it moves the first value alone, by ½·(1 + ½·4.5 − 3.625)
    // or ½·(1 + ½·4 − 3.5).
    for (limit, steps, values) in [
        (9, 3, [3.625, 4.5, 6.0]),
        (9, 4, [3.4375, 4.5, 6.0]),
        (2, 2, [3.5, 4.0, 4.0]),
        (2, 3, [3.25, 4.0, 4.0]),
    ] {
        let config = SarsaConfig { alpha: HALF, initial: 4.0, lambda: 0.5, ..Default::default() };
        assert_eq!(walked(|problem| Sarsa::new(problem, config.clone(), 1), limit, steps), values);
        let config =
            QLearningConfig { alpha: HALF, initial: 4.0, lambda: 0.5, ..Default::default() };
        assert_eq!(
            walked(|problem| QLearning::new(problem, config.clone(), 1), limit, steps),
            values
        );
        let config = TdConfig { alpha: HALF, initial: 4.0, lambda: 0.5, ..Default::default() };
        assert_eq!(walked(|problem| Td::new(problem, config.clone(), 1), limit, steps), values);
    }
    let config = SarsaConfig { n: 2, lambda: 0.5, ..Default::default() };
    let problem = Problem::of(Arc::new(Script::corridor(&[1.0])), 9);
    let error = Sarsa::new(problem, config, 1).err().unwrap().to_string();
    assert_eq!(error, "--lambda 0.5: is for one-step returns: give --n or --lambda");
}

#[test]
fn first_visits_are_told_from_every_visit() {
    // A state that leads to itself and pays 1, cut off after two: G = 1 + ½·4, before it 1 + ½·3.
    let ring = || Script(vec![vec![(1.0, 0)]]);
    for (visits, value) in [(Visits::First, 2.5), (Visits::Every, (3.0 + 2.5) / 2.0)] {
        let control = MonteCarloConfig { visits, initial: 4.0, ..Default::default() };
        let control = |problem| MonteCarlo::new(problem, control.clone(), 1);
        assert_eq!(values_of(ring(), control, 2, 2), [value], "{visits:?}");
        let given = McPredictionConfig { visits, initial: 4.0, ..Default::default() };
        let given = |problem| McPrediction::new(problem, given.clone(), 1);
        assert_eq!(values_of(ring(), given, 2, 2), [value], "{visits:?}");
    }
}

#[test]
fn monte_carlo_returns_by_hand() {
    let monte_carlo = |method| {
        let config = MonteCarloConfig { method, initial: 4.0, ..Default::default() };
        move |problem| MonteCarlo::new(problem, config.clone(), 1)
    };
    for method in [MonteCarloMethod::OnPolicy, MonteCarloMethod::OffPolicy] {
        assert_eq!(walked(monte_carlo(method), 9, 3), [4.0, 6.0, 8.0]);
        // Cut off, the return of the first is 1 + ½·4.
        assert_eq!(walked(monte_carlo(method), 1, 1), [3.0, 4.0, 4.0]);
        assert_eq!(walked(monte_carlo(method), 9, 2), [4.0, 4.0, 4.0]);
    }
    for visits in [Visits::First, Visits::Every] {
        let config = McPredictionConfig { visits, initial: 4.0, ..Default::default() };
        let make = move |problem| McPrediction::new(problem, config.clone(), 1);
        assert_eq!(walked(&make, 9, 3), [4.0, 6.0, 8.0]);
        assert_eq!(walked(&make, 1, 1), [3.0, 4.0, 4.0]);
    }
    // From one of three states.
    let first = walked(monte_carlo(MonteCarloMethod::ExploringStarts), 1, 1);
    assert!(
        [[3.0, 4.0, 4.0], [4.0, 4.0, 4.0], [4.0, 4.0, 8.0]]
            .contains(&first[..].try_into().unwrap())
    );
    let all = walked(monte_carlo(MonteCarloMethod::ExploringStarts), 9, 60);
    assert_eq!(all, [4.0, 6.0, 8.0]);
}

#[test]
fn two_tables_by_hand() {
    // One of the two moves as in Q-learning, so that their mean moves half as far.
    let double = |problem| {
        let config = DoubleQLearningConfig { alpha: HALF, initial: 4.0, ..Default::default() };
        DoubleQLearning::new(problem, config, 1)
    };
    assert_eq!(walked(double, 9, 3), [3.75, 4.0, 5.0]);
    assert_eq!(walked(double, 1, 1), [3.75, 4.0, 4.0]);
}

#[test]
fn what_is_remembered_by_hand() {
    let dyna = |planning| {
        let config = DynaQConfig { alpha: HALF, initial: 4.0, planning, ..Default::default() };
        move |problem| DynaQ::new(problem, config.clone(), 1)
    };
    assert_eq!(walked(dyna(0), 9, 3), [3.5, 4.0, 6.0]);
    assert_eq!(walked(dyna(0), 1, 1), [3.5, 4.0, 4.0]);
    // The transition once more: 3.5 + ½·(1 + 2 − 3.5), and to the end 6 + ½·(8 − 6).
    assert_eq!(walked(dyna(1), 1, 1), [3.25, 4.0, 4.0]);
    assert_eq!(values_of(Script::corridor(&[8.0]), dyna(1), 9, 1), [7.0]);
    // In a model of them v is what follows, and what was not tried is worth 4.
    let model = |problem| {
        let config = ModelBasedConfig { initial: 4.0, plan_every: 1, ..Default::default() };
        ModelBased::new(problem, config, 1)
    };
    assert_eq!(walked(model, 9, 3), [4.0, 6.0, 8.0]);
    assert_eq!(walked(model, 1, 1), [3.0, 4.0, 4.0]);
}

#[test]
fn linear_values_by_hand() {
    // q(s) = w_s + b. δ = 1, then 1 + ½·½ − 1, of which w₀ and b get half each.
    let linear =
        |problem| LinearQ::new(problem, LinearQConfig { lr: 0.5, ..Default::default() }, 1);
    assert_eq!(walked(linear, 1, 1), [1.0, 0.5, 0.5]);
    assert_eq!(walked(linear, 1, 2), [1.25, 0.625, 0.625]);
    assert_eq!(values_of(Script::corridor(&[8.0]), linear, 9, 2), [8.0]);
}

#[test]
fn regressions_by_hand() {
    let fitted = |samples| {
        let config = FittedQConfig { initial: 4.0, samples, ..Default::default() };
        move |problem| FittedQ::new(problem, config.clone(), 1)
    };
    for (limit, samples, steps, values) in [
        (9, 3, 1, [3.0, 4.0, 8.0]),
        (9, 3, 2, [3.0, 6.0, 8.0]),
        (9, 6, 3, [4.0, 6.0, 8.0]),
        // Cut off after one, of the other states nothing is known.
        (1, 2, 1, [3.0, 4.0, 4.0]),
    ] {
        assert_eq!(walked(fitted(samples), limit, steps), values);
    }
}
