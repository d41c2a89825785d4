//! The loop.
use crate::seconds::Lap;
use crate::{
    Checkpoint, Checkpoints, Direction, Diverged, Evaluation, Interrupted, Learner, Log, NotFinite,
    Objective, Outcome, Plan, Progress, Report, Row, Run, Scope, Seconds, Split, pulse, rate,
};
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Instant;

/// The loop's own memory, saved beside the learner's.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Clock {
    step: u64,
    rows: u64,
    wall_seconds: f64,
    /// What the seconds went into; absent in checkpoints of an older version.
    #[serde(default)]
    seconds: Seconds,
    /// Updates made; `None` in checkpoints of an older version, which did not count.
    #[serde(default)]
    updates: Option<u64>,
    /// What decides; known from the first evaluation on.
    #[serde(default)]
    objective: Option<Objective>,
    /// Scores are values of the objective turned so that higher is better.
    first_score: Option<f64>,
    /// Step and score of the last evaluation.
    last: Option<(u64, f64)>,
    /// Step and score of the best evaluation.
    best: Option<(u64, f64)>,
    evals_since_best: u32,
    converged: bool,
    /// The last step was of a learner that converges, and had not yet.
    #[serde(default)]
    not_converged: bool,
    /// The evaluation that is due at this step was interrupted, or is not over yet.
    #[serde(default)]
    unevaluated: bool,
}

/// Trains `learner` until the plan, the learner or the user says stop (see [`pulse::hearing`]), from the
/// newest checkpoint where there is one. An evaluation that was interrupted, the final one included, is made
/// by the next call.
///
/// # Errors
/// What the learner, a sink or the disk reports; [`Diverged`] where a metric or a parameter is not
/// finite. What was saved before stays as it was.
pub fn fit(learner: &mut dyn Learner, plan: &Plan, run: &mut Run) -> Result<Report> {
    let mut part = Part::begin(learner, plan, run)?;
    let mut outcome = part.train(learner)?;
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

/// The part of a run between a start or resume and the next stop.
struct Part<'a> {
    plan: &'a Plan,
    run: &'a mut Run,
    log: Log,
    clock: Clock,
    begun: Instant,
    /// Runs on through everything, so that no second goes into two things.
    lap: Lap,
    /// Seconds of training and steps at the last row.
    row_begun: (f64, u64),
    saved: Option<(u64, PathBuf)>,
}

impl<'a> Part<'a> {
    fn begin(learner: &mut dyn Learner, plan: &'a Plan, run: &'a mut Run) -> Result<Self> {
        let (begun, lap) = (Instant::now(), Lap::begin());
        let (log, clock) = (Log::default(), Clock { updates: Some(0), ..Clock::default() });
        let mut part = Self { plan, run, log, clock, begun, lap, row_begun: (0.0, 0), saved: None };
        if let Some(checkpoints) = part.run.checkpoints.clone() {
            checkpoints.tidy()?;
            let mut notes = Vec::new();
            let note = |note: &str| notes.push(note.to_owned());
            let loaded = checkpoints.load_latest(Scope::All, note, |c| part.state(learner, c));
            notes.iter().for_each(|note| part.run.sinks.iter_mut().for_each(|s| s.note(note)));
            if let Some(dir) = loaded? {
                part.saved = Some((part.clock.step, dir));
                // A kill may have come between the save and the mark.
                part.mark_best()?;
            }
        }
        part.account_earlier();
        part.row_begun = (part.clock.seconds.training, part.clock.step);
        let mut rows = part.clock.rows;
        for sink in &mut part.run.sinks {
            rows = rows.min(sink.begin(part.clock.step, plan.steps, part.clock.rows)?);
        }
        if rows < part.clock.rows {
            let lost = part.clock.rows - rows;
            let note = format!("{lost} rows of metrics are lost; the run goes on without them");
            part.run.sinks.iter_mut().for_each(|sink| sink.note(&note));
            part.clock.rows = rows;
        }
        if part.clock.updates == Some(0)
            && !part.clock.converged
            && let Some(warning) = learner.first_update().warning(plan.steps)
        {
            part.run.sinks.iter_mut().for_each(|sink| sink.note(&warning));
        }
        part.lap.take();
        Ok(part)
    }

