//! Distance of two convex shapes, by the algorithm of Gilbert, Johnson and Keerthi.

use super::math::{Placement, Vec2};

/// Iterations at most.
const LIMIT: usize = 20;

/// Corners of both shapes, by number, that span the place where they are closest: one to three.
#[derive(Debug, Clone, Default)]
pub(super) struct Simplex {
    corners: Vec<[usize; 2]>,
    /// Length or area, by which the simplex is recognised as still good.
    measure: f32,
}

impl Simplex {
    pub(super) fn corners(&self) -> &[[usize; 2]] {
        &self.corners
    }
}

/// Corner of the difference of both shapes.
#[derive(Clone, Copy)]
struct Vertex {
    on_ground: Vec2,
    on_body: Vec2,
    /// From the ground to the body.
    between: Vec2,
    weight: f32,
    corners: [usize; 2],
}

impl Vertex {
    fn new(corners: [usize; 2], ground: &[Vec2], body: &[Vec2], placement: Placement) -> Self {
        let on_ground = ground[corners[0]];
        let on_body = placement.apply(body[corners[1]]);
        Self { on_ground, on_body, between: on_body - on_ground, weight: 0.0, corners }
    }
}

/// Index of the first corner that is farthest in a direction.
pub(super) fn support(corners: &[Vec2], direction: Vec2) -> usize {
    let (mut best, mut value) = (0, corners[0].dot(direction));
    for (i, corner) in corners.iter().enumerate().skip(1) {
        let other = corner.dot(direction);
        if other > value {
            (best, value) = (i, other);
        }
    }
    best
}

/// The distance of a piece of ground from a body at `placement`, skins left out, by their corners. The search begins with a
/// simplex of an earlier one, and writes its last there.
pub(super) fn distance(
    ground: &[Vec2],
    body: &[Vec2],
    placement: Placement,
    simplex: &mut Simplex,
) -> f32 {
    let vertex = |corners| Vertex::new(corners, ground, body, placement);
    let mut found: Vec<Vertex> = simplex.corners.iter().map(|corners| vertex(*corners)).collect();
    if found.len() > 1 {
        let measured = measure(&found);
        let before = simplex.measure;
        if measured < 0.5 * before || 2.0 * before < measured || measured < f32::EPSILON {
            found.clear();
        }
    }
    if found.is_empty() {
        found.push(Vertex { weight: 1.0, ..vertex([0, 0]) });
    }
    for _ in 0..LIMIT {
        let before: Vec<[usize; 2]> = found.iter().map(|vertex| vertex.corners).collect();
        match found.len() {
            2 => nearest_of_two(&mut found),
            3 => nearest_of_three(&mut found),
            _ => {}
        }
        if found.len() == 3 {
            break;
        }
        let direction = to_origin(&found);
        if direction.length_squared() < f32::EPSILON * f32::EPSILON {
            break;
        }
        let corners =
            [support(ground, -direction), support(body, placement.rotation.undo(direction))];
        if before.contains(&corners) {
            break;
        }
        found.push(vertex(corners));
    }
    simplex.measure = measure(&found);
    simplex.corners = found.iter().map(|vertex| vertex.corners).collect();
    match &found[..] {
        [a] => (a.on_ground - a.on_body).length(),
        [a, b] => {
            let on_ground = a.weight * a.on_ground + b.weight * b.on_ground;
            let on_body = a.weight * a.on_body + b.weight * b.on_body;
            (on_ground - on_body).length()
        }
        _ => 0.0,
    }
}

fn measure(vertices: &[Vertex]) -> f32 {
    match vertices {
        [a, b] => (a.between - b.between).length(),
        [a, b, c] => (b.between - a.between).cross(c.between - a.between),
        _ => 0.0,
    }
}

fn to_origin(vertices: &[Vertex]) -> Vec2 {
    match vertices {
        [a, b] => {
            let edge = b.between - a.between;
            if edge.cross(-a.between) > 0.0 { edge.turning(1.0) } else { edge.clockwise() }
        }
        _ => -vertices[0].between,
    }
}

/// Keeps those of two vertices that span the point nearest to the origin, with their weights.
fn nearest_of_two(found: &mut Vec<Vertex>) {
    let [w1, w2] = [found[0].between, found[1].between];
    let edge = w2 - w1;
    let second = -w1.dot(edge);
    if second <= 0.0 {
        return keep(found, &[(0, 1.0)]);
    }
    let first = w2.dot(edge);
    if first <= 0.0 {
        return keep(found, &[(1, 1.0)]);
    }
    let whole = 1.0 / (first + second);
    keep(found, &[(0, first * whole), (1, second * whole)]);
}

/// Keeps those of three vertices that span the point nearest to the origin, with their weights.
fn nearest_of_three(found: &mut Vec<Vertex>) {
    let [w1, w2, w3] = [found[0].between, found[1].between, found[2].between];
    let [e12, e13, e23] = [w2 - w1, w3 - w1, w3 - w2];
    let [d12_1, d12_2] = [w2.dot(e12), -w1.dot(e12)];
    let [d13_1, d13_2] = [w3.dot(e13), -w1.dot(e13)];
    let [d23_1, d23_2] = [w3.dot(e23), -w2.dot(e23)];
    let area = e12.cross(e13);
    let [d123_1, d123_2, d123_3] = [area * w2.cross(w3), area * w3.cross(w1), area * w1.cross(w2)];
    if d12_2 <= 0.0 && d13_2 <= 0.0 {
        return keep(found, &[(0, 1.0)]);
    }
    if d12_1 > 0.0 && d12_2 > 0.0 && d123_3 <= 0.0 {
        let whole = 1.0 / (d12_1 + d12_2);
        return keep(found, &[(0, d12_1 * whole), (1, d12_2 * whole)]);
    }
    if d13_1 > 0.0 && d13_2 > 0.0 && d123_2 <= 0.0 {
        let whole = 1.0 / (d13_1 + d13_2);
        return keep(found, &[(0, d13_1 * whole), (2, d13_2 * whole)]);
    }
    if d12_1 <= 0.0 && d23_2 <= 0.0 {
        return keep(found, &[(1, 1.0)]);
    }
    if d13_1 <= 0.0 && d23_1 <= 0.0 {
        return keep(found, &[(2, 1.0)]);
    }
    if d23_1 > 0.0 && d23_2 > 0.0 && d123_1 <= 0.0 {
        let whole = 1.0 / (d23_1 + d23_2);
        // The third takes the place of the first.
        return keep(found, &[(2, d23_2 * whole), (1, d23_1 * whole)]);
    }
    let whole = 1.0 / (d123_1 + d123_2 + d123_3);
    keep(found, &[(0, d123_1 * whole), (1, d123_2 * whole), (2, d123_3 * whole)]);
}

fn keep(found: &mut Vec<Vertex>, kept: &[(usize, f32)]) {
    *found = kept.iter().map(|(i, weight)| Vertex { weight: *weight, ..found[*i] }).collect();
}
