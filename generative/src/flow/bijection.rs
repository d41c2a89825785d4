//! Invertible functions of rows.
use crate::form::Form;
use candle_core::{Result, Tensor};
use nn::{Init, Params};

/// An invertible function of rows of D numbers.
pub(super) trait Bijection {
    /// z of x, `[B, D]`, and log |det ∂z/∂x| of each row, `[B]`.
    fn forward(&self, x: &Tensor) -> Result<(Tensor, Tensor)>;

    /// x of z, `[B, D]`.
    fn inverse(&self, z: &Tensor) -> Result<Tensor>;

    /// The function as it is, with the same parameters and without their gradients.
    fn detached(&self) -> Box<dyn Bijection>;
}

/// z = (x − m)·exp(−s), number by number.
pub(super) struct Scaling {
    /// m, `[D]`.
    shift: Tensor,
    /// s, `[D]`.
    log_scale: Tensor,
}

impl Scaling {
    /// The identity.
    pub(super) fn new(params: &Params, name: &str, d: usize) -> Result<Self> {
        let zero = Init::Constant(0.0);
        let shift = params.var(&format!("{name}.shift"), d, zero)?;
        let log_scale = params.var(&format!("{name}.log_scale"), d, zero)?;
        Ok(Self { shift, log_scale })
    }

    /// To mean 0 and variance 1 over `rows`, `[n, D]`: of points each number, of images each channel.
    pub(super) fn of_data(params: &Params, name: &str, form: Form, rows: &[f32]) -> Result<Self> {
        let d = form.len();
        let new = Self::new(params, name, d)?;
        let shape = form.shape();
        let group = match form {
            Form::Point => 1,
            Form::Image(_) => shape.height * shape.width,
        };
        let (mut shift, mut log_scale) = (vec![0.0; d], vec![0.0; d]);
        for first in (0..d).step_by(group) {
            let numbers = || {
                rows.chunks_exact(d)
                    .flat_map(|row| &row[first..first + group])
                    .map(|x| f64::from(*x))
            };
            let n = (rows.len() / d * group) as f64;
            if n == 0.0 {
                continue;
            }
            let mean = numbers().sum::<f64>() / n;
            let variance = numbers().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
            shift[first..first + group].fill(mean as f32);
            if variance > 0.0 {
                log_scale[first..first + group].fill((variance.ln() / 2.0) as f32);
            }
        }
        for (name_of, values) in [("shift", shift), ("log_scale", log_scale)] {
            let full = format!("{name}.{name_of}");
            for (_, var) in params.named().into_iter().filter(|(name, _)| *name == full) {
                var.set(&Tensor::new(&*values, var.device())?)?;
            }
        }
        Ok(new)
    }
}

impl Bijection for Scaling {
    fn forward(&self, x: &Tensor) -> Result<(Tensor, Tensor)> {
        let z = x.broadcast_sub(&self.shift)?.broadcast_mul(&self.log_scale.neg()?.exp()?)?; // [B, D]
        let log_det = self.log_scale.sum_all()?.neg()?.broadcast_as(x.dim(0)?)?; // [B]
        Ok((z, log_det))
    }

    fn inverse(&self, z: &Tensor) -> Result<Tensor> {
        z.broadcast_mul(&self.log_scale.exp()?)?.broadcast_add(&self.shift)
    }

    fn detached(&self) -> Box<dyn Bijection> {
        let [shift, log_scale] = [&self.shift, &self.log_scale].map(Tensor::detach);
        Box::new(Self { shift, log_scale })
    }
}

/// A log-scale between −5 and 5, 5·tanh(s/5).
pub(super) fn bounded(s: &Tensor) -> Result<Tensor> {
    (s / 5.0)?.tanh()? * 5.0
}
