//! Lunar lander: come down between two flags by three engines.

mod view;

use std::f64::consts::PI;

use rand::{Rng as _, RngCore};
use serde::{Deserialize, Serialize};

use crate::box2d::{Body, Ground, Joint, Polygon, Shape, Touch, Vec2, World};
use crate::{Action, Actions, Cells, Element, Env, Rgb, Spec, Step};

/// Steps per second.
const FPS: f64 = 50.0;
/// Pixels of Gymnasium's window per metre: lengths are given in them.
const SCALE: f64 = 30.0;
/// Metres that are seen.
const WIDTH: f64 = 600.0 / SCALE;
const HEIGHT: f64 = 400.0 / SCALE;
/// Iterations for velocities and for positions.
const ITERATIONS: [usize; 2] = [180, 60];
/// Impulse of the engines, per metre of dispersion.
const MAIN_POWER: f64 = 13.0;
const SIDE_POWER: f64 = 0.6;
/// Newtons of the first push, in each direction.
const FIRST_PUSH: f64 = 1000.0;
/// Places of the engines, in pixels.
const MAIN_BELOW: f64 = 4.0;
const SIDE_AWAY: f64 = 12.0;
const SIDE_ABOVE: f64 = 14.0;
/// Corners of the hull in pixels.
const HULL: [[f64; 2]; 6] =
    [[-14.0, 17.0], [-17.0, 0.0], [-17.0, -10.0], [17.0, -10.0], [17.0, 0.0], [14.0, 17.0]];
/// Half width and half height of a leg, its joint from the hull's middle and from its own, in pixels.
const LEG: [f64; 2] = [2.0, 8.0];
const LEG_AWAY: f64 = 20.0;
const LEG_DOWN: f64 = 18.0;
const LEG_TORQUE: f32 = 40.0;
/// Points of the ground.
const POINTS: usize = 11;
/// Height of the landing pad.
const PAD: f64 = HEIGHT / 4.0;
/// The number of wind and turbulence at the start is less than this on either side of 0.
const WIND_STARTS: i64 = 9999;

params::parameters! {
    /// Options of [`LunarLander`].
    #[derive(Copy)]
    pub struct LunarLanderConfig {
        /// Throttles instead of numbered actions: two numbers
        continuous: bool = false;
        /// Gravity, in metres per second squared
        gravity: f64 = -10.0, in -12.0..0.0;
        /// Wind and turbulence, until a leg touches the ground
        enable_wind: bool = false;
        /// Greatest force of the wind, in newtons
        wind_power: f64 = 15.0, in 0.0..=20.0;
        /// Greatest torque of the turbulence, in newton metres
        turbulence_power: f64 = 1.5, in 0.0..=2.0;
    }
}

/// `LunarLander-v3` and `LunarLanderContinuous-v3` of Gymnasium.
///
/// A lander of 4.8 kg comes in at the top of a view 20 m wide and 13.3 m high, pushed in a random direction. It has a main engine,
/// two side engines, and two legs on springs. The pad between the flags is flat, the ground beside it is random.
///
/// - **Observation** `[8]`: position from the pad (half widths, half heights), velocity, angle (rad), angular velocity, and for each leg
///   1 if it touches the ground.
/// - **Actions** none, left engine, main engine, right engine; a side engine pushes to its side. With [`LunarLanderConfig::continuous`] two numbers from −1 to 1:
///   the main engine is off up to 0 and has half to all of its power above; the side engines are off within ±0.5.
/// - **Reward** the change of −100·distance − 100·speed − 100·|angle| + 10 for each leg that touches; −0.3 a step of the main
///   engine and −0.03 of a side engine, at full power. The last step pays −100 or 100 instead.
/// - **Start** above the pad, with a random push. Every step the engines' thrust is randomly dispersed.
/// - **End** −100 when the hull touches the ground or the lander leaves the view at a side; 100 when it has come to rest.
///   Episodes are cut off after 1,000 steps.
///
/// The physics are those of Box2D 2.3, of which the module `box2d` is a reduced implementation, in `f32`; all else is in `f64`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LunarLander {
    config: LunarLanderConfig,
    /// Heights of the points of the ground.
    ground: [f64; POINTS],
    /// Hull, left leg and right leg.
    world: World,
    legs_touch: [bool; 2],
    is_crashed: bool,
    /// Number of the step for wind and for turbulence, which follow from it.
    wind: [i64; 2],
    /// Potential of the present state, whose changes are paid.
    shaping: f64,
    /// Power of the engines in the last step, for drawing.
    engines: Engines,
}

