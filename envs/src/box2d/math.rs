//! Vectors and movements of the plane.

use std::f32::consts::PI;
use std::ops::{Add, AddAssign, Mul, Neg, Sub, SubAssign};

use serde::{Deserialize, Serialize};

/// A point, or a displacement.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Vec2 {
    pub(crate) x: f32,
    pub(crate) y: f32,
}

impl Vec2 {
    /// The point at the origin.
    pub(crate) const ZERO: Self = Self { x: 0.0, y: 0.0 };

    pub(crate) fn new(x: f32, y: f32) -> Self {
        Self { x, y }
    }

    /// The point of coordinates that were computed in double precision.
    pub(crate) fn of([x, y]: [f64; 2]) -> Self {
        Self { x: x as f32, y: y as f32 }
    }

    pub(super) fn dot(self, other: Self) -> f32 {
        self.x * other.x + self.y * other.y
    }

    pub(super) fn cross(self, other: Self) -> f32 {
        self.x * other.y - self.y * other.x
    }

    /// Turned clockwise by a right angle.
    pub(super) fn clockwise(self) -> Self {
        Self::new(self.y, -self.x)
    }

    /// Velocity of this point that turns around the origin with angular velocity `w`.
    pub(super) fn turning(self, w: f32) -> Self {
        Self::new(-w * self.y, w * self.x)
    }

    pub(super) fn length_squared(self) -> f32 {
        self.dot(self)
    }

    pub(super) fn length(self) -> f32 {
        self.length_squared().sqrt()
    }

    /// Scaled to length 1, with the length before; a vector that is as good as 0 stays.
    pub(super) fn normalized(self) -> (Self, f32) {
        let length = self.length();
        if length < f32::EPSILON { (self, 0.0) } else { ((1.0 / length) * self, length) }
    }

    /// The lesser of each coordinate.
    pub(super) fn min(self, other: Self) -> Self {
        Self::new(self.x.min(other.x), self.y.min(other.y))
    }

    /// The greater of each coordinate.
    pub(super) fn max(self, other: Self) -> Self {
        Self::new(self.x.max(other.x), self.y.max(other.y))
    }

    pub(super) fn is_small(self) -> bool {
        is_small(self.x) && is_small(self.y)
    }
}

/// Returns `true` of a number that can be computed with.
pub(super) fn is_small(number: f32) -> bool {
    number.abs() < 1e9
}

impl Add for Vec2 {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self::new(self.x + other.x, self.y + other.y)
    }
}

impl Sub for Vec2 {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self::new(self.x - other.x, self.y - other.y)
    }
}

impl AddAssign for Vec2 {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Vec2 {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Neg for Vec2 {
    type Output = Self;

    fn neg(self) -> Self {
        Self::new(-self.x, -self.y)
    }
}

impl Mul<Vec2> for f32 {
    type Output = Vec2;

    fn mul(self, vector: Vec2) -> Vec2 {
        Vec2::new(self * vector.x, self * vector.y)
    }
}

/// A rotation around the origin.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rotation {
    sin: f32,
    cos: f32,
}

impl Rotation {
    pub(super) fn by(angle: f32) -> Self {
        Self { sin: angle.sin(), cos: angle.cos() }
    }

    pub(super) fn apply(self, v: Vec2) -> Vec2 {
        Vec2::new(self.cos * v.x - self.sin * v.y, self.sin * v.x + self.cos * v.y)
    }

    /// The vector that this rotation takes to `v`.
    pub(super) fn undo(self, v: Vec2) -> Vec2 {
        Vec2::new(self.cos * v.x + self.sin * v.y, -self.sin * v.x + self.cos * v.y)
    }
}

/// The way from the coordinates of a body to those of the world.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Placement {
    pub(super) position: Vec2,
    pub(super) rotation: Rotation,
}

impl Placement {
    /// A body whose centre of mass, `local_center` in its own coordinates, is at `center`.
    pub(super) fn around(center: Vec2, angle: f32, local_center: Vec2) -> Self {
        let rotation = Rotation::by(angle);
        Self { position: center - rotation.apply(local_center), rotation }
    }

    pub(super) fn apply(self, v: Vec2) -> Vec2 {
        self.rotation.apply(v) + self.position
    }

    pub(super) fn undo(self, v: Vec2) -> Vec2 {
        self.rotation.undo(v - self.position)
    }
}

