//! Fully connected layer: sum, bias and activation in one operation.
use super::fresh::compute;
use super::product::{Factors, Old, Rows, dots, multiples, product};
use super::sink::{Content, emit};
use super::tiles::{for_each, scratch, tile};
use super::transpose::transpose;
use super::{activation, on_cpu_f32, read, slice, vectorised};
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
        ([b, k], [n, inputs], [biases]) if k == inputs && n == biases && b * k * n > 0 => {}
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

/// Rows in a tile are a multiple of this: enough to share a copy of the other side.
const ROWS: usize = 96;

/// Columns in a tile are a multiple of this, so that vectors are full.
const COLUMNS: usize = 64;

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
        let weight: &[f32] = slice(weight_storage, weight_layout)?;
        let bias: &[f32] = slice(bias, bias_layout)?;
        let mut y = sums(x, weight, [batch, n, k])?;
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
                let columns = tile(batch * n, COLUMNS).min(k);
                let (from, steps) = (multiples(batch, n)?, multiples(n, 1)?);
                let to = multiples(batch, columns)?;
                read(weight, |weight| {
                    scratch(k.div_ceil(columns) * columns * batch, |blocks| {
                        for_each(blocks, batch * columns, work, |block, dx| {
                            let first = block * columns;
                            let width = columns.min(k - first);
                            let factors = Factors { values: gz, from: &from, steps: &steps };
                            let weight =
                                Rows { values: &weight[first..], stride: k, columns: width };
                            product(factors, weight, dx, &to, Old::Replaced) // [B, columns]
                        })?;
                        for (block, values) in blocks.chunks_exact(batch * columns).enumerate() {
                            let rows = dx.chunks_exact_mut(k).zip(values.chunks_exact(columns));
                            for (dx, row) in rows {
                                let dx = dx[block * columns..].chunks_mut(columns).next();
                                let dx = dx.unwrap_or_default();
                                dx.copy_from_slice(&row[..dx.len()]);
                            }
                        }
                        Ok(())
                    })
                })?;
                Some(Tensor::from_vec(dx, x.shape(), x.device())?)
            } else {
                None
            };
            let d_weight = emit(weight, |d_weight, content| {
                let rows = tile(batch * k, ROWS);
                let (from, to) = (multiples(n, 1)?, multiples(n, k)?);
                let steps = multiples(batch, n)?;
                let old = content.into();
                read(x, |x| {
                    for_each(d_weight, rows * k, work, |tile, d_weight| {
                        let height = d_weight.len() / k;
                        let values = &gz[tile * rows..];
                        let factors = Factors { values, from: &from[..height], steps: &steps };
                        product(factors, Rows::new(x, k), d_weight, &to[..height], old) // [N, K]
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

/// x·Wᵀ `[B, N]`.
fn sums(x: &[f32], weight: &[f32], [batch, n, k]: [usize; 3]) -> Result<Vec<f32>> {
    let work = batch * n * k;
    let outputs = tile(batch * k, ROWS);
    let some_weights = |tile: usize, height: usize| &weight[tile * outputs * k..][..height * k];
    if batch == 1 {
        return compute(n, outputs, work, |tile, y| dots(x, some_weights(tile, y.len()), k, y));
    }
    if n <= FEW {
        let rows = tile(n * k, 1);
        return compute(batch * n, rows * n, work, |tile, y| {
            dots(weight, &x[tile * rows * k..][..y.len() / n * k], k, y)
        });
    }
    scratch(n * batch, |y_t| {
        if batch <= FEW {
            for_each(y_t, outputs * batch, work, |tile, y_t| {
                dots(x, some_weights(tile, y_t.len() / batch), k, y_t) // [N, B]
            })?;
        } else {
            scratch(k * batch, |x_t| {
                let blocks = x_t.chunks_mut(COLUMNS * k).zip(x.chunks(COLUMNS * k));
                blocks.for_each(|(x_t, x)| transpose(x, k, x_t)); // [K, some of B] each
                let (from, steps, to) = (multiples(n, k)?, multiples(k, 1)?, multiples(n, batch)?);
                for_each(y_t, outputs * batch, work, |tile, y_t| {
                    let height = y_t.len() / batch;
                    let values = some_weights(tile, height);
                    let factors = Factors { values, from: &from[..height], steps: &steps };
                    for (block, x_t) in x_t.chunks(COLUMNS * k).enumerate() {
                        let (x_t, y_t) =
                            (Rows::new(x_t, x_t.len() / k), &mut y_t[block * COLUMNS..]);
                        product(factors, x_t, y_t, &to[..height], Old::Replaced)?; // [N, B]
                    }
                    Ok(())
                })
            })?;
        }
        let mut y = vec![0.0; n * batch];
        transpose(y_t, batch, &mut y); // [B, N]
        Ok(y)
    })
}
