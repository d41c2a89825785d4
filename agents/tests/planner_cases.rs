//! Problems whose values are small, far, free or endless, by every planner. Expected values were worked
//! out by hand or by a program apart.
#![expect(clippy::unwrap_used, reason = "clippy.toml exempts only functions marked #[test]")]
use agents::tabular::*;
use agents::{Agent, MakeEnv, episodes};
use anyhow::Result;
use envs::{FrozenLake, FrozenLakeConfig, GridConfig, GridWorld, Layout, Mdp, MdpEnv, Reward};
use std::sync::Arc;
use train::{Log, Progress, stream};

type Make = fn(&dyn Mdp, Discount) -> Result<Box<dyn Agent>>;

fn swept(mdp: &dyn Mdp, gamma: Discount, order: SweepOrder) -> Result<Box<dyn Agent>> {
    let config = ValueIterationConfig { gamma, order, ..Default::default() };
    Ok(Box::new(ValueIteration::new(mdp, config, 1)?))
}

fn improved(mdp: &dyn Mdp, gamma: Discount, evaluation: Evaluate) -> Result<Box<dyn Agent>> {
    let config = PolicyIterationConfig { gamma, evaluation, ..Default::default() };
    Ok(Box::new(PolicyIteration::new(mdp, config)?))
}

const PLANNERS: [(&str, Make); 8] = [
    ("value iteration", |mdp, gamma| swept(mdp, gamma, SweepOrder::Synchronous)),
    ("in place", |mdp, gamma| swept(mdp, gamma, SweepOrder::InPlace)),
    ("random", |mdp, gamma| swept(mdp, gamma, SweepOrder::Random)),
    ("prioritized", |mdp, gamma| swept(mdp, gamma, SweepOrder::Prioritized)),
    ("policy iteration", |mdp, gamma| improved(mdp, gamma, Evaluate::Exact)),
    ("iterative", |mdp, gamma| improved(mdp, gamma, Evaluate::Iterative)),
    ("modified", |mdp, gamma| improved(mdp, gamma, Evaluate::Modified)),
    ("q iteration", |mdp, gamma| {
        Ok(Box::new(QIteration::new(mdp, QIterationConfig { gamma, ..Default::default() })?))
    }),
];

fn planned(mdp: &dyn Mdp, gamma: Discount, make: Make) -> Result<(Box<dyn Agent>, Solution)> {
    let mut planner = make(mdp, gamma)?;
    while planner.step(&mut Log::default())? != Progress::Converged {}
    let table = planner.table(&Model::new(mdp)?)?.unwrap();
    Ok((planner, Solution::new(mdp, table)))
}

/// Solutions of all planners, one after the other.
fn all(mdp: &dyn Mdp, gamma: f64, check: impl Fn(&str, &dyn Agent, &Solution)) {
    for (name, make) in PLANNERS {
        let (planner, solution) = planned(mdp, Discount::Of(gamma), make).unwrap();
        check(name, &*planner, &solution);
    }
}

fn grid(map: &str, noise: f64, living_reward: f64) -> GridWorld {
    let map = Some(map.to_owned());
    let (noise, living_reward) = (Some(noise), Some(living_reward));
    GridWorld::new(&GridConfig { map, noise, living_reward, ..Default::default() }).unwrap()
}

fn lake(map: &str, slippery: bool) -> FrozenLake {
    let map = map.to_owned();
    FrozenLake::new(&FrozenLakeConfig { map, slippery, ..Default::default() }).unwrap()
}

/// An empty lake of `side` × `side`, from the top left to the bottom right.
fn empty_lake(side: usize) -> FrozenLake {
    let row = format!("{}\n", "F".repeat(side));
    let mut map = row.repeat(side);
    map.replace_range(0..1, "S");
    map.replace_range(map.len() - 2..map.len() - 1, "G");
    lake(&map, false)
}

#[track_caller]
fn assert_near(value: f64, right: f64, what: &str) {
    assert!((value - right).abs() <= 1e-8 * right.abs(), "{what}: {value}, not {right}");
}

fn value(solution: &Solution, state: &str) -> f64 {
    solution.values[solution.states.iter().position(|name| name == state).unwrap()]
}

