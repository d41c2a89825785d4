//! Berkeley's CS188, project 3 (reinforcement learning), and what its autograder expects.
use super::check::{Check, Speed};
use crate::claim::Claim;
use crate::run::in_memory::solve;
use anyhow::Result;

const URL: &str = "https://inst.eecs.berkeley.edu/~cs188/su21/project3/";

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "cs188-q1-book",
        about: "Value iteration on BookGrid after 5, 6 and 100 sweeps",
        source: "CS188, project 3, question 1, and the lecture on MDPs: values shown by gridworld.py -a value -i K",
        url: URL,
        command: "lab value-iteration --env gridworld --layout book --steps 100",
        speed: Speed::Quick,
        notes: "AIMA's map with noise 0.2, living reward 0 and discount 0.9; exits pay on leaving, so that \
                an exit has its value after one sweep.",
        run: book,
    },
    Check {
        name: "cs188-q1-tests",
        about: "Value iteration on the grids of the autograder's tests",
        source: "CS188, project 3, autograder: test_cases/q1/{1-tinygrid,2-tinygrid-noisy,3-bridge,4-discountgrid}.solution",
        url: URL,
        command: "lab value-iteration --env gridworld --layout discount --steps 5",
        speed: Speed::Quick,
        notes: "The tests turn the grids by a quarter; numbers are given here as the grids are drawn in the \
                project.",
        run: tests,
    },
    Check {
        name: "cs188-q2",
        about: "Bridge crossing: how little noise makes the agent cross",
        source: "CS188, project 3, question 2, test_cases/q2/1-bridge-grid.test",
        url: URL,
        command: "lab value-iteration --env gridworld --layout bridge --noise 0.01",
        speed: Speed::Quick,
        notes: "Either the discount or the noise may be changed from 0.9 and 0.2, so that the start goes \
                east. No discount does; noise does up to 0.01695.",
        run: bridge,
    },
    Check {
        name: "cs188-q3",
        about: "Discount, noise and living reward for each of five policies on DiscountGrid",
        source: "CS188, project 3, question 3, test_cases/q3/*.test",
        url: URL,
        command: "lab value-iteration --env gridworld --layout discount --noise 0 --gamma 0.1",
        speed: Speed::Quick,
        notes: "All five exist. The autograder takes any parameters that lead to the policy; these are one \
                choice each.",
        run: discount,
    },
    Check {
        name: "cs188-q4-q5",
        about: "Asynchronous value iteration and prioritized sweeping",
        source: "CS188, project 3 (spring 2018 to summer 2021), questions 4 and 5, test_cases/q4 and q5: values_k_1000",
        url: URL,
        command: "lab value-iteration --env gridworld --layout bridge --noise 0.1 --gamma 0.85 --order prioritized",
        speed: Speed::Quick,
        notes: "The course's agents back up one state an iteration in an order of their own, so that only \
                what they end with can be compared. Later editions have Q-learning as question 4.",
        run: asynchronous,
    },
];

fn book(command: &'static str) -> Result<Vec<Claim>> {
    let after = |sweeps: u32| {
        let command = format!("lab value-iteration --env gridworld --layout book --steps {sweeps}");
        anyhow::Ok(solve(&command)?)
    };
    let last = solve(command)?;
    Ok(vec![
        Claim::table(
            "values after 5 sweeps",
            after(5)?.cell(3),
            "0.51 0.72 0.84 1.00 | 0.27 # 0.55 -1.00 | 0.00 0.22 0.37 0.13",
        ),
        Claim::table(
            "values after 6 sweeps",
            after(6)?.cell(3),
            "0.59 0.73 0.85 1.00 | 0.41 # 0.57 -1.00 | 0.21 0.31 0.43 0.19",
        ),
        Claim::table(
            "values after 100 sweeps",
            last.cell(3),
            "0.64 0.74 0.85 1.00 | 0.57 # 0.57 -1.00 | 0.49 0.43 0.48 0.28",
        ),
        Claim::derived(
            "largest error of a value",
            last.error_of_values(0.9)?,
            (0.0, 1e-8),
            "the policy's linear equations by Gaussian elimination",
        ),
    ])
}

