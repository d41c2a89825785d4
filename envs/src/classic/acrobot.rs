//! Acrobot: swing the free end of two joined rods up by a motor between them.

use std::f64::consts::{FRAC_PI_2, PI};

use rand::{Rng as _, RngCore};
use serde::{Deserialize, Serialize};

use super::numbers::{is_possible, squared};
use super::rods_view;
use crate::{Action, Cells, Element, Env, Rgb, Spec, Step};

/// Metres per second squared.
const GRAVITY: f64 = 9.8;
/// Kilograms of each rod.
const MASS: f64 = 1.0;
/// Metres of each rod.
const LENGTH: f64 = 1.0;
/// Metres from a rod's upper end to its centre of mass.
const CENTER: f64 = 0.5;
/// Moment of inertia of each rod, kg·m².
const MOMENT: f64 = 1.0;
/// Newton metres of each action.
const TORQUES: [f64; 3] = [-1.0, 0.0, 1.0];
/// Seconds per step.
const TAU: f64 = 0.2;
/// Radians per second of the first rod at most.
const MAX_VELOCITY_1: f64 = 4.0 * PI;
/// Radians per second of the second rod at most.
const MAX_VELOCITY_2: f64 = 9.0 * PI;
/// Metres above the fixed joint.
const GOAL: f64 = 1.0;
/// Every component of the state starts within this distance of 0.
const START: f64 = 0.1;

/// `Acrobot-v1` of Gymnasium, after Sutton (1996) and Sutton & Barto (1st edition, section 11.3).
///
/// Two rods of 1 kg and 1 m hang one from the other, the first from a fixed joint; a motor turns the
/// joint between them. The equations are the book's, which is Gymnasium's default (it has those of
/// the 1996 paper too, which lack a term), integrated by one step of the classical Runge–Kutta method
/// over 0.2 s, in `f64`.
///
/// - **Observation** `[6]`: cosine and sine of the angle of the first rod from hanging down, cosine
///   and sine of the angle of the second relative to the first (rad, counter-clockwise), their
///   angular velocities (rad/s).
/// - **Actions** a torque of −1, 0 or 1 N·m.
/// - **Reward** −1 for every step but that which reaches the goal, which pays 0.
/// - **Start** every component of the state drawn uniformly from −0.1 to 0.1, rounded to `f32`.
/// - **End** when the free end is more than 1 m above the fixed joint. Episodes are cut off after 500
///   steps.
///
/// After each step angles are brought back to ±π, velocities clipped to ±4π and ±9π rad/s. One
/// deviation in the last bit: Gymnasium computes the first observation of an episode in single
/// precision, and those that follow, as here all, in double precision.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acrobot {
    /// Angles of both rods, then their velocities.
    state: [f64; 4],
}

impl Acrobot {
    /// Starts an episode with the angle of the first rod, that of the second, and their velocities.
    pub fn start(&mut self, state: [f64; 4]) {
        self.state = state;
    }

    /// Moves one step on; the physics involves no chance.
    pub fn advance(&mut self, action: usize) -> Step {
        debug_assert!(action < 3, "action {action} is not one of Acrobot's 3");
        let [angle_1, angle_2, velocity_1, velocity_2] = integrate(self.state, TORQUES[action]);
        self.state = [
            wrapped(angle_1),
            wrapped(angle_2),
            velocity_1.clamp(-MAX_VELOCITY_1, MAX_VELOCITY_1),
            velocity_2.clamp(-MAX_VELOCITY_2, MAX_VELOCITY_2),
        ];
        let [angle_1, angle_2, ..] = self.state;
        let terminated = -angle_1.cos() - (angle_2 + angle_1).cos() > GOAL;
        Step { reward: if terminated { 0.0 } else { -1.0 }, terminated }
    }

    /// The ends of the rods, in metres to the right of and above the fixed joint.
    fn ends(&self) -> [[f64; 2]; 2] {
        let [angle_1, angle_2, ..] = self.state;
        let from_joint = |angle: f64| [LENGTH * angle.sin(), -LENGTH * angle.cos()];
        let (first, second) = (from_joint(angle_1), from_joint(angle_1 + angle_2));
        [first, [first[0] + second[0], first[1] + second[1]]]
    }
}

