//! Cart-pole: keep a pole upright by pushing the cart it stands on.

use std::f64::consts::PI;

use rand::{Rng as _, RngCore};
use serde::{Deserialize, Serialize};

use super::cartpole_track::MAX_POSITION;
use super::cartpole_view;
use super::numbers::is_possible;
use crate::{Action, Cells, Element, Env, Rgb, Spec, Step};

/// Metres per second squared.
const GRAVITY: f64 = 9.8;
/// Kilograms.
const CART_MASS: f64 = 1.0;
const POLE_MASS: f64 = 0.1;
const TOTAL_MASS: f64 = POLE_MASS + CART_MASS;
/// Metres from the joint to the pole's centre.
const HALF_LENGTH: f64 = 0.5;
const POLE_MOMENT: f64 = POLE_MASS * HALF_LENGTH;
/// Newtons.
const FORCE: f64 = 10.0;
/// Seconds per step.
const TAU: f64 = 0.02;
/// Radians: 12 degrees.
const MAX_ANGLE: f64 = 12.0 * 2.0 * PI / 360.0;
/// Every component of the state starts within this distance of 0.
const START: f64 = 0.05;

params::parameters! {
    /// Options of [`CartPole`].
    #[derive(Copy)]
    pub struct CartPoleConfig {
        /// Numbers that are not observed: nothing, or velocity (both velocities)
        hide: HiddenPart = HiddenPart::Nothing;
        /// Probability that an observation is all zeros (Hausknecht & Stone 2015)
        flicker: f64 = 0.0, in 0.0..=1.0;
        /// Steps after which an episode is cut off
        time_limit: u32 = 500, in 1..=u32::MAX;
    }
}

/// Part of the cart-pole's state that is not observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HiddenPart {
    /// The whole state is observed.
    #[default]
    Nothing,
    /// Position and angle alone are observed.
    Velocity,
}

/// `CartPole-v1` of Gymnasium, after Barto, Sutton & Anderson (1983).
///
/// A cart of 1 kg moves without friction on a track; a pole of 0.1 kg and 1 m stands on it, joined
/// at its foot. The dynamics are those of Florian (2007), integrated with Euler's method in steps
/// of 0.02 s, in `f64`.
///
/// - **Observation** `[4]`: position of the cart (m), its velocity (m/s), angle of the pole from
///   the vertical (rad, positive to the right), its angular velocity (rad/s).
///   With [`CartPoleConfig::hide`] velocities are left out, `[2]`; with [`CartPoleConfig::flicker`] each
///   observation is all zeros with that probability. Both make a memory worth having.
/// - **Actions** left, right: a push of 10 N.
/// - **Reward** 1 for every step, the last one included.
/// - **Start** every component drawn uniformly from −0.05 to 0.05.
/// - **End** when the position passes ±2.4 m or the angle ±12°. Episodes are cut off after 500
///   steps; after 200 in `CartPole-v0`, which is the same game.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CartPole {
    position: f64,
    velocity: f64,
    angle: f64,
    angular_velocity: f64,
    #[serde(default)]
    config: CartPoleConfig,
    /// The present observation is all zeros.
    #[serde(default)]
    obscured: bool,
}

impl From<CartPoleConfig> for CartPole {
    fn from(config: CartPoleConfig) -> Self {
        Self { config, ..Self::default() }
    }
}

impl CartPole {
    /// Starts an episode in a state given in the order of the observation.
    pub fn start(&mut self, [position, velocity, angle, angular_velocity]: [f64; 4]) {
        *self = Self { position, velocity, angle, angular_velocity, ..*self };
    }

    /// Draws whether the next observation can be seen.
    fn blink(&mut self, rng: &mut dyn RngCore) {
        // Without flicker nothing is drawn: the random numbers are those of the plain game.
        self.obscured = self.config.flicker > 0.0 && rng.random::<f64>() < self.config.flicker;
    }