fn action<'a>(solution: &'a Solution, state: &str) -> &'a str {
    let state = solution.states.iter().position(|name| name == state).unwrap();
    &solution.actions[solution.action(state).unwrap()]
}

#[test]
fn far_cells_of_a_corridor_have_their_values() {
    // The exit pays a step after it is entered.
    let corridor = grid("S . . . . . . . . . . 1", 0.0, 0.0);
    all(&corridor, 0.1, |name, _, solution| {
        for column in 1..=11 {
            let cell = format!("({column},1)");
            assert_near(
                value(solution, &cell),
                0.1f64.powi(12 - column),
                &format!("{name} {cell}"),
            );
            assert_eq!(action(solution, &cell), "right", "{name}, {cell}");
        }
    });
    // As far as numbers go.
    let long = format!("S {} 1", ". ".repeat(270));
    all(&grid(&long, 0.0, 0.0), 0.1, |name, _, solution| {
        assert_near(value(solution, "(1,1)"), 0.1f64.powi(271), name);
        assert_eq!(action(solution, "(1,1)"), "right", "{name}");
    });
}

#[test]
fn a_goal_far_away_is_walked_to() {
    let lake: Arc<dyn Mdp> = Arc::new(empty_lake(20));
    for gamma in [0.5, 0.1] {
        all(&lake, gamma, |name, planner, solution| {
            assert_near(value(solution, "0"), gamma.powi(37), name);
            let mdp = Arc::clone(&lake);
            let make: MakeEnv =
                Box::new(move || Box::new(MdpEnv::new(Arc::clone(&mdp), Some(100))));
            let played = episodes(planner, &make, vec![stream(1, "test")]).unwrap();
            assert_eq!((played[0].ret, played[0].len), (1.0, 38), "{name}, discount {gamma}");
        });
    }
}

#[test]
fn small_chances_are_improved_too() {
    let map = "HHHHHHHHHHHH HFFFHFFFFFSH HFHFFFHHHHHH HFHHHHHHHHHH HFFFHFFHFFFH \
               HHFFHFFFFHFH HFFHHFFHFHGH HHFHFFFFFHHH HHFFFFHHFFFH HHHHHHHHHHHH";
    let lake = lake(map, true);
    let reference = planned(&lake, Discount::Of(0.99), PLANNERS[0].1).unwrap().1;
    all(&lake, 0.99, |name, _, solution| {
        let start = value(solution, "22");
        assert!((start - 6.774e-13).abs() < 5e-17, "{name}: {start}");
        for (state, value) in solution.values.iter().enumerate() {
            let right = reference.values[state];
            assert!((value - right).abs() <= 1e-6 * right, "{name}, {state}: {value}, not {right}");
        }
    });
}

#[test]
fn a_policy_does_not_depend_on_the_unit_of_rewards() {
    let map = |unit: f64| {
        format!(
            "S . . . {unit:e}
             . # . . {:e}
             . . . . .",
            -unit
        )
    };
    for gamma in [0.9, 0.1] {
        let one =
            planned(&grid(&map(1.0), 0.2, 0.0), Discount::Of(gamma), PLANNERS[0].1).unwrap().1;
        for unit in [1.0, 1e-9, 3e-9, 1e9, 7e30, 1e-30] {
            all(&grid(&map(unit), 0.2, 0.0), gamma, |name, _, solution| {
                assert_eq!(solution.policy, one.policy, "{name}, unit {unit}");
                for (value, one) in solution.values.iter().zip(&one.values) {
                    let scaled = value / unit;
                    assert!(
                        (scaled - one).abs() <= 1e-7 * one.abs(),
                        "{name}: {scaled}, not {one}"
                    );
                }
            });
        }
    }
}

