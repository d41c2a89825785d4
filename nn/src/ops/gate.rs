//! The gated unit: tanh of one half of the features times σ of the other.
use super::fresh::compute;
use super::functions::{sigmoid, tanh};
use super::tiles::scratch;
use super::{on_cpu_f32, read, slice, vectorised};
use crate::Activation;
use candle_core::{
    CpuStorage, CustomOp1, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor, bail,
};

/// What one element costs in multiply-adds of a matrix product, roughly.
const ELEMENT_WORK: usize = 64;

/// tanh(s_f)·σ(s_g) `[B, F, H, W]` of the sum s = x + y + c of features x and y `[B, 2F, H, W]` and of one
/// number for all positions, c `[B, 2F]`. The features are in `groups`, each of which has its s_f before its
/// s_g.
pub(crate) fn gate(
    x: &Tensor,
    y: Option<&Tensor>,
    c: Option<&Tensor>,
    groups: usize,
) -> Result<Tensor> {
    let (batch, features, height, width) = x.dims4()?;
    let fits = y.is_none_or(|y| y.shape() == x.shape())
        && c.is_none_or(|c| c.dims() == [batch, features])
        && groups > 0
        && features.is_multiple_of(2 * groups)
        && x.elem_count() > 0;
    if !fits {
        let dims = |tensor: Option<&Tensor>| tensor.map(|tensor| tensor.dims().to_vec());
        bail!("gate: {:?}, {:?} and {:?} in {groups} groups", x.dims(), dims(y), dims(c))
    }
    let all: Vec<&Tensor> = [Some(x), y, c].into_iter().flatten().collect();
    if !on_cpu_f32(&all) {
        let sum = y.map_or(Ok(x.clone()), |y| x + y)?;
        let sum = match c {
            Some(c) => sum.broadcast_add(&c.reshape((batch, features, 1, 1))?)?,
            None => sum,
        };
        let sum = sum.reshape((batch * groups, 2, features / 2 / groups, height * width))?;
        let tanh = sum.narrow(1, 0, 1)?.tanh()?;
        let gate = Activation::Sigmoid.apply(&sum.narrow(1, 1, 1)?)?;
        return (tanh * gate)?.reshape((batch, features / 2, height, width));
    }
    let op = Gate { groups, added: y.is_some(), shifted: c.is_some() };
    let all = all.into_iter().map(Tensor::contiguous).collect::<Result<Vec<_>>>()?;
    let learns = all.iter().any(|tensor| tensor.track_op());
    match (&all[..], learns) {
        ([x], true) => x.apply_op1(op),
        ([x], false) => x.apply_op1_no_bwd(&op),
        ([x, y], true) => x.apply_op2(y, op),
        ([x, y], false) => x.apply_op2_no_bwd(y, &op),
        ([x, y, c], true) => x.apply_op3(y, c, op),
        ([x, y, c], false) => x.apply_op3_no_bwd(y, c, &op),
        _ => bail!("gate: nothing to compute"),
    }
}

struct Gate {
    groups: usize,
    added: bool,
    shifted: bool,
}

/// The terms of the sum; what is absent is empty.
#[derive(Clone, Copy)]
struct Terms<'a> {
    x: &'a [f32],
    y: &'a [f32],
    c: &'a [f32],
}

impl Terms<'_> {
    /// The sums for feature `feature`, counted over all samples: its plane.
    #[inline(always)]
    fn sums(&self, feature: usize, sums: &mut [f32]) {
        let plane = feature * sums.len()..(feature + 1) * sums.len();
        let x = &self.x[plane.clone()];
        match self.y.get(plane) {
            Some(y) => sums.iter_mut().zip(x.iter().zip(y)).for_each(|(sum, (x, y))| *sum = x + y),
            None => sums.copy_from_slice(x),
        }
        if let Some(c) = self.c.get(feature) {
            sums.iter_mut().for_each(|sum| *sum += c);
        }
    }
}

impl Gate {
    /// The features s_f and s_g of each of a sample's results, counted over all samples.
    fn pairs(&self, sample: usize, features: usize) -> impl Iterator<Item = (usize, usize)> {
        let half = features / 2 / self.groups;
        (0..features / 2).map(move |out| {
            let first = sample * features + out / half * 2 * half + out % half;
            (first, first + half)
        })
    }

