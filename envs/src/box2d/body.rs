//! Bodies that move.

use serde::{Deserialize, Serialize};

use super::math::{Bounds, Placement, Rotation, Sweep, Vec2, is_small};
use super::shape::Polygon;

/// Margin of the rectangle in which a body may move before contacts are looked for again.
pub(super) const MARGIN: f32 = 0.1;

/// A body of one convex polygon.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Body {
    pub(super) polygon: Polygon,
    pub(super) friction: f32,
    pub(super) inv_mass: f32,
    pub(super) inv_inertia: f32,
    pub(super) sweep: Sweep,
    pub(super) placement: Placement,
    pub(super) velocity: Vec2,
    pub(super) spin: f32,
    pub(super) force: Vec2,
    pub(super) torque: f32,
    /// Seconds at rest.
    pub(super) at_rest: f32,
    pub(super) is_awake: bool,
    /// The rectangle that was last searched for ground.
    pub(super) bounds: Bounds,
}

impl Body {
    /// A body at rest.
    pub(crate) fn new(
        polygon: Polygon,
        density: f32,
        friction: f32,
        position: Vec2,
        angle: f32,
    ) -> Self {
        let placement = Placement { position, rotation: Rotation::by(angle) };
        let (mass, inertia, center) = polygon.mass(density);
        let inv_mass = 1.0 / mass;
        let local_center = inv_mass * (mass * center);
        let center = placement.apply(local_center);
        let sweep =
            Sweep { local_center, center0: center, angle0: angle, center, angle, start: 0.0 };
        Self {
            friction,
            inv_mass,
            inv_inertia: 1.0 / (inertia - mass * local_center.dot(local_center)),
            sweep,
            placement,
            velocity: Vec2::ZERO,
            spin: 0.0,
            force: Vec2::ZERO,
            torque: 0.0,
            at_rest: 0.0,
            is_awake: true,
            bounds: polygon.bounds(placement).wider(MARGIN),
            polygon,
        }
    }

    /// Place of the origin of its coordinates.
    pub(crate) fn position(&self) -> Vec2 {
        self.placement.position
    }

    pub(crate) fn angle(&self) -> f32 {
        self.sweep.angle
    }

    /// Velocity of its centre of mass.
    pub(crate) fn velocity(&self) -> Vec2 {
        self.velocity
    }

    /// Angular velocity.
    pub(crate) fn spin(&self) -> f32 {
        self.spin
    }

    pub(crate) fn is_awake(&self) -> bool {
        self.is_awake
    }

    /// Its corners in the coordinates of the world.
    pub(crate) fn corners(&self) -> impl Iterator<Item = Vec2> {
        self.polygon.placed(self.placement)
    }

    /// Pushes the centre of mass during the next step.
    pub(crate) fn apply_force(&mut self, force: Vec2) {
        self.wake();
        self.force += force;
    }

    /// Turns the body during the next step.
    pub(crate) fn apply_torque(&mut self, torque: f32) {
        self.wake();
        self.torque += torque;
    }

    /// Hits the body at a point of the world.
    pub(crate) fn apply_impulse(&mut self, impulse: Vec2, point: Vec2) {
        self.wake();
        self.velocity += self.inv_mass * impulse;
        self.spin += self.inv_inertia * (point - self.sweep.center).cross(impulse);
    }

    pub(super) fn wake(&mut self) {
        if !self.is_awake {
            self.is_awake = true;
            self.at_rest = 0.0;
        }
    }

    pub(super) fn fall_asleep(&mut self) {
        self.is_awake = false;
        self.at_rest = 0.0;
        self.velocity = Vec2::ZERO;
        self.spin = 0.0;
        self.force = Vec2::ZERO;
        self.torque = 0.0;
    }

    /// Places the body at the end of its sweep.
    pub(super) fn place(&mut self) {
        let Sweep { center, angle, local_center, .. } = self.sweep;
        self.placement = Placement::around(center, angle, local_center);
    }

    /// Stops the sweep at a time of the step and places the body there.
    pub(super) fn stop_at(&mut self, time: f32) {
        self.sweep.advance(time);
        self.sweep.center = self.sweep.center0;
        self.sweep.angle = self.sweep.angle0;
        self.place();
    }

    /// Widens the bounds in the direction of movement if the body has left them; returns `true` if it had.
    pub(super) fn renew_bounds(&mut self) -> bool {
        let Sweep { center0, angle0, local_center, .. } = self.sweep;
        let before = Placement::around(center0, angle0, local_center);
        let swept = self.polygon.bounds(before).with(self.polygon.bounds(self.placement));
        if self.bounds.contains(&swept) {
            return false;
        }
        let ahead = 2.0 * (self.placement.position - before.position);
        let Bounds { low, high } = swept.wider(MARGIN);
        self.bounds =
            Bounds { low: low + ahead.min(Vec2::ZERO), high: high + ahead.max(Vec2::ZERO) };
        true
    }

    /// Returns `true` if it is made as `other` is, and its numbers are such that it can be moved on.
    pub(super) fn is_possible(&self, other: &Self) -> bool {
        let made =
            |body: &Self| (body.polygon.clone(), body.friction, body.inv_mass, body.inv_inertia);
        made(self) == made(other)
            && self.sweep.local_center == other.sweep.local_center
            && self.sweep.is_small()
            && [self.placement.position, self.velocity, self.force].into_iter().all(Vec2::is_small)
            && [self.spin, self.torque, self.at_rest].into_iter().all(is_small)
            && self.bounds.is_small()
    }
}