/// Power of the engines, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Engines {
    main: f64,
    side: f64,
    /// −1 for the engine that pushes to the left, 1 for the other.
    direction: f64,
}

impl Engines {
    fn of(action: Action<'_>) -> Self {
        let off = Self::default();
        match action {
            Action::Discrete(0) => off,
            Action::Discrete(2) => Self { main: 1.0, ..off },
            Action::Discrete(side) => Self { side: 1.0, direction: side as f64 - 2.0, ..off },
            Action::Continuous(throttles) => {
                let [main, side] = [0, 1].map(|i| f64::from(throttles[i].clamp(-1.0, 1.0)));
                let is_aside = side.abs() > 0.5;
                Self {
                    main: if main > 0.0 { (main + 1.0) * 0.5 } else { 0.0 },
                    side: if is_aside { side.abs() } else { 0.0 },
                    direction: if is_aside { side.signum() } else { 0.0 },
                }
            }
        }
    }
}

impl Default for LunarLander {
    fn default() -> Self {
        LunarLanderConfig::default().into()
    }
}

impl From<LunarLanderConfig> for LunarLander {
    fn from(config: LunarLanderConfig) -> Self {
        let ground = [PAD; POINTS];
        Self {
            config,
            ground,
            world: world(&config, &ground),
            legs_touch: [false; 2],
            is_crashed: false,
            wind: [0; 2],
            shaping: 0.0,
            engines: Engines::default(),
        }
    }
}

impl LunarLander {
    /// Starts an episode with these random numbers: heights of the ground, of which the middle five are replaced by the pad and all
    /// are smoothed; the push, in newtons; and the first steps of wind and turbulence.
    pub fn start(&mut self, heights: [f64; POINTS + 1], push: [f64; 2], wind: [i64; 2]) {
        let ground = smoothed(heights);
        let world = world(&self.config, &ground);
        *self = Self { ground, world, wind, ..self.config.into() };
        self.world.bodies[0].apply_force(Vec2::of(push));
        self.pass();
        self.shaping = potential(self.state());
    }

    /// Moves one step on; `dispersion` is the random part of the thrust along the lander and across it, from −1 to 1.
    pub fn advance(&mut self, action: Action<'_>, dispersion: [f64; 2]) -> Step {
        self.engines = Engines::of(action);
        self.thrust(dispersion.map(|number| number / SCALE));
        self.pass();
        let before = self.shaping;
        self.shaping = potential(self.state());
        let mut reward = self.shaping - before;
        reward -= self.engines.main * 0.30;
        reward -= self.engines.side * 0.03;
        let is_lost = self.is_crashed || self.state()[0].abs() >= 1.0;
        let is_landed = !self.world.bodies[0].is_awake();
        if is_lost {
            reward = -100.0;
        }
        if is_landed {
            reward = 100.0;
        }
        Step { reward: reward as f32, terminated: is_lost || is_landed }
    }