    fn forward(&self, terms: Terms, dims: &[usize]) -> Result<(CpuStorage, Shape)> {
        let &[batch, features, height, width] = dims else { bail!("gate: {dims:?}") };
        let (plane, len) = (height * width, features / 2 * height * width);
        let out = compute(batch * len, len, batch * len * ELEMENT_WORK, |sample, out| {
            scratch(2 * plane, |both| {
                let (sums_f, sums_g) = both.split_at_mut(plane);
                for (out, (f, g)) in out.chunks_exact_mut(plane).zip(self.pairs(sample, features)) {
                    vectorised(
                        #[inline(always)]
                        || {
                            terms.sums(f, sums_f);
                            terms.sums(g, sums_g);
                            let pairs = out.iter_mut().zip(sums_f.iter().zip(&*sums_g));
                            pairs.for_each(|(out, (f, g))| *out = gated(*f, *g));
                        },
                    );
                }
            });
            Ok(())
        })?;
        Ok((CpuStorage::F32(out), Shape::from((batch, features / 2, height, width))))
    }

    /// ds_f = g·σ(s_g)·(1 − tanh²(s_f)) and ds_g = g·tanh(s_f)·σ(s_g)·(1 − σ(s_g)): the gradient of x and of
    /// y, and summed over positions that of c.
    fn backward(&self, tensors: &[&Tensor], g: &Tensor) -> Result<(Tensor, Option<Tensor>)> {
        let (batch, features, height, width) = tensors[0].dims4()?;
        let plane = height * width;
        let (y, c) = match (self.added, self.shifted) {
            (true, _) => (tensors.get(1), tensors.get(2)),
            (false, _) => (None, tensors.get(1)),
        };
        let mut slopes = Vec::new();
        numbers(tensors.first(), &mut |x| {
            numbers(y, &mut |y| {
                numbers(c, &mut |c| {
                    read(g, |g: &[f32]| {
                        slopes = self.slopes(Terms { x, y, c }, g, [batch, features, plane])?;
                        Ok(())
                    })
                })
            })
        })?;
        let dc = if self.shifted {
            let sums = slopes.chunks_exact(plane).map(super::functions::sum);
            Some(Tensor::from_iter(sums, g.device())?.reshape((batch, features))?)
        } else {
            None
        };
        Ok((Tensor::from_vec(slopes, (batch, features, height, width), g.device())?, dc))
    }

    fn slopes(
        &self,
        terms: Terms,
        g: &[f32],
        [batch, features, plane]: [usize; 3],
    ) -> Result<Vec<f32>> {
        let len = features * plane;
        compute(batch * len, len, 2 * batch * len * ELEMENT_WORK, |sample, slopes| {
            let first = sample * features;
            let g = g[sample * len / 2..].chunks_exact(plane);
            for (g, (f, gate)) in g.zip(self.pairs(sample, features)) {
                // s_f lies before s_g.
                let (before, after) = slopes.split_at_mut((gate - first) * plane);
                let df = &mut before[(f - first) * plane..][..plane];
                let dg = &mut after[..plane];
                vectorised(
                    #[inline(always)]
                    || {
                        terms.sums(f, df);
                        terms.sums(gate, dg);
                        for ((df, dg), g) in df.iter_mut().zip(dg).zip(g) {
                            let (tanh, open) = (tanh(*df), sigmoid(*dg));
                            *df = g * open * (1.0 - tanh * tanh);
                            *dg = g * tanh * open * (1.0 - open);
                        }
                    },
                );
            }
            Ok(())
        })
    }
}

/// Calls `f` with the elements of a tensor, or with none.
fn numbers(tensor: Option<&&Tensor>, f: &mut dyn FnMut(&[f32]) -> Result<()>) -> Result<()> {
    match tensor {
        Some(tensor) => read::<f32, ()>(tensor, f),
        None => f(&[]),
    }
}

#[inline(always)]
fn gated(f: f32, g: f32) -> f32 {
    tanh(f) * sigmoid(g)
}

