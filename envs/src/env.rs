//! Interface of an environment.

use rand::RngCore;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::fmt;

use crate::element::Element;
use crate::shades;
use crate::{Cells, Rgb};

/// A simulator, moved on by actions that are numbered from 0 or that are vectors: see [`Actions`].
///
/// [`check_env`](crate::check_env) tests the promises made here.
pub trait Env: Snapshot {
    /// Shapes, actions and limit: constant over the environment's life.
    fn spec(&self) -> Spec;

    /// Returns `true` if a numbered action may be taken now; most environments take any at any time.
    fn allows(&self, _action: usize) -> bool {
        true
    }

    /// Returns `true` if some state lacks some action, so that [`allows`](Env::allows) has to be asked.
    fn masks_actions(&self) -> bool {
        false
    }

    /// Returns `true` if an episode that is under way can be in this state: asked of a snapshot that was put
    /// back, whose numbers may be any.
    fn is_possible(&self) -> bool {
        true
    }

    /// Starts a new episode.
    fn reset(&mut self, rng: &mut dyn RngCore);

    /// Announces the [`reset`](Env::reset) that comes next, with the same generator: an environment in another
    /// process begins it here, so that those of several copies run at once.
    fn begin_reset(&mut self, _rng: &mut dyn RngCore) {}

    /// Announces the [`step`](Env::step) that comes next, with the same action.
    fn begin_step(&mut self, _action: Action<'_>) {}

    /// Announces the [`step`](Env::step) that comes next, and the [`reset`](Env::reset) that follows it at once if the episode
    /// ends: an environment in another process does both in one go.
    fn begin_step_and_reset(&mut self, action: Action<'_>) {
        self.begin_step(action);
    }

    /// Moves one step on, by an action of the kind that the spec says: a numbered one must be
    /// [allowed](Env::allows), a vector beyond the box counts as the nearest in it. Must not be called
    /// after termination without a reset.
    fn step(&mut self, action: Action<'_>, rng: &mut dyn RngCore) -> Step;

    /// Returns `true` if a time limit of the environment's own, beside that of the [`Spec`], cut the episode off.
    fn is_truncated(&self) -> bool {
        false
    }

    /// The error after which the environment can't go on, for one that runs in another process: what its last
    /// reset or step returned means nothing then.
    fn failure(&self) -> Option<EnvError> {
        None
    }

    /// Returns `true` if the last [`restore`](Snapshot::restore) began a new episode, for want of the saved one's state.
    fn is_begun_anew(&self) -> bool {
        false
    }

    /// Writes all of the current observation, row-major, laid out as [`Spec::obs_shape`] says.
    fn observe(&self, obs: &mut [f32]);

    /// Draws the current state; the size of the image never changes. Unless an environment has a drawing of its
    /// own, its observation is shown, in shades of grey.
    fn render(&self) -> Rgb {
        let Spec { obs_shape, element, .. } = self.spec();
        shades::render(&obs_shape, element, |obs| self.observe(obs))
    }

    /// Draws the current state for a terminal; the size never changes. Unless an environment has a drawing of its
    /// own, its observation is shown.
    fn cells(&self) -> Cells {
        let Spec { obs_shape, element, .. } = self.spec();
        shades::cells(&obs_shape, element, |obs| self.observe(obs))
    }
}

/// Shapes, actions and time limit of an environment; they never change.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    /// `[features]`, or `[channels, height, width]`.
    pub obs_shape: Vec<usize>,
    /// The values an observation is made of.
    pub element: Element,
    /// The actions there are.
    pub actions: Actions,
    /// Steps after which [`VecEnv`](crate::VecEnv) cuts an episode off.
    pub time_limit: Option<u32>,
    /// The lower and the higher return of an episode, where each has one of two; the interval of a
    /// mean follows from them.
    pub two_returns: Option<[f64; 2]>,
}

impl Spec {
    /// Numbered actions of these names, for [`Spec::actions`].
    pub fn names(actions: &[&str]) -> Actions {
        Actions::Discrete(actions.iter().map(ToString::to_string).collect())
    }

    /// Number of floats in an observation.
    pub fn obs_len(&self) -> usize {
        self.obs_shape.iter().product()
    }

    /// Shape of `n` observations, `[n, …]`.
    pub fn batch_shape(&self, n: usize) -> Vec<usize> {
        [n].iter().chain(&self.obs_shape).copied().collect()
    }

    /// Number of actions; 0 where they are vectors.
    pub fn n_actions(&self) -> usize {
        match &self.actions {
            Actions::Discrete(names) => names.len(),
            Actions::Box { .. } => 0,
        }
    }

    /// Numbers in an action; 0 where actions are numbered.
    pub fn action_len(&self) -> usize {
        match &self.actions {
            Actions::Discrete(_) => 0,
            Actions::Box { low, .. } => low.len(),
        }
    }

    /// Numbers in a row that holds an action of either kind: its vector, or its number alone.
    pub fn action_width(&self) -> usize {
        self.action_len().max(1)
    }
}

/// The actions of an environment.
#[derive(Debug, Clone, PartialEq)]
pub enum Actions {
    /// A finite set: the name of each; actions are indices into this list.
    Discrete(Vec<String>),
    /// Vectors of real numbers.
    Box {
        /// The least of each number, finite, `[action_len]`.
        low: Vec<f32>,
        /// The greatest of each number, finite, `[action_len]`.
        high: Vec<f32>,
    },
}

/// Action of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Action<'a> {
    /// One of [`Actions::Discrete`], by its number.
    Discrete(usize),
    /// One of [`Actions::Box`], `[action_len]`.
    Continuous(&'a [f32]),
}

impl<'a> Action<'a> {
    /// The number of the action. Panics where it has none: environments whose actions are numbered
    /// are never given another.
    #[track_caller]
    pub fn discrete(self) -> usize {
        match self {
            Self::Discrete(action) => action,
            Self::Continuous(action) => {
                unreachable!("the action {action:?} is a vector: call `continuous`")
            }
        }
    }

    /// The numbers of the action. Panics where it is itself a number: environments whose actions are
    /// vectors are never given another.
    #[track_caller]
    pub fn continuous(self) -> &'a [f32] {
        match self {
            Self::Discrete(action) => {
                unreachable!("the action {action} is numbered: call `discrete`")
            }
            Self::Continuous(action) => action,
        }
    }
}

/// Result of a step. Time limits are not the environment's business.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Reward of the transition.
    pub reward: f32,
    /// The new state is terminal: nothing more can be earned from it.
    pub terminated: bool,
}

/// Error of an environment that runs in another process, in sentences for its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvError(String);

impl EnvError {
    /// The error that `told` describes.
    pub fn new(told: impl Into<String>) -> Self {
        Self(told.into())
    }
}

impl fmt::Display for EnvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for EnvError {}

/// Saving and restoring behind a trait object; every serialisable type has it.
pub trait Snapshot: Send {
    /// Everything a resumed episode needs.
    fn snapshot(&self) -> serde_json::Result<Value>;

    /// Puts a snapshot back; after an error the value is as it was before.
    fn restore(&mut self, saved: Value) -> serde_json::Result<()>;
}

impl<T: Serialize + DeserializeOwned + Send> Snapshot for T {
    fn snapshot(&self) -> serde_json::Result<Value> {
        serde_json::to_value(self)
    }

    fn restore(&mut self, saved: Value) -> serde_json::Result<()> {
        *self = serde_json::from_value(saved)?;
        Ok(())
    }
}
