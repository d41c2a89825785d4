//! Shared parts of the backward passes of both convolutions.
use super::fresh::{Blank, fresh};
use super::geometry::Geometry;
use super::product::Old;
use super::read;
use super::signal::{Given, Gradients3};
use super::sink::{Content, add_shares, emit};
use super::tiles::{for_each, for_each_task, pieces, scratch, shared_tile};
use super::transpose::transpose;
use candle_core::{Result, Tensor};
use std::ops::Range;

/// The elements of some of the samples.
#[derive(Clone, Copy)]
pub(super) struct Group<'a> {
    pub(super) x: &'a [f32],
    pub(super) y: &'a [f32],
    pub(super) g: &'a [f32],
}

/// Buffers for a group's gradients.
pub(super) struct Sums<'a> {
    /// `[inputs, outputs]`, or empty if not needed.
    pub(super) weight: &'a mut [f32],
    /// Treatment of the present contents.
    pub(super) old: Old,
    /// Added to; empty if not needed.
    pub(super) bias: &'a mut [f32],
    /// Set, where it is 0; empty if not needed.
    pub(super) x: &'a mut [f32],
}

/// Elements of a tile in which shares are added.
const SUM_TILE: usize = 1 << 14;

/// Cost of adding one element in multiply-adds of a product, roughly.
const SUM_WORK: usize = 8;

/// The gradients of x, if `asked`, weight and bias, where `group_gradients` computes them for a group of samples
/// and kernels have `outputs` rows.
pub(super) fn gradients(
    given: Given,
    asked: bool,
    geometry: &Geometry,
    outputs: usize,
    group_gradients: impl Fn(Group, Sums) -> Result<()> + Sync,
) -> Result<Gradients3> {
    let Given { x, weight, bias, y, g } = given;
    let (batch, biases) = (x.dim(0)?, bias.elem_count());
    let (x_len, y_len) = (x.elem_count() / batch, y.elem_count() / batch);
    let weights = outputs * geometry.inputs();
    let work = weights * geometry.positions();
    let group = geometry.group();
    let samples = shared_tile(work, batch).next_multiple_of(group);
    let tiles = batch.div_ceil(samples);
    let learns = weight.track_op() || bias.track_op();
    let share = if learns { weights + biases } else { 0 };
    scratch(tiles * share, |shares| {
        let mut run = |x: &[f32], y: &[f32], g: &[f32]| {
            let elements = if asked { x.len() } else { 0 };
            fresh(elements, samples * x_len, |blanks| {
                let mut blanks: Vec<_> = blanks.into_iter().map(Some).collect();
                blanks.resize_with(tiles, || None);
                let tasks = pieces(shares, share, tiles).into_iter().zip(blanks).collect();
                for_each_task(tasks, 3 * batch * work, |tile, (share, dx)| {
                    let dx = dx.map(Blank::zeroed).unwrap_or_default();
                    let (d_weight, d_bias) = share.split_at_mut(weights.min(share.len()));
                    d_bias.fill(0.0);
                    let end = batch.min((tile + 1) * samples);
                    let starts = (tile * samples..end).step_by(group);
                    let dx = pieces(dx, group * x_len, starts.len());
                    let mut old = Old::Replaced;
                    for (start, dx) in starts.zip(dx) {
                        let range = start..end.min(start + group);
                        let x = part(x, &range, x_len);
                        let (y, g) = (part(y, &range, y_len), part(g, &range, y_len));
                        let sums = Sums { weight: d_weight, old, bias: d_bias, x: dx };
                        group_gradients(Group { x, y, g }, sums)?;
                        old = Old::Kept;
                    }
                    Ok(())
                })
            })
        };
        let (dx, ()) = read(x, |x| read(y, |y| read(g, |g| run(x, y, g))))?;
        let d_weight = emit(weight, |d_weight, content| {
            let elements = d_weight.len() / (outputs * geometry.channels);
            scratch(weights, |sum| {
                for_each(sum, SUM_TILE, SUM_WORK * tiles * weights, |tile, sum| {
                    let range = tile * SUM_TILE..tile * SUM_TILE + sum.len();
                    let shares = shares.chunks_exact(share).map(|share| &share[range.clone()]);
                    add_shares(sum, Content::Stale, shares); // [inputs, outputs]
                    Ok(())
                })?;
                scratch(weights, |turned| {
                    transpose(sum, outputs, turned); // [outputs, inputs]
                    if elements == geometry.taps {
                        return add_shares(d_weight, content, std::iter::once(&*turned));
                    }
                    let kernels = d_weight.chunks_exact_mut(elements);
                    for (kernel, used) in kernels.zip(turned.chunks_exact(geometry.taps)) {
                        add_shares(kernel, content, std::iter::once(used));
                    }
                });
                Ok(())
            })
        })?;
        let d_bias = emit(bias, |d_bias, content| {
            let shares = shares.chunks_exact(share).map(|share| &share[weights..]);
            add_shares(d_bias, content, shares);
            Ok(())
        })?;
        let dx = match asked {
            true => Some(Tensor::from_vec(dx, x.shape(), x.device())?),
            false => None,
        };
        Ok((dx, d_weight, d_bias))
    })
}

/// The part of `values` that belongs to some samples of `len` elements.
fn part<'a>(values: &'a [f32], samples: &Range<usize>, len: usize) -> &'a [f32] {
    &values[samples.start * len..samples.end * len]
}

/// Calls `f` with the elements of each kernel that are used, `[outputs, channels, taps]`.
pub(super) fn with_taps<R>(
    weight: &[f32],
    outputs: usize,
    geometry: &Geometry,
    f: impl FnOnce(&[f32]) -> R,
) -> R {
    let elements = weight.len() / (outputs * geometry.channels);
    if elements == geometry.taps {
        return f(weight);
    }
    scratch(outputs * geometry.inputs(), |used| {
        let kernels = weight.chunks_exact(elements);
        for (used, kernel) in used.chunks_exact_mut(geometry.taps).zip(kernels) {
            used.copy_from_slice(&kernel[..geometry.taps]);
        }
        f(used)
    })
}
