//! Wrappers: small environments around another one, which change one thing of it.

mod action_repeat;
mod frame_stack;
mod pixels;
mod rewards;
mod sticky_actions;
mod time_limit;
mod wrapped;

use std::num::NonZeroU32;

use self::action_repeat::ActionRepeat;
use self::frame_stack::FrameStack;
use self::pixels::Pixels;
use self::rewards::Rewards;
use self::sticky_actions::StickyActions;
use self::time_limit::TimeLimit;
use self::wrapped::Wrapped;
use crate::Env;

params::parameters! {
    /// Options that wrap an environment; at their defaults there is no wrapper.
    #[derive(Copy)]
    pub struct WrapperConfig {
        /// Steps after which an episode is cut off
        time_limit: Option<NonZeroU32> = None;
        /// Show the environment's frame, in grey and with 84×84 pixels, in place of its observation
        pixels: bool = false;
        /// Newest observations that are shown together, the last one at the end
        frame_stack: u32 = 1, in 1..=64;
        /// Steps for which an action is repeated; their rewards are added up
        action_repeat: u32 = 1, in 1..=1_000;
        /// Probability, at every step, that the previous action is repeated
        sticky: f64 = 0.0, in 0.0..=1.0;
        /// Multiply rewards by this
        reward_scale: f64 = 1.0, in -1e9..=1e9;
        /// Clip (scaled) rewards to this size; 0 leaves them as they are
        reward_clip: f64 = 0.0, in 0.0..=1e9;
    }
}

impl WrapperConfig {
    /// Puts the wrappers around an environment. From the inside: pixels; time limit and sticky actions, which count, and
    /// are drawn for, each step of the environment itself; action repeat; rewards; frame stack.
    pub fn wrap(&self, mut env: Box<dyn Env>) -> Box<dyn Env> {
        if self.pixels {
            env = Wrapped::of(env, Pixels {});
        }
        if let Some(limit) = self.time_limit {
            env = Wrapped::of(env, TimeLimit::new(limit));
        }
        if self.sticky > 0.0 {
            env = Wrapped::of(env, StickyActions::new(self.sticky));
        }
        if self.action_repeat > 1 {
            env = Wrapped::of(env, ActionRepeat::new(self.action_repeat));
        }
        if self.reward_scale != 1.0 || self.reward_clip > 0.0 {
            env = Wrapped::of(env, Rewards::new(self.reward_scale, self.reward_clip));
        }
        if self.frame_stack > 1 {
            env = Wrapped::of(env, FrameStack::new(self.frame_stack));
        }
        env
    }
}

#[cfg(test)]
mod tests;
