//! Pendulum: swing a rod up and hold it there by a motor that is too weak to lift it at once.

use std::f64::consts::PI;
use std::hint::black_box;

use rand::{Rng as _, RngCore};
use serde::{Deserialize, Serialize};

use super::numbers::{is_possible, squared};
use super::rods_view;
use crate::{Action, Actions, Cells, Element, Env, Rgb, Spec, Step};

/// Metres per second squared.
const GRAVITY: f64 = 10.0;
/// Kilograms.
const MASS: f64 = 1.0;
/// Metres.
const LENGTH: f64 = 1.0;
/// Seconds per step.
const TAU: f64 = 0.05;
/// Radians per second.
const MAX_VELOCITY: f64 = 8.0;
/// Newton metres.
const MAX_TORQUE: f32 = 2.0;
/// Radians per second at the start, at most.
const START_VELOCITY: f64 = 1.0;

/// `Pendulum-v1` of Gymnasium.
///
/// A rod of 1 kg and 1 m turns about one of its ends, moved by gravity and a motor; integrated by
/// the semi-implicit Euler method in steps of 0.05 s, in `f64`.
///
/// - **Observation** `[3]`: cosine and sine of the angle from the vertical (counter-clockwise), and
///   the angular velocity (rad/s), which is clipped to ±8.
/// - **Action** `[1]`: torque from −2 to 2 N·m; beyond that it is clipped.
/// - **Reward** −(angle² + 0.1·velocity² + 0.001·torque²) of the state before the step, with the
///   angle within ±π: from −16.3 to 0.
/// - **Start** angle drawn uniformly from −π to π, velocity from −1 to 1.
/// - **End** there is none. Episodes are cut off after 200 steps.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pendulum {
    angle: f64,
    velocity: f64,
}

impl Pendulum {
    /// Starts an episode with an angle and a velocity.
    pub fn start(&mut self, [angle, velocity]: [f64; 2]) {
        *self = Self { angle, velocity };
    }

    /// Moves one step on under a torque; the physics involves no chance.
    pub fn advance(&mut self, torque: f32) -> Step {
        // Every expression is rounded as Gymnasium rounds it, those of the torque alone in `f32`, so
        // none may be rearranged.
        let Self { angle, velocity } = *self;
        let torque = torque.clamp(-MAX_TORQUE, MAX_TORQUE);
        let cost = squared(normalized(angle))
            + 0.1 * squared(velocity)
            + f64::from(0.001 * torque.powf(black_box(2.0)));
        let acceleration = 3.0 * GRAVITY / (2.0 * LENGTH) * angle.sin()
            + f64::from((3.0 / (MASS * LENGTH * LENGTH)) as f32 * torque);
        self.velocity = (velocity + acceleration * TAU).clamp(-MAX_VELOCITY, MAX_VELOCITY);
        self.angle = angle + self.velocity * TAU;
        Step { reward: -cost as f32, terminated: false }
    }

    /// The end of the rod, in metres to the right of and above the joint.
    fn end(&self) -> [f64; 2] {
        [-LENGTH * self.angle.sin(), LENGTH * self.angle.cos()]
    }
}

/// The angle wrapped into [−π, π).
fn normalized(angle: f64) -> f64 {
    (angle + PI).rem_euclid(2.0 * PI) - PI
}

impl Env for Pendulum {
    fn spec(&self) -> Spec {
        Spec {
            obs_shape: vec![3],
            element: Element::Float,
            actions: Actions::Box { low: vec![-MAX_TORQUE], high: vec![MAX_TORQUE] },
            time_limit: Some(200),
            two_returns: None,
        }
    }

    fn is_possible(&self) -> bool {
        is_possible(&[self.angle, self.velocity])
    }

    fn reset(&mut self, rng: &mut dyn RngCore) {
        let angle = rng.random_range(-PI..PI);
        self.start([angle, rng.random_range(-START_VELOCITY..START_VELOCITY)]);
    }

