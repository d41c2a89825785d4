//! Sutton & Barto, *Reinforcement Learning: An Introduction*, second edition (2018): what planners
//! answer. Given policies are in `prediction`, what is learned from experience in `control`.
pub(super) mod control;
pub(super) mod prediction;

use super::check::{Check, Speed};
use super::exact;
use crate::claim::Claim;
use crate::run::in_memory::{Solved, solve};
use anyhow::Result;
use train::Row;

const URL: &str = "http://incompleteideas.net/book/the-book-2nd.html";

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "sutton-3.8",
        about: "The 5×5 grid with two leaps: optimal values",
        source: "Sutton & Barto, second edition, example 3.8, figure 3.5",
        url: URL,
        command: "lab value-iteration --env gridworld --layout sutton-5x5",
        speed: Speed::Quick,
        notes: "γ = 0.9.",
        run: leaps,
    },
    Check {
        name: "sutton-4.2",
        about: "Jack's car rental: the policies on the way to the best one",
        source: "Sutton & Barto, second edition, example 4.2, figure 4.2 (π₀ to π₄)",
        url: URL,
        command: "lab policy-iteration --env jacks-car-rental --start 0",
        speed: Speed::Quick,
        notes: "The figure shows contours, no numbers: that π₀ moves no car, that π₄ is the best and the \
                first that stays, is the book's; the numbers are those of policy iteration in Python \
                (docs/checks.md), written apart from lab.",
        run: jack,
    },
    Check {
        name: "sutton-4.3",
        about: "The gambler's problem, p = 0.4: values and stakes",
        source: "Sutton & Barto, second edition, example 4.3, figure 4.3; Dubins & Savage (1965)",
        url: URL,
        command: "lab value-iteration --env gamblers-problem",
        speed: Speed::Quick,
        notes: "Many policies are optimal, as the book says, and rounding chooses among them: the figure \
                shows the smallest of the stakes that tie. Bold play, staking all one has or needs, is \
                another.",
        run: gambler,
    },
    Check {
        name: "sutton-5.3",
        about: "Blackjack: the best policy",
        source: "Sutton & Barto, second edition, example 5.3, figure 5.2",
        url: URL,
        command: "lab value-iteration --env blackjack",
        speed: Speed::Quick,
        notes: "The figure is of Monte Carlo with exploring starts; lab solves the game. The notch against \
                an ace, which the book finds and Thorp's strategy has not, is there: with a usable ace \
                one hits 18.",
        run: blackjack,
    },
    Check {
        name: "sutton-6.5",
        about: "The windy grid: shortest ways, also with the king's moves",
        source: "Sutton & Barto, second edition, example 6.5 (15 steps) and exercise 6.9",
        url: URL,
        command: "lab value-iteration --env gridworld --layout windy",
        speed: Speed::Quick,
        notes: "The book gives no answer to exercise 6.9; 7 steps is what everybody finds, and a ninth \
                action, to stay, does not help.",
        run: windy,
    },
    Check {
        name: "sutton-8.1",
        about: "Dyna's maze: the shortest way",
        source: "Sutton & Barto, second edition, example 8.1, figure 8.2 (14 steps)",
        url: URL,
        command: "lab value-iteration --env gridworld --layout dyna-maze",
        speed: Speed::Quick,
        notes: "1 for reaching the goal, γ = 0.95: the start is worth 0.95¹³.",
        run: maze,
    },
];

fn leaps(command: &'static str) -> Result<Vec<Claim>> {
    let solved = solve(command)?;
    let printed = "22.0 24.4 22.0 19.4 17.5 | 19.8 22.0 19.8 17.8 16.0 | 17.8 19.8 17.8 16.0 14.4 | \
                   16.0 17.8 16.0 14.4 13.0 | 14.4 16.0 14.4 13.0 11.7";
    Ok(vec![
        Claim::table("optimal values", solved.cell(5), printed),
        Claim::derived(
            "value of A",
            solved.value("(2,5)")?,
            (10.0 / (1.0 - 0.9_f64.powi(5)), 1e-7),
            "A again every five steps: 10 / (1 − 0.9⁵)",
        ),
    ])
}

