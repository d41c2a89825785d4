//! The ε-greedy policy, as logits that actions are drawn by.
use candle_core::{D, DType, Tensor};

/// Logits of the ε-greedy policy, log(ε/A + (1 − ε)·1(a = argmax Q)), for Q `[N, A]`: `[N, A]`.
///
/// # Errors
/// If `q` is no matrix.
pub fn epsilon_greedy(q: &Tensor, epsilon: f64) -> candle_core::Result<Tensor> {
    let (_, n) = q.dims2()?;
    greedy(q)?.affine(1.0 - epsilon, epsilon / n as f64)?.log()
}

/// [`epsilon_greedy`] among the actions that are allowed, log(ε/A(s) + (1 − ε)·1(a = argmax Q)) with A(s) of them, for
/// numbers `masks` `[N, A]` to add to Q; others have −∞.
pub(super) fn masked_epsilon_greedy(
    q: &Tensor,
    epsilon: f64,
    masks: Option<&Tensor>,
) -> candle_core::Result<Tensor> {
    let Some(masks) = masks else { return epsilon_greedy(q, epsilon) };
    let allowed = masks.eq(0.0)?.to_dtype(DType::F32)?; // [N, A]
    let any = (allowed.broadcast_div(&allowed.sum_keepdim(D::Minus1)?)? * epsilon)?;
    (any + (greedy(&(q + masks)?)? * (1.0 - epsilon))?)?.log()
}

/// 1 for the greedy action, the first of several, for Q `[N, A]`: `[N, A]`.
fn greedy(q: &Tensor) -> candle_core::Result<Tensor> {
    let (_, n) = q.dims2()?;
    let actions = Tensor::arange(0u32, n as u32, q.device())?.unsqueeze(0)?; // [1, A]
    let best = q.argmax_keepdim(D::Minus1)?; // [N, 1]
    best.broadcast_eq(&actions)?.to_dtype(DType::F32) // [N, A]
}
