//! Functions of activations that have no parameters.
use crate::ops::{self, Reader, Signal};
use candle_core::{Result, Tensor};

/// tanh(s_f)·σ(s_g) of the sum s of features x and y `[B, …, 2F]` and, the same at every position, c `[B, 2F]`:
/// `[B, …, F]`. The features are in `groups`, each of which has its s_f before its s_g (van den Oord et al.
/// 2016, "Conditional Image Generation with PixelCNN Decoders", equations 2 and 4).
///
/// ```
/// # fn main() -> candle_core::Result<()> {
/// use candle_core::{Device, Tensor};
/// use nn::{Reader, Signal};
/// let x = Tensor::new(&[[1f32, 0.0]], &Device::Cpu)?; // [1, 2]
/// let y = nn::gate(&Signal::from(&x), None, None, 1, Reader::Anybody)?.into_tensor()?; // [1, 1]
/// assert!((y.to_vec2::<f32>()?[0][0] - 1f32.tanh() / 2.0).abs() < 1e-6);
/// # Ok(())
/// # }
/// ```
pub fn gate(
    x: &Signal,
    y: Option<&Signal>,
    c: Option<&Tensor>,
    groups: usize,
    reader: Reader,
) -> Result<Signal> {
    ops::gate(x, y, c, groups, reader)
}

/// Causal self-attention: no position attends to a later one (Vaswani et al. 2017, "Attention is all
/// you need", section 3.2). For rows x `[B·D, 3F]` of queries q, keys k and values v, the D positions
/// of a sample one after the other, in `heads` parts of d = F/heads features, Σ_j softmax_j(q_i·k_j/√d
/// over j ≤ i)·v_j, `[B·D, F]`.
pub fn causal_attention(
    x: &Signal,
    positions: usize,
    heads: usize,
    reader: Reader,
) -> Result<Signal> {
    ops::causal_attention(x, positions, heads, reader)
}

/// [`gate`] for rows of sums in one group, `[n, 2F]` to `[n, F]`: the same bits, a few pixels at a time.
pub fn gate_rows(sums: &[f32], features: usize, out: &mut [f32]) {
    ops::gate_rows(sums, features, out);
}
