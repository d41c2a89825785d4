//! The loop, driven by a learner that only counts.
use super::*;
use crate::testing::{
    Behaviour, Counter, Recorder, interrupting_changes_nothing, plan, resume_changes_nothing,
    same_seed_same_bits,
};
use crate::{Checkpoint, Checkpoints, Direction, Diverged, Log, Objective, Row, Scope, Seconds};

fn counter() -> Counter {
    behaving(Behaviour::default())
}

fn behaving(behaviour: Behaviour) -> Counter {
    Counter::new(1, behaviour).unwrap()
}

#[test]
fn counts_logs_and_evaluates_when_due() {
    let rows = Recorder::default();
    let mut run = Run { sinks: vec![Box::new(rows.clone())], ..Run::default() };
    let mut learner = behaving(Behaviour { stride: 3, ..Behaviour::default() });
    let plan = Plan { steps: 10, log_every: 5, eval_every: 6, save_every: 0, ..plan(10) };
    let report = fit(&mut learner, &plan, &mut run).unwrap();
    // Steps 3 6 9 12: 6 passes 5 and 6; 12 passes 10 and 12.
    let rows = rows.0.lock().unwrap();
    assert_eq!(rows.iter().map(|row| row.step).collect::<Vec<_>>(), [6, 12]);
    assert_eq!(rows[0].values["train/loss"], 4.5);
    assert_eq!(rows[1].values["eval/count"], 12.0);
    assert_eq!((report.outcome, report.steps), (RunOutcome::Finished, 12));
    assert_eq!(report.evaluation.unwrap().value(), 12.0);
}

/// Says something at every third step.
struct Talker(Counter);

impl Learner for Talker {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        let progress = self.0.step(log)?;
        if self.0.count.is_multiple_of(3) {
            log.note(format!("at {}", self.0.count));
        }
        Ok(progress)
    }

    fn evaluate(&mut self, split: Split) -> Result<crate::Evaluation> {
        self.0.evaluate(split)
    }

    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.0.state(checkpoint)
    }
}

#[derive(Default, Clone)]
struct Heard(std::sync::Arc<std::sync::Mutex<Vec<String>>>);

impl crate::Sink for Heard {
    fn row(&mut self, _: &Row) -> Result<()> {
        Ok(())
    }

    fn note(&mut self, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }
}

#[test]
fn what_a_learner_says_is_told_once() {
    let heard = Heard::default();
    let mut run = Run { sinks: vec![Box::new(heard.clone())], ..Run::default() };
    fit(&mut Talker(counter()), &plan(8), &mut run).unwrap();
    assert_eq!(*heard.0.lock().unwrap(), ["at 3", "at 6"]);
}

#[test]
fn stops_for_each_reason() {
    let outcome = |learner: &mut Counter, plan: Plan| {
        fit(learner, &plan, &mut Run::default()).map(|report| (report.outcome, report.steps))
    };
    let target = Plan { target: Some(5.0), ..plan(8) };
    assert_eq!(outcome(&mut counter(), target).unwrap(), (RunOutcome::TargetReached, 6));
    let mut flat = behaving(Behaviour { score: Some(|_| 1.0), ..Behaviour::default() });
    let patient = Plan { patience: Some(2), ..plan(40) };
    assert_eq!(outcome(&mut flat, patient).unwrap(), (RunOutcome::Stalled, 30));
    let mut done = behaving(Behaviour { converges_at: Some(4), ..Behaviour::default() });
    assert_eq!(outcome(&mut done, plan(40)).unwrap(), (RunOutcome::Converged, 3));
    let report =
        pulse::hearing(|| true, || fit(&mut counter(), &plan(8), &mut Run::default()).unwrap());
    assert_eq!((report.outcome, report.steps), (RunOutcome::Interrupted, 0));
    assert!(report.evaluation.is_none());
}

