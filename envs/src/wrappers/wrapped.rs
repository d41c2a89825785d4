//! An environment in a wrapper, and the one place where everything is forwarded.

use rand::RngCore;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{Action, Cells, Env, EnvError, Rgb, Snapshot, Spec, Step};

/// The part of an environment that a wrapper changes. Nothing has a default: a wrapper says for each of these
/// what it does, and [`Wrapped`] forwards all else.
pub(super) trait Wrapper: Serialize + DeserializeOwned + Send + 'static {
    /// The environment gets every action that is given, once: it may be announced.
    const PASSES_ACTIONS: bool;

    /// The spec, made of that of the environment.
    fn spec(&self, inner: Spec) -> Spec;

    /// Returns `true` if the wrapper can be in this state around an environment of this spec.
    fn is_possible(&self, inner: &Spec) -> bool;

    /// Begins an episode, after the environment has begun it.
    fn begin(&mut self, env: &dyn Env);

    fn step(&mut self, env: &mut dyn Env, action: Action<'_>, rng: &mut dyn RngCore) -> Step;

    fn observe(&self, env: &dyn Env, obs: &mut [f32]);
}

/// An environment in a wrapper.
pub(super) struct Wrapped<W> {
    env: Box<dyn Env>,
    wrapper: W,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrappedState<W> {
    env: Value,
    wrapper: W,
}

impl<W: Wrapper> Wrapped<W> {
    pub(super) fn of(env: Box<dyn Env>, mut wrapper: W) -> Box<dyn Env> {
        wrapper.begin(&*env);
        Box::new(Self { env, wrapper })
    }
}

impl<W: Wrapper> Snapshot for Wrapped<W> {
    fn snapshot(&self) -> serde_json::Result<Value> {
        let (env, wrapper) = (self.env.snapshot()?, serde_json::to_value(&self.wrapper)?);
        serde_json::to_value(WrappedState { env, wrapper })
    }

    fn restore(&mut self, saved: Value) -> serde_json::Result<()> {
        let WrappedState { env, wrapper } = serde_json::from_value(saved)?;
        self.env.restore(env)?;
        self.wrapper = wrapper;
        if self.env.is_begun_anew() {
            self.wrapper.begin(&*self.env);
        }
        Ok(())
    }
}

impl<W: Wrapper> Env for Wrapped<W> {
    fn spec(&self) -> Spec {
        self.wrapper.spec(self.env.spec())
    }

    fn allows(&self, action: usize) -> bool {
        self.env.allows(action)
    }

    fn masks_actions(&self) -> bool {
        self.env.masks_actions()
    }

    fn is_possible(&self) -> bool {
        self.env.is_possible() && self.wrapper.is_possible(&self.env.spec())
    }

    fn reset(&mut self, rng: &mut dyn RngCore) {
        self.env.reset(rng);
        self.wrapper.begin(&*self.env);
    }

    fn begin_reset(&mut self, rng: &mut dyn RngCore) {
        self.env.begin_reset(rng);
    }

    fn begin_step(&mut self, action: Action<'_>) {
        if W::PASSES_ACTIONS {
            self.env.begin_step(action);
        }
    }

    fn begin_step_and_reset(&mut self, action: Action<'_>) {
        if W::PASSES_ACTIONS {
            self.env.begin_step_and_reset(action);
        }
    }

    fn step(&mut self, action: Action<'_>, rng: &mut dyn RngCore) -> Step {
        self.wrapper.step(&mut *self.env, action, rng)
    }

    fn is_truncated(&self) -> bool {
        self.env.is_truncated()
    }

    fn failure(&self) -> Option<EnvError> {
        self.env.failure()
    }

    fn is_begun_anew(&self) -> bool {
        self.env.is_begun_anew()
    }

    fn observe(&self, obs: &mut [f32]) {
        self.wrapper.observe(&*self.env, obs);
    }

    fn render(&self) -> Rgb {
        self.env.render()
    }

    fn cells(&self) -> Cells {
        self.env.cells()
    }
}
