//! Autoregressive layers: each number is scaled and shifted by a function of those before it.
//!
//! With m and s from one masked network (MADE, as [`made`](mod@crate::made)), whose outputs i depend on the inputs before i alone:
//!
//! - masked (MAF, equations 4 and 5): z_i = (x_i − m_i(x_<i))·exp(−s_i(x_<i)), all i at once; x of z takes D passes,
//! - inverse (IAF, equation 10): x_i = m_i(z_<i) + exp(s_i(z_<i))·z_i; z of x takes D passes.
//!
//! In either case log |det ∂z/∂x| = −Σ s_i. The order of the numbers is turned round from layer to layer.
use super::bijection::{Bijection, bounded};
use super::config::FlowConfig;
use crate::made::sees;
use candle_core::{Module as _, Result, Tensor};
use nn::{Activation, Linear, Params};

/// An autoregressive layer.
pub(super) struct Autoregressive {
    /// `[B, D]` to `[B, hidden]`, and so on.
    hidden: Vec<Linear>,
    /// `[B, hidden]` to s and m side by side, `[B, 2·D]`.
    out: Linear,
    /// m and s are functions of z.
    inverse: bool,
}

impl Autoregressive {
    /// The `block`-th layer of a flow.
    pub(super) fn new(
        params: &Params,
        name: &str,
        d: usize,
        (block, inverse): (usize, bool),
        config: &FlowConfig,
    ) -> Result<Self> {
        // From 1.
        let degrees: Vec<usize> = match block % 2 {
            0 => (1..=d).collect(),
            _ => (1..=d).rev().collect(),
        };
        let units: Vec<usize> = (0..config.hidden).map(|unit| 1 + unit % (d - 1)).collect();
        let outputs: Vec<usize> = degrees.iter().chain(&degrees).map(|degree| degree - 1).collect();
        let dense = |name: &str, to: &[usize], from: &[usize], activation| {
            let mask = to.iter().flat_map(|to| from.iter().map(move |from| sees(*to, *from)));
            let mask: Vec<bool> = mask.collect();
            Linear::masked(params, name, [from.len(), to.len()], &mask, activation)
        };
        let (mut below, mut hidden) = (&degrees, Vec::new());
        for i in 1..=config.layers {
            hidden.push(dense(&format!("{name}.hidden{i}"), &units, below, Activation::Relu)?);
            below = &units;
        }
        let out = dense(&format!("{name}.out"), &outputs, below, Activation::Linear)?;
        Ok(Self { hidden, out, inverse })
    }

    /// s and m, `[B, D]` each.
    fn parameters(&self, x: &Tensor) -> Result<(Tensor, Tensor)> {
        let d = x.dim(1)?;
        let h = self.hidden.iter().try_fold(x.clone(), |h, layer| layer.forward(&h))?; // [B, hidden]
        let both = self.out.forward(&h)?; // [B, 2·D]
        Ok((bounded(&both.narrow(1, 0, d)?)?, both.narrow(1, d, d)?))
    }

    /// y = (x − m)·exp(−s) with parameters of x, and −Σ s, `[B]`.
    fn parallel(&self, x: &Tensor) -> Result<(Tensor, Tensor)> {
        let (s, m) = self.parameters(x)?;
        Ok((((x - m)? * s.neg()?.exp()?)?, s.sum(1)?.neg()?))
    }

    /// x = y·exp(s) + m with parameters of x: after k passes the first k numbers are right.
    fn sequential(&self, y: &Tensor) -> Result<Tensor> {
        let mut x = y.zeros_like()?;
        for _ in 0..y.dim(1)? {
            let (s, m) = self.parameters(&x)?;
            x = ((y * s.exp()?)? + m)?;
        }
        Ok(x)
    }
}

impl Bijection for Autoregressive {
    fn forward(&self, x: &Tensor) -> Result<(Tensor, Tensor)> {
        if !self.inverse {
            return self.parallel(x);
        }
        // z = (x − m(z))·exp(−s(z)), number by number.
        let mut z = x.zeros_like()?;
        let mut log_det = None;
        for _ in 0..x.dim(1)? {
            let (s, m) = self.parameters(&z)?;
            z = ((x - m)? * s.neg()?.exp()?)?;
            log_det = Some(s.sum(1)?.neg()?);
        }
        let log_det = log_det.map_or_else(|| x.sum(1)?.zeros_like(), Ok)?;
        Ok((z, log_det))
    }

    fn inverse(&self, z: &Tensor) -> Result<Tensor> {
        if !self.inverse {
            return self.sequential(z);
        }
        let (s, m) = self.parameters(z)?;
        (z * s.exp()?)? + m
    }

    fn detached(&self) -> Box<dyn Bijection> {
        Box::new(Self {
            hidden: self.hidden.iter().map(Linear::detached).collect(),
            out: self.out.detached(),
            inverse: self.inverse,
        })
    }
}