    /// The observation, in double precision.
    fn state(&self) -> [f64; 8] {
        let hull = &self.world.bodies[0];
        let (position, velocity) = (hull.position(), hull.velocity());
        let [x, y] = [position.x, position.y].map(f64::from);
        let [vx, vy] = [velocity.x, velocity.y].map(f64::from);
        let [left, right] = self.legs_touch.map(|touches| f64::from(u8::from(touches)));
        [
            (x - WIDTH / 2.0) / (WIDTH / 2.0),
            (y - (PAD + LEG_DOWN / SCALE)) / (HEIGHT / 2.0),
            vx * (WIDTH / 2.0) / FPS,
            vy * (HEIGHT / 2.0) / FPS,
            f64::from(hull.angle()),
            20.0 * f64::from(hull.spin()) / FPS,
            left,
            right,
        ]
    }

    /// Applies the engines' impulses to the hull.
    fn thrust(&mut self, dispersion: [f64; 2]) {
        // Every expression is rounded as Gymnasium rounds it, so none may be rearranged.
        let hull = &mut self.world.bodies[0];
        let angle = f64::from(hull.angle());
        let tip = [angle.sin(), angle.cos()];
        let side = [-tip[1], tip[0]];
        let [x, y] = [hull.position().x, hull.position().y].map(f64::from);
        let Engines { main, side: aside, direction } = self.engines;
        if main > 0.0 {
            let below = MAIN_BELOW / SCALE + 2.0 * dispersion[0];
            let ox = tip[0] * below + side[0] * dispersion[1];
            let oy = -tip[1] * below - side[1] * dispersion[1];
            let impulse = Vec2::of([-ox * MAIN_POWER * main, -oy * MAIN_POWER * main]);
            hull.apply_impulse(impulse, Vec2::of([x + ox, y + oy]));
        }
        if aside > 0.0 {
            let across = 3.0 * dispersion[1] + direction * SIDE_AWAY / SCALE;
            let ox = tip[0] * dispersion[0] + side[0] * across;
            let oy = -tip[1] * dispersion[0] - side[1] * across;
            // 17 is Gymnasium's, which has 14 in the other direction.
            let at = [x + ox - tip[0] * 17.0 / SCALE, y + oy + tip[1] * SIDE_ABOVE / SCALE];
            let impulse = Vec2::of([-ox * SIDE_POWER * aside, -oy * SIDE_POWER * aside]);
            hull.apply_impulse(impulse, Vec2::of(at));
        }
    }

    /// Lets the wind blow and a step pass.
    fn pass(&mut self) {
        if self.config.enable_wind && !self.legs_touch.contains(&true) {
            let [force, torque] = self.wind.map(gust);
            self.wind = self.wind.map(|step| step + 1);
            let hull = &mut self.world.bodies[0];
            hull.apply_force(Vec2::of([force * self.config.wind_power, 0.0]));
            hull.apply_torque((torque * self.config.turbulence_power) as f32);
        }
        for Touch { body, begins } in self.world.step((1.0 / FPS) as f32, ITERATIONS) {
            match body {
                0 => self.is_crashed |= begins,
                leg => self.legs_touch[leg - 1] = begins,
            }
        }
    }
}

/// Worth of a state, whose changes are paid.
fn potential([x, y, vx, vy, angle, _, left, right]: [f64; 8]) -> f64 {
    -100.0 * (x * x + y * y).sqrt() - 100.0 * (vx * vx + vy * vy).sqrt() - 100.0 * angle.abs()
        + 10.0 * left
        + 10.0 * right
}

/// Strength of the wind in a step, from −1 to 1: never periodic.
fn gust(step: i64) -> f64 {
    let step = step as f64;
    ((0.02 * step).sin() + (PI * 0.01 * step).sin()).tanh()
}

/// Heights of the ground: the pad in the middle, and means of three.
fn smoothed(mut heights: [f64; POINTS + 1]) -> [f64; POINTS] {
    heights[POINTS / 2 - 2..=POINTS / 2 + 2].fill(PAD);
    std::array::from_fn(|i| {
        // The one before the first is the last, as in Gymnasium.
        let before = heights[(i + POINTS) % (POINTS + 1)];
        0.33 * (before + heights[i] + heights[i + 1])
    })
}

