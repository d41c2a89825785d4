//! Contacts of a body with a piece of ground.

use serde::{Deserialize, Serialize};

use super::SKIN;
use super::math::{Placement, Vec2, is_small};

/// A body near a piece of ground.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Contact {
    pub(super) ground: usize,
    pub(super) body: usize,
    pub(super) friction: f32,
    pub(super) is_enabled: bool,
    pub(super) is_touching: bool,
    pub(super) manifold: Manifold,
    /// Impacts in this step.
    #[serde(skip)]
    pub(super) impacts: u32,
    /// Time of the first impact in this step, from 0 to 1, if it was computed.
    #[serde(skip)]
    pub(super) impact: Option<f32>,
}

impl Contact {
    pub(super) fn is_possible(&self) -> bool {
        let Manifold { normal, point, points, len, .. } = &self.manifold;
        let points_are = points.iter().all(|point| {
            point.local.is_small()
                && is_small(point.normal_impulse)
                && is_small(point.tangent_impulse)
        });
        *len <= 2
            && self.is_touching == (*len > 0)
            && normal.is_small()
            && point.is_small()
            && points_are
            && is_small(self.friction)
    }
}

/// The one whose face is touched by the other's corners.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) enum Face {
    #[default]
    Ground,
    Body,
}

/// The points at which two shapes touch.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifold {
    pub(super) face: Face,
    /// Outward normal of the face, in the coordinates of its owner.
    pub(super) normal: Vec2,
    /// A point of the face.
    pub(super) point: Vec2,
    pub(super) points: [ManifoldPoint; 2],
    /// Number of points.
    pub(super) len: usize,
}

/// A point of a manifold.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ManifoldPoint {
    /// The corner, in the coordinates of the one that does not own the face.
    pub(super) local: Vec2,
    pub(super) normal_impulse: f32,
    pub(super) tangent_impulse: f32,
    pub(super) id: PointId,
}

/// The parts of both shapes that make a point: the point is known again by them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct PointId(pub(super) Part, pub(super) Part);

/// Part of a polygon, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Part {
    Corner(u8),
    Side(u8),
}

impl Default for Part {
    fn default() -> Self {
        Self::Corner(0)
    }
}

/// A point of contact in the world.
#[derive(Debug, Clone, Copy)]
pub(super) struct Meeting {
    /// From the ground to the body.
    pub(super) normal: Vec2,
    pub(super) point: Vec2,
    pub(super) separation: f32,
}

impl Manifold {
    /// Point `i` of a body that is at `placement`. `is_midway`: the point is between both skins, not the corner itself.
    pub(super) fn meeting(&self, i: usize, placement: Placement, is_midway: bool) -> Meeting {
        let local = self.points[i].local;
        let (normal, on_face, corner) = match self.face {
            Face::Ground => (self.normal, self.point, placement.apply(local)),
            Face::Body => {
                (placement.rotation.apply(self.normal), placement.apply(self.point), local)
            }
        };
        let distance = (corner - on_face).dot(normal);
        let point = if is_midway {
            let face = corner + (SKIN - distance) * normal;
            0.5 * (face + (corner - SKIN * normal))
        } else {
            corner
        };
        let outward = if self.face == Face::Body { -normal } else { normal };
        Meeting { normal: outward, point, separation: distance - SKIN - SKIN }
    }
}
