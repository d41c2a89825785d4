//! Optima of Gymnasium's tables.
use super::check::{Check, Speed, trials};
use super::exact;
use crate::claim::Claim;
use crate::run::in_memory::{Solved, solve};
use anyhow::Result;
use std::collections::VecDeque;
use train::Measure;

const URL: &str =
    "https://github.com/Farama-Foundation/Gymnasium/blob/main/gymnasium/envs/__init__.py";

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "gym-frozen-lake",
        about: "FrozenLake-v1: best chance to cross, with and without the limit of 100 steps",
        source: "Gymnasium, envs/__init__.py: FrozenLake-v1, \"optimum = 0.74\"",
        url: URL,
        command: "lab value-iteration --env frozen-lake --gamma 1 --steps 100",
        speed: Speed::Quick,
        notes: "Undiscounted, k sweeps from values of 0 give the best there is within k steps. Without the \
                limit the best chance is 14/17: Gymnasium's 0.74 is what 100 steps leave of it.",
        run: frozen_lake,
    },
    Check {
        name: "gym-frozen-lake-8x8",
        about: "FrozenLake8x8-v1: best chance to cross within 200 steps",
        source: "Gymnasium, envs/__init__.py: FrozenLake8x8-v1, \"optimum = 0.91\"",
        url: URL,
        command: "lab value-iteration --env frozen-lake-8x8 --gamma 1 --steps 200",
        speed: Speed::Quick,
        notes: "Without the limit one can cross for sure. 0.91 takes a policy that minds the step it is at; \
                the best one for γ = 0.9999, which does not, crosses within 200 steps with 0.886.",
        run: frozen_lake_8x8,
    },
    Check {
        name: "gym-frozen-lake-learned",
        about: "FrozenLake-v1: Q-learning comes to the optimum from experience",
        source: "Gymnasium, envs/__init__.py: FrozenLake-v1, \"optimum = 0.74\"",
        url: URL,
        command: "lab q-learning --env frozen-lake --gamma 0.99 --alpha 1/n^0.7 --epsilon-start 1 --epsilon-end 0.2 --steps 10000000 --test-episodes 10000",
        speed: Speed::Slow(20),
        notes: "Ten runs (seeds 1 to 10), each scored over 10,000 episodes of at most 100 steps without \
                exploration.",
        run: frozen_lake_learned,
    },
    Check {
        name: "gym-taxi",
        about: "Taxi-v3: mean best return over the 300 starts",
        source: "Dietterich (2000), section 3.1, as Gymnasium's Taxi-v3; envs/__init__.py says \"optimum = 8.46\"",
        url: URL,
        command: "lab value-iteration --env taxi --gamma 1",
        speed: Speed::Quick,
        notes: "8.46 is the optimum of the map before version 3, which lacked a wall between two squares of \
                the second row; the comment was never changed.",
        run: taxi,
    },
    Check {
        name: "gym-cliff-walking",
        about: "CliffWalking-v1: the shortest way",
        source: "Sutton & Barto, second edition, example 6.6, as Gymnasium's CliffWalking-v1",
        url: "https://gymnasium.farama.org/environments/toy_text/cliff_walking/",
        command: "lab value-iteration --env cliff-walking",
        speed: Speed::Quick,
        notes: "",
        run: cliff_walking,
    },
];

fn frozen_lake(command: &'static str) -> Result<Vec<Claim>> {
    let limited = solve(command)?;
    let endless = solve("lab policy-iteration --env frozen-lake --gamma 1")?;
    let discounted = solve("lab value-iteration --env frozen-lake --gamma 0.99")?;
    let policy = || exact::sure(&endless.solution.policy);
    let played = exact::start_value(&endless.mdp, &exact::within(&endless.mdp, 100, policy()));
    let best = exact::start_value(&limited.mdp, &exact::best_within(&limited.mdp, 100));
    let dense = exact::start_value(&endless.mdp, &exact::values(&endless.mdp, 1.0, policy())?);
    Ok(vec![
        Claim::printed("best chance within 100 steps", limited.start_value(), "0.74"),
        Claim::derived(
            "the same",
            limited.start_value(),
            (best, 1e-12),
            "recursion over steps left",
        ),
        Claim::derived(
            "chance within 100 steps of the policy that is best without a limit",
            played,
            (0.740_165, 1e-6),
            "the same recursion in Python over Gymnasium's table (docs/checks.md)",
        ),
        Claim::derived(
            "best chance without a limit",
            endless.start_value(),
            (14.0 / 17.0, 1e-9),
            "14/17",
        ),
        Claim::derived("the same", endless.start_value(), (dense, 1e-9), DENSE),
        Claim::derived(
            "value at γ = 0.99",
            discounted.start_value(),
            (0.542_025_93, 1e-7),
            "sweeps in Python over Gymnasium's table (docs/checks.md)",
        ),
    ])
}

