//! Fully connected layer: sum, bias and activation in one operation.
use super::functions::{LANES, fold};
use super::gemm::{Matrix, Old, product, vectorised};
use super::sink::{Content, emit};
use super::tiles::{for_each, scratch, tile};
use super::{activation, on_cpu_f32, read, slice};
use crate::Activation;
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};

/// activation(x·Wᵀ + b) for x `[B, K]`, W `[N, K]`, b `[N]`: `[B, N]`.
pub(crate) fn linear(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    activation: Activation,
) -> Result<Tensor> {
    match (x.dims(), weight.dims(), bias.dims()) {
        ([_, k], [n, inputs], [biases]) if k == inputs && n == biases && k * n > 0 => {}
        (x, weight, bias) => {
            bail!("linear: input {x:?} does not fit weight {weight:?} and bias {bias:?}")
        }
    }
    activation.check()?;
    if !on_cpu_f32(&[x, weight, bias]) {
        let sum = x.matmul(&weight.t()?)?.broadcast_add(bias)?; // [B, N]
        return activation.apply(&sum);
    }
    let (x, weight, bias) = (x.contiguous()?, weight.contiguous()?, bias.contiguous()?);
    if x.track_op() || weight.track_op() || bias.track_op() {
        x.apply_op3(&weight, &bias, LinearOp { activation })
    } else {
        x.apply_op3_no_bwd(&weight, &bias, &LinearOp { activation })
    }
}

struct LinearOp {
    activation: Activation,
}

/// Rows in a tile are a multiple of this, the width of the product's inner loop.
const WIDTH: usize = 16;

/// Rows or columns up to which a product is a few products with vectors.
const FEW: usize = 8;

impl CustomOp3 for LinearOp {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight_storage: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (batch, k) = x_layout.shape().dims2()?;
        let n = weight_layout.shape().dims2()?.0;
        let x = slice(x, x_layout)?;
        let weight = Matrix::new(slice(weight_storage, weight_layout)?, n, k);
        let bias: &[f32] = slice(bias, bias_layout)?;
        let work = batch * n * k;
        let mut y = vec![0.0; batch * n];
        if batch == 1 {
            product(Matrix::new(x, 1, k), weight.transposed(), &mut y, Old::Replaced)?;
        } else if batch <= FEW {
            let weight: &[f32] = slice(weight_storage, weight_layout)?;
            scratch(n * batch, |y_t| {
                let outputs = tile(batch * k, 1);
                for_each(y_t, outputs * batch, work, |tile, y_t| {
                    let weight = &weight[tile * outputs * k..][..y_t.len() / batch * k];
                    vectorised(
                        #[inline(always)]
                        || {
                            dots(x, batch, weight, y_t); // [N, B]
                        },
                    );
                    Ok(())
                })?;
                transpose(y_t, batch, &mut y); // [B, N]
                Ok::<_, candle_core::Error>(())
            })?;
        } else if n <= FEW {
            let rows = tile(n * k, WIDTH);
            for_each(&mut y, rows * n, work, |tile, y| {
                let x = Matrix::new(x, batch, k).rows(tile * rows, y.len() / n);
                product(x, weight.transposed(), y, Old::Replaced) // [B, N]
            })?;
        } else {
            // The product is fast when it finds the left side of its transposed result contiguous.
            // Transposing x and the result costs less than what it does with Wᵀ by itself.
            scratch(k * batch, |x_t| {
                transpose(x, k, x_t); // [K, B]
                let x_t = Matrix::new(x_t, k, batch);
                scratch(n * batch, |y_t| {
                    let outputs = tile(batch * k, WIDTH);
                    for_each(y_t, outputs * batch, work, |tile, y_t| {
                        let weight = weight.rows(tile * outputs, y_t.len() / batch);
                        product(weight, x_t, y_t, Old::Replaced) // [N, B]
                    })?;
                    transpose(y_t, batch, &mut y); // [B, N]
                    Ok::<_, candle_core::Error>(())
                })
            })?;
        }
        activation::add_rows_and_apply(self.activation, &mut y, bias);
        Ok((CpuStorage::F32(y), Shape::from((batch, n))))
    }

    /// With gz = g·activation'(z): dx = gz·W, dW = gzᵀ·x, db = Σ_B gz.
    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        y: &Tensor,
        g: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let ((batch, k), n) = (x.dims2()?, weight.dim(0)?);
        scratch(batch * n, |gz| {
            read(y, |y| {
                read(g, |g| {
                    activation::backward(self.activation, y, g, gz);
                    Ok(())
                })
            })?;
            let gz = &*gz; // [B, N]
            let work = batch * n * k;
            let dx = if x.track_op() {
                let mut dx = vec![0.0; batch * k];
                let rows = tile(n * k, WIDTH);
                read(weight, |weight| {
                    for_each(&mut dx, rows * k, work, |tile, dx| {
                        let gz = Matrix::new(gz, batch, n).rows(tile * rows, dx.len() / k);
                        product(gz, Matrix::new(weight, n, k), dx, Old::Replaced) // [B, K]
                    })
                })?;
                Some(Tensor::from_vec(dx, x.shape(), x.device())?)
            } else {
                None
            };
            let d_weight = emit(weight, |d_weight, content| {
                let rows = tile(batch * k, WIDTH);
                read(x, |x| {
                    for_each(d_weight, rows * k, work, |tile, d_weight| {
                        let gz = Matrix::new(gz, batch, n).transposed();
                        let gz = gz.rows(tile * rows, d_weight.len() / k);
                        product(gz, Matrix::new(x, batch, k), d_weight, content.into()) // [N, K]
                    })
                })
            })?;
            let d_bias = emit(bias, |d_bias, content| {
                if content == Content::Stale {
                    d_bias.fill(0.0);
                }
                vectorised(
                    #[inline(always)]
                    || {
                        for gz in gz.chunks_exact(n) {
                            d_bias.iter_mut().zip(gz).for_each(|(d_bias, gz)| *d_bias += gz);
                        }
                    },
                );
                Ok(()) // [N]
            })?;
            Ok((dx, d_weight, d_bias))
        })
    }
}