/// The same for rows `[n, 2F]` of sums in one group: `[n, F]`.
pub(crate) fn gate_rows(sums: &[f32], features: usize, out: &mut [f32]) {
    let rows = sums.chunks_exact(2 * features).zip(out.chunks_exact_mut(features));
    vectorised(
        #[inline(always)]
        || {
            for (sums, out) in rows {
                let (f, g) = sums.split_at(features);
                out.iter_mut().zip(f.iter().zip(g)).for_each(|(out, (f, g))| *out = gated(*f, *g));
            }
        },
    );
}

impl CustomOp1 for Gate {
    fn name(&self) -> &'static str {
        "gate"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        self.forward(Terms { x: slice(x, layout)?, y: &[], c: &[] }, layout.dims())
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, g: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(self.backward(&[x], g)?.0))
    }
}

impl CustomOp2 for Gate {
    fn name(&self) -> &'static str {
        "gate"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        layout: &Layout,
        second: &CpuStorage,
        second_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, second) = (slice(x, layout)?, slice(second, second_layout)?);
        let (y, c): (&[f32], &[f32]) = if self.added { (second, &[]) } else { (&[], second) };
        self.forward(Terms { x, y, c }, layout.dims())
    }

    fn bwd(
        &self,
        x: &Tensor,
        second: &Tensor,
        _: &Tensor,
        g: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (dx, dc) = self.backward(&[x, second], g)?;
        Ok((Some(dx.clone()), dc.or(Some(dx))))
    }
}

impl CustomOp3 for Gate {
    fn name(&self) -> &'static str {
        "gate"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        y: &CpuStorage,
        y_layout: &Layout,
        c: &CpuStorage,
        c_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let terms =
            Terms { x: slice(x, x_layout)?, y: slice(y, y_layout)?, c: slice(c, c_layout)? };
        self.forward(terms, x_layout.dims())
    }

    fn bwd(
        &self,
        x: &Tensor,
        y: &Tensor,
        c: &Tensor,
        _: &Tensor,
        g: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (dx, dc) = self.backward(&[x, y, c], g)?;
        Ok((Some(dx.clone()), Some(dx), dc))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gradcheck::gradcheck;
    use candle_core::{DType, Device, Var};

    fn var(shape: &[usize], seed: usize, dtype: DType) -> Var {
        let n = shape.iter().product();
        let values: Vec<f64> = (0..n).map(|i| ((i * 7 + seed) % 23) as f64 / 8.0 - 1.4).collect();
        let values = Tensor::from_vec(values, shape, &Device::Cpu).unwrap();
        Var::from_tensor(&values.to_dtype(dtype).unwrap()).unwrap()
    }

    #[test]
    fn a_gate_by_hand() {
        // Two groups of one feature at one position: tanh of the first times σ of the second.
        let x = Tensor::new(&[0.5f32, 0.0, -1.0, 1.0], &Device::Cpu).unwrap();
        let x = x.reshape((1, 4, 1, 1)).unwrap();
        let y = Tensor::new(&[0.5f32, 0.0, 0.0, 1.0], &Device::Cpu).unwrap();
        let y = y.reshape((1, 4, 1, 1)).unwrap();
        let c = Tensor::new(&[[0f32, 0.0, 0.0, -4.0]], &Device::Cpu).unwrap();
        let out = |groups| -> Vec<f32> {
            let out = gate(&x, Some(&y), Some(&c), groups).unwrap();
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
        assert_eq!(rows.to_vec(), out(2));
        assert!(gate(&x, None, None, 3).is_err() && gate(&x, None, Some(&y), 1).is_err());
    }

    #[test]
    fn kernel_and_candle_agree_and_so_do_differences() {
        for (added, shifted) in [(false, false), (true, false), (false, true), (true, true)] {
            let run = |dtype: DType| {
                let shape = [2, 12, 3, 5];
                let vars = [var(&shape, 1, dtype), var(&shape, 5, dtype), var(&[2, 12], 9, dtype)];
                let weights = var(&[2, 6, 3, 5], 3, dtype);
                let f = || {
                    let [x, y, c] = &vars;
                    let (y, c) = (added.then_some(y.as_tensor()), shifted.then_some(c.as_tensor()));
                    (gate(x, y, c, 3)? * weights.as_detached_tensor())?.sum_all()
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
