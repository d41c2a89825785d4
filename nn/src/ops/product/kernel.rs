//! Tiles of a product, for each kind of vectors.
#![allow(unsafe_code, reason = "pointers, and instructions that only some machines have")]
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// Treatment of the numbers that the result of a product is written over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ops) enum Old {
    /// They are lost.
    Replaced,
    /// The product is added to them.
    Kept,
}

/// Some rows of a result in some of its columns: Z vectors wide, the last one with `tail` columns.
pub(super) struct Tile<'a> {
    pub(super) values: &'a [f32],
    pub(super) from: &'a [u32],
    pub(super) steps: &'a [u32],
    /// Begins with the first of the columns.
    pub(super) b: &'a [f32],
    pub(super) stride: usize,
    pub(super) c: &'a mut [f32],
    pub(super) column: usize,
    pub(super) to: &'a [u32],
    pub(super) tail: usize,
    pub(super) old: Old,
}

/// Tile kernel for the instruction set of this machine.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kernel {
    /// Numbers in a vector.
    pub(super) lanes: usize,
    /// Vectors in a row of a tile, at most.
    pub(super) most_vectors: usize,
    /// Rows of a tile, at most, by its vectors less one: as many as there are registers for.
    most_rows: [usize; 4],
    run: [[unsafe fn(&mut Tile); 8]; 4],
    /// Right vectors of a tile of scalar products, at most.
    pub(super) most_right: usize,
    dots: [[unsafe fn(&mut Dots); 4]; 4],
}

/// The scalar products of up to four left vectors with some right ones, which lie one after the other.
pub(super) struct Dots<'a> {
    pub(super) left: &'a [f32],
    pub(super) right: &'a [f32],
    pub(super) len: usize,
    /// Result of left i and right j at i + j·`stride`.
    pub(super) out: &'a mut [f32],
    pub(super) stride: usize,
}

impl Kernel {
    /// The fastest that this machine can run.
    pub(super) fn best() -> &'static Kernel {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") {
                return &AVX512;
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                return &AVX2;
            }
        }
        &PLAIN
    }

    /// Rows of a tile of `vectors` vectors, at most.
    pub(super) fn most_rows(&self, vectors: usize) -> usize {
        self.most_rows[vectors - 1]
    }

    /// Computes a tile of `vectors` vectors.
    ///
    /// # Safety
    /// The tile lies in its slices: every sum of an element of `from` and one of `steps` in `values`;
    /// `vectors` − 1 vectors and `tail` numbers at k·`stride` in `b`, for each k below the number of
    /// steps; the same at each element of `to`, plus `column`, in `c`.
    pub(super) unsafe fn run(&self, vectors: usize, mut tile: Tile) {
        let run = self.run[vectors - 1][tile.from.len() - 1];
        // SAFETY: `best` has asked the machine for the instructions; the rest is said above.
        unsafe { run(&mut tile) }
    }
}

impl Kernel {
    /// Computes `left`×`right` scalar products.
    ///
    /// # Safety
    /// The vectors lie in their slices: `left`·`len` numbers and `right`·`len`, and
    /// (`right` − 1)·`stride` + `left` in `out`.
    pub(super) unsafe fn dots(&self, left: usize, right: usize, mut dots: Dots) {
        let run = self.dots[left - 1][right - 1];
        // SAFETY: as for `run`.
        unsafe { run(&mut dots) }
    }
}

/// A vector of numbers, and what a tile does with it.
///
/// # Safety
/// The machine has the instructions, and pointers lead to as many numbers as are read or written.
trait Vector: Copy {
    /// Mask of the elements of a vector that are read and written.
    type Mask: Copy;
    unsafe fn mask(tail: usize) -> Self::Mask;
    unsafe fn zero() -> Self;
    unsafe fn splat(value: *const f32) -> Self;
    unsafe fn load(values: *const f32) -> Self;
    unsafe fn load_masked(values: *const f32, mask: Self::Mask) -> Self;
    unsafe fn store(self, values: *mut f32);
    unsafe fn store_masked(self, values: *mut f32, mask: Self::Mask);
    /// self + a·b
    unsafe fn add_product(self, a: Self, b: Self) -> Self;
    /// The sum of its numbers.
    unsafe fn sum(self) -> f32;
    unsafe fn prefetch(values: *const f32);
}

