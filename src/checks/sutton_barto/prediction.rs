//! Policies that are given: what they are worth.
use super::super::check::{Check, Speed, trials};
use super::super::exact;
use super::URL;
use crate::claim::Claim;
use crate::run::in_memory::{Solved, solve, watch};
use crate::told::interval;
use anyhow::{Context, Result};
use std::fs;
use train::Measure;

pub(in super::super) const CHECKS: &[Check] = &[
    Check {
        name: "sutton-3.5",
        about: "The 5×5 grid with two leaps: values of the random policy",
        source: "Sutton & Barto, second edition, example 3.5, figure 3.2",
        url: URL,
        command: "lab policy-evaluation --env gridworld --layout sutton-5x5",
        speed: Speed::Quick,
        notes: "γ = 0.9; every direction with equal chance.",
        run: random_leaps,
    },
    Check {
        name: "sutton-4.1",
        about: "The 4×4 grid: the random policy, sweep by sweep",
        source: "Sutton & Barto, second edition, example 4.1, figure 4.1",
        url: URL,
        command: "lab policy-evaluation --env gridworld --layout sutton-4x4 --method exact",
        speed: Speed::Quick,
        notes: "γ = 1. Sweeps are synchronous: every value from those of the sweep before. −1.75 after two \
                sweeps is printed as −1.7.",
        run: random_grid,
    },
    Check {
        name: "sutton-5.1",
        about: "Blackjack: sticking on 20 and 21 only",
        source: "Sutton & Barto, second edition, example 5.1, figure 5.1 (a plot without numbers)",
        url: URL,
        command: "lab policy-evaluation --env blackjack --policy examples/policies/stick-on-20.json",
        speed: Speed::Quick,
        notes: "The figure is what 500,000 episodes of Monte Carlo prediction come to; lab's answer is exact \
                and compared with a recursion over hands. stick-on-20.json is in examples/policies of the \
                repository.",
        run: stick_on_20,
    },
    Check {
        name: "sutton-5.4",
        about: "Blackjack: the value of a state, also by importance sampling",
        source: "Sutton & Barto, second edition, example 5.4, figure 5.3: −0.27726",
        url: URL,
        command: "lab policy-evaluation --env blackjack --policy examples/policies/stick-on-20.json",
        speed: Speed::Quick,
        notes: "The state is 13 with a usable ace against a 2. The book's number is the mean of a hundred \
                million episodes, the exact one is −0.277204: a return deviates by 0.96, a mean over 10⁸ \
                of them by 0.0001.",
        run: importance_sampling,
    },
    Check {
        name: "sutton-6.2",
        about: "The random walk: true values; TD(0) is better than Monte Carlo",
        source: "Sutton & Barto, second edition, example 6.2",
        url: URL,
        command: "lab td --env random-walk --alpha 0.1 --initial 0.5 --steps 2500",
        speed: Speed::Quick,
        notes: "As in the book: values begin at 0.5, errors are root mean squares over the five cells, \
                100 episodes, 100 runs (seeds 1 to 100). A row a transition is written for it, with the \
                error against the exact answer.",
        run: random_walk,
    },
    Check {
        name: "sutton-13.1",
        about: "The short corridor: what a policy that cannot tell the cells apart is worth",
        source: "Sutton & Barto, second edition, example 13.1",
        url: URL,
        command: "lab policy-evaluation --env short-corridor --method exact --policy examples/policies/corridor-best.json",
        speed: Speed::Quick,
        notes: "Going right with probability p everywhere is worth (2p − 4) / (p·(1 − p)), best at \
                p = 2 − √2. The policies are in examples/policies of the repository.",
        run: corridor,
    },
];

/// Policies that commands name.
const POLICIES: [(&str, &str); 4] = [
    ("stick-on-20.json", include_str!("../../../examples/policies/stick-on-20.json")),
    ("corridor-best.json", include_str!("../../../examples/policies/corridor-best.json")),
    ("corridor-right.json", include_str!("../../../examples/policies/corridor-right.json")),
    ("corridor-left.json", include_str!("../../../examples/policies/corridor-left.json")),
];

/// Runs a command that names one of [`POLICIES`], wherever the program runs.
fn with_policy(command: &str) -> Result<Solved> {
    let dir = tempfile::tempdir().context("no directory for temporary files")?;
    for (name, text) in POLICIES {
        fs::write(dir.path().join(name), text).context("cannot write a temporary file")?;
    }
    let (before, after) = command.split_once("examples/policies").context("no policy is named")?;
    // Words are split at blanks, of which the directory may have some.
    let path = dir.path().to_str().filter(|path| !path.contains(char::is_whitespace));
    let path = path.context("the directory for temporary files has a blank in its name")?;
    solve(&format!("{before}{path}{after}"))
}

