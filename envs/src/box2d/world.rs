//! The world: ground, bodies, joints and contacts, and a step of them all.

use serde::{Deserialize, Serialize};

use super::LINEAR_SLOP;
use super::body::{Body, MARGIN};
use super::collide::collide;
use super::contact::{Contact, Manifold};
use super::impact::time_of_impact;
use super::joint::{Joint, JointSolver};
use super::math::{Bounds, Vec2};
use super::shape::Shape;
use super::solver::{ContactSolver, Motion};

/// Part of an overlap that an iteration takes away.
const BAUMGARTE: f32 = 0.2;
/// The part at the time of impact.
const IMPACT_BAUMGARTE: f32 = 0.75;
/// Impacts of one contact in a step, at most.
const MAX_IMPACTS: u32 = 8;
/// Iterations for the positions at an impact.
const IMPACT_ITERATIONS: usize = 20;
/// Seconds of rest before bodies fall asleep.
const TIME_TO_SLEEP: f32 = 0.5;
/// Speeds below which a body is at rest.
const REST_VELOCITY: f32 = 0.01;
const REST_SPIN: f32 = 2.0 / 180.0 * super::PI;

/// A piece of ground.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ground {
    shape: Shape,
    friction: f32,
    /// Pieces of one base are parts of one body that does not move.
    base: usize,
    bounds: Bounds,
}

impl Ground {
    pub(crate) fn new(shape: Shape, friction: f32, base: usize) -> Self {
        let bounds = shape.bounds().wider(MARGIN);
        Self { shape, friction, base, bounds }
    }
}

/// A contact that began or ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Touch {
    /// Index of the body.
    pub(crate) body: usize,
    /// It began.
    pub(crate) begins: bool,
}

/// Everything there is. A step depends on nothing else, and not on the order of memory or threads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct World {
    gravity: Vec2,
    ground: Vec<Ground>,
    pub(crate) bodies: Vec<Body>,
    pub(crate) joints: Vec<Joint>,
    /// In the order in which they were found.
    contacts: Vec<Contact>,
    /// 1 / seconds of the last step; 0 before the first.
    inv_dt: f32,
}

impl World {
    /// A world with gravity downwards.
    pub(crate) fn new(
        gravity: f32,
        ground: Vec<Ground>,
        bodies: Vec<Body>,
        joints: Vec<Joint>,
    ) -> Self {
        let gravity = Vec2::new(0.0, gravity);
        let mut world = Self { gravity, ground, bodies, joints, contacts: Vec::new(), inv_dt: 0.0 };
        world.find_contacts(&(0..world.bodies.len()).collect::<Vec<_>>());
        world
    }

    /// Returns `true` if it is made as `other` is, and its numbers are such that it can be moved on.
    pub(crate) fn is_possible(&self, other: &Self) -> bool {
        let contact_is = |contact: &Contact| {
            contact.ground < self.ground.len()
                && contact.body < self.bodies.len()
                && contact.is_possible()
        };
        self.gravity == other.gravity
            && self.ground == other.ground
            && self.bodies.len() == other.bodies.len()
            && self.bodies.iter().zip(&other.bodies).all(|(body, made)| body.is_possible(made))
            && self.joints.len() == other.joints.len()
            && self.joints.iter().zip(&other.joints).all(|(joint, made)| joint.is_possible(made))
            && self.contacts.iter().all(contact_is)
            && (0.0..=1e9).contains(&self.inv_dt)
    }

    /// Part of the way from `from` to `to` after which a ray meets the ground; 1 if it does not.
    pub(crate) fn ray(&self, from: Vec2, to: Vec2) -> f32 {
        let reach = Bounds { low: from.min(to), high: from.max(to) };
        let near = self.ground.iter().filter(|ground| ground.bounds.overlaps(&reach));
        near.fold(1.0, |part, ground| ground.shape.ray(from, to, part).unwrap_or(part))
    }

    /// Wakes both bodies of each joint: the motors were set.
    pub(crate) fn wake_joints(&mut self) {
        for joint in &self.joints {
            joint.bodies().into_iter().for_each(|body| self.bodies[body].wake());
        }
    }