    /// Adds what the parts before took after their last checkpoint, where that was told.
    fn account_earlier(&mut self) {
        let clock = &mut self.clock;
        if clock.seconds == Seconds::default() {
            // An older version knew the whole alone.
            clock.seconds.training = clock.wall_seconds;
        }
        if let Some((wall_seconds, seconds)) = self.run.earlier {
            clock.wall_seconds = clock.wall_seconds.max(wall_seconds);
            clock.seconds = clock.seconds.at_least(seconds);
        }
    }

    fn train(&mut self, learner: &mut dyn Learner) -> Result<Outcome> {
        // Before all else: what follows may hang on it.
        if self.clock.unevaluated {
            if !self.evaluate(learner)? {
                return Ok(Outcome::Interrupted);
            }
            self.write_row()?;
            self.mark_best()?;
        }
        loop {
            if let Some(outcome) = self.ended() {
                return Ok(outcome);
            }
            if pulse::stopped() {
                return Ok(self.interrupted());
            }
            let before = self.clock.step;
            let progress = match learner.step(&mut self.log) {
                Err(error) if error.is::<Interrupted>() => return Ok(self.interrupted()),
                progress => progress.or_else(|error| self.failed(error))?,
            };
            self.clock.step += progress.units();
            self.clock.not_converged = matches!(progress, Progress::NotConverged(_));
            if let Some(updates) = &mut self.clock.updates {
                *updates += self.log.take_updates();
            }
            self.check_finite()?;
            for note in self.log.take_notes() {
                self.run.sinks.iter_mut().for_each(|sink| sink.note(&note));
            }
            self.run.sinks.iter_mut().for_each(|sink| sink.tick(self.clock.step));

            let after = self.clock.step;
            let due = |every: u64| every > 0 && before / every != after / every;
            self.clock.converged = progress == Progress::Converged;
            let evaluated = due(self.plan.eval_every) || self.clock.converged;
            self.clock.unevaluated = evaluated;
            if evaluated && !self.evaluate(learner)? {
                return Ok(Outcome::Interrupted);
            }
            if evaluated || due(self.plan.log_every) {
                self.write_row()?;
            }
            if due(self.plan.save_every) || self.is_best() {
                self.save(learner)?;
                self.mark_best()?;
            }
        }
    }

