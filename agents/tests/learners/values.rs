//! Values learned in the end.
use super::{after, best_policy, grid, lake, learners};
use agents::tabular::*;
use agents::{Agent, MakeEnv, observed};
use anyhow::Result;
use envs::*;
use std::sync::Arc;
use train::testing::trained;
use train::{BadValue, Learner, Split};

#[test]
fn learners_find_their_way() {
    for (name, make) in learners() {
        let mut learner = after(make(Problem::of(lake(), 100), 1).unwrap(), 30_000);
        let score = learner.evaluate(Split::Test).unwrap().value();
        assert_eq!(score, 1.0, "{name} on frozen-lake without slipping");
    }
}

#[test]
fn the_cliff_is_walked_along_by_those_who_learn_off_policy() {
    // Sutton & Barto, example 6.6: the best return is −13; Sarsa, who counts its own slips, goes round.
    let cliff: Arc<dyn Mdp> = Arc::new(CliffWalking::default());
    let score =
        |learner: Box<dyn Agent>| after(learner, 60_000).evaluate(Split::Test).unwrap().value();
    let problem = || Problem::of(Arc::clone(&cliff), 1_000);
    let q = QLearning::new(problem(), Default::default(), 1).unwrap();
    assert_eq!(score(Box::new(q)), -13.0);
    let sarsa = score(Box::new(Sarsa::new(problem(), Default::default(), 1).unwrap()));
    assert!((-19.0..=-15.0).contains(&sarsa), "{sarsa}");
}

#[test]
fn states_are_numbered_where_outcomes_are_not_known() {
    let make = || -> MakeEnv { Box::new(|| Box::new(Catch::default())) };
    let config = QLearningConfig { alpha: StepSize::Of(0.5), ..Default::default() };
    let learner = QLearning::new(Problem::new(make(), None).unwrap(), config, 1).unwrap();
    let score = after(Box::new(learner), 60_000).evaluate(Split::Test).unwrap().value();
    assert!(score > 0.95, "{score}");
    let poles = || -> MakeEnv { Box::new(|| Box::new(CartPole::default())) };
    let learner = QLearning::new(Problem::of_any_obs(poles(), None), Default::default(), 1);
    for error in [Problem::new(poles(), None).err(), learner.err()] {
        let error = error.unwrap().to_string();
        assert!(error.starts_with("--env: a table needs states"), "{error}");
    }
}

/// `oracle/value_error` at the end of a run.
fn value_error(
    mdp: &Arc<dyn Mdp>,
    steps: u64,
    make: impl Fn(Problem) -> Result<Box<dyn Agent>>,
) -> f64 {
    let make = || -> Result<Box<dyn Learner>> {
        let agent = make(Problem::of(Arc::clone(mdp), 100))?;
        Ok(Box::new(observed(agent, Some(mdp), Discount::Own, steps / 4)?))
    };
    let (_, rows) = trained(&make, &[steps], None).unwrap();
    let mut errors = rows.iter().filter_map(|row| row.values.get("oracle/value_error"));
    *errors.next_back().unwrap()
}

#[test]
fn values_converge_to_the_exact_ones() {
    let mdp = grid(Layout::Aima);
    let alpha = StepSize::Visits(0.8);
    let q = value_error(&mdp, 400_000, |problem| {
        let config =
            QLearningConfig { alpha, epsilon_start: 0.5, epsilon_end: 0.5, ..Default::default() };
        Ok(Box::new(QLearning::new(problem, config, 1)?))
    });
    let double = value_error(&mdp, 400_000, |problem| {
        let config = DoubleQLearningConfig {
            alpha,
            epsilon_start: 0.5,
            epsilon_end: 0.5,
            ..Default::default()
        };
        Ok(Box::new(DoubleQLearning::new(problem, config, 1)?))
    });
    let starts = value_error(&mdp, 400_000, |problem| {
        let config =
            MonteCarloConfig { method: MonteCarloMethod::ExploringStarts, ..Default::default() };
        Ok(Box::new(MonteCarlo::new(problem, config, 1)?))
    });
    // Off policy, values of what was never tried have to lie below all returns (see monte_carlo.rs).
    let off_policy = value_error(&mdp, 1_600_000, |problem| {
        let config = MonteCarloConfig {
            method: MonteCarloMethod::OffPolicy,
            initial: -3.0,
            epsilon_start: 0.3,
            epsilon_end: 0.3,
            ..Default::default()
        };
        Ok(Box::new(MonteCarlo::new(problem, config, 1)?))
    });
    let model = value_error(&mdp, 100_000, |problem| {
        let config = ModelBasedConfig {
            initial: 1.0,
            epsilon_start: 0.3,
            epsilon_end: 0.3,
            ..Default::default()
        };
        Ok(Box::new(ModelBased::new(problem, config, 1)?))
    });
    let fitted = [Approximation::Table, Approximation::Linear].map(|values| {
        value_error(&mdp, 24, |problem| {
            let config = FittedQConfig { values, samples: 200_000, ..Default::default() };
            Ok(Box::new(FittedQ::new(problem, config, 1)?))
        })
    });
    let linear = value_error(&mdp, 400_000, |problem| {
        let config =
            LinearQConfig { lr: 0.005, epsilon_start: 0.5, epsilon_end: 0.5, ..Default::default() };
        Ok(Box::new(LinearQ::new(problem, config, 1)?))
    });
    let errors = [q, double, starts, off_policy, model, fitted[0], fitted[1], linear];
    assert!(errors.iter().all(|error| *error < 0.05), "{errors:?}");
}