/// DiscountGrid after 100 sweeps, less its cliff.
const DISCOUNT: &str = "4.4765 5.1665 5.8841 6.6836 7.5087 | 3.9306 # 6.0258 7.5087 8.6547 | \
    3.4513 # 1.0000 # 10.0000 | 2.9289 2.0045 3.3074 5.7186 8.4777";

/// BridgeGrid with noise 0.1 and discount 0.85, the way between the chasms.
const BRIDGE: &str = "# | 1.0000 -7.7350 -14.4173 -15.4999 -9.1502 -0.8500 10.0000";

fn tests(command: &'static str) -> Result<Vec<Claim>> {
    let grid = |options: &str| solve(&format!("lab value-iteration --env gridworld {options}"));
    let tiny = |sweeps: u32| {
        grid(&format!("--layout tiny --noise 0.25 --gamma 0.75 --steps {sweeps}"))?.value("(1,2)")
    };
    Ok(vec![
        Claim::printed(
            "tinygrid: value of the start",
            grid("--layout tiny")?.value("(1,2)")?,
            "5.0000",
        ),
        Claim::printed("tinygrid-noisy: after 2 sweeps", tiny(2)?, "5.6250"),
        Claim::printed("tinygrid-noisy: after 3 sweeps", tiny(3)?, "6.6797"),
        Claim::printed("tinygrid-noisy: after 5 sweeps", tiny(5)?, "6.9145"),
        Claim::printed("tinygrid-noisy: after 100 sweeps", tiny(100)?, "6.9231"),
        Claim::table(
            "bridge, noise 0.1, discount 0.85: after 100 sweeps",
            grid("--layout bridge --noise 0.1 --gamma 0.85 --steps 100")?.cell(3),
            BRIDGE,
        ),
        Claim::table(
            "discountgrid: after 5 sweeps",
            solve(command)?.cell(5),
            "0.2687 0.4740 3.4560 5.3370 6.9611 | 0.0000 # 4.5452 6.9611 8.5041 | \
             0.0042 # 1.0000 # 10.0000 | 0.0106 0.7477 2.8880 5.5324 8.4085",
        ),
        Claim::table(
            "discountgrid: after 9 sweeps",
            grid("--layout discount --steps 9")?.cell(5),
            "3.6240 4.8435 5.7577 6.6255 7.4826 | 2.3421 # 5.9589 7.4826 8.6483 | \
             1.0685 # 1.0000 # 10.0000 | 0.3373 1.6120 3.3017 5.7159 8.4767",
        ),
        Claim::table(
            "discountgrid: after 100 sweeps",
            grid("--layout discount --steps 100")?.cell(5),
            DISCOUNT,
        ),
    ])
}

fn bridge(command: &'static str) -> Result<Vec<Claim>> {
    let start = |noise: f64, discount: f64| {
        let command = format!(
            "lab value-iteration --env gridworld --layout bridge --noise {noise} --gamma {discount}"
        );
        Ok::<_, anyhow::Error>(solve(&command)?.action("(2,2)")?.to_owned())
    };
    let (mut crosses, mut returns) = (0.0, 0.2);
    while returns - crosses > 1e-6 {
        let noise = 0.5 * (crosses + returns);
        if start(noise, 0.9)? == "right" { crosses = noise } else { returns = noise }
    }
    let mut discounts = Vec::new();
    for percent in 0..100 {
        if start(0.2, f64::from(percent) / 100.0)? == "right" {
            discounts.push(percent);
        }
    }
    Ok(vec![
        Claim::same("start, noise 0.2 and discount 0.9", start(0.2, 0.9)?, "left"),
        Claim::same("start, noise 0.01", solve(command)?.action("(2,2)")?, "right"),
        Claim::same("start, noise 0", start(0.0, 0.9)?, "right"),
        Claim::derived(
            "largest noise at which it crosses",
            crosses,
            (0.016_954_85, 1e-6),
            "bisection in Python, with sweeps over a dictionary (docs/checks.md)",
        ),
        Claim::same(
            "discounts of 0, 0.01, … 0.99 at which it crosses, noise 0.2",
            format!("{discounts:?}"),
            "[]",
        )
        .by("a noise of 0.2 costs more than the 10 at the far end is worth at any discount"),
    ])
}

