//! Transposed correlation: the contribution of each tap of a kernel, added to the pixels under it.
use super::geometry::Geometry;
use super::tiles::scratch;
use super::vectorised;

impl Geometry {
    /// `image[channels, height, width]` += `columns[inputs, positions]`, each number to the pixel that its
    /// tap sees from its position.
    pub(super) fn scatter(&self, columns: &[f32], image: &mut [f32]) {
        let phases = Phases::new(self);
        vectorised(
            #[inline(always)]
            || match self.stride {
                1 => phases.scatter::<1>(columns, image),
                2 => phases.scatter::<2>(columns, image),
                4 => phases.scatter::<4>(columns, image),
                _ => phases.scatter::<0>(columns, image),
            },
        );
    }
}

/// An image's channel taken apart, so that what one tap sees at neighbouring positions lies side by
/// side: element (y, x) of the padded channel is in phase (y mod stride, x mod stride), a matrix
/// `[height, width]`, at (y div stride, x div stride).
struct Phases<'a> {
    geometry: &'a Geometry,
    height: usize,
    width: usize,
    /// Offset of each tap at the first position.
    starts: Vec<usize>,
}

impl<'a> Phases<'a> {
    fn new(geometry: &'a Geometry) -> Self {
        let Geometry { stride, dilation, kernel_width, taps, .. } = *geometry;
        let last_x = (kernel_width - 1) * dilation;
        let (height, width) = if stride == 1 && geometry.padding == [0, 0] {
            (geometry.height, geometry.width)
        } else {
            (
                geometry.out_height + geometry.offset(taps - 1).0 / stride,
                geometry.out_width + last_x / stride,
            )
        };
        let start = |tap| {
            let (y, x) = geometry.offset(tap);
            let phase = y % stride * stride + x % stride;
            (phase * height + y / stride) * width + x / stride
        };
        Self { geometry, height, width, starts: (0..taps).map(start).collect() }
    }

    /// Returns `true` if a channel is its only phase.
    fn is_identity(&self) -> bool {
        self.geometry.stride == 1 && self.geometry.padding == [0, 0]
    }

    /// Elements of all phases.
    fn len(&self) -> usize {
        if self.is_identity() {
            return 0;
        }
        self.geometry.stride * self.geometry.stride * self.height * self.width
    }

    /// For a stride of S, or for any if S is 0.
    #[inline(always)]
    fn scatter<const S: usize>(&self, columns: &[f32], image: &mut [f32]) {
        let Geometry { taps, out_width, .. } = *self.geometry;
        let positions = self.geometry.positions();
        scratch(
            self.len(),
            #[inline(always)]
            |phases| {
                let planes = image.chunks_exact_mut(self.geometry.plane());
                for (plane, columns) in planes.zip(columns.chunks_exact(taps * positions)) {
                    phases.fill(0.0);
                    let sums = if self.is_identity() { &mut *plane } else { &mut *phases };
                    for (rows, &start) in columns.chunks_exact(positions).zip(&self.starts) {
                        add_rows(rows, out_width, &mut sums[start..], self.width);
                    }
                    if self.is_identity() {
                        continue;
                    }
                    self.for_each_row::<S>(
                        phases,
                        #[inline(always)]
                        |row, first, step| {
                            let pixels = plane[first..].iter_mut().step_by(step);
                            pixels.zip(row).for_each(|(pixel, value)| *pixel += *value);
                        },
                    );
                }
            },
        );
    }

    /// Calls `f` with the part of each row of each phase that lies on the image, where that begins
    /// there, and how far apart neighbours are.
    #[inline(always)]
    fn for_each_row<const S: usize>(
        &self,
        phases: &[f32],
        mut f: impl FnMut(&[f32], usize, usize),
    ) {
        let Geometry { height, width, padding: [down, across], .. } = *self.geometry;
        let stride = if S == 0 { self.geometry.stride } else { S };
        for (index, phase) in phases.chunks_exact(self.height * self.width).enumerate() {
            let (first_y, first_x) = (index / stride, index % stride);
            let from = across.saturating_sub(first_x).div_ceil(stride).min(self.width);
            let to = (width + across).saturating_sub(first_x).div_ceil(stride).min(self.width);
            for (row, phase) in phase.chunks_exact(self.width).enumerate() {
                let y = (row * stride + first_y).checked_sub(down).filter(|&y| y < height);
                if let Some(y) = y.filter(|_| from < to) {
                    let first = y * width + from * stride + first_x - across;
                    f(&phase[from..to], first, stride);
                }
            }
        }
    }
}

/// Elements moved at once.
const LANES: usize = 16;

/// Rows whose lanes, rounded up to whole vectors, lie in a slice of `len` elements: the first one
/// begins at 0, each of the others `distance` after the one before.
#[inline(always)]
fn rows_within(len: usize, distance: usize, vectors: usize) -> usize {
    len.checked_sub(vectors * LANES).map_or(0, |room| room / distance + 1)
}

/// The first `width` elements of `to[row]` += `from[row]`, where rows of `to` are `distance` apart.
#[inline(always)]
fn add_rows(from: &[f32], width: usize, to: &mut [f32], distance: usize) {
    let (rows, vectors) = (from.len() / width, width.div_ceil(LANES));
    let whole = rows_within(from.len(), width, vectors)
        .min(rows_within(to.len(), distance, vectors))
        .min(rows);
    for row in 0..whole {
        let from = from[row * width..][..vectors * LANES].as_chunks::<LANES>().0;
        let to = to[row * distance..][..vectors * LANES].as_chunks_mut::<LANES>().0;
        for (vector, (to, from)) in to.iter_mut().zip(from).enumerate() {
            let left = width - vector * LANES;
            for lane in 0..LANES {
                to[lane] = if lane < left { to[lane] + from[lane] } else { to[lane] };
            }
        }
    }
    for row in whole..rows {
        let to = &mut to[row * distance..][..width];
        to.iter_mut().zip(&from[row * width..]).for_each(|(sum, value)| *sum += value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of every width up to a few vectors, more apart than they are wide by 0 to 2, or less.
    fn cases() -> impl Iterator<Item = (usize, usize, usize)> {
        let widths = (1..40).flat_map(|width| (0..3).map(move |more| (width, width + more)));
        widths.flat_map(|(width, distance)| [1, 2, 7].map(|rows| (rows, width, distance)))
    }

    fn numbers(n: usize) -> Vec<f32> {
        (0..n).map(|i| i as f32 + 1.0).collect()
    }

    #[test]
    fn rows_are_added_and_nothing_else() {
        for (rows, width, distance) in cases() {
            for spare in [0, 40] {
                let from = numbers(rows * width);
                let mut to = numbers((rows - 1) * distance + width + spare);
                let mut expected = to.clone();
                for (i, value) in from.iter().enumerate() {
                    expected[i / width * distance + i % width] += value;
                }
                add_rows(&from, width, &mut to, distance);
                assert_eq!(to, expected, "{rows} rows of {width}, {distance} apart");
            }
        }
    }
}
