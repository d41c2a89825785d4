//! Planners against each other, against published values, and against what theory promises.
#![expect(clippy::unwrap_used, reason = "clippy.toml exempts only functions marked #[test]")]
use agents::tabular::*;
use agents::{ActionBatch, Agent, MakeEnv, Mode, episodes, observed};
use envs::*;
use std::sync::Arc;
use train::testing::{plan, resume_changes_nothing, same_seed_same_bits, trained};
use train::{Learner, Log, Plan, Progress, Run, RunOutcome, fit, stream};

fn grid(layout: Layout) -> Arc<dyn Mdp> {
    Arc::new(GridWorld::new(&GridConfig::of(layout)).unwrap())
}

/// Every built-in MDP in which each state has a way to an end.
fn problems() -> Vec<Arc<dyn Mdp>> {
    let mut problems: Vec<Arc<dyn Mdp>> = Layout::ALL.iter().map(|layout| grid(*layout)).collect();
    problems.push(Arc::new(FrozenLake::new(&FrozenLakeConfig::default()).unwrap()));
    problems.push(Arc::new(Taxi::default()));
    problems.push(Arc::new(CliffWalking::default()));
    problems.push(Arc::new(Blackjack::default()));
    problems.push(Arc::new(GamblersProblem::new(GamblersConfig::default()).unwrap()));
    problems.push(Arc::new(JacksCarRental::new(JacksConfig::default())));
    problems.push(Arc::new(Garnet::new(GarnetConfig::default()).unwrap()));
    problems
}

fn solution(mdp: &dyn Mdp, learner: &dyn Agent) -> Solution {
    Solution::new(mdp, learner.table(&Model::new(mdp).unwrap()).unwrap().unwrap())
}

fn solved<L: Agent>(mdp: &dyn Mdp, mut learner: L) -> Solution {
    let plan = Plan { log_every: 0, eval_every: 0, save_every: 0, ..plan(1_000_000) };
    let report = fit(&mut learner, &plan, &mut Run::default()).unwrap();
    assert_eq!(report.outcome, RunOutcome::Converged);
    solution(mdp, &learner)
}

fn value_iteration(mdp: &dyn Mdp, order: SweepOrder) -> ValueIteration {
    let config = ValueIterationConfig { order, tolerance: 1e-12, ..Default::default() };
    ValueIteration::new(mdp, config, 1).unwrap()
}

fn policy_iteration(mdp: &dyn Mdp, evaluation: Evaluate) -> PolicyIteration {
    let config = PolicyIterationConfig { evaluation, tolerance: 1e-12, ..Default::default() };
    PolicyIteration::new(mdp, config).unwrap()
}

fn assert_close(a: &[f64], b: &[f64], what: &str) {
    for (state, (a, b)) in a.iter().zip(b).enumerate() {
        assert!((a - b).abs() < 1e-9 * a.abs().max(1.0), "{what}, state {state}: {a} and {b}");
    }
}

#[test]
fn planners_agree_on_every_problem() {
    for (i, mdp) in problems().iter().enumerate() {
        let exact = solved(mdp, policy_iteration(mdp, Evaluate::Exact));
        for order in [
            SweepOrder::Synchronous,
            SweepOrder::InPlace,
            SweepOrder::Random,
            SweepOrder::Prioritized,
        ] {
            // Where every state follows every other, each backup would queue them all again.
            if order == SweepOrder::Prioritized && Model::new(mdp).unwrap().n_entries() > 100_000 {
                continue;
            }
            let solution = solved(mdp, value_iteration(mdp, order));
            assert_close(&solution.values, &exact.values, &format!("problem {i}, {order:?}"));
        }
        for evaluation in [Evaluate::Iterative, Evaluate::Modified] {
            let solution = solved(mdp, policy_iteration(mdp, evaluation));
            assert_close(&solution.values, &exact.values, &format!("problem {i}, {evaluation:?}"));
        }
        let config = QIterationConfig { tolerance: 1e-12, ..Default::default() };
        let q = solved(mdp, QIteration::new(mdp, config).unwrap());
        assert_close(&q.values, &exact.values, &format!("problem {i}, q"));
    }
}

#[test]
fn aima_utilities_and_policy() {
    // Russell & Norvig, "Artificial Intelligence", figure 17.3: γ = 1, living reward −0.04.
    let solution =
        solved(&grid(Layout::Aima), value_iteration(&grid(Layout::Aima), SweepOrder::Synchronous));
    let published = [
        ("(1,3)", 0.812, "right"),
        ("(2,3)", 0.868, "right"),
        ("(3,3)", 0.918, "right"),
        ("(1,2)", 0.762, "up"),
        ("(3,2)", 0.660, "up"),
        ("(1,1)", 0.705, "up"),
        ("(2,1)", 0.655, "left"),
        ("(3,1)", 0.611, "left"),
        ("(4,1)", 0.388, "left"),
    ];
    for (name, utility, action) in published {
        let state = solution.states.iter().position(|state| state == name).unwrap();
        assert!((solution.values[state] - utility).abs() < 5e-4, "{name}");
        assert_eq!(solution.actions[solution.action(state).unwrap()], action, "{name}");
    }
}

