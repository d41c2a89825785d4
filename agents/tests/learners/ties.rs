//! Greedy play where values tie, and where nothing tells sooner from later.
use super::{Script, after, grid, lake};
use agents::tabular::*;
use agents::{ActionBatch, Agent, Mode, evaluate, observed};
use anyhow::Result;
use envs::*;
use std::sync::Arc;
use train::testing::trained;
use train::{Learner, Split, stream};

type Make = fn(Problem) -> Result<Box<dyn Agent>>;

/// Every learner of control, without a discount.
fn undiscounted() -> Vec<(&'static str, Make)> {
    vec![
        ("q-learning", |task| {
            let config = QLearningConfig {
                alpha: StepSize::Of(0.5),
                gamma: Discount::Of(1.0),
                epsilon_start: 1.0,
                epsilon_steps: 20_000,
                ..Default::default()
            };
            Ok(Box::new(QLearning::new(task, config, 1)?))
        }),
        ("q-lambda", |task| {
            let config = QLearningConfig {
                lambda: 0.8,
                gamma: Discount::Of(1.0),
                epsilon_start: 1.0,
                epsilon_steps: 20_000,
                ..Default::default()
            };
            Ok(Box::new(QLearning::new(task, config, 1)?))
        }),
        ("double-q-learning", |task| {
            let config = DoubleQLearningConfig {
                alpha: StepSize::Of(0.5),
                gamma: Discount::Of(1.0),
                epsilon_start: 1.0,
                epsilon_steps: 20_000,
                ..Default::default()
            };
            Ok(Box::new(DoubleQLearning::new(task, config, 1)?))
        }),
        ("sarsa", |task| {
            let config = SarsaConfig {
                gamma: Discount::Of(1.0),
                epsilon_start: 1.0,
                epsilon_steps: 20_000,
                ..Default::default()
            };
            Ok(Box::new(Sarsa::new(task, config, 1)?))
        }),
        ("n-step sarsa", |task| {
            let config = SarsaConfig {
                n: 4,
                gamma: Discount::Of(1.0),
                epsilon_start: 1.0,
                epsilon_steps: 20_000,
                ..Default::default()
            };
            Ok(Box::new(Sarsa::new(task, config, 1)?))
        }),
        ("expected-sarsa", |task| {
            let config = ExpectedSarsaConfig {
                gamma: Discount::Of(1.0),
                epsilon_start: 1.0,
                epsilon_steps: 20_000,
                ..Default::default()
            };
            Ok(Box::new(ExpectedSarsa::new(task, config, 1)?))
        }),
        ("monte-carlo", |task| {
            let config = MonteCarloConfig {
                gamma: Discount::Of(1.0),
                epsilon_start: 1.0,
                epsilon_steps: 20_000,
                ..Default::default()
            };
            Ok(Box::new(MonteCarlo::new(task, config, 1)?))
        }),
        ("off-policy monte-carlo", |task| {
            let config = MonteCarloConfig {
                method: MonteCarloMethod::OffPolicy,
                gamma: Discount::Of(1.0),
                epsilon_start: 1.0,
                epsilon_steps: 20_000,
                ..Default::default()
            };
            Ok(Box::new(MonteCarlo::new(task, config, 1)?))
        }),
        ("dyna-q", |task| {
            let config = DynaQConfig {
                alpha: StepSize::Of(0.5),
                gamma: Discount::Of(1.0),
                epsilon_start: 1.0,
                epsilon_steps: 20_000,
                ..Default::default()
            };
            Ok(Box::new(DynaQ::new(task, config, 1)?))
        }),
        ("model-based", |task| {
            let config = ModelBasedConfig {
                gamma: Discount::Of(1.0),
                epsilon_start: 1.0,
                epsilon_steps: 20_000,
                ..Default::default()
            };
            Ok(Box::new(ModelBased::new(task, config, 1)?))
        }),
        ("linear-q", |task| {
            let config = LinearQConfig {
                lr: 0.1,
                gamma: Discount::Of(1.0),
                epsilon_start: 1.0,
                epsilon_steps: 20_000,
                ..Default::default()
            };
            Ok(Box::new(LinearQ::new(task, config, 1)?))
        }),
        ("fitted-q", |task| {
            let config =
                FittedQConfig { gamma: Discount::Of(1.0), samples: 20_000, ..Default::default() };
            Ok(Box::new(FittedQ::new(task, config, 1)?))
        }),
        ("linear fitted-q", |task| {
            let config = FittedQConfig {
                values: Approximation::Linear,
                gamma: Discount::Of(1.0),
                samples: 20_000,
                ..Default::default()
            };
            Ok(Box::new(FittedQ::new(task, config, 1)?))
        }),
    ]
}

