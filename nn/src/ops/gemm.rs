//! The matrix product, and compilation for the vectors of the machine at hand.
//!
//! With `process.rs` the only module with `unsafe` code: the product takes pointers, and a function
//! compiled for an instruction set may only be called where the set exists. Both are behind
//! functions that check.
#![allow(unsafe_code, reason = "see the module's documentation")]
use super::sink::Content;
use candle_core::{Result, bail};

/// A matrix in a slice: element (i, j) is at i·`row_stride` + j·`column_stride`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// A row-major matrix.
    pub(super) fn new(values: &'a [f32], rows: usize, columns: usize) -> Self {
        Self { values, rows, columns, row_stride: columns, column_stride: 1 }
    }

    /// How many rows there are.
    pub(super) fn height(&self) -> usize {
        self.rows
    }

    /// The same elements with rows and columns exchanged.
    pub(super) fn transposed(self) -> Self {
        Self {
            values: self.values,
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
        }
    }

    /// Rows `start..start + rows`; they must exist when the matrix is used.
    pub(super) fn rows(self, start: usize, rows: usize) -> Self {
        let offset = (start * self.row_stride).min(self.values.len());
        Self { values: &self.values[offset..], rows, ..self }
    }

    /// Whether every element lies in the slice.
    fn fits(&self) -> bool {
        let last = |n: usize, stride: usize| (n.saturating_sub(1)).checked_mul(stride);
        let end = last(self.rows, self.row_stride)
            .zip(last(self.columns, self.column_stride))
            .and_then(|(row, column)| row.checked_add(column));
        self.rows == 0 || self.columns == 0 || end.is_some_and(|end| end < self.values.len())
    }
}

/// What becomes of the numbers that the result of a product is written over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Old {
    /// They are lost.
    Replaced,
    /// The product is added to them.
    Kept,
}

impl From<Content> for Old {
    fn from(content: Content) -> Self {
        match content {
            Content::Stale => Old::Replaced,
            Content::Sum => Old::Kept,
        }
    }
}

/// c = a·b or c += a·b, on the calling thread; `c` is row-major `[a.rows, b.columns]`.
pub(super) fn product(a: Matrix, b: Matrix, c: &mut [f32], old: Old) -> Result<()> {
    let (rows, inner, columns) = (a.rows, a.columns, b.columns);
    if b.rows != inner || rows.checked_mul(columns) != Some(c.len()) || !a.fits() || !b.fits() {
        bail!(
            "product of [{rows}, {inner}] in {} numbers and [{}, {columns}] in {} into {} numbers",
            a.values.len(),
            b.rows,
            b.values.len(),
            c.len()
        )
    }
    // SAFETY: `gemm` reads element (i, j) of a and b at the strides given, for i and j below the
    // sizes given: `fits` has checked that these lie in the slices. It writes (i, j) of c at
    // i·columns + j, below rows·columns = c.len(). `c` is a unique borrow, so it overlaps neither.
    // Strides fit an isize, since a slice has at most isize::MAX bytes; where a stride exceeds the
    // slice there is a single row or column, and it is never multiplied by more than 0.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            inner,
            c.as_mut_ptr(),
            1,
            columns as isize,
            old == Old::Kept,
            a.values.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.values.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
    Ok(())
}

/// Runs `f`, compiled for the widest vectors this machine has.
///
/// `f` must be an `#[inline(always)]` closure of plain loops. The bits do not depend on what is
/// chosen: Rust neither reorders nor contracts floating-point operations.
#[inline]
pub(crate) fn vectorised<R>(f: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw")]
        fn avx512<R>(f: impl FnOnce() -> R) -> R {
            f()
        }
        #[target_feature(enable = "avx2")]
        fn avx2<R>(f: impl FnOnce() -> R) -> R {
            f()
        }
        if is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512bw")
        {
            // SAFETY: the machine has the features the function is compiled for.
            return unsafe { avx512(f) };
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: as above.
            return unsafe { avx2(f) };
        }
    }
    f()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn product_by_hand() {
        let a = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let a = Matrix::new(&a, 2, 3);
        let mut c = [0.0; 4];
        // A·Aᵀ, then added once more
        product(a, a.transposed(), &mut c, Old::Replaced).unwrap();
        assert_eq!(c, [14.0, 32.0, 32.0, 77.0]);
        product(a, a.transposed(), &mut c, Old::Kept).unwrap();
        assert_eq!(c, [28.0, 64.0, 64.0, 154.0]);
        product(a.rows(1, 1), a.transposed().rows(0, 3), &mut c[..2], Old::Replaced).unwrap();
        assert_eq!(c[..2], [32.0, 77.0]);
    }

    #[test]
    fn elements_outside_a_slice_are_refused() {
        let numbers = [0.0; 6];
        let a = Matrix::new(&numbers, 2, 3);
        let too_large = Matrix::new(&numbers, 3, 3);
        let mut c = [0.0; 6];
        assert!(product(a, too_large, &mut c, Old::Replaced).is_err());
        assert!(product(a, a.transposed(), &mut c, Old::Replaced).is_err());
        assert!(product(a, a, &mut c, Old::Replaced).is_err());
        assert!(product(a.rows(1, 2), a.transposed(), &mut c[..4], Old::Replaced).is_err());
        assert!(product(a.rows(3, 1), a.transposed(), &mut c[..2], Old::Replaced).is_err());
        let huge = Matrix::new(&numbers, usize::MAX, usize::MAX);
        assert!(product(huge, huge, &mut c, Old::Replaced).is_err());
    }
}
