//! Frame stack: several observations at once.

use std::collections::VecDeque;

use rand::RngCore;
use serde::{Deserialize, Serialize};

use super::wrapped::Wrapper;
use crate::{Action, Env, Spec, Step};

/// Shows the newest observations one after the other along the first dimension, the last one at the end; at the
/// start of an episode all of them are the first observation.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FrameStack {
    n: u32,
    /// The observations, the oldest first, `[n][obs_len]`.
    frames: VecDeque<Vec<f32>>,
}

impl FrameStack {
    pub(super) fn new(n: u32) -> Self {
        Self { n, frames: VecDeque::new() }
    }
}

/// The present observation.
fn frame(env: &dyn Env) -> Vec<f32> {
    let mut obs = vec![0.0; env.spec().obs_len()];
    env.observe(&mut obs);
    obs
}

impl Wrapper for FrameStack {
    const PASSES_ACTIONS: bool = true;

    fn spec(&self, mut inner: Spec) -> Spec {
        inner.obs_shape[0] *= self.n as usize;
        inner
    }

    fn is_possible(&self, inner: &Spec) -> bool {
        let fits = |frame: &Vec<f32>| {
            frame.len() == inner.obs_len() && frame.iter().all(|x| inner.element.contains(*x))
        };
        self.frames.len() == self.n as usize && self.frames.iter().all(fits)
    }

    fn begin(&mut self, env: &dyn Env) {
        let first = frame(env);
        self.frames = (0..self.n).map(|_| first.clone()).collect();
    }

    fn step(&mut self, env: &mut dyn Env, action: Action<'_>, rng: &mut dyn RngCore) -> Step {
        let step = env.step(action, rng);
        if let Some(mut oldest) = self.frames.pop_front() {
            env.observe(&mut oldest);
            self.frames.push_back(oldest);
        }
        step
    }

    fn observe(&self, _: &dyn Env, obs: &mut [f32]) {
        for (part, frame) in obs.chunks_exact_mut(obs.len() / self.n as usize).zip(&self.frames) {
            part.copy_from_slice(frame);
        }
    }
}
