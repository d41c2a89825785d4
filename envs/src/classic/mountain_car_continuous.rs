//! Mountain car with a continuous action: get out of a valley with as little force as may be.

use rand::{Rng as _, RngCore};
use serde::{Deserialize, Serialize};

use super::mountain_car_hills::{self as hills, LEFT, MAX_VELOCITY, RIGHT, STARTS};
use super::numbers::squared;
use crate::{Action, Actions, Cells, Element, Env, Rgb, Spec, Step};

/// Change of the velocity in a step by the whole force.
const POWER: f32 = 0.0015;
const GRAVITY: f64 = 0.0025;
/// The position of the flag.
const GOAL: f32 = 0.45;

/// `MountainCarContinuous-v0` of Gymnasium, after Moore (1990).
///
/// A car is in a valley of the shape sin 3x; its engine is too weak to drive straight up. In each step its
/// velocity changes by 0.0015 times the force less 0.0025·cos 3x and is clipped to ±0.07; then its position
/// changes by the velocity and is clipped to −1.2 and 0.6. In `f32`, as Gymnasium computes it with NumPy 2.
///
/// - **Observation** `[2]`: position and velocity.
/// - **Action** `[1]`: force from −1 to 1; beyond that it is clipped.
/// - **Reward** −0.1·force² in every step, and 100 at the end.
/// - **Start** at rest, the position drawn uniformly from −0.6 to −0.4.
/// - **End** at 0.45 or beyond, unless the car rolls back. Episodes are cut off after 999 steps. The wall at
///   −1.2 stops the car.
///
/// Two deviations: Gymnasium has the position of the start, and computes the first step, in `f64`; and it
/// charges for a force beyond the box as it was given, though it moves by the clipped one.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MountainCarContinuous {
    position: f32,
    velocity: f32,
}

impl MountainCarContinuous {
    /// Starts an episode in a state given in the order of the observation.
    pub fn start(&mut self, [position, velocity]: [f32; 2]) {
        *self = Self { position, velocity };
    }

    /// Moves one step on under a force; the physics involves no chance.
    pub fn advance(&mut self, force: f32) -> Step {
        // Every expression is rounded as Gymnasium rounds it, so none may be rearranged.
        let force = force.clamp(-1.0, 1.0);
        let pull = (GRAVITY * f64::from(3.0 * self.position).cos()) as f32;
        let [left, right, fastest] = [LEFT as f32, RIGHT as f32, MAX_VELOCITY as f32];
        self.velocity = (self.velocity + (force * POWER - pull)).clamp(-fastest, fastest);
        self.position = (self.position + self.velocity).clamp(left, right);
        if self.position == left && self.velocity < 0.0 {
            self.velocity = 0.0;
        }
        let terminated = self.position >= GOAL && self.velocity >= 0.0;
        let earned = if terminated { 100.0 } else { 0.0 };
        Step { reward: (earned - squared(f64::from(force)) * 0.1) as f32, terminated }
    }
}

impl Env for MountainCarContinuous {
    fn spec(&self) -> Spec {
        Spec {
            obs_shape: vec![2],
            element: Element::Float,
            actions: Actions::Box { low: vec![-1.0], high: vec![1.0] },
            time_limit: Some(999),
            two_returns: None,
        }
    }

    fn is_possible(&self) -> bool {
        hills::is_possible(self.position.into(), self.velocity.into())
    }

    fn reset(&mut self, rng: &mut dyn RngCore) {
        self.start([rng.random_range(STARTS[0]..STARTS[1]) as f32, 0.0]);
    }

    fn step(&mut self, action: Action<'_>, _: &mut dyn RngCore) -> Step {
        self.advance(action.continuous()[0])
    }

    fn observe(&self, obs: &mut [f32]) {
        obs[0] = self.position;
        obs[1] = self.velocity;
    }

    fn render(&self) -> Rgb {
        hills::render(self.position.into(), GOAL.into())
    }

    fn cells(&self) -> Cells {
        hills::cells(self.position.into(), GOAL.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rng;
    use rand::SeedableRng;

    fn after(state: [f32; 2], force: f32) -> ([f32; 2], f32, bool) {
        let mut car = MountainCarContinuous::default();
        car.start(state);
        let step = car.advance(force);
        ([car.position, car.velocity], step.reward, step.terminated)
    }

    fn assert_near(state: [f32; 2], expected: [f32; 2]) {
        for (value, expected) in state.iter().zip(expected) {
            assert!((value - expected).abs() < 1e-6, "{state:?}");
        }
    }

    #[test]
    fn steps_by_hand() {
        // At 0 gravity pulls with 0.0025·cos 0; half the force pushes with 0.00075.
        let (state, reward, terminated) = after([0.0, 0.01], 0.5);
        assert_near(state, [0.00825, 0.00825]);
        assert_eq!((reward, terminated), (-0.025, false));
        assert_near(after([0.0, 0.0], -1.0).0, [-0.004, -0.004]);
        assert_eq!(after([0.0, 0.0], 0.0).1, 0.0);
    }

    #[test]
    fn the_goal_pays_a_hundred() {
        let (_, reward, terminated) = after([0.44, 0.03], 1.0);
        assert_eq!((reward, terminated), (99.9, true));
        assert!(!after([0.4, 0.03], 1.0).2);
        assert!(!after([0.5, -0.01], -1.0).2, "rolling back");
    }

    #[test]
    fn force_velocity_and_position_are_clipped() {
        assert_eq!(after([0.0, 0.0], 3.0), after([0.0, 0.0], 1.0));
        assert_eq!(after([-1.0, 0.07], 1.0).0[1], 0.07);
        assert_eq!(after([-1.19, -0.05], -1.0).0, [-1.2, 0.0]);
        assert_eq!(after([0.59, 0.05], 1.0).0[0], 0.6);
    }

    #[test]
    fn starts_are_uniform_and_at_rest() {
        let (mut rng, mut car) = (Rng::seed_from_u64(0), MountainCarContinuous::default());
        let (mut low, mut high) = (0.0_f32, -1.0_f32);
        for _ in 0..1000 {
            car.reset(&mut rng);
            (low, high) = (low.min(car.position), high.max(car.position));
            assert_eq!(car.velocity, 0.0);
        }
        assert!((-0.6..-0.599).contains(&low) && (-0.401..-0.4).contains(&high), "{low} {high}");
    }
}
