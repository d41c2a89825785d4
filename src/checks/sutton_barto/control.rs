//! Control learned from experience: means over runs with their 95 % intervals.
use super::super::check::{Check, Speed, trials};
use super::super::exact;
use super::URL;
use crate::claim::Claim;
use crate::run::in_memory::{Solved, solve};
use anyhow::{Context, Result};
use train::Measure;

pub(in super::super) const CHECKS: &[Check] = &[
    Check {
        name: "sutton-5.3-monte-carlo",
        about: "Blackjack: Monte Carlo with exploring starts finds the best policy",
        source: "Sutton & Barto, second edition, example 5.3, figure 5.2",
        url: URL,
        command: "lab monte-carlo --env blackjack --method exploring-starts --steps 2000000",
        speed: Speed::Quick,
        notes: "Seed 1. Some choices are so close that no number of episodes settles them: what counts is \
                what the policy loses, computed exactly.",
        run: exploring_starts,
    },
    Check {
        name: "sutton-6.5-sarsa",
        about: "The windy grid: Sarsa while it explores",
        source: "Sutton & Barto, second edition, example 6.5: \"about 17 steps, two more than the minimum of 15\"",
        url: URL,
        command: "lab sarsa --env gridworld --layout windy --alpha 0.5 --steps 8000",
        speed: Speed::Quick,
        notes: "ε = 0.1, α = 0.5, as in the book; 100 runs (seeds 1 to 100) of 8000 steps. The book's is \
                one run, read from a curve.",
        run: windy,
    },
    Check {
        name: "sutton-6.6",
        about: "The cliff: Sarsa's safe path and Q-learning's short one",
        source: "Sutton & Barto, second edition, example 6.6: returns per episode as the figure shows them",
        url: URL,
        command: "lab q-learning --env gridworld --layout sutton-cliff --alpha 0.5 --steps 20000",
        speed: Speed::Quick,
        notes: "ε = 0.1, α = 0.5; 50 runs (seeds 1 to 50), episodes 101 to 500. The figure shows about −25 \
                and −50, give or take 5. What Q-learning's ε-greedy policy gets once its values are exact \
                is computed by linear algebra.",
        run: cliff,
    },
    Check {
        name: "sutton-8.1-dyna-q",
        about: "Dyna's maze: episodes until Dyna-Q walks as well as it can while it explores",
        source: "Sutton & Barto, second edition, example 8.1, figure 8.2: about 25 episodes without planning, about 5 with 5 steps of it, 3 with 50",
        url: URL,
        command: "lab dyna-q --env gridworld --layout dyna-maze --planning 50 --steps 3000",
        speed: Speed::Quick,
        notes: "α = 0.1, ε = 0.1; means over 30 runs (seeds 1 to 30). lab cuts an episode off after 1000 \
                steps and begins at the start again; such parts are counted with the episode that \
                reaches the goal after them. The least an agent can take while it explores are the mean \
                steps of the ε-greedy policy of the best values, 15.9. The book's numbers are read from \
                a figure whose axis goes to 800, where twice the least is next to the bottom.",
        run: dyna,
    },
];

/// Runs that write a row a transition and are not evaluated in between.
const EVERY_ROW: &str = "--log-every 1 --eval-every 0 --save-every 0 --test-episodes 1";

fn exploring_starts(command: &'static str) -> Result<Vec<Claim>> {
    let learned = solve(&format!("{command} --eval-every 0 --save-every 0"))?;
    let best = solve("lab policy-iteration --env blackjack")?;
    let values = exact::values(&learned.mdp, 1.0, exact::sure(&learned.solution.policy))?;
    let value = exact::start_value(&learned.mdp, &values);
    let chosen = best.solution.policy.iter().zip(&learned.solution.policy);
    let differ = chosen.filter(|(best, learned)| best != learned).count();
    Ok(vec![
        Claim::derived(
            "value of the policy that was learned",
            value,
            (best.start_value(), 0.001),
            "the best policy's value; the learned one's by Gaussian elimination",
        ),
        Claim::stated(
            "states in which it chooses otherwise",
            format!("{differ} of 200"),
            "at most 10, those in which both choices are worth nearly the same",
            differ <= 10,
        ),
    ])
}

/// Values of actions that a planner has found.
fn known(best: &Solved) -> impl Fn(usize, usize) -> f64 {
    |state, action| {
        best.solution.q[state].get(action).copied().flatten().unwrap_or(f64::NEG_INFINITY)
    }
}

/// Value at the start of the ε-greedy policy of the best values, ε = 0.1.
fn exploring(best: &Solved) -> Result<f64> {
    let policy = exact::epsilon_greedy(&best.mdp, 0.1, known(best));
    Ok(exact::start_value(&best.mdp, &exact::values(&best.mdp, 1.0, policy)?))
}

fn windy(command: &'static str) -> Result<Vec<Claim>> {
    let best = solve("lab value-iteration --env gridworld --layout windy")?;
    let late = |solved: &Solved| {
        let lengths = solved.rows.iter().filter(|row| row.step > 6_000);
        let lengths: Vec<f64> =
            lengths.filter_map(|row| row.values.get("train/length").copied()).collect();
        Ok(Measure::of(&lengths).mean)
    };
    let lengths = trials(&format!("{command} {EVERY_ROW}"), 1..=100, solve, late)?;
    Ok(vec![
        Claim::printed("steps of the ε-greedy policy of the best values", -exploring(&best)?, "17")
            .note("By Gaussian elimination; 17.05, two more than 15, as the book says."),
        Claim::simulated(
            "Sarsa: steps of an episode, from step 6000 to 8000",
            Measure::of(&lengths),
            (PYTHON_WINDY.0, PYTHON_WINDY.1),
        )
        .by("1000 runs of Sarsa in Python (docs/checks.md), with their 95 % interval")
        .note(
            "With α = 0.5 the values are still unsteady: what the book says of an average holds once they \
             are exact.",
        ),
    ])
}

