//! Losses on `[B]` values whose gradient is known: one pass forward and one backward.
use super::{on_cpu_f32, read, slice, vectorised};
use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};
use train::is_host;

/// The penalty of one error d = pred − target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Regression {
    /// d².
    Squared,
    /// ½·d² up to |d| = δ, δ·(|d| − ½·δ) beyond.
    Huber { delta: f32 },
}

/// The mean penalty over all elements: a scalar. None where there is no kernel for the tensors.
pub(crate) fn regression(
    pred: &Tensor,
    target: &Tensor,
    penalty: Regression,
) -> Result<Option<Tensor>> {
    if !on_cpu_f32(&[pred, target]) || target.track_op() {
        return Ok(None);
    }
    let (pred, target) = (pred.contiguous()?, target.contiguous()?);
    pred.apply_op2(&target, penalty).map(Some)
}

impl Regression {
    #[inline(always)]
    fn penalty(self, d: f32) -> f32 {
        match self {
            Regression::Squared => d * d,
            Regression::Huber { delta } if d.abs() <= delta => 0.5 * d * d,
            Regression::Huber { delta } => delta * (d.abs() - 0.5 * delta),
        }
    }

    #[inline(always)]
    fn slope(self, d: f32) -> f32 {
        match self {
            Regression::Squared => 2.0 * d,
            Regression::Huber { delta } if d > delta => delta,
            Regression::Huber { delta } if d < -delta => -delta,
            // NaN too.
            Regression::Huber { .. } => d,
        }
    }
}

impl CustomOp2 for Regression {
    fn name(&self) -> &'static str {
        "regression"
    }

    fn cpu_fwd(
        &self,
        pred: &CpuStorage,
        pred_layout: &Layout,
        target: &CpuStorage,
        target_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let pred: &[f32] = slice(pred, pred_layout)?;
        let target: &[f32] = slice(target, target_layout)?;
        let penalties = pred.iter().zip(target).map(|(pred, target)| self.penalty(pred - target));
        let mean = penalties.map(f64::from).sum::<f64>() / pred.len() as f64;
        Ok((CpuStorage::F32(vec![mean as f32]), Shape::from(())))
    }

    fn bwd(
        &self,
        pred: &Tensor,
        target: &Tensor,
        _: &Tensor,
        g: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let scale = g.to_scalar::<f32>()? / pred.elem_count() as f32;
        let gradient = read(pred, |pred: &[f32]| {
            read(target, |target: &[f32]| {
                let pairs = pred.iter().zip(target);
                Ok(vectorised(
                    #[inline(always)]
                    || pairs.map(|(pred, target)| scale * self.slope(pred - target)).collect(),
                ))
            })
        })?;
        Ok((Some(Tensor::from_vec::<_, f32>(gradient, pred.shape(), pred.device())?), None))
    }
}

/// `out[i] = q[i, actions[i]]`, of shape `[B]`. None where there is no kernel for the tensors.
pub(crate) fn select(q: &Tensor, actions: &Tensor) -> Result<Option<Tensor>> {
    if !on_cpu_f32(&[q]) || !is_host(actions.device()) {
        return Ok(None);
    }
    let (q, actions) = (q.contiguous()?, actions.contiguous()?);
    let selected = match q.track_op() {
        true => q.apply_op2(&actions, Select)?,
        false => q.apply_op2_no_bwd(&actions, &Select)?,
    };
    Ok(Some(selected))
}

struct Select;

impl CustomOp2 for Select {
    fn name(&self) -> &'static str {
        "select"
    }

    fn cpu_fwd(
        &self,
        q: &CpuStorage,
        q_layout: &Layout,
        actions: &CpuStorage,
        actions_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (batch, n) = q_layout.shape().dims2()?;
        let q: &[f32] = slice(q, q_layout)?;
        let actions: &[u32] = slice(actions, actions_layout)?;
        let mut selected = Vec::with_capacity(batch);
        for (row, (q, &action)) in q.chunks_exact(n).zip(actions).enumerate() {
            match q.get(action as usize) {
                Some(&q) => selected.push(q),
                None => bail!("select: action {action} in row {row}, there are {n} actions"),
            }
        }
        Ok((CpuStorage::F32(selected), Shape::from(batch)))
    }

    fn bwd(
        &self,
        q: &Tensor,
        actions: &Tensor,
        _: &Tensor,
        g: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let n = q.dim(1)?;
        let mut dq = vec![0.0; q.elem_count()];
        read(actions, |actions: &[u32]| {
            read(g, |g: &[f32]| {
                for ((dq, &action), &g) in dq.chunks_exact_mut(n).zip(actions).zip(g) {
                    match dq.get_mut(action as usize) {
                        Some(dq) => *dq = g,
                        None => bail!("select: actions were overwritten before the backward pass"),
                    }
                }
                Ok(())
            })
        })?;
        Ok((Some(Tensor::from_vec(dq, q.shape(), q.device())?), None)) // [B, A]
    }
}
