//! The product that layers are made of: c[j, n] = Σ_k a[from_j + step_k] · b[k, n].
//!
//! `b` is a matrix with rows in memory; what its rows are multiplied by are single numbers that two
//! tables find. With `from` a position of the kernel and `step` one of its taps this is a
//! convolution that copies nothing (Dukhan 2019, "The Indirect Convolution Algorithm",
//! <https://arxiv.org/abs/1907.02129>); with multiples of two strides it is a product of matrices.
//!
//! Each sum of `product` is one chain of fused multiply-adds in the order of k. So the bits depend
//! neither on how c is cut into tiles nor on how wide the machine's vectors are, as long as it can
//! fuse. Those of `dots`, which sums in as many lanes as a vector has, depend on the latter.
#![allow(unsafe_code, reason = "tiles work on pointers; here it is checked where they lead")]
mod kernel;

use super::sink::Content;
use super::tiles::{LINE, scratch};
use candle_core::{Result, bail};
pub(super) use kernel::Old;
use kernel::{Dots, Kernel, Tile};

/// The numbers that rows are multiplied by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Factors<'a> {
    pub(super) values: &'a [f32],
    /// Offset of the first term, for each row of the result.
    pub(super) from: &'a [u32],
    /// Offsets from there, for each term of a sum.
    pub(super) steps: &'a [u32],
}

/// Row k is `columns` numbers from k·`stride` on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) values: &'a [f32],
    pub(super) stride: usize,
    pub(super) columns: usize,
}

impl<'a> Rows<'a> {
    /// The rows of a matrix.
    pub(super) fn new(values: &'a [f32], columns: usize) -> Self {
        Self { values, stride: columns, columns }
    }
}

impl From<Content> for Old {
    fn from(content: Content) -> Self {
        match content {
            Content::Stale => Old::Replaced,
            Content::Sum => Old::Kept,
        }
    }
}

/// `n` multiples of `stride`, from 0.
pub(super) fn multiples(n: usize, stride: usize) -> Result<Vec<u32>> {
    check_offsets(n.saturating_mul(stride))?;
    Ok((0..n).map(|i| (i * stride) as u32).collect())
}

/// Refuses tables of offsets into more elements than 32 bits can count.
pub(super) fn check_offsets(elements: usize) -> Result<()> {
    match u32::try_from(elements) {
        Ok(_) => Ok(()),
        Err(_) => bail!("a layer of {elements} elements at once; give smaller batches"),
    }
}

/// c = a·b or c += a·b, on the calling thread. Row j of the result begins at `to[j]` in `c`.
pub(super) fn product(a: Factors, b: Rows, c: &mut [f32], to: &[u32], old: Old) -> Result<()> {
    product_by(Kernel::best(), a, b, c, to, old)
}