fn discount(command: &'static str) -> Result<Vec<Claim>> {
    let with = |options: &str| {
        solve(&format!("lab value-iteration --env gridworld --layout discount {options}"))
    };
    let safe_near = with("--noise 0.1 --gamma 0.1")?;
    let risky_far = with("--noise 0 --gamma 0.9")?;
    let safe_far = with("--noise 0.2 --gamma 0.9")?;
    let never = with("--noise 0.2 --gamma 0.9 --living-reward 20")?;
    let row = ["(1,2)", "(2,2)", "(3,2)", "(4,2)", "(5,2)"];
    let round = ["(1,2)", "(1,3)", "(1,4)", "(1,5)", "(2,5)", "(3,5)", "(3,4)"];
    let far = ["(1,2)", "(1,3)", "(1,4)", "(1,5)", "(2,5)", "(3,5)", "(4,5)", "(5,5)", "(5,4)"];
    let mut exits = Vec::new();
    for (i, state) in never.solution.states.iter().enumerate() {
        // Beside an exit: (3,3) from above and below, (5,3) too, the cliff from row 2.
        let towards = match state.as_str() {
            "(3,4)" | "(5,4)" => ["down", ""],
            "(3,2)" | "(5,2)" => ["up", "down"],
            state if state.ends_with(",2)") => ["down", ""],
            _ => continue,
        };
        let name = never.solution.action(i).map(|action| never.solution.actions[action].as_str());
        if towards.iter().any(|towards| name == Some(towards)) {
            exits.push(state.clone());
        }
    }
    Ok(vec![
        Claim::same(
            "3a: the near exit, risking the cliff (discount 0.1, noise 0)",
            solve(command)?.actions(&row[..3])?,
            "right right up",
        ),
        Claim::same(
            "3b: the near exit, avoiding the cliff (discount 0.1, noise 0.1)",
            safe_near.actions(&round)?,
            "up up up right right down down",
        ),
        Claim::same(
            "3c: the far exit, risking the cliff (discount 0.9, noise 0)",
            risky_far.actions(&row)?,
            "right right right right up",
        ),
        Claim::same(
            "3d: the far exit, avoiding the cliff (discount 0.9, noise 0.2)",
            safe_far.actions(&far)?,
            "up up up right right right right down down",
        ),
        Claim::same(
            "3e: no exit at all (living reward 20): cells that walk into one",
            format!("{exits:?}"),
            "[]",
        ),
    ])
}

fn asynchronous(command: &'static str) -> Result<Vec<Claim>> {
    let with = |options: &str| solve(&format!("lab value-iteration --env gridworld {options}"));
    Ok(vec![
        Claim::table("q5, bridge: prioritized", solve(command)?.cell(3), BRIDGE),
        Claim::table(
            "q5, discountgrid: prioritized",
            with("--layout discount --order prioritized")?.cell(5),
            DISCOUNT,
        )
        .note(
            "The published values stop at a threshold of 1e-5, four states of them 0.0001 short.",
        ),
        Claim::table(
            "q4, discountgrid: in place",
            with("--layout discount --order in-place")?.cell(5),
            DISCOUNT,
        ),
        Claim::table(
            "q4, discountgrid: in random order",
            with("--layout discount --order random")?.cell(5),
            DISCOUNT,
        ),
        Claim::printed(
            "tinygrid: in place",
            with("--layout tiny --order in-place")?.value("(1,2)")?,
            "5.0000",
        ),
    ])
}
