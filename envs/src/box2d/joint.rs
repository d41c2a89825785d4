//! Hinges with limits and motors.

use serde::{Deserialize, Serialize};

use super::body::Body;
use super::math::{Mat2, Rotation, Vec2, is_small, reciprocal};
use super::solver::Motion;
use super::{ANGULAR_SLOP, LINEAR_SLOP, PI};

/// Angle by which a joint is moved back to its limit in an iteration, at most.
const MAX_CORRECTION: f32 = 8.0 / 180.0 * PI;

/// A hinge between two bodies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Joint {
    /// Indices of both bodies.
    bodies: [usize; 2],
    /// The hinge in the coordinates of each body.
    anchors: [Vec2; 2],
    /// Angle of the second body from the first that counts as 0.
    reference: f32,
    /// Least and greatest angle.
    limits: [f32; 2],
    pub(crate) motor_speed: f32,
    pub(crate) max_torque: f32,
    /// Impulse at the hinge in the last step, and at the limit.
    impulse: Vec2,
    limit_impulse: f32,
    motor_impulse: f32,
    limit: Limit,
}

/// The limit that a joint is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Limit {
    None,
    Lower,
    Upper,
}

impl Joint {
    /// A hinge with a motor between two of the bodies; their present angle is the joint's 0.
    pub(crate) fn new(
        all: &[Body],
        bodies: [usize; 2],
        anchors: [Vec2; 2],
        limits: [f32; 2],
        motor_speed: f32,
        max_torque: f32,
    ) -> Self {
        debug_assert!(limits[1] - limits[0] > 2.0 * ANGULAR_SLOP);
        Self {
            bodies,
            anchors,
            reference: all[bodies[1]].angle() - all[bodies[0]].angle(),
            limits,
            motor_speed,
            max_torque,
            impulse: Vec2::ZERO,
            limit_impulse: 0.0,
            motor_impulse: 0.0,
            limit: Limit::None,
        }
    }

    /// The angle.
    pub(crate) fn angle(&self, bodies: &[Body]) -> f32 {
        let [a, b] = self.bodies;
        bodies[b].sweep.angle - bodies[a].sweep.angle - self.reference
    }

    /// Angular velocity of the second body from the first.
    pub(crate) fn speed(&self, bodies: &[Body]) -> f32 {
        let [a, b] = self.bodies;
        bodies[b].spin - bodies[a].spin
    }

    pub(super) fn bodies(&self) -> [usize; 2] {
        self.bodies
    }

    /// Returns `true` if it is made as `other` is, and its numbers are such that it can be moved on.
    pub(super) fn is_possible(&self, other: &Self) -> bool {
        let made = |joint: &Self| (joint.bodies, joint.anchors, joint.reference, joint.limits);
        made(self) == made(other)
            && self.impulse.is_small()
            && [self.limit_impulse, self.motor_impulse, self.motor_speed, self.max_torque]
                .into_iter()
                .all(is_small)
    }
}

/// A joint in the course of a step.
pub(super) struct JointSolver<'a> {
    joint: &'a mut Joint,
    a: Side,
    b: Side,
    /// The hinge from both centres of mass.
    arms: [Vec2; 2],
    /// Inverse of the effective mass against translation, the terms that couple it with rotation, and rotation's.
    mass: Mat2,
    coupling: Vec2,
    rotation: f32,
    motor_mass: f32,
    max_impulse: f32,
}

/// A body of a joint.
#[derive(Clone, Copy)]
struct Side {
    body: usize,
    inv_mass: f32,
    inv_inertia: f32,
    /// The hinge from the centre of mass, in the body's coordinates.
    anchor: Vec2,
}

impl Side {
    fn new(joint: &Joint, i: usize, bodies: &[Body]) -> Self {
        let body = &bodies[joint.bodies[i]];
        Self {
            body: joint.bodies[i],
            inv_mass: body.inv_mass,
            inv_inertia: body.inv_inertia,
            anchor: joint.anchors[i] - body.sweep.local_center,
        }
    }
}

