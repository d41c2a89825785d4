//! Mountain car: get a weak car out of a valley by swinging to and fro.

use rand::{Rng as _, RngCore};
use serde::{Deserialize, Serialize};

use super::mountain_car_hills::{self as hills, LEFT, MAX_VELOCITY, RIGHT, STARTS};
use crate::{Action, Cells, Element, Env, Rgb, Spec, Step};

/// Change of the velocity in a step by the engine.
const FORCE: f64 = 0.001;
const GRAVITY: f64 = 0.0025;
/// The position of the flag.
const GOAL: f64 = 0.5;

/// `MountainCar-v0` of Gymnasium, after Moore (1990) and Sutton & Barto (example 10.1).
///
/// A car is in a valley of the shape sin 3x; its engine is too weak to drive straight up. In each step its
/// velocity changes by 0.001 times the engine's direction less 0.0025·cos 3x and is clipped to ±0.07; then
/// its position changes by the velocity and is clipped to −1.2 and 0.6. In `f64`.
///
/// - **Observation** `[2]`: position and velocity.
/// - **Actions** left, none, right: the direction of the engine.
/// - **Reward** −1 for every step.
/// - **Start** at rest, the position drawn uniformly from −0.6 to −0.4.
/// - **End** at 0.5 or beyond, unless the car rolls back. Episodes are cut off after 200 steps. The wall at
///   −1.2 stops the car.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MountainCar {
    position: f64,
    velocity: f64,
}

impl MountainCar {
    /// Starts an episode in a state given in the order of the observation.
    pub fn start(&mut self, [position, velocity]: [f64; 2]) {
        *self = Self { position, velocity };
    }

    /// Moves one step on; the physics involves no chance.
    pub fn advance(&mut self, action: usize) -> Step {
        // Every expression is rounded as Gymnasium rounds it, so none may be rearranged.
        let push = (action as f64 - 1.0) * FORCE;
        self.velocity += push + (3.0 * self.position).cos() * -GRAVITY;
        self.velocity = self.velocity.clamp(-MAX_VELOCITY, MAX_VELOCITY);
        self.position = (self.position + self.velocity).clamp(LEFT, RIGHT);
        if self.position == LEFT && self.velocity < 0.0 {
            self.velocity = 0.0;
        }
        Step { reward: -1.0, terminated: self.position >= GOAL && self.velocity >= 0.0 }
    }
}

impl Env for MountainCar {
    fn spec(&self) -> Spec {
        Spec {
            obs_shape: vec![2],
            element: Element::Float,
            actions: Spec::names(&["left", "none", "right"]),
            time_limit: Some(200),
            two_returns: None,
        }
    }

    fn is_possible(&self) -> bool {
        hills::is_possible(self.position, self.velocity)
    }

    fn reset(&mut self, rng: &mut dyn RngCore) {
        self.start([rng.random_range(STARTS[0]..STARTS[1]), 0.0]);
    }

    fn step(&mut self, action: Action<'_>, _: &mut dyn RngCore) -> Step {
        self.advance(action.discrete())
    }

    fn observe(&self, obs: &mut [f32]) {
        obs[0] = self.position as f32;
        obs[1] = self.velocity as f32;
    }

    fn render(&self) -> Rgb {
        hills::render(self.position, GOAL)
    }

    fn cells(&self) -> Cells {
        hills::cells(self.position, GOAL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rng;
    use rand::SeedableRng;

    const BACK: usize = 0;
    const NONE: usize = 1;
    const FORTH: usize = 2;

    fn after(state: [f64; 2], action: usize) -> ([f64; 2], bool) {
        let mut car = MountainCar::default();
        car.start(state);
        let step = car.advance(action);
        assert_eq!(step.reward, -1.0);
        ([car.position, car.velocity], step.terminated)
    }

    #[test]
    fn steps_by_hand() {
        // At 0 gravity pulls with 0.0025·cos 0.
        assert_eq!(after([0.0, 0.0], NONE), ([-0.0025, -0.0025], false));
        let ([position, velocity], _) = after([0.0, 0.01], FORTH);
        assert!((position - 0.0085).abs() < 1e-12 && (velocity - 0.0085).abs() < 1e-12);
        let ([_, velocity], _) = after([0.0, 0.01], BACK);
        assert!((velocity - 0.0065).abs() < 1e-12);
        // At −π/6 it is level.
        let ([_, velocity], _) = after([-std::f64::consts::FRAC_PI_6, 0.0], NONE);
        assert!(velocity.abs() < 1e-12);
    }

    #[test]
    fn the_flag_ends_the_episode_for_a_car_that_comes_up() {
        assert!(after([0.49, 0.03], FORTH).1);
        assert!(!after([0.45, 0.03], FORTH).1);
        assert!(!after([0.58, -0.01], BACK).1, "rolling back");
    }

    #[test]
    fn walls_and_velocity_are_bounds() {
        assert_eq!(after([-1.19, -0.05], NONE).0, [LEFT, 0.0]);
        assert_eq!(after([0.59, 0.05], FORTH).0[0], RIGHT);
        assert_eq!(after([-1.0, 0.07], FORTH).0[1], MAX_VELOCITY);
        assert_eq!(after([0.0, -0.07], BACK).0[1], -MAX_VELOCITY);
    }

    #[test]
    fn the_engine_alone_is_too_weak() {
        let mut car = MountainCar::default();
        car.start([-0.5, 0.0]);
        assert!((0..200).all(|_| !car.advance(FORTH).terminated));
        car.start([-0.5, 0.0]);
        let swings = |car: &mut MountainCar| {
            let action = if car.velocity < 0.0 { BACK } else { FORTH };
            car.advance(action).terminated
        };
        assert!((0..200).any(|_| swings(&mut car)));
    }

    #[test]
    fn starts_are_uniform_and_at_rest() {
        let (mut rng, mut car) = (Rng::seed_from_u64(0), MountainCar::default());
        let (mut low, mut high) = (0.0_f64, -1.0_f64);
        for _ in 0..1000 {
            car.reset(&mut rng);
            (low, high) = (low.min(car.position), high.max(car.position));
            assert_eq!(car.velocity, 0.0);
        }
        assert!((-0.6..-0.599).contains(&low) && (-0.401..-0.4).contains(&high), "{low} {high}");
    }
}
