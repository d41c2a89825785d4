//! A time limit in place of that of the environment.

use std::num::NonZeroU32;

use rand::RngCore;
use serde::{Deserialize, Serialize};

use super::wrapped::Wrapper;
use crate::{Action, Env, Spec, Step};

/// Cuts episodes off after so many steps of the environment, which [`VecEnv`](crate::VecEnv) counts. Where actions are
/// repeated there are as many fewer of the agent.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TimeLimit {
    limit: NonZeroU32,
}

impl TimeLimit {
    pub(super) fn new(limit: NonZeroU32) -> Self {
        Self { limit }
    }
}

impl Wrapper for TimeLimit {
    const PASSES_ACTIONS: bool = true;

    fn spec(&self, inner: Spec) -> Spec {
        // An episode that is cut off earlier may return something else.
        Spec { time_limit: Some(self.limit.get()), two_returns: None, ..inner }
    }

    fn is_possible(&self, _: &Spec) -> bool {
        true
    }

    fn begin(&mut self, _: &dyn Env) {}

    fn step(&mut self, env: &mut dyn Env, action: Action<'_>, rng: &mut dyn RngCore) -> Step {
        env.step(action, rng)
    }

    fn observe(&self, env: &dyn Env, obs: &mut [f32]) {
        env.observe(obs);
    }
}
