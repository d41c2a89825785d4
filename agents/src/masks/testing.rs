//! An environment whose states lack actions.
use crate::MakeEnv;
use envs::{Action, Catch, Env, Spec, Step};
use rand::RngCore;
use serde::{Deserialize, Serialize};

/// Three actions of which the best is never allowed. The first state, the observation `[1, 0, 0]`, has the first action
/// alone, the second, `[0, 1, 0]`, the first two; an episode is a step in each, and pays the number of the second action.
/// Taking what is not allowed panics.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Masked {
    at: usize,
    time_limit: Option<u32>,
}

impl Masked {
    /// Makes copies; with a `time_limit` of 1 the second state is the final one of every episode.
    pub(crate) fn make(time_limit: Option<u32>) -> MakeEnv {
        Box::new(move || Box::new(Self { at: 0, time_limit }))
    }
}

impl Env for Masked {
    fn spec(&self) -> Spec {
        Spec {
            obs_shape: vec![3],
            actions: Spec::names(&["stay", "go", "win"]),
            time_limit: self.time_limit,
            two_returns: None,
            ..Catch::default().spec()
        }
    }

    fn masks_actions(&self) -> bool {
        true
    }

    fn allows(&self, action: usize) -> bool {
        self.at < 2 && action <= self.at
    }

    fn reset(&mut self, _: &mut dyn RngCore) {
        self.at = 0;
    }

    fn step(&mut self, action: Action<'_>, _: &mut dyn RngCore) -> Step {
        assert!(self.allows(action.discrete()), "{action:?} in {}", self.at);
        let reward = action.discrete() as f32;
        self.at += 1;
        Step { reward, terminated: self.at == 2 }
    }

    fn observe(&self, obs: &mut [f32]) {
        obs.fill(0.0);
        obs[self.at] = 1.0;
    }
}