    /// Moves `dt` seconds on; returns the contacts that began or ended, in their order.
    pub(crate) fn step(&mut self, dt: f32, iterations: [usize; 2]) -> Vec<Touch> {
        let mut touches = Vec::new();
        let ratio = self.inv_dt * dt;
        self.update_contacts(&mut touches);
        self.solve(dt, ratio, iterations);
        self.solve_impacts(dt, iterations[0], &mut touches);
        self.inv_dt = 1.0 / dt;
        for body in &mut self.bodies {
            body.force = Vec2::ZERO;
            body.torque = 0.0;
        }
        touches
    }

    /// Adds contacts of the `moved` bodies with ground that they have come near.
    fn find_contacts(&mut self, moved: &[usize]) {
        if moved.is_empty() {
            return;
        }
        for (g, ground) in self.ground.iter().enumerate() {
            for (b, body) in self.bodies.iter_mut().enumerate() {
                let is_new = moved.contains(&b)
                    && body.bounds.overlaps(&ground.bounds)
                    && !self
                        .contacts
                        .iter()
                        .any(|contact| (contact.ground, contact.body) == (g, b));
                if is_new {
                    body.wake();
                    self.contacts.push(Contact {
                        ground: g,
                        body: b,
                        friction: (ground.friction * body.friction).sqrt(),
                        is_enabled: true,
                        is_touching: false,
                        manifold: Manifold::default(),
                        impacts: 0,
                        impact: None,
                    });
                }
            }
        }
    }

    /// Removes contacts whose bodies have gone away, and updates the others, the newest first.
    fn update_contacts(&mut self, touches: &mut Vec<Touch>) {
        for i in (0..self.contacts.len()).rev() {
            let contact = &self.contacts[i];
            let body = &mut self.bodies[contact.body];
            if !body.is_awake {
                continue;
            }
            if body.bounds.overlaps(&self.ground[contact.ground].bounds) {
                self.update_contact(i, touches);
            } else {
                if contact.is_touching {
                    touches.push(Touch { body: contact.body, begins: false });
                }
                self.contacts.remove(i);
            }
        }
    }

    /// Computes the manifold again; points that are known from before keep their impulses.
    fn update_contact(&mut self, i: usize, touches: &mut Vec<Touch>) {
        let contact = &mut self.contacts[i];
        let body = &mut self.bodies[contact.body];
        let shape = &self.ground[contact.ground].shape;
        let mut manifold = collide(shape, &body.polygon, body.placement);
        let before = &contact.manifold.points[..contact.manifold.len];
        for point in &mut manifold.points[..manifold.len] {
            if let Some(known) = before.iter().find(|known| known.id == point.id) {
                point.normal_impulse = known.normal_impulse;
                point.tangent_impulse = known.tangent_impulse;
            }
        }
        contact.manifold = manifold;
        contact.is_enabled = true;
        let touches_now = manifold.len > 0;
        if touches_now != contact.is_touching {
            contact.is_touching = touches_now;
            body.wake();
            touches.push(Touch { body: contact.body, begins: touches_now });
        }
    }

    /// Solves velocities and positions of each group of bodies that hang together.
    fn solve(&mut self, dt: f32, ratio: f32, iterations: [usize; 2]) {
        let mut is_solved = vec![false; self.bodies.len()];
        for seed in (0..self.bodies.len()).rev() {
            if !is_solved[seed] && self.bodies[seed].is_awake {
                let group = self.group(seed, &mut is_solved);
                self.solve_group(&group, dt, ratio, iterations);
            }
        }
        let solved = (0..self.bodies.len()).filter(|body| is_solved[*body]);
        let moved: Vec<usize> = solved.filter(|body| self.bodies[*body].renew_bounds()).collect();
        self.find_contacts(&moved);
    }

