//! A learner observed during training.
use crate::{Checkpoint, Evaluation, FirstUpdate, Learner, Log, Progress, Split, Timeline};
use anyhow::Result;

/// Observations of a kind of learners, which the loop and the algorithms know nothing of.
pub trait Observe {
    /// The kind of learners.
    type Learner: Learner + ?Sized;
    /// A snapshot of the learner at one point of training.
    type Snapshot;

    /// Times of observation.
    fn due(&self) -> Due;

    /// Observes `learner` after `trained` units, before anything is added to `timeline`.
    ///
    /// # Errors
    /// Errors of the learner; [`Interrupted`](crate::Interrupted).
    fn observe(
        &self,
        learner: &Self::Learner,
        trained: u64,
        timeline: &Timeline<Self::Snapshot>,
    ) -> Result<Observation<Self::Snapshot>>;

    /// Names the units trained and the timeline as [`Learner::state`] does, and checks what is loaded.
    ///
    /// # Errors
    /// If the checkpoint does not fit.
    fn state(
        &self,
        trained: &mut u64,
        timeline: &mut Timeline<Self::Snapshot>,
        checkpoint: &mut Checkpoint,
    ) -> Result<()>;
}

/// Times of observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// With each row of metrics: whenever so many more units are trained; never for 0.
    Rows(u64),
    /// Before the first step, and after each evaluation on [`Split::Validation`].
    Evaluations,
}

/// The outcome of one observation.
pub struct Observation<S> {
    /// Additional scalars of the row of metrics; at an evaluation no row is open and they are dropped.
    pub scalars: Vec<(&'static str, f64)>,
    /// For the timeline.
    pub snapshot: Option<S>,
}

/// A learner with its observer and a timeline of snapshots.
///
/// It is a [`Learner`] alone and shows the one it wraps by [`learner`](Self::learner): other traits of that need
/// no forwarding, so no method of them can be missed here.
pub struct Observed<O: Observe> {
    learner: Box<O::Learner>,
    observer: O,
    trained: u64,
    timeline: Timeline<O::Snapshot>,
}

impl<O: Observe> Observed<O> {
    /// An untrained `learner` with an empty timeline.
    pub fn new(learner: Box<O::Learner>, observer: O) -> Self {
        Self { learner, observer, trained: 0, timeline: Timeline::default() }
    }

    /// The learner.
    pub fn learner(&self) -> &O::Learner {
        &self.learner
    }

    /// Its observer.
    pub fn observer(&self) -> &O {
        &self.observer
    }

    /// Units trained so far.
    pub fn trained(&self) -> u64 {
        self.trained
    }

    /// Snapshots so far.
    pub fn timeline(&self) -> &Timeline<O::Snapshot> {
        &self.timeline
    }

    /// An observation, its snapshot in the timeline; its scalars. Nothing is changed where it fails.
    fn observe(&mut self) -> Result<Vec<(&'static str, f64)>> {
        let Observation { scalars, snapshot } =
            self.observer.observe(&self.learner, self.trained, &self.timeline)?;
        self.timeline.push(snapshot);
        Ok(scalars)
    }
}

impl<O: Observe> Learner for Observed<O> {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        let due = self.observer.due();
        if due == Due::Evaluations && self.timeline.observations == 0 {
            self.observe()?;
        }
        let progress = self.learner.step(log)?;
        let before = self.trained;
        self.trained += progress.units();
        if let Due::Rows(every) = due
            && every > 0
            && before / every != self.trained / every
        {
            self.observe()?.into_iter().for_each(|(name, value)| log.scalar(name, value));
        }
        Ok(progress)
    }

    fn first_update(&self) -> FirstUpdate {
        self.learner.first_update()
    }

    fn evaluate(&mut self, split: Split) -> Result<Evaluation> {
        let evaluation = self.learner.evaluate(split)?;
        if self.observer.due() == Due::Evaluations && split == Split::Validation {
            self.observe()?;
        }
        Ok(evaluation)
    }

    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.learner.state(checkpoint)?;
        self.observer.state(&mut self.trained, &mut self.timeline, checkpoint)
    }
}
