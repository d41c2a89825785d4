//! A convolution's inputs gathered into a matrix, and scattered back.
use super::tiles::scratch;
use super::vectorised;

/// The geometry of one convolution: one sample `[channels, height, width]`, the image, gives sums
/// `[outputs, out_height, out_width]` through kernels `[outputs, channels, taps]`. In a transposed
/// convolution it is the result that is the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Geometry {
    pub(super) channels: usize,
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) kernel_width: usize,
    /// Elements of a kernel, in raster order, that are used.
    pub(super) taps: usize,
    pub(super) out_height: usize,
    pub(super) out_width: usize,
    pub(super) stride: usize,
    pub(super) padding: usize,
    pub(super) dilation: usize,
}

impl Geometry {
    /// Inputs of one sum.
    pub(super) fn inputs(&self) -> usize {
        self.channels * self.taps
    }

    /// Elements of one channel of the image.
    fn plane(&self) -> usize {
        self.height * self.width
    }

    /// Elements of one sample.
    pub(super) fn sample(&self) -> usize {
        self.channels * self.plane()
    }

    /// Positions the kernel is applied at.
    pub(super) fn positions(&self) -> usize {
        self.out_height * self.out_width
    }

    /// Whether the matrix of one sample is the sample itself.
    pub(super) fn is_identity(&self) -> bool {
        self.taps == 1 && self.stride == 1 && self.padding == 0 && self.kernel_width == 1
    }

    /// How many samples are put side by side into one matrix: enough for it to be wide, few enough
    /// for it to stay in the cache.
    pub(super) fn group(&self) -> usize {
        const WIDTH: usize = 256;
        const ELEMENTS: usize = 1 << 17;
        let most = ELEMENTS / (self.inputs() * self.positions());
        (WIDTH / self.positions()).min(most).max(1)
    }

    /// `columns[inputs, samples·positions]` ← the inputs under the kernel at each position of each
    /// sample.
    pub(super) fn gather(&self, samples: &[f32], columns: &mut [f32]) {
        let phases = Phases::new(self);
        vectorised(
            #[inline(always)]
            || match self.stride {
                1 => phases.gather::<1>(samples, columns),
                2 => phases.gather::<2>(samples, columns),
                4 => phases.gather::<4>(samples, columns),
                _ => phases.gather::<0>(samples, columns),
            },
        );
    }

