//! Coupling layers: half of the numbers change by a function that the other half, which stays, decides.
//!
//! With x = (a, b): z = (a, g(b; θ(a))), where g is invertible in b, number by number, and θ is any network. Then ∂z/∂x is
//! triangular, and log |det ∂z/∂x| = Σ log ∂g/∂b. The next layer changes the other half. Halves are those of a checkerboard, for
//! points the two coordinates.
//!
//! - additive (NICE, section 3.2): g(b) = b + t,
//! - affine (RealNVP, equations 4 to 8): g(b) = b·exp(s) + t,
//! - [spline](super::spline) (Durkan et al., section 3.1).
use super::bijection::{Bijection, bounded};
use super::config::FlowConfig;
use super::spline::Spline;
use crate::form::Form;
use candle_core::{Module as _, Result, Tensor};
use nn::{Activation, Linear, Params, Sequential};

/// The function of the half that changes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Transform {
    Additive,
    Affine,
    Spline(Spline),
}

impl Transform {
    /// Parameters for each number.
    fn params(self) -> usize {
        match self {
            Self::Additive => 1,
            Self::Affine => 2,
            Self::Spline(spline) => spline.params(),
        }
    }

    /// g(b), `[B, M]`, and log ∂g/∂b of each number, `[B, M]`; `theta` is `[B, P·M]`, all M values of a parameter side by side.
    fn forward(self, b: &Tensor, theta: &Tensor) -> Result<(Tensor, Tensor)> {
        let m = b.dim(1)?;
        match self {
            Self::Additive => Ok(((b + theta)?, b.zeros_like()?)),
            Self::Affine => {
                let (s, t) = (bounded(&theta.narrow(1, 0, m)?)?, theta.narrow(1, m, m)?);
                Ok((((b * s.exp()?)? + t)?, s))
            }
            Self::Spline(spline) => spline.forward(b, theta),
        }
    }

    /// b of g(b).
    fn inverse(self, z: &Tensor, theta: &Tensor) -> Result<Tensor> {
        let m = z.dim(1)?;
        match self {
            Self::Additive => z - theta,
            Self::Affine => {
                let (s, t) = (bounded(&theta.narrow(1, 0, m)?)?, theta.narrow(1, m, m)?);
                (z - t)? * s.neg()?.exp()?
            }
            Self::Spline(spline) => spline.inverse(z, theta),
        }
    }
}

/// A coupling layer.
pub(super) struct Coupling {
    /// Columns that stay, `[K]`, and that change, `[M]`.
    kept: Tensor,
    changed: Tensor,
    /// Place of each column among those that stay and, after them, those that change, `[D]`.
    order: Tensor,
    /// θ: `[B, K]` to `[B, P·M]`.
    network: Sequential,
    transform: Transform,
}

impl Coupling {
    /// The `block`-th layer of a flow, which changes one half or, every second time, the other.
    pub(super) fn new(
        params: &Params,
        name: &str,
        form: Form,
        (block, transform): (usize, Transform),
        config: &FlowConfig,
    ) -> Result<Self> {
        let shape = form.shape();
        let changes = |column: usize| {
            let place = column % (shape.height * shape.width);
            (place / shape.width + place % shape.width + block) % 2 == 1
        };
        let (changed, kept): (Vec<usize>, Vec<usize>) =
            (0..form.len()).partition(|column| changes(*column));
        let mut order = vec![0; form.len()];
        kept.iter().chain(&changed).enumerate().for_each(|(place, column)| order[*column] = place);
        let mut width = kept.len();
        let mut layers = Vec::new();
        for i in 1..=config.layers {
            let name = format!("{name}.hidden{i}");
            layers.push(Linear::new(params, &name, width, config.hidden, Activation::Relu)?.into()); // [B, hidden]
            width = config.hidden;
        }
        let outputs = changed.len() * transform.params();
        let out = format!("{name}.out");
        layers.push(Linear::new(params, &out, width, outputs, Activation::Linear)?.into()); // [B, P·M]
        let columns = |of: &[usize]| {
            Tensor::from_iter(of.iter().map(|column| *column as u32), params.device())
        };
        Ok(Self {
            kept: columns(&kept)?,
            changed: columns(&changed)?,
            order: columns(&order)?,
            network: Sequential::new(layers),
            transform,
        })
    }

    /// Both halves, `[B, K]` and `[B, M]`.
    fn halves(&self, x: &Tensor) -> Result<(Tensor, Tensor)> {
        Ok((x.index_select(&self.kept, 1)?, x.index_select(&self.changed, 1)?))
    }

    /// A row of both, `[B, D]`.
    fn joined(&self, kept: &Tensor, changed: &Tensor) -> Result<Tensor> {
        Tensor::cat(&[kept, changed], 1)?.index_select(&self.order, 1)
    }
}

impl Bijection for Coupling {
    fn forward(&self, x: &Tensor) -> Result<(Tensor, Tensor)> {
        let (a, b) = self.halves(x)?;
        let (b, log_slopes) = self.transform.forward(&b, &self.network.forward(&a)?)?; // [B, M]
        Ok((self.joined(&a, &b)?, log_slopes.sum(1)?))
    }

    fn inverse(&self, z: &Tensor) -> Result<Tensor> {
        let (a, b) = self.halves(z)?;
        let b = self.transform.inverse(&b, &self.network.forward(&a)?)?; // [B, M]
        self.joined(&a, &b)
    }

    fn detached(&self) -> Box<dyn Bijection> {
        Box::new(Self {
            kept: self.kept.clone(),
            changed: self.changed.clone(),
            order: self.order.clone(),
            network: self.network.detached(),
            transform: self.transform,
        })
    }
}
