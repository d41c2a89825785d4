//! The loop's own memory: steps, rows, seconds, scores.
use crate::{Direction, Evaluation, Objective, Outcome, Plan, Seconds};
use serde::{Deserialize, Serialize};

/// The loop's own memory, saved beside the learner's.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Clock {
    pub(crate) step: u64,
    pub(crate) rows: u64,
    pub(crate) wall_seconds: f64,
    /// Seconds by kind of work; absent in checkpoints of an older version.
    #[serde(default)]
    pub(crate) seconds: Seconds,
    /// Updates made; `None` in checkpoints of an older version, which did not count.
    #[serde(default)]
    pub(crate) updates: Option<u64>,
    /// Measure that decides; known from the first evaluation on.
    #[serde(default)]
    pub(crate) objective: Option<Objective>,
    /// Scores are values of the objective turned so that higher is better.
    pub(crate) first_score: Option<f64>,
    /// Step and score of the last evaluation.
    pub(crate) last: Option<(u64, f64)>,
    /// Step and score of the best evaluation.
    pub(crate) best: Option<(u64, f64)>,
    pub(crate) evals_since_best: u32,
    pub(crate) converged: bool,
    /// The last step was of a learner that converges, and had not yet.
    #[serde(default)]
    pub(crate) not_converged: bool,
    /// The evaluation that is due at this step was interrupted, or is not over yet.
    #[serde(default)]
    pub(crate) unevaluated: bool,
}

impl Clock {
    /// Before the first step.
    pub(crate) fn new() -> Self {
        Self { updates: Some(0), ..Self::default() }
    }

    /// Takes note of the evaluation that was due.
    pub(crate) fn evaluated(&mut self, evaluation: Evaluation) {
        let score = evaluation.score();
        self.unevaluated = false;
        self.objective = Some(evaluation.objective);
        self.first_score.get_or_insert(score);
        self.last = Some((self.step, score));
        self.evals_since_best = self.evals_since_best.saturating_add(1);
        if self.best.is_none_or(|(_, best)| score > best) {
            (self.best, self.evals_since_best) = (Some((self.step, score)), 0);
        }
    }

    /// Returns `true` if the evaluation at this step is the best one.
    pub(crate) fn is_best(&self) -> bool {
        self.best.is_some_and(|(step, _)| step == self.step)
    }

    /// Adds the time that the parts of a run before took after their last checkpoint, where that was told.
    pub(crate) fn account_earlier(&mut self, earlier: Option<(f64, Seconds)>) {
        if self.seconds == Seconds::default() {
            // An older version knew the whole alone.
            self.seconds.training = self.wall_seconds;
        }
        if let Some((wall_seconds, seconds)) = earlier {
            self.wall_seconds = self.wall_seconds.max(wall_seconds);
            self.seconds = self.seconds.at_least(seconds);
        }
    }

    /// Returns `true` if steps, rows and seconds can be those of a run.
    pub(crate) fn is_sound(&self) -> bool {
        self.step.max(self.rows).max(self.updates.unwrap_or(0)) < 1 << 62
            && self.wall_seconds.is_finite()
            && self.wall_seconds >= 0.0
            && self.seconds.sound()
    }

    /// Why training is over, from what a checkpoint holds: a resumed run ends where it ended.
    pub(crate) fn ended(&self, plan: &Plan) -> Option<Outcome> {
        let score = self.last.filter(|(step, _)| *step == self.step).map(|(_, score)| score);
        let direction = self.objective.as_ref().map_or(Direction::Maximise, |of| of.direction);
        let target = plan.target.map(|target| direction.score(target));
        let reached = score.zip(target).is_some_and(|(score, target)| score >= target);
        let waited = |patience| score.is_some() && self.evals_since_best >= patience;
        match () {
            () if reached => Some(Outcome::TargetReached),
            () if self.converged => Some(Outcome::Converged),
            () if plan.patience.is_some_and(waited) => Some(Outcome::Stalled),
            () if self.step >= plan.steps => Some(Outcome::Finished),
            () => None,
        }
    }
}