/// `out[j, i]` ← Σ `rows[i]`·`vectors[j]` for `count` rows, a few, and any number of vectors. Blocks
/// of four rows and two vectors save loads; the order of each sum does not depend on them.
#[inline(always)]
fn dots(rows: &[f32], count: usize, vectors: &[f32], out: &mut [f32]) {
    let len = rows.len() / count;
    let blocks = count / 4 * 4;
    let mut vectors = vectors.chunks_exact(2 * len);
    let mut out = out.chunks_exact_mut(2 * count);
    for (out, vectors) in out.by_ref().zip(vectors.by_ref()) {
        let (out, out_next) = out.split_at_mut(count);
        let (vector, next) = vectors.split_at(len);
        for row in (0..blocks).step_by(4) {
            let sums = block(&rows[row * len..][..4 * len], vector, next);
            out[row..][..4].copy_from_slice(&sums[0]);
            out_next[row..][..4].copy_from_slice(&sums[1]);
        }
        for row in blocks..count {
            out[row] = dot(&rows[row * len..][..len], vector);
            out_next[row] = dot(&rows[row * len..][..len], next);
        }
    }
    let rows = rows.chunks_exact(len);
    let last = out.into_remainder().iter_mut();
    last.zip(rows).for_each(|(out, row)| *out = dot(row, vectors.remainder()));
}

