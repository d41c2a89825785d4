//! Action repeat, also called frame skip.

use rand::RngCore;
use serde::{Deserialize, Serialize};

use super::wrapped::Wrapper;
use crate::{Action, Env, Spec, Step};

/// Repeats each action for so many steps of the environment, up to the end of the episode or until the action
/// is no longer allowed. The agent is paid the sum of the rewards and sees the last observation; the time limit
/// of the environment counts its own steps.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ActionRepeat {
    steps: u32,
}

impl ActionRepeat {
    pub(super) fn new(steps: u32) -> Self {
        Self { steps }
    }
}

impl Wrapper for ActionRepeat {
    const PASSES_ACTIONS: bool = false;

    fn spec(&self, inner: Spec) -> Spec {
        Spec { time_limit: inner.time_limit.map(|limit| limit.div_ceil(self.steps)), ..inner }
    }

    fn is_possible(&self, _: &Spec) -> bool {
        self.steps > 0
    }

    fn begin(&mut self, _: &dyn Env) {}

    fn step(&mut self, env: &mut dyn Env, action: Action<'_>, rng: &mut dyn RngCore) -> Step {
        let mut sum = env.step(action, rng);
        for _ in 1..self.steps {
            let allowed = match action {
                Action::Discrete(action) => env.allows(action),
                Action::Continuous(_) => true,
            };
            if sum.terminated || !allowed || env.is_truncated() || env.failure().is_some() {
                break;
            }
            let Step { reward, terminated } = env.step(action, rng);
            sum = Step { reward: sum.reward + reward, terminated };
        }
        sum
    }

    fn observe(&self, env: &dyn Env, obs: &mut [f32]) {
        env.observe(obs);
    }
}
