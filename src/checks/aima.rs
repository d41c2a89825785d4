//! Russell & Norvig, *Artificial Intelligence: A Modern Approach*.
use super::check::{Check, Speed};
use crate::claim::Claim;
use crate::run::in_memory::{Solved, solve};
use agents::tabular::Choice;
use anyhow::Result;

const URL: &str = "https://aima.cs.berkeley.edu";

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "aima-utilities",
        about: "Utilities of the 4×3 world, third edition",
        source: "Russell & Norvig, third edition (2010), figures 17.2(a) and 17.3",
        url: URL,
        command: "lab value-iteration --env gridworld --layout aima",
        speed: Speed::Quick,
        notes: "γ = 1 and −0.04 in every state that is no exit. The third edition pays R(s) for being in a \
                state, exits included: an exit is worth what it pays.",
        run: utilities,
    },
    Check {
        name: "aima-utilities-4e",
        about: "Utilities of the 4×3 world, fourth edition",
        source: "Russell & Norvig, fourth edition (2020), figure 16.3",
        url: URL,
        command: "lab value-iteration --env gridworld --layout aima --reward entering",
        speed: Speed::Quick,
        notes: "The fourth edition pays for a transition, and the step into an exit pays the exit's value \
                in place of −0.04: every utility is higher by 0.04 than in the third edition, and the \
                best policies are the same.",
        run: utilities_4e,
    },
    Check {
        name: "aima-rewards",
        about: "Rewards of living at which the best policy of the 4×3 world changes",
        source: "Russell & Norvig, fourth edition, section 16.1 and figure 16.2; third edition, figure 17.2(b)",
        url: URL,
        command: "lab policy-iteration --env gridworld --layout aima --living-reward -0.0221",
        speed: Speed::Quick,
        notes: "Found by bisection. A policy's value is linear in the living reward, so one that is best at \
                both ends of an interval is best all over it: no change is missed. Whether exits pay on \
                leaving or on entering makes no difference: any walk then earns one living reward more \
                or less.",
        run: rewards,
    },
    Check {
        name: "aima-policies",
        about: "Policies of the 4×3 world at living rewards −0.04, −0.4, −2 and above 0",
        source: "Russell & Norvig, third edition, figure 17.2; fourth edition, figure 16.2",
        url: URL,
        command: "lab policy-iteration --env gridworld --layout aima --living-reward -0.4",
        speed: Speed::Quick,
        notes: "The corner at the bottom right tells them apart: the long way round, the risky short way, \
                straight into −1.",
        run: policies,
    },
];

/// Figure 17.3, without exits.
const UTILITIES: &str = "0.812 0.868 0.918 +1 | 0.762 # 0.660 −1 | 0.705 0.655 0.611 0.388";

const CELLS: [&str; 9] =
    ["(1,3)", "(2,3)", "(3,3)", "(1,2)", "(3,2)", "(1,1)", "(2,1)", "(3,1)", "(4,1)"];

fn utilities(command: &'static str) -> Result<Vec<Claim>> {
    let solved = solve(command)?;
    Ok(vec![
        Claim::table("utilities", solved.cell(3), UTILITIES),
        Claim::printed("utility of the start (1,1)", solved.value("(1,1)")?, "0.705"),
        Claim::derived(
            "largest error of a utility",
            solved.error_of_values(1.0)?,
            (0.0, 1e-8),
            "the policy's linear equations by Gaussian elimination",
        ),
        Claim::same(
            "policy, row by row from the top left",
            solved.actions(&CELLS)?,
            "right right right up up up left left left",
        ),
    ])
}

fn utilities_4e(command: &'static str) -> Result<Vec<Claim>> {
    let solved = solve(command)?;
    let printed = "0.8516 0.9078 0.9578 +1 | 0.8016 # 0.7003 −1 | 0.7453 0.6953 0.6514 0.4279";
    let leaving = solve("lab value-iteration --env gridworld --layout aima")?;
    let mut apart = 0.0_f64;
    for cell in CELLS {
        apart = apart.max((solved.value(cell)? - leaving.value(cell)? - 0.04).abs());
    }
    let numbers = |row, column| {
        // Exits have no value where entering them pays.
        let exit = column == 3 && row < 2;
        if exit { Some([1.0, -1.0][row]) } else { solved.cell(3)(row, column) }
    };
    let left = solved.q("(3,1)", "left")?;
    let up = solved.q("(3,1)", "up")?;
    Ok(vec![
        Claim::table("utilities", numbers, printed),
        Claim::derived(
            "largest difference to the third edition, less 0.04",
            apart,
            (0.0, 1e-9),
            "the last step pays the exit's value in place of −0.04 more",
        ),
        Claim::derived("value of going left in (3,1)", left, (0.6514, 5e-5), FROM_PRINTED),
        Claim::derived("value of going up in (3,1)", up, (0.6326, 5e-5 + 1e-4), FROM_PRINTED).note(
            "The fourth edition says that both are optimal in (3,1) at −0.04. They are not: going up is \
             worth 0.0189 less by the book's own utilities. Up is optimal below −0.0448.",
        ),
    ])
}

const FROM_PRINTED: &str = "one step ahead of the printed utilities: left is 0.8·0.6953 + 0.1·0.7003 + \
    0.1·0.6514 − 0.04, up is 0.8·0.7003 + 0.1·0.6953 + 0.1·0.4279 − 0.04";