    /// Moves one step on; the physics involves no chance.
    pub fn advance(&mut self, action: usize) -> Step {
        debug_assert!(action < 2, "action {action} is not one of CartPole's 2");
        // Every expression is rounded as Gymnasium rounds it, so none may be rearranged.
        let Self { velocity, angle, angular_velocity, .. } = *self;
        let force = if action == 1 { FORCE } else { -FORCE };
        let (sin, cos) = angle.sin_cos();
        let push = (force + POLE_MOMENT * (angular_velocity * angular_velocity) * sin) / TOTAL_MASS;
        let angular_acceleration = (GRAVITY * sin - cos * push)
            / (HALF_LENGTH * (4.0 / 3.0 - POLE_MASS * (cos * cos) / TOTAL_MASS));
        let acceleration = push - POLE_MOMENT * angular_acceleration * cos / TOTAL_MASS;
        self.position += TAU * velocity;
        self.velocity += TAU * acceleration;
        self.angle += TAU * angular_velocity;
        self.angular_velocity += TAU * angular_acceleration;
        let terminated = self.position.abs() > MAX_POSITION || self.angle.abs() > MAX_ANGLE;
        Step { reward: 1.0, terminated }
    }
}

impl Env for CartPole {
    fn spec(&self) -> Spec {
        Spec {
            obs_shape: vec![if self.config.hide == HiddenPart::Velocity { 2 } else { 4 }],
            element: Element::Float,
            actions: Spec::names(&["left", "right"]),
            time_limit: Some(self.config.time_limit),
            two_returns: None,
        }
    }

    fn is_possible(&self) -> bool {
        is_possible(&[self.position, self.velocity, self.angle, self.angular_velocity])
            && self.config.check().is_ok()
    }

    fn reset(&mut self, rng: &mut dyn RngCore) {
        self.start([(); 4].map(|()| rng.random_range(-START..START)));
        self.blink(rng);
    }

    fn step(&mut self, action: Action<'_>, rng: &mut dyn RngCore) -> Step {
        let step = self.advance(action.discrete());
        self.blink(rng);
        step
    }

    fn observe(&self, obs: &mut [f32]) {
        let all = [self.position, self.velocity, self.angle, self.angular_velocity];
        match self.config.hide {
            _ if self.obscured => obs.fill(0.0),
            HiddenPart::Nothing => obs.copy_from_slice(&all.map(|number| number as f32)),
            HiddenPart::Velocity => {
                obs.copy_from_slice(&[self.position as f32, self.angle as f32]);
            }
        }
    }

    fn render(&self) -> Rgb {
        cartpole_view::render(self.position, self.angle)
    }

