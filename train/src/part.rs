//! The part of a run between a start or resume and the next stop: its checkpoints, rows and seconds.
use crate::clock::Clock;
use crate::seconds::Lap;
use crate::{
    Checkpoint, Checkpoints, Diverged, Evaluation, Interrupted, Learner, Log, NotFinite, Plan,
    Progress, Row, Run, RunOutcome, Scope, Split, pulse, rate,
};
use anyhow::Result;
use std::path::PathBuf;
use std::time::Instant;

/// The part of a run between a start or resume and the next stop.
pub(crate) struct Part<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) run: &'a mut Run,
    pub(crate) log: Log,
    pub(crate) clock: Clock,
    begun: Instant,
    /// Runs on through everything, so that no second goes into two things.
    lap: Lap,
    /// Seconds of training and steps at the last row.
    row_begun: (f64, u64),
    saved: Option<(u64, PathBuf)>,
}

impl<'a> Part<'a> {
    pub(crate) fn begin(
        learner: &mut dyn Learner,
        plan: &'a Plan,
        run: &'a mut Run,
    ) -> Result<Self> {
        let (begun, lap) = (Instant::now(), Lap::begin());
        let (log, clock) = (Log::default(), Clock::new());
        let mut part = Self { plan, run, log, clock, begun, lap, row_begun: (0.0, 0), saved: None };
        if let Some(checkpoints) = part.run.checkpoints.clone() {
            checkpoints.create_run()?;
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
        part.clock.account_earlier(part.run.earlier);
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

    /// `None` where it was interrupted.
    pub(crate) fn evaluation(
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

    pub(crate) fn interrupted(&mut self) -> RunOutcome {
        self.run.sinks.iter_mut().for_each(|sink| sink.note("stopping and saving"));
        RunOutcome::Interrupted
    }

    pub(crate) fn mark_best(&self) -> Result<()> {
        match (&self.run.checkpoints, &self.saved) {
            (Some(checkpoints), Some((_, newest))) if self.clock.is_best() => {
                checkpoints.mark_best(newest)
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn write_row(&mut self) -> Result<()> {
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

    pub(crate) fn check_finite(&self) -> Result<()> {
        match self.log.broken() {
            Some(metric) => Err(self.diverged(format!("{metric} is not finite"))),
            None => Ok(()),
        }
    }

    /// A step may fail because its loss was not finite: then that is what to tell.
    pub(crate) fn failed(&self, error: anyhow::Error) -> Result<Progress> {
        self.check_finite()?;
        let fallback = crate::report::fallback(self.newest().as_deref());
        Err(error.context(format!("step {} failed ({fallback})", self.clock.step)))
    }

    fn diverged(&self, what: String) -> anyhow::Error {
        Diverged::new(self.clock.step, what, self.newest().as_deref()).into()
    }

    fn newest(&self) -> Option<PathBuf> {
        self.run.checkpoints.as_ref().and_then(Checkpoints::newest)
    }

    pub(crate) fn save(&mut self, learner: &mut dyn Learner) -> Result<()> {
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
        let clock = &self.clock;
        checkpoint.check("clock", "steps, rows and seconds are expected", || clock.is_sound())?;
        self.log.state(checkpoint)?;
        learner.state(checkpoint)
    }

    pub(crate) fn wall_seconds(&self) -> f64 {
        self.clock.wall_seconds + self.begun.elapsed().as_secs_f64()
    }
}
