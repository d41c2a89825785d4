//! Shapes: edges of the ground, and convex polygons.

use serde::{Deserialize, Serialize};

use super::SKIN;
use super::math::{Bounds, Placement, Vec2};

/// Vertices of a polygon, at most.
pub(super) const MAX_VERTICES: usize = 8;

/// A shape of the ground.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Shape {
    /// A line that can be touched from both sides.
    Edge([Vec2; 2]),
    /// A block.
    Polygon(Polygon),
}

impl Shape {
    pub(super) fn vertices(&self) -> &[Vec2] {
        match self {
            Self::Edge(ends) => ends,
            Self::Polygon(polygon) => &polygon.vertices,
        }
    }

    pub(super) fn bounds(&self) -> Bounds {
        Bounds::around(self.vertices().iter().copied(), SKIN)
    }

    /// Part of the way from `from` to `to` after which a ray meets the shape, if it does so before `limit`.
    pub(super) fn ray(&self, from: Vec2, to: Vec2, limit: f32) -> Option<f32> {
        let way = to - from;
        match self {
            Self::Edge([v1, v2]) => {
                let along = *v2 - *v1;
                let (normal, _) = along.clockwise().normalized();
                let [numerator, denominator] = [normal.dot(*v1 - from), normal.dot(way)];
                let part = numerator / denominator;
                if denominator == 0.0 || part < 0.0 || limit < part {
                    return None;
                }
                let place = (from + part * way - *v1).dot(along) / along.dot(along);
                (0.0..=1.0).contains(&place).then_some(part)
            }
            Self::Polygon(polygon) => {
                let (mut lower, mut upper) = (0.0, limit);
                let mut enters = false;
                for (vertex, normal) in polygon.vertices.iter().zip(&polygon.normals) {
                    let [numerator, denominator] = [normal.dot(*vertex - from), normal.dot(way)];
                    if denominator == 0.0 {
                        if numerator < 0.0 {
                            return None;
                        }
                    } else if denominator < 0.0 && numerator < lower * denominator {
                        lower = numerator / denominator;
                        enters = true;
                    } else if denominator > 0.0 && numerator < upper * denominator {
                        upper = numerator / denominator;
                    }
                    if upper < lower {
                        return None;
                    }
                }
                enters.then_some(lower)
            }
        }
    }
}

/// A convex polygon, its vertices counter-clockwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Polygon {
    pub(super) vertices: Vec<Vec2>,
    /// Outward normals of the edges from each vertex to the next.
    pub(super) normals: Vec<Vec2>,
    pub(super) centroid: Vec2,
}

impl Polygon {
    /// A rectangle around the origin of twice these half widths.
    pub(crate) fn rectangle(half_width: f32, half_height: f32) -> Self {
        let (x, y) = (half_width, half_height);
        Self {
            vertices: [(-x, -y), (x, -y), (x, y), (-x, y)].map(|(x, y)| Vec2::new(x, y)).to_vec(),
            normals: [(0.0, -1.0), (1.0, 0.0), (0.0, 1.0), (-1.0, 0.0)]
                .map(|(x, y)| Vec2::new(x, y))
                .to_vec(),
            centroid: Vec2::ZERO,
        }
    }

    /// The convex hull of points, which must not lie on one line.
    pub(crate) fn hull(points: &[Vec2]) -> Self {
        debug_assert!((3..=MAX_VERTICES).contains(&points.len()));
        let vertices = wrapped(points);
        let normals =
            edges(&vertices).map(|[from, to]| (to - from).clockwise().normalized().0).collect();
        let centroid = centroid(&vertices);
        Self { vertices, normals, centroid }
    }

    /// The vertices, in the coordinates of the world.
    pub(super) fn placed(&self, placement: Placement) -> impl Iterator<Item = Vec2> {
        self.vertices.iter().map(move |vertex| placement.apply(*vertex))
    }

    /// A rectangle around it, with its skin.
    pub(super) fn bounds(&self, placement: Placement) -> Bounds {
        Bounds::around(self.placed(placement), SKIN)
    }

    /// Mass, moment of inertia around the origin and centre of mass, of material of a density.
    pub(super) fn mass(&self, density: f32) -> (f32, f32, Vec2) {
        const THIRD: f32 = 1.0 / 3.0;
        let mut inside = Vec2::ZERO;
        for vertex in &self.vertices {
            inside += *vertex;
        }
        inside = (1.0 / self.vertices.len() as f32) * inside;
        let (mut center, mut area, mut inertia) = (Vec2::ZERO, 0.0, 0.0);
        for [from, to] in edges(&self.vertices) {
            let (e1, e2) = (from - inside, to - inside);
            let double = e1.cross(e2);
            let triangle = 0.5 * double;
            area += triangle;
            center += (triangle * THIRD) * (e1 + e2);
            let x = e1.x * e1.x + e2.x * e1.x + e2.x * e2.x;
            let y = e1.y * e1.y + e2.y * e1.y + e2.y * e2.y;
            inertia += (0.25 * THIRD * double) * (x + y);
        }
        let mass = density * area;
        center = (1.0 / area) * center;
        let shifted = center + inside;
        (mass, density * inertia + mass * (shifted.dot(shifted) - center.dot(center)), shifted)
    }
}

/// Each edge of a polygon, by its ends.
fn edges(vertices: &[Vec2]) -> impl Iterator<Item = [Vec2; 2]> {
    (0..vertices.len()).map(|i| [vertices[i], vertices[(i + 1) % vertices.len()]])
}

/// The corners of the convex hull, counter-clockwise from the lowest of those farthest to the right.
fn wrapped(points: &[Vec2]) -> Vec<Vec2> {
    let is_before = |a: Vec2, b: Vec2| a.x > b.x || (a.x == b.x && a.y < b.y);
    let first = (1..points.len())
        .fold(0, |best, i| if is_before(points[i], points[best]) { i } else { best });
    let mut corners = Vec::new();
    let mut here = first;
    loop {
        corners.push(points[here]);
        let mut next = 0;
        for i in 1..points.len() {
            if next == here {
                next = i;
                continue;
            }
            let (reach, other) = (points[next] - points[here], points[i] - points[here]);
            let turn = reach.cross(other);
            if turn < 0.0 || (turn == 0.0 && other.length_squared() > reach.length_squared()) {
                next = i;
            }
        }
        here = next;
        if here == first || corners.len() == points.len() {
            return corners;
        }
    }
}

fn centroid(vertices: &[Vec2]) -> Vec2 {
    const THIRD: f32 = 1.0 / 3.0;
    let (mut center, mut area) = (Vec2::ZERO, 0.0);
    for [from, to] in edges(vertices) {
        let triangle = 0.5 * from.cross(to);
        area += triangle;
        center += (triangle * THIRD) * (from + to);
    }
    (1.0 / area) * center
}
