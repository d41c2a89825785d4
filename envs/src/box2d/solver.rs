//! Contacts in the course of a step: sequential impulses, two points of a contact at once.

use super::LINEAR_SLOP;
use super::body::Body;
use super::contact::{Contact, Manifold};
use super::math::{Mat2, Placement, Vec2};

/// Distance by which a contact is moved apart in an iteration, at most.
const MAX_CORRECTION: f32 = 0.2;
/// Two points whose effective masses are worse conditioned are taken for one.
const MAX_CONDITION: f32 = 1000.0;

/// Position and velocity of a body while they are solved.
#[derive(Debug, Clone, Copy)]
pub(super) struct Motion {
    pub(super) center: Vec2,
    pub(super) angle: f32,
    pub(super) velocity: Vec2,
    pub(super) spin: f32,
}

impl Motion {
    pub(super) fn of(body: &Body) -> Self {
        Self {
            center: body.sweep.center,
            angle: body.sweep.angle,
            velocity: body.velocity,
            spin: body.spin,
        }
    }

    /// Lets `dt` seconds pass, no faster than a body may be.
    pub(super) fn pass(&mut self, dt: f32) {
        const MAX_TRANSLATION: f32 = 2.0;
        const MAX_ROTATION: f32 = 0.5 * super::PI;
        let way = dt * self.velocity;
        if way.length_squared() > MAX_TRANSLATION * MAX_TRANSLATION {
            self.velocity = (MAX_TRANSLATION / way.length()) * self.velocity;
        }
        let turn = dt * self.spin;
        if turn * turn > MAX_ROTATION * MAX_ROTATION {
            self.spin *= MAX_ROTATION / turn.abs();
        }
        self.center += dt * self.velocity;
        self.angle += dt * self.spin;
    }

    /// Hands the motion to its body.
    pub(super) fn give(self, body: &mut Body) {
        body.sweep.center = self.center;
        body.sweep.angle = self.angle;
        body.velocity = self.velocity;
        body.spin = self.spin;
        body.place();
    }
}

/// A contact in the course of a step.
pub(super) struct ContactSolver {
    /// Index of the contact.
    pub(super) contact: usize,
    body: usize,
    manifold: Manifold,
    friction: f32,
    inv_mass: f32,
    inv_inertia: f32,
    local_center: Vec2,
    normal: Vec2,
    points: [SolverPoint; 2],
    /// Points whose velocity is solved.
    len: usize,
    mass: Mat2,
    inverse_mass: Mat2,
}

#[derive(Clone, Copy, Default)]
struct SolverPoint {
    /// From the centre of mass.
    arm: Vec2,
    normal_impulse: f32,
    tangent_impulse: f32,
    normal_mass: f32,
    tangent_mass: f32,
}

impl ContactSolver {
    /// A contact, before its velocities are [prepared](Self::prepare).
    pub(super) fn new(index: usize, contact: &Contact, bodies: &[Body]) -> Self {
        let body = &bodies[contact.body];
        Self {
            contact: index,
            body: contact.body,
            manifold: contact.manifold,
            friction: contact.friction,
            inv_mass: body.inv_mass,
            inv_inertia: body.inv_inertia,
            local_center: body.sweep.local_center,
            normal: Vec2::ZERO,
            points: [SolverPoint::default(); 2],
            len: contact.manifold.len,
            mass: Mat2::default(),
            inverse_mass: Mat2::default(),
        }
    }

    /// Computes arms and effective masses where the body is now; its impulses begin with those of the last step, times `ratio`.
    pub(super) fn prepare(&mut self, motions: &[Motion], ratio: f32) {
        let motion = &motions[self.body];
        let placement = Placement::around(motion.center, motion.angle, self.local_center);
        let (mass, inertia) = (self.inv_mass, self.inv_inertia);
        let along = |arm: Vec2, axis: Vec2| {
            let lever = arm.cross(axis);
            let resistance = mass + inertia * lever * lever;
            if resistance > 0.0 { 1.0 / resistance } else { 0.0 }
        };
        for i in 0..self.manifold.len {
            let meeting = self.manifold.meeting(i, placement, true);
            self.normal = meeting.normal;
            let arm = meeting.point - motion.center;
            let before = &self.manifold.points[i];
            self.points[i] = SolverPoint {
                arm,
                normal_impulse: ratio * before.normal_impulse,
                tangent_impulse: ratio * before.tangent_impulse,
                normal_mass: along(arm, self.normal),
                tangent_mass: along(arm, self.normal.clockwise()),
            };
        }
        if self.len == 2 {
            let [n1, n2] = self.points.map(|point| point.arm.cross(self.normal));
            let k11 = mass + inertia * n1 * n1;
            let k22 = mass + inertia * n2 * n2;
            let k12 = mass + inertia * n1 * n2;
            if k11 * k11 < MAX_CONDITION * (k11 * k22 - k12 * k12) {
                self.mass = Mat2 { x: Vec2::new(k11, k12), y: Vec2::new(k12, k22) };
                self.inverse_mass = self.mass.inverse();
            } else {
                self.len = 1;
            }
        }
    }

