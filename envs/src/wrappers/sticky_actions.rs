//! Sticky actions.

use rand::{Rng as _, RngCore};
use serde::{Deserialize, Serialize};

use super::wrapped::Wrapper;
use crate::{Action, Env, Spec, Step};

/// Takes the previous action again with some probability, after Machado et al. (2018, arXiv:1709.06009): the one
/// that was really taken, where it is allowed. The first action of an episode is the given one.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StickyActions {
    probability: f64,
    previous: Option<TakenAction>,
}

#[derive(Serialize, Deserialize)]
enum TakenAction {
    Discrete(usize),
    Continuous(Vec<f32>),
}

impl TakenAction {
    fn of(action: Action<'_>) -> Self {
        match action {
            Action::Discrete(action) => Self::Discrete(action),
            Action::Continuous(action) => Self::Continuous(action.to_vec()),
        }
    }

    fn action(&self) -> Action<'_> {
        match self {
            Self::Discrete(action) => Action::Discrete(*action),
            Self::Continuous(action) => Action::Continuous(action),
        }
    }
}

impl StickyActions {
    pub(super) fn new(probability: f64) -> Self {
        Self { probability, previous: None }
    }
}

impl Wrapper for StickyActions {
    const PASSES_ACTIONS: bool = false;

    fn spec(&self, inner: Spec) -> Spec {
        inner
    }

    fn is_possible(&self, inner: &Spec) -> bool {
        let fits = match &self.previous {
            None => true,
            Some(TakenAction::Discrete(action)) => *action < inner.n_actions(),
            Some(TakenAction::Continuous(action)) => action.len() == inner.action_len(),
        };
        fits && (0.0..=1.0).contains(&self.probability)
    }

    fn begin(&mut self, _: &dyn Env) {
        self.previous = None;
    }

    fn step(&mut self, env: &mut dyn Env, action: Action<'_>, rng: &mut dyn RngCore) -> Step {
        let repeats = rng.random::<f64>() < self.probability;
        let allowed = |previous: &TakenAction| match previous {
            TakenAction::Discrete(action) => env.allows(*action),
            TakenAction::Continuous(_) => true,
        };
        let previous = self.previous.take().filter(|previous| repeats && allowed(previous));
        let taken = previous.unwrap_or_else(|| TakenAction::of(action));
        let step = env.step(taken.action(), rng);
        self.previous = Some(taken);
        step
    }

    fn observe(&self, env: &dyn Env, obs: &mut [f32]) {
        env.observe(obs);
    }
}
