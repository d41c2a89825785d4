//! A convolution's inputs gathered into a matrix, and scattered back.

/// The geometry of one convolution: one sample `[channels, height, width]` gives sums
/// `[outputs, out_height, out_width]` through kernels `[outputs, channels, kernel, kernel]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Geometry {
    pub(super) channels: usize,
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) kernel_height: usize,
    pub(super) kernel_width: usize,
    pub(super) out_height: usize,
    pub(super) out_width: usize,
    pub(super) stride: usize,
    pub(super) padding: usize,
}

impl Geometry {
    /// Inputs of one sum, C·k·k.
    pub(super) fn inputs(&self) -> usize {
        self.channels * self.kernel_height * self.kernel_width
    }

    /// Elements of one sample.
    pub(super) fn sample(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// Positions the kernel is applied at.
    pub(super) fn positions(&self) -> usize {
        self.out_height * self.out_width
    }

    /// `columns[inputs, positions]` ← the inputs under the kernel at each position.
    pub(super) fn gather(&self, sample: &[f32], columns: &mut [f32]) {
        let taps = self.taps().zip(columns.chunks_exact_mut(self.positions()));
        for (tap, columns) in taps {
            let (from, to) = self.columns_inside(tap.x);
            for (out_y, row) in columns.chunks_exact_mut(self.out_width).enumerate() {
                let Some(start) = self.row_start(&tap, out_y).filter(|_| from < to) else {
                    row.fill(0.0);
                    continue;
                };
                row[..from].fill(0.0);
                row[to..].fill(0.0);
                let inputs = &sample[start + from * self.stride + tap.x - self.padding..];
                if self.stride == 1 {
                    row[from..to].copy_from_slice(&inputs[..to - from]);
                } else {
                    let inputs = inputs.iter().step_by(self.stride);
                    row[from..to].iter_mut().zip(inputs).for_each(|(row, input)| *row = *input);
                }
            }
        }
    }

    /// sample += each column added back to the inputs it was gathered from.
    pub(super) fn scatter(&self, columns: &[f32], sample: &mut [f32]) {
        for (tap, columns) in self.taps().zip(columns.chunks_exact(self.positions())) {
            let (from, to) = self.columns_inside(tap.x);
            for (out_y, row) in columns.chunks_exact(self.out_width).enumerate() {
                let Some(start) = self.row_start(&tap, out_y).filter(|_| from < to) else {
                    continue;
                };
                let inputs = &mut sample[start + from * self.stride + tap.x - self.padding..];
                if self.stride == 1 {
                    inputs.iter_mut().zip(&row[from..to]).for_each(|(input, row)| *input += row);
                } else {
                    let inputs = inputs.iter_mut().step_by(self.stride);
                    inputs.zip(&row[from..to]).for_each(|(input, row)| *input += row);
                }
            }
        }
    }

    /// The elements of one kernel, in the order of its weights.
    fn taps(&self) -> impl Iterator<Item = Tap> + use<> {
        let (height, width) = (self.kernel_height, self.kernel_width);
        (0..self.channels).flat_map(move |channel| {
            (0..height).flat_map(move |y| (0..width).map(move |x| Tap { channel, y, x }))
        })
    }

    /// The range of output columns at which kernel column `x` lies on the image.
    fn columns_inside(&self, x: usize) -> (usize, usize) {
        let from = self.padding.saturating_sub(x).div_ceil(self.stride);
        let to = (self.width + self.padding).saturating_sub(x).div_ceil(self.stride);
        (from.min(self.out_width), to.min(self.out_width))
    }

    /// Where in the sample the image row under `tap` at output row `out_y` starts; none in the
    /// padding.
    fn row_start(&self, tap: &Tap, out_y: usize) -> Option<usize> {
        let y = (out_y * self.stride + tap.y).checked_sub(self.padding)?;
        (y < self.height).then_some((tap.channel * self.height + y) * self.width)
    }
}

/// One element of a kernel.
struct Tap {
    channel: usize,
    y: usize,
    x: usize,
}
