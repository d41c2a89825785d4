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
                        let rows = columns[to..][..positions].chunks_exact_mut(out_width);
                        for (row, from) in rows.zip(phases[start..].chunks(self.width)) {
                            copy(&from[..out_width], row);
                        }
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
                        let rows = columns[from..][..positions].chunks_exact(out_width);
                        for (row, sums) in rows.zip(sums[start..].chunks_mut(self.width)) {
                            let sums = &mut sums[..out_width];
                            sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
                        }
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

/// A copy of a few elements: a call to copy them would cost more.
#[inline(always)]
fn copy(from: &[f32], to: &mut [f32]) {
    let ((from, from_rest), (to, to_rest)) = (from.as_chunks::<16>(), to.as_chunks_mut::<16>());
    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
    let ((from, from_rest), (to, to_rest)) =
        (from_rest.as_chunks::<4>(), to_rest.as_chunks_mut::<4>());
    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
    match (from_rest, to_rest) {
        ([a], [x]) => *x = *a,
        ([a, b], [x, y]) => (*x, *y) = (*a, *b),
        ([a, b, c], [x, y, z]) => (*x, *y, *z) = (*a, *b, *c),
        _ => {}
    }
}