fn product_by(
    kernel: &Kernel,
    a: Factors,
    b: Rows,
    c: &mut [f32],
    to: &[u32],
    old: Old,
) -> Result<()> {
    let Factors { values, from, steps } = a;
    if from.is_empty() || b.columns == 0 {
        return Ok(());
    }
    // With whole numbers that cannot overflow: in a release build a sum that did would let anything in.
    let largest = |offsets: &[u32]| u128::from(offsets.iter().copied().max().unwrap_or(0));
    let [columns, stride, rows] = [b.columns, b.stride, steps.len()].map(|n| n as u128);
    let reads = rows == 0 || largest(from) + largest(steps) < values.len() as u128;
    let has_rows = rows == 0 || (rows - 1) * stride + columns <= b.values.len() as u128;
    let writes = from.len() == to.len() && largest(to) + columns <= c.len() as u128;
    // `parts` multiplies what it divides.
    let countable = from.len().max(b.columns) < u32::MAX as usize;
    if !(reads && has_rows && writes && countable) {
        bail!(
            "product: {} rows from {} on in {} numbers, times {} rows of {} in {}, into {} rows \
             up to {} in {}",
            from.len(),
            largest(from) + largest(steps),
            values.len(),
            steps.len(),
            b.columns,
            b.values.len(),
            to.len(),
            largest(to),
            c.len()
        )
    }
    let vectors = b.columns.div_ceil(kernel.lanes);
    for (first, vectors) in parts(vectors, kernel.most_vectors) {
        let column = first * kernel.lanes;
        let columns = (b.columns - column).min(vectors * kernel.lanes);
        let block = b.values.get(column..).unwrap_or_default();
        let block = Rows { values: block, stride: b.stride, columns };
        let mut compute = |b: Rows| {
            for (first, height) in parts(from.len(), kernel.most_rows(vectors)) {
                let tile = Tile {
                    values,
                    from: &from[first..first + height],
                    steps,
                    b: b.values,
                    stride: b.stride,
                    c,
                    column,
                    to: &to[first..first + height],
                    tail: columns - (vectors - 1) * kernel.lanes,
                    old,
                };
                // SAFETY: `reads`, `has_rows` and `writes` have been checked for all rows and
                // columns; a packed block has as many rows, and as many columns as this one.
                unsafe { kernel.run(vectors, tile) }
            }
        };
        if from.len() < MANY_ROWS || block.is_fast() {
            compute(block);
        } else {
            block.pack(steps.len(), vectors * kernel.lanes, compute);
        }
    }
    Ok(())
}

/// `out[j, i]` ← Σ_k `left[i, k]`·`right[j, k]`, where both have rows of `len` numbers.
pub(super) fn dots(left: &[f32], right: &[f32], len: usize, out: &mut [f32]) -> Result<()> {
    dots_by(Kernel::best(), left, right, len, out)
}

fn dots_by(
    kernel: &Kernel,
    left: &[f32],
    right: &[f32],
    len: usize,
    out: &mut [f32],
) -> Result<()> {
    const MOST_LEFT: usize = 4;
    let (lefts, rights) = match len {
        0 => bail!("scalar products of no numbers"),
        _ => (left.len() / len, right.len() / len),
    };
    if left.len() % len + right.len() % len > 0 || lefts.checked_mul(rights) != Some(out.len()) {
        bail!(
            "scalar products of {len} numbers: {} and {}, into {}",
            left.len(),
            right.len(),
            out.len()
        )
    }
    for (first_right, rights) in parts(rights, kernel.most_right) {
        for (first_left, height) in parts(lefts, MOST_LEFT) {
            let dots = Dots {
                left: &left[first_left * len..],
                right: &right[first_right * len..],
                len,
                out: &mut out[first_right * lefts + first_left..],
                stride: lefts,
            };
            // SAFETY: the slices hold whole vectors, and `out` a number for each pair of them.
            unsafe { kernel.dots(height, rights, dots) }
        }
    }
    Ok(())
}

/// Rows of a result from which on it is worth to copy `b`, where it lies badly.
const MANY_ROWS: usize = 12;

impl Rows<'_> {
    /// Returns `true` if vectors lie in whole cache lines, and rows in few pages.
    fn is_fast(&self) -> bool {
        const NEAR: usize = 256;
        let lines = self.values.as_ptr().align_offset(LINE) == 0;
        lines && self.stride.is_multiple_of(LINE / size_of::<f32>()) && self.stride <= NEAR
    }

    /// Calls `f` with a copy of `count` rows, `stride` numbers apart, that is.
    fn pack(&self, count: usize, stride: usize, f: impl FnOnce(Rows)) {
        scratch(count * stride, |values| {
            for (row, packed) in values.chunks_exact_mut(stride).enumerate() {
                let row = &self.values[row * self.stride..][..self.columns];
                packed[..self.columns].copy_from_slice(row);
            }
            f(Rows { values, stride, columns: self.columns });
        });
    }
}

