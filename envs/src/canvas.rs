//! A small rasteriser for drawings with smooth edges.

use crate::Rgb;

/// A point in pixels from the top left corner, `[x, y]`.
pub(crate) type Point = [f32; 2];

/// An image that shapes are painted on, one over the other.
pub(crate) struct Canvas(Rgb);

impl Canvas {
    /// An image of one colour.
    pub(crate) fn new(width: usize, height: usize, color: [u8; 3]) -> Self {
        Self(Rgb { width, height, pixels: color.repeat(width * height) })
    }

    /// Paints a line with round ends.
    pub(crate) fn line(&mut self, from: Point, to: Point, thickness: f32, color: [u8; 3]) {
        let [dx, dy] = [to[0] - from[0], to[1] - from[1]];
        let length_squared = (dx * dx + dy * dy).max(f32::MIN_POSITIVE);
        let low = [0, 1].map(|i| from[i].min(to[i]) - thickness / 2.0);
        let high = [0, 1].map(|i| from[i].max(to[i]) + thickness / 2.0);
        self.paint(color, low, high, &|[x, y]| {
            let [px, py] = [x - from[0], y - from[1]];
            let along = ((px * dx + py * dy) / length_squared).clamp(0.0, 1.0);
            (px - along * dx).hypot(py - along * dy) - thickness / 2.0
        });
    }

    /// Paints a rectangle around `center` with corners rounded to `radius`.
    pub(crate) fn rectangle(&mut self, center: Point, size: [f32; 2], radius: f32, color: [u8; 3]) {
        let low = [0, 1].map(|i| center[i] - size[i] / 2.0);
        let high = [0, 1].map(|i| center[i] + size[i] / 2.0);
        self.paint(color, low, high, &|[x, y]| {
            let beyond_x = (x - center[0]).abs() - (size[0] / 2.0 - radius);
            let beyond_y = (y - center[1]).abs() - (size[1] / 2.0 - radius);
            beyond_x.max(0.0).hypot(beyond_y.max(0.0)) + beyond_x.max(beyond_y).min(0.0) - radius
        });
    }

    /// Paints a convex polygon, its corners in either order.
    pub(crate) fn polygon(&mut self, corners: &[Point], color: [u8; 3]) {
        let edges = || (0..corners.len()).map(|i| (corners[i], corners[(i + 1) % corners.len()]));
        let area: f32 = edges().map(|(a, b)| a[0] * b[1] - b[0] * a[1]).sum();
        let of_all = |best: fn(f32, f32) -> f32, start: f32| {
            [0, 1].map(|i| corners.iter().map(|corner| corner[i]).fold(start, best))
        };
        let (low, high) = (of_all(f32::min, f32::MAX), of_all(f32::max, 0.0));
        self.paint(color, low, high, &|[x, y]| {
            let outside = |(from, to): (Point, Point)| {
                let [dx, dy] = [to[0] - from[0], to[1] - from[1]];
                let beyond = (x - from[0]) * dy - (y - from[1]) * dx;
                beyond * area.signum() / dx.hypot(dy).max(f32::MIN_POSITIVE)
            };
            edges().map(outside).fold(f32::MIN, f32::max)
        });
    }

    /// Paints a filled circle.
    pub(crate) fn disc(&mut self, center: Point, radius: f32, color: [u8; 3]) {
        self.line(center, center, 2.0 * radius, color);
    }

    /// The finished image.
    pub(crate) fn into_rgb(self) -> Rgb {
        self.0
    }

    /// Mixes `color` into every pixel by how much of it a shape covers, judged from the signed
    /// distance in pixels between the pixel's centre and the shape's edge (negative inside). The
    /// shape lies between the corners `low` and `high`.
    fn paint(&mut self, color: [u8; 3], low: Point, high: Point, distance: &dyn Fn(Point) -> f32) {
        let Rgb { width, height, pixels } = &mut self.0;
        // A pixel that lies wholly beyond the corners is not covered.
        let near = |i: usize, n: usize| (low[i] - 1.0) as usize..n.min((high[i] + 2.0) as usize);
        for row in near(1, *height) {
            for column in near(0, *width) {
                let center = [column as f32 + 0.5, row as f32 + 0.5];
                let covered = (0.5 - distance(center)).clamp(0.0, 1.0);
                let pixel = &mut pixels[3 * (row * *width + column)..][..3];
                for (old, new) in pixel.iter_mut().zip(color) {
                    let mixed = f32::from(*old) + covered * (f32::from(new) - f32::from(*old));
                    *old = mixed.round() as u8;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHITE: [u8; 3] = [255; 3];

    /// Whiteness of each pixel of a 5 × 3 black image after `draw`.
    fn painted(draw: impl Fn(&mut Canvas)) -> Vec<u8> {
        let mut canvas = Canvas::new(5, 3, [0; 3]);
        draw(&mut canvas);
        canvas.into_rgb().pixels.chunks(3).map(|pixel| pixel[0]).collect()
    }

    #[test]
    fn a_rectangle_covers_its_pixels() {
        let pixels = painted(|canvas| canvas.rectangle([2.5, 1.5], [3.0, 1.0], 0.0, WHITE));
        assert_eq!(pixels, [0, 0, 0, 0, 0, 0, 255, 255, 255, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn a_pixel_covered_by_half_is_grey() {
        let pixels = painted(|canvas| canvas.rectangle([2.0, 1.5], [2.0, 1.0], 0.0, WHITE));
        assert_eq!(pixels[5..10], [0, 255, 255, 0, 0]);
        let pixels = painted(|canvas| canvas.rectangle([2.5, 1.5], [2.0, 1.0], 0.0, WHITE));
        assert_eq!(pixels[5..10], [0, 128, 255, 128, 0]);
    }

    #[test]
    fn a_polygon_covers_its_inside_in_either_order() {
        let corners = [[1.0, 1.0], [4.0, 1.0], [4.0, 2.0], [1.0, 2.0]];
        let covered = [0, 0, 0, 0, 0, 0, 255, 255, 255, 0, 0, 0, 0, 0, 0];
        assert_eq!(painted(|canvas| canvas.polygon(&corners, WHITE)), covered);
        let mut turned = corners;
        turned.reverse();
        assert_eq!(painted(|canvas| canvas.polygon(&turned, WHITE)), covered);
    }

    #[test]
    fn a_line_runs_between_its_ends() {
        let pixels = painted(|canvas| canvas.line([1.5, 1.5], [3.5, 1.5], 1.0, WHITE));
        assert_eq!(pixels, [0, 0, 0, 0, 0, 0, 255, 255, 255, 0, 0, 0, 0, 0, 0]);
        let dot = painted(|canvas| canvas.disc([0.5, 0.5], 0.5, WHITE));
        assert_eq!((dot[0], dot[1], dot[5]), (255, 0, 0));
    }
}
