//! The rules: over slices on the CPU, and once more by Candle's operations for other devices.
use super::{RmsForm, Rule};
use crate::ops::{self, sqrt, vectorised};
use candle_core::{Result, Tensor, Var, bail};

/// One step of a rule.
pub(super) struct Update {
    pub(super) rule: Rule,
    /// Number of the step, from 1.
    pub(super) step: u64,
    /// Factor of the gradient, applied first.
    pub(super) scale: f64,
}

impl Update {
    /// 1 / (1 − βᵗ), which undoes that a mean with decay β started from 0.
    fn debias(&self, beta: f64) -> f64 {
        1.0 / (1.0 - beta.powf(self.step as f64))
    }

    /// Updates a parameter and its moments in their own storage.
    pub(super) fn in_place(&self, theta: &Var, gradient: &[f32], moments: &[Var]) -> Result<()> {
        if self.rule.moments().len() != moments.len() {
            bail!("{:?} does not work on {} moments", self.rule, moments.len())
        }
        ops::write(theta, |theta: &mut [f32]| match moments {
            [a, b] => {
                ops::write(a, |a: &mut [f32]| ops::write(b, |b| self.tiles(theta, gradient, a, b)))
            }
            [a] => ops::write(a, |a| self.tiles(theta, gradient, a, &mut [])),
            _ => self.tiles(theta, gradient, &mut [], &mut []),
        })
    }

    /// Updates one tile after the other, on several threads where there are many. A moment that the
    /// rule does not have is empty.
    fn tiles(&self, theta: &mut [f32], g: &[f32], a: &mut [f32], b: &mut [f32]) -> Result<()> {
        const TILE: usize = 1 << 14;
        // What one element costs in multiply-adds of a matrix product, roughly.
        const ELEMENT_WORK: usize = 64;
        let (count, work) = (theta.len().div_ceil(TILE), theta.len() * ELEMENT_WORK);
        let moments = ops::pieces(a, TILE, count).into_iter().zip(ops::pieces(b, TILE, count));
        let tasks = theta.chunks_mut(TILE).zip(g.chunks(TILE)).zip(moments).collect();
        ops::for_each_task(tasks, work, |_, ((theta, g), (a, b))| {
            self.tile(theta, g, a, b);
            Ok(())
        })
    }

    fn tile(&self, theta: &mut [f32], g: &[f32], a: &mut [f32], b: &mut [f32]) {
        let scale = self.scale as f32;
        match self.rule {
            Rule::Adam { lr, beta1, beta2, eps } => {
                let (rate, v_scale) = (lr * self.debias(beta1), self.debias(beta2));
                let [rate, v_scale, eps] = [rate, v_scale, eps].map(|value| value as f32);
                let (m_mean, v_mean) = (Mean::new(beta1), Mean::new(beta2));
                let terms = theta.iter_mut().zip(g).zip(a.iter_mut().zip(b));
                vectorised(
                    #[inline(always)]
                    || {
                        for ((theta, &g), (m, v)) in terms {
                            let g = scale * g;
                            *m = m_mean.next(*m, g);
                            *v = v_mean.next(*v, g * g);
                            *theta -= rate * *m / (sqrt(*v * v_scale) + eps);
                        }
                    },
                );
            }
            Rule::RmsProp { lr, decay, eps, form: RmsForm::Plain } => {
                let (lr, eps, mean) = (lr as f32, eps as f32, Mean::new(decay));
                let terms = theta.iter_mut().zip(g).zip(a);
                vectorised(
                    #[inline(always)]
                    || {
                        for ((theta, &g), v) in terms {
                            let g = scale * g;
                            *v = mean.next(*v, g * g);
                            *theta -= lr * g / (sqrt(*v) + eps);
                        }
                    },
                );
            }
            Rule::RmsProp { lr, decay, eps, form } => {
                let (lr, mean) = (lr as f32, Mean::new(decay));
                let (inside, outside) = match form {
                    RmsForm::CentredEpsInside => (eps as f32, 0.0),
                    RmsForm::Centred | RmsForm::Plain => (0.0, eps as f32),
                };
                let terms = theta.iter_mut().zip(g).zip(a.iter_mut().zip(b));
                vectorised(
                    #[inline(always)]
                    || {
                        for ((theta, &g), (v, mean_g)) in terms {
                            let g = scale * g;
                            *v = mean.next(*v, g * g);
                            *mean_g = mean.next(*mean_g, g);
                            // Rounding can leave a variance just below 0.
                            let variance = (*v - *mean_g * *mean_g).max(0.0);
                            *theta -= lr * g / (sqrt(variance + inside) + outside);
                        }
                    },
                );
            }
            Rule::Sgd { lr, momentum: 0.0 } => {
                for (theta, g) in theta.iter_mut().zip(g) {
                    *theta -= lr as f32 * (scale * g);
                }
            }
            Rule::Sgd { lr, momentum } => {
                for ((theta, g), u) in theta.iter_mut().zip(g).zip(a) {
                    *u = momentum as f32 * *u + scale * g;
                    *theta -= lr as f32 * *u;
                }
            }
        }
    }