/// π₁ to π₄: cars moved, from 20 cars at the first location down to 0; 0 to 20 at the second to the
/// right.
const MOVED: [&str; 4] = [
    "
    5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 4 3 2 1 0 | 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 4 3 2 1 0 |
    5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 4 3 2 1 0 | 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 4 3 2 1 0 |
    5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 4 4 3 2 1 0 | 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 4 3 3 2 1 0 |
    5 5 5 5 5 5 5 5 5 5 5 5 5 5 4 4 3 2 2 1 0 | 5 5 5 5 5 5 5 5 5 5 5 5 5 4 4 3 3 2 1 1 0 |
    5 5 5 5 5 5 5 5 5 5 5 4 4 4 3 3 2 2 1 0 0 | 5 5 5 5 5 5 5 5 4 4 4 4 3 3 3 2 2 1 1 0 0 |
    5 5 5 5 5 5 4 4 4 3 3 3 3 2 2 2 1 1 0 0 0 | 5 5 5 4 4 4 4 3 3 3 2 2 2 2 1 1 1 0 0 0 0 |
    4 4 4 4 3 3 3 3 2 2 2 1 1 1 1 0 0 0 0 0 0 | 4 3 3 3 3 2 2 2 2 1 1 1 0 0 0 0 0 0 0 0 0 |
    3 3 2 2 2 2 1 1 1 1 0 0 0 0 0 0 0 0 0 0 0 | 2 2 2 1 1 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 |
    1 1 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 -1 | 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 -1 -1 -1 -1 |
    0 0 0 0 0 0 0 0 0 0 0 0 0 -1 -1 -1 -1 -1 -2 -2 -2 |
    0 0 0 0 0 0 0 0 0 0 -1 -1 -1 -1 -2 -2 -2 -2 -2 -3 -3 |
    0 0 0 0 0 0 0 0 -1 -1 -1 -2 -2 -2 -2 -3 -3 -3 -3 -3 -4",
    "
    5 5 5 4 3 3 2 2 2 1 1 1 1 1 1 1 1 1 0 0 0 | 5 5 4 4 3 2 2 1 1 1 0 0 0 0 0 0 0 0 0 0 0 |
    5 5 4 3 3 2 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0 | 5 5 4 3 2 2 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 |
    5 5 4 3 2 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 | 5 5 4 3 2 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 |
    5 5 4 3 2 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 | 5 5 4 3 2 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 |
    5 5 4 3 2 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 | 5 4 4 3 2 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 |
    5 4 3 3 2 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 | 4 4 3 2 2 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 |
    3 3 3 2 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 | 3 2 2 2 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 |
    2 2 1 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 | 1 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 |
    1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 -1 | 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 -1 -1 -1 -1 -1 |
    0 0 0 0 0 0 0 0 0 0 0 -1 -1 -1 -1 -1 -1 -2 -2 -2 -2 |
    0 0 0 0 0 0 0 0 0 -1 -1 -1 -2 -2 -2 -2 -2 -2 -3 -3 -3 |
    0 0 0 0 0 0 0 -1 -1 -1 -2 -2 -2 -3 -3 -3 -3 -3 -3 -4 -4",
    "
    5 5 5 5 4 4 3 3 3 3 3 2 2 2 2 1 1 1 0 0 0 | 5 5 5 5 4 3 3 2 2 2 2 2 1 1 1 1 0 0 0 0 0 |
    5 5 5 4 4 3 2 2 1 1 1 1 1 0 0 0 0 0 0 0 0 | 5 5 5 4 3 3 2 1 1 0 0 0 0 0 0 0 0 0 0 0 0 |
    5 5 5 4 3 2 2 1 0 0 0 0 0 0 0 0 0 0 0 0 0 | 5 5 5 4 3 2 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0 |
    5 5 4 4 3 2 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 | 5 5 4 3 3 2 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 |
    5 5 4 3 2 2 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 | 5 4 4 3 2 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 |
    4 4 3 3 2 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 | 4 3 3 2 2 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 |
    3 3 2 2 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 | 3 2 2 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 |
    2 2 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 | 1 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 |
    0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 -1 -1 |
    0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 -1 -1 -1 -1 -1 -2 |
    0 0 0 0 0 0 0 0 0 0 0 -1 -1 -1 -1 -1 -2 -2 -2 -2 -2 |
    0 0 0 0 0 0 0 0 0 -1 -1 -1 -2 -2 -2 -2 -2 -3 -3 -3 -3 |
    0 0 0 0 0 0 0 0 -1 -1 -2 -2 -2 -3 -3 -3 -3 -3 -4 -4 -4",
    "
    5 5 5 5 4 4 3 3 3 3 2 2 2 2 2 1 1 1 0 0 0 | 5 5 5 4 4 3 3 2 2 2 2 1 1 1 1 1 0 0 0 0 0 |
    5 5 5 4 3 3 2 2 1 1 1 1 0 0 0 0 0 0 0 0 0 | 5 5 5 4 3 2 2 1 1 0 0 0 0 0 0 0 0 0 0 0 0 |
    5 5 5 4 3 2 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0 | 5 5 5 4 3 2 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 |
    5 5 4 4 3 2 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 | 5 5 4 3 3 2 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 |
    5 5 4 3 2 2 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 | 5 4 4 3 2 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 |
    4 4 3 3 2 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 | 4 3 3 2 2 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 |
    3 3 2 2 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 | 3 2 2 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 |
    2 2 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 | 1 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 |
    0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 -1 -1 |
    0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 -1 -1 -1 -1 -1 -2 |
    0 0 0 0 0 0 0 0 0 0 0 -1 -1 -1 -1 -1 -2 -2 -2 -2 -2 |
    0 0 0 0 0 0 0 0 0 -1 -1 -1 -2 -2 -2 -2 -2 -3 -3 -3 -3 |
    0 0 0 0 0 0 0 0 -1 -1 -2 -2 -2 -3 -3 -3 -3 -3 -4 -4 -4",
];

