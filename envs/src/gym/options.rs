//! Id and options of an environment of Gymnasium.
use crate::EnvError;
use serde_json::{Map, Value, json};
use std::fmt;

params::parameters! {
    /// Options of lab's for an environment of Gymnasium. Others are keyword arguments of the environment.
    pub struct GymOptions {
        /// Python with gymnasium [default: $LAB_PYTHON, else that of $VIRTUAL_ENV, else python3]
        python: Option<String> = None;
        /// Python processes among which the environments are divided
        workers: usize = 1, in 1..=64;
        /// Preprocessing of Atari games (ids that begin with ALE/) by AtariPreprocessing, and a stack of frames
        atari_preprocessing: bool = true;
        /// Atari: no-op actions at most at the start of an episode
        noop_max: u32 = 30, in 0..=1_000;
        /// Atari: frames for which an action is repeated; the last two are joined by their maximum
        frame_skip: u32 = 4, in 1..=1_000;
        /// Atari: height and width of the image
        screen_size: u32 = 84, in 8..=512;
        /// Atari: grey in place of colours
        grayscale_obs: bool = true;
        /// Atari: a lost life ends the episode
        terminal_on_life_loss: bool = false;
        /// Newest observations that are stacked [default: 4 for Atari, else 1]
        stack_size: Option<u32> = None;
        /// Replace each reward by its sign
        clip_reward: bool = false;
    }
}

/// Observations that may be stacked.
const MOST_STACKED: u32 = 256;

/// Id of an environment, as `gymnasium.make` takes it: `CartPole-v1`, `ALE/Pong-v5`, `package.module:Name-v0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GymId(String);

impl GymId {
    /// The id after the `gym:` of a name.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    pub(super) fn is_atari(&self) -> bool {
        self.0.starts_with("ALE/")
    }
}

impl fmt::Display for GymId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gym:{}", self.0)
    }
}

impl GymOptions {
    /// The settings that a worker makes environments from.
    pub(super) fn settings(
        &self,
        id: &GymId,
        arguments: &Map<String, Value>,
    ) -> Result<Value, EnvError> {
        let atari = id.is_atari() && self.atari_preprocessing;
        if !atari && let Some(name) = self.changed_of_atari() {
            return Err(EnvError::new(format!(
                "{id}: {name} is an option of AtariPreprocessing, which games with an id ALE/… have"
            )));
        }
        let stack = self.stack_size.unwrap_or(if atari { 4 } else { 1 });
        if !(1..=MOST_STACKED).contains(&stack) {
            let told = format!("{id}: stack_size {stack}: from 1 to {MOST_STACKED} are expected");
            return Err(EnvError::new(told));
        }
        let preprocessing = json!({
            "noop_max": self.noop_max,
            "frame_skip": self.frame_skip,
            "screen_size": self.screen_size,
            "grayscale_obs": self.grayscale_obs,
            "terminal_on_life_loss": self.terminal_on_life_loss,
        });
        Ok(json!({
            "id": id.0,
            "arguments": arguments,
            "parent": std::process::id(),
            "atari": atari.then_some(preprocessing),
            "stack_size": (stack > 1).then_some(stack),
            "clip_reward": self.clip_reward,
        }))
    }

    /// The first option of the preprocessing of Atari games that is not left at its default.
    fn changed_of_atari(&self) -> Option<&'static str> {
        let usual = Self::default();
        [
            ("noop_max", self.noop_max != usual.noop_max),
            ("frame_skip", self.frame_skip != usual.frame_skip),
            ("screen_size", self.screen_size != usual.screen_size),
            ("grayscale_obs", self.grayscale_obs != usual.grayscale_obs),
            ("terminal_on_life_loss", self.terminal_on_life_loss != usual.terminal_on_life_loss),
        ]
        .into_iter()
        .find_map(|(name, changed)| changed.then_some(name))
    }
}
