//! Rewards of another size.

use rand::RngCore;
use serde::{Deserialize, Serialize};

use super::wrapped::Wrapper;
use crate::{Action, Env, Spec, Step};

/// Multiplies rewards by a factor, and clips the products.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rewards {
    scale: f64,
    /// Bound to either side; 0 for none.
    clip: f64,
}

impl Rewards {
    pub(super) fn new(scale: f64, clip: f64) -> Self {
        Self { scale, clip }
    }
}

impl Wrapper for Rewards {
    const PASSES_ACTIONS: bool = true;

    fn spec(&self, inner: Spec) -> Spec {
        Spec { two_returns: None, ..inner }
    }

    fn is_possible(&self, _: &Spec) -> bool {
        self.scale.is_finite() && self.clip >= 0.0
    }

    fn begin(&mut self, _: &dyn Env) {}

    fn step(&mut self, env: &mut dyn Env, action: Action<'_>, rng: &mut dyn RngCore) -> Step {
        let step = env.step(action, rng);
        let mut reward = self.scale * f64::from(step.reward);
        if self.clip > 0.0 {
            reward = reward.clamp(-self.clip, self.clip);
        }
        Step { reward: reward as f32, ..step }
    }

    fn observe(&self, env: &dyn Env, obs: &mut [f32]) {
        env.observe(obs);
    }
}
