//! Causal attention: every position looks back at those before it and at itself.
//!
//! A block of queries is multiplied by the keys up to its end, and what comes later is not computed. The
//! weights are not kept: the backward pass computes them again, block by block (Dao et al. 2022,
//! "FlashAttention", <https://arxiv.org/abs/2205.14135>, section 3.1, without its tiles of keys).
use super::fresh::compute;
use super::functions::exp;
use super::product::{Factors, Old, Rows, multiples, product};
use super::signal::{Reader, Signal, computed};
use super::tiles::scratch;
use super::transpose::transpose_part;
use super::{on_cpu_f32, read, vectorised};
use candle_core::{Result, Tensor, bail};

/// Queries in a block.
const BLOCK: usize = 32;

/// For rows `[B·D, 3F]` of queries, keys and values, the D positions of a sample one after the other, in
/// `heads` parts of d = F/heads features: Σ_j softmax_j(q_i·k_j/√d over j ≤ i)·v_j, `[B·D, F]` (Vaswani et al.
/// 2017, section 3.2).
pub(crate) fn causal_attention(
    x: &Signal,
    positions: usize,
    heads: usize,
    reader: Reader,
) -> Result<Signal> {
    let value = x.value();
    let (rows, columns) = value.dims2()?;
    let fits = positions > 0 && heads > 0 && rows > 0 && columns > 0;
    if !fits || !rows.is_multiple_of(positions) || !columns.is_multiple_of(3 * heads) {
        bail!("attention: {:?} for {positions} positions and {heads} heads", value.dims())
    }
    let (batch, features) = (rows / positions, columns / 3);
    if !on_cpu_f32(&[value]) {
        return Ok((&by_candle(value, [batch, positions, heads])?).into());
    }
    let heads = Heads::new(positions, heads, features)?;
    let size = positions * features;
    let attended = read(value, |x| {
        compute(batch * size, size, batch * heads.work(), |sample, out| {
            heads.forward(&x[sample * 3 * size..][..3 * size], out)
        })
    })?;
    let attended = Tensor::from_vec(attended, (rows, features), value.device())?;
    let value = value.detach();
    computed(attended, [Some(x), None, None], reader, move |g| {
        let dx = read(&value, |x| {
            read(g, |g| {
                compute(batch * 3 * size, 3 * size, 3 * batch * heads.work(), |sample, dx| {
                    let x = &x[sample * 3 * size..][..3 * size];
                    heads.backward(x, &g[sample * size..][..size], dx)
                })
            })
        })?;
        Ok([Some(Tensor::from_vec(dx, value.shape(), g.device())?), None, None])
    })
}

fn by_candle(x: &Tensor, [batch, positions, heads]: [usize; 3]) -> Result<Tensor> {
    let each = x.dim(1)? / 3 / heads;
    let x = x.reshape((batch, positions, 3, heads, each))?;
    let x = x.permute((2, 0, 3, 1, 4))?.contiguous()?; // [3, B, heads, D, d]
    let (q, k, v) = (x.get(0)?, x.get(1)?, x.get(2)?);
    let later = (0..positions * positions)
        .map(|i| if i % positions > i / positions { f32::NEG_INFINITY } else { 0.0 });
    let later = Tensor::from_iter(later, x.device())?.reshape((positions, positions))?;
    let scores = (q.matmul(&k.t()?.contiguous()?)? * (each as f64).sqrt().recip())?;
    let scores = scores.broadcast_add(&later.to_dtype(x.dtype())?)?; // [B, heads, D, D]
    // A constant: subtracting it changes neither value nor gradient.
    let weights = scores.broadcast_sub(&scores.max_keepdim(3)?.detach())?.exp()?;
    let attended = weights.broadcast_div(&weights.sum_keepdim(3)?)?.matmul(&v)?;
    attended.transpose(1, 2)?.reshape((batch * positions, heads * each))
}

/// The heads of one sample.
struct Heads {
    positions: usize,
    heads: usize,
    features: usize,
    /// Multiples of 1, of F, of 3F and of D, one for each position at least.
    ones: Vec<u32>,
    by_out: Vec<u32>,
    by_row: Vec<u32>,
    by_weights: Vec<u32>,
}

impl Heads {
    fn new(positions: usize, heads: usize, features: usize) -> Result<Self> {
        Ok(Self {
            positions,
            heads,
            features,
            ones: multiples(positions.max(features), 1)?,
            by_out: multiples(positions, features)?,
            by_row: multiples(positions, 3 * features)?,
            by_weights: multiples(BLOCK, positions)?,
        })
    }

    /// Multiply-adds of a sample, forward.
    fn work(&self) -> usize {
        self.positions * self.positions * self.features
    }

    /// Features of a head.
    fn each(&self) -> usize {
        self.features / self.heads
    }

