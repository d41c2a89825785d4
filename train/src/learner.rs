//! Interface of an algorithm that [`fit`](crate::fit) trains.
use crate::{Checkpoint, Evaluation, Log};
use anyhow::Result;

/// Anything the loop can train: a tabular solver, an agent, a generative model.
pub trait Learner {
    /// Does one unit of work (a sweep, a transition, a rollout, a mini-batch) and says how big it
    /// was. Each update of what it learns, of a table or by a gradient, goes to [`Log::updated`]. One of seconds asks [`pulse::check`](crate::pulse::check), and returns
    /// [`Interrupted`](crate::Interrupted) only as long as nothing has changed, the log included.
    fn step(&mut self, log: &mut Log) -> Result<Progress>;

    /// Scores the current model on `split`. The next `step` is the same with or without it, and
    /// so is the answer: it depends on the model and the seed alone. It says how far it is by
    /// [`pulse::progress`](crate::pulse::progress) several times a second; interrupted, it leaves
    /// all that `state` names as it was.
    fn evaluate(&mut self, split: Split) -> Result<Evaluation>;

    /// Time of the first update; by default the first step.
    fn first_update(&self) -> FirstUpdate {
        FirstUpdate::at_once()
    }

    /// Names everything a resumed run needs; one list both saves and loads. The parameters of
    /// the model go by the name [`MODEL`](crate::MODEL).
    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()>;
}

/// Time of a learner's first update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstUpdate {
    /// The least steps that a plan must have for one to be possible.
    pub earliest: u64,
    /// The least steps with which one is certain, or all but certain.
    pub latest: u64,
    /// The data it waits for, with the flags that decide it; empty where it waits for nothing.
    pub waits_for: String,
}

impl FirstUpdate {
    /// The first step updates.
    pub fn at_once() -> Self {
        Self { earliest: 1, latest: 1, waits_for: String::new() }
    }

    /// A step advances `stride` units, and the one that comes to `unit` updates.
    pub fn at(unit: u64, stride: u64, waits_for: String) -> Self {
        let steps = unit.saturating_sub(stride).saturating_add(1);
        Self { earliest: steps, latest: steps, waits_for }
    }

    /// Why a plan of so many steps makes none.
    pub(crate) fn why_none(&self, steps: u64) -> String {
        match (&*self.waits_for, steps) {
            (_, 0) => "--steps 0 trains nothing; give more".to_owned(),
            ("", _) => "it stopped before its first one".to_owned(),
            (waits_for, steps) => {
                let less = if waits_for.contains("--") { ", or less of these" } else { "" };
                format!("{waits_for}; give more --steps than {steps}{less}")
            }
        }
    }

    /// Warning before a plan of so many steps that may end before the first update.
    pub(crate) fn warning(&self, steps: u64) -> Option<String> {
        let why = || self.why_none(steps);
        if steps < self.earliest {
            Some(format!("no update will be made: {}", why()))
        } else if steps < self.latest {
            Some(format!("it may be that no update is made: {}", why()))
        } else {
            None
        }
    }
}

/// Progress of one [`Learner::step`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// So many transitions, images or sweeps were consumed.
    Advanced(u64),
    /// So many were consumed by a learner that converges, and has not yet.
    NotConverged(u64),
    /// Further steps would change nothing.
    Converged,
}

impl Progress {
    /// A step of one unit, after which the learner has converged or not.
    pub fn towards_convergence(converged: bool) -> Self {
        if converged { Self::Advanced(1) } else { Self::NotConverged(1) }
    }

    /// Units that were consumed.
    pub fn units(self) -> u64 {
        match self {
            Self::Advanced(units) | Self::NotConverged(units) => units,
            Self::Converged => 0,
        }
    }
}

/// Part of the data, or set of episodes, for an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// During training: it may choose the best checkpoint and stop the run.
    Validation,
    /// Once, for the result: episodes or images that chose nothing.
    Test,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_for_more_than_there_is_learns_nothing() {
        // Four at a time, an update with the 20th: a plan of 17 comes to 20 as well.
        let first = FirstUpdate::at(20, 4, "it waits (--warmup)".to_owned());
        let told = "no update will be made: it waits (--warmup); give more --steps than 16, or less of these";
        assert_eq!(first.warning(16).as_deref(), Some(told));
        assert_eq!(first.warning(17), None);
        let unsure = FirstUpdate { earliest: 3, latest: 9, ..first };
        assert!(
            unsure.warning(8).unwrap().starts_with("it may be that no update is made: it waits")
        );
        assert_eq!(unsure.warning(9), None);
        assert!(unsure.warning(2).unwrap().starts_with("no update will be made"));
        assert_eq!(FirstUpdate::at_once().warning(1), None);
        assert!(FirstUpdate::at_once().warning(0).unwrap().contains("--steps 0"));
    }
}