/// Computes a tile of Z vectors and N rows of `LANES` numbers. The sums stay in registers.
///
/// # Safety
/// The machine has V's instructions, and the tile lies in its slices (see `Kernel::run`).
#[inline(always)]
unsafe fn compute<V: Vector, const LANES: usize, const Z: usize, const N: usize>(tile: &mut Tile) {
    /// Rows of b that are asked for ahead.
    const AHEAD: usize = 7;
    // SAFETY: for the caller to see to, as said above.
    unsafe {
        let mask = V::mask(tile.tail);
        let load = |values: *const f32| -> [V; Z] {
            std::array::from_fn(
                #[inline(always)]
                |z| {
                    let values = values.add(z * LANES);
                    if z + 1 < Z { V::load(values) } else { V::load_masked(values, mask) }
                },
            )
        };
        let values: [*const f32; N] =
            std::array::from_fn(|j| tile.values.as_ptr().wrapping_add(tile.from[j] as usize));
        let c = tile.c.as_mut_ptr();
        let c: [*mut f32; N] = std::array::from_fn(|j| c.add(tile.to[j] as usize + tile.column));
        let mut sums = [[V::zero(); Z]; N];
        if tile.old == Old::Kept {
            sums = c.map(
                #[inline(always)]
                |c| load(c),
            );
        }
        let mut b = tile.b.as_ptr();
        for &step in tile.steps {
            let row = load(b);
            for j in 0..N {
                let factor = V::splat(values[j].add(step as usize));
                for z in 0..Z {
                    sums[j][z] = sums[j][z].add_product(factor, row[z]);
                }
            }
            for z in 0..Z {
                V::prefetch(b.wrapping_add(tile.stride * AHEAD + z * LANES));
            }
            b = b.wrapping_add(tile.stride);
        }
        for (sums, c) in sums.into_iter().zip(c) {
            for (z, sum) in sums.into_iter().enumerate() {
                match z + 1 < Z {
                    true => sum.store(c.add(z * LANES)),
                    false => sum.store_masked(c.add(z * LANES), mask),
                }
            }
        }
    }
}

/// Computes L×R scalar products of vectors of `LANES` numbers at a time.
///
/// # Safety
/// The machine has V's instructions, and the vectors lie in their slices (see `Kernel::dots`).
#[inline(always)]
unsafe fn scalar_products<V: Vector, const LANES: usize, const L: usize, const R: usize>(
    dots: &mut Dots,
) {
    /// Numbers that are asked for ahead.
    const AHEAD: usize = 256;
    // SAFETY: for the caller to see to, as said above.
    unsafe {
        let left: [*const f32; L] = std::array::from_fn(|i| dots.left.as_ptr().add(i * dots.len));
        let right: [*const f32; R] = std::array::from_fn(|i| dots.right.as_ptr().add(i * dots.len));
        let mut sums = [[V::zero(); R]; L];
        let whole = dots.len - dots.len % LANES;
        for k in (0..whole).step_by(LANES) {
            let right = right.map(
                #[inline(always)]
                |right| {
                    V::prefetch(right.wrapping_add(k + AHEAD));
                    V::load(right.add(k))
                },
            );
            for i in 0..L {
                let left = V::load(left[i].add(k));
                for j in 0..R {
                    sums[i][j] = sums[i][j].add_product(left, right[j]);
                }
            }
        }
        if whole < dots.len {
            let mask = V::mask(dots.len - whole);
            for i in 0..L {
                let left = V::load_masked(left[i].add(whole), mask);
                for j in 0..R {
                    let right = V::load_masked(right[j].add(whole), mask);
                    sums[i][j] = sums[i][j].add_product(left, right);
                }
            }
        }
        for (i, sums) in sums.into_iter().enumerate() {
            for (j, sum) in sums.into_iter().enumerate() {
                *dots.out.as_mut_ptr().add(i + j * dots.stride) = sum.sum();
            }
        }
    }
}

