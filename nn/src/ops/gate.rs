//! The gated unit: tanh of one half of the features times σ of the other.
use super::fresh::compute;
use super::functions::{sigmoid, tanh};
use super::signal::{Reader, Signal, computed};
use super::tiles::scratch;
use super::{on_cpu_f32, read, vectorised};
use crate::Activation;
use candle_core::{D, Result, Tensor, bail};

/// Cost of one element in multiply-adds of a matrix product, roughly.
const ELEMENT_WORK: usize = 64;

/// tanh(s_f)·σ(s_g) `[B, …, F]` of the sum s = x + y + c of features x and y `[B, …, 2F]` and of one number
/// for all positions, c `[B, 2F]`. The features are in `groups`, each of which has its s_f before its s_g.
pub(crate) fn gate(
    x: &Signal,
    y: Option<&Signal>,
    c: Option<&Tensor>,
    groups: usize,
    reader: Reader,
) -> Result<Signal> {
    let (first, second) = (x.value(), y.map(Signal::value));
    let (batch, features) = (first.dim(0)?, first.dim(D::Minus1)?);
    let fits = second.is_none_or(|y| y.shape() == first.shape())
        && c.is_none_or(|c| c.dims() == [batch, features])
        && groups > 0
        && features.is_multiple_of(2 * groups)
        && first.elem_count() > 0;
    if !fits {
        let dims = |tensor: Option<&Tensor>| tensor.map(|tensor| tensor.dims().to_vec());
        bail!("gate: {:?}, {:?} and {:?} in {groups} groups", first.dims(), dims(second), dims(c))
    }
    let mut shape = first.dims().to_vec();
    if let Some(last) = shape.last_mut() {
        *last /= 2;
    }
    let half = features / 2 / groups;
    let all: Vec<&Tensor> = [Some(first), second, c].into_iter().flatten().collect();
    if !on_cpu_f32(&all) {
        let sum =
            second.map_or(Ok(first.clone()), |y| first + y)?.reshape((batch, (), features))?;
        let sum = c.map_or(Ok(sum.clone()), |c| sum.broadcast_add(&c.unsqueeze(1)?))?;
        let sum = sum.reshape(((), 2, half))?; // [B·…·groups, 2, F/groups]
        let tanh = sum.narrow(1, 0, 1)?.tanh()?;
        let open = Activation::Sigmoid.apply(&sum.narrow(1, 1, 1)?)?;
        return Ok((&(tanh * open)?.reshape(shape)?).into());
    }
    let terms = Terms {
        x: first.detach(),
        y: second.map(Tensor::detach),
        c: c.map(Tensor::detach),
        batch,
        half,
    };
    let gated = Tensor::from_vec(terms.gated()?, shape, first.device())?;
    let shift = c.map(Signal::from);
    let added = y.is_some();
    computed(gated, [Some(x), y, shift.as_ref()], reader, move |g| {
        let (ds, dc) = terms.slopes(g)?;
        Ok([Some(ds.clone()), added.then_some(ds), dc])
    })
}

/// The terms of the sum.
struct Terms {
    x: Tensor,
    y: Option<Tensor>,
    c: Option<Tensor>,
    batch: usize,
    /// Features of a group that the gate lets through.
    half: usize,
}

impl Terms {
    /// Calls `f` with the numbers of each; what is absent is empty.
    fn read<R>(&self, f: impl FnOnce(&[f32], &[f32], &[f32]) -> Result<R>) -> Result<R> {
        read(&self.x, |x| match (&self.y, &self.c) {
            (None, None) => f(x, &[], &[]),
            (Some(y), None) => read(y, |y| f(x, y, &[])),
            (None, Some(c)) => read(c, |c| f(x, &[], c)),
            (Some(y), Some(c)) => read(y, |y| read(c, |c| f(x, y, c))),
        })
    }