/// Without a discount every way to the goal of the lake is worth 1, and so is going round for ever: to
/// walk into a wall in each state is a greedy policy of the exact values, and earns 0.
#[test]
fn greedy_play_comes_to_an_end_where_going_round_for_ever_ties() {
    for (name, make) in undiscounted() {
        let steps = if name.ends_with("fitted-q") { 60 } else { 60_000 };
        let mut learner = after(make(Problem::of(lake(), 100)).unwrap(), steps);
        assert_eq!(learner.evaluate(Split::Test).unwrap().value(), 1.0, "{name}");
    }
}

/// The last `oracle/policy_error` of a run.
fn policy_error(mdp: &Arc<dyn Mdp>, steps: u64, make: Make) -> f64 {
    let make = || -> Result<Box<dyn Learner>> {
        let agent = make(Problem::of(Arc::clone(mdp), 100))?;
        Ok(Box::new(observed(agent, Some(mdp), Discount::Of(1.0), steps / 4)?))
    };
    let (_, rows) = trained(&make, &[steps], None).unwrap();
    let mut errors = rows.iter().filter_map(|row| row.values.get("oracle/policy_error"));
    *errors.next_back().unwrap()
}

#[test]
fn what_is_played_is_what_the_oracle_sees() {
    let q_learning = undiscounted()[0].1;
    assert_eq!(policy_error(&lake(), 60_000, q_learning), 0.0);
    // Nothing is known yet: all actions are equally probable, also those into holes.
    assert!(policy_error(&lake(), 4, q_learning) > 0.5);
}

/// Before anything is learned, every action is as good as any other, and play tries them all: the first
/// one always would walk to the exit that pays 10.
#[test]
fn who_knows_nothing_plays_at_random() {
    for (name, make) in undiscounted() {
        let learner = make(Problem::of(grid(Layout::Chain), 1_000)).unwrap();
        let make = || -> Box<dyn Env> { Box::new(MdpEnv::new(grid(Layout::Chain), Some(1_000))) };
        let score = evaluate(&*learner, &make, 50, Split::Test, 1).unwrap().value();
        assert!((2.0..9.0).contains(&score), "{name}: {score}");
    }
}

/// Equal values are equal whatever the unit of rewards is, and values that differ by more than rounding
/// are not, however small they are.
#[test]
fn a_tie_does_not_depend_on_the_unit_of_rewards() {
    for unit in [1e-30, 1e-9, 1.0, 1e9, 1e30] {
        // Both actions of state 0 come to the end: the second pays a little more.
        let mdp = Script(vec![vec![(unit, 1), (unit * (1.0 + 1e-5), 1)]]);
        let mdp: Arc<dyn Mdp> = Arc::new(mdp);
        let config = QLearningConfig {
            alpha: StepSize::Of(1.0),
            epsilon_start: 1.0,
            epsilon_end: 1.0,
            ..Default::default()
        };
        let learner = QLearning::new(Problem::of(Arc::clone(&mdp), 10), config, 1).unwrap();
        let learner = after(Box::new(learner), 50);
        let mut rngs: Vec<_> = (0..20).map(|i| stream(i, "test")).collect();
        let mut actions = ActionBatch::Discrete(vec![0; 20]);
        learner.act(&[1.0, 0.0].repeat(20), Mode::Greedy, &mut rngs, &mut actions).unwrap();
        assert_eq!(actions, ActionBatch::Discrete(vec![1; 20]), "in units of {unit}");
    }
}
