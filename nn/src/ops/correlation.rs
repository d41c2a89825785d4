//! Correlation: sums over the taps of a kernel, from which a convolution and its gradients are made.
//!
//! Everything that is summed lies with its channels side by side, `[positions, outputs]` and
//! `[height·width, channels]`, since channels are what a vector holds; images that single numbers are
//! read from may lie in any way.
use super::conv_gradients::with_taps;
use super::geometry::{Geometry, Order};
use super::product::{Factors, Old, Rows, check_offsets, multiples, product};
use super::tiles::scratch;
use super::transpose::transpose;
use candle_core::Result;

/// Sums `[positions, outputs]` of an image, and the gradient of the kernels.
pub(super) struct Correlation {
    geometry: Geometry,
    outputs: usize,
    /// Offsets of the kernel's positions, in padded samples one after the other.
    positions: Vec<u32>,
    /// Offsets of its taps from there, for each channel.
    inputs: Vec<u32>,
    sums: Vec<u32>,
    kernels: Vec<u32>,
}

impl Correlation {
    /// For as many samples as make a group.
    pub(super) fn new(geometry: Geometry, outputs: usize) -> Result<Self> {
        let (height, width) = geometry.padded_size();
        let sample = geometry.channels * height * width;
        check_offsets(geometry.group() * sample)?;
        let position = |index: usize| {
            let (sample_index, position) =
                (index / geometry.positions(), index % geometry.positions());
            let (y, x) = (position / geometry.out_width, position % geometry.out_width);
            (sample_index * sample + geometry.place(y, x) * geometry.stride) as u32
        };
        let input = |index: usize| {
            let (y, x) = geometry.offset(index % geometry.taps);
            (geometry.channel(index / geometry.taps) + geometry.place(y, x)) as u32
        };
        Ok(Self {
            geometry,
            outputs,
            positions: (0..geometry.group() * geometry.positions()).map(position).collect(),
            inputs: (0..geometry.inputs()).map(input).collect(),
            sums: multiples(geometry.group() * geometry.positions(), outputs)?,
            kernels: multiples(geometry.inputs(), outputs)?,
        })
    }

    /// `sums[samples, positions, outputs]` ← the kernels `[inputs, outputs]` on a group of samples.
    pub(super) fn sums(&self, samples: &[f32], kernels: &[f32], sums: &mut [f32]) -> Result<()> {
        let rows = sums.len() / self.outputs;
        self.geometry.padded(samples, |values| {
            let from = &self.positions[..rows];
            let factors = Factors { values, from, steps: &self.inputs };
            let kernels = Rows::new(kernels, self.outputs);
            product(factors, kernels, sums, &self.sums[..rows], Old::Replaced)
        })
    }

    /// `gradient[inputs, outputs]` ← or += what `sums[samples, positions, outputs]`, the gradients of the
    /// sums of a group of samples, give.
    pub(super) fn add_gradient(
        &self,
        samples: &[f32],
        sums: &[f32],
        gradient: &mut [f32],
        old: Old,
    ) -> Result<()> {
        let rows = sums.len() / self.outputs;
        self.geometry.padded(samples, |values| {
            let steps = &self.positions[..rows];
            let factors = Factors { values, from: &self.inputs, steps };
            product(factors, Rows::new(sums, self.outputs), gradient, &self.kernels, old)
        })
    }
}

/// The transpose of a correlation as a linear function: from sums to an image.
pub(super) struct Transposed {
    geometry: Geometry,
    way: Way,
    kernels: Vec<f32>,
}

/// Algorithm for an image.
enum Way {
    /// With its channels in the lanes of a vector.
    Channels(Spread),
    /// With the positions there, one tap at a time: where there are few channels.
    Positions { taps: Vec<u32>, outputs: Vec<u32>, columns: Vec<u32> },
}