    /// `None` where it was interrupted.
    fn evaluation(
        &mut self,
        learner: &mut dyn Learner,
        split: Split,
    ) -> Result<Option<Evaluation>> {
        self.clock.seconds.training += self.lap.take();
        let evaluated = pulse::telling(&mut self.run.sinks, || learner.evaluate(split));
        self.clock.seconds.evaluation += self.lap.take();
        match evaluated {
            Ok(evaluation) => Ok(Some(evaluation)),
            Err(error) if error.is::<Interrupted>() => {
                self.interrupted();
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn interrupted(&mut self) -> Outcome {
        self.run.sinks.iter_mut().for_each(|sink| sink.note("stopping and saving"));
        Outcome::Interrupted
    }

    /// Makes the evaluation that is due; says whether it came to its end.
    fn evaluate(&mut self, learner: &mut dyn Learner) -> Result<bool> {
        let Some(evaluation) = self.evaluation(learner, Split::Validation)? else {
            return Ok(false);
        };
        self.log.evaluation(&evaluation);
        let (score, clock) = (evaluation.score(), &mut self.clock);
        clock.unevaluated = false;
        clock.objective = Some(evaluation.objective);
        clock.first_score.get_or_insert(score);
        clock.last = Some((clock.step, score));
        clock.evals_since_best += 1;
        if clock.best.is_none_or(|(_, best)| score > best) {
            (clock.best, clock.evals_since_best) = (Some((clock.step, score)), 0);
        }
        Ok(true)
    }

    /// Why training is over, from what a checkpoint holds: a resumed run ends where it ended.
    fn ended(&self) -> Option<Outcome> {
        let Self { clock, plan, .. } = self;
        let score = clock.last.filter(|(step, _)| *step == clock.step).map(|(_, score)| score);
        let direction = clock.objective.as_ref().map_or(Direction::Maximise, |of| of.direction);
        let target = plan.target.map(|target| direction.score(target));
        let reached = score.zip(target).is_some_and(|(score, target)| score >= target);
        let waited = |patience| score.is_some() && clock.evals_since_best >= patience;
        match () {
            () if reached => Some(Outcome::TargetReached),
            () if clock.converged => Some(Outcome::Converged),
            () if plan.patience.is_some_and(waited) => Some(Outcome::Stalled),
            () if clock.step >= plan.steps => Some(Outcome::Finished),
            () => None,
        }
    }

    fn is_best(&self) -> bool {
        self.clock.best.is_some_and(|(step, _)| step == self.clock.step)
    }

    fn mark_best(&self) -> Result<()> {
        match (&self.run.checkpoints, &self.saved) {
            (Some(checkpoints), Some((_, newest))) if self.is_best() => {
                checkpoints.mark_best(newest)
            }
            _ => Ok(()),
        }
    }

    fn write_row(&mut self) -> Result<()> {
        self.log.settle()?;
        self.check_finite()?;
        let mut values = self.log.take();
        if values.is_empty() {
            return Ok(());
        }
        self.clock.seconds.training += self.lap.take();
        let now = (self.clock.seconds.training, self.clock.step);
        let (since, from) = std::mem::replace(&mut self.row_begun, now);
        let per_second = rate(self.clock.step - from, now.0 - since);
        values.insert("speed/steps_per_s".to_owned(), per_second);
        values.insert("time/wall_seconds".to_owned(), self.wall_seconds());
        let row = Row { step: self.clock.step, values };
        self.clock.rows += 1;
        self.run.sinks.iter_mut().try_for_each(|sink| sink.row(&row))
    }

    fn check_finite(&self) -> Result<()> {
        match self.log.broken() {
            Some(metric) => Err(self.diverged(format!("{metric} is not finite"))),
            None => Ok(()),
        }
    }

    /// A step may fail because its loss was not finite: then that is what to tell.
    fn failed(&self, error: anyhow::Error) -> Result<Progress> {
        self.check_finite()?;
        let kept = crate::report::kept(self.newest().as_deref());
        Err(error.context(format!("step {} failed ({kept})", self.clock.step)))
    }

    fn diverged(&self, what: String) -> anyhow::Error {
        Diverged::new(self.clock.step, what, self.newest().as_deref()).into()
    }

    fn newest(&self) -> Option<PathBuf> {
        self.run.checkpoints.as_ref().and_then(Checkpoints::newest)
    }

    fn save(&mut self, learner: &mut dyn Learner) -> Result<()> {
        self.log.settle()?;
        self.clock.seconds.training += self.lap.take();
        self.check_finite()?;
        let Some(checkpoints) = self.run.checkpoints.clone() else { return Ok(()) };
        let step = self.clock.step;
        if self.saved.as_ref().is_some_and(|(saved, _)| *saved == step) {
            return Ok(());
        }
        // The checkpoint counts the rows: they must be there if it is.
        self.run.sinks.iter_mut().try_for_each(|sink| sink.sync())?;
        self.clock.wall_seconds = self.wall_seconds();
        self.begun = Instant::now();
        match checkpoints.save(step, |checkpoint| self.state(learner, checkpoint)) {
            Ok(dir) => self.saved = Some((step, dir)),
            Err(error) => match error.downcast_ref::<NotFinite>() {
                Some(parameter) => return Err(self.diverged(parameter.to_string())),
                None => return Err(error),
            },
        }
        self.lap.take();
        Ok(())
    }

    /// Saves or loads, whichever the checkpoint is open for.
    fn state(&mut self, learner: &mut dyn Learner, checkpoint: &mut Checkpoint) -> Result<()> {
        checkpoint.guard(&self.run.config)?;
        checkpoint.value("clock", &mut self.clock)?;
        let Clock { step, rows, wall_seconds, seconds, updates, .. } = self.clock;
        let counts = step.max(rows).max(updates.unwrap_or(0)) < 1 << 62
            && wall_seconds.is_finite()
            && wall_seconds >= 0.0
            && seconds.sound();
        checkpoint.check("clock", "steps, rows and seconds are expected", || counts)?;
        self.log.state(checkpoint)?;
        learner.state(checkpoint)
    }

    fn wall_seconds(&self) -> f64 {
        self.clock.wall_seconds + self.begun.elapsed().as_secs_f64()
    }
}

#[cfg(test)]
mod tests;