/// d/dt of `[θ₁, θ₂, θ̇₁, θ̇₂]` under a torque τ, in the book's notation:
///
/// - d₁ = m·c² + m·(l² + c² + 2·l·c·cos θ₂) + 2·I,  d₂ = m·(c² + l·c·cos θ₂) + I
/// - φ₂ = m·c·g·cos(θ₁ + θ₂ − π/2)
/// - φ₁ = −m·l·c·θ̇₂²·sin θ₂ − 2·m·l·c·θ̇₂·θ̇₁·sin θ₂ + (m·c + m·l)·g·cos(θ₁ − π/2) + φ₂
/// - θ̈₂ = (τ + d₂/d₁·φ₁ − m·l·c·θ̇₁²·sin θ₂ − φ₂) / (m·c² + I − d₂²/d₁)
/// - θ̈₁ = −(d₂·θ̈₂ + φ₁)/d₁
fn derivative([angle_1, angle_2, velocity_1, velocity_2]: [f64; 4], torque: f64) -> [f64; 4] {
    // Every expression is rounded as Gymnasium rounds it, so none may be rearranged.
    let (sin, cos) = angle_2.sin_cos();
    let d1 = MASS * CENTER * CENTER
        + MASS * (LENGTH * LENGTH + CENTER * CENTER + 2.0 * LENGTH * CENTER * cos)
        + MOMENT
        + MOMENT;
    let d2 = MASS * (CENTER * CENTER + LENGTH * CENTER * cos) + MOMENT;
    let phi2 = MASS * CENTER * GRAVITY * (angle_1 + angle_2 - FRAC_PI_2).cos();
    let phi1 = -MASS * LENGTH * CENTER * squared(velocity_2) * sin
        - 2.0 * MASS * LENGTH * CENTER * velocity_2 * velocity_1 * sin
        + (MASS * CENTER + MASS * LENGTH) * GRAVITY * (angle_1 - FRAC_PI_2).cos()
        + phi2;
    let acceleration_2 =
        (torque + d2 / d1 * phi1 - MASS * LENGTH * CENTER * squared(velocity_1) * sin - phi2)
            / (MASS * CENTER * CENTER + MOMENT - squared(d2) / d1);
    let acceleration_1 = -(d2 * acceleration_2 + phi1) / d1;
    [velocity_1, velocity_2, acceleration_1, acceleration_2]
}

/// The state a step later, by the classical Runge–Kutta method.
fn integrate(state: [f64; 4], torque: f64) -> [f64; 4] {
    let moved = |step: f64, slope: [f64; 4]| std::array::from_fn(|i| state[i] + step * slope[i]);
    let k1 = derivative(state, torque);
    let k2 = derivative(moved(TAU / 2.0, k1), torque);
    let k3 = derivative(moved(TAU / 2.0, k2), torque);
    let k4 = derivative(moved(TAU, k3), torque);
    moved(TAU / 6.0, std::array::from_fn(|i| k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]))
}

/// The angle wrapped into ±π.
fn wrapped(mut angle: f64) -> f64 {
    while angle > PI {
        angle -= 2.0 * PI;
    }
    while angle < -PI {
        angle += 2.0 * PI;
    }
    angle
}

impl Env for Acrobot {
    fn spec(&self) -> Spec {
        Spec {
            obs_shape: vec![6],
            element: Element::Float,
            actions: Spec::names(&["clockwise", "none", "counter-clockwise"]),
            time_limit: Some(500),
            two_returns: None,
        }
    }

    fn is_possible(&self) -> bool {
        is_possible(&self.state)
    }

    fn reset(&mut self, rng: &mut dyn RngCore) {
        self.start([(); 4].map(|()| f64::from(rng.random_range(-START..START) as f32)));
    }

    fn step(&mut self, action: Action<'_>, _: &mut dyn RngCore) -> Step {
        self.advance(action.discrete())
    }

    fn observe(&self, obs: &mut [f32]) {
        let [angle_1, angle_2, velocity_1, velocity_2] = self.state;
        for (to, angle) in obs.chunks_exact_mut(2).zip([angle_1, angle_2]) {
            to[0] = angle.cos() as f32;
            to[1] = angle.sin() as f32;
        }
        obs[4] = velocity_1 as f32;
        obs[5] = velocity_2 as f32;
    }

    fn render(&self) -> Rgb {
        rods_view::render(&self.ends(), Some(GOAL))
    }

