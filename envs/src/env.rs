//! What an environment is.

use rand::RngCore;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{Cells, Rgb};

/// A simulator with a finite set of actions, numbered from 0.
///
/// [`check_env`](crate::check_env) tests what is promised here.
pub trait Env: Snapshot {
    /// Shapes, actions and limit: constant over the environment's life.
    fn spec(&self) -> Spec;

    /// Whether an action may be taken now; most environments take any at any time.
    fn allows(&self, _action: usize) -> bool {
        true
    }

    /// Starts a new episode.
    fn reset(&mut self, rng: &mut dyn RngCore);

    /// Moves one step on, by an action that is [allowed](Env::allows). Must not be called after
    /// termination without a reset.
    fn step(&mut self, action: usize, rng: &mut dyn RngCore) -> Step;

    /// Writes all of the current observation, row-major, laid out as [`Spec::obs_shape`] says.
    fn observe(&self, obs: &mut [f32]);

    /// Draws the current state; the picture's size never changes.
    fn render(&self) -> Rgb;

    /// Draws the current state for a terminal; the picture's size never changes.
    fn cells(&self) -> Cells;
}

/// What never changes about an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// `[features]`, or `[channels, height, width]`.
    pub obs_shape: Vec<usize>,
    /// The values an observation is made of.
    pub element: Element,
    /// The name of each action; actions are indices into this list.
    pub actions: Vec<String>,
    /// Steps after which [`VecEnv`](crate::VecEnv) cuts an episode off.
    pub time_limit: Option<u32>,
}

impl Spec {
    /// A list of names for [`Spec::actions`].
    pub fn names(actions: &[&str]) -> Vec<String> {
        actions.iter().map(ToString::to_string).collect()
    }

    /// Number of floats in an observation.
    pub fn obs_len(&self) -> usize {
        self.obs_shape.iter().product()
    }

    /// Number of actions.
    pub fn n_actions(&self) -> usize {
        self.actions.len()
    }
}

/// The values an observation is made of, so that a replay memory can store it small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    /// 0 or 1.
    Bit,
    /// Whole numbers from 0 to 255.
    Byte,
    /// Any finite number.
    Float,
}

impl Element {
    /// Whether `value` is one of these values.
    pub fn contains(self, value: f32) -> bool {
        match self {
            Self::Bit => value == 0.0 || value == 1.0,
            Self::Byte => value.fract() == 0.0 && (0.0..=255.0).contains(&value),
            Self::Float => value.is_finite(),
        }
    }
}

/// What a step returns. Cutting an episode off for time is not the environment's business.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Reward of the transition.
    pub reward: f32,
    /// Whether the new state is terminal: nothing more can be earned from it.
    pub terminated: bool,
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_holds_its_values_only() {
        let values = [0.0, 1.0, 2.0, 255.0, 256.0, -1.0, 0.5, f32::NAN, f32::INFINITY];
        let holds = |element: Element| values.map(|value| u8::from(element.contains(value)));
        assert_eq!(holds(Element::Bit), [1, 1, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(holds(Element::Byte), [1, 1, 1, 1, 0, 0, 0, 0, 0]);
        assert_eq!(holds(Element::Float), [1, 1, 1, 1, 1, 1, 1, 0, 0]);
    }
}
