//! The time at which a moving body meets the ground, by conservative advancement.

use super::distance::{Simplex, distance, support};
use super::math::{Sweep, Vec2};
use super::{LINEAR_SLOP, SKIN};

/// Distance that shapes are brought to: within both skins.
const TARGET: f32 = 2.0 * SKIN - 3.0 * LINEAR_SLOP;
const TOLERANCE: f32 = 0.25 * LINEAR_SLOP;
const LIMIT: usize = 20;
/// Searches along the sweep before the axis is computed again.
const PUSHES: usize = 16;
const ROOT_LIMIT: usize = 50;

/// Part of the sweep after which the body comes to the ground; `None` if it does not, or the search fails.
pub(super) fn time_of_impact(ground: &[Vec2], body: &[Vec2], sweep: Sweep) -> Option<f32> {
    let sweep = sweep.normalized();
    let mut simplex = Simplex::default();
    let mut time = 0.0;
    for _ in 0..LIMIT {
        let apart = distance(ground, body, sweep.at(time), &mut simplex);
        if apart <= 0.0 {
            return None;
        }
        if apart < TARGET + TOLERANCE {
            return Some(time);
        }
        let axis = Axis::new(ground, body, sweep, &simplex, time);
        let mut end = 1.0;
        for _ in 0..PUSHES {
            let (corners, mut far) = axis.least(end);
            if far > TARGET + TOLERANCE {
                return None;
            }
            if far > TARGET - TOLERANCE {
                time = end;
                break;
            }
            let mut near = axis.separation(corners, time);
            if near < TARGET - TOLERANCE {
                return None;
            }
            if near <= TARGET + TOLERANCE {
                return Some(time);
            }
            // The root between both, by turns halving and by the secant.
            let (mut a, mut b) = (time, end);
            for i in 0..ROOT_LIMIT {
                let middle = if i % 2 == 1 {
                    a + (TARGET - near) * (b - a) / (far - near)
                } else {
                    0.5 * (a + b)
                };
                let found = axis.separation(corners, middle);
                if (found - TARGET).abs() < TOLERANCE {
                    end = middle;
                    break;
                }
                if found > TARGET {
                    (a, near) = (middle, found);
                } else {
                    (b, far) = (middle, found);
                }
            }
        }
    }
    None
}

/// Direction in which the separation is measured while the body moves.
struct Axis<'a> {
    ground: &'a [Vec2],
    body: &'a [Vec2],
    sweep: Sweep,
    kind: AxisKind,
    direction: Vec2,
    /// A point of the face, in the coordinates of its owner.
    point: Vec2,
}

enum AxisKind {
    /// Two corners.
    Points,
    Ground,
    Body,
}

impl<'a> Axis<'a> {
    fn new(
        ground: &'a [Vec2],
        body: &'a [Vec2],
        sweep: Sweep,
        simplex: &Simplex,
        time: f32,
    ) -> Self {
        let placement = sweep.at(time);
        let (kind, direction, point) = match *simplex.corners() {
            [[g1, b1], [g2, b2], ..] if g1 == g2 => {
                let [l1, l2] = [body[b1], body[b2]];
                let (axis, _) = (l2 - l1).clockwise().normalized();
                let middle = 0.5 * (l1 + l2);
                let apart =
                    (ground[g1] - placement.apply(middle)).dot(placement.rotation.apply(axis));
                (AxisKind::Body, if apart < 0.0 { -axis } else { axis }, middle)
            }
            [[g1, b1], [g2, _], ..] => {
                let [l1, l2] = [ground[g1], ground[g2]];
                let (axis, _) = (l2 - l1).clockwise().normalized();
                let middle = 0.5 * (l1 + l2);
                let apart = (placement.apply(body[b1]) - middle).dot(axis);
                (AxisKind::Ground, if apart < 0.0 { -axis } else { axis }, middle)
            }
            [[g, b], ..] => {
                let (axis, _) = (placement.apply(body[b]) - ground[g]).normalized();
                (AxisKind::Points, axis, Vec2::ZERO)
            }
            [] => (AxisKind::Points, Vec2::ZERO, Vec2::ZERO),
        };
        Self { ground, body, sweep, kind, direction, point }
    }

    /// The corners that are least separated at a time, and by how much.
    fn least(&self, time: f32) -> ([usize; 2], f32) {
        let placement = self.sweep.at(time);
        let corners = match self.kind {
            AxisKind::Points => [
                support(self.ground, self.direction),
                support(self.body, placement.rotation.undo(-self.direction)),
            ],
            AxisKind::Ground => [0, support(self.body, placement.rotation.undo(-self.direction))],
            AxisKind::Body => [support(self.ground, -placement.rotation.apply(self.direction)), 0],
        };
        (corners, self.separation(corners, time))
    }

    fn separation(&self, [g, b]: [usize; 2], time: f32) -> f32 {
        let placement = self.sweep.at(time);
        match self.kind {
            AxisKind::Points => {
                (placement.apply(self.body[b]) - self.ground[g]).dot(self.direction)
            }
            AxisKind::Ground => (placement.apply(self.body[b]) - self.point).dot(self.direction),
            AxisKind::Body => (self.ground[g] - placement.apply(self.point))
                .dot(placement.rotation.apply(self.direction)),
        }
    }
}