impl Transposed {
    /// For kernels `[outputs, channels, elements]`.
    pub(super) fn new(geometry: Geometry, outputs: usize, kernels: &[f32]) -> Result<Self> {
        const FEW: usize = 8;
        let inputs = geometry.inputs();
        if geometry.order == Order::Planes && geometry.channels < FEW {
            let way = Way::Positions {
                taps: multiples(inputs, 1)?,
                outputs: multiples(outputs, inputs)?,
                columns: multiples(inputs, geometry.positions())?,
            };
            let kernels = with_taps(kernels, outputs, &geometry, |kernels| kernels.to_vec());
            return Ok(Self { geometry, way, kernels });
        }
        let spread = Spread::new(geometry, outputs)?;
        let mut arranged = vec![0.0; spread.arranged()];
        spread.arrange(kernels, &mut arranged);
        Ok(Self { geometry, way: Way::Channels(spread), kernels: arranged })
    }

    /// The image, which is 0, ← the kernels on `turned[positions, outputs]`, which are
    /// `sums[outputs, positions]` too where the image is in planes.
    pub(super) fn image(&self, sums: &[f32], turned: &[f32], image: &mut [f32]) -> Result<()> {
        match &self.way {
            Way::Channels(spread) if self.geometry.order == Order::Pixels => {
                spread.image(turned, &self.kernels, image)
            }
            Way::Channels(spread) => scratch(image.len(), |pixels| {
                spread.image(turned, &self.kernels, pixels)?;
                transpose(pixels, self.geometry.channels, image);
                Ok(())
            }),
            Way::Positions { taps, outputs, columns: to } => {
                let positions = self.geometry.positions();
                scratch(self.geometry.inputs() * positions, |columns| {
                    let values = &self.kernels;
                    let factors = Factors { values, from: taps, steps: outputs };
                    product(factors, Rows::new(sums, positions), columns, to, Old::Replaced)?;
                    self.geometry.scatter(columns, image);
                    Ok(())
                })
            }
        }
    }
}

/// The transpose of a correlation as a linear function: sums `[positions, outputs]` into an image
/// `[height·width, channels]`.
///
/// Pixel y = s·Y + a of the image gets what lies at Y + (a + p − d·k)/s among the sums through tap k,
/// if s divides that: the taps are the same for all pixels of one phase a, and each phase is a
/// correlation of the sums with a step of one.
struct Spread {
    geometry: Geometry,
    outputs: usize,
    /// Rows and columns of zeros that the sums are surrounded by: above, below, left and right.
    border: [usize; 4],
    phases: Vec<Phase>,
}

/// Pixels that see the same taps.
struct Phase {
    taps: Vec<usize>,
    from: Vec<u32>,
    steps: Vec<u32>,
    to: Vec<u32>,
}

