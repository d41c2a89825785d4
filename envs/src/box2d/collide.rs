//! Manifolds of a polygon with the ground, by the axis of least penetration.

use super::contact::{Face, Manifold, ManifoldPoint, Part, PointId};
use super::math::{Placement, Vec2};
use super::shape::{MAX_VERTICES, Polygon, Shape};
use super::{ANGULAR_SLOP, SKIN};

/// A face of the other shape is preferred only if it separates this much better.
const RELATIVE_TOLERANCE: f32 = 0.98;
const ABSOLUTE_TOLERANCE: f32 = 0.001;
/// Distance at which shapes touch: both skins.
const REACH: f32 = 2.0 * SKIN;

/// The manifold of a body at `placement` with the ground.
pub(super) fn collide(ground: &Shape, polygon: &Polygon, placement: Placement) -> Manifold {
    let found = match ground {
        Shape::Edge(edge) => with_edge(*edge, polygon, placement),
        Shape::Polygon(block) => with_block(block, polygon, placement),
    };
    found.unwrap_or_default()
}

/// End of an edge that is clipped.
#[derive(Clone, Copy)]
struct Clipped {
    at: Vec2,
    id: PointId,
}

/// The part of an edge that is on the inner side of a line, which is cut at the number `corner` of the face's corners.
fn clip(edge: [Clipped; 2], normal: Vec2, offset: f32, corner: usize) -> Option<[Clipped; 2]> {
    let distances = edge.map(|end| normal.dot(end.at) - offset);
    let crosses = distances[0] * distances[1] < 0.0;
    let cut = || {
        let part = distances[0] / (distances[0] - distances[1]);
        let (Part::Corner(i) | Part::Side(i)) = edge[0].id.1;
        let id = PointId(Part::Corner(corner as u8), Part::Side(i));
        Clipped { at: edge[0].at + part * (edge[1].at - edge[0].at), id }
    };
    match distances.map(|distance| distance <= 0.0) {
        [true, true] => Some(edge),
        [true, false] if crosses => Some([edge[0], cut()]),
        [false, true] if crosses => Some([edge[1], cut()]),
        _ => None,
    }
}

/// Polygon in the coordinates of the world.
struct Placed {
    vertices: [Vec2; MAX_VERTICES],
    normals: [Vec2; MAX_VERTICES],
    len: usize,
}

impl Placed {
    fn new(polygon: &Polygon, placement: Placement) -> Self {
        let mut placed = Self {
            vertices: [Vec2::ZERO; MAX_VERTICES],
            normals: [Vec2::ZERO; MAX_VERTICES],
            len: polygon.vertices.len(),
        };
        for (to, vertex) in placed.vertices.iter_mut().zip(&polygon.vertices) {
            *to = placement.apply(*vertex);
        }
        for (to, normal) in placed.normals.iter_mut().zip(&polygon.normals) {
            *to = placement.rotation.apply(*normal);
        }
        placed
    }

    fn vertices(&self) -> &[Vec2] {
        &self.vertices[..self.len]
    }

    fn normals(&self) -> &[Vec2] {
        &self.normals[..self.len]
    }
}

fn with_edge([v1, v2]: [Vec2; 2], polygon: &Polygon, placement: Placement) -> Option<Manifold> {
    let edge_normal = (v2 - v1).normalized().0.clockwise();
    let is_front = edge_normal.dot(placement.apply(polygon.centroid) - v1) >= 0.0;
    let normal = if is_front { edge_normal } else { -edge_normal };
    let body = Placed::new(polygon, placement);
    let over_edge =
        body.vertices().iter().map(|vertex| normal.dot(*vertex - v1)).fold(f32::MAX, f32::min);
    if over_edge > REACH {
        return None;
    }
    let mut best: Option<(usize, f32)> = None;
    for (i, (vertex, body_normal)) in body.vertices().iter().zip(body.normals()).enumerate() {
        let inward = -*body_normal;
        let separation = inward.dot(*vertex - v1).min(inward.dot(*vertex - v2));
        if separation > REACH {
            return None;
        }
        // A face nearly along the edge says nothing that the edge does not.
        let is_along = (inward + normal).dot(normal) < -ANGULAR_SLOP;
        if !is_along && best.is_none_or(|(_, least)| separation > least) {
            best = Some((i, separation));
        }
    }
    let of_body = best.filter(|(_, separation)| {
        *separation > RELATIVE_TOLERANCE * over_edge + ABSOLUTE_TOLERANCE
    });

    // The reference face, by its two corners and their numbers, and the edge that is clipped by it.
    let face = if of_body.is_some() { Face::Body } else { Face::Ground };
    let (numbers, [r1, r2], outward, incident) = if let Some((i, _)) = of_body {
        let next = (i + 1) % body.len;
        // Both ends have one name, as in the original.
        let id = PointId(Part::Corner(0), Part::Side(i as u8));
        let ends = [Clipped { at: v1, id }, Clipped { at: v2, id }];
        ([i, next], [body.vertices[i], body.vertices[next]], body.normals[i], ends)
    } else {
        let values = body.normals().iter().map(|body_normal| normal.dot(*body_normal));
        let i = least(values);
        let ends = [i, (i + 1) % body.len].map(|i| Clipped {
            at: body.vertices[i],
            id: PointId(Part::Side(0), Part::Corner(i as u8)),
        });
        let (numbers, corners) = if is_front { ([0, 1], [v1, v2]) } else { ([1, 0], [v2, v1]) };
        (numbers, corners, normal, ends)
    };
    let along = outward.clockwise();
    let clipped = clip(incident, along, along.dot(r1), numbers[0])?;
    let clipped = clip(clipped, -along, (-along).dot(r2), numbers[1])?;
    let mut manifold = match of_body {
        Some((i, _)) => Manifold {
            face,
            normal: polygon.normals[i],
            point: polygon.vertices[i],
            ..Manifold::default()
        },
        None => Manifold { face, normal: outward, point: r1, ..Manifold::default() },
    };
    for end in clipped {
        if outward.dot(end.at - r1) <= REACH {
            push(&mut manifold, end, placement);
        }
    }
    Some(manifold)
}

