//! The loop.
use crate::part::Part;
use crate::{Interrupted, Learner, Outcome, Plan, Progress, Report, Run, Split, pulse};
use anyhow::Result;

/// Trains `learner` until the plan, the learner or the user says stop (see [`pulse::hearing`]), from the
/// newest checkpoint where there is one. An evaluation that was interrupted, the final one included, is made
/// by the next call.
///
/// # Errors
/// Errors of the learner, a sink or the disk; [`Diverged`](crate::Diverged) where a metric or a
/// parameter is not finite. Earlier checkpoints stay as they were.
pub fn fit(learner: &mut dyn Learner, plan: &Plan, run: &mut Run) -> Result<Report> {
    let mut part = Part::begin(learner, plan, run)?;
    let mut outcome = train(&mut part, learner)?;
    part.save(learner)?;
    let mut evaluation = None;
    if outcome != Outcome::Interrupted {
        // Saved before: a run that goes on from here has this row only where it falls due.
        part.write_row()?;
        evaluation = part.evaluation(learner, Split::Test)?;
        if evaluation.is_none() {
            outcome = Outcome::Interrupted;
        }
    }
    let no_update = match (outcome, part.clock.updates) {
        (Outcome::Converged, _) => None,
        (_, Some(0)) => Some(learner.first_update().why_none(plan.steps)),
        _ => None,
    };
    let objective = evaluation.as_ref().map(|evaluation| evaluation.objective.clone());
    let objective = objective.or(part.clock.objective.take());
    let first = objective.as_ref().zip(part.clock.first_score);
    Ok(Report {
        outcome,
        not_converged: part.clock.not_converged,
        steps: part.clock.step,
        wall_seconds: part.wall_seconds(),
        seconds: part.clock.seconds,
        updates: part.clock.updates,
        no_update,
        first: first.map(|(objective, score)| objective.direction.score(score)),
        objective,
        evaluation,
        params_hash: crate::model_hash(|checkpoint| learner.state(checkpoint))?,
    })
}

/// Steps, evaluates, logs and saves as the plan says, until the end.
fn train(part: &mut Part<'_>, learner: &mut dyn Learner) -> Result<Outcome> {
    // Before all else: what follows may hang on it.
    if part.clock.unevaluated {
        if !evaluate(part, learner)? {
            return Ok(Outcome::Interrupted);
        }
        part.write_row()?;
        part.mark_best()?;
    }
    loop {
        if let Some(outcome) = part.clock.ended(part.plan) {
            return Ok(outcome);
        }
        if pulse::stopped() {
            return Ok(part.interrupted());
        }
        let before = part.clock.step;
        let progress = match learner.step(&mut part.log) {
            Err(error) if error.is::<Interrupted>() => return Ok(part.interrupted()),
            progress => progress.or_else(|error| part.failed(error))?,
        };
        part.clock.step += progress.units();
        part.clock.not_converged = matches!(progress, Progress::NotConverged(_));
        if let Some(updates) = &mut part.clock.updates {
            *updates += part.log.take_updates();
        }
        part.check_finite()?;
        for note in part.log.take_notes() {
            part.run.sinks.iter_mut().for_each(|sink| sink.note(&note));
        }
        part.run.sinks.iter_mut().for_each(|sink| sink.tick(part.clock.step));

        let after = part.clock.step;
        let due = |every: u64| every > 0 && before / every != after / every;
        part.clock.converged = progress == Progress::Converged;
        let evaluated = due(part.plan.eval_every) || part.clock.converged;
        part.clock.unevaluated = evaluated;
        if evaluated && !evaluate(part, learner)? {
            return Ok(Outcome::Interrupted);
        }
        if evaluated || due(part.plan.log_every) {
            part.write_row()?;
        }
        if due(part.plan.save_every) || part.clock.is_best() {
            part.save(learner)?;
            part.mark_best()?;
        }
    }
}

/// Makes the evaluation that is due; says whether it came to its end.
fn evaluate(part: &mut Part<'_>, learner: &mut dyn Learner) -> Result<bool> {
    let Some(evaluation) = part.evaluation(learner, Split::Validation)? else {
        return Ok(false);
    };
    part.log.evaluation(&evaluation);
    part.clock.evaluated(evaluation);
    Ok(true)
}

#[cfg(test)]
mod tests;