/// The table of a kernel's functions: one for each number of vectors (down) and of rows (across).
macro_rules! kernel {
    ($kernel:ident, $function:ident, $dots:ident, $vector:ty, $lanes:literal, $most_rows:expr,
     $most_vectors:literal, $most_right:literal $(, #[$attribute:meta])?) => {
        $(#[$attribute])?
        unsafe fn $function<const Z: usize, const N: usize>(tile: &mut Tile) {
            // SAFETY: the same is asked of the caller.
            unsafe { compute::<$vector, $lanes, Z, N>(tile) }
        }

        $(#[$attribute])?
        unsafe fn $dots<const L: usize, const R: usize>(dots: &mut Dots) {
            // SAFETY: the same is asked of the caller.
            unsafe { scalar_products::<$vector, $lanes, L, R>(dots) }
        }

        static $kernel: Kernel = Kernel {
            lanes: $lanes,
            most_vectors: $most_vectors,
            most_rows: $most_rows,
            run: [
                kernel!(row $function, 1),
                kernel!(row $function, 2),
                kernel!(row $function, 3),
                kernel!(row $function, 4),
            ],
            most_right: $most_right,
            dots: [
                [$dots::<1, 1>, $dots::<1, 2>, $dots::<1, 3>, $dots::<1, 4>],
                [$dots::<2, 1>, $dots::<2, 2>, $dots::<2, 3>, $dots::<2, 4>],
                [$dots::<3, 1>, $dots::<3, 2>, $dots::<3, 3>, $dots::<3, 4>],
                [$dots::<4, 1>, $dots::<4, 2>, $dots::<4, 3>, $dots::<4, 4>],
            ],
        };
    };
    (row $function:ident, $z:literal) => {
        [
            $function::<$z, 1>,
            $function::<$z, 2>,
            $function::<$z, 3>,
            $function::<$z, 4>,
            $function::<$z, 5>,
            $function::<$z, 6>,
            $function::<$z, 7>,
            $function::<$z, 8>,
        ]
    };
}

// 32 registers: a sum each, a row of b, one or two factors.
#[cfg(target_arch = "x86_64")]
kernel!(AVX512, avx512, avx512_dots, __m512, 16, [8, 8, 8, 6], 4, 4, #[target_feature(enable = "avx512f")]);
// 16 registers.
#[cfg(target_arch = "x86_64")]
kernel!(AVX2, avx2, avx2_dots, __m256, 8, [8, 6, 3, 2], 2, 2, #[target_feature(enable = "avx2,fma")]);
kernel!(PLAIN, plain, plain_dots, [f32; 8], 8, [4, 4, 2, 1], 2, 2);

#[cfg(target_arch = "x86_64")]
impl Vector for __m512 {
    type Mask = __mmask16;

    #[inline(always)]
    unsafe fn mask(tail: usize) -> __mmask16 {
        u16::MAX >> (16 - tail)
    }

    #[inline(always)]
    unsafe fn zero() -> Self {
        unsafe { _mm512_setzero_ps() }
    }

    #[inline(always)]
    unsafe fn splat(value: *const f32) -> Self {
        unsafe { _mm512_set1_ps(*value) }
    }

    #[inline(always)]
    unsafe fn load(values: *const f32) -> Self {
        unsafe { _mm512_loadu_ps(values) }
    }

    #[inline(always)]
    unsafe fn load_masked(values: *const f32, mask: __mmask16) -> Self {
        unsafe { _mm512_maskz_loadu_ps(mask, values) }
    }

    #[inline(always)]
    unsafe fn store(self, values: *mut f32) {
        unsafe { _mm512_storeu_ps(values, self) }
    }

    #[inline(always)]
    unsafe fn store_masked(self, values: *mut f32, mask: __mmask16) {
        unsafe { _mm512_mask_storeu_ps(values, mask, self) }
    }

    #[inline(always)]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        unsafe { _mm512_fmadd_ps(a, b, self) }
    }

    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        unsafe { _mm512_reduce_add_ps(self) }
    }

    #[inline(always)]
    unsafe fn prefetch(values: *const f32) {
        unsafe { _mm_prefetch::<_MM_HINT_T0>(values.cast()) }
    }
}

#[cfg(target_arch = "x86_64")]
impl Vector for __m256 {
    type Mask = __m256i;

    #[inline(always)]
    unsafe fn mask(tail: usize) -> __m256i {
        unsafe {
            let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
            _mm256_cmpgt_epi32(_mm256_set1_epi32(tail as i32), lanes)
        }
    }

    #[inline(always)]
    unsafe fn zero() -> Self {
        unsafe { _mm256_setzero_ps() }
    }

    #[inline(always)]
    unsafe fn splat(value: *const f32) -> Self {
        unsafe { _mm256_broadcast_ss(&*value) }
    }

    #[inline(always)]
    unsafe fn load(values: *const f32) -> Self {
        unsafe { _mm256_loadu_ps(values) }
    }

    #[inline(always)]
    unsafe fn load_masked(values: *const f32, mask: __m256i) -> Self {
        unsafe { _mm256_maskload_ps(values, mask) }
    }

    #[inline(always)]
    unsafe fn store(self, values: *mut f32) {
        unsafe { _mm256_storeu_ps(values, self) }
    }

    #[inline(always)]
    unsafe fn store_masked(self, values: *mut f32, mask: __m256i) {
        unsafe { _mm256_maskstore_ps(values, mask, self) }
    }

    #[inline(always)]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        unsafe { _mm256_fmadd_ps(a, b, self) }
    }

    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        unsafe {
            let halves = _mm_add_ps(_mm256_castps256_ps128(self), _mm256_extractf128_ps::<1>(self));
            let pairs = _mm_add_ps(halves, _mm_movehl_ps(halves, halves));
            _mm_cvtss_f32(_mm_add_ss(pairs, _mm_movehdup_ps(pairs)))
        }
    }

    #[inline(always)]
    unsafe fn prefetch(values: *const f32) {
        unsafe { _mm_prefetch::<_MM_HINT_T0>(values.cast()) }
    }
}

impl Vector for [f32; 8] {
    type Mask = usize;

    #[inline(always)]
    unsafe fn mask(tail: usize) -> usize {
        tail
    }

    #[inline(always)]
    unsafe fn zero() -> Self {
        [0.0; 8]
    }

    #[inline(always)]
    unsafe fn splat(value: *const f32) -> Self {
        unsafe { [*value; 8] }
    }

    #[inline(always)]
    unsafe fn load(values: *const f32) -> Self {
        unsafe { values.cast::<Self>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn load_masked(values: *const f32, tail: usize) -> Self {
        let lane = |lane| if lane < tail { unsafe { *values.add(lane) } } else { 0.0 };
        std::array::from_fn(lane)
    }

    #[inline(always)]
    unsafe fn store(self, values: *mut f32) {
        unsafe { values.cast::<Self>().write_unaligned(self) }
    }

    #[inline(always)]
    unsafe fn store_masked(self, values: *mut f32, tail: usize) {
        for (lane, value) in self.iter().enumerate().take(tail) {
            unsafe { *values.add(lane) = *value }
        }
    }

    /// Fused where the machine always can: elsewhere that is a call of the C library.
    #[inline(always)]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        std::array::from_fn(|lane| match cfg!(target_arch = "aarch64") {
            true => a[lane].mul_add(b[lane], self[lane]),
            false => self[lane] + a[lane] * b[lane],
        })
    }

    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        self.iter().sum()
    }

    #[inline(always)]
    unsafe fn prefetch(_: *const f32) {}
}