fn frozen_lake_learned(command: &'static str) -> Result<Vec<Claim>> {
    let score = |solved: &Solved| Ok(solved.evaluation.value());
    let command = format!("{command} --eval-every 0 --save-every 0");
    let scores = Measure::of(&trials(&command, 1..=10, solve, score)?);
    Ok(vec![Claim::simulated("chance to cross", scores, (0.74, 0.005))])
}

const DENSE: &str = "the policy's linear equations by Gaussian elimination";

fn frozen_lake_8x8(command: &'static str) -> Result<Vec<Claim>> {
    let limited = solve(command)?;
    let endless = solve("lab policy-iteration --env frozen-lake-8x8 --gamma 1")?;
    let patient = solve("lab value-iteration --env frozen-lake-8x8 --gamma 0.9999")?;
    let best = exact::start_value(&limited.mdp, &exact::best_within(&limited.mdp, 200));
    let long = exact::start_value(&endless.mdp, &exact::best_within(&endless.mdp, 3_000));
    let played = exact::within(&patient.mdp, 200, exact::sure(&patient.solution.policy));
    Ok(vec![
        Claim::printed("best chance within 200 steps", limited.start_value(), "0.91"),
        Claim::derived(
            "the same",
            limited.start_value(),
            (best, 1e-12),
            "recursion over steps left",
        ),
        Claim::derived(
            "best chance without a limit",
            endless.start_value(),
            (1.0, 1e-9),
            "every square but the holes has an action that leads to no hole",
        ),
        Claim::derived(
            "the same",
            endless.start_value(),
            (long, 1e-9),
            "recursion over 3000 steps",
        ),
        Claim::derived(
            "chance within 200 steps of the best policy for γ = 0.9999",
            exact::start_value(&patient.mdp, &played),
            (0.885_654, 1e-6),
            "the same recursion in Python over Gymnasium's table (docs/checks.md)",
        ),
    ])
}

/// The second row of Taxi's map, from version 3 on and before.
const ROWS: [&str; 2] = ["| : | : : |", "| : : : : |"];

/// Mean return of the shortest rides, from the map alone.
fn rides(second_row: &str) -> f64 {
    let map = ["|R: | : :G|", second_row, "| : : : : |", "| | : | : |", "|Y| : |B: |"];
    let stops = [[0, 0], [0, 4], [4, 0], [4, 3]];
    let open = |row: usize, place: usize| map[row].as_bytes().get(place) == Some(&b':');
    let steps = |[row, column]: [usize; 2]| {
        let mut found = [[u32::MAX; 5]; 5];
        found[row][column] = 0;
        let mut waiting = VecDeque::from([[row, column]]);
        while let Some([row, column]) = waiting.pop_front() {
            let ways = [
                (row > 0, row.wrapping_sub(1), column),
                (row < 4, row + 1, column),
                (open(row, 2 * column), row, column.wrapping_sub(1)),
                (open(row, 2 * column + 2), row, column + 1),
            ];
            for (_, r, c) in ways.into_iter().filter(|way| way.0) {
                if found[r][c] == u32::MAX {
                    found[r][c] = found[row][column] + 1;
                    waiting.push_back([r, c]);
                }
            }
        }
        found
    };
    let (mut sum, mut n) = (0.0, 0.0);
    for (from, [r, c]) in stops.into_iter().enumerate() {
        for (to, goal) in stops.into_iter().enumerate().filter(|(to, _)| *to != from) {
            debug_assert_ne!(from, to);
            let (fetch, bring) = (steps([r, c]), steps(goal)[r][c]);
            for way in fetch.as_flattened() {
                // Pay 1 for each step but the last, picking up included, and get 20.
                sum += 20.0 - f64::from(way + 1 + bring);
                n += 1.0;
            }
        }
    }
    sum / n
}

fn taxi(command: &'static str) -> Result<Vec<Claim>> {
    let solved = solve(command)?;
    let how = "breadth-first search on the map";
    Ok(vec![
        Claim::derived("mean best return", solved.start_value(), (rides(ROWS[0]), 1e-9), how)
            .note("Gymnasium's comment says 8.46; see the next line."),
        Claim::printed("mean best return on the map before version 3", rides(ROWS[1]), "8.46"),
        Claim::derived(
            "mean best return",
            solved.start_value(),
            (7.93, 1e-9),
            "the same, once, in Python",
        ),
    ])
}

fn cliff_walking(command: &'static str) -> Result<Vec<Claim>> {
    let solved = solve(command)?;
    let steps = exact::steps_to_end(&solved.mdp);
    let start = solved.mdp.starts().first().map_or(0, |start| start.0);
    let shortest = steps[start].map_or(f64::NAN, f64::from);
    let slippery = solve("lab value-iteration --env cliff-walking --slippery true")?;
    Ok(vec![
        Claim::printed("best return", solved.start_value(), "-13"),
        Claim::derived(
            "best return",
            solved.start_value(),
            (-shortest, 1e-9),
            "breadth-first search",
        ),
        Claim::derived(
            "best return where one slips: its error",
            slippery.error_of_values(1.0)?,
            (0.0, 1e-6),
            DENSE,
        ),
    ])
}