#[test]
fn aima_policies_change_with_the_living_reward() {
    let at_bottom_right = |living_reward| {
        let config =
            GridConfig { living_reward: Some(living_reward), ..GridConfig::of(Layout::Aima) };
        let mdp = GridWorld::new(&config).unwrap();
        let solution = solved(&mdp, value_iteration(&mdp, SweepOrder::InPlace));
        let action = |name: &str| {
            let state = solution.states.iter().position(|state| state == name).unwrap();
            solution.actions[solution.action(state).unwrap()].clone()
        };
        [action("(4,1)"), action("(3,1)"), action("(3,2)")]
    };
    // The long way round; the risky short way; straight into −1.
    assert_eq!(at_bottom_right(-0.04), ["left", "left", "up"]);
    assert_eq!(at_bottom_right(-0.4), ["left", "up", "up"]);
    assert_eq!(at_bottom_right(-2.0), ["up", "right", "right"]);
}

#[test]
fn policy_iteration_starts_where_it_is_told() {
    // `tiny` from the top: exit −10, start, exit 10, end. Noise 0, γ = ½.
    let start = |layout, start: &str, gamma| {
        let config = PolicyIterationConfig { start: start.to_owned(), gamma, ..Default::default() };
        PolicyIteration::new(&grid(layout), config)
    };
    for (name, value) in [("first", -5.0), ("up", -5.0), ("down", 5.0), ("right", 0.0)] {
        let mut learner = start(Layout::Tiny, name, Discount::Own).unwrap();
        learner.step(&mut Log::default()).unwrap();
        assert_eq!(learner.values(), [-10.0, value, 10.0, 0.0], "{name}");
    }
    let message = |name, gamma| start(Layout::Tiny, name, gamma).err().unwrap().to_string();
    let unknown = message("jump", Discount::Own);
    assert!(unknown.starts_with("--start jump: `first` is expected, or one of"), "{unknown}");
    // To walk into the wall for ever is worth 0 where a step is free, and nothing that is finite else.
    assert!(start(Layout::Tiny, "right", Discount::Of(1.0)).is_ok());
    let config = GridConfig { living_reward: Some(-1.0), ..GridConfig::of(Layout::Tiny) };
    let start_right = PolicyIterationConfig {
        start: "right".to_owned(),
        gamma: Discount::Of(1.0),
        ..Default::default()
    };
    let costly = PolicyIteration::new(&GridWorld::new(&config).unwrap(), start_right);
    let endless = costly.err().unwrap().to_string();
    assert!(
        endless.starts_with("--start right: to take it never ends from state (1,2)"),
        "{endless}"
    );
    assert!(start(Layout::Tiny, "down", Discount::Of(1.0)).is_ok());
}

#[test]
fn q_iteration_is_value_iteration_sweep_by_sweep() {
    for mdp in problems() {
        let mut v = value_iteration(&mdp, SweepOrder::Synchronous);
        let mut q = QIteration::new(&mdp, QIterationConfig::default()).unwrap();
        for _ in 0..30 {
            v.step(&mut Log::default()).unwrap();
            q.step(&mut Log::default()).unwrap();
            assert_close(q.values(), v.values(), "sweep");
        }
    }
}

#[test]
fn the_error_falls_by_the_discount() {
    let mdp = Garnet::new(GarnetConfig::default()).unwrap();
    let exact = solved(&mdp, policy_iteration(&mdp, Evaluate::Exact)).values;
    let mut learner = value_iteration(&mdp, SweepOrder::Synchronous);
    let error = |values: &[f64]| {
        values.iter().zip(&exact).map(|(v, exact)| (v - exact).abs()).fold(0.0, f64::max)
    };
    for _ in 0..50 {
        let before = error(learner.values());
        learner.step(&mut Log::default()).unwrap();
        assert!(error(learner.values()) <= mdp.discount() * before + 1e-12);
    }
}

#[test]
fn a_policy_earns_what_its_values_say() {
    let mdp: Arc<dyn Mdp> = Arc::new(FrozenLake::new(&FrozenLakeConfig::default()).unwrap());
    let config = ValueIterationConfig { gamma: Discount::Of(1.0), ..Default::default() };
    let mut learner = ValueIteration::new(&mdp, config, 1).unwrap();
    while learner.step(&mut Log::default()).unwrap() != Progress::Converged {}
    let value = solution(&mdp, &learner).values[0];
    let make: MakeEnv = Box::new(move || Box::new(MdpEnv::new(Arc::clone(&mdp), None)));
    let rngs = (0..4_000).map(|i| stream(1, &format!("{i}"))).collect();
    let played = episodes(&learner, &make, rngs).unwrap();
    let mean = played.iter().map(|episode| episode.ret).sum::<f64>() / 4_000.0;
    assert!((mean - value).abs() < 0.02, "{mean} and {value}");
}

