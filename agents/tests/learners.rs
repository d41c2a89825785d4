//! Learners with a table: what a transition does to it, what it comes to, and that runs repeat.
#![expect(clippy::unwrap_used, reason = "clippy.toml exempts only functions marked #[test]")]
use agents::tabular::*;
use agents::{Agent, MakeEnv, Watched};
use anyhow::Result;
use envs::*;
use std::path::Path;
use std::sync::Arc;
use train::testing::{resume_changes_nothing, same_seed_same_bits, trained};
use train::{BadValue, Learner, Log, Progress, Split};

/// What each action of each state pays, and the state it leads to; the one after the last is the end.
struct Script(Vec<Vec<(f64, usize)>>);

impl Script {
    /// One action in each state, which pays the state's reward and leads to the next.
    fn corridor(rewards: &[f64]) -> Self {
        let arcs = rewards.iter().enumerate().map(|(i, reward)| vec![(*reward, i + 1)]);
        Self(arcs.collect())
    }
}

impl Mdp for Script {
    fn n_states(&self) -> usize {
        self.0.len() + 1
    }

    fn n_actions(&self) -> usize {
        self.0.iter().map(Vec::len).max().unwrap_or(0)
    }

    fn outcomes(&self, state: usize, action: usize, visit: &mut dyn FnMut(Outcome)) {
        if let Some(&(reward, next)) = self.0.get(state).and_then(|arcs| arcs.get(action)) {
            visit(Outcome { prob: 1.0, next, reward, terminated: next == self.0.len() });
        }
    }

    fn starts(&self) -> Vec<(usize, f64)> {
        vec![(0, 1.0)]
    }

    fn state_name(&self, state: usize) -> String {
        state.to_string()
    }

    fn action_name(&self, action: usize) -> String {
        action.to_string()
    }

    fn discount(&self) -> f64 {
        0.5
    }
}

/// The values after `steps` steps through rewards 1, 2, 8, cut off after `limit`.
fn walked<L: Agent>(make: impl Fn(Task) -> Result<L>, limit: u32, steps: usize) -> Vec<f64> {
    values_of(Script::corridor(&[1.0, 2.0, 8.0]), make, limit, steps)
}

/// The values of the states of `script`, without the end, after `steps` steps.
fn values_of<L: Agent>(
    script: Script,
    make: impl Fn(Task) -> Result<L>,
    limit: u32,
    steps: usize,
) -> Vec<f64> {
    let mdp: Arc<dyn Mdp> = Arc::new(script);
    let mut learner = make(Task::of(Arc::clone(&mdp), limit)).unwrap();
    (0..steps).for_each(|_| _ = learner.step(&mut Log::default()).unwrap());
    let table = learner.table(&Model::new(&*mdp).unwrap()).unwrap().unwrap();
    table.values[..mdp.n_states() - 1].to_vec()
}

const HALF: StepSize = StepSize::Of(0.5);

