//! Every planner on random small MDPs, against every deterministic policy there is, evaluated by
//! Gaussian elimination: without a discount as the limit of one that nearly is 1.
#![expect(clippy::unwrap_used, reason = "clippy.toml exempts only functions marked #[test]")]
use agents::Agent;
use agents::tabular::*;
use anyhow::Result;
use envs::{Mdp, Outcome};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use train::testing::trained;
use train::{Learner, Log, Progress};

/// Outcomes by state and action; the last state, which is added, is the end.
#[derive(Debug, Clone)]
struct Small {
    /// Probability in quarters, next state and reward of each outcome of each action of each state.
    states: Vec<Vec<Vec<(u8, usize, i32)>>>,
    discount: f64,
    unit: f64,
}

impl Small {
    fn end(&self) -> usize {
        self.states.len()
    }

    fn scaled(&self, unit: f64) -> Self {
        Self { unit, ..self.clone() }
    }

    fn paired(&self, state: usize, action: usize) -> &[(u8, usize, i32)] {
        self.states.get(state).and_then(|actions| actions.get(action)).map_or(&[], |all| all)
    }
}

impl Mdp for Small {
    fn n_states(&self) -> usize {
        self.states.len() + 1
    }

    fn n_actions(&self) -> usize {
        3
    }

