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
                    let weight = weight[tile * outputs * k..].chunks_exact(k);
                    vectorised(
                        #[inline(always)]
                        || {
                            for (y_t, weight) in y_t.chunks_exact_mut(batch).zip(weight) {
                                dots(x, weight, y_t); // [N, B]
                            }
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

/// `out[i]` ← Σ `rows[i]`·vector for a few rows, four at a time where possible: the vector is read
/// from memory once.
#[inline(always)]
fn dots(rows: &[f32], vector: &[f32], out: &mut [f32]) {
    let len = vector.len();
    let (fours, ones) = out.as_chunks_mut::<4>();
    let (rows, last_rows) = rows.split_at(4 * len * fours.len());
    for (out, rows) in fours.iter_mut().zip(rows.chunks_exact(4 * len)) {
        *out = four_dots(rows, vector);
    }
    for (out, row) in ones.iter_mut().zip(last_rows.chunks_exact(len)) {
        *out = dot(row, vector);
    }
}

#[inline(always)]
fn four_dots(rows: &[f32], vector: &[f32]) -> [f32; 4] {
    let len = vector.len();
    let row = |index: usize| rows[index * len..][..len].as_chunks::<LANES>();
    let (vector, rest) = vector.as_chunks::<LANES>();
    let [(a, a_rest), (b, b_rest), (c, c_rest), (d, d_rest)] = [row(0), row(1), row(2), row(3)];
    let [mut sum_a, mut sum_b, mut sum_c, mut sum_d] = [[0f32; LANES]; 4];
    for ((vector, (a, b)), (c, d)) in vector.iter().zip(a.iter().zip(b)).zip(c.iter().zip(d)) {
        for lane in 0..LANES {
            sum_a[lane] += a[lane] * vector[lane];
            sum_b[lane] += b[lane] * vector[lane];
            sum_c[lane] += c[lane] * vector[lane];
            sum_d[lane] += d[lane] * vector[lane];
        }
    }
    let finish = |sums, row| fold(sums) + short_dot(row, rest);
    [finish(sum_a, a_rest), finish(sum_b, b_rest), finish(sum_c, c_rest), finish(sum_d, d_rest)]
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