    /// Applies the impulses that it begins with.
    pub(super) fn warm_start(&self, motions: &mut [Motion]) {
        let motion = &mut motions[self.body];
        let tangent = self.normal.clockwise();
        for point in &self.points[..self.len] {
            let impulse = point.normal_impulse * self.normal + point.tangent_impulse * tangent;
            motion.spin += self.inv_inertia * point.arm.cross(impulse);
            motion.velocity += self.inv_mass * impulse;
        }
    }

    /// One iteration: friction, then the normal impulses.
    pub(super) fn solve_velocity(&mut self, motions: &mut [Motion]) {
        let motion = &mut motions[self.body];
        let (normal, tangent) = (self.normal, self.normal.clockwise());
        let at = |motion: &Motion, arm: Vec2| motion.velocity + arm.turning(motion.spin);
        for point in &mut self.points[..self.len] {
            let slip = at(motion, point.arm).dot(tangent);
            let most = self.friction * point.normal_impulse;
            let total = (point.tangent_impulse + point.tangent_mass * -slip).clamp(-most, most);
            let impulse = (total - point.tangent_impulse) * tangent;
            point.tangent_impulse = total;
            motion.velocity += self.inv_mass * impulse;
            motion.spin += self.inv_inertia * point.arm.cross(impulse);
        }
        let [p1, p2] = self.points;
        if self.len == 1 {
            let approach = at(motion, p1.arm).dot(normal);
            let total = (p1.normal_impulse + -p1.normal_mass * approach).max(0.0);
            let impulse = (total - p1.normal_impulse) * normal;
            self.points[0].normal_impulse = total;
            motion.velocity += self.inv_mass * impulse;
            motion.spin += self.inv_inertia * p1.arm.cross(impulse);
            return;
        }
        let before = Vec2::new(p1.normal_impulse, p2.normal_impulse);
        let approach = Vec2::new(at(motion, p1.arm).dot(normal), at(motion, p2.arm).dot(normal));
        let b = approach - self.mass.apply(before);
        if let Some(total) = self.complementary(b) {
            let change = total - before;
            let (first, second) = (change.x * normal, change.y * normal);
            motion.velocity += self.inv_mass * (first + second);
            motion.spin += self.inv_inertia * (p1.arm.cross(first) + p2.arm.cross(second));
            self.points[0].normal_impulse = total.x;
            self.points[1].normal_impulse = total.y;
        }
    }

    /// Impulses at both points, neither of which pulls, after which neither point approaches: the linear complementarity problem
    /// A·x + b = v, x ≥ 0, v ≥ 0, x·v = 0, by all cases.
    fn complementary(&self, b: Vec2) -> Option<Vec2> {
        let both = -self.inverse_mass.apply(b);
        if both.x >= 0.0 && both.y >= 0.0 {
            return Some(both);
        }
        let first = -self.points[0].normal_mass * b.x;
        if first >= 0.0 && self.mass.x.y * first + b.y >= 0.0 {
            return Some(Vec2::new(first, 0.0));
        }
        let second = -self.points[1].normal_mass * b.y;
        if second >= 0.0 && self.mass.y.x * second + b.x >= 0.0 {
            return Some(Vec2::new(0.0, second));
        }
        (b.x >= 0.0 && b.y >= 0.0).then_some(Vec2::ZERO)
    }

    /// Hands the impulses to the contact, for the next step.
    pub(super) fn store(&self, contact: &mut Contact) {
        for (to, point) in contact.manifold.points.iter_mut().zip(&self.points[..self.len]) {
            to.normal_impulse = point.normal_impulse;
            to.tangent_impulse = point.tangent_impulse;
        }
    }

    /// One iteration, which takes the part `rate` of the overlap away; returns the least separation.
    pub(super) fn solve_position(&self, motions: &mut [Motion], rate: f32) -> f32 {
        let motion = &mut motions[self.body];
        let mut least = 0.0_f32;
        for i in 0..self.manifold.len {
            let placement = Placement::around(motion.center, motion.angle, self.local_center);
            let meeting = self.manifold.meeting(i, placement, false);
            let arm = meeting.point - motion.center;
            least = least.min(meeting.separation);
            let error = (rate * (meeting.separation + LINEAR_SLOP)).clamp(-MAX_CORRECTION, 0.0);
            let lever = arm.cross(meeting.normal);
            let resistance = self.inv_mass + self.inv_inertia * lever * lever;
            let impulse = (-error / resistance) * meeting.normal;
            motion.center += self.inv_mass * impulse;
            motion.angle += self.inv_inertia * arm.cross(impulse);
        }
        least
    }
}
