//! The loop.
use crate::{
    Checkpoint, Checkpoints, Diverged, Learner, Log, NotFinite, Outcome, Plan, Progress, Report,
    Row, Run, Scope, Split,
};
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// The loop's own memory, saved beside the learner's.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Clock {
    step: u64,
    rows: u64,
    wall_seconds: f64,
    first_score: Option<f64>,
    /// Step and score of the last evaluation.
    last: Option<(u64, f64)>,
    /// Step and score of the best evaluation.
    best: Option<(u64, f64)>,
    evals_since_best: u32,
    converged: bool,
}

/// Trains `learner` until the plan, the learner or the user says stop, from the newest checkpoint
/// where there is one.
///
/// # Errors
/// What the learner, a sink or the disk reports; [`Diverged`] where a metric or a parameter is not
/// finite. What was saved before stays as it was.
pub fn fit(learner: &mut dyn Learner, plan: &Plan, run: &mut Run) -> Result<Report> {
    let mut part = Part::begin(learner, plan, run)?;
    let outcome = part.train(learner)?;
    part.save(learner)?;
    let evaluation = match outcome {
        Outcome::Interrupted => None,
        _ => {
            // Saved before: a run that goes on from here has this row only where it falls due.
            part.write_row()?;
            Some(learner.evaluate(Split::Test)?)
        }
    };
    Ok(Report {
        outcome,
        steps: part.clock.step,
        wall_seconds: part.wall_seconds(),
        first_score: part.clock.first_score,
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
    row_begun: (Instant, u64),
    saved: Option<(u64, PathBuf)>,
}

impl<'a> Part<'a> {
    fn begin(learner: &mut dyn Learner, plan: &'a Plan, run: &'a mut Run) -> Result<Self> {
        let now = Instant::now();
        let (log, clock) = (Log::default(), Clock::default());
        let mut part = Self { plan, run, log, clock, begun: now, row_begun: (now, 0), saved: None };
        if let Some(checkpoints) = part.run.checkpoints.clone() {
            checkpoints.tidy()?;
            let sinks = &mut part.run.sinks;
            let latest = checkpoints
                .latest(Scope::All, |note| sinks.iter_mut().for_each(|s| s.note(note)))?;
            if let Some((dir, mut checkpoint)) = latest {
                part.state(learner, &mut checkpoint)?;
                part.saved = Some((part.clock.step, dir));
                // A kill may have come between the save and the mark.
                part.mark_best()?;
            }
        }
        part.row_begun.1 = part.clock.step;
        for sink in &mut part.run.sinks {
            sink.begin(part.clock.step, plan.steps, part.clock.rows)?;
        }
        Ok(part)
    }

    fn train(&mut self, learner: &mut dyn Learner) -> Result<Outcome> {
        loop {
            if self.run.stop.load(Ordering::Relaxed) {
                self.run.sinks.iter_mut().for_each(|sink| sink.note("stopping and saving"));
                return Ok(Outcome::Interrupted);
            }
            if let Some(outcome) = self.ended() {
                return Ok(outcome);
            }
            let before = self.clock.step;
            let progress = learner.step(&mut self.log).or_else(|error| self.failed(error))?;
            if let Progress::Advanced(units) = progress {
                self.clock.step += units;
            }
            self.check_finite()?;
            self.run.sinks.iter_mut().for_each(|sink| sink.tick(self.clock.step));

            let after = self.clock.step;
            let due = |every: u64| every > 0 && before / every != after / every;
            self.clock.converged = progress == Progress::Converged;
            let evaluated = due(self.plan.eval_every) || self.clock.converged;
            if evaluated {
                self.evaluate(learner)?;
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

    fn evaluate(&mut self, learner: &mut dyn Learner) -> Result<()> {
        let evaluation = learner.evaluate(Split::Validation)?;
        self.log.evaluation(&evaluation);
        let (score, clock) = (evaluation.score, &mut self.clock);
        clock.first_score.get_or_insert(score);
        clock.last = Some((clock.step, score));
        clock.evals_since_best += 1;
        if clock.best.is_none_or(|(_, best)| score > best) {
            (clock.best, clock.evals_since_best) = (Some((clock.step, score)), 0);
        }
        Ok(())
    }

    /// Why training is over, from what a checkpoint holds: a resumed run ends where it ended.
    fn ended(&self) -> Option<Outcome> {
        let Self { clock, plan, .. } = self;
        let score = clock.last.filter(|(step, _)| *step == clock.step).map(|(_, score)| score);
        let reached = score.zip(plan.target).is_some_and(|(score, target)| score >= target);
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
        let (since, from) =
            std::mem::replace(&mut self.row_begun, (Instant::now(), self.clock.step));
        let rate = (self.clock.step - from) as f64 / since.elapsed().as_secs_f64();
        values.insert("speed/steps_per_s".to_owned(), rate);
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
        Err(error.context(format!("step {} failed. {kept}", self.clock.step)))
    }

    fn diverged(&self, what: String) -> anyhow::Error {
        Diverged::new(self.clock.step, what, self.newest().as_deref()).into()
    }

    fn newest(&self) -> Option<PathBuf> {
        self.run.checkpoints.as_ref().and_then(Checkpoints::newest)
    }

    fn save(&mut self, learner: &mut dyn Learner) -> Result<()> {
        self.log.settle()?;
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
        Ok(())
    }

    /// Saves or loads, whichever the checkpoint is open for.
    fn state(&mut self, learner: &mut dyn Learner, checkpoint: &mut Checkpoint) -> Result<()> {
        checkpoint.guard("config", &self.run.config)?;
        checkpoint.value("clock", &mut self.clock)?;
        self.log.state(checkpoint)?;
        learner.state(checkpoint)
    }

    fn wall_seconds(&self) -> f64 {
        self.clock.wall_seconds + self.begun.elapsed().as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{
        Behaviour, Counter, Rows, plan, resume_changes_nothing, same_seed_same_bits,
    };

    fn counter() -> Counter {
        behaving(Behaviour::default())
    }

    fn behaving(behaviour: Behaviour) -> Counter {
        Counter::new(1, behaviour).unwrap()
    }

    #[test]
    fn counts_logs_and_evaluates_when_due() {
        let rows = Rows::default();
        let mut run = Run { sinks: vec![Box::new(rows.clone())], ..Run::default() };
        let mut learner = behaving(Behaviour { stride: 3, ..Behaviour::default() });
        let plan = Plan { steps: 10, log_every: 5, eval_every: 6, save_every: 0, ..plan(10) };
        let report = fit(&mut learner, &plan, &mut run).unwrap();
        // Steps 3 6 9 12: 6 passes 5 and 6; 12 passes 10 and 12.
        let rows = rows.0.lock().unwrap();
        assert_eq!(rows.iter().map(|row| row.step).collect::<Vec<_>>(), [6, 12]);
        assert_eq!(rows[0].values["train/loss"], 4.5);
        assert_eq!(rows[1].values["eval/count"], 12.0);
        assert_eq!((report.outcome, report.steps), (Outcome::Finished, 12));
        assert_eq!(report.evaluation.unwrap().score, 12.0);
    }

    #[test]
    fn stops_for_each_reason() {
        let outcome = |learner: &mut Counter, plan: Plan| {
            fit(learner, &plan, &mut Run::default()).map(|report| (report.outcome, report.steps))
        };
        let target = Plan { target: Some(5.0), ..plan(8) };
        assert_eq!(outcome(&mut counter(), target).unwrap(), (Outcome::TargetReached, 6));
        let mut flat = behaving(Behaviour { score: Some(|_| 1.0), ..Behaviour::default() });
        let patient = Plan { patience: Some(2), ..plan(40) };
        assert_eq!(outcome(&mut flat, patient).unwrap(), (Outcome::Stalled, 30));
        let mut done = behaving(Behaviour { converges_at: Some(4), ..Behaviour::default() });
        assert_eq!(outcome(&mut done, plan(40)).unwrap(), (Outcome::Converged, 3));
        let mut run = Run::default();
        run.stop.store(true, Ordering::Relaxed);
        let report = fit(&mut counter(), &plan(8), &mut run).unwrap();
        assert_eq!((report.outcome, report.steps), (Outcome::Interrupted, 0));
        assert!(report.evaluation.is_none());
        run.stop = Default::default();
    }

    #[test]
    fn same_bits_and_resumes() {
        let make = || Ok(Box::new(counter()) as Box<dyn Learner>);
        same_seed_same_bits(&make, 20).unwrap();
        // 7 is no multiple of any interval: the half-filled row must go on where it was.
        let dir = tempfile::tempdir().unwrap();
        resume_changes_nothing(&make, 7, 20, dir.path()).unwrap();
    }

    #[test]
    fn keeps_three_and_the_best() {
        let dir = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::of(dir.path());
        let mut run = Run { checkpoints: Some(checkpoints.clone()), ..Run::default() };
        let mut learner = behaving(Behaviour {
            score: Some(|step| -(step as f64 - 3.0).abs()),
            ..Behaviour::default()
        });
        let plan = Plan { eval_every: 1, save_every: 1, ..plan(8) };
        fit(&mut learner, &plan, &mut run).unwrap();
        let mut names: Vec<_> = std::fs::read_dir(dir.path().join("checkpoints"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["best", "step-000000000006", "step-000000000007", "step-000000000008"]);
        let mut best = counter();
        let mut checkpoint = Checkpoint::open(&checkpoints.best(), Scope::All).unwrap();
        best.state(&mut checkpoint).unwrap();
        assert_eq!(best.count, 3);
    }

    #[test]
    fn a_converged_run_stays_so_when_resumed() {
        let dir = tempfile::tempdir().unwrap();
        let rows = Rows::default();
        for _ in 0..2 {
            let checkpoints = Some(Checkpoints::of(dir.path()));
            let sinks: Vec<Box<dyn crate::Sink>> = vec![Box::new(rows.clone())];
            let mut run = Run { checkpoints, sinks, ..Run::default() };
            let mut learner = behaving(Behaviour { converges_at: Some(3), ..Behaviour::default() });
            let report = fit(&mut learner, &plan(40), &mut run).unwrap();
            assert_eq!((report.outcome, report.steps), (Outcome::Converged, 2));
            assert_eq!(rows.0.lock().unwrap().iter().map(|row| row.step).collect::<Vec<_>>(), [2]);
        }
    }

    #[test]
    fn a_run_that_ended_by_its_score_ends_there_again() {
        let reached = Plan { eval_every: 1, target: Some(3.0), ..plan(40) };
        let patient = Plan { eval_every: 1, patience: Some(2), ..plan(40) };
        for (plan, outcome, steps) in
            [(reached, Outcome::TargetReached, 3), (patient, Outcome::Stalled, 7)]
        {
            let dir = tempfile::tempdir().unwrap();
            // Best at 5: with patience 2 it ends at 7, also where it was stopped at 6 between.
            let score = Some((|step| 5.0 - (step as f64 - 5.0).abs()) as fn(u64) -> f64);
            for (steps_now, expected) in
                [(6.min(steps), None), (40, Some(outcome)), (40, Some(outcome))]
            {
                let checkpoints = Some(Checkpoints::of(dir.path()));
                let mut learner = behaving(Behaviour { score, ..Behaviour::default() });
                let plan = Plan { steps: steps_now, ..plan.clone() };
                let mut run = Run { checkpoints, ..Run::default() };
                let report = fit(&mut learner, &plan, &mut run).unwrap();
                if let Some(expected) = expected {
                    assert_eq!((report.outcome, report.steps), (expected, steps));
                    assert_eq!(report.first_score, Some(1.0));
                }
            }
        }
    }

    #[test]
    fn a_kill_before_the_mark_loses_no_best() {
        let dir = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::of(dir.path());
        let run = || Run { checkpoints: Some(checkpoints.clone()), ..Run::default() };
        fit(&mut counter(), &Plan { eval_every: 4, ..plan(4) }, &mut run()).unwrap();
        std::fs::remove_dir_all(checkpoints.best()).unwrap();
        fit(&mut counter(), &plan(4), &mut run()).unwrap();
        assert!(checkpoints.best().join("manifest.json").exists());
    }

    #[test]
    fn divergence_keeps_the_last_good_checkpoint() {
        let broken = behaving(Behaviour { breaks_at: Some(7), ..Behaviour::default() });
        let spoiled = behaving(Behaviour { spoils_at: Some(7), ..Behaviour::default() });
        for (mut learner, step) in [(broken, "step 7"), (spoiled, "step 8")] {
            let dir = tempfile::tempdir().unwrap();
            let checkpoints = Checkpoints::of(dir.path());
            let mut run = Run { checkpoints: Some(checkpoints.clone()), ..Run::default() };
            let error = fit(&mut learner, &plan(16), &mut run).unwrap_err();
            assert!(error.is::<Diverged>());
            assert!(error.to_string().contains(step), "{error}");
            assert!(error.to_string().contains("step-000000000004"), "{error}");
            Checkpoint::open(&checkpoints.newest().unwrap(), Scope::All).unwrap();
        }
    }

    #[test]
    fn refuses_other_hyper_parameters() {
        let dir = tempfile::tempdir().unwrap();
        let with = |lr: f64| Run {
            checkpoints: Some(Checkpoints::of(dir.path())),
            config: serde_json::json!({"lr": lr, "batch": 32}),
            ..Run::default()
        };
        fit(&mut counter(), &plan(4), &mut with(0.1)).unwrap();
        let error = fit(&mut counter(), &plan(8), &mut with(0.2)).unwrap_err().to_string();
        assert!(error.contains("lr: 0.1 when started, 0.2 now"), "{error}");
        assert!(!error.contains("batch"), "{error}");
        fit(&mut counter(), &plan(8), &mut with(0.1)).unwrap();
    }
}