const DENSE: &str = "the policy's linear equations by Gaussian elimination";

/// The largest difference to the values of the random policy by Gaussian elimination.
fn error_of_random(solved: &Solved, gamma: f64) -> Result<f64> {
    let values = exact::values(&solved.mdp, gamma, exact::uniform(&solved.mdp))?;
    let errors = values.iter().zip(&solved.solution.values).map(|(a, b)| (a - b).abs());
    Ok(errors.fold(0.0, f64::max))
}

fn random_leaps(command: &'static str) -> Result<Vec<Claim>> {
    let solved = solve(command)?;
    let printed = "3.3 8.8 4.4 5.3 1.5 | 1.5 3.0 2.3 1.9 0.5 | 0.1 0.7 0.7 0.4 -0.4 | \
                   -1.0 -0.4 -0.4 -0.6 -1.2 | -1.9 -1.3 -1.2 -1.4 -2.0";
    Ok(vec![
        Claim::table("values", solved.cell(5), printed),
        Claim::derived(
            "largest error of a value",
            error_of_random(&solved, 0.9)?,
            (0.0, 1e-8),
            DENSE,
        ),
    ])
}

fn random_grid(command: &'static str) -> Result<Vec<Claim>> {
    let mut lines = Vec::new();
    for (sweeps, printed) in [
        (1, "0.0 -1.0 -1.0 -1.0 | -1.0 -1.0 -1.0 -1.0 | -1.0 -1.0 -1.0 -1.0 | -1.0 -1.0 -1.0 0.0"),
        (2, "0.0 -1.7 -2.0 -2.0 | -1.7 -2.0 -2.0 -2.0 | -2.0 -2.0 -2.0 -1.7 | -2.0 -2.0 -1.7 0.0"),
        (3, "0.0 -2.4 -2.9 -3.0 | -2.4 -2.9 -3.0 -2.9 | -2.9 -3.0 -2.9 -2.4 | -3.0 -2.9 -2.4 0.0"),
        (10, "0.0 -6.1 -8.4 -9.0 | -6.1 -7.7 -8.4 -8.4 | -8.4 -8.4 -7.7 -6.1 | -9.0 -8.4 -6.1 0.0"),
    ] {
        let command = "lab policy-evaluation --env gridworld --layout sutton-4x4";
        let solved = solve(&format!("{command} --steps {sweeps}"))?;
        lines.push(Claim::table(format!("values after k = {sweeps}"), solved.cell(4), printed));
    }
    let solved = solve(command)?;
    let printed = "0 -14 -20 -22 | -14 -18 -20 -20 | -20 -20 -18 -14 | -22 -20 -14 0";
    lines.push(Claim::table("values in the end", solved.cell(4), printed));
    let error = error_of_random(&solved, 1.0)?;
    lines.push(Claim::derived("largest error of a value", error, (0.0, 1e-8), DENSE));
    Ok(lines)
}

fn stick_on_20(command: &'static str) -> Result<Vec<Claim>> {
    let solved = with_policy(command)?;
    let mut lines = Vec::new();
    for (state, expected) in [
        ("(21,1,1)", 0.638_442),
        ("(20,10,0)", 0.434_958),
        ("(21,10,0)", 0.888_576),
        ("(12,1,0)", -0.640_166),
        ("(12,10,1)", -0.289_064),
        ("(19,10,0)", -0.744_344),
    ] {
        let what = format!("value of {state}: sum, dealer's card, usable ace");
        lines.push(Claim::derived(what, solved.value(state)?, (expected, 1e-6), HANDS));
    }
    let value = solved.start_value();
    lines.push(Claim::derived("value of the game", value, (-0.350_111_15, 1e-8), HANDS));
    Ok(lines)
}

const HANDS: &str = "recursion over hands in Python (docs/checks.md)";