#[test]
fn what_differs_by_more_than_rounding_is_told_apart() {
    for (left, right, best) in [
        ("1", "1.0000000001", "right"),
        ("1", "1.0000000000001", "right"),
        ("1.0000000000001", "1", "left"),
        ("1", "1", "left"),
        ("1e9", "1.0000000000001e9", "right"),
        ("-1", "-1.0000000000001", "left"),
    ] {
        let mdp = grid(&format!("{left} S {right}"), 0.0, -0.01);
        all(&mdp, 0.9, |name, _, solution| {
            let found = action(solution, "(2,1)");
            // To walk into the wall costs less than a bad exit.
            let best = if left.starts_with('-') { "up" } else { best };
            assert_eq!(found, best, "{name}: {left} or {right}");
        });
    }
    // A large loss beside it does not blur a small gain.
    let beside = grid("-1e6 S . . . 1e-6\n. . . . . .", 0.0, 0.0);
    all(&beside, 0.1, |name, _, solution| {
        assert_eq!(action(solution, "(2,2)"), "right", "{name}");
        assert_near(value(solution, "(2,2)"), 1e-10, name);
    });
}

#[test]
fn staying_for_ever_is_worth_nothing_which_may_be_best() {
    let risk = ". -100 -100 -100 #\nS . . . 1\n. -100 -100 -100 #";
    for (map, noise) in [("S . -1", 0.0), (risk, 0.2), ("S . .", 0.0), ("-5 S # .", 0.1)] {
        all(&grid(map, noise, 0.0), 1.0, |name, _, solution| {
            let start = solution.states.iter().position(|state| state.starts_with("(1,")).unwrap();
            let start = if map.starts_with("-5") { start + 1 } else { start };
            assert_eq!(solution.values[start], 0.0, "{name}: {map}");
        });
    }
    // A part from which one never gets out, where nothing is paid, is no reason to refuse the rest.
    all(&grid("S . 1 # .", 0.0, 0.0), 1.0, |name, _, solution| {
        assert_eq!((value(solution, "(1,1)"), value(solution, "(5,1)")), (1.0, 0.0), "{name}");
        assert_eq!(action(solution, "(1,1)"), "right", "{name}");
    });
}

#[test]
fn values_that_grow_for_ever_are_refused_before_they_are_reported() {
    let refused = |mdp: &dyn Mdp, words: &str| {
        for (name, make) in PLANNERS {
            let error = planned(mdp, Discount::Of(1.0), make).err().map(|error| error.to_string());
            assert!(
                error.as_ref().is_some_and(|message| message.contains(words)),
                "{name}: {error:?}"
            );
        }
    };
    let infinite = "never ends from state (1,1): it earns more and more";
    refused(&grid("S . 1", 0.0, 1.0), infinite);
    refused(&grid("S . .", 0.0, 1.0), infinite);
    // So little that it would show after a million sweeps.
    refused(&grid("S . 1", 0.0, 1e-12), infinite);
    refused(&grid("S . -100", 0.5, 1e-9), infinite);
    refused(&grid("S . .", 0.0, -1.0), "no action ever ends an episode from state (1,1)");
    // Leaps of 10 and 5 with the four and two steps back to where they begin.
    let leaps = |living_reward| {
        let living_reward = Some(living_reward);
        GridWorld::new(&GridConfig { living_reward, ..GridConfig::of(Layout::Sutton5x5) }).unwrap()
    };
    refused(&leaps(-2.0), "it earns more and more");
    refused(&leaps(-2.499), "it earns more and more");
    refused(&leaps(-2.5), "never settles");
    refused(&leaps(-2.501), "no action ever ends an episode");
    // Where one falls into the exit sooner or later, there is an end to it.
    let config = GridConfig {
        map: Some("S 1".into()),
        noise: Some(1.0),
        living_reward: Some(1.0),
        reward: Some(Reward::Entering),
        ..Default::default()
    };
    let sure = GridWorld::new(&config).unwrap();
    refused(&sure, "it earns more and more");
}

#[test]
fn policies_may_stay_for_ever_where_nothing_is_paid() {
    let mdp = grid("S . -1", 0.0, 0.0);
    let problem = DiscountedMdp::new(&mdp, Discount::Of(1.0)).unwrap();
    for (action, worth) in [(0, 0.0), (3, -1.0)] {
        let choices = [action, action, 4].map(|action| Some(Choice::Action(action)));
        let choices = [&choices[..], &[None]].concat();
        let policy = Policy::of(&choices, &mdp, &problem.model).unwrap();
        assert_eq!(policy.values(&problem).unwrap()[0], worth);
    }
}