    /// Offsets of queries, keys and values of each head in a row.
    fn parts(&self) -> impl Iterator<Item = [usize; 3]> {
        let (each, features) = (self.each(), self.features);
        (0..self.heads).map(move |head| [0, 1, 2].map(|part| part * features + head * each))
    }

    /// The first position of each block, and how many it has.
    fn blocks(&self) -> impl Iterator<Item = (usize, usize)> {
        let positions = self.positions;
        (0..positions).step_by(BLOCK).map(move |first| (first, BLOCK.min(positions - first)))
    }

    /// Columns of rows from `from` on, turned: `[d, D]`.
    fn turned(&self, from: &[f32], stride: usize, turned: &mut [f32]) {
        transpose_part(from, stride, self.each(), turned);
    }

    /// `weights[rows, D]` ← how much each query of a block looks at each position; 0 at later ones up to the
    /// end of the block.
    fn weights(
        &self,
        queries: &[f32],
        keys: &[f32],
        (first, rows): (usize, usize),
        weights: &mut [f32],
    ) -> Result<()> {
        let (d, attended) = (self.positions, first + rows);
        let (from, steps) = (&self.by_row[first..attended], &self.ones[..self.each()]);
        let factors = Factors { values: queries, from, steps };
        let keys = Rows { values: keys, stride: d, columns: attended };
        product(factors, keys, weights, &self.by_weights[..rows], Old::Replaced)?;
        let scale = (self.each() as f32).sqrt().recip();
        for (row, weights) in weights.chunks_exact_mut(d).take(rows).enumerate() {
            let (own, later) = weights[..attended].split_at_mut(first + row + 1);
            softmax(own, scale);
            later.fill(0.0);
        }
        Ok(())
    }

    /// `out[D, F]` ← what the positions of `x[D, 3F]` see.
    fn forward(&self, x: &[f32], out: &mut [f32]) -> Result<()> {
        let (d, features) = (self.positions, self.features);
        for [q, k, v] in self.parts() {
            scratch(d * self.each(), |keys| {
                self.turned(&x[k..], 3 * features, keys);
                scratch(BLOCK * d, |weights| {
                    for (first, rows) in self.blocks() {
                        self.weights(&x[q..], keys, (first, rows), weights)?;
                        let (from, steps) = (&self.by_weights[..rows], &self.ones[..first + rows]);
                        let factors = Factors { values: weights, from, steps };
                        let to = &self.by_out[first..first + rows];
                        product(factors, self.rows(x, v), &mut out[q..], to, Old::Replaced)?;
                    }
                    Result::Ok(())
                })
            })?;
        }
        Ok(())
    }

    /// With the weights p, s the scores and o what is seen: dv_j = Σ_i p_ij·do_i, dp_ij = do_i·v_j, ds_ij =
    /// p_ij·(dp_ij − Σ_j p_ij·dp_ij)/√d, dq_i = Σ_j ds_ij·k_j, dk_j = Σ_i ds_ij·q_i. `dx[D, 3F]` is 0 at first.
    fn backward(&self, x: &[f32], g: &[f32], dx: &mut [f32]) -> Result<()> {
        let (d, features, each) = (self.positions, self.features, self.each());
        let scale = (each as f32).sqrt().recip();
        for [q, k, v] in self.parts() {
            scratch(2 * d * each, |turned| {
                let (keys, values) = turned.split_at_mut(d * each);
                self.turned(&x[k..], 3 * features, keys);
                self.turned(&x[v..], 3 * features, values);
                scratch(2 * BLOCK * d, |both| {
                    let (weights, slopes) = both.split_at_mut(BLOCK * d);
                    for (first, rows) in self.blocks() {
                        let attended = first + rows;
                        self.weights(&x[q..], keys, (first, rows), weights)?;
                        let (from, steps) = (&self.by_out[first..attended], &self.ones[..each]);
                        let factors = Factors { values: &g[q..], from, steps };
                        let columns = Rows { values, stride: d, columns: attended };
                        let to = &self.by_weights[..rows];
                        product(factors, columns, slopes, to, Old::Replaced)?;
                        let pairs = slopes.chunks_exact_mut(d).zip(weights.chunks_exact(d));
                        for (slopes, weights) in pairs.take(rows) {
                            slopes_of_scores(&mut slopes[..attended], &weights[..attended], scale);
                        }
                        let (ones, block) = (&self.ones[..attended], &self.by_weights[..rows]);
                        let queries = Factors { values: slopes, from: block, steps: ones };
                        let to = &self.by_row[first..attended];
                        product(queries, self.rows(x, k), &mut dx[q..], to, Old::Replaced)?;
                        let to = &self.by_row[..attended];
                        let keys = Factors { values: slopes, from: ones, steps: block };
                        let from = self.rows(&x[first * 3 * features..], q);
                        product(keys, from, &mut dx[k..], to, Old::Kept)?;
                        let values = Factors { values: weights, from: ones, steps: block };
                        let g = &g[first * features + q..];
                        let from = Rows { values: g, stride: features, columns: each };
                        product(values, from, &mut dx[v..], to, Old::Kept)?;
                    }
                    Result::Ok(())
                })
            })?;
        }
        Ok(())
    }