/// The policy at a living reward, by cell.
fn policy(reward: f64, convention: &str) -> Result<Solved> {
    solve(&format!(
        "lab policy-iteration --env gridworld --layout aima --living-reward {reward} --reward {convention}"
    ))
}

/// Adds every living reward between `low` and `high` at which the policy changes.
fn changes(
    (low, at_low): (f64, &[Option<Choice>]),
    (high, at_high): (f64, &[Option<Choice>]),
    convention: &str,
    found: &mut Vec<f64>,
) -> Result<()> {
    if at_low == at_high {
        return Ok(());
    }
    let middle = 0.5 * (low + high);
    if high - low < 1e-6 {
        found.push(middle);
        return Ok(());
    }
    let solution = policy(middle, convention)?.solution.policy;
    changes((low, at_low), (middle, &solution), convention, found)?;
    changes((middle, &solution), (high, at_high), convention, found)
}

/// Every living reward from −2 to just below 0 at which the policy changes.
fn all_changes(convention: &str) -> Result<Vec<f64>> {
    let (low, high) = (-2.0, -1e-4);
    let ends =
        [policy(low, convention)?.solution.policy, policy(high, convention)?.solution.policy];
    let mut found = Vec::new();
    changes((low, &ends[0]), (high, &ends[1]), convention, &mut found)?;
    Ok(found)
}

/// Change points as fractions: two neighbouring policies are worth the same there. docs/checks.md has
/// the script that solves their equations in fractions.
const FRACTIONS: [(f64, f64); 8] = [
    (40_888.0, 24_785.0),
    (258_048.0, 164_965.0),
    (9_216.0, 12_605.0),
    (36_864.0, 81_445.0),
    (20_736.0, 243_985.0),
    (165_632.0, 3_694_415.0),
    (544.0, 19_885.0),
    (32.0, 1_445.0),
];

fn rewards(_: &'static str) -> Result<Vec<Claim>> {
    let leaving = all_changes("leaving")?;
    let entering = all_changes("entering")?;
    let count = |found: &[f64]| found.len() as f64;
    let at = |i: usize| leaving.get(i).copied().unwrap_or(f64::NAN);
    let exact = |what: &str, i: usize| {
        let (above, below) = FRACTIONS[i];
        let how = "the point where two neighbouring policies are worth the same, in fractions";
        Claim::derived(what, at(i), (-above / below, 1e-6), how)
    };
    let apart = leaving.iter().zip(&entering).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    Ok(vec![
        Claim::printed("policies for living rewards below 0", count(&leaving) + 1.0, "9"),
        Claim::printed("where exits pay on entering", count(&entering) + 1.0, "9"),
        Claim::derived("largest difference between the conventions", apart, (0.0, 1e-5), "see the note"),
        Claim::printed("(3,2): straight into −1 below", at(0), "-1.6497")
            .note("The third edition prints −1.6284, which the fourth corrects."),
        exact("(3,2), as a fraction", 0),
        exact("(3,1): right below, up above", 1),
        Claim::printed("(1,1): right below, up above", at(2), "-0.7311"),
        Claim::printed("(4,1): up into −1 below, left above", at(3), "-0.4526")
            .note("The third edition prints −0.4278, which the fourth corrects."),
        exact("(4,1), as a fraction", 3),
        Claim::printed("(2,1): right below, left above", at(4), "-0.0850"),
        exact("(3,1): up below, left above", 5).note(
            "The fourth edition gives a single range, −0.0850 to −0.0273, for the policies of its figure \
             16.2(a), in which (3,1) goes left or up; the two are tied at this point only.",
        ),
        Claim::printed("(3,2): up below, left above", at(6), "-0.0274"),
        Claim::printed("(4,1): left below, down above", at(7), "-0.0221").note(
            "Third edition. The fourth gives its cautious policy, in which (4,1) goes down, from −0.0274 \
             to 0: between −0.0274 and −0.0221, (4,1) still goes left.",
        ),
    ])
}

fn policies(command: &'static str) -> Result<Vec<Claim>> {
    let corner = ["(4,1)", "(3,1)", "(3,2)"];
    let of = |reward: f64| policy(reward, "leaving")?.actions(&corner);
    let discounted =
        "lab value-iteration --env gridworld --layout aima --living-reward 0.1 --gamma 0.99";
    let pleasant = solve(discounted)?;
    let endless = match policy(0.1, "leaving") {
        Ok(_) => "a policy".to_owned(),
        Err(error) => format!("{error:#}"),
    };
    Ok(vec![
        Claim::same("at −0.04: (4,1), (3,1), (3,2)", of(-0.04)?, "left left up"),
        Claim::same("at −0.4", solve(command)?.actions(&corner)?, "left up up").note(
            "The third edition's figure for −0.4278 to −0.0850; the fourth edition shows −0.7311 to \
             −0.4526 instead, where (4,1) dives into −1.",
        ),
        Claim::same("at −0.6", of(-0.6)?, "up up up"),
        Claim::same("at −2", of(-2.0)?, "up right right"),
        Claim::same("at −0.02: no risk at all", of(-0.02)?, "down left left"),
        Claim::same(
            "at 0.1 with γ = 0.99: (4,1), (3,2), (3,3) avoid both exits",
            pleasant.actions(&["(4,1)", "(3,2)", "(3,3)"])?,
            "down left left",
        ),
        Claim::stated(
            "at 0.1 with γ = 1",
            endless.clone(),
            "the agent never ends, and its reward is infinite",
            endless.contains("infinite"),
        ),
    ])
}
