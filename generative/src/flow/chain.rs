//! The chain of functions of a flow, and its density.
use super::autoregressive::Autoregressive;
use super::bijection::{Bijection, Scaling};
use super::config::{FlowConfig, FlowNetwork};
use super::coupling::{Coupling, Transform};
use super::dequantise::Dequantise;
use super::spline::Spline;
use crate::form::Form;
use candle_core::{Result, Tensor};
use nn::{Init, Params};
use std::f64::consts::TAU;
use std::ops::Range;

/// Functions, the first one nearest to the data.
pub(super) struct Chain(Vec<Box<dyn Bijection>>);

impl Chain {
    /// The functions that `config` names, for rows of `form`; the first one is initialised by the moments of `rows`,
    /// `[n, D]`, of which there may be none.
    pub(super) fn new(
        params: &Params,
        form: Form,
        rows: &[f32],
        config: &FlowConfig,
    ) -> Result<Self> {
        let d = form.len();
        let mut all: Vec<Box<dyn Bijection>> =
            vec![Box::new(Scaling::of_data(params, "scaling", form, rows)?)];
        for block in 0..config.blocks {
            let name = format!("block{block:03}");
            let transform = match config.network {
                FlowNetwork::Nice => Transform::Additive,
                FlowNetwork::RealNvp => Transform::Affine,
                FlowNetwork::Spline => {
                    Transform::Spline(Spline { bins: config.bins, tail: config.tail })
                }
                FlowNetwork::Maf | FlowNetwork::Iaf => {
                    let inverse = config.network == FlowNetwork::Iaf;
                    let made = Autoregressive::new(params, &name, d, (block, inverse), config)?;
                    all.push(Box::new(made));
                    continue;
                }
            };
            all.push(Box::new(Coupling::new(params, &name, form, (block, transform), config)?));
        }
        if config.network == FlowNetwork::Nice {
            all.push(Box::new(Scaling::new(params, "top", d)?));
        }
        // Without hidden weights in the last layer of a network a layer is the identity.
        params.redraw(|name, _| {
            let is_last = name.contains(".out.");
            is_last.then_some(Init::Constant(0.0))
        })?;
        Ok(Self(all))
    }

    /// z of x, `[B, D]`, and the sum of the log determinants, `[B]`.
    pub(super) fn forward(&self, x: &Tensor) -> Result<(Tensor, Tensor)> {
        let (mut z, mut log_det) = (x.clone(), None);
        for function in &self.0 {
            let (next, part) = function.forward(&z)?;
            log_det = Some(match log_det {
                None => part,
                Some(sum) => (sum + part)?,
            });
            z = next;
        }
        let log_det = log_det.map_or_else(|| x.sum(1)?.zeros_like(), Ok)?;
        Ok((z, log_det))
    }

    /// The number of functions.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// x of z, `[B, D]`, by the inverses of a range of the functions, counted from the last one, which is the first to be inverted.
    pub(super) fn inverse(&self, z: &Tensor, functions: Range<usize>) -> Result<Tensor> {
        let mut chosen = self.0.iter().rev().take(functions.end).skip(functions.start);
        chosen.try_fold(z.clone(), |z, function| function.inverse(&z))
    }

    /// The chain as it is, with the same parameters and without their gradients.
    pub(super) fn detached(&self) -> Self {
        Self(self.0.iter().map(|function| function.detached()).collect())
    }
}

/// −log p of each row of x `[B, D]`, with z of x: ½‖z‖² + D/2·log 2π − log |det ∂z/∂x|, `[B]`. Of images, whose noise `u` gives, the bound
/// on −log P.
pub(super) fn nll(
    chain: &Chain,
    dequantise: Option<Dequantise>,
    x: &Tensor,
    u: impl FnOnce() -> Result<Tensor>,
) -> Result<Tensor> {
    let Some(dequantise) = dequantise else { return density(chain, x) };
    let (y, volume) = dequantise.forward(x, &u()?)?; // [B, D], [B]
    density(chain, &y)? - volume
}

/// −log p of rows x `[B, D]` of real numbers, `[B]`.
pub(super) fn density(chain: &Chain, x: &Tensor) -> Result<Tensor> {
    let (z, log_det) = chain.forward(x)?; // [B, D], [B]
    let normal = x.dim(1)? as f64 / 2.0 * TAU.ln();
    (z.sqr()?.sum(1)? * 0.5)?.affine(1.0, normal)? - log_det // [B]
}