fn with_block(block: &Polygon, polygon: &Polygon, placement: Placement) -> Option<Manifold> {
    let body = Placed::new(polygon, placement);
    let ground = Placed {
        vertices: filled(&block.vertices),
        normals: filled(&block.normals),
        len: block.vertices.len(),
    };
    let between = placement.apply(polygon.centroid) - block.centroid;
    let of_ground = |edge: usize| {
        let normal = ground.normals[edge];
        let local = placement.rotation.undo(normal);
        let i = least(polygon.vertices.iter().map(|vertex| vertex.dot(local)));
        (body.vertices[i] - ground.vertices[edge]).dot(normal)
    };
    let of_body = |edge: usize| {
        let normal = body.normals[edge];
        let i = least(block.vertices.iter().map(|vertex| vertex.dot(normal)));
        (ground.vertices[i] - body.vertices[edge]).dot(normal)
    };
    let (ground_edge, ground_separation) =
        widest(block.normals.iter().map(|normal| normal.dot(between)), &of_ground);
    if ground_separation > REACH {
        return None;
    }
    let local = placement.rotation.undo(-between);
    let (body_edge, body_separation) =
        widest(polygon.normals.iter().map(|normal| normal.dot(local)), &of_body);
    if body_separation > REACH {
        return None;
    }
    let is_body = body_separation > RELATIVE_TOLERANCE * ground_separation + ABSOLUTE_TOLERANCE;
    let face = if is_body { Face::Body } else { Face::Ground };
    let (owner, edge, reference, other) = match face {
        Face::Ground => (block, ground_edge, &ground, &body),
        Face::Body => (polygon, body_edge, &body, &ground),
    };

    let facing = match face {
        Face::Ground => placement.rotation.undo(block.normals[edge]),
        Face::Body => body.normals[edge],
    };
    let other_normals = if face == Face::Ground { &polygon.normals } else { &block.normals };
    let i = least(other_normals.iter().map(|normal| facing.dot(*normal)));
    let incident = [i, (i + 1) % other.len].map(|i| {
        let id = PointId(Part::Side(edge as u8), Part::Corner(i as u8));
        Clipped { at: other.vertices[i], id }
    });

    let next = (edge + 1) % reference.len;
    let [l1, l2] = [owner.vertices[edge], owner.vertices[next]];
    let (local_along, _) = (l2 - l1).normalized();
    let along = match face {
        Face::Ground => local_along,
        Face::Body => placement.rotation.apply(local_along),
    };
    let normal = along.clockwise();
    let [r1, r2] = [reference.vertices[edge], reference.vertices[next]];
    let front = normal.dot(r1);
    let clipped = clip(incident, -along, -along.dot(r1) + REACH, edge)?;
    let clipped = clip(clipped, along, along.dot(r2) + REACH, next)?;
    let mut manifold = Manifold {
        face,
        normal: local_along.clockwise(),
        point: 0.5 * (l1 + l2),
        ..Manifold::default()
    };
    for end in clipped {
        if normal.dot(end.at) - front <= REACH {
            push(&mut manifold, end, placement);
        }
    }
    Some(manifold)
}

fn filled(vectors: &[Vec2]) -> [Vec2; MAX_VERTICES] {
    let mut filled = [Vec2::ZERO; MAX_VERTICES];
    filled[..vectors.len()].copy_from_slice(vectors);
    filled
}

/// Adds a point, in the coordinates of the one that does not own the face.
fn push(
    manifold: &mut Manifold,
    Clipped { at, id: PointId(first, second) }: Clipped,
    placement: Placement,
) {
    let (local, id) = match manifold.face {
        Face::Ground => (placement.undo(at), PointId(first, second)),
        Face::Body => (at, PointId(second, first)),
    };
    manifold.points[manifold.len] = ManifoldPoint { local, id, ..ManifoldPoint::default() };
    manifold.len += 1;
}

/// Index of the first of the least values.
fn least(values: impl Iterator<Item = f32>) -> usize {
    let (mut best, mut least) = (0, f32::MAX);
    for (i, value) in values.enumerate() {
        if value < least {
            (best, least) = (i, value);
        }
    }
    best
}

/// The edge that separates best, and by how much: the search begins with the one whose normal points most to the
/// other shape, and climbs to one side.
fn widest(
    facing: impl ExactSizeIterator<Item = f32>,
    separation: &dyn Fn(usize) -> f32,
) -> (usize, f32) {
    let len = facing.len();
    let start = least(facing.map(|value| -value));
    let (before, after) = ((start + len - 1) % len, (start + 1) % len);
    let (here, back, on) = (separation(start), separation(before), separation(after));
    let (step, mut best) = if back > here && back > on {
        (len - 1, (before, back))
    } else if on > here {
        (1, (after, on))
    } else {
        return (start, here);
    };
    loop {
        let edge = (best.0 + step) % len;
        let found = separation(edge);
        if found > best.1 {
            best = (edge, found);
        } else {
            return best;
        }
    }
}
