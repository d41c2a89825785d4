//! A model of points in the plane.
use crate::data::{Images, Shape};
use anyhow::{Result, ensure};

/// Data points, samples, and the output of a network at every place.
#[derive(Debug, Clone, PartialEq)]
pub struct Plane {
    /// `[n, 2]`
    pub data: Vec<[f32; 2]>,
    /// `[m, 2]`
    pub samples: Vec<[f32; 2]>,
    /// Over a square that holds the data.
    pub field: Field,
}

/// Numbers on a grid over a square.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// A word for them, for legends.
    pub name: &'static str,
    /// The lower left corner.
    pub from: [f64; 2],
    /// The upper right corner.
    pub to: [f64; 2],
    /// Numbers along a side, at least 2; the first and the last lie on the border.
    pub side: usize,
    /// Row by row, the lowest first, `[side, side]`.
    pub values: Vec<f32>,
}

/// Margin around the data, as a part of their extent.
const MARGIN: f64 = 0.2;

impl Field {
    /// A square around `points` with a margin, where `f` gives the values at places `[side·side, 2]`.
    ///
    /// # Errors
    /// Those of `f`; where there is no point, or not a number for each place.
    pub fn around(
        name: &'static str,
        points: &[[f32; 2]],
        side: usize,
        f: impl FnOnce(&[[f32; 2]]) -> Result<Vec<f32>>,
    ) -> Result<Self> {
        ensure!(!points.is_empty() && side >= 2, "a square around no point has no size");
        let ends = [0, 1].map(|axis| {
            points
                .iter()
                .map(|at| f64::from(at[axis]))
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| {
                    (low.min(x), high.max(x))
                })
        });
        let half = ends.iter().map(|(low, high)| (high - low) / 2.0).fold(1e-3, f64::max);
        let half = half * (1.0 + 2.0 * MARGIN);
        let middle = ends.map(|(low, high)| (low + high) / 2.0);
        let (from, to) = (middle.map(|x| x - half), middle.map(|x| x + half));
        let mut field = Self { name, from, to, side, values: Vec::new() };
        let places: Vec<_> = (0..side * side)
            .map(|i| field.at((i % side) as f64, (i / side) as f64).map(|x| x as f32))
            .collect();
        field.values = f(&places)?;
        ensure!(
            field.values.len() == side * side,
            "{} numbers for {side}×{side} places",
            field.values.len()
        );
        Ok(field)
    }

    /// The field on a finer grid of `side` numbers a side, linear between neighbouring places.
    #[must_use]
    pub fn refined(&self, side: usize) -> Self {
        let last = self.side - 1;
        // The place before, and the part of the way to the next.
        let between = |i: usize| {
            let at = (i * last) as f32 / (side - 1).max(1) as f32;
            let before = (at as usize).min(last - 1);
            (before, at - before as f32)
        };
        let value = |i: usize| {
            let ((column, right), (row, up)) = (between(i % side), between(i / side));
            let mixed = |row: usize| {
                let values = &self.values[row * self.side + column..];
                values[0] + right * (values[1] - values[0])
            };
            mixed(row) + up * (mixed(row + 1) - mixed(row))
        };
        Self { side, values: (0..side * side).map(value).collect(), ..*self }
    }

    /// The place of a column and a row, which need not be whole.
    fn at(&self, column: f64, row: f64) -> [f64; 2] {
        let last = (self.side - 1) as f64;
        let place =
            |axis: usize, i: f64| self.from[axis] + (self.to[axis] - self.from[axis]) * i / last;
        [place(0, column), place(1, row)]
    }

    /// Pieces of the lines along which the numbers are `level`, between neighbouring places as if they were linear
    /// there.
    pub fn contour(&self, level: f32) -> Vec<[[f64; 2]; 2]> {
        let mut lines = Vec::new();
        for row in 0..self.side - 1 {
            for column in 0..self.side - 1 {
                // Around the cell, from its lower left corner on.
                let corners = [(0, 0), (1, 0), (1, 1), (0, 1)];
                let above = |(right, up): (usize, usize)| {
                    self.values[(row + up) * self.side + column + right] - level
                };
                let mut crossed = Vec::with_capacity(4);
                for edge in 0..4 {
                    let (a, b) = (corners[edge], corners[(edge + 1) % 4]);
                    let (from, to) = (above(a), above(b));
                    if (from < 0.0) != (to < 0.0) {
                        let t = f64::from(from / (from - to));
                        let between = |a: usize, b: usize| a as f64 + t * (b as f64 - a as f64);
                        let (right, up) = (between(a.0, b.0), between(a.1, b.1));
                        crossed.push(self.at(column as f64 + right, row as f64 + up));
                    }
                }
                lines.extend(crossed.chunks_exact(2).map(|pair| [pair[0], pair[1]]));
            }
        }
        lines
    }
}

/// Levels of the contours of a field.
pub const LEVELS: [f32; 5] = [0.1, 0.3, 0.5, 0.7, 0.9];