/// Mean and half its 95 % interval.
const PYTHON_WINDY: (f64, f64) = (26.06, 0.15);

/// The mean return of episodes 101 to 500.
fn online(solved: &Solved) -> Result<f64> {
    let returns = solved.until_episode(500, "train/return")?;
    Ok(Measure::of(returns.get(100..).context("too few episodes")?).mean)
}

fn cliff(command: &'static str) -> Result<Vec<Claim>> {
    let of = |command: &str| {
        let returns = trials(&format!("{command} {EVERY_ROW}"), 1..=50, solve, online)?;
        anyhow::Ok(Measure::of(&returns))
    };
    let sarsa = command.replace("q-learning", "sarsa");
    let (q_learning, sarsa_online) = (of(command)?, of(&sarsa)?);
    let best = solve("lab value-iteration --env gridworld --layout sutton-cliff")?;
    Ok(vec![
        Claim::simulated("Sarsa: return per episode", sarsa_online, (-25.0, 5.0)),
        Claim::simulated("Q-learning: return per episode", q_learning, (-50.0, 5.0)),
        Claim::simulated("the same", q_learning, (exploring(&best)?, 1.0))
            .by("the ε-greedy policy of the best values, by Gaussian elimination")
            .note("Episodes 101 to 500 are not quite the end of learning."),
        Claim::printed(
            "Q-learning: steps of the greedy policy, median of 21",
            median(command)?,
            "13",
        ),
        Claim::printed("Sarsa: steps of the greedy policy, median of 21", median(&sarsa)?, "17")
            .by("up to the top row, along it and down: 3 + 11 + 3"),
    ])
}

/// Median number of steps of the greedy policy in the end.
fn median(command: &str) -> Result<f64> {
    let command = format!("{command} --eval-every 0 --save-every 0 --test-episodes 1");
    let mut steps = trials(&command, 1..=21, solve, |solved| Ok(-solved.evaluation.value()))?;
    steps.sort_by(f64::total_cmp);
    Ok(steps[steps.len() / 2])
}

/// Steps until the goal was reached for the first time, the second time, …
fn steps_to_goal(solved: &Solved) -> Vec<f64> {
    let mut steps = Vec::new();
    let mut so_far = 0.0;
    for length in solved.metric("train/length") {
        so_far += length;
        if length < 1_000.0 {
            steps.push(std::mem::take(&mut so_far));
        }
    }
    steps
}

/// Steps of episode after episode, `[runs][episodes]`.
fn learning_curves(command: &str) -> Result<Vec<Vec<f64>>> {
    let run = |seed| Ok(steps_to_goal(&solve(&format!("{command} {EVERY_ROW} --seed {seed}"))?));
    (1..=30).map(run).collect()
}

/// Number of the first episode that takes `steps` or less in the mean over runs.
fn first_within(curves: &[Vec<f64>], steps: f64) -> Option<usize> {
    let episodes = curves.iter().map(Vec::len).min()?;
    let mean = |i: usize| curves.iter().map(|curve| curve[i]).sum::<f64>() / curves.len() as f64;
    (0..episodes).find(|i| mean(*i) <= steps).map(|i| i + 1)
}

fn dyna(command: &'static str) -> Result<Vec<Claim>> {
    let best = solve("lab value-iteration --env gridworld --layout dyna-maze")?;
    let policy = exact::epsilon_greedy(&best.mdp, 0.1, known(&best));
    let well = exact::start_value(&best.mdp, &exact::mean_steps(&best.mdp, policy)?);
    let random = exact::mean_steps(&best.mdp, exact::uniform(&best.mdp))?;
    let with = |planning: &str, steps: &str| {
        let command = command.replace("--planning 50", &format!("--planning {planning}"));
        learning_curves(&command.replace("--steps 3000", &format!("--steps {steps}")))
    };
    let mut lines = Vec::new();
    let mut first = Vec::new();
    for (planning, steps, episode, give) in
        [("0", "12000", 25, 5), ("5", "5000", 5, 1), ("50", "3000", 3, 0)]
    {
        let curves = with(planning, steps)?;
        let near = first_within(&curves, 2.0 * well).unwrap_or(0);
        let nearer = first_within(&curves, 1.2 * well).unwrap_or(0);
        lines.push(Claim::stated(
            format!("episodes with {planning} steps of planning"),
            format!("{near} to twice the least, {nearer} to within a fifth of it"),
            &format!("about {episode} (± {give}) to twice the least"),
            near.abs_diff(episode) <= give,
        ));
        first = curves.iter().filter_map(|curve| curve.first().copied()).collect();
    }
    let start = exact::start_value(&best.mdp, &random);
    lines.push(
        Claim::simulated("steps of the first episode", Measure::of(&first), (start, 0.0))
            .by("a random walk, as long as nothing is known: its mean by Gaussian elimination")
            .note("The book says about 1700, as the mean of 30 runs; that is five standard errors off."),
    );
    Ok(lines)
}
