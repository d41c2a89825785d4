//! Rows into columns.
#![allow(unsafe_code, reason = "instructions that only some machines have")]

/// Rows of `columns` elements in `from` become columns in `to`.
///
/// # Panics
/// If `to` is shorter than `from`.
pub(super) fn transpose(from: &[f32], columns: usize, to: &mut [f32]) {
    transpose_part(from, columns, columns, to);
}

/// Transposes the first `columns` elements of rows that are `stride` apart; after the last one there
/// may be less.
///
/// # Panics
/// If `to` is shorter than they are.
pub(super) fn transpose_part(from: &[f32], stride: usize, columns: usize, to: &mut [f32]) {
    let rows = (from.len() + stride - columns) / stride;
    let to = &mut to[..rows * columns];
    let (whole_rows, whole_columns) = (rows - rows % SIDE, columns - columns % SIDE);
    #[cfg(target_arch = "x86_64")]
    let fast = is_x86_feature_detected!("avx");
    for row in (0..whole_rows).step_by(SIDE) {
        for column in (0..whole_columns).step_by(SIDE) {
            let from = &from[row * stride + column..][..(SIDE - 1) * stride + SIDE];
            let to = &mut to[column * rows + row..][..(SIDE - 1) * rows + SIDE];
            #[cfg(target_arch = "x86_64")]
            if fast {
                // SAFETY: the machine has the instructions.
                unsafe { block_avx(from, stride, to, rows) };
                continue;
            }
            for i in 0..SIDE {
                for j in 0..SIDE {
                    to[j * rows + i] = from[i * stride + j];
                }
            }
        }
    }
    for row in 0..rows {
        let done = if row < whole_rows { whole_columns } else { 0 };
        for column in done..columns {
            to[column * rows + row] = from[row * stride + column];
        }
    }
}

/// Rows and columns of a block.
const SIDE: usize = 8;

/// A block, whose rows are `from_stride` apart in `from` and `to_stride` in `to`.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx")]
fn block_avx(from: &[f32], from_stride: usize, to: &mut [f32], to_stride: usize) {
    use std::arch::x86_64::*;
    let rows: [__m256; SIDE] = std::array::from_fn(|row| {
        let row = &from[row * from_stride..][..SIDE];
        // SAFETY: eight numbers are read from a slice of eight.
        unsafe { _mm256_loadu_ps(row.as_ptr()) }
    });
    // Pairs of numbers, then of pairs, then of halves change places.
    let pairs: [__m256; SIDE] = std::array::from_fn(|i| {
        let (a, b) = (rows[i & !1], rows[i | 1]);
        if i & 1 == 0 { _mm256_unpacklo_ps(a, b) } else { _mm256_unpackhi_ps(a, b) }
    });
    let fours: [__m256; SIDE] = std::array::from_fn(|i| {
        let (a, b) = (pairs[i & 4 | i >> 1 & 1], pairs[i & 4 | 2 | i >> 1 & 1]);
        if i & 1 == 0 {
            _mm256_shuffle_ps::<0b01_00_01_00>(a, b)
        } else {
            _mm256_shuffle_ps::<0b11_10_11_10>(a, b)
        }
    });
    for column in 0..SIDE {
        let (a, b) = (fours[column & 3], fours[4 | column & 3]);
        let values = if column < 4 {
            _mm256_permute2f128_ps::<0x20>(a, b)
        } else {
            _mm256_permute2f128_ps::<0x31>(a, b)
        };
        let column = &mut to[column * to_stride..][..SIDE];
        // SAFETY: eight numbers are written to a slice of eight.
        unsafe { _mm256_storeu_ps(column.as_mut_ptr(), values) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_columns() {
        for rows in 1..20 {
            for columns in 1..20 {
                let from: Vec<f32> = (0..rows * columns).map(|i| i as f32).collect();
                let mut to = vec![f32::NAN; from.len()];
                transpose(&from, columns, &mut to);
                for (i, value) in to.iter().enumerate() {
                    assert_eq!(*value, from[i % rows * columns + i / rows], "{rows}×{columns}");
                }
                for first in 0..columns {
                    let mut part = vec![f32::NAN; rows * (columns - first)];
                    transpose_part(&from[first..], columns, columns - first, &mut part);
                    assert_eq!(part, to[rows * first..], "{rows}×{columns} from {first} on");
                }
            }
        }
    }
}