#[test]
fn same_bits_resumes_and_threads() {
    let mdp = grid(Layout::Maze);
    type Makes<'a> = Vec<Box<dyn Fn() -> Box<dyn Learner> + 'a>>;
    let mut makes: Makes<'_> = Vec::new();
    for order in
        [SweepOrder::Synchronous, SweepOrder::InPlace, SweepOrder::Random, SweepOrder::Prioritized]
    {
        let mdp = &mdp;
        makes.push(Box::new(move || Box::new(value_iteration(mdp, order))));
    }
    makes.push(Box::new(|| Box::new(policy_iteration(&mdp, Evaluate::Modified))));
    makes.push(Box::new(|| Box::new(QIteration::new(&mdp, QIterationConfig::default()).unwrap())));
    for make in makes {
        let make = || Ok(make());
        let dir = tempfile::tempdir().unwrap();
        same_seed_same_bits(&make, 9).unwrap();
        resume_changes_nothing(&make, 4, 9, dir.path()).unwrap();
    }

    let config = GarnetConfig { states: 20_000, ..Default::default() };
    let large = Garnet::new(config).unwrap();
    let hash = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let make =
            || Ok(Box::new(value_iteration(&large, SweepOrder::Synchronous)) as Box<dyn Learner>);
        pool.install(|| trained(&make, &[20], None).unwrap().0.params_hash)
    };
    assert_eq!(hash(1), hash(3));
}

/// On a lake with γ = 1, waiting at a hole's side for ever is worth as much as going to the goal.
#[test]
fn policies_end_where_going_round_for_ever_ties() {
    let lake = FrozenLakeConfig { map: "8x8".into(), ..Default::default() };
    let lake = FrozenLake::new(&lake).unwrap();
    let gamma = Discount::Of(1.0);
    let (vi, qi) = (
        ValueIterationConfig { gamma, ..Default::default() },
        QIterationConfig { gamma, ..Default::default() },
    );
    let pi = PolicyIterationConfig { gamma, ..Default::default() };
    let learners: [Box<dyn Agent>; 3] = [
        Box::new(ValueIteration::new(&lake, vi, 1).unwrap()),
        Box::new(QIteration::new(&lake, qi).unwrap()),
        Box::new(PolicyIteration::new(&lake, pi).unwrap()),
    ];
    let model = Model::new(&lake).unwrap();
    for (i, mut learner) in learners.into_iter().enumerate() {
        while learner.step(&mut Log::default()).unwrap() != Progress::Converged {}
        let table = learner.table(&model).unwrap().unwrap();
        let taken = |state: usize| {
            model.pairs(state).find(|pair| Some(model.action(*pair)) == table.action(state))
        };
        let taken: Vec<_> = (0..model.n_states()).filter_map(taken).collect();
        assert_eq!(model.endless(|pair| taken.contains(&pair)), Vec::<usize>::new(), "planner {i}");
        // It also acts so.
        let mut obs = vec![0.0; model.n_states() * model.n_states()];
        (0..model.n_states()).for_each(|state| obs[state * model.n_states() + state] = 1.0);
        let mut batch = ActionBatch::Discrete(vec![0; model.n_states()]);
        learner.act(&obs, Mode::Greedy, &mut [], &mut batch).unwrap();
        let actions = batch.numbers().unwrap();
        let acts = |state: usize| table.action(state).is_none_or(|taken| taken == actions[state]);
        let policy = &table.policy;
        assert!((0..model.n_states()).all(acts), "planner {i}: {policy:?} {actions:?}");
    }
}

#[test]
fn errors_against_the_exact_answer_are_logged() {
    let mdp = grid(Layout::Aima);
    let agent = || ValueIteration::new(&mdp, ValueIterationConfig::default(), 1).unwrap();
    let make = || -> anyhow::Result<Box<dyn Learner>> {
        Ok(Box::new(observed(Box::new(agent()), Some(&*mdp), Discount::Own, 5)?))
    };
    let (_, rows) = trained(&make, &[20], None).unwrap();
    let errors = |name| rows.iter().map(|row| row.values[name]).collect::<Vec<_>>();
    let (values, policies) = (errors("oracle/value_error"), errors("oracle/policy_error"));
    let exact = solved(&mdp, policy_iteration(&mdp, Evaluate::Exact)).values;
    let mut learner = agent();
    for error in &values {
        (0..5).for_each(|_| _ = learner.step(&mut Log::default()).unwrap());
        let squares = exact.iter().zip(learner.values()).map(|(v, w)| (v - w).powi(2));
        // The end has no action: 11 states count.
        assert_eq!(*error, (squares.sum::<f64>() / 11.0).sqrt());
    }
    // The policy settles before the values do.
    assert!(policies[0] > 0.0 && policies[2] == 0.0 && values[2] > 1e-4, "{policies:?} {values:?}");
    let dir = tempfile::tempdir().unwrap();
    resume_changes_nothing(&make, 7, 20, dir.path()).unwrap();
}