    fn outcomes(&self, state: usize, action: usize, visit: &mut dyn FnMut(Outcome)) {
        for &(quarters, next, reward) in self.paired(state, action) {
            let (prob, reward) = (f64::from(quarters) / 4.0, self.unit * f64::from(reward));
            visit(Outcome { prob, next, reward, terminated: next == self.end() });
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
        self.discount
    }
}

/// MDPs of up to four states with up to three actions; loops, unreachable parts and states without a
/// way to the end are common.
fn small(discounts: &'static [f64]) -> impl Strategy<Value = Small> {
    let states = (1usize..=4).prop_flat_map(|n| {
        let outcome = |quarters| (Just(quarters), 0..=n, -2..=2i32);
        let action = prop_oneof![
            outcome(4).prop_map(|a| vec![a]),
            (outcome(1), outcome(3)).prop_map(|(a, b)| vec![a, b]),
            (outcome(2), outcome(1), outcome(1)).prop_map(|(a, b, c)| vec![a, b, c]),
            // Where steps are free, staying for ever is worth 0.
            (0..=n).prop_map(|next| vec![(4, next, 0)]),
        ];
        prop::collection::vec(prop::collection::vec(action, 1..=3), n)
    });
    let discount = prop::sample::select(discounts);
    (states, discount).prop_map(|(states, discount)| Small { states, discount, unit: 1.0 })
}

/// x of A·x = b by Gaussian elimination.
fn eliminate(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Vec<f64> {
    let n = b.len();
    for column in 0..n {
        let pivot = (column..n).max_by(|i, j| a[*i][column].abs().total_cmp(&a[*j][column].abs()));
        a.swap(column, pivot.unwrap());
        b.swap(column, pivot.unwrap());
        for row in (0..n).filter(|row| *row != column) {
            let factor = a[row][column] / a[column][column];
            let pivot = a[column].clone();
            a[row].iter_mut().zip(pivot).for_each(|(x, pivot)| *x -= factor * pivot);
            b[row] -= factor * b[column];
        }
    }
    (0..n).map(|i| b[i] / a[i][i]).collect()
}

/// As good as no discount: what is infinite is beyond [`BEYOND`] then.
const NEARLY: f64 = 1.0 - 1e-9;
const BEYOND: f64 = 1e5;

/// Value of a policy in each state but the end.
fn worth(mdp: &Small, policy: &[usize]) -> Vec<f64> {
    let gamma = mdp.discount.min(NEARLY);
    let n = mdp.end();
    let (mut a, mut b) = (vec![vec![0.0; n]; n], vec![0.0; n]);
    for (state, &action) in policy.iter().enumerate() {
        a[state][state] += 1.0;
        for &(quarters, next, reward) in mdp.paired(state, action) {
            let prob = f64::from(quarters) / 4.0;
            b[state] += prob * f64::from(reward);
            if next < n {
                a[state][next] -= gamma * prob;
            }
        }
    }
    eliminate(a, b)
}

/// Returns `true` if a policy, which is worth `values`, goes round for ever somewhere that is not worth more and more
/// or less and less, by a step that pays or costs, on the whole, something.
fn wavers(mdp: &Small, policy: &[usize], values: &[f64]) -> bool {
    let n = mdp.end();
    let mut reaches = vec![vec![false; n + 1]; n + 1];
    for (state, &action) in policy.iter().enumerate() {
        mdp.paired(state, action).iter().for_each(|(_, next, _)| reaches[state][*next] = true);
    }
    for k in 0..n {
        for i in 0..n {
            for j in 0..=n {
                reaches[i][j] |= reaches[i][k] && reaches[k][j];
            }
        }
    }
    let recurs = |s: usize| (0..=n).all(|t| !reaches[s][t] || reaches[t][s]);
    let pays = |s: usize| {
        let all = mdp.paired(s, policy[s]).iter();
        all.map(|(quarters, _, reward)| i32::from(*quarters) * reward).sum::<i32>() != 0
    };
    (0..n).any(|state| values[state].abs() < BEYOND && recurs(state) && pays(state))
}

/// Every deterministic policy.
fn policies(mdp: &Small) -> Vec<Vec<usize>> {
    mdp.states.iter().fold(vec![Vec::new()], |all, actions| {
        let with = |policy: &Vec<usize>, action| [policy.as_slice(), &[action]].concat();
        all.iter().flat_map(|policy| (0..actions.len()).map(|a| with(policy, a))).collect()
    })
}

/// The best values, or the words by one of which the problem is to be refused.
fn best(mdp: &Small) -> Result<Vec<f64>, Vec<&'static str>> {
    let (mut best, mut round) = (vec![f64::NEG_INFINITY; mdp.end()], false);
    for policy in policies(mdp) {
        let values = worth(mdp, &policy);
        if mdp.discount == 1.0 {
            round |= wavers(mdp, &policy, &values);
            if values.iter().any(|value| *value > BEYOND) {
                return Err(vec!["its value is infinite"]);
            }
        }
        best.iter_mut().zip(values).for_each(|(best, value)| *best = value.max(*best));
    }
    let falls = mdp.discount == 1.0 && best.iter().any(|value| *value < -BEYOND);
    let wrong = [(round, "never settles"), (falls, "no action ever ends an episode")];
    match wrong.iter().filter(|(is, _)| *is).map(|(_, words)| *words).collect::<Vec<_>>() {
        none if none.is_empty() => Ok(best),
        words => Err(words),
    }
}

type Make = fn(&Small) -> Result<Box<dyn Agent>>;

fn swept(mdp: &Small, order: Order) -> Result<Box<dyn Agent>> {
    let config = ValueIterationConfig { order, ..Default::default() };
    Ok(Box::new(ValueIteration::new(mdp, config, 1)?))
}

fn improved(mdp: &Small, evaluation: Evaluate) -> Result<Box<dyn Agent>> {
    let config = PolicyIterationConfig { evaluation, sweeps: 3, ..Default::default() };
    Ok(Box::new(PolicyIteration::new(mdp, config)?))
}

const PLANNERS: [(&str, Make); 8] = [
    ("value iteration", |mdp| swept(mdp, Order::Synchronous)),
    ("in place", |mdp| swept(mdp, Order::InPlace)),
    ("random", |mdp| swept(mdp, Order::Random)),
    ("prioritized", |mdp| swept(mdp, Order::Prioritized)),
    ("policy iteration", |mdp| improved(mdp, Evaluate::Exact)),
    ("iterative", |mdp| improved(mdp, Evaluate::Iterative)),
    ("modified", |mdp| improved(mdp, Evaluate::Modified)),
    ("q iteration", |mdp| Ok(Box::new(QIteration::new(mdp, QIterationConfig::default())?))),
];

fn solve(mdp: &Small, make: Make) -> Result<Table> {
    let mut planner = make(mdp)?;
    for _ in 0..100_000 {
        if planner.step(&mut Log::default())? == Progress::Converged {
            return Ok(planner.table(&Model::new(mdp)?)?.unwrap());
        }
    }
    anyhow::bail!("it does not converge")
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-6 * a.abs().max(b.abs()).max(1.0)
}

/// The error in a planner's solution, if any.
fn wrong(mdp: &Small, make: Make) -> Option<String> {
    let (found, right) = (solve(mdp, make), best(mdp));
    let (table, right) = match (found, right) {
        (Ok(table), Ok(right)) => (table, right),
        (Err(error), Err(words)) if words.iter().any(|words| error.to_string().contains(words)) => {
            return None;
        }
        (found, right) => return Some(format!("{found:?}, not {right:?}")),
    };
    let policy: Vec<usize> = (0..mdp.end()).map(|s| table.action(s).unwrap()).collect();
    let earned = worth(mdp, &policy);
    let same = |values: &[f64]| values.iter().zip(&right).all(|(a, b)| near(*a, *b));
    match (same(&table.values[..mdp.end()]), same(&earned)) {
        (true, true) => None,
        (false, _) => Some(format!("{:?}, not {right:?}", table.values)),
        _ => Some(format!("{policy:?} earns {earned:?}, not {right:?}")),
    }
}

/// To stay in state 1 is free, and it seems worth 2 until state 0 is seen to cost: what it is worth is halved
/// with each look at the way out.
fn overestimated() -> Small {
    let way_out = vec![(4, 0, 2)];
    let stay = vec![(4, 1, 0)];
    let states = vec![vec![vec![(2, 1, -4), (2, 2, 0)]], vec![way_out, stay]];
    Small { states, discount: 1.0, unit: 1.0 }
}

/// State 1 is worth ½ − ½, and state 0 as much: never quite 0.
fn cancelling() -> Small {
    let states = vec![
        vec![vec![(4, 1, 0)]],
        vec![vec![(1, 2, -2), (3, 2, 0)]],
        vec![vec![(2, 1, 0), (1, 3, 2), (1, 1, 0)]],
    ];
    Small { states, discount: 1.0, unit: 1.0 }
}

#[test]
fn what_convergence_hangs_on_is_resumed() {
    let dir = tempfile::tempdir().unwrap();
    let evaluated: Make = |mdp| Ok(Box::new(PolicyEvaluation::new(mdp, Default::default())?));
    let [swept, by_pairs] = [PLANNERS[0], PLANNERS[7]];
    for (mdp, stop, (name, make)) in [
        (overestimated(), 10, swept),
        (overestimated(), 10, by_pairs),
        (cancelling(), 4096, swept),
        (cancelling(), 4096, by_pairs),
        (cancelling(), 4096, ("policy evaluation", evaluated)),
    ] {
        let at = dir.path().join(format!("{name} {stop}"));
        let learner = || -> Result<Box<dyn Learner>> { Ok(make(&mdp)?) };
        let (whole, _) = trained(&learner, &[9000], None).unwrap();
        let (parts, _) = trained(&learner, &[stop, 9000], Some(&at)).unwrap();
        assert!(stop < whole.steps && whole.steps < 9000, "{name}: {whole:?}");
        assert_eq!((parts.steps, parts.params_hash), (whole.steps, whole.params_hash), "{name}");
    }
}

fn quick(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(quick(3000))]