    /// The bodies that hang together with `seed`, with their contacts and joints, the newest first; wakes them.
    fn group(&mut self, seed: usize, is_solved: &mut [bool]) -> Group {
        let mut group = Group::default();
        let mut stack = vec![seed];
        is_solved[seed] = true;
        while let Some(here) = stack.pop() {
            group.bodies.push(here);
            self.bodies[here].wake();
            let touching = self.contacts.iter().enumerate().rev().filter(|(_, contact)| {
                contact.body == here && contact.is_enabled && contact.is_touching
            });
            group.contacts.extend(touching.map(|(i, _)| i));
            for (i, joint) in self.joints.iter().enumerate().rev() {
                let [a, b] = joint.bodies();
                if ![a, b].contains(&here) || group.joints.contains(&i) {
                    continue;
                }
                group.joints.push(i);
                let other = if a == here { b } else { a };
                if !is_solved[other] {
                    is_solved[other] = true;
                    stack.push(other);
                }
            }
        }
        group
    }

    fn solve_group(&mut self, group: &Group, dt: f32, ratio: f32, iterations: [usize; 2]) {
        for body in &group.bodies {
            let body = &mut self.bodies[*body];
            body.sweep.center0 = body.sweep.center;
            body.sweep.angle0 = body.sweep.angle;
            body.velocity += dt * (self.gravity + body.inv_mass * body.force);
            body.spin += dt * body.inv_inertia * body.torque;
        }
        let bodies = &self.bodies;
        let mut motions: Vec<Motion> = bodies.iter().map(Motion::of).collect();
        let mut contacts: Vec<ContactSolver> = group
            .contacts
            .iter()
            .map(|i| ContactSolver::new(*i, &self.contacts[*i], bodies))
            .collect();
        contacts.iter_mut().for_each(|contact| contact.prepare(&motions, ratio));
        contacts.iter().for_each(|contact| contact.warm_start(&mut motions));
        let mut joints: Vec<Option<&mut Joint>> = self.joints.iter_mut().map(Some).collect();
        let mut joints: Vec<JointSolver<'_>> = group
            .joints
            .iter()
            .filter_map(|i| joints[*i].take())
            .map(|joint| JointSolver::new(joint, bodies, &mut motions, dt, ratio))
            .collect();

        for _ in 0..iterations[0] {
            joints.iter_mut().for_each(|joint| joint.solve_velocity(&mut motions));
            contacts.iter_mut().for_each(|contact| contact.solve_velocity(&mut motions));
        }
        contacts.iter().for_each(|contact| contact.store(&mut self.contacts[contact.contact]));
        group.bodies.iter().for_each(|body| motions[*body].pass(dt));

        let mut is_settled = false;
        for _ in 0..iterations[1] {
            let least = contacts.iter().fold(0.0_f32, |least, contact| {
                least.min(contact.solve_position(&mut motions, BAUMGARTE))
            });
            let mut joints_are_settled = true;
            for joint in &joints {
                joints_are_settled &= joint.solve_position(&mut motions);
            }
            if least >= -3.0 * LINEAR_SLOP && joints_are_settled {
                is_settled = true;
                break;
            }
        }
        for body in &group.bodies {
            motions[*body].give(&mut self.bodies[*body]);
        }
        self.rest(group, dt, is_settled);
    }

    /// Counts the time at rest; after enough of it all bodies fall asleep together.
    fn rest(&mut self, group: &Group, dt: f32, is_settled: bool) {
        let mut least = f32::MAX;
        for body in &group.bodies {
            let body = &mut self.bodies[*body];
            let is_at_rest = body.spin * body.spin <= REST_SPIN * REST_SPIN
                && body.velocity.length_squared() <= REST_VELOCITY * REST_VELOCITY;
            body.at_rest = if is_at_rest { body.at_rest + dt } else { 0.0 };
            least = least.min(body.at_rest);
        }
        if least >= TIME_TO_SLEEP && is_settled {
            group.bodies.iter().for_each(|body| self.bodies[*body].fall_asleep());
        }
    }

