//! The geometry of one convolution.
use super::tiles::scratch;

/// Memory order of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// `[channels, height, width]`.
    Planes,
    /// `[height, width, channels]`.
    Pixels,
}

/// One sample `[channels, height, width]`, the image, gives sums `[outputs, out_height, out_width]`
/// through kernels `[outputs, channels, taps]`. In a transposed convolution it is the result that is
/// the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Geometry {
    /// Of the image.
    pub(super) order: Order,
    pub(super) channels: usize,
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) kernel_width: usize,
    /// Elements of a kernel, in raster order, that are used.
    pub(super) taps: usize,
    pub(super) out_height: usize,
    pub(super) out_width: usize,
    pub(super) stride: usize,
    /// Rows above and below, columns on the left and the right.
    pub(super) padding: [usize; 2],
    pub(super) dilation: usize,
}

impl Geometry {
    /// Inputs of one sum.
    pub(super) fn inputs(&self) -> usize {
        self.channels * self.taps
    }

    /// Elements of one channel of the image.
    pub(super) fn plane(&self) -> usize {
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

    /// The distance of a tap from the first one, down and across.
    pub(super) fn offset(&self, tap: usize) -> (usize, usize) {
        (tap / self.kernel_width * self.dilation, tap % self.kernel_width * self.dilation)
    }

    /// Number of samples per group where their positions are summed over: enough for the sums to be
    /// long, few enough to stay in the cache.
    pub(super) fn group(&self) -> usize {
        const POSITIONS: usize = 256;
        const ELEMENTS: usize = 1 << 17;
        let most = ELEMENTS / (self.inputs() * self.positions());
        (POSITIONS / self.positions()).min(most).max(1)
    }

    /// Height and width with the padding.
    pub(super) fn padded_size(&self) -> (usize, usize) {
        let [down, across] = self.padding;
        (self.height + 2 * down, self.width + 2 * across)
    }

    /// Calls `f` with samples that have zeros for padding.
    pub(super) fn padded<R>(&self, samples: &[f32], f: impl FnOnce(&[f32]) -> R) -> R {
        if self.padding == [0, 0] {
            return f(samples);
        }
        let (height, width) = self.padded_size();
        let side = self.pixel();
        let [width, before, row] = [width, self.padding[1], self.width].map(|n| n * side);
        let planes = samples.chunks_exact(self.height * row);
        scratch(planes.len() * height * width, |padded| {
            padded.fill(0.0);
            for (padded, plane) in padded.chunks_exact_mut(height * width).zip(planes) {
                let rows = padded.chunks_exact_mut(width).skip(self.padding[0]);
                for (padded, values) in rows.zip(plane.chunks_exact(row)) {
                    padded[before..][..row].copy_from_slice(values);
                }
            }
            f(padded)
        })
    }

    /// Numbers of a pixel that lie side by side.
    fn pixel(&self) -> usize {
        match self.order {
            Order::Planes => 1,
            Order::Pixels => self.channels,
        }
    }

    /// Offset of a pixel of a padded sample.
    pub(super) fn place(&self, y: usize, x: usize) -> usize {
        (y * self.padded_size().1 + x) * self.pixel()
    }

    /// Offset of a channel from there.
    pub(super) fn channel(&self, channel: usize) -> usize {
        let (height, width) = self.padded_size();
        match self.order {
            Order::Planes => channel * height * width,
            Order::Pixels => channel,
        }
    }
}