impl<'a> JointSolver<'a> {
    /// Prepares a step of `dt` seconds and applies the impulses of the last one, times `ratio`.
    pub(super) fn new(
        joint: &'a mut Joint,
        bodies: &[Body],
        motions: &mut [Motion],
        dt: f32,
        ratio: f32,
    ) -> Self {
        let (a, b) = (Side::new(joint, 0, bodies), Side::new(joint, 1, bodies));
        let [angle_a, angle_b] = [a, b].map(|side| motions[side.body].angle);
        let r_a = Rotation::by(angle_a).apply(a.anchor);
        let r_b = Rotation::by(angle_b).apply(b.anchor);
        let (m_a, m_b, i_a, i_b) = (a.inv_mass, b.inv_mass, a.inv_inertia, b.inv_inertia);
        let shared = -r_a.y * r_a.x * i_a - r_b.y * r_b.x * i_b;
        let mass = Mat2 {
            x: Vec2::new(m_a + m_b + r_a.y * r_a.y * i_a + r_b.y * r_b.y * i_b, shared),
            y: Vec2::new(shared, m_a + m_b + r_a.x * r_a.x * i_a + r_b.x * r_b.x * i_b),
        };
        let angle = angle_b - angle_a - joint.reference;
        let limit = if angle <= joint.limits[0] {
            Limit::Lower
        } else if angle >= joint.limits[1] {
            Limit::Upper
        } else {
            Limit::None
        };
        if limit != joint.limit || limit == Limit::None {
            joint.limit_impulse = 0.0;
        }
        joint.limit = limit;
        joint.impulse = ratio * joint.impulse;
        joint.limit_impulse *= ratio;
        joint.motor_impulse *= ratio;
        let max_impulse = dt * joint.max_torque;
        let solver = Self {
            a,
            b,
            arms: [r_a, r_b],
            mass,
            coupling: Vec2::new(-r_a.y * i_a - r_b.y * i_b, r_a.x * i_a + r_b.x * i_b),
            rotation: i_a + i_b,
            motor_mass: 1.0 / (i_a + i_b),
            max_impulse,
            joint,
        };
        let Joint { impulse, motor_impulse, limit_impulse, .. } = *solver.joint;
        let turns = solver.arms.map(|arm| arm.cross(impulse) + motor_impulse + limit_impulse);
        solver.apply(motions, impulse, turns);
        solver
    }

    /// Applies an impulse to the second body and its opposite to the first, with what each of them turns by.
    fn apply(&self, motions: &mut [Motion], impulse: Vec2, turns: [f32; 2]) {
        let motion = &mut motions[self.a.body];
        motion.velocity -= self.a.inv_mass * impulse;
        motion.spin -= self.a.inv_inertia * turns[0];
        let motion = &mut motions[self.b.body];
        motion.velocity += self.b.inv_mass * impulse;
        motion.spin += self.b.inv_inertia * turns[1];
    }

    /// One iteration: first the motor, then the hinge and the limit.
    pub(super) fn solve_velocity(&mut self, motions: &mut [Motion]) {
        let speed = |motions: &[Motion]| motions[self.b.body].spin - motions[self.a.body].spin;
        let impulse = -self.motor_mass * (speed(motions) - self.joint.motor_speed);
        let before = self.joint.motor_impulse;
        self.joint.motor_impulse = (before + impulse).clamp(-self.max_impulse, self.max_impulse);
        let impulse = self.joint.motor_impulse - before;
        motions[self.a.body].spin -= self.a.inv_inertia * impulse;
        motions[self.b.body].spin += self.b.inv_inertia * impulse;

        let [r_a, r_b] = self.arms;
        let (a, b) = (motions[self.a.body], motions[self.b.body]);
        let drift = b.velocity + r_b.turning(b.spin) - a.velocity - r_a.turning(a.spin);
        if self.joint.limit == Limit::None {
            let impulse = self.mass.solve(-drift);
            self.joint.impulse += impulse;
            self.apply(motions, impulse, self.arms.map(|arm| arm.cross(impulse)));
            return;
        }
        let (mut impulse, mut turn) = self.solve3(drift, speed(motions));
        let total = self.joint.limit_impulse + turn;
        let pulls = match self.joint.limit {
            Limit::Upper => total > 0.0,
            Limit::Lower | Limit::None => total < 0.0,
        };
        if pulls {
            // A limit only pushes: without it, only the hinge is left.
            impulse = self.mass.solve(-drift + self.joint.limit_impulse * self.coupling);
            turn = -self.joint.limit_impulse;
            self.joint.limit_impulse = 0.0;
        } else {
            self.joint.limit_impulse = total;
        }
        self.joint.impulse += impulse;
        self.apply(motions, impulse, self.arms.map(|arm| arm.cross(impulse) + turn));
    }