    /// Update by Candle's operations, by the formulas of the kernels, on any device.
    pub(super) fn by_candle(&self, theta: &Var, gradient: &Tensor, moments: &[Var]) -> Result<()> {
        let g = (gradient.detach() * self.scale)?;
        let mean = |moment: &Var, new: &Tensor, decay: f64| -> Result<Tensor> {
            moment.set(&((moment.as_tensor() * decay)? + (new * (1.0 - decay))?)?)?;
            Ok(moment.as_detached_tensor())
        };
        let change = match (self.rule, moments) {
            (Rule::Adam { lr, beta1, beta2, eps }, [m, v]) => {
                let m = (mean(m, &g, beta1)? * (lr * self.debias(beta1)))?;
                let v = (mean(v, &g.sqr()?, beta2)? * self.debias(beta2))?;
                (m / (v.sqrt()? + eps)?)?
            }
            (Rule::RmsProp { lr, decay, eps, form: RmsForm::Plain }, [v]) => {
                let v = mean(v, &g.sqr()?, decay)?;
                ((&g * lr)? / (v.sqrt()? + eps)?)?
            }
            (Rule::RmsProp { lr, decay, eps, form }, [v, mean_g]) => {
                let v = mean(v, &g.sqr()?, decay)?;
                let variance = (v - mean(mean_g, &g, decay)?.sqr()?)?.relu()?;
                let divisor = match form {
                    RmsForm::CentredEpsInside => (variance + eps)?.sqrt()?,
                    RmsForm::Centred | RmsForm::Plain => (variance.sqrt()? + eps)?,
                };
                ((&g * lr)? / divisor)?
            }
            (Rule::Sgd { lr, .. }, []) => (g * lr)?,
            (Rule::Sgd { lr, momentum }, [u]) => {
                u.set(&((u.as_tensor() * momentum)? + g)?)?;
                (u.as_detached_tensor() * lr)?
            }
            (rule, moments) => bail!("{rule:?} does not work on {} moments", moments.len()),
        };
        theta.set(&(theta.as_detached_tensor() - change)?)
    }
}

/// A running mean: mean ← decay·mean + (1 − decay)·new.
#[derive(Clone, Copy)]
struct Mean {
    keep: f32,
    take: f32,
}

impl Mean {
    fn new(decay: f64) -> Self {
        Self { keep: decay as f32, take: (1.0 - decay) as f32 }
    }

    #[inline(always)]
    fn next(self, mean: f32, new: f32) -> f32 {
        self.keep * mean + self.take * new
    }
}

/// The sum of squares, of tiles side by side.
pub(super) fn squares(values: &[f32]) -> f64 {
    const TILE: usize = 1 << 15;
    // What one element costs in multiply-adds of a matrix product, roughly.
    const ELEMENT_WORK: usize = 16;
    ops::sum_tiles(values.len().div_ceil(TILE), values.len() * ELEMENT_WORK, |tile| {
        tile_squares(&values[tile * TILE..values.len().min((tile + 1) * TILE)])
    })
}

/// The sum of squares, in several sums side by side so that it runs on vectors.
fn tile_squares(values: &[f32]) -> f64 {
    const LANES: usize = 32;
    vectorised(
        #[inline(always)]
        || {
            let mut sums = [0f64; LANES];
            let (chunks, rest) = values.as_chunks::<LANES>();
            for chunk in chunks {
                for (sum, &value) in sums.iter_mut().zip(chunk) {
                    *sum += f64::from(value) * f64::from(value);
                }
            }
            let rest = rest.iter().map(|&value| f64::from(value) * f64::from(value));
            sums.into_iter().chain(rest).sum()
        },
    )
}
