//! Layers of the transformer.
use candle_core::{Module as _, Result, Tensor};
use nn::{Activation, Init, Linear, Params};

/// Layer normalisation, (x − mean)/√(variance + 10⁻⁵)·weight + bias over the features of a row (Ba et al. 2016).
#[derive(Clone)]
pub(super) struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
}

impl LayerNorm {
    pub(super) fn new(params: &Params, name: &str, features: usize) -> Result<Self> {
        let var = |part: &str, value| {
            params.var(&format!("{name}.{part}"), features, Init::Constant(value))
        };
        // The names in checkpoints.
        Ok(Self { weight: var("scale", 1.0)?, bias: var("shift", 0.0)? })
    }

    /// For rows `[N, F]`.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = x.broadcast_sub(&x.mean_keepdim(1)?)?;
        let deviation = (x.sqr()?.mean_keepdim(1)? + 1e-5)?.sqrt()?;
        x.broadcast_div(&deviation)?.broadcast_mul(&self.weight)?.broadcast_add(&self.bias)
    }

    pub(super) fn detached(&self) -> Self {
        Self { weight: self.weight.detach(), bias: self.bias.detach() }
    }
}

/// A pre-norm block of attention and a dense layer, rows `[N, F]` to rows `[N, F]`.
#[derive(Clone)]
pub(super) struct Block {
    ln_1: LayerNorm,
    /// F to queries, keys and values, 3F.
    qkv: Linear,
    out: Linear,
    ln_2: LayerNorm,
    /// F to 4F.
    up: Linear,
    down: Linear,
}

impl Block {
    pub(super) fn new(params: &Params, name: &str, features: usize) -> Result<Self> {
        let dense = |part: &str, inputs, outputs, activation| {
            Linear::new(params, &format!("{name}.{part}"), inputs, outputs, activation)
        };
        Ok(Self {
            ln_1: LayerNorm::new(params, &format!("{name}.before"), features)?,
            qkv: dense("qkv", features, 3 * features, Activation::Linear)?,
            out: dense("out", features, features, Activation::Linear)?,
            ln_2: LayerNorm::new(params, &format!("{name}.between"), features)?,
            up: dense("up", features, 4 * features, Activation::Linear)?,
            down: dense("down", 4 * features, features, Activation::Linear)?,
        })
    }

    /// `attention` takes queries, keys and values `[N, 3F]` to `[N, F]`.
    pub(super) fn forward(
        &self,
        h: &Tensor,
        attention: impl FnOnce(&Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let attended = attention(&self.qkv.forward(&self.ln_1.forward(h)?)?)?; // [N, F]
        let h = (h + self.out.forward(&attended)?)?;
        let change = self.down.forward(&self.up.forward(&self.ln_2.forward(&h)?)?.gelu()?)?;
        h + change
    }

    pub(super) fn detached(&self) -> Self {
        Self {
            ln_1: self.ln_1.detached(),
            qkv: self.qkv.detached(),
            out: self.out.detached(),
            ln_2: self.ln_2.detached(),
            up: self.up.detached(),
            down: self.down.detached(),
        }
    }
}
