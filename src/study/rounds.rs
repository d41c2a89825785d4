//! The runs of a sweep: those it begins with, those that go on, and those that are proposed once others are over.
use super::info::{Member, Place, Study};
use super::sweep::{Method, Point, Sweep};
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
                Place { configuration: number, round, point: point.clone(), full_steps: None };
            if let Some(part) = sweep.halving {
                let full = config.plan()?.steps;
                let steps = (full / part.saturating_pow(rung as u32)).max(1);
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
    let tried = |(configuration, (members, scores)): (usize, (Vec<&Member>, Vec<Option<f64>>))| {
        let known: Option<Vec<f64>> = scores.into_iter().collect();
        let score = known.map(|scores| scores.iter().sum::<f64>() / scores.len() as f64);
        let steps = members[0].steps();
        Tried {
            configuration,
            steps,
            score,
            point: members[0].place.point.clone(),
            round: members[0].place.round,
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
    if let Some(part) = sweep.halving {
        let of_round: Vec<_> = tried.iter().filter(|tried| tried.round == round).collect();
        let longest = of_round.iter().map(|tried| tried.steps).max().unwrap_or(0);
        // One that failed is the worst of its rung.
        let rung: Vec<_> = of_round.iter().filter(|tried| tried.steps == longest).collect();
        let best = rung.iter().take(rung.len() / part as usize);
        let going_on: Vec<_> =
            best.filter(|tried| tried.score.is_some()).map(|tried| tried.configuration).collect();
        let mut more = false;
        for member in
            study.members.iter_mut().filter(|member| going_on.contains(&member.place.configuration))
        {
            if let Some(full) = member.place.full_steps.filter(|full| *full > member.steps()) {
                // The last rung is the whole, whatever rounding left.
                let next = member.steps().saturating_mul(part);
                let next = if next.saturating_mul(part) > full { full } else { next };
                member.config.insert("steps".to_owned(), Value::from(next));
                more = true;
            }
        }
        if more {
            study.write()?;
            return Ok(Next::More);
        }
    }
    let left = sweep.configurations.saturating_sub(tried.len());
    if sweep.method != Method::Tpe || left == 0 {
        return Ok(Next::Over);
    }
    let scored: Vec<Point> = tried.iter().map(|tried| tried.point.clone()).collect();
    let points = sweep.drawn(left.min(sweep.round), round + 1, &scored);
    if points.is_empty() {
        return Ok(Next::Over);
    }
    study.members.extend(runs_of(&sweep, &points, (tried.len(), round + 1))?);
    study.write()?;
    Ok(Next::More)
}