/// `n` things in as few parts of at most `most` as there can be, of about the same size: where each
/// begins and how many it has.
fn parts(n: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let count = n.div_ceil(most);
    (0..count).map(move |part| {
        let (first, end) = (part * n / count, (part + 1) * n / count);
        (first, end - first)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_lie_in_its_slices_is_refused() {
        let refused = |values: usize, from: &[u32], b: usize, to: &[u32], c: usize| {
            let (values, b, mut c) = (vec![1.0; values], vec![1.0; b], vec![7.0; c]);
            let factors = Factors { values: &values, from, steps: &[0, 1] };
            let result = product(factors, Rows::new(&b, 3), &mut c, to, Old::Replaced);
            assert!(result.is_ok() || c.iter().all(|&c| c == 7.0));
            result.is_err()
        };
        assert!(!refused(4, &[0, 2], 6, &[0, 3], 6));
        assert!(refused(3, &[0, 2], 6, &[0, 3], 6));
        assert!(refused(4, &[0, 2], 5, &[0, 3], 6));
        assert!(refused(4, &[0, 2], 6, &[0, 3], 5));
        assert!(refused(4, &[0, 2], 6, &[0, 4], 6));
        assert!(refused(4, &[0, 2], 6, &[0], 6));

        // Sums of what is asked for that wrap around to something small.
        let refused = |columns: usize, stride: usize, steps: &[u32], to: u32| {
            let (values, b, mut c) = ([1.0; 8], [1.0; 8], [7.0; 8]);
            let factors = Factors { values: &values, from: &[0], steps };
            let rows = Rows { values: &b, stride, columns };
            let result = product(factors, rows, &mut c, &[to], Old::Replaced);
            assert!(result.is_ok() || c == [7.0; 8]);
            result.is_err()
        };
        assert!(!refused(3, 3, &[], 5) && !refused(3, 5, &[0, 1], 5));
        assert!(refused(usize::MAX - 4, 3, &[], 5) && refused(usize::MAX, 3, &[], 1));
        assert!(refused(usize::MAX - 2, 3, &[0, 1], 3) && refused(3, usize::MAX - 1, &[0, 1], 0));
        assert!(refused(3, usize::MAX / 2 + 1, &[0, 1, 2], 0) && refused(3, 3, &[u32::MAX], 0));

        let refused = |left: usize, right: usize, len: usize, out: usize| {
            dots(&vec![1.0; left], &vec![1.0; right], len, &mut vec![0.0; out]).is_err()
        };
        assert!(!refused(6, 9, 3, 6));
        assert!(refused(6, 9, 0, 6) && refused(7, 9, 3, 6) && refused(6, 8, 3, 6));
        assert!(refused(6, 9, 3, 5) && refused(6, 9, 3, 7));
    }

    #[test]
    fn offsets_beyond_32_bits_are_refused() {
        assert_eq!(multiples(3, 5).unwrap(), [0, 5, 10]);
        assert!(multiples(1 << 20, 1 << 20).is_err());
    }

    /// Rows that overlap, or are all the same one, are read where they are.
    #[test]
    fn rows_of_any_distance_are_multiplied() {
        let b: Vec<f32> = (0..20).map(|i| i as f32).collect();
        for (stride, rows) in [(0, 1), (0, 20), (1, 20), (2, 1), (2, 20), (3, 20)] {
            let (from, to) = (vec![0; rows], multiples(rows, 3).unwrap());
            let factors = Factors { values: &[1.0, 10.0, 100.0], from: &from, steps: &[0, 1, 2] };
            let mut c = vec![0.0; 3 * rows];
            let b = Rows { values: &b[1..], stride, columns: 3 };
            product(factors, b, &mut c, &to, Old::Replaced).unwrap();
            let term = |row: usize, column: usize| (1 + row * stride + column) as f32;
            for (i, c) in c.iter().enumerate() {
                let sum: f32 =
                    [1.0, 10.0, 100.0].iter().enumerate().map(|(k, a)| a * term(k, i % 3)).sum();
                assert_eq!(*c, sum, "{stride} {rows}");
            }
        }
    }
}