    /// Moves bodies that would have come into the ground back to the time of impact, the earliest first, and lets
    /// the rest of the step pass from there.
    fn solve_impacts(&mut self, dt: f32, iterations: usize, touches: &mut Vec<Touch>) {
        for body in &mut self.bodies {
            body.sweep.start = 0.0;
        }
        let bases = self.ground.iter().map(|ground| ground.base + 1).max().unwrap_or(0);
        // The time up to which each base has moved: it matters to the bodies that touch it later.
        let mut starts = vec![0.0_f32; bases];
        while let Some((first, time)) = self.first_impact(&mut starts) {
            let (body, base) =
                (self.contacts[first].body, self.ground[self.contacts[first].ground].base);
            let (sweep, start) = (self.bodies[body].sweep, starts[base]);
            self.bodies[body].stop_at(time);
            starts[base] = time;
            self.update_contact(first, touches);
            self.contacts[first].impact = None;
            self.contacts[first].impacts += 1;
            if !self.contacts[first].is_touching {
                self.contacts[first].is_enabled = false;
                self.bodies[body].sweep = sweep;
                starts[base] = start;
                self.bodies[body].place();
                continue;
            }
            self.bodies[body].wake();

            let mut island = vec![first];
            let mut known = vec![base];
            for i in (0..self.contacts.len()).rev() {
                if i == first || self.contacts[i].body != body {
                    continue;
                }
                self.update_contact(i, touches);
                if self.contacts[i].is_touching {
                    island.push(i);
                    let base = self.ground[self.contacts[i].ground].base;
                    if !known.contains(&base) {
                        known.push(base);
                        starts[base] = time;
                    }
                }
            }
            self.solve_impact(body, &island, (1.0 - time) * dt, iterations);

            for contact in self.contacts.iter_mut().filter(|contact| contact.body == body) {
                contact.impact = None;
            }
            if self.bodies[body].renew_bounds() {
                self.find_contacts(&[body]);
            }
        }
        for contact in &mut self.contacts {
            contact.impacts = 0;
            contact.impact = None;
        }
    }

    /// The contact with the earliest impact, and its time; `None` if there is none in this step.
    fn first_impact(&mut self, starts: &mut [f32]) -> Option<(usize, f32)> {
        let mut found = None;
        let mut earliest = 1.0;
        for (i, contact) in self.contacts.iter_mut().enumerate().rev() {
            if !contact.is_enabled || contact.impacts > MAX_IMPACTS {
                continue;
            }
            let time = match contact.impact {
                Some(time) => time,
                None => {
                    let body = &mut self.bodies[contact.body];
                    if !body.is_awake {
                        continue;
                    }
                    let ground = &self.ground[contact.ground];
                    let start = &mut starts[ground.base];
                    if *start < body.sweep.start {
                        *start = body.sweep.start;
                    } else if body.sweep.start < *start {
                        body.sweep.advance(*start);
                    }
                    let corners = ground.shape.vertices();
                    let part = time_of_impact(corners, &body.polygon.vertices, body.sweep);
                    let time = part.map_or(1.0, |part| (*start + (1.0 - *start) * part).min(1.0));
                    contact.impact = Some(time);
                    time
                }
            };
            if time < earliest {
                (found, earliest) = (Some(i), time);
            }
        }
        let is_due = earliest <= 1.0 - 10.0 * f32::EPSILON;
        found.filter(|_| is_due).map(|contact| (contact, earliest))
    }

    /// Solves the contacts of one body at the time of impact, with `dt` seconds of the step left.
    fn solve_impact(&mut self, body: usize, island: &[usize], dt: f32, iterations: usize) {
        let bodies = &self.bodies;
        let mut motions: Vec<Motion> = bodies.iter().map(Motion::of).collect();
        let mut contacts: Vec<ContactSolver> =
            island.iter().map(|i| ContactSolver::new(*i, &self.contacts[*i], bodies)).collect();
        for _ in 0..IMPACT_ITERATIONS {
            let least = contacts.iter().fold(0.0_f32, |least, contact| {
                least.min(contact.solve_position(&mut motions, IMPACT_BAUMGARTE))
            });
            if least >= -1.5 * LINEAR_SLOP {
                break;
            }
        }
        self.bodies[body].sweep.center0 = motions[body].center;
        self.bodies[body].sweep.angle0 = motions[body].angle;
        contacts.iter_mut().for_each(|contact| contact.prepare(&motions, 0.0));
        for _ in 0..iterations {
            contacts.iter_mut().for_each(|contact| contact.solve_velocity(&mut motions));
        }
        motions[body].pass(dt);
        motions[body].give(&mut self.bodies[body]);
    }
}

/// Bodies that hang together, by index.
#[derive(Default)]
struct Group {
    bodies: Vec<usize>,
    contacts: Vec<usize>,
    joints: Vec<usize>,
}
