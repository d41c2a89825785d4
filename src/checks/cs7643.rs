//! Georgia Tech's CS7643 and the courses whose exercises it shares: tables on FrozenLake, and an
//! environment of five steps on which a DQN is tried first.
use super::check::{Check, Speed};
use super::exact;
use crate::claim::Claim;
use crate::run::in_memory::solve;
use anyhow::Result;

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "cs7643-frozen-lake",
        about: "FrozenLake by value iteration: change and value of every sweep",
        source: "Berkeley Deep RL Bootcamp (2017), lab 1, problem 1 (from CS294-112, homework 2): expected output of value_iteration",
        url: "https://sites.google.com/view/deep-rl-bootcamp/labs",
        command: "lab value-iteration --env frozen-lake --success-rate 0.8 --gamma 0.95 --steps 20",
        speed: Speed::Quick,
        notes: "γ = 0.95 on the notebook's own FrozenLake, which slips with probability 0.2 only, not the \
                2/3 of Gymnasium's. The first row is the first sweep, from values of 0.",
        run: frozen_lake,
    },
    Check {
        name: "cs7643-frozen-lake-0.9",
        about: "FrozenLake by value and policy iteration at γ = 0.9",
        source: "Stanford CS234, assignment 1 (vi_and_pi.py: γ = 0.9, tolerance 0.001), set in other courses as well; no numbers are printed",
        url: "https://web.stanford.edu/class/cs234/",
        command: "lab policy-iteration --env frozen-lake --gamma 0.9",
        speed: Speed::Quick,
        notes: "The assignment stops at a tolerance of 0.001, which leaves values short by up to 0.009; the \
                numbers here are exact.",
        run: frozen_lake_stanford,
    },
    Check {
        name: "cs7643-five-step",
        about: "The DQN test environment of five steps: best return",
        source: "Stanford CS234, assignment 2 (2017 to 2019), utils/test_env.py (EnvTest), used by later courses; one of them notes the 4.1 in its copy",
        url: "https://web.stanford.edu/class/cs234/",
        command: "lab value-iteration --env five-step",
        speed: Speed::Quick,
        notes: "The original shows the place only, which is enough: 2 from 0, 1 from 2 and 0 from 1 get as \
                much. lab's state has the step too, so that the end belongs to the problem. Later editions of \
                CS234 pay −0.3 and −0.2 where this one pays −0.2 and −0.1: their best is 6.1.",
        run: five_step,
    },
];

/// Largest change of a sweep, and the value of the first state after it.
const SWEEPS: [(&str, &str); 20] = [
    ("0.80000", "0.000"),
    ("0.60800", "0.000"),
    ("0.51984", "0.000"),
    ("0.39508", "0.000"),
    ("0.30026", "0.000"),
    ("0.25355", "0.254"),
    ("0.10478", "0.345"),
    ("0.09657", "0.442"),
    ("0.03656", "0.478"),
    ("0.02772", "0.506"),
    ("0.01111", "0.517"),
    ("0.00735", "0.524"),
    ("0.00310", "0.527"),
    ("0.00190", "0.529"),
    ("0.00083", "0.530"),
    ("0.00049", "0.531"),
    ("0.00022", "0.531"),
    ("0.00013", "0.531"),
    ("0.00006", "0.531"),
    ("0.00003", "0.531"),
];

fn frozen_lake(command: &'static str) -> Result<Vec<Claim>> {
    let solved = solve(command)?;
    let changes = solved.metric("train/residual");
    let mut values = Vec::new();
    for sweeps in 1..=SWEEPS.len() {
        let command = "lab value-iteration --env frozen-lake --success-rate 0.8 --gamma 0.95";
        values.push(solve(&format!("{command} --steps {sweeps}"))?.value("0")?);
    }
    let printed = |column: fn(&(&'static str, &'static str)) -> &'static str| {
        SWEEPS.iter().map(column).collect::<Vec<_>>().join(" ")
    };
    let at = |numbers: &[f64], i: usize| numbers.get(i).copied();
    Ok(vec![
        Claim::table(
            "largest change, sweep by sweep",
            |_, i| at(&changes, i),
            &printed(|row| row.0),
        ),
        Claim::table("value of the first state", |_, i| at(&values, i), &printed(|row| row.1)),
    ])
}

fn frozen_lake_stanford(command: &'static str) -> Result<Vec<Claim>> {
    let dense = "the policy's linear equations by Gaussian elimination";
    let slippery = solve(command)?;
    let sweeps = solve("lab value-iteration --env frozen-lake --gamma 0.9")?;
    let sure = solve("lab policy-iteration --env frozen-lake --gamma 0.9 --slippery false")?;
    let expected = exact::values(&slippery.mdp, 0.9, exact::sure(&slippery.solution.policy))?[0];
    Ok(vec![
        Claim::derived("value of the first state", slippery.value("0")?, (expected, 1e-9), dense),
        Claim::derived(
            "the same by value iteration",
            sweeps.value("0")?,
            (0.068_890_90, 1e-8),
            PYTHON,
        ),
        Claim::derived(
            "value of the first state without slipping",
            sure.value("0")?,
            (0.9_f64.powi(5), 1e-12),
            "six steps, the last one paid: 0.9⁵",
        ),
    ])
}

const PYTHON: &str = "sweeps in Python over Gymnasium's table (docs/checks.md)";

fn five_step(command: &'static str) -> Result<Vec<Claim>> {
    let solved = solve(command)?;
    let all = exact::best_sequence(&solved.mdp, 0);
    let mut at = 0;
    let mut best = Vec::new();
    while let Some(action) = solved.solution.action(at) {
        best.push(solved.solution.actions[action].clone());
        at = exact::outcomes(&solved.mdp, at, action).first().map_or(at, |outcome| outcome.next);
    }
    Ok(vec![
        Claim::printed("best return", solved.start_value(), "4.1"),
        Claim::derived(
            "best return",
            solved.start_value(),
            (all, 1e-12),
            "all 3125 sequences of actions",
        ),
        Claim::derived(
            "best return by place alone",
            by_place(&solved.mdp),
            (4.1, 1e-12),
            "2, 1, 0, 2, 1: the pay of place 1, −0.2, turned around twice, and 0.1 for place 0",
        ),
        Claim::stated(
            "what the planner does",
            best.join(", "),
            "one of the sequences that return 4.1",
            (solved.start_value() - 4.1).abs() < 1e-9 && best.len() == 5,
        ),
    ])
}

/// The best return of all 5⁴ ways to choose an action for each place.
fn by_place(mdp: &dyn envs::Mdp) -> f64 {
    let returns = (0..625_usize).map(|code| {
        let choice = |place: usize| code / 5_usize.pow(place as u32) % 5;
        let (mut state, mut sum) = (0, 0.0);
        while let [outcome] = exact::outcomes(mdp, state, choice(state % 4))[..] {
            sum += outcome.reward;
            state = outcome.next;
        }
        sum
    });
    returns.fold(f64::NEG_INFINITY, f64::max)
}
