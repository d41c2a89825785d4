//! The flow of a trained velocity: samples, and their densities.
use crate::ode::{Field, Solver, solve};
use crate::process::{Process, Subject, guided};
use crate::time_network::TimeNetwork;
use anyhow::{Context as _, Result};
use candle_core::{DType, Tensor, Var};
use std::f64::consts::PI;
use train::{Download as _, Rng};

/// Solver of densities, however samples are drawn.
const EXACT: Solver = Solver::Adaptive { tolerance: 1e-5 };

/// The velocity that samples are drawn with: its exponential moving average, where there is one.
pub(super) struct Flow {
    pub(super) network: TimeNetwork,
    pub(super) subject: Subject,
    /// Guidance of samples.
    pub(super) guidance: f64,
    pub(super) solver: Solver,
}

/// Σᵢ ∂vᵢ/∂xᵢ for each row, `[n, 1]`, of v `[n, D]` computed from the variable x `[n, D]`, by D backward passes.
pub(super) fn divergence(v: &Tensor, x: &Var) -> Result<Tensor> {
    let mut sum = Tensor::zeros((x.dim(0)?, 1), x.dtype(), x.device())?;
    for axis in 0..x.dim(1)? {
        let gradients = v.narrow(1, axis, 1)?.sum_all()?.backward()?;
        // A velocity that x does not change has none.
        if let Some(gradient) = gradients.get(x) {
            sum = (sum + gradient.narrow(1, axis, 1)?)?;
        }
    }
    Ok(sum.detach())
}

/// Log-densities at time 1 of the rows of `x` `[n, D]`, where the flow of `velocity` begins with N(0, 1) at time 0 (Chen et al.
/// 2018, "Neural ordinary differential equations", equation 8): log p(x₁) = log N(x₀) − ∫₀¹ Σᵢ ∂vᵢ/∂xᵢ dt, `[n]`.
pub(super) fn log_densities(solver: Solver, velocity: &Field<'_>, x: &Tensor) -> Result<Vec<f64>> {
    let (n, d) = x.dims2()?;
    // The last column collects the integral.
    let both = |t: f64, state: &Tensor| -> Result<Tensor> {
        let x = Var::from_tensor(&state.narrow(1, 0, d)?.contiguous()?)?;
        let v = velocity(t, &x)?;
        let divergence = divergence(&v, &x)?;
        Ok(Tensor::cat(&[v.detach(), divergence], 1)?) // [n, D + 1]
    };
    let zeros = Tensor::zeros((n, 1), x.dtype(), x.device())?;
    let state = solve(solver, &both, Tensor::cat(&[x, &zeros], 1)?, [1.0, 0.0])?;
    let rows = state.to_dtype(DType::F64)?.download::<f64>()?;
    let log_density = |row: &[f64]| {
        let square: f64 = row[..d].iter().map(|x| x * x).sum();
        // From 1 to 0 it is minus the integral.
        row[d] - square / 2.0 - d as f64 / 2.0 * (2.0 * PI).ln()
    };
    Ok(rows.chunks_exact(d + 1).map(log_density).collect())
}

impl Flow {
    /// The velocity at x `[n, D]` with this guidance, `[n, D]`.
    pub(super) fn velocity(
        &self,
        (t, guidance): (f64, f64),
        x: &Tensor,
        label: Option<&Tensor>,
    ) -> Result<Tensor> {
        let features = self.network.features.of(t, x.dim(0)?, x.device())?;
        let free = || self.network.forward(x, &features, None);
        Ok(match label {
            Some(label) if guidance == 1.0 => self.network.forward(x, &features, Some(label))?,
            Some(label) if guidance != 0.0 => {
                guided(&free()?, &self.network.forward(x, &features, Some(label))?, guidance)?
            }
            _ => free()?,
        })
    }

    /// The place where the flow takes x `[n, D]` from one time to another, with `labels` of which there may be none, at the network's
    /// size.
    fn carried(&self, x: &[f32], labels: &[u32], way: [f64; 2]) -> Result<Vec<f32>> {
        let mut all = Vec::with_capacity(x.len());
        self.subject.in_groups(x, labels, |x, label| {
            let field = |t: f64, x: &Tensor| self.velocity((t, self.guidance), x, label.as_ref());
            let x = solve(self.solver, &field, x, way).context("the flow to samples")?;
            all.extend(x.download::<f32>()?);
            Ok(())
        })?;
        Ok(all)
    }

    /// Samples for `noise` `[n, D]`.
    pub(super) fn samples(&self, noise: &[f32], labels: &[u32]) -> Result<Vec<f32>> {
        Ok(self.subject.restored(self.carried(noise, labels, [0.0, 1.0])?))
    }

    /// Log-densities of points `[n, 2]` by an exact trace, given their labels where there are some, without guidance, `[n]`.
    pub(super) fn log_densities(&self, points: &[f32], labels: &[u32]) -> Result<Vec<f64>> {
        self.subject.log_densities(points, |points| {
            let mut all = Vec::new();
            self.subject.in_groups(points, labels, |x, label| {
                let field = |t: f64, x: &Tensor| self.velocity((t, 1.0), x, label.as_ref());
                all.extend(log_densities(EXACT, &field, &x).context("the flow from data")?);
                Ok(())
            })?;
            Ok(all)
        })
    }
}

impl Process for Flow {
    fn subject(&self) -> &Subject {
        &self.subject
    }

    fn generate(&self, n: usize, labels: &[u32], rng: &mut Rng) -> Result<Vec<f32>> {
        self.samples(&self.subject.noise(n, rng), labels)
    }

    fn states(
        &self,
        n: usize,
        labels: &[u32],
        times: usize,
        rng: &mut Rng,
    ) -> Result<Vec<Vec<f32>>> {
        let at = |i: usize| i as f64 / (times - 1) as f64;
        let mut x = self.subject.noise(n, rng);
        let mut all = vec![self.subject.restored(x.clone())];
        for i in 1..times {
            x = self.carried(&x, labels, [at(i - 1), at(i)])?;
            all.push(self.subject.restored(x.clone()));
        }
        Ok(all)
    }
}