/// The movement of a body in a step: of its centre of mass, and of its angle.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sweep {
    pub(super) local_center: Vec2,
    /// At the time `start`.
    pub(super) center0: Vec2,
    pub(super) angle0: f32,
    /// At the end of the step.
    pub(super) center: Vec2,
    pub(super) angle: f32,
    /// Part of the step, from 0 to 1, that the movement begins after.
    pub(super) start: f32,
}

impl Sweep {
    /// The placement after a part of the movement, from 0 to 1.
    pub(super) fn at(&self, part: f32) -> Placement {
        let center = (1.0 - part) * self.center0 + part * self.center;
        let angle = (1.0 - part) * self.angle0 + part * self.angle;
        Placement::around(center, angle, self.local_center)
    }

    /// Lets the movement begin at a later time of the step.
    pub(super) fn advance(&mut self, start: f32) {
        let part = (start - self.start) / (1.0 - self.start);
        self.center0 = (1.0 - part) * self.center0 + part * self.center;
        self.angle0 = (1.0 - part) * self.angle0 + part * self.angle;
        self.start = start;
    }

    /// The movement with the first angle between 0 and 2π.
    pub(super) fn normalized(mut self) -> Self {
        let turn = 2.0 * PI;
        let whole = turn * (self.angle0 / turn).floor();
        self.angle0 -= whole;
        self.angle -= whole;
        self
    }

    pub(super) fn is_small(&self) -> bool {
        let vectors = [self.local_center, self.center0, self.center];
        vectors.into_iter().all(Vec2::is_small)
            && [self.angle0, self.angle].into_iter().all(is_small)
            && (0.0..1.0).contains(&self.start)
    }
}

/// A rectangle along the axes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Bounds {
    pub(super) low: Vec2,
    pub(super) high: Vec2,
}

impl Bounds {
    /// The least rectangle around points, with a margin.
    pub(super) fn around(points: impl IntoIterator<Item = Vec2>, margin: f32) -> Self {
        let (mut low, mut high) =
            (Vec2::new(f32::INFINITY, f32::INFINITY), Vec2::new(-f32::INFINITY, -f32::INFINITY));
        for point in points {
            low = low.min(point);
            high = high.max(point);
        }
        Self { low, high }.wider(margin)
    }

    pub(super) fn wider(self, margin: f32) -> Self {
        let margin = Vec2::new(margin, margin);
        Self { low: self.low - margin, high: self.high + margin }
    }

    pub(super) fn with(self, other: Self) -> Self {
        Self { low: self.low.min(other.low), high: self.high.max(other.high) }
    }

    pub(super) fn contains(&self, other: &Self) -> bool {
        self.low.x <= other.low.x
            && self.low.y <= other.low.y
            && other.high.x <= self.high.x
            && other.high.y <= self.high.y
    }

    pub(super) fn overlaps(&self, other: &Self) -> bool {
        let gaps = [other.low - self.high, self.low - other.high];
        gaps.into_iter().all(|gap| gap.x <= 0.0 && gap.y <= 0.0)
    }

    pub(super) fn is_small(&self) -> bool {
        self.low.is_small() && self.high.is_small()
    }
}

/// A matrix of 2 × 2, by its columns.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mat2 {
    pub(super) x: Vec2,
    pub(super) y: Vec2,
}

impl Mat2 {
    pub(super) fn apply(self, v: Vec2) -> Vec2 {
        Vec2::new(self.x.x * v.x + self.y.x * v.y, self.x.y * v.x + self.y.y * v.y)
    }

    pub(super) fn inverse(self) -> Self {
        let [a, b, c, d] = [self.x.x, self.y.x, self.x.y, self.y.y];
        let det = reciprocal(a * d - b * c);
        Self { x: Vec2::new(det * d, -det * c), y: Vec2::new(-det * b, det * a) }
    }

    /// The vector that the matrix takes to `b`.
    pub(super) fn solve(self, b: Vec2) -> Vec2 {
        let det = reciprocal(self.x.x * self.y.y - self.y.x * self.x.y);
        Vec2::new(det * (self.y.y * b.x - self.y.x * b.y), det * (self.x.x * b.y - self.x.y * b.x))
    }
}

/// 1 / x, or 0 of 0.
pub(super) fn reciprocal(x: f32) -> f32 {
    if x == 0.0 { x } else { 1.0 / x }
}
