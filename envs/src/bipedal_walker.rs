//! Bipedal walker: walk over rough ground on two legs with knees.

mod terrain;
mod view;

use rand::{Rng as _, RngCore};
use serde::{Deserialize, Serialize};

use crate::box2d::{Body, Ground, Joint, Polygon, Shape, Touch, Vec2, World};
use crate::{Action, Actions, Cells, Element, Env, Rgb, Spec, Step};

pub use terrain::WalkerTerrain;
use terrain::{GRASS, HEIGHT, LENGTH, SCALE, START, STEP, VIEW};

/// Steps per second.
const FPS: f64 = 50.0;
/// Iterations for velocities and for positions.
const ITERATIONS: [usize; 2] = [180, 60];
const GRAVITY: f32 = -10.0;
/// Newton metres of each motor.
const TORQUE: f32 = 80.0;
/// Radians per second that a motor of a hip, and of a knee, aims at.
const SPEEDS: [f32; 4] = [4.0, 6.0, 4.0, 6.0];
/// Newtons of the first push, to either side.
const FIRST_PUSH: f64 = 5.0;
/// Corners of the hull in pixels.
const HULL: [[f64; 2]; 5] = [[-30.0, 9.0], [6.0, 9.0], [34.0, 1.0], [34.0, -8.0], [-30.0, -8.0]];
/// Metres from the hull's middle to the hips, and measures of a leg's halves.
const HIPS: f64 = -8.0 / SCALE;
const LEG_WIDTH: f64 = 8.0 / SCALE;
const LEG_HEIGHT: f64 = 34.0 / SCALE;
/// Indices of the lower legs, whose contacts are observed.
const FEET: [usize; 2] = [2, 4];
const RAYS: usize = 10;
/// Metres that a ray sees.
const RANGE: f64 = 160.0 / SCALE;
/// Reward of each metre, and of an upright hull, by radians.
const METRE: f64 = 130.0;
const UPRIGHT: f64 = 5.0;

params::parameters! {
    /// Options of [`BipedalWalker`].
    #[derive(Copy)]
    pub struct BipedalWalkerConfig {
        /// Stumps, stairs and pits
        hardcore: bool = false;
    }
}

/// `BipedalWalker-v3` and `BipedalWalkerHardcore-v3` of Gymnasium.
///
/// A hull on two legs, each with motors at the hip and at the knee, walks to the right over 200 pieces of slightly uneven ground;
/// with [`BipedalWalkerConfig::hardcore`] over stumps, stairs and pits too.
///
/// - **Observation** `[24]`: angle of the hull, its angular velocity, velocity along and up; for each leg angle and speed of the hip, angle
///   and speed of the knee, and 1 if it touches the ground; ten rays from the hull down to straight ahead: parts of 5.3 m after which
///   they meet the ground.
/// - **Action** `[4]`: hip and knee of both legs, from −1 to 1: the sign turns the motor, the size is its torque.
/// - **Reward** 130/30 for each metre forward and −5 for each radian that the angle of the hull grows from 0; −0.028 a step for each
///   motor at full torque; −100 in place of all that for a fall.
/// - **Start** standing, with a small random push.
/// - **End** when the hull touches the ground or goes back beyond the beginning, a fall; and at the other end. Episodes are cut off
///   after 1,600 steps, hardcore after 2,000.
///
/// The physics are those of Box2D 2.3, of which the module `box2d` is a reduced implementation, in `f32`; all else is in `f64`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BipedalWalker {
    config: BipedalWalkerConfig,
    terrain: WalkerTerrain,
    /// Hull, then upper and lower leg on either side.
    world: World,
    feet_touch: [bool; 2],
    is_fallen: bool,
    /// Potential of the present state, whose changes are paid.
    shaping: f64,
}

impl Default for BipedalWalker {
    fn default() -> Self {
        BipedalWalkerConfig::default().into()
    }
}

impl From<BipedalWalkerConfig> for BipedalWalker {
    fn from(config: BipedalWalkerConfig) -> Self {
        Self::on(config, WalkerTerrain::flat())
    }
}

impl BipedalWalker {
    fn on(config: BipedalWalkerConfig, terrain: WalkerTerrain) -> Self {
        let world = world(&terrain);
        Self { config, terrain, world, feet_touch: [false; 2], is_fallen: false, shaping: 0.0 }
    }

    /// Starts an episode on this ground with a push to the right, in newtons.
    pub fn start(&mut self, terrain: WalkerTerrain, push: f64) {
        *self = Self::on(self.config, terrain);
        self.world.bodies[0].apply_force(Vec2::of([push, 0.0]));
        self.pass([0.0; 4]);
        self.shaping = self.potential();
    }

    /// Moves one step on; the physics involves no chance.
    pub fn advance(&mut self, action: [f32; 4]) -> Step {
        self.pass(action);
        let potential = self.potential();
        // Gymnasium's sum is in single precision from here on, as the action is.
        let mut reward = (potential - self.shaping) as f32;
        self.shaping = potential;
        for throttle in action {
            reward -= (0.00035 * f64::from(TORQUE)) as f32 * throttle.abs().min(1.0);
        }
        let x = f64::from(self.world.bodies[0].position().x);
        let [is_lost, terminated] = ends(self.is_fallen, x);
        if is_lost {
            reward = -100.0;
        }
        Step { reward, terminated }
    }

    fn pass(&mut self, action: [f32; 4]) {
        for ((joint, throttle), speed) in self.world.joints.iter_mut().zip(action).zip(SPEEDS) {
            joint.motor_speed = if throttle == 0.0 { 0.0 } else { speed * throttle.signum() };
            joint.max_torque = TORQUE * throttle.abs().min(1.0);
        }
        self.world.wake_joints();
        for Touch { body, begins } in self.world.step((1.0 / FPS) as f32, ITERATIONS) {
            self.is_fallen |= body == 0 && begins;
            if let Some(foot) = FEET.iter().position(|foot| *foot == body) {
                self.feet_touch[foot] = begins;
            }
        }
    }