fn jack(command: &'static str) -> Result<Vec<Claim>> {
    let python = "policy iteration in Python, Poisson numbers up to 59 (docs/checks.md)";
    let mut lines = Vec::new();
    for (expected, steps) in MOVED.iter().zip(1..) {
        let solved = solve(&format!("{command} --steps {steps}"))?;
        let moved = |row: usize, column: usize| {
            solved.action(&format!("({},{column})", 20 - row)).ok()?.parse::<f64>().ok()
        };
        let what = format!("cars moved from the first location to the second: policy {steps}");
        lines.push(Claim::table(what, moved, expected).by(python));
    }
    let solved = solve(&format!("{command} --log-every 1"))?;
    let changed = |row: &&Row| row.values.get("train/policy_changes").is_some_and(|n| *n > 0.0);
    let improvements = solved.rows.iter().filter(changed).count();
    let what = "improvements until the policy stays";
    lines.push(Claim::printed(what, improvements as f64, "4"));
    for (state, expected) in
        [("(0,0)", 421.414_063_39), ("(10,10)", 574.948_323_98), ("(20,20)", 636.989_606_80)]
    {
        let what = format!("value of {state}");
        lines.push(Claim::derived(what, solved.value(state)?, (expected, 1e-6), python));
    }
    Ok(lines)
}

/// Chance to win by bold play from this share of the goal: f(x) = p·f(2x) up to ½, p + (1 − p)·f(2x − 1)
/// beyond.
fn bold(share: f64, heads: f64, doublings: u32) -> f64 {
    match share {
        _ if doublings == 0 || share <= 0.0 => 0.0,
        1.0.. => 1.0,
        ..=0.5 => heads * bold(2.0 * share, heads, doublings - 1),
        _ => heads + (1.0 - heads) * bold(2.0 * share - 1.0, heads, doublings - 1),
    }
}