#[test]
fn values_converge_on_policy_as_exploration_ends() {
    let mdp = grid(Layout::Sutton4x4);
    let (alpha, epsilon_start, epsilon_end, epsilon_steps) =
        (StepSize::Visits(0.6), 0.5, 0.0, 200_000);
    let sarsa = |n, lambda| {
        value_error(&mdp, 400_000, |problem| {
            let config = SarsaConfig {
                alpha,
                epsilon_start,
                epsilon_end,
                epsilon_steps,
                n,
                lambda,
                ..Default::default()
            };
            Ok(Box::new(Sarsa::new(problem, config, 1)?))
        })
    };
    let expected = value_error(&mdp, 400_000, |problem| {
        let config = ExpectedSarsaConfig {
            alpha,
            epsilon_start,
            epsilon_end,
            epsilon_steps,
            ..Default::default()
        };
        Ok(Box::new(ExpectedSarsa::new(problem, config, 1)?))
    });
    let monte_carlo = value_error(&mdp, 400_000, |problem| {
        let config = MonteCarloConfig {
            alpha,
            epsilon_start,
            epsilon_end,
            epsilon_steps,
            ..Default::default()
        };
        Ok(Box::new(MonteCarlo::new(problem, config, 1)?))
    });
    let errors = [sarsa(1, 0.0), sarsa(3, 0.0), sarsa(1, 0.5), expected, monte_carlo];
    assert!(errors.iter().all(|error| *error < 0.05), "{errors:?}");
}

#[test]
fn a_given_policy_is_worth_what_it_is() {
    // Sutton & Barto, example 4.1: −14, −18, −20, −22.
    let mdp = grid(Layout::Sutton4x4);
    let td = |n, lambda| {
        value_error(&mdp, 400_000, |problem| {
            let config = TdConfig { alpha: StepSize::Visits(0.7), n, lambda, ..Default::default() };
            Ok(Box::new(Td::new(problem, config, 1)?))
        })
    };
    let mc = |visits| {
        value_error(&mdp, 400_000, |problem| {
            let config = McPredictionConfig { visits, ..Default::default() };
            Ok(Box::new(McPrediction::new(problem, config, 1)?))
        })
    };
    let errors = [td(1, 0.0), td(4, 0.0), td(1, 0.6), mc(Visits::First), mc(Visits::Every)];
    assert!(errors.iter().all(|error| *error < 0.5), "{errors:?}");
}

#[test]
fn a_policy_is_learned_from_another() {
    // From the random policy, as in Sutton & Barto, example 5.4, where another one is evaluated.
    let mdp: Arc<dyn Mdp> = Arc::new(Blackjack::default());
    let dir = tempfile::tempdir().unwrap();
    let policy = best_policy(&mdp, dir.path());
    for sampling in [Sampling::Weighted, Sampling::Ordinary] {
        let error = value_error(&mdp, 1_000_000, |problem| {
            let policy = policy.clone();
            let behaviour = Behaviour::Other(PolicyName::Uniform);
            let config = McPredictionConfig { policy, behaviour, sampling, ..Default::default() };
            Ok(Box::new(McPrediction::new(problem, config, 1)?))
        });
        assert!(error < 0.1, "{sampling:?}: {error}");
    }
    // What the random policy would have to do is never done by one that does not explore.
    let config = McPredictionConfig { behaviour: Behaviour::Other(policy), ..Default::default() };
    let error = McPrediction::new(Problem::of(mdp, 100), config, 1).err().unwrap();
    assert!(error.is::<BadValue>() && error.to_string().contains(": it never takes action "));
}