#[cfg(test)]
mod tests {
    use super::super::{Factors, Rows, dots_by, multiples, product_by};
    use super::*;

    fn kernels() -> Vec<&'static Kernel> {
        let mut kernels = vec![&PLAIN];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") {
                kernels.push(&AVX512);
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                kernels.push(&AVX2);
            }
        }
        kernels
    }

    fn numbers(n: usize, seed: usize) -> Vec<f32> {
        // Small whole numbers: every order gives the same sum.
        (0..n).map(|i| ((i * 7 + seed) % 11) as f32 - 5.0).collect()
    }

    #[test]
    fn every_tile_of_every_kernel_is_a_product() {
        for kernel in kernels() {
            for (rows, depth) in [(1, 0), (1, 3), (5, 1), (8, 9), (13, 4), (17, 2)] {
                // Fewer under an interpreter.
                let step = if cfg!(miri) { 23 } else { 1 };
                for columns in (1..=70).step_by(step).chain([130]) {
                    let (a, b) = (numbers(rows * depth + 3, 1), numbers(depth * columns, 2));
                    let (from, steps) =
                        (multiples(rows, depth).unwrap(), multiples(depth, 1).unwrap());
                    let to = multiples(rows, columns + 2).unwrap();
                    for old in [Old::Kept, Old::Replaced] {
                        let before = numbers(rows * (columns + 2), 3);
                        let mut c = before.clone();
                        let factors = Factors { values: &a, from: &from, steps: &steps };
                        let right = Rows::new(&b, columns);
                        product_by(kernel, factors, right, &mut c, &to, old).unwrap();
                        for (i, (c, before)) in c.iter().zip(&before).enumerate() {
                            let (row, column) = (i / (columns + 2), i % (columns + 2));
                            let sum = |column: usize| -> f32 {
                                (0..depth)
                                    .map(|k| a[row * depth + k] * b[k * columns + column])
                                    .sum()
                            };
                            let expected = match (column < columns, old) {
                                (true, Old::Kept) => before + sum(column),
                                (true, Old::Replaced) => sum(column),
                                (false, _) => *before,
                            };
                            assert_eq!(*c, expected, "{rows}×{depth}×{columns} at {i}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn every_tile_of_scalar_products_is_right() {
        for kernel in kernels() {
            for len in [1, 7, 8, 16, 31, 65] {
                for (count, right) in (1..=9).flat_map(|l| (0..7).map(move |r| (l, r))) {
                    let (a, b) = (numbers(count * len, 1), numbers(right * len, 2));
                    let mut out = vec![f32::NAN; count * right];
                    dots_by(kernel, &a, &b, len, &mut out).unwrap();
                    let exact = |i: usize| -> f32 {
                        let (left, right) = (i % count * len, i / count * len);
                        (0..len).map(|k| a[left + k] * b[right + k]).sum()
                    };
                    let expected: Vec<f32> = (0..out.len()).map(exact).collect();
                    assert_eq!(out, expected, "{count} with {right} of {len}");
                }
            }
        }
    }
}