#[test]
fn one_step_targets_by_hand() {
    // All values 4, α = γ = ½. To the end: 4 + ½·(1 + 2 − 4), 4 + ½·(2 + 2 − 4), 4 + ½·(8 − 4).
    let q_learning = |task| {
        let config = QLearningConfig { alpha: HALF, initial: 4.0, ..Default::default() };
        QLearning::new(task, config, 1)
    };
    let sarsa = |task| {
        let config = SarsaConfig { alpha: HALF, initial: 4.0, ..Default::default() };
        Sarsa::new(task, config, 1)
    };
    let expected_sarsa = |task| {
        let config = ExpectedSarsaConfig { alpha: HALF, initial: 4.0, ..Default::default() };
        ExpectedSarsa::new(task, config, 1)
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
fn returns_of_n_steps_by_hand() {
    let sarsa = |n| {
        let config = SarsaConfig { alpha: HALF, initial: 4.0, n, ..Default::default() };
        move |task| Sarsa::new(task, config.clone(), 1)
    };
    let expected = |n| {
        let config = ExpectedSarsaConfig { alpha: HALF, initial: 4.0, n, ..Default::default() };
        move |task| ExpectedSarsa::new(task, config.clone(), 1)
    };
    let td = |n| {
        let config = TdConfig { alpha: HALF, initial: 4.0, n, ..Default::default() };
        move |task| Td::new(task, config.clone(), 1)
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
        assert_eq!(walked(|task| Sarsa::new(task, config.clone(), 1), limit, steps), values);
        let config =
            QLearningConfig { alpha: HALF, initial: 4.0, lambda: 0.5, ..Default::default() };
        assert_eq!(walked(|task| QLearning::new(task, config.clone(), 1), limit, steps), values);
        let config = TdConfig { alpha: HALF, initial: 4.0, lambda: 0.5, ..Default::default() };
        assert_eq!(walked(|task| Td::new(task, config.clone(), 1), limit, steps), values);
    }
    let config = SarsaConfig { n: 2, lambda: 0.5, ..Default::default() };
    let task = Task::of(Arc::new(Script::corridor(&[1.0])), 9);
    let error = Sarsa::new(task, config, 1).err().unwrap().to_string();
    assert_eq!(error, "--lambda 0.5: is for one-step returns: give --n or --lambda");
}

#[test]
fn first_visits_are_told_from_every_visit() {
    // A state that leads to itself and pays 1, cut off after two: G = 1 + ½·4, before it 1 + ½·3.
    let ring = || Script(vec![vec![(1.0, 0)]]);
    for (visits, value) in [(Visits::First, 2.5), (Visits::Every, (3.0 + 2.5) / 2.0)] {
        let control = MonteCarloConfig { visits, initial: 4.0, ..Default::default() };
        let control = |task| MonteCarlo::new(task, control.clone(), 1);
        assert_eq!(values_of(ring(), control, 2, 2), [value], "{visits:?}");
        let given = McPredictionConfig { visits, initial: 4.0, ..Default::default() };
        let given = |task| McPrediction::new(task, given.clone(), 1);
        assert_eq!(values_of(ring(), given, 2, 2), [value], "{visits:?}");
    }
}

#[test]
fn monte_carlo_returns_by_hand() {
    let monte_carlo = |method| {
        let config = MonteCarloConfig { method, initial: 4.0, ..Default::default() };
        move |task| MonteCarlo::new(task, config.clone(), 1)
    };
    for method in [MonteCarloMethod::OnPolicy, MonteCarloMethod::OffPolicy] {
        assert_eq!(walked(monte_carlo(method), 9, 3), [4.0, 6.0, 8.0]);
        // Cut off, the return of the first is 1 + ½·4.
        assert_eq!(walked(monte_carlo(method), 1, 1), [3.0, 4.0, 4.0]);
        assert_eq!(walked(monte_carlo(method), 9, 2), [4.0, 4.0, 4.0]);
    }
    for visits in [Visits::First, Visits::Every] {
        let config = McPredictionConfig { visits, initial: 4.0, ..Default::default() };
        let make = move |task| McPrediction::new(task, config.clone(), 1);
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

fn grid(layout: Layout) -> Arc<dyn Mdp> {
    Arc::new(GridWorld::new(&GridConfig::of(layout)).unwrap())
}

fn lake() -> Arc<dyn Mdp> {
    let config = FrozenLakeConfig { slippery: false, ..Default::default() };
    Arc::new(FrozenLake::new(&config).unwrap())
}

type Makes = Vec<(&'static str, fn(Task, u64) -> Result<Box<dyn Agent>>)>;

/// Every learner of control as it comes.
fn learners() -> Makes {
    vec![
        ("q-learning", |task, seed| Ok(Box::new(QLearning::new(task, Default::default(), seed)?))),
        ("q-lambda", |task, seed| {
            let config = QLearningConfig { lambda: 0.8, ..Default::default() };
            Ok(Box::new(QLearning::new(task, config, seed)?))
        }),
        ("double-q-learning", |task, seed| {
            Ok(Box::new(DoubleQLearning::new(task, Default::default(), seed)?))
        }),
        ("sarsa", |task, seed| Ok(Box::new(Sarsa::new(task, Default::default(), seed)?))),
        ("n-step sarsa", |task, seed| {
            let config = SarsaConfig { n: 4, ..Default::default() };
            Ok(Box::new(Sarsa::new(task, config, seed)?))
        }),
        ("sarsa-lambda", |task, seed| {
            let config = SarsaConfig { lambda: 0.8, ..Default::default() };
            Ok(Box::new(Sarsa::new(task, config, seed)?))
        }),
        ("expected-sarsa", |task, seed| {
            let config = ExpectedSarsaConfig { n: 2, ..Default::default() };
            Ok(Box::new(ExpectedSarsa::new(task, config, seed)?))
        }),
        ("dyna-q", |task, seed| Ok(Box::new(DynaQ::new(task, Default::default(), seed)?))),
        ("dyna-q+", |task, seed| {
            let config = DynaQConfig { kappa: 1e-4, ..Default::default() };
            Ok(Box::new(DynaQ::new(task, config, seed)?))
        }),
        ("linear-q", |task, seed| {
            let config = LinearQConfig { lr: 0.05, ..Default::default() };
            Ok(Box::new(LinearQ::new(task, config, seed)?))
        }),
        ("model-based", |task, seed| {
            Ok(Box::new(ModelBased::new(task, Default::default(), seed)?))
        }),
        ("monte-carlo", |task, seed| {
            Ok(Box::new(MonteCarlo::new(task, Default::default(), seed)?))
        }),
        ("off-policy monte-carlo", |task, seed| {
            let method = MonteCarloMethod::OffPolicy;
            let config = MonteCarloConfig { method, epsilon_start: 0.3, ..Default::default() };
            Ok(Box::new(MonteCarlo::new(task, config, seed)?))
        }),
    ]
}

fn after(mut learner: Box<dyn Agent>, steps: usize) -> Box<dyn Agent> {
    let mut log = Log::default();
    (0..steps).for_each(|_| _ = learner.step(&mut log).unwrap());
    learner
}

#[test]
fn learners_find_their_way() {
    for (name, make) in learners() {
        let mut learner = after(make(Task::of(lake(), 100), 1).unwrap(), 30_000);
        let score = learner.evaluate(Split::Test).unwrap().score;
        assert_eq!(score, 1.0, "{name} on frozen-lake without slipping");
    }
}

#[test]
fn the_cliff_is_walked_along_by_those_who_learn_off_policy() {
    // Sutton & Barto, example 6.6: the best return is −13; Sarsa, who counts its own slips, goes round.
    let cliff: Arc<dyn Mdp> = Arc::new(CliffWalking::default());
    let score =
        |learner: Box<dyn Agent>| after(learner, 60_000).evaluate(Split::Test).unwrap().score;
    let task = || Task::of(Arc::clone(&cliff), 1_000);
    let q = QLearning::new(task(), Default::default(), 1).unwrap();
    assert_eq!(score(Box::new(q)), -13.0);
    let sarsa = score(Box::new(Sarsa::new(task(), Default::default(), 1).unwrap()));
    assert!((-19.0..=-15.0).contains(&sarsa), "{sarsa}");
}

/// `oracle/value_error` at the end of a run.
fn value_error(
    mdp: &Arc<dyn Mdp>,
    steps: u64,
    make: impl Fn(Task) -> Result<Box<dyn Agent>>,
) -> f64 {
    let make = || -> Result<Box<dyn Learner>> {
        let agent = make(Task::of(Arc::clone(mdp), 100))?;
        Ok(Box::new(Watched::new(agent, Some(mdp), Discount::Own, steps / 4)?))
    };
    let (_, rows) = trained(&make, &[steps], None).unwrap();
    let mut errors = rows.iter().filter_map(|row| row.values.get("oracle/value_error"));
    *errors.next_back().unwrap()
}

#[test]
fn values_converge_to_the_exact_ones() {
    let mdp = grid(Layout::Aima);
    let alpha = StepSize::Visits(0.8);
    let q = value_error(&mdp, 400_000, |task| {
        let config =
            QLearningConfig { alpha, epsilon_start: 0.5, epsilon_end: 0.5, ..Default::default() };
        Ok(Box::new(QLearning::new(task, config, 1)?))
    });
    let double = value_error(&mdp, 400_000, |task| {
        let config = DoubleQLearningConfig {
            alpha,
            epsilon_start: 0.5,
            epsilon_end: 0.5,
            ..Default::default()
        };
        Ok(Box::new(DoubleQLearning::new(task, config, 1)?))
    });
    let starts = value_error(&mdp, 400_000, |task| {
        let config =
            MonteCarloConfig { method: MonteCarloMethod::ExploringStarts, ..Default::default() };
        Ok(Box::new(MonteCarlo::new(task, config, 1)?))
    });
    let model = value_error(&mdp, 100_000, |task| {
        let config = ModelBasedConfig {
            initial: 1.0,
            epsilon_start: 0.3,
            epsilon_end: 0.3,
            ..Default::default()
        };
        Ok(Box::new(ModelBased::new(task, config, 1)?))
    });
    let fitted = [Approximation::Table, Approximation::Linear].map(|values| {
        value_error(&mdp, 24, |task| {
            let config = FittedQConfig { values, samples: 200_000, ..Default::default() };
            Ok(Box::new(FittedQ::new(task, config, 1)?))
        })
    });
    let linear = value_error(&mdp, 400_000, |task| {
        let config =
            LinearQConfig { lr: 0.005, epsilon_start: 0.5, epsilon_end: 0.5, ..Default::default() };
        Ok(Box::new(LinearQ::new(task, config, 1)?))
    });
    let errors = [q, double, starts, model, fitted[0], fitted[1], linear];
    assert!(errors.iter().all(|error| *error < 0.05), "{errors:?}");
}

#[test]
fn values_converge_on_policy_as_exploration_ends() {
    let mdp = grid(Layout::Sutton4x4);
    let (alpha, epsilon_start, epsilon_end, epsilon_steps) =
        (StepSize::Visits(0.6), 0.5, 0.0, 200_000);
    let sarsa = |n, lambda| {
        value_error(&mdp, 400_000, |task| {
            let config = SarsaConfig {
                alpha,
                epsilon_start,
                epsilon_end,
                epsilon_steps,
                n,
                lambda,
                ..Default::default()
            };
            Ok(Box::new(Sarsa::new(task, config, 1)?))
        })
    };
    let expected = value_error(&mdp, 400_000, |task| {
        let config = ExpectedSarsaConfig {
            alpha,
            epsilon_start,
            epsilon_end,
            epsilon_steps,
            ..Default::default()
        };
        Ok(Box::new(ExpectedSarsa::new(task, config, 1)?))
    });
    let monte_carlo = value_error(&mdp, 400_000, |task| {
        let config = MonteCarloConfig {
            alpha,
            epsilon_start,
            epsilon_end,
            epsilon_steps,
            ..Default::default()
        };
        Ok(Box::new(MonteCarlo::new(task, config, 1)?))
    });
    let errors = [sarsa(1, 0.0), sarsa(3, 0.0), sarsa(1, 0.5), expected, monte_carlo];
    assert!(errors.iter().all(|error| *error < 0.05), "{errors:?}");
}

#[test]
fn a_given_policy_is_worth_what_it_is() {
    // Sutton & Barto, example 4.1: −14, −18, −20, −22.
    let mdp = grid(Layout::Sutton4x4);
    let td = |n, lambda| {
        value_error(&mdp, 400_000, |task| {
            let config = TdConfig { alpha: StepSize::Visits(0.7), n, lambda, ..Default::default() };
            Ok(Box::new(Td::new(task, config, 1)?))
        })
    };
    let mc = |visits| {
        value_error(&mdp, 400_000, |task| {
            let config = McPredictionConfig { visits, ..Default::default() };
            Ok(Box::new(McPrediction::new(task, config, 1)?))
        })
    };
    let errors = [td(1, 0.0), td(4, 0.0), td(1, 0.6), mc(Visits::First), mc(Visits::Every)];
    assert!(errors.iter().all(|error| *error < 0.5), "{errors:?}");
}

/// Writes a best policy of `mdp`.
fn best_policy(mdp: &dyn Mdp, dir: &Path) -> PolicyName {
    let mut planner = PolicyIteration::new(mdp, PolicyIterationConfig::default()).unwrap();
    while planner.step(&mut Log::default()).unwrap() != Progress::Converged {}
    let path = dir.join("solution.json");
    let solution = Solution::new(mdp, planner.answer());
    std::fs::write(&path, serde_json::to_vec(&solution).unwrap()).unwrap();
    PolicyName::File(path)
}

#[test]
fn a_policy_is_learned_from_another() {
    // From the random policy, as in Sutton & Barto, example 5.4, where another one is evaluated.
    let mdp: Arc<dyn Mdp> = Arc::new(Blackjack::default());
    let dir = tempfile::tempdir().unwrap();
    let policy = best_policy(&mdp, dir.path());
    for sampling in [Sampling::Weighted, Sampling::Ordinary] {
        let error = value_error(&mdp, 1_000_000, |task| {
            let policy = policy.clone();
            let behaviour = Behaviour::Other(PolicyName::Uniform);
            let config = McPredictionConfig { policy, behaviour, sampling, ..Default::default() };
            Ok(Box::new(McPrediction::new(task, config, 1)?))
        });
        assert!(error < 0.1, "{sampling:?}: {error}");
    }
    // What the random policy would have to do is never done by one that does not explore.
    let config = McPredictionConfig { behaviour: Behaviour::Other(policy), ..Default::default() };
    let error = McPrediction::new(Task::of(mdp, 100), config, 1).err().unwrap();
    assert!(error.is::<BadValue>() && error.to_string().contains(": it never takes action "));
}

#[test]
fn same_bits_and_resumes() {
    let catch = || {
        let make: MakeEnv = Box::new(|| Box::new(Catch::default()));
        Task::new(make, None).unwrap()
    };
    for (name, make) in learners() {
        let tasks: [&dyn Fn() -> Task; 2] = [&|| Task::of(grid(Layout::Aima), 30), &catch];
        for task in tasks {
            let make = || -> Result<Box<dyn Learner>> { Ok(make(task(), 3)?) };
            let dir = tempfile::tempdir().unwrap();
            same_seed_same_bits(&make, 500).unwrap_or_else(|why| panic!("{name}: {why:#}"));
            let resumed = resume_changes_nothing(&make, 203, 500, dir.path());
            resumed.unwrap_or_else(|why| panic!("{name}: {why:#}"));
        }
    }
}

#[test]
fn fitted_values_repeat_and_resume() {
    let grid = || Task::of(grid(Layout::Aima), 30);
    let poles = || Task::of_any_obs(Box::new(|| Box::new(CartPole::default())), None);
    let catch = || Task::of_any_obs(Box::new(|| Box::new(Catch::default())), None);
    let tasks: [(&dyn Fn() -> Task, Approximation); 4] = [
        (&grid, Approximation::Table),
        (&catch, Approximation::Table),
        (&grid, Approximation::Linear),
        (&poles, Approximation::Linear),
    ];
    for (task, values) in tasks {
        let make = || -> Result<Box<dyn Learner>> {
            let config = FittedQConfig { values, samples: 500, ..Default::default() };
            Ok(Box::new(FittedQ::new(task(), config, 1)?))
        };
        let dir = tempfile::tempdir().unwrap();
        same_seed_same_bits(&make, 9).unwrap();
        resume_changes_nothing(&make, 4, 9, dir.path()).unwrap();
    }
    let error = FittedQ::new(poles(), Default::default(), 1).err().unwrap().to_string();
    assert!(error.starts_with("--values table: the observations"), "{error}");
}

#[test]
fn real_numbers_have_linear_values() {
    let make = || -> Result<Box<dyn Learner>> {
        let task = Task::of_any_obs(Box::new(|| Box::new(CartPole::default())), None);
        let config = LinearQConfig { epsilon_start: 1.0, epsilon_steps: 900, ..Default::default() };
        Ok(Box::new(LinearQ::new(task, config, 1)?))
    };
    let dir = tempfile::tempdir().unwrap();
    same_seed_same_bits(&make, 900).unwrap();
    resume_changes_nothing(&make, 403, 900, dir.path()).unwrap();
}

#[test]
fn what_needs_known_outcomes_repeats_and_resumes() {
    let task = || Task::of(grid(Layout::Aima), 30);
    let policies = tempfile::tempdir().unwrap();
    let best = best_policy(&grid(Layout::Aima), policies.path());
    type Make<'a> = &'a dyn Fn() -> Result<Box<dyn Learner>>;
    let makes: [Make<'_>; 5] = [
        &|| Ok(Box::new(Td::new(task(), TdConfig { n: 3, ..Default::default() }, 1)?)),
        &|| Ok(Box::new(Td::new(task(), TdConfig { lambda: 0.9, ..Default::default() }, 1)?)),
        &|| Ok(Box::new(McPrediction::new(task(), Default::default(), 1)?)),
        &|| {
            let (policy, behaviour) = (best.clone(), Behaviour::Other(PolicyName::Uniform));
            let config = McPredictionConfig { policy, behaviour, ..Default::default() };
            Ok(Box::new(McPrediction::new(task(), config, 1)?))
        },
        &|| {
            let method = MonteCarloMethod::ExploringStarts;
            let config = MonteCarloConfig { method, ..Default::default() };
            Ok(Box::new(MonteCarlo::new(task(), config, 1)?))
        },
    ];
    for make in makes {
        let dir = tempfile::tempdir().unwrap();
        same_seed_same_bits(make, 500).unwrap();
        resume_changes_nothing(make, 203, 500, dir.path()).unwrap();
    }
}

#[test]
fn without_a_discount_there_must_be_a_way_to_an_end() {
    let garnet = || -> Arc<dyn Mdp> { Arc::new(Garnet::new(GarnetConfig::default()).unwrap()) };
    let config = QLearningConfig { gamma: Discount::Of(1.0), ..Default::default() };
    let error = QLearning::new(Task::of(garnet(), 100), config, 1).err().unwrap().to_string();
    assert!(error.starts_with("no action ever ends an episode from state"), "{error}");
    assert!(QLearning::new(Task::of(garnet(), 100), Default::default(), 1).is_ok());
}

#[test]
fn states_are_numbered_where_outcomes_are_not_known() {
    let make = || -> MakeEnv { Box::new(|| Box::new(Catch::default())) };
    let config = QLearningConfig { alpha: StepSize::Of(0.5), ..Default::default() };
    let learner = QLearning::new(Task::new(make(), None).unwrap(), config, 1).unwrap();
    let score = after(Box::new(learner), 60_000).evaluate(Split::Test).unwrap().score;
    assert!(score > 0.95, "{score}");
    let poles = || -> MakeEnv { Box::new(|| Box::new(CartPole::default())) };
    let learner = QLearning::new(Task::of_any_obs(poles(), None), Default::default(), 1);
    for error in [Task::new(poles(), None).err(), learner.err()] {
        let error = error.unwrap().to_string();
        assert!(error.starts_with("--env: a table needs states"), "{error}");
    }
}

#[test]
fn an_mdp_without_actions_is_refused() {
    for (script, told) in [
        (Script(Vec::new()), "there is no action"),
        (
            Script(vec![Vec::new(), vec![(1.0, 2)]]),
            "episodes start in state 0, which has no action",
        ),
    ] {
        let task = Task::of(Arc::new(script), 10);
        let error = QLearning::new(task, Default::default(), 1).err().unwrap().to_string();
        assert!(error.contains(told), "{error}");
    }
}