    fn cells(&self) -> Cells {
        rods_view::cells(&self.ends(), Some(GOAL))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rng;
    use rand::SeedableRng;

    fn assert_near(values: &[f64], expected: &[f64]) {
        for (value, expected) in values.iter().zip(expected) {
            assert!((value - expected).abs() < 1e-12, "{values:?}");
        }
    }

    #[test]
    fn accelerations_by_hand() {
        // Hanging at rest: cos(−π/2) = 0, so φ₁ = φ₂ = 0; d₁ = 0.25 + 2.25 + 2 = 4.5, d₂ = 1.75.
        // θ̈₂ = 1 / (1.25 − 1.75²/4.5), θ̈₁ = −1.75·θ̈₂/4.5.
        let second = 1.0 / (1.25 - 3.0625 / 4.5);
        assert_near(&derivative([0.0; 4], 1.0), &[0.0, 0.0, -1.75 * second / 4.5, second]);
        // The second rod at a right angle, turning: d₁ = 0.25 + 1.25 + 2 = 3.5, d₂ = 1.25, φ₂ =
        // 4.9·cos 0 = 4.9, φ₁ = −0.5·3² − 2·3 + 0 + 4.9 = −5.6 with θ̇₁ = 2, θ̇₂ = 3.
        let second = (1.25 / 3.5 * -5.6 - 0.5 * 4.0 - 4.9) / (1.25 - 1.5625 / 3.5);
        let first = -(1.25 * second - 5.6) / 3.5;
        assert_near(&derivative([0.0, FRAC_PI_2, 2.0, 3.0], 0.0), &[2.0, 3.0, first, second]);
    }

    #[test]
    fn energy_is_conserved_without_a_torque() {
        // Kinetic and potential energy of two rods that swing freely, from the Lagrangian: the
        // equations of motion must keep their sum.
        let energy = |[a1, a2, v1, v2]: [f64; 4]| {
            let (moving, second) = (v1 + v2, a1 + a2);
            let kinetic = 0.5 * (0.25 + 1.0) * v1 * v1
                + 0.5 * 1.0 * (v1 * v1 + 0.25 * moving * moving + v1 * moving * a2.cos())
                + 0.5 * 1.0 * moving * moving;
            kinetic - GRAVITY * (0.5 * a1.cos() + a1.cos() + 0.5 * second.cos())
        };
        let state = [0.4, -0.3, 0.5, 0.2];
        let change = |state: [f64; 4]| {
            let (slope, tiny) = (derivative(state, 0.0), 1e-6);
            let at = |sign: f64| energy(std::array::from_fn(|i| state[i] + sign * tiny * slope[i]));
            (at(1.0) - at(-1.0)) / (2.0 * tiny)
        };
        assert!(change(state).abs() < 1e-6, "{}", change(state));
        assert!(change([2.0, 1.5, -3.0, 4.0]).abs() < 1e-6);
    }

    #[test]
    fn angles_come_around_and_velocities_are_clipped() {
        assert_eq!([wrapped(3.0), wrapped(-PI), wrapped(PI)], [3.0, -PI, PI]);
        assert_near(&[wrapped(4.0), wrapped(-7.0)], &[4.0 - 2.0 * PI, 2.0 * PI - 7.0]);
        let mut env = Acrobot::default();
        let mut clipped = 0;
        for i in 0..30 {
            // Nearly as fast as may be, at all angles between the rods.
            env.start([0.0, 0.2 * f64::from(i) - 3.0, 12.5, 28.2]);
            env.advance(2);
            let [angle_1, angle_2, velocity_1, velocity_2] = env.state.map(f64::abs);
            assert!(angle_1 <= PI && angle_2 <= PI && velocity_1 <= MAX_VELOCITY_1);
            assert!(velocity_2 <= MAX_VELOCITY_2);
            clipped += usize::from(velocity_2 == MAX_VELOCITY_2);
        }
        assert!(clipped > 0);
    }

    #[test]
    fn the_goal_is_a_length_above_the_joint() {
        // Straight up and at rest: after a step it is still about 2 m above.
        let mut env = Acrobot::default();
        env.start([PI, 0.0, 0.0, 0.0]);
        assert_eq!(env.advance(1), Step { reward: 0.0, terminated: true });
        env.start([0.0; 4]);
        assert_eq!(env.advance(1), Step { reward: -1.0, terminated: false });
        env.start([FRAC_PI_2, 0.0, 0.0, 0.0]);
        assert_near(&env.ends()[1], &[2.0, 0.0]);
        env.start([PI, -FRAC_PI_2, 0.0, 0.0]);
        assert_near(&env.ends()[1], &[1.0, 1.0]);
    }

    #[test]
    fn starts_are_uniform_within_a_tenth_in_single_precision() {
        let (mut rng, mut env) = (Rng::seed_from_u64(0), Acrobot::default());
        let (mut low, mut high) = ([0.0_f64; 4], [0.0_f64; 4]);
        for _ in 0..1000 {
            env.reset(&mut rng);
            for (i, x) in env.state.into_iter().enumerate() {
                assert_eq!(f64::from(x as f32), x);
                (low[i], high[i]) = (low[i].min(x), high[i].max(x));
            }
        }
        assert!(low.iter().all(|low| (-0.1001..-0.099).contains(low)), "{low:?}");
        assert!(high.iter().all(|high| (0.099..0.1001).contains(high)), "{high:?}");
    }
}