#[test]
fn a_measure_of_which_less_is_better_decides_in_its_own_units() {
    // 9, 8, 7 … down to 4 at step 6, and up again.
    let falls = Behaviour {
        score: Some(|step| 4.0 + (step as f64 - 6.0).abs()),
        minimised: true,
        ..Behaviour::default()
    };
    let run = |plan: Plan| {
        let dir = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::of(dir.path());
        let mut run = Run { checkpoints: Some(checkpoints.clone()), ..Run::default() };
        let plan = Plan { eval_every: 1, ..plan };
        let report = fit(&mut behaving(falls), &plan, &mut run).unwrap();
        let mut best = counter();
        best.state(&mut Checkpoint::open(&checkpoints.best(), Scope::All).unwrap()).unwrap();
        // It ends there again where it is resumed.
        let again = fit(&mut behaving(falls), &plan, &mut run).unwrap();
        assert_eq!((again.outcome, again.steps), (report.outcome, report.steps));
        (report, best.count)
    };
    let (report, best) = run(Plan { target: Some(7.0), ..plan(20) });
    assert_eq!((report.outcome, report.steps, best), (RunOutcome::TargetReached, 3, 3));
    let objective = Objective { measure: "count".to_owned(), direction: Direction::Minimise };
    assert_eq!((report.objective, report.first), (Some(objective), Some(9.0)));
    assert_eq!(run(Plan { target: Some(3.0), ..plan(10) }).0.outcome, RunOutcome::Finished);
    let (report, best) = run(Plan { patience: Some(2), ..plan(20) });
    assert_eq!((report.outcome, report.steps, best), (RunOutcome::Stalled, 8, 6));
}

/// Takes a millisecond for a step and thirty for an evaluation.
struct Slow(Counter);

impl Learner for Slow {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        std::thread::sleep(std::time::Duration::from_millis(1));
        log.updated();
        self.0.step(log)
    }

    fn evaluate(&mut self, split: Split) -> Result<crate::Evaluation> {
        std::thread::sleep(std::time::Duration::from_millis(30));
        self.0.evaluate(split)
    }

    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.0.state(checkpoint)
    }
}

#[test]
fn seconds_go_into_what_they_were_spent_on_and_add_up() {
    let dir = tempfile::tempdir().unwrap();
    let train = |steps, earlier| {
        let checkpoints = Some(Checkpoints::of(dir.path()));
        let mut run = Run { checkpoints, earlier, ..Run::default() };
        fit(&mut Slow(counter()), &Plan { steps, ..plan(8) }, &mut run).unwrap()
    };
    let first = train(8, None);
    let Seconds { training, evaluation, figures } = first.seconds;
    // Four evaluations on the way and the final one.
    assert!(evaluation >= 0.15 && training >= 0.008 && figures == 0.0, "{:?}", first.seconds);
    assert!(training < evaluation, "evaluations are no training: {:?}", first.seconds);
    assert!(training + evaluation <= first.wall_seconds, "{first:?}");
    assert_eq!((first.updates, first.no_update), (Some(8), None));
    let message = Seconds { figures: 0.5, ..first.seconds };
    let both = train(16, Some((first.wall_seconds + 0.5, message)));
    assert!(both.seconds.training >= training + 0.008 && both.seconds.figures == 0.5, "{both:?}");
    assert!(both.seconds.evaluation >= evaluation + 0.15, "{both:?}");
    assert!(both.wall_seconds >= first.wall_seconds + 0.5 + 0.158, "{both:?}");
    assert_eq!(both.updates, Some(16));
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
    let rows = Recorder::default();
    for _ in 0..2 {
        let checkpoints = Some(Checkpoints::of(dir.path()));
        let sinks: Vec<Box<dyn crate::Sink>> = vec![Box::new(rows.clone())];
        let mut run = Run { checkpoints, sinks, ..Run::default() };
        let mut learner = behaving(Behaviour { converges_at: Some(3), ..Behaviour::default() });
        let report = fit(&mut learner, &plan(40), &mut run).unwrap();
        assert_eq!((report.outcome, report.steps), (RunOutcome::Converged, 2));
        assert_eq!(rows.0.lock().unwrap().iter().map(|row| row.step).collect::<Vec<_>>(), [2]);
    }
}