    /// The impulse at the hinge and that at the limit which together stop a drift and a relative spin.
    fn solve3(&self, drift: Vec2, spin: f32) -> (Vec2, f32) {
        let (x, y) = (self.mass.x, self.mass.y);
        let z = [self.coupling.x, self.coupling.y, self.rotation];
        let (x, y) = ([x.x, x.y, z[0]], [y.x, y.y, z[1]]);
        let b = [drift.x, drift.y, spin];
        let det = reciprocal(dot3(x, cross3(y, z)));
        let solved =
            [det * dot3(b, cross3(y, z)), det * dot3(x, cross3(b, z)), det * dot3(x, cross3(y, b))];
        (Vec2::new(-solved[0], -solved[1]), -solved[2])
    }

    /// One iteration; returns `true` if the error is small.
    pub(super) fn solve_position(&self, motions: &mut [Motion]) -> bool {
        let [mut angle_a, mut angle_b] = [self.a, self.b].map(|side| motions[side.body].angle);
        let angle = angle_b - angle_a - self.joint.reference;
        let (error, correction) = match self.joint.limit {
            Limit::None => (0.0, None),
            Limit::Lower => {
                let beyond = angle - self.joint.limits[0];
                (-beyond, Some((beyond + ANGULAR_SLOP).clamp(-MAX_CORRECTION, 0.0)))
            }
            Limit::Upper => {
                let beyond = angle - self.joint.limits[1];
                (beyond, Some((beyond - ANGULAR_SLOP).clamp(0.0, MAX_CORRECTION)))
            }
        };
        if let Some(correction) = correction {
            let impulse = -self.motor_mass * correction;
            angle_a -= self.a.inv_inertia * impulse;
            angle_b += self.b.inv_inertia * impulse;
        }
        let r_a = Rotation::by(angle_a).apply(self.a.anchor);
        let r_b = Rotation::by(angle_b).apply(self.b.anchor);
        let [center_a, center_b] = [self.a, self.b].map(|side| motions[side.body].center);
        let drift = center_b + r_b - center_a - r_a;
        let (m_a, m_b) = (self.a.inv_mass, self.b.inv_mass);
        let (i_a, i_b) = (self.a.inv_inertia, self.b.inv_inertia);
        let shared = -i_a * r_a.x * r_a.y - i_b * r_b.x * r_b.y;
        let mass = Mat2 {
            x: Vec2::new(m_a + m_b + i_a * r_a.y * r_a.y + i_b * r_b.y * r_b.y, shared),
            y: Vec2::new(shared, m_a + m_b + i_a * r_a.x * r_a.x + i_b * r_b.x * r_b.x),
        };
        let impulse = -mass.solve(drift);
        let motion = &mut motions[self.a.body];
        motion.center -= m_a * impulse;
        motion.angle = angle_a - i_a * r_a.cross(impulse);
        let motion = &mut motions[self.b.body];
        motion.center += m_b * impulse;
        motion.angle = angle_b + i_b * r_b.cross(impulse);
        drift.length() <= LINEAR_SLOP && error <= ANGULAR_SLOP
    }
}

fn dot3(a: [f32; 3], b: [f32; 3]) -> f32 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn cross3(a: [f32; 3], b: [f32; 3]) -> [f32; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}