    #[test]
    fn planners_find_the_best_policy(mdp in small(&[0.1, 0.5, 0.9, 0.99])) {
        for (name, make) in PLANNERS {
            let wrong = wrong(&mdp, make);
            prop_assert!(wrong.is_none(), "{name}: {}", wrong.unwrap());
        }
    }

    #[test]
    fn planners_find_the_best_policy_without_a_discount(mdp in small(&[1.0])) {
        for (name, make) in PLANNERS {
            let wrong = wrong(&mdp, make);
            prop_assert!(wrong.is_none(), "{name}: {}", wrong.unwrap());
        }
    }

    #[test]
    fn a_policy_does_not_depend_on_the_unit_of_rewards(
        mdp in small(&[0.1, 0.9, 1.0]),
        exponent in -250..250i32,
    ) {
        let unit = 10f64.powi(exponent);
        for (name, make) in PLANNERS {
            match (solve(&mdp, make), solve(&mdp.scaled(unit), make)) {
                (Ok(one), Ok(other)) => {
                    prop_assert_eq!(&one.policy, &other.policy, "{}, unit {}", name, unit);
                    for (a, b) in one.values.iter().zip(&other.values) {
                        prop_assert!(near(*a, b / unit), "{name}: {a} and {b}, unit {unit}");
                    }
                }
                (one, other) => {
                    let told = |table: Result<Table>| table.map_err(|error| error.to_string()).err();
                    prop_assert_eq!(told(one), told(other), "{}, unit {}", name, unit);
                }
            }
        }
    }

    #[test]
    fn a_policy_is_worth_what_elimination_says(mdp in small(&[0.1, 0.9, 1.0])) {
        for policy in policies(&mdp) {
            let right = worth(&mdp, &policy);
            if right.iter().any(|value| value.abs() > BEYOND) || wavers(&mdp, &policy, &right) {
                continue;
            }
            let Ok(problem) = DiscountedMdp::new(&mdp, Discount::Own) else { continue };
            let choices = policy.iter().map(|action| Some(Choice::Action(*action)));
            let choices: Vec<_> = choices.chain([None]).collect();
            let policy = Policy::of(&choices, &mdp, &problem.model).unwrap();
            let exact = policy.values(&problem).unwrap();
            for (a, b) in exact.iter().zip(&right) {
                prop_assert!(near(*a, *b), "{exact:?}, not {right:?}");
            }
        }
    }
}