/// Colours of the background where a place is not real and where it is, of the data and of samples.
const UNREAL: [f32; 3] = [225.0, 232.0, 244.0];
const REAL: [f32; 3] = [255.0, 238.0, 214.0];
const DATA: [u8; 3] = [120, 120, 120];
const SAMPLES: [u8; 3] = [0, 114, 178];

impl Plane {
    /// An image of as many pixels as the field has values: the field, from 0 to 1, as the background, the data grey,
    /// samples blue.
    ///
    /// # Errors
    /// None for a field made by [`Field::around`].
    pub fn image(&self) -> Result<Images> {
        let side = self.field.side;
        let shape = Shape { channels: 3, height: side, width: side };
        let mut pixels = vec![0; shape.len()];
        // The highest row of an image is the first.
        let mut paint = |column: usize, row: usize, colour: [u8; 3]| {
            for (channel, value) in colour.into_iter().enumerate() {
                pixels[(channel * side + side - 1 - row) * side + column] = value;
            }
        };
        for (i, value) in self.field.values.iter().enumerate() {
            let t = value.clamp(0.0, 1.0);
            let mixed = [0, 1, 2].map(|c| (UNREAL[c] + t * (REAL[c] - UNREAL[c])) as u8);
            paint(i % side, i / side, mixed);
        }
        for (points, colour) in [(&self.data, DATA), (&self.samples, SAMPLES)] {
            for at in points {
                let place = [0, 1].map(|axis| {
                    let (from, to) = (self.field.from[axis], self.field.to[axis]);
                    (f64::from(at[axis]) - from) / (to - from) * (side - 1) as f64
                });
                if place.iter().all(|x| (0.0..=(side - 1) as f64).contains(x)) {
                    paint(place[0].round() as usize, place[1].round() as usize, colour);
                }
            }
        }
        Images::new(shape, 256, pixels, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// x² + y² over a square from −1.4 to 1.4.
    fn bowl(side: usize) -> Field {
        Field::around("bowl", &[[-1.0, 0.0], [1.0, 0.5]], side, |at| {
            Ok(at.iter().map(|[x, y]| x * x + (y - 0.25).powi(2)).collect())
        })
        .unwrap()
    }

    #[test]
    fn a_square_lies_around_the_points() {
        let field = bowl(3);
        let close = |found: [f64; 2], expected: [f64; 2]| {
            found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-6)
        };
        assert!(close(field.from, [-1.4, -1.15]) && close(field.to, [1.4, 1.65]), "{field:?}");
        // Corners, edges, the middle.
        let (corner, edge) = (3.92, 1.96);
        let expected = [corner, edge, corner, edge, 0.0, edge, corner, edge, corner];
        assert!(field.values.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5), "{field:?}");
        assert!(Field::around("", &[], 3, |_| Ok(Vec::new())).is_err());
        let error = Field::around("", &[[0.0; 2]], 3, |_| Ok(vec![0.0])).unwrap_err().to_string();
        assert_eq!(error, "1 numbers for 3×3 places");
    }

    #[test]
    fn a_finer_field_has_the_places_of_the_coarse_one() {
        let field = bowl(5);
        let fine = field.refined(9);
        assert_eq!((fine.side, fine.values.len(), fine.from), (9, 81, field.from));
        for i in 0..25 {
            let (column, row) = (i % 5, i / 5);
            assert_eq!(fine.values[2 * row * 9 + 2 * column], field.values[i]);
        }
        // In the middle of four places their mean.
        let four = [0, 1, 5, 6].map(|i| field.values[i]);
        assert!((fine.values[10] - four.iter().sum::<f32>() / 4.0).abs() < 1e-6);
        assert_eq!(field.refined(5).values, field.values);
    }

    #[test]
    fn a_contour_of_a_bowl_is_a_circle() {
        let lines = bowl(57).contour(1.0);
        let mut around = 0.0;
        for [a, b] in &lines {
            for [x, y] in [a, b] {
                let radius = x.hypot(y - 0.25);
                assert!((radius - 1.0).abs() < 1e-3, "{radius}");
            }
            around += (a[0] - b[0]).hypot(a[1] - b[1]);
        }
        assert!((around - 2.0 * std::f64::consts::PI).abs() < 0.01, "{around}");
        assert!(bowl(57).contour(9.0).is_empty());
    }

    #[test]
    fn points_are_painted_where_they_lie() {
        let field = Field { name: "", from: [0.0; 2], to: [2.0; 2], side: 3, values: vec![0.0; 9] };
        let plane = Plane { data: vec![[0.0, 0.0], [9.0, 0.0]], samples: vec![[2.0, 1.1]], field };
        let images = plane.image().unwrap();
        let at = |column: usize, row: usize| {
            [0, 1, 2].map(|c| images.image(0)[(c * 3 + row) * 3 + column])
        };
        assert_eq!((at(0, 2), at(2, 1)), (DATA, SAMPLES));
        assert_eq!(at(1, 1), UNREAL.map(|x| x as u8));
    }
}