fn gambler(command: &'static str) -> Result<Vec<Claim>> {
    let solved = solve(command)?;
    let mut distance = 0.0_f64;
    for capital in 1..100_u32 {
        let by_bold_play = bold(f64::from(capital) / 100.0, 0.4, 60);
        distance = distance.max((solved.value(&capital.to_string())? - by_bold_play).abs());
    }
    // The least of the stakes that tie, by how far it is to the nearest quarter.
    let least = |capital: usize| {
        if capital.is_multiple_of(25) {
            capital.min(100 - capital)
        } else {
            (capital % 25).min(25 - capital % 25)
        }
    };
    let stakes: Vec<String> = (1..100).map(|capital| least(capital).to_string()).collect();
    let capitals: Vec<String> = (1..100).map(|capital: usize| capital.to_string()).collect();
    let capitals: Vec<&str> = capitals.iter().map(String::as_str).collect();
    Ok(vec![
        Claim::derived("largest error of a value", distance, (0.0, 1e-9), "bold play, which is optimal below p = ½"),
        Claim::printed("value of 25", solved.value("25")?, "0.16").by("two heads: 0.4²"),
        Claim::printed("value of 50", solved.value("50")?, "0.4").by("one head"),
        Claim::printed("value of 75", solved.value("75")?, "0.64").by("a head, or else one more: 0.4 + 0.6·0.4"),
        Claim::same(
            "stakes at 1 to 99: the least that ties",
            solved.actions(&capitals)?.replace("stake ", ""),
            &stakes.join(" "),
        )
        .note("The steps of figure 4.3: up to 12 and down again within every quarter, 25, 50 and 25 between."),
        Claim::derived(
            "at 60: staking 10 less staking 40, both optimal",
            solved.q("60", "stake 10")? - solved.q("60", "stake 40")?,
            (0.0, 1e-9),
            "bold play ties with the smaller stake",
        ),
    ])
}

fn blackjack(command: &'static str) -> Result<Vec<Claim>> {
    let solved = solve(command)?;
    let sticks_from = |ace: u32| -> Result<String> {
        let mut sums = Vec::new();
        for card in 1..=10 {
            let mut from = 12;
            for sum in 12..=21 {
                if solved.action(&format!("({sum},{card},{ace})"))? == "hit" {
                    from = sum + 1;
                }
            }
            sums.push(from.to_string());
        }
        Ok(sums.join(" "))
    };
    let hit = solved.q("(18,1,1)", "hit")? - solved.q("(18,1,1)", "stick")?;
    let python = "recursion over hands in Python (docs/checks.md)";
    Ok(vec![
        Claim::same(
            "without a usable ace: sticks from, against A, 2, … 10",
            sticks_from(0)?,
            "17 13 13 12 12 12 17 17 17 17",
        ),
        Claim::same("with a usable ace", sticks_from(1)?, "19 18 18 18 18 18 18 18 19 19"),
        Claim::derived(
            "18 with a usable ace against an ace: hitting less sticking",
            hit,
            (0.039_31, 5e-6),
            python,
        ),
        Claim::derived("value of the game", solved.start_value(), (-0.043_113_105, 1e-8), python),
    ])
}

fn windy(command: &'static str) -> Result<Vec<Claim>> {
    let of =
        |layout: &str| solve(&format!("lab value-iteration --env gridworld --layout {layout}"));
    let found = |solved: &Solved| {
        let start = solved.mdp.starts().first().map_or(0, |start| start.0);
        exact::steps_to_end(&solved.mdp)[start].map_or(f64::NAN, f64::from)
    };
    let search = "breadth-first search";
    let (four, king, stay) = (solve(command)?, of("windy-king")?, of("windy-king-stay")?);
    Ok(vec![
        Claim::printed("steps with four moves", -four.start_value(), "15"),
        Claim::derived("the same", -four.start_value(), (found(&four), 1e-9), search),
        Claim::derived(
            "steps with the king's moves",
            -king.start_value(),
            (found(&king), 1e-9),
            search,
        ),
        Claim::derived(
            "the same",
            -king.start_value(),
            (7.0, 1e-9),
            "counted by hand along the best way",
        ),
        Claim::derived(
            "steps where staying is a move",
            -stay.start_value(),
            (found(&stay), 1e-9),
            search,
        ),
    ])
}

fn maze(command: &'static str) -> Result<Vec<Claim>> {
    let solved = solve(command)?;
    let start = solved.mdp.starts().first().map_or(0, |start| start.0);
    let steps = exact::steps_to_end(&solved.mdp)[start].map_or(f64::NAN, f64::from);
    let ours = 1.0 + solved.start_value().ln() / 0.95_f64.ln();
    Ok(vec![
        Claim::printed("steps", ours, "14"),
        Claim::derived("the same", ours, (steps, 1e-9), "breadth-first search"),
        Claim::derived(
            "value of the start",
            solved.start_value(),
            (0.95_f64.powi(13), 1e-9),
            "0.95¹³",
        ),
    ])
}