#[test]
fn a_run_that_ended_by_its_score_ends_there_again() {
    let reached = Plan { eval_every: 1, target: Some(3.0), ..plan(40) };
    let patient = Plan { eval_every: 1, patience: Some(2), ..plan(40) };
    for (plan, outcome, steps) in
        [(reached, RunOutcome::TargetReached, 3), (patient, RunOutcome::Stalled, 7)]
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
                assert_eq!(report.first, Some(1.0));
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
    // A loss is read at once from the CPU's memory, elsewhere with the next row.
    let read = if crate::is_host(&candle_core::Device::Cpu) { "step 7" } else { "step 8" };
    for (mut learner, step) in [(broken, read), (spoiled, "step 8")] {
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
    let error = format!("{:#}", fit(&mut counter(), &plan(8), &mut with(0.2)).unwrap_err());
    assert!(error.contains("lr: 0.1 when started, 0.2 now"), "{error}");
    assert!(!error.contains("batch"), "{error}");
    fit(&mut counter(), &plan(8), &mut with(0.1)).unwrap();
}

#[test]
fn an_interrupted_run_goes_on_as_if_it_had_not_been() {
    let best_in_between: fn(u64) -> f64 = |step| 5.0 - (step as f64 - 9.0).abs();
    for behaviour in [
        Behaviour { stride: 3, ..Behaviour::default() },
        Behaviour { stride: 2, score: Some(best_in_between), ..Behaviour::default() },
        Behaviour { converges_at: Some(11), ..Behaviour::default() },
    ] {
        for plan in [
            Plan { steps: 16, log_every: 5, eval_every: 6, save_every: 4, ..plan(16) },
            Plan { eval_every: 1, save_every: 0, ..plan(16) },
            Plan { eval_every: 2, patience: Some(2), target: Some(12.0), ..plan(16) },
        ] {
            let make = || Ok(Box::new(behaving(behaviour)) as Box<dyn Learner>);
            let dir = tempfile::tempdir().unwrap();
            interrupting_changes_nothing(&make, &plan, 200, dir.path()).unwrap();
        }
    }
}

/// Keeps what an evaluation says of itself.
#[derive(Default, Clone)]
struct Said(std::sync::Arc<std::sync::Mutex<Vec<String>>>);

impl crate::Sink for Said {
    fn row(&mut self, _: &Row) -> Result<()> {
        Ok(())
    }

    fn progress(&mut self, what: &str, done: u64, of: u64) {
        self.0.lock().unwrap().push(format!("{what} {done}/{of}"));
    }
}

#[test]
fn an_evaluation_says_how_far_it_is() {
    let outputs = Said::default();
    let mut run = Run { sinks: vec![Box::new(outputs.clone())], ..Run::default() };
    let plan = Plan { eval_every: 0, ..plan(2) };
    fit(&mut counter(), &plan, &mut run).unwrap();
    assert_eq!(*outputs.0.lock().unwrap(), ["evaluating 0/3", "evaluating 1/3", "evaluating 2/3"]);
    assert_eq!(run.sinks.len(), 1);
}

/// Asks in the middle of a step, before anything has changed.
struct Asking(Counter);

impl Learner for Asking {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        pulse::check()?;
        self.0.step(log)
    }

    fn evaluate(&mut self, split: Split) -> Result<crate::Evaluation> {
        self.0.evaluate(split)
    }

    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.0.state(checkpoint)
    }
}

#[test]
fn a_step_may_be_interrupted() {
    let make = || Ok(Box::new(Asking(counter())) as Box<dyn Learner>);
    let dir = tempfile::tempdir().unwrap();
    interrupting_changes_nothing(&make, &plan(8), 40, dir.path()).unwrap();
}