    fn cells(&self) -> Cells {
        cartpole_view::cells(self.position, self.angle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rng;
    use rand::SeedableRng;

    const LEFT: usize = 0;
    const RIGHT: usize = 1;

    fn after(state: [f64; 4], action: usize) -> ([f64; 4], Step) {
        let mut env = CartPole::default();
        env.start(state);
        let step = env.advance(action);
        ([env.position, env.velocity, env.angle, env.angular_velocity], step)
    }

    fn assert_near(state: [f64; 4], expected: [f64; 4]) {
        for (value, expected) in state.iter().zip(expected) {
            assert!((value - expected).abs() < 1e-12, "{state:?}");
        }
    }

    #[test]
    fn a_push_from_rest() {
        // push = 10 / 1.1; pole: -push / (0.5 (4/3 - 0.1/1.1)) = -600/41 rad/s²;
        // cart: push + 0.05 · (600/41) / 1.1 = 400/41 m/s². Both times 0.02 s; positions lag behind.
        assert_near(after([0.0; 4], RIGHT).0, [0.0, 8.0 / 41.0, 0.0, -12.0 / 41.0]);
        assert_near(after([0.0; 4], LEFT).0, [0.0, -8.0 / 41.0, 0.0, 12.0 / 41.0]);
    }

    #[test]
    fn a_push_in_motion() {
        // Computed with 40 digits, at angle 0.1 and 2 rad/s:
        // push = (10 + 0.05 · 2² · sin) / 1.1 = 9.109060621
        // pole: (9.8 sin - cos · push) / (0.5 (4/3 - 0.1 cos² / 1.1)) = -13.005692423 rad/s²
        // cart: push - 0.05 · pole · cos / 1.1 = 9.697275082 m/s²
        let (state, _) = after([0.5, -1.0, 0.1, 2.0], RIGHT);
        assert_near(state, [0.48, -0.80605449836415, 0.14, 1.73988615154726]);
    }

    #[test]
    fn the_episode_ends_beyond_the_bounds_only() {
        // At rest the first step leaves position and angle as they are.
        let ends = |position, angle| after([position, 0.0, angle, 0.0], LEFT).1.terminated;
        assert!(!ends(2.4, 0.0) && !ends(-2.4, 0.0));
        assert!(ends(2.4001, 0.0) && ends(-2.4001, 0.0));
        let twelve_degrees = 12_f64.to_radians();
        assert!(!ends(0.0, twelve_degrees - 1e-9) && !ends(0.0, 1e-9 - twelve_degrees));
        assert!(ends(0.0, twelve_degrees + 1e-9) && ends(0.0, -twelve_degrees - 1e-9));
    }

    #[test]
    fn the_last_step_pays_too() {
        assert_eq!(after([3.0, 0.0, 0.0, 0.0], LEFT).1, Step { reward: 1.0, terminated: true });
        assert_eq!(after([0.0; 4], LEFT).1, Step { reward: 1.0, terminated: false });
    }

    #[test]
    fn starts_are_uniform_within_a_twentieth() {
        let mut rng = Rng::seed_from_u64(0);
        let mut env = CartPole::default();
        let mut obs = [0.0; 4];
        let (mut low, mut high) = ([0.0_f32; 4], [0.0_f32; 4]);
        for _ in 0..1000 {
            env.reset(&mut rng);
            env.observe(&mut obs);
            for i in 0..4 {
                low[i] = low[i].min(obs[i]);
                high[i] = high[i].max(obs[i]);
            }
        }
        assert!(low.iter().all(|low| (-0.05..-0.049).contains(low)), "{low:?}");
        assert!(high.iter().all(|high| (0.049..=0.05).contains(high)), "{high:?}");
    }

    #[test]
    fn velocities_may_be_hidden() {
        let config = CartPoleConfig { hide: HiddenPart::Velocity, ..CartPoleConfig::default() };
        let mut env = CartPole::from(config);
        env.start([1.0, 2.0, 0.1, 3.0]);
        let mut obs = [7.0; 2];
        env.observe(&mut obs);
        assert_eq!((obs, env.spec().obs_shape), ([1.0, 0.1], vec![2]));
    }

    #[test]
    fn observations_flicker_and_the_game_goes_on() {
        let share = |flicker| {
            let mut env = CartPole::from(CartPoleConfig { flicker, ..CartPoleConfig::default() });
            let (mut rng, mut obs, mut zeros) = (Rng::seed_from_u64(0), [7.0; 4], 0);
            for _ in 0..2000 {
                env.reset(&mut rng);
                env.step(Action::Discrete(0), &mut rng);
                assert!(env.velocity < 0.0);
                env.observe(&mut obs);
                zeros += usize::from(obs == [0.0; 4]);
            }
            zeros
        };
        assert_eq!([share(0.0), share(1.0)], [0, 2000]);
        assert!((930..1070).contains(&share(0.5)), "{}", share(0.5));
    }

    #[test]
    fn a_flickering_game_keeps_the_interface() {
        let config = CartPoleConfig { flicker: 0.5, hide: HiddenPart::Velocity, time_limit: 200 };
        assert_eq!(CartPole::from(config).spec().time_limit, Some(200));
        crate::check_env(&|| Box::new(CartPole::from(config)), 1000).unwrap();
    }

    #[test]
    fn a_snapshot_without_options_is_of_the_plain_game() {
        use crate::Snapshot as _;
        let old = r#"{"position": 1.0, "velocity": 0.0, "angle": 0.0, "angular_velocity": 0.0}"#;
        let mut env = CartPole::default();
        env.restore(serde_json::from_str(old).unwrap()).unwrap();
        assert_eq!((env.position, env.config), (1.0, CartPoleConfig::default()));
    }
}
