//! Fully connected layer: sum, bias and activation in one operation.
use super::fresh::compute;
use super::product::{Factors, Old, Rows, dots, multiples, product};
use super::signal::{Given, Gradients3, LayerOp, Reader, Signal, apply};
use super::sink::{Content, emit};
use super::tiles::{even_tile, for_each, scratch};
use super::transpose::{transpose, transpose_part};
use super::{activation, on_cpu_f32, read, slice, vectorised};
use crate::Activation;
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};

/// activation(x·Wᵀ + b) for x `[B, K]`, W `[N, K]`, b `[N]`: `[B, N]`.
pub(crate) fn linear(
    signal: &Signal,
    weight: &Tensor,
    bias: &Tensor,
    activation: Activation,
    reader: Reader,
) -> Result<Signal> {
    let x = signal.value();
    match (x.dims(), weight.dims(), bias.dims()) {
        ([b, k], [n, inputs], [biases]) if k == inputs && n == biases && b * k * n > 0 => {}
        (x, weight, bias) => {
            bail!("linear: input {x:?} does not fit weight {weight:?} and bias {bias:?}")
        }
    }
    activation.check()?;
    if !on_cpu_f32(&[x, weight, bias]) {
        let sum = x.contiguous()?.matmul(&weight.t()?)?.broadcast_add(bias)?; // [B, N]
        return Ok((&activation.apply(&sum)?).into());
    }
    apply(signal, weight, bias, LinearOp { activation }, reader)
}

struct LinearOp {
    activation: Activation,
}

/// Rows in a tile, at least, where there are as many: enough to share a copy of the other side.
const ROWS: usize = 96;

/// Columns that are copied together: whole vectors.
const COLUMNS: usize = 64;

/// Cost of copying one number in multiply-adds of a product, roughly.
const TURN_WORK: usize = 16;

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
        let y = self.forward(x, weight, bias, [batch, n, k])?;
        Ok((CpuStorage::F32(y), Shape::from((batch, n))))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        y: &Tensor,
        g: &Tensor,
    ) -> Result<Gradients3> {
        self.gradients(Given { x, weight, bias, y, g }, x.track_op())
    }
}

impl LayerOp for LinearOp {
    /// With gz = g·activation'(z): dx = gz·W, dW = gzᵀ·x, db = Σ_B gz.
    fn gradients(&self, given: Given, asked: bool) -> Result<Gradients3> {
        let Given { x, weight, bias, y, g } = given;
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
            let dx = if asked {
                let rows = even_tile(batch, ROWS);
                let (from, steps) = (multiples(rows, n)?, multiples(n, 1)?);
                let to = multiples(rows, k)?;
                let dx = read(weight, |weight| {
                    compute(batch * k, rows * k, work, |tile, dx| {
                        let height = dx.len() / k;
                        let values = &gz[tile * rows * n..];
                        let factors = Factors { values, from: &from[..height], steps: &steps };
                        product(factors, Rows::new(weight, k), dx, &to[..height], Old::Replaced) // [rows, K]
                    })
                })?;
                Some(Tensor::from_vec(dx, x.shape(), x.device())?)
            } else {
                None
            };
            let d_weight = emit(weight, |d_weight, content| {
                let rows = even_tile(n, ROWS);
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

impl LinearOp {
    /// activation(x·Wᵀ + b) `[B, N]`. Copies the smaller of x and W, turned.
    fn forward(
        &self,
        x: &[f32],
        weight: &[f32],
        bias: &[f32],
        [batch, n, k]: [usize; 3],
    ) -> Result<Vec<f32>> {
        let (work, activation) = (batch * n * k, self.activation);
        if batch == 1 {
            let outputs = even_tile(n, 1);
            return compute(n, outputs, work, |tile, y| {
                let (weight, bias) = (&weight[tile * outputs * k..], &bias[tile * outputs..]);
                dots(x, &weight[..y.len() * k], k, y)?;
                activation::add_rows_and_apply(activation, y, &bias[..y.len()]);
                Ok(())
            });
        }
        if n <= FEW {
            let rows = even_tile(batch, 1);
            return compute(batch * n, rows * n, work, |tile, y| {
                dots(weight, &x[tile * rows * k..][..y.len() / n * k], k, y)?;
                activation::add_rows_and_apply(activation, y, bias);
                Ok(())
            });
        }
        if n <= batch {
            return scratch(k * n, |turned| {
                let inputs = even_tile(k, COLUMNS);
                for_each(turned, inputs * n, TURN_WORK * k * n, |tile, turned| {
                    transpose_part(&weight[tile * inputs..], k, turned.len() / n, turned);
                    Ok(())
                })?; // [K, N]
                let (rows, turned) = (even_tile(batch, ROWS), &*turned);
                let (from, steps, to) =
                    (multiples(rows, k)?, multiples(k, 1)?, multiples(rows, n)?);
                compute(batch * n, rows * n, work, |tile, y| {
                    let (values, height) = (&x[tile * rows * k..], y.len() / n);
                    let factors = Factors { values, from: &from[..height], steps: &steps };
                    product(factors, Rows::new(turned, n), y, &to[..height], Old::Replaced)?;
                    activation::add_rows_and_apply(activation, y, bias);
                    Ok(())
                })
            });
        }
        scratch(n * batch, |y_t| {
            let outputs = even_tile(n, ROWS);
            let finish = |tile: usize, y_t: &mut [f32]| {
                for (y_t, bias) in y_t.chunks_exact_mut(batch).zip(&bias[tile * outputs..]) {
                    activation::add_and_apply(activation, y_t, *bias);
                }
                Ok(())
            };
            if batch <= FEW {
                for_each(y_t, outputs * batch, work, |tile, y_t| {
                    let weight = &weight[tile * outputs * k..][..y_t.len() / batch * k];
                    dots(x, weight, k, y_t)?; // [some of N, B]
                    finish(tile, y_t)
                })?;
            } else {
                scratch(k * batch, |turned| {
                    for_each(turned, COLUMNS * k, TURN_WORK * k * batch, |tile, turned| {
                        transpose(&x[tile * COLUMNS * k..][..turned.len()], k, turned);
                        Ok(())
                    })?; // [K, some of B] each
                    let (from, steps, to) =
                        (multiples(outputs, k)?, multiples(k, 1)?, multiples(outputs, batch)?);
                    let turned = &*turned;
                    for_each(y_t, outputs * batch, work, |tile, y_t| {
                        let height = y_t.len() / batch;
                        let values = &weight[tile * outputs * k..];
                        let factors = Factors { values, from: &from[..height], steps: &steps };
                        for (block, x) in turned.chunks(COLUMNS * k).enumerate() {
                            let (x, y_t) = (Rows::new(x, x.len() / k), &mut y_t[block * COLUMNS..]);
                            product(factors, x, y_t, &to[..height], Old::Replaced)?; // [some of N, some of B]
                        }
                        finish(tile, y_t)
                    })
                })?;
            }
            let mut y = vec![0.0; n * batch];
            transpose(y_t, batch, &mut y); // [B, N]
            Ok(y)
        })
    }
}
