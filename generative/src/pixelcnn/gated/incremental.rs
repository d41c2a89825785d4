//! The gated PixelCNN value by value.
use super::role::Role;
use crate::autoregressive::{IncrementalForward, Place};
use crate::data::Shape;
use candle_core::Result;
use nn::{Pixels, gate_rows};
use std::ops::Range;

/// A forward pass value by value: the vertical stack a row at a time, the horizontal one a value at a time.
pub(super) struct Incremental {
    pub(super) n: usize,
    pub(super) shape: Shape,
    /// F.
    pub(super) features: usize,
    pub(super) layers: Vec<IncrementalLayer>,
    /// The layer, and how many features it has.
    pub(super) hidden: (Pixels, usize),
    pub(super) out: Pixels,
    pub(super) h: Vec<f32>,
    pub(super) sums: Vec<f32>,
    pub(super) gated: Vec<f32>,
}

pub(super) struct IncrementalLayer {
    pub(super) vertical: Pixels,
    pub(super) link: Pixels,
    pub(super) horizontal: Pixels,
    pub(super) out: Pixels,
    /// Class bias of each image for both stacks, `[n, 2F]`; empty without labels.
    pub(super) shifts: [Vec<f32>; 2],
    /// Output of the vertical stack for the row, through the link to the horizontal one, `[n, W, 2F]`.
    pub(super) linked: Vec<f32>,
    pub(super) role: Role,
}

impl Incremental {
    /// The vertical stack at a row, whose rows above are known.
    fn row(&mut self, row: usize) -> Result<()> {
        let Self { n, features, layers, sums, gated, .. } = self;
        let (width, two) = (self.shape.width, 2 * *features);
        for IncrementalLayer { vertical, link, shifts, linked, role, .. } in layers {
            if !role.first {
                vertical.put(row, 0..width, 0..*features, gated)?;
            }
            sums.resize(*n * width * two, 0.0);
            vertical.get(row, 0..width, 0..two, sums)?;
            link.put(row, 0..width, 0..two, sums)?;
            linked.resize(sums.len(), 0.0);
            link.get(row, 0..width, 0..two, linked)?;
            if role.last {
                break;
            }
            if !shifts[0].is_empty() {
                let rows = sums.chunks_exact_mut(width * two).zip(shifts[0].chunks_exact(two));
                for (sums, shift) in rows {
                    sums.chunks_exact_mut(two).for_each(|sums| add(sums, shift));
                }
            }
            gated.resize(*n * width * *features, 0.0);
            gate_rows(sums, *features, gated);
        }
        Ok(())
    }
}

fn add(to: &mut [f32], values: &[f32]) {
    to.iter_mut().zip(values).for_each(|(to, value)| *to += value);
}

fn group(colour: usize, each: usize) -> Range<usize> {
    colour * each..(colour + 1) * each
}

impl IncrementalForward for Incremental {
    fn logits(&mut self, Place { row, column, channel }: Place, logits: &mut [f32]) -> Result<()> {
        if (column, channel) == (0, 0) {
            self.row(row)?;
        }
        let Shape { channels, width, .. } = self.shape;
        let Self { n, features, layers, hidden, out, h, sums, gated, .. } = self;
        let (here, two) = (column..column + 1, 2 * *features);
        let each = *features / channels;
        let (single, double) = (group(channel, each), group(channel, 2 * each));
        h.resize(*n * each, 0.0);
        for layer in layers {
            if !layer.role.first {
                layer.horizontal.put(row, here.clone(), single.clone(), h)?;
            }
            sums.resize(*n * 2 * each, 0.0);
            layer.horizontal.get(row, here.clone(), double.clone(), sums)?;
            for (i, sums) in sums.chunks_exact_mut(2 * each).enumerate() {
                add(sums, &layer.linked[(i * width + column) * two..][double.clone()]);
                if !layer.shifts[1].is_empty() {
                    add(sums, &layer.shifts[1][i * two..][double.clone()]);
                }
            }
            gated.resize(*n * each, 0.0);
            gate_rows(sums, each, gated);
            layer.out.put(row, here.clone(), single.clone(), gated)?;
            layer.out.get(row, here.clone(), single.clone(), gated)?;
            match layer.role.first {
                true => h.copy_from_slice(gated),
                false => add(h, gated),
            }
        }
        let (hidden, each) = (&mut hidden.0, hidden.1 / channels);
        hidden.put(row, here.clone(), single, h)?;
        sums.resize(*n * each, 0.0);
        hidden.get(row, here.clone(), group(channel, each), sums)?;
        out.put(row, here.clone(), group(channel, each), sums)?;
        out.get(row, here, group(channel, logits.len() / *n), logits)
    }

    fn observe(&mut self, Place { row, column, channel }: Place, numbers: &[f32]) -> Result<()> {
        let Some(first) = self.layers.first_mut() else { return Ok(()) };
        let (here, channel) = (column..column + 1, channel..channel + 1);
        first.vertical.put(row, here.clone(), channel.clone(), numbers)?;
        first.horizontal.put(row, here, channel, numbers)
    }
}