    fn gated(&self) -> Result<Vec<f32>> {
        self.read(|x, y, c| {
            let len = x.len() / self.batch;
            compute(x.len() / 2, len / 2, x.len() / 2 * ELEMENT_WORK, |sample, out| {
                scratch(len, |s| {
                    sums(s, [x, y, c], sample, self.batch);
                    gate_rows(s, self.half, out);
                });
                Ok(())
            })
        })
    }

    /// ds_f = g·σ(s_g)·(1 − tanh²(s_f)) and ds_g = g·tanh(s_f)·σ(s_g)·(1 − σ(s_g)): the gradient of x and of y,
    /// and summed over positions that of c.
    fn slopes(&self, g: &Tensor) -> Result<(Tensor, Option<Tensor>)> {
        let half = self.half;
        let slopes = self.read(|x, y, c| {
            read(g, |g: &[f32]| {
                let len = x.len() / self.batch;
                compute(x.len(), len, x.len() * ELEMENT_WORK, |sample, ds| {
                    sums(ds, [x, y, c], sample, self.batch);
                    let rows = ds.chunks_exact_mut(2 * half);
                    let rows = rows.zip(g[sample * len / 2..].chunks_exact(half));
                    vectorised(
                        #[inline(always)]
                        || {
                            for (ds, g) in rows {
                                let (df, dg) = ds.split_at_mut(half);
                                for ((df, dg), g) in df.iter_mut().zip(dg).zip(g) {
                                    let (tanh, open) = (tanh(*df), sigmoid(*dg));
                                    *df = g * open * (1.0 - tanh * tanh);
                                    *dg = g * tanh * open * (1.0 - open);
                                }
                            }
                        },
                    );
                    Ok(())
                })
            })
        })?;
        let slopes = Tensor::from_vec(slopes, self.x.shape(), g.device())?;
        let dc = match &self.c {
            Some(c) => Some(slopes.reshape((self.batch, (), c.dim(1)?))?.sum(1)?),
            None => None,
        };
        Ok((slopes, dc))
    }
}

/// `to` ← x + y + c of a sample; y and c may be empty.
fn sums(to: &mut [f32], [x, y, c]: [&[f32]; 3], sample: usize, batch: usize) {
    let range = sample * to.len()..(sample + 1) * to.len();
    let x = &x[range.clone()];
    let c = &c[sample * c.len() / batch..(sample + 1) * c.len() / batch];
    vectorised(
        #[inline(always)]
        || {
            match y.get(range) {
                Some(y) => to.iter_mut().zip(x.iter().zip(y)).for_each(|(to, (x, y))| *to = x + y),
                None => to.copy_from_slice(x),
            }
            if !c.is_empty() {
                for to in to.chunks_exact_mut(c.len()) {
                    to.iter_mut().zip(c).for_each(|(to, c)| *to += c);
                }
            }
        },
    );
}