/// Four rows with two vectors. The sums have names, because arrays of them are not kept in
/// registers.
#[inline(always)]
fn block(rows: &[f32], u: &[f32], v: &[f32]) -> [[f32; 4]; 2] {
    let len = u.len();
    let row = |index: usize| rows[index * len..][..len].as_chunks::<LANES>();
    let ((u, u_rest), (v, v_rest)) = (u.as_chunks::<LANES>(), v.as_chunks::<LANES>());
    let [(a, a_rest), (b, b_rest), (c, c_rest), (d, d_rest)] = [row(0), row(1), row(2), row(3)];
    let [mut a_u, mut b_u, mut c_u, mut d_u] = [[0f32; LANES]; 4];
    let [mut a_v, mut b_v, mut c_v, mut d_v] = [[0f32; LANES]; 4];
    for (((u, v), (a, b)), (c, d)) in u.iter().zip(v).zip(a.iter().zip(b)).zip(c.iter().zip(d)) {
        for lane in 0..LANES {
            a_u[lane] += a[lane] * u[lane];
            b_u[lane] += b[lane] * u[lane];
            c_u[lane] += c[lane] * u[lane];
            d_u[lane] += d[lane] * u[lane];
            a_v[lane] += a[lane] * v[lane];
            b_v[lane] += b[lane] * v[lane];
            c_v[lane] += c[lane] * v[lane];
            d_v[lane] += d[lane] * v[lane];
        }
    }
    let finish = |sums, row, rest| fold(sums) + short_dot(row, rest);
    let [r0, r1, r2, r3] = [a_rest, b_rest, c_rest, d_rest];
    [
        [
            finish(a_u, r0, u_rest),
            finish(b_u, r1, u_rest),
            finish(c_u, r2, u_rest),
            finish(d_u, r3, u_rest),
        ],
        [
            finish(a_v, r0, v_rest),
            finish(b_v, r1, v_rest),
            finish(c_v, r2, v_rest),
            finish(d_v, r3, v_rest),
        ],
    ]
}

#[inline(always)]
fn dot(row: &[f32], vector: &[f32]) -> f32 {
    let ((row, row_rest), (vector, rest)) = (row.as_chunks::<LANES>(), vector.as_chunks::<LANES>());
    let mut sums = [0f32; LANES];
    for (row, vector) in row.iter().zip(vector) {
        for lane in 0..LANES {
            sums[lane] += row[lane] * vector[lane];
        }
    }
    fold(sums) + short_dot(row_rest, rest)
}

#[inline(always)]
fn short_dot(row: &[f32], vector: &[f32]) -> f32 {
    row.iter().zip(vector).map(|(row, value)| row * value).sum()
}

/// Rows of `columns` elements in `from` become columns in `to`.
fn transpose(from: &[f32], columns: usize, to: &mut [f32]) {
    // Few enough rows that their cache lines can all be held when rows are a power of two apart.
    const HIGH: usize = 8;
    const WIDE: usize = 16;
    let rows = from.len() / columns;
    let (whole_rows, whole_columns) = (rows - rows % HIGH, columns - columns % WIDE);
    for row in (0..whole_rows).step_by(HIGH) {
        for column in (0..whole_columns).step_by(WIDE) {
            let mut block = [[0f32; HIGH]; WIDE];
            for i in 0..HIGH {
                let from = &from[(row + i) * columns + column..][..WIDE];
                for j in 0..WIDE {
                    block[j][i] = from[j];
                }
            }
            for (j, block) in block.iter().enumerate() {
                to[(column + j) * rows + row..][..HIGH].copy_from_slice(block);
            }
        }
    }
    for row in 0..rows {
        let done = if row < whole_rows { whole_columns } else { 0 };
        for column in done..columns {
            to[column * rows + row] = from[row * columns + column];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_in_blocks_are_products() {
        let number = |i: usize| (i % 7) as f32 - 3.0;
        for len in [1, 31, 32, 65] {
            for (count, vectors) in (1..=FEW).flat_map(|count| (0..5).map(move |n| (count, n))) {
                let rows: Vec<f32> = (0..count * len).map(number).collect();
                let values: Vec<f32> = (0..vectors * len).map(|i| number(3 * i + 1)).collect();
                let mut out = vec![f32::NAN; vectors * count];
                dots(&rows, count, &values, &mut out);
                let exact = |i: usize| -> f32 {
                    let (row, vector) = (i % count * len, i / count * len);
                    (0..len).map(|k| rows[row + k] * values[vector + k]).sum()
                };
                // Small whole numbers: every order gives the same sum.
                let expected: Vec<f32> = (0..out.len()).map(exact).collect();
                assert_eq!(out, expected, "{count} rows, {vectors} vectors of {len}");
            }
        }
    }
}
