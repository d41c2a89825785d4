//! The runs of a sweep: those it begins with, those that go on, and those that are proposed once others are over.
use super::info::{Member, Passed, Place, Study};
use super::median::MedianRule;
use super::sweep::{Point, Sweep};
use crate::run::result::RunResult;
use crate::run::state::State;
use anyhow::Result;
use serde_json::Value;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// The runs that a sweep begins with.
///
/// # Errors
/// If a setting is unknown or out of its range.
pub(crate) fn first(sweep: &Sweep) -> Result<Vec<Member>> {
    runs_of(sweep, &sweep.first(), (0, 0))
}

/// The runs of configurations, of which there are `before` already, in this round.
fn runs_of(
    sweep: &Sweep,
    points: &[Point],
    (before, round): (usize, usize),
) -> Result<Vec<Member>> {
    let mut members = Vec::new();
    let rung = rungs(sweep.halving, points.len()).saturating_sub(1);
    for (number, point) in (before..).zip(points) {
        let (algorithm, config) = sweep.resolved(point)?;
        for seed in &sweep.seeds {
            let mut member =
                Member::new(algorithm, config.seeded(*seed), &format!("-{:03}", number + 1));
            member.place =
                Place { configuration: number, round, point: point.clone(), ..Place::default() };
            let full = config.plan()?.steps;
            let steps = match (sweep.halving, sweep.median) {
                (Some(part), _) => Some((full / part.saturating_pow(rung as u32)).max(1)),
                (None, Some(rule)) => Some(rule.next(full, 0)),
                (None, None) => None,
            };
            if let Some(steps) = steps {
                member.config.insert("steps".to_owned(), Value::from(steps));
                member.place.full_steps = Some(full);
            }
            members.push(member);
        }
    }
    Ok(members)
}

/// Rungs of a round of so many configurations: each has one in `halving` of those before it.
fn rungs(halving: Option<u64>, mut n: usize) -> usize {
    let Some(part) = halving else { return 1 };
    let mut rungs = 1;
    while n as u64 >= part {
        n /= part as usize;
        rungs += 1;
    }
    rungs
}

/// A configuration and how well it did.
#[derive(Debug, Clone)]
pub(crate) struct Tried {
    pub(crate) configuration: usize,
    /// Steps that it was trained for.
    pub(crate) steps: u64,
    /// Mean over its seeds, turned so that higher is better; `None` where a run failed.
    pub(crate) score: Option<f64>,
    pub(crate) point: Point,
    pub(crate) round: usize,
    /// Steps and scores, as above, where it stopped on its way, and where it is.
    pub(crate) course: Vec<(u64, f64)>,
    /// It has fewer steps than it was to have.
    pub(crate) is_stopped: bool,
}

/// The configurations of a sweep, the best first: those that were trained for longest, by their scores. One of which a
/// run is not over is left out, and said to be missing.
pub(crate) fn tried(study: &Study) -> (Vec<Tried>, bool) {
    let mut missing = BTreeSet::new();
    let mut of = BTreeMap::<usize, (Vec<&Member>, Vec<Option<f64>>)>::new();
    for member in &study.members {
        let score = match study.state(member) {
            State::Done(result) => score(&result),
            State::Failed(_) | State::Diverged(_) => None,
            _ => {
                missing.insert(member.place.configuration);
                continue;
            }
        };
        let (members, scores) = of.entry(member.place.configuration).or_default();
        members.push(member);
        scores.push(score);
    }
    let mean = |scores: &[f64]| scores.iter().sum::<f64>() / scores.len() as f64;
    let tried = |(configuration, (members, scores)): (usize, (Vec<&Member>, Vec<Option<f64>>))| {
        let known: Option<Vec<f64>> = scores.into_iter().collect();
        let score = known.map(|scores| mean(&scores));
        let Member { place, .. } = members[0];
        let steps = members[0].steps();
        let passed = |(at, passed): (usize, &Passed)| {
            let scores =
                members.iter().filter_map(|member| Some(member.place.passed.get(at)?.score));
            (passed.steps, mean(&scores.collect::<Vec<_>>()))
        };
        let passed = place.passed.iter().enumerate().map(passed);
        Tried {
            configuration,
            steps,
            score,
            point: place.point.clone(),
            round: place.round,
            course: passed.chain(score.map(|score| (steps, score))).collect(),
            is_stopped: place.full_steps.is_some_and(|full| full > steps),
        }
    };
    of.retain(|configuration, _| !missing.contains(configuration));
    let mut tried: Vec<_> = of.into_iter().map(tried).collect();
    let rank = |tried: &Tried| (tried.score.is_some(), tried.steps);
    tried.sort_by(|a, b| {
        let scores = || b.score.unwrap_or(0.0).total_cmp(&a.score.unwrap_or(0.0));
        Reverse(rank(a)).cmp(&Reverse(rank(b))).then_with(scores)
    });
    (tried, !missing.is_empty())
}