impl Spread {
    fn new(geometry: Geometry, outputs: usize) -> Result<Self> {
        let Geometry { stride, padding, channels, .. } = geometry;
        // Where a tap sees the sums from the first pixel of a phase, if it does.
        let shift = |axis: usize, phase: usize, offset: usize| -> Option<isize> {
            let distance = (phase + padding[axis]) as isize - offset as isize;
            (distance % stride as isize == 0).then_some(distance / stride as isize)
        };
        let shifts = |[down, across]: [usize; 2]| {
            let taps = (0..geometry.taps).filter_map(move |tap| {
                let (y, x) = geometry.offset(tap);
                Some((tap, shift(0, down, y)?, shift(1, across, x)?))
            });
            taps.collect::<Vec<_>>()
        };
        let phases = (0..stride * stride).map(|phase| [phase / stride, phase % stride]);
        let phases: Vec<_> = phases
            .filter(|&[down, across]| down < geometry.height && across < geometry.width)
            .collect();
        // Beyond the sums there are zeros, as far as any pixel looks.
        let size = |length: usize, phase: usize| (length - phase).div_ceil(stride);
        let mut border = [0; 4];
        for &phase in &phases {
            let rows = size(geometry.height, phase[0]) as isize;
            let columns = size(geometry.width, phase[1]) as isize;
            for (_, y, x) in shifts(phase) {
                let beyond = [
                    -y,
                    rows - 1 + y - (geometry.out_height as isize - 1),
                    -x,
                    columns - 1 + x - (geometry.out_width as isize - 1),
                ];
                for (border, beyond) in border.iter_mut().zip(beyond) {
                    *border = (*border).max(beyond.max(0) as usize);
                }
            }
        }
        let [top, bottom, left, right] = border;
        let width = left + geometry.out_width + right;
        check_offsets((top + geometry.out_height + bottom) * width * outputs)?;
        check_offsets(geometry.sample())?;
        let phases = phases.into_iter().map(|phase| {
            let shifts = shifts(phase);
            let [rows, columns] = [size(geometry.height, phase[0]), size(geometry.width, phase[1])];
            let pixels = || (0..rows).flat_map(|y| (0..columns).map(move |x| (y, x)));
            let to = |(y, x): (usize, usize)| {
                let (y, x) = (y * stride + phase[0], x * stride + phase[1]);
                ((y * geometry.width + x) * channels) as u32
            };
            let steps = shifts.iter().flat_map(|&(_, y, x)| {
                let (y, x) = ((top as isize + y) as usize, (left as isize + x) as usize);
                (0..outputs).map(move |output| ((y * width + x) * outputs + output) as u32)
            });
            Phase {
                taps: shifts.iter().map(|&(tap, ..)| tap).collect(),
                from: pixels().map(|(y, x)| ((y * width + x) * outputs) as u32).collect(),
                steps: steps.collect(),
                to: pixels().map(to).collect(),
            }
        });
        Ok(Self { geometry, outputs, border, phases: phases.collect() })
    }

    /// Number of elements that `arrange` writes.
    fn arranged(&self) -> usize {
        self.phases.iter().map(|phase| phase.taps.len()).sum::<usize>()
            * self.outputs
            * self.geometry.channels
    }

    /// Kernels `[outputs, channels, elements]` as `image` wants them: `[taps, outputs, channels]` for
    /// each phase.
    fn arrange(&self, kernels: &[f32], arranged: &mut [f32]) {
        let Geometry { channels, .. } = self.geometry;
        let elements = kernels.len() / (self.outputs * channels);
        scratch(elements * channels, |turned| {
            for (output, kernels) in kernels.chunks_exact(channels * elements).enumerate() {
                transpose(kernels, elements, turned); // [elements, channels]
                let taps = self.phases.iter().flat_map(|phase| &phase.taps);
                let panels = arranged.chunks_exact_mut(self.outputs * channels);
                for (panel, tap) in panels.zip(taps) {
                    panel[output * channels..][..channels]
                        .copy_from_slice(&turned[tap * channels..][..channels]);
                }
            }
        });
    }

    /// `image[height·width, channels]` ← the kernels, arranged, on `sums[positions, outputs]`.
    fn image(&self, sums: &[f32], arranged: &[f32], image: &mut [f32]) -> Result<()> {
        self.bordered(sums, |values| {
            let mut arranged = arranged;
            for phase in &self.phases {
                let (kernels, rest) = arranged.split_at(phase.steps.len() * self.geometry.channels);
                arranged = rest;
                let factors = Factors { values, from: &phase.from, steps: &phase.steps };
                let kernels = Rows::new(kernels, self.geometry.channels);
                product(factors, kernels, image, &phase.to, Old::Replaced)?;
            }
            Ok(())
        })
    }

    fn bordered<R>(&self, sums: &[f32], f: impl FnOnce(&[f32]) -> R) -> R {
        let [top, bottom, left, right] = self.border;
        if self.border == [0; 4] {
            return f(sums);
        }
        let row = self.geometry.out_width * self.outputs;
        let [left, right] = [left * self.outputs, right * self.outputs];
        let height = top + self.geometry.out_height + bottom;
        scratch(height * (left + row + right), |bordered| {
            bordered.fill(0.0);
            let rows = bordered.chunks_exact_mut(left + row + right).skip(top);
            for (bordered, sums) in rows.zip(sums.chunks_exact(row)) {
                bordered[left..][..row].copy_from_slice(sums);
            }
            f(bordered)
        })
    }
}
