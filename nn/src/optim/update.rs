//! The rules: over slices on the CPU, and once more by Candle's operations for other devices.
use super::{RmsForm, Rule};
use crate::ops::{self, vectorised};
use candle_core::{Result, Tensor, Var, bail};

/// One step of a rule.
pub(super) struct Update {
    pub(super) rule: Rule,
    /// Which step it is, from 1.
    pub(super) step: u64,
    /// What the gradient is multiplied by first.
    pub(super) scale: f64,
}

impl Update {
    /// 1 / (1 − βᵗ), which undoes that a mean with decay β started from 0.
    fn debias(&self, beta: f64) -> f64 {
        1.0 / (1.0 - beta.powf(self.step as f64))
    }

    /// Updates a parameter and its moments in their own storage.
    pub(super) fn in_place(&self, theta: &Var, gradient: &[f32], moments: &[Var]) -> Result<()> {
        let scale = self.scale as f32;
        ops::write(theta, |theta: &mut [f32]| match (self.rule, moments) {
            (Rule::Adam { lr, beta1, beta2, eps }, [m, v]) => {
                let (rate, v_scale) = (lr * self.debias(beta1), self.debias(beta2));
                let [rate, v_scale, eps] = [rate, v_scale, eps].map(|value| value as f32);
                let (m_mean, v_mean) = (Mean::new(beta1), Mean::new(beta2));
                ops::write(m, |m: &mut [f32]| {
                    ops::write(v, |v: &mut [f32]| {
                        let terms = theta.iter_mut().zip(gradient).zip(m.iter_mut().zip(v));
                        vectorised(
                            #[inline(always)]
                            || {
                                for ((theta, &g), (m, v)) in terms {
                                    let g = scale * g;
                                    *m = m_mean.next(*m, g);
                                    *v = v_mean.next(*v, g * g);
                                    *theta -= rate * *m / ((*v * v_scale).sqrt() + eps);
                                }
                            },
                        );
                        Ok(())
                    })
                })
            }
            (Rule::RmsProp { lr, decay, eps, form: RmsForm::Plain }, [v]) => {
                let (lr, eps, mean) = (lr as f32, eps as f32, Mean::new(decay));
                ops::write(v, |v: &mut [f32]| {
                    for ((theta, &g), v) in theta.iter_mut().zip(gradient).zip(v) {
                        let g = scale * g;
                        *v = mean.next(*v, g * g);
                        *theta -= lr * g / (v.sqrt() + eps);
                    }
                    Ok(())
                })
            }
            (Rule::RmsProp { lr, decay, eps, form }, [v, mean_g]) => {
                let (lr, mean) = (lr as f32, Mean::new(decay));
                let (inside, outside) = match form {
                    RmsForm::CentredEpsInside => (eps as f32, 0.0),
                    RmsForm::Centred | RmsForm::Plain => (0.0, eps as f32),
                };
                ops::write(v, |v: &mut [f32]| {
                    ops::write(mean_g, |mean_g: &mut [f32]| {
                        let terms = theta.iter_mut().zip(gradient).zip(v.iter_mut().zip(mean_g));
                        vectorised(
                            #[inline(always)]
                            || {
                                for ((theta, &g), (v, mean_g)) in terms {
                                    let g = scale * g;
                                    *v = mean.next(*v, g * g);
                                    *mean_g = mean.next(*mean_g, g);
                                    // Rounding can leave a variance just below 0.
                                    let variance = (*v - *mean_g * *mean_g).max(0.0);
                                    *theta -= lr * g / ((variance + inside).sqrt() + outside);
                                }
                            },
                        );
                        Ok(())
                    })
                })
            }
            (Rule::Sgd { lr, .. }, []) => {
                for (theta, g) in theta.iter_mut().zip(gradient) {
                    *theta -= lr as f32 * (scale * g);
                }
                Ok(())
            }
            (Rule::Sgd { lr, momentum }, [u]) => ops::write(u, |u: &mut [f32]| {
                for ((theta, g), u) in theta.iter_mut().zip(gradient).zip(u) {
                    *u = momentum as f32 * *u + scale * g;
                    *theta -= lr as f32 * *u;
                }
                Ok(())
            }),
            (rule, moments) => bail!("{rule:?} does not work on {} moments", moments.len()),
        })
    }

    /// The same formulas on any device.
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

/// The sum of squares, in several sums side by side so that it runs on vectors.
pub(super) fn squares(values: &[f32]) -> f64 {
    const LANES: usize = 16;
    vectorised(
        #[inline(always)]
        || {
            let mut sums = [0f64; LANES];
            let chunks = values.chunks_exact(LANES);
            let rest = chunks.remainder();
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