    /// sample += each column added back to the inputs it was gathered from, for every sample.
    pub(super) fn scatter(&self, columns: &[f32], samples: &mut [f32]) {
        let phases = Phases::new(self);
        vectorised(
            #[inline(always)]
            || match self.stride {
                1 => phases.scatter::<1>(columns, samples),
                2 => phases.scatter::<2>(columns, samples),
                4 => phases.scatter::<4>(columns, samples),
                _ => phases.scatter::<0>(columns, samples),
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
    /// Where each tap is at the first position.
    starts: Vec<usize>,
}

impl<'a> Phases<'a> {
    fn new(geometry: &'a Geometry) -> Self {
        let Geometry { stride, dilation, kernel_width, taps, .. } = *geometry;
        let offset = |tap: usize| (tap / kernel_width * dilation, tap % kernel_width * dilation);
        let last_x = (kernel_width - 1) * dilation;
        let (height, width) = if stride == 1 && geometry.padding == 0 {
            (geometry.height, geometry.width)
        } else {
            (
                geometry.out_height + offset(taps - 1).0 / stride,
                geometry.out_width + last_x / stride,
            )
        };
        let start = |tap| {
            let (y, x) = offset(tap);
            let phase = y % stride * stride + x % stride;
            (phase * height + y / stride) * width + x / stride
        };
        Self { geometry, height, width, starts: (0..taps).map(start).collect() }
    }

    /// Whether a channel is its only phase.
    fn is_identity(&self) -> bool {
        self.geometry.stride == 1 && self.geometry.padding == 0
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
    fn gather<const S: usize>(&self, samples: &[f32], columns: &mut [f32]) {
        let Geometry { channels, taps, out_width, .. } = *self.geometry;
        let positions = self.geometry.positions();
        let wide = samples.len() / self.geometry.sample() * positions;
        scratch(
            self.len(),
            #[inline(always)]
            |phases| {
                for (index, plane) in samples.chunks_exact(self.geometry.plane()).enumerate() {
                    let (sample, channel) = (index / channels, index % channels);
                    let phases = if self.is_identity() {
                        plane
                    } else {
                        self.for_each_row::<S>(
                            phases,
                            #[inline(always)]
                            |row, pixels, step| match pixels {
                                None => row.fill(0.0),
                                Some((from, to, first)) => {
                                    row[..from].fill(0.0);
                                    row[to..].fill(0.0);
                                    let pixels = &plane[first..];
                                    if step == 1 {
                                        row[from..to].copy_from_slice(&pixels[..to - from]);
                                    } else {
                                        let pixels = pixels.iter().step_by(step);
                                        row[from..to]
                                            .iter_mut()
                                            .zip(pixels)
                                            .for_each(|(r, p)| *r = *p);
                                    }
                                }
                            },
                        );
                        &*phases
                    };
                    for (tap, &start) in self.starts.iter().enumerate() {
                        let to = ((channel * taps) + tap) * wide + sample * positions;
                        let rows = &mut columns[to..][..positions];
                        copy_rows(&phases[start..], self.width, rows, out_width);
                    }
                }
            },
        );
    }

    #[inline(always)]
    fn scatter<const S: usize>(&self, columns: &[f32], samples: &mut [f32]) {
        let Geometry { channels, taps, out_width, .. } = *self.geometry;
        let positions = self.geometry.positions();
        let wide = samples.len() / self.geometry.sample() * positions;
        scratch(
            self.len(),
            #[inline(always)]
            |phases| {
                for (index, plane) in samples.chunks_exact_mut(self.geometry.plane()).enumerate() {
                    let (sample, channel) = (index / channels, index % channels);
                    phases.fill(0.0);
                    let sums = if self.is_identity() { &mut *plane } else { &mut *phases };
                    for (tap, &start) in self.starts.iter().enumerate() {
                        let from = ((channel * taps) + tap) * wide + sample * positions;
                        let rows = &columns[from..][..positions];
                        add_rows(rows, out_width, &mut sums[start..], self.width);
                    }
                    if self.is_identity() {
                        continue;
                    }
                    self.for_each_row::<S>(
                        phases,
                        #[inline(always)]
                        |row, pixels, step| {
                            if let Some((from, to, first)) = pixels {
                                let pixels = plane[first..].iter_mut().step_by(step);
                                pixels
                                    .zip(&row[from..to])
                                    .for_each(|(pixel, value)| *pixel += *value);
                            }
                        },
                    );
                }
            },
        );
    }

    /// Calls `f` with each row of each phase and with which part of it, from and to, lies on the
    /// image and where that begins; with none for a row in the padding. The last argument is the
    /// distance, in the image, of neighbours in a phase.
    #[inline(always)]
    fn for_each_row<const S: usize>(
        &self,
        phases: &mut [f32],
        mut f: impl FnMut(&mut [f32], Option<(usize, usize, usize)>, usize),
    ) {
        let Geometry { height, width, padding, .. } = *self.geometry;
        let stride = if S == 0 { self.geometry.stride } else { S };
        for (index, phase) in phases.chunks_exact_mut(self.height * self.width).enumerate() {
            let (first_y, first_x) = (index / stride, index % stride);
            let from = padding.saturating_sub(first_x).div_ceil(stride).min(self.width);
            let to = (width + padding).saturating_sub(first_x).div_ceil(stride).min(self.width);
            for (row, phase) in phase.chunks_exact_mut(self.width).enumerate() {
                let y = (row * stride + first_y).checked_sub(padding).filter(|&y| y < height);
                let pixels = y
                    .filter(|_| from < to)
                    .map(|y| (from, to, y * width + from * stride + first_x - padding));
                f(phase, pixels, stride);
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

/// `to[row]` ← the first `width` elements of `from[row]`, where rows of `from` are `distance` apart.
///
/// In whole vectors while there is room: what is written beyond a row is overwritten by the next.
#[inline(always)]
fn copy_rows(from: &[f32], distance: usize, to: &mut [f32], width: usize) {
    let (rows, vectors) = (to.len() / width, width.div_ceil(LANES));
    let whole = rows_within(to.len(), width, vectors)
        .min(rows_within(from.len(), distance, vectors))
        .min(rows);
    for row in 0..whole {
        let from = from[row * distance..][..vectors * LANES].as_chunks::<LANES>().0;
        let to = to[row * width..][..vectors * LANES].as_chunks_mut::<LANES>().0;
        to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
    }
    for row in whole..rows {
        let from = &from[row * distance..][..width];
        to[row * width..][..width].copy_from_slice(from);
    }
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
    fn rows_are_copied_and_nothing_else() {
        for (rows, width, distance) in cases() {
            for spare in [0, 40] {
                let from = numbers((rows - 1) * distance + width + spare);
                let mut to = vec![-1.0; rows * width];
                copy_rows(&from, distance, &mut to, width);
                let at = |i: usize| from[i / width * distance + i % width];
                let expected: Vec<f32> = (0..to.len()).map(at).collect();
                assert_eq!(to, expected, "{rows} rows of {width}, {distance} apart");
            }
        }
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