/// The point of the ground with this number.
fn point(ground: &[f64; POINTS], i: usize) -> [f64; 2] {
    [WIDTH / (POINTS - 1) as f64 * i as f64, ground[i]]
}

fn world(config: &LunarLanderConfig, ground: &[f64; POINTS]) -> World {
    let edge =
        |from, to, friction| Ground::new(Shape::Edge([Vec2::of(from), Vec2::of(to)]), friction, 0);
    let mut pieces = vec![edge([0.0, 0.0], [WIDTH, 0.0], 0.2)];
    pieces.extend((1..POINTS).map(|i| edge(point(ground, i - 1), point(ground, i), 0.1)));

    let hull = Polygon::hull(&HULL.map(|[x, y]| Vec2::of([x / SCALE, y / SCALE])));
    let mut bodies = vec![Body::new(hull, 5.0, 0.1, Vec2::of([WIDTH / 2.0, HEIGHT]), 0.0)];
    let mut joints = Vec::new();
    for (body, side) in [(1, -1.0), (2, 1.0)] {
        let position = Vec2::of([WIDTH / 2.0 - side * LEG_AWAY / SCALE, HEIGHT]);
        let [half_width, half_height] = LEG.map(|length| (length / SCALE) as f32);
        let leg = Polygon::rectangle(half_width, half_height);
        bodies.push(Body::new(leg, 1.0, 0.2, position, (side * 0.05) as f32));
        let anchor = Vec2::of([side * LEG_AWAY / SCALE, LEG_DOWN / SCALE]);
        let limits = if side < 0.0 { [0.9 - 0.5, 0.9] } else { [-0.9, -0.9 + 0.5] };
        joints.push(Joint::new(
            &bodies,
            [0, body],
            [Vec2::ZERO, anchor],
            limits.map(|angle: f64| angle as f32),
            (0.3 * side) as f32,
            LEG_TORQUE,
        ));
    }
    World::new(config.gravity as f32, pieces, bodies, joints)
}

impl Env for LunarLander {
    fn spec(&self) -> Spec {
        let actions = if self.config.continuous {
            Actions::Box { low: vec![-1.0; 2], high: vec![1.0; 2] }
        } else {
            Spec::names(&["none", "left engine", "main engine", "right engine"])
        };
        Spec {
            obs_shape: vec![8],
            element: Element::Float,
            actions,
            time_limit: Some(1000),
            two_returns: None,
        }
    }

    fn is_possible(&self) -> bool {
        self.ground.iter().all(|height| (0.0..=HEIGHT).contains(height))
            && self.wind.iter().all(|step| step.abs() < 1_000_000)
            && self.shaping.abs() < 1e9
            && self.world.is_possible(&world(&self.config, &self.ground))
    }

    fn reset(&mut self, rng: &mut dyn RngCore) {
        let heights = std::array::from_fn(|_| rng.random_range(0.0..HEIGHT / 2.0));
        let push = [(); 2].map(|()| rng.random_range(-FIRST_PUSH..FIRST_PUSH));
        let wind = if self.config.enable_wind {
            [(); 2].map(|()| rng.random_range(-WIND_STARTS..WIND_STARTS))
        } else {
            [0; 2]
        };
        self.start(heights, push, wind);
    }

    fn step(&mut self, action: Action<'_>, rng: &mut dyn RngCore) -> Step {
        let dispersion = [(); 2].map(|()| rng.random_range(-1.0..1.0));
        self.advance(action, dispersion)
    }

    fn observe(&self, obs: &mut [f32]) {
        obs.copy_from_slice(&self.state().map(|number| number as f32));
    }

    fn render(&self) -> Rgb {
        view::render(self)
    }

    fn cells(&self) -> Cells {
        view::cells(self)
    }
}

#[cfg(test)]
mod tests;