fn score(result: &RunResult) -> Option<f64> {
    let (objective, measure) = result.scored()?;
    Some(objective.direction.score(measure.mean)).filter(|score| score.is_finite())
}

/// Next move of a sweep whose runs are over.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// `study.json` lists more to do.
    More,
    /// Runs are under way elsewhere.
    Wait,
    Over,
}

/// Lets the best configurations go on, or proposes more, once all runs are over. What it does follows from the results
/// alone: whoever does it, and however often it is begun, does the same.
///
/// # Errors
/// If the study can't be read or written.
pub(crate) fn advance(study: &mut Study) -> Result<Next> {
    let Some(sweep) = study.sweep.clone() else { return Ok(Next::Over) };
    if sweep.seconds.is_some_and(|seconds| study.seconds() >= seconds) {
        return Ok(Next::Over);
    }
    let (tried, is_missing) = tried(study);
    if is_missing {
        return Ok(Next::Wait);
    }
    let round = study.members.iter().map(|member| member.place.round).max().unwrap_or(0);
    let going_on = going_on(&sweep, &tried, round);
    if go_on(study, &sweep, &going_on) {
        study.write()?;
        return Ok(Next::More);
    }
    if !sweep.is_in_rounds() {
        return Ok(Next::Over);
    }
    let scored: Vec<Point> = tried.iter().map(|tried| tried.point.clone()).collect();
    let points = sweep.round(round + 1, &scored);
    if points.is_empty() {
        return Ok(Next::Over);
    }
    study.members.extend(runs_of(&sweep, &points, (tried.len(), round + 1))?);
    study.write()?;
    Ok(Next::More)
}

/// The configurations of a round whose runs are over that are to go on.
fn going_on(sweep: &Sweep, tried: &[Tried], round: usize) -> Vec<usize> {
    let of_round = || tried.iter().filter(|tried| tried.round == round);
    let longest = of_round().map(|tried| tried.steps).max().unwrap_or(0);
    let rung: Vec<_> = of_round().filter(|tried| tried.steps == longest).collect();
    let best: Vec<_> = match (sweep.halving, sweep.median) {
        // One that failed is the worst of its rung.
        (Some(part), _) => rung.iter().take(rung.len() / part as usize).collect(),
        (None, Some(rule)) => rung.iter().filter(|own| !is_stopped(rule, own, tried)).collect(),
        (None, None) => Vec::new(),
    };
    let best = best.into_iter().filter(|tried| tried.score.is_some());
    best.map(|tried| tried.configuration).collect()
}

/// Test whether a configuration is stopped by those of earlier rounds that came to their end.
fn is_stopped(rule: MedianRule, own: &Tried, tried: &[Tried]) -> bool {
    let scores = |tried: &Tried| tried.course.iter().map(|(_, score)| *score).collect::<Vec<_>>();
    let ended = tried.iter().filter(|other| other.round < own.round && !other.is_stopped);
    let ended = ended.filter(|other| other.score.is_some());
    rule.stops(&scores(own), own.steps, &ended.map(scores).collect::<Vec<_>>())
}

/// Gives the runs of configurations their next steps, and says whether any has some left.
fn go_on(study: &mut Study, sweep: &Sweep, configurations: &[usize]) -> bool {
    let mut more = false;
    for at in 0..study.members.len() {
        let member = &study.members[at];
        let steps = member.steps();
        let full = member.place.full_steps.filter(|full| *full > steps);
        let (true, Some(full)) = (configurations.contains(&member.place.configuration), full)
        else {
            continue;
        };
        let State::Done(result) = study.state(member) else { continue };
        let Some(score) = score(&result) else { continue };
        let next = match (sweep.halving, sweep.median) {
            (Some(part), _) => {
                // The last rung is the whole, whatever rounding left.
                let next = steps.saturating_mul(part);
                if next.saturating_mul(part) > full { full } else { next }
            }
            (None, Some(rule)) => rule.next(full, steps),
            (None, None) => full,
        };
        let member = &mut study.members[at];
        member.config.insert("steps".to_owned(), Value::from(next));
        member.place.passed.push(Passed { steps, score });
        more = true;
    }
    more
}