fn importance_sampling(command: &'static str) -> Result<Vec<Claim>> {
    let exactly = with_policy(command)?.value("(13,2,1)")?;
    let (printed, give_or_take) = (-0.277_26, 0.000_19);
    let estimate = |behaviour: &str| {
        let policy = "--policy examples/policies/stick-on-20.json";
        let command =
            format!("lab mc-prediction --env blackjack {policy} {behaviour} --steps 100000");
        let scores = trials(&command, 1..=10, with_policy, |solved| Ok(solved.start_value()))?;
        anyhow::Ok(Measure::of(&scores))
    };
    let value = -0.350_111_15;
    Ok(vec![
        Claim::stated(
            "value of the state",
            format!("{exactly:.6}"),
            "-0.27726, give or take 0.00019 (95 % of means over 10⁸ episodes)",
            (exactly - printed).abs() <= give_or_take + 1e-9,
        ),
        Claim::derived("the same", exactly, (-0.277_204_19, 1e-8), HANDS),
        Claim::simulated(
            "value of the game from episodes of the policy itself",
            estimate("")?,
            (value, 0.0),
        )
        .by(HANDS),
        Claim::simulated(
            "value of the game from random play, by weighted importance sampling",
            estimate("--behaviour uniform")?,
            (value, 0.01),
        )
        .by(HANDS)
        .note("Weighted importance sampling is biased at first, by the less the more is seen."),
    ])
}

fn random_walk(command: &'static str) -> Result<Vec<Claim>> {
    let exactly = solve("lab policy-evaluation --env random-walk --method exact")?;
    let cells = ["A", "B", "C", "D", "E"];
    let mut apart = 0.0_f64;
    for (cell, expected) in cells.into_iter().zip(1..) {
        apart = apart.max((exactly.value(cell)? - f64::from(expected) / 6.0).abs());
    }
    let error = |command: &str| {
        let command = format!("{command} --log-every 1 --eval-every 0 --save-every 0");
        let errors = trials(&command, 1..=100, watch, |solved| {
            let errors = solved.until_episode(100, "oracle/value_error")?;
            Ok(Measure::of(&errors).mean)
        });
        anyhow::Ok(Measure::of(&errors?))
    };
    let monte_carlo = |alpha: &str| {
        error(&format!(
            "lab mc-prediction --env random-walk --visits every --alpha {alpha} --initial 0.5 --steps 2500"
        ))
    };
    let td = |alpha: &str| error(&command.replace("0.1", alpha));
    let shown = |of: Measure| format!("{:.4} ({})", of.mean, interval(&of, 4));
    let tds = [td("0.05")?, td("0.1")?, td("0.15")?];
    let mcs =
        [monte_carlo("0.01")?, monte_carlo("0.02")?, monte_carlo("0.03")?, monte_carlo("0.04")?];
    let least = |all: &[Measure]| all.iter().copied().min_by(|a, b| a.mean.total_cmp(&b.mean));
    let (best_td, best_mc) = (least(&tds).context("none")?, least(&mcs).context("none")?);
    Ok(vec![
        Claim::derived(
            "largest error of a true value",
            apart,
            (0.0, 1e-12),
            "1/6, 2/6, 3/6, 4/6, 5/6, as printed",
        ),
        Claim::stated(
            "mean error over 100 episodes, α = 0.05, 0.1, 0.15: TD(0)",
            tds.map(shown).join(", "),
            "the best of them below the best of Monte Carlo, intervals apart",
            best_td.below(&best_mc),
        ),
        Claim::stated(
            "α = 0.01, 0.02, 0.03, 0.04: Monte Carlo",
            mcs.map(shown).join(", "),
            "the best of them above the best of TD(0)",
            best_td.mean < best_mc.mean,
        ),
    ])
}

fn corridor(command: &'static str) -> Result<Vec<Claim>> {
    let value = |command: &str| anyhow::Ok(with_policy(command)?.start_value());
    let of = |p: f64| (2.0 * p - 4.0) / (p * (1.0 - p));
    let named = |name: &str| value(&command.replace("corridor-best", name));
    let (best, right, left) = (value(command)?, named("corridor-right")?, named("corridor-left")?);
    let closed = "(2p − 4) / (p·(1 − p))";
    // Going right with probability p on the whole percents.
    let values = (1..100).map(|percent| (percent, of(f64::from(percent) / 100.0)));
    let best_percent = values.max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(percent, _)| percent);
    Ok(vec![
        Claim::printed("value of the best policy, p = 0.586", best, "-11.66"),
        Claim::derived(
            "the same",
            best,
            (-6.0 - 4.0 * 2.0_f64.sqrt(), 1e-9),
            "at p = 2 − √2: −6 − 4·√2",
        )
        .note("The book prints −11.6, cut off rather than rounded; it is −11.657."),
        Claim::printed("best probability of going right", f64::from(best_percent) / 100.0, "0.59"),
        Claim::printed("ε-greedy with ε = 0.1, right greedy", right, "-44")
            .note("\"less than −44\""),
        Claim::derived("the same", right, (of(0.95), 1e-9), closed),
        Claim::printed("ε-greedy with ε = 0.1, left greedy", left, "-82").note("\"less than −82\""),
        Claim::derived("the same", left, (of(0.05), 1e-9), closed),
    ])
}