/// tanh(f)·σ(g) for rows `[n, 2F]` of sums in one group: `[n, F]`.
pub(crate) fn gate_rows(sums: &[f32], features: usize, out: &mut [f32]) {
    let rows = sums.chunks_exact(2 * features).zip(out.chunks_exact_mut(features));
    vectorised(
        #[inline(always)]
        || {
            for (sums, out) in rows {
                let (f, g) = sums.split_at(features);
                let pairs = out.iter_mut().zip(f.iter().zip(g));
                pairs.for_each(|(out, (f, g))| *out = tanh(*f) * sigmoid(*g));
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gradcheck::gradcheck;
    use candle_core::{DType, Var};
    use train::testing::{device, rounding};

    fn gated(x: &Tensor, y: Option<&Tensor>, c: Option<&Tensor>, groups: usize) -> Result<Tensor> {
        let y = y.map(Signal::from);
        gate(&x.into(), y.as_ref(), c, groups, Reader::Anybody)?.into_tensor()
    }

    fn var(shape: &[usize], seed: usize, dtype: DType) -> Var {
        let n = shape.iter().product();
        let values: Vec<f64> = (0..n).map(|i| ((i * 7 + seed) % 23) as f64 / 8.0 - 1.4).collect();
        let values = Tensor::from_vec(values, shape, device()).unwrap();
        Var::from_tensor(&values.to_dtype(dtype).unwrap()).unwrap()
    }

    #[test]
    fn a_gate_by_hand() {
        // Two groups of one feature at one position: tanh of the first times σ of the second.
        let x = Tensor::new(&[0.5f32, 0.0, -1.0, 1.0], device()).unwrap();
        let x = x.reshape((1, 1, 1, 4)).unwrap();
        let y = Tensor::new(&[0.5f32, 0.0, 0.0, 1.0], device()).unwrap();
        let y = y.reshape((1, 1, 1, 4)).unwrap();
        let c = Tensor::new(&[[0f32, 0.0, 0.0, -4.0]], device()).unwrap();
        let out = |groups| -> Vec<f32> {
            let out = gated(&x, Some(&y), Some(&c), groups).unwrap();
            out.flatten_all().unwrap().to_vec1().unwrap()
        };
        let by = |f: f64, g: f64| (f.tanh() / (1.0 + (-g).exp())) as f32;
        let close = |out: Vec<f32>, expected: [f32; 2]| {
            assert!(out.iter().zip(expected).all(|(o, e)| (o - e).abs() < 1e-6), "{out:?}");
        };
        close(out(2), [by(1.0, 0.0), by(-1.0, -2.0)]);
        close(out(1), [by(1.0, -1.0), by(0.0, -2.0)]);
        let mut rows = [0.0; 2];
        gate_rows(&[1.0, 0.0, -1.0, -2.0], 1, &mut rows);
        assert!(rows.iter().zip(out(2)).all(|(a, b)| (a - b).abs() <= rounding()), "{rows:?}");
        assert!(gated(&x, None, None, 3).is_err() && gated(&x, None, Some(&y), 1).is_err());
    }

    #[test]
    fn kernel_and_candle_agree_and_so_do_differences() {
        for (added, shifted) in [(false, false), (true, false), (false, true), (true, true)] {
            let run = |dtype: DType| {
                let shape = [2, 3, 5, 12];
                let vars = [var(&shape, 1, dtype), var(&shape, 5, dtype), var(&[2, 12], 9, dtype)];
                let weights = var(&[2, 3, 5, 6], 3, dtype);
                let f = || {
                    let [x, y, c] = &vars;
                    let (y, c) = (added.then_some(y.as_tensor()), shifted.then_some(c.as_tensor()));
                    (gated(x, y, c, 3)? * weights.as_detached_tensor())?.sum_all()
                };
                let used: Vec<Var> = [true, added, shifted]
                    .into_iter()
                    .zip(&vars)
                    .filter(|(used, _)| *used)
                    .map(|(_, var)| var.clone())
                    .collect();
                let (h, most) = if dtype == DType::F64 { (1e-5, 1e-8) } else { (1e-2, 3e-3) };
                assert!(gradcheck(&used, h, f).unwrap() < most);
                let gradients = f().unwrap().backward().unwrap();
                let gradient = |var: &Var| -> Vec<f64> {
                    let gradient = gradients.get(var).unwrap().to_dtype(DType::F64).unwrap();
                    gradient.flatten_all().unwrap().to_vec1().unwrap()
                };
                let mut all: Vec<f64> = used.iter().flat_map(gradient).collect();
                all.push(f().unwrap().to_dtype(DType::F64).unwrap().to_scalar().unwrap());
                all
            };
            let (kernel, candle) = (run(DType::F32), run(DType::F64));
            let close = kernel.iter().zip(&candle).all(|(k, c)| (k - c).abs() < 1e-4);
            assert!(close && kernel.len() == candle.len());
        }
    }
}