    /// The features of a head from column `first` on.
    fn rows<'a>(&self, x: &'a [f32], first: usize) -> Rows<'a> {
        Rows { values: &x[first..], stride: 3 * self.features, columns: self.each() }
    }
}

/// scores ← e^(scale·s) / Σ e^(scale·s).
fn softmax(scores: &mut [f32], scale: f32) {
    vectorised(
        #[inline(always)]
        || {
            let larger = |a: f32, b: &f32| if *b > a { *b } else { a };
            let largest = scores.iter().fold(f32::NEG_INFINITY, larger);
            scores.iter_mut().for_each(|s| *s = exp((*s - largest) * scale));
            let part = super::functions::sum(scores).recip();
            scores.iter_mut().for_each(|s| *s *= part);
        },
    );
}

/// slopes ← weights·(slopes − Σ weights·slopes)·scale.
fn slopes_of_scores(slopes: &mut [f32], weights: &[f32], scale: f32) {
    vectorised(
        #[inline(always)]
        || {
            slopes.iter_mut().zip(weights).for_each(|(slope, weight)| *slope *= weight);
            let mean = super::functions::sum(slopes);
            let pairs = slopes.iter_mut().zip(weights);
            pairs.for_each(|(slope, weight)| *slope = (*slope - weight * mean) * scale);
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gradcheck::gradcheck;
    use candle_core::{DType, Var};
    use train::testing::device;

    fn attention(x: &Tensor, positions: usize, heads: usize) -> Result<Tensor> {
        causal_attention(&x.into(), positions, heads, Reader::Anybody)?.into_tensor()
    }

    fn var(rows: usize, columns: usize, dtype: DType) -> Var {
        let values = (0..rows * columns).map(|i| ((i * 37 + i / 7) % 41) as f64 / 20.0 - 1.0);
        let values = Tensor::from_iter(values, device()).unwrap();
        let values = values.reshape((rows, columns)).unwrap();
        Var::from_tensor(&values.to_dtype(dtype).unwrap()).unwrap()
    }

    #[test]
    fn two_positions_by_hand() {
        // Queries 1 and 1, keys 0 and log 3, values 4 and 8: the first sees itself, the second ¼·4 + ¾·8.
        let x = Tensor::new(&[[1f32, 0.0, 4.0], [1.0, 3f32.ln(), 8.0]], device()).unwrap();
        let attended =
            attention(&x, 2, 1).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert!(
            (attended[0] - 4.0).abs() < 1e-6 && (attended[1] - 7.0).abs() < 1e-5,
            "{attended:?}"
        );
        // Two samples of one position each see themselves.
        let attended =
            attention(&x, 1, 1).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(attended, [4.0, 8.0]);
        assert!(attention(&x, 3, 1).is_err() && attention(&x, 1, 2).is_err());
    }

    #[test]
    fn kernel_and_candle_agree_and_so_do_differences() {
        // Blocks that are whole and that are not, heads whose features fill no vector.
        for (batch, positions, heads, each) in [(2, 3, 2, 2), (3, 70, 3, 5), (1, 64, 1, 16)] {
            let run = |dtype: DType| {
                let x = var(batch * positions, 3 * heads * each, dtype);
                let weights = var(batch * positions, heads * each, dtype).as_detached_tensor();
                let f = || (attention(&x, positions, heads)? * &weights)?.sum_all();
                if positions == 3 {
                    let (h, most) = if dtype == DType::F64 { (1e-5, 1e-8) } else { (1e-2, 3e-3) };
                    assert!(gradcheck(std::slice::from_ref(&x), h, f).unwrap() < most);
                }
                let slopes = f().unwrap().backward().unwrap().get(&x).unwrap().clone();
                let both = [slopes, attention(&x, positions, heads).unwrap()];
                both.map(|tensor| {
                    let tensor = tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap();
                    tensor.to_vec1::<f64>().unwrap()
                })
            };
            let (kernel, candle) = (run(DType::F32), run(DType::F64));
            for (kernel, candle) in kernel.iter().zip(&candle) {
                assert_eq!(kernel.len(), candle.len());
                let close = kernel.iter().zip(candle).all(|(k, c)| (k - c).abs() < 1e-5);
                assert!(close, "{batch} {positions} {heads} {each}");
            }
        }
    }
}