    fn step(&mut self, action: Action<'_>, _: &mut dyn RngCore) -> Step {
        self.advance(action.continuous()[0])
    }

    fn observe(&self, obs: &mut [f32]) {
        obs[0] = self.angle.cos() as f32;
        obs[1] = self.angle.sin() as f32;
        obs[2] = self.velocity as f32;
    }

    fn render(&self) -> Rgb {
        rods_view::render(&[self.end()], None)
    }

    fn cells(&self) -> Cells {
        rods_view::cells(&[self.end()], None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rng;
    use rand::SeedableRng;
    use std::f64::consts::FRAC_PI_2;

    fn after(state: [f64; 2], torque: f32) -> ([f64; 2], f32) {
        let mut env = Pendulum::default();
        env.start(state);
        let step = env.advance(torque);
        assert!(!step.terminated);
        ([env.angle, env.velocity], step.reward)
    }

    fn assert_near(state: [f64; 2], expected: [f64; 2]) {
        for (value, expected) in state.iter().zip(expected) {
            assert!((value - expected).abs() < 1e-12, "{state:?}");
        }
    }

    #[test]
    fn steps_by_hand() {
        // Level: 15·sin(π/2) + 3·1 = 18 rad/s², 0.9 rad/s after 0.05 s, and that moves the angle.
        let (state, reward) = after([FRAC_PI_2, 0.0], 1.0);
        assert_near(state, [FRAC_PI_2 + 0.045, 0.9]);
        assert!((f64::from(reward) + FRAC_PI_2.powi(2) + 0.001).abs() < 1e-6, "{reward}");
        // Upright and turning: 1 rad/s less 0.05 · 3 · 2.
        let (state, reward) = after([0.0, 1.0], -2.0);
        assert_near(state, [0.7 * 0.05, 0.7]);
        assert!((reward + 0.1 + 0.004).abs() < 1e-7, "{reward}");
        assert_eq!(after([0.0; 2], 0.0), ([0.0; 2], 0.0));
    }

    #[test]
    fn torque_and_velocity_are_clipped() {
        assert_eq!(after([1.0, 2.0], 5.0), after([1.0, 2.0], 2.0));
        assert_eq!(after([1.0, 2.0], -5.0), after([1.0, 2.0], -2.0));
        assert_eq!(after([FRAC_PI_2, 7.9], 2.0).0[1], 8.0);
        assert_eq!(after([-FRAC_PI_2, -7.9], -2.0).0[1], -8.0);
    }

    #[test]
    fn the_reward_knows_no_turns() {
        let reward = |angle| after([angle, 0.0], 0.0).1;
        assert!((reward(1.0) - reward(1.0 + 6.0 * PI)).abs() < 1e-6);
        assert!((reward(-1.0) - reward(-1.0 - 2.0 * PI)).abs() < 1e-6);
        // The worst there is.
        let worst = after([PI, 8.0], 2.0).1;
        assert!((worst + 16.273_604).abs() < 1e-5, "{worst}");
    }

    #[test]
    fn the_rod_stands_upright_at_0_and_turns_counter_clockwise() {
        let mut env = Pendulum::default();
        assert_near(env.end(), [0.0, 1.0]);
        env.start([FRAC_PI_2, 0.0]);
        assert_near(env.end(), [-1.0, 0.0]);
    }

    #[test]
    fn starts_are_uniform() {
        let (mut rng, mut env) = (Rng::seed_from_u64(0), Pendulum::default());
        let (mut low, mut high) = ([0.0_f64; 2], [0.0_f64; 2]);
        for _ in 0..2000 {
            env.reset(&mut rng);
            for (i, x) in [env.angle / PI, env.velocity].into_iter().enumerate() {
                (low[i], high[i]) = (low[i].min(x), high[i].max(x));
            }
        }
        assert!(low.iter().all(|low| (-1.0..-0.99).contains(low)), "{low:?}");
        assert!(high.iter().all(|high| (0.99..1.0).contains(high)), "{high:?}");
    }
}