    fn potential(&self) -> f64 {
        let hull = &self.world.bodies[0];
        METRE * f64::from(hull.position().x) / SCALE - UPRIGHT * f64::from(hull.angle()).abs()
    }

    /// Part of each ray's way after which it meets the ground.
    fn rays(&self) -> [f32; RAYS] {
        let from = self.world.bodies[0].position();
        std::array::from_fn(|i| self.world.ray(from, self.ray_end(i)))
    }

    fn ray_end(&self, i: usize) -> Vec2 {
        let from = self.world.bodies[0].position();
        let angle = 1.5 * i as f64 / 10.0;
        Vec2::of([f64::from(from.x) + angle.sin() * RANGE, f64::from(from.y) - angle.cos() * RANGE])
    }
}

/// Returns whether the walker is lost, and whether the episode ends, with the hull `x` metres from the left.
fn ends(is_fallen: bool, x: f64) -> [bool; 2] {
    let is_lost = is_fallen || x < 0.0;
    [is_lost, is_lost || x > (LENGTH - GRASS) as f64 * STEP]
}

fn world(terrain: &WalkerTerrain) -> World {
    const FRICTION: f32 = 2.5;
    let mut shapes: Vec<Shape> = Vec::new();
    for block in &terrain.blocks {
        shapes.push(Shape::Polygon(Polygon::hull(&block.map(Vec2::of))));
    }
    for i in 1..terrain.heights.len() {
        shapes.push(Shape::Edge([i - 1, i].map(|i| Vec2::of(terrain.point(i)))));
    }
    // Each piece is a body of its own.
    let pieces = shapes.into_iter().enumerate();
    let ground = pieces.map(|(i, shape)| Ground::new(shape, FRICTION, i)).collect();

    let (x, y) = (STEP * START as f64 / 2.0, HEIGHT + 2.0 * LEG_HEIGHT);
    let hull = Polygon::hull(&HULL.map(|[x, y]| Vec2::of([x / SCALE, y / SCALE])));
    let mut bodies = vec![Body::new(hull, 5.0, 0.1, Vec2::of([x, y]), 0.0)];
    let mut joints = Vec::new();
    for side in [-1.0_f32, 1.0] {
        let angle = (f64::from(side) * 0.05) as f32;
        let hip = bodies.len();
        for (width, below) in
            [(LEG_WIDTH / 2.0, LEG_HEIGHT / 2.0), (0.8 * LEG_WIDTH / 2.0, LEG_HEIGHT * 3.0 / 2.0)]
        {
            let leg = Polygon::rectangle(width as f32, (LEG_HEIGHT / 2.0) as f32);
            bodies.push(Body::new(leg, 1.0, 0.2, Vec2::of([x, y - below - HIPS]), angle));
        }
        let top = Vec2::of([0.0, LEG_HEIGHT / 2.0]);
        let anchors = [Vec2::of([0.0, HIPS]), top];
        joints.push(Joint::new(&bodies, [0, hip], anchors, [-0.8, 1.1], side, TORQUE));
        let anchors = [Vec2::of([0.0, -LEG_HEIGHT / 2.0]), top];
        joints.push(Joint::new(&bodies, [hip, hip + 1], anchors, [-1.6, -0.1], 1.0, TORQUE));
    }
    World::new(GRAVITY, ground, bodies, joints)
}

impl Env for BipedalWalker {
    fn spec(&self) -> Spec {
        Spec {
            obs_shape: vec![24],
            element: Element::Float,
            actions: Actions::Box { low: vec![-1.0; 4], high: vec![1.0; 4] },
            time_limit: Some(if self.config.hardcore { 2000 } else { 1600 }),
            two_returns: None,
        }
    }

    fn is_possible(&self) -> bool {
        self.terrain.is_possible()
            && self.shaping.abs() < 1e9
            && self.world.is_possible(&world(&self.terrain))
    }

    fn reset(&mut self, rng: &mut dyn RngCore) {
        let terrain = WalkerTerrain::random(self.config.hardcore, rng);
        self.start(terrain, rng.random_range(-FIRST_PUSH..FIRST_PUSH));
    }

    fn step(&mut self, action: Action<'_>, _: &mut dyn RngCore) -> Step {
        let action = action.continuous();
        self.advance(std::array::from_fn(|i| action[i]))
    }

    fn observe(&self, obs: &mut [f32]) {
        let World { bodies, joints, .. } = &self.world;
        let (velocity, fps) = (bodies[0].velocity(), FPS);
        let [vx, vy] = [velocity.x, velocity.y].map(f64::from);
        let mut state = vec![
            f64::from(bodies[0].angle()),
            2.0 * f64::from(bodies[0].spin()) / fps,
            0.3 * vx * VIEW[0] / fps,
            0.3 * vy * VIEW[1] / fps,
        ];
        for (leg, touches) in self.feet_touch.into_iter().enumerate() {
            for (i, straight) in [(2 * leg, 0.0), (2 * leg + 1, 1.0)] {
                state.push(f64::from(joints[i].angle(bodies)) + straight);
                state.push(f64::from(joints[i].speed(bodies)) / f64::from(SPEEDS[i]));
            }
            state.push(f64::from(u8::from(touches)));
        }
        let (body, rays) = obs.split_at_mut(state.len());
        for (to, number) in body.iter_mut().zip(state) {
            *to = number as f32;
        }
        rays.copy_from_slice(&self.rays());
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
