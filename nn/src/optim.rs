//! Optimisers whose state can be saved, and which update parameters in place.
use crate::{Params, ops};
use candle_core::{Device, Result, Tensor, Var, bail};
use train::Checkpoint;

mod config;
#[cfg(test)]
mod tests;
mod update;

pub use config::{OptimizerConfig, RmsForm, Rule};

/// Moves parameters down the gradient of a loss.
///
/// On the CPU parameters and moments change in place, in one pass and without a new tensor.
pub struct Optimizer {
    config: OptimizerConfig,
    /// Steps taken.
    step: u64,
    slots: Vec<Slot>,
    gradients: ops::Gradients,
}

/// A parameter with what the rule remembers of its gradients.
struct Slot {
    name: String,
    theta: Var,
    moments: Vec<Var>,
}

/// Diagnostics of an optimiser's step.
#[derive(Debug, Clone)]
pub struct Stats {
    /// Euclidean length of the gradient of all parameters together, before clipping.
    /// A scalar where the parameters are, so that an accelerator is not waited for.
    pub grad_norm: Tensor,
}

impl Optimizer {
    /// An optimiser for the parameters that `params` holds now.
    pub fn new(params: &Params, config: OptimizerConfig) -> Result<Self> {
        config.check()?;
        let mut slots = Vec::new();
        for (name, theta) in params.named() {
            let zeros = || Var::from_tensor(&theta.zeros_like()?);
            let moments =
                config.rule.moments().iter().map(|_| zeros()).collect::<Result<Vec<Var>>>()?;
            slots.push(Slot { name, theta, moments });
        }
        let kernels = slots.iter().map(|slot| slot.theta.as_tensor());
        let gradients = ops::Gradients::new(kernels.filter(|theta| ops::on_cpu_f32(&[*theta])));
        Ok(Self { config, step: 0, slots, gradients })
    }

    /// One step on the gradient of `loss`, a scalar.
    ///
    /// A parameter that the loss does not depend on stays as it is, and so do its moments. Other
    /// graphs built on the parameters before the step are void after it: they would take their
    /// gradient at the new values.
    ///
    /// It is an error, and no parameter is changed, when the gradient is not finite or when the loss
    /// depends on no parameter at all (that of a frozen network, say).
    pub fn step(&mut self, loss: &Tensor) -> Result<Stats> {
        if loss.elem_count() != 1 {
            bail!("a loss has one element, this one is {:?}", loss.shape())
        }
        let store = self.gradients.collect(|| loss.backward())?;
        let mut found = Vec::with_capacity(self.slots.len());
        for slot in &self.slots {
            let gradient = match (self.gradients.get(&slot.theta), store.get(&slot.theta)) {
                (Some(written), None) => Gradient::Slice(written),
                (None, Some(tensor)) => Gradient::Tensor(tensor.clone()),
                (None, None) => Gradient::None,
                // The parameter went through a kernel and through Candle's own operations.
                (Some(written), Some(tensor)) => {
                    let written = Tensor::from_slice(written, tensor.shape(), tensor.device())?;
                    Gradient::Tensor((written + tensor)?)
                }
            };
            found.push(gradient);
        }
        if found.iter().all(|gradient| matches!(gradient, Gradient::None)) {
            bail!("the loss depends on none of the {} parameters", self.slots.len())
        }
        if !self.slots.iter().all(|slot| train::is_host(slot.theta.device())) {
            self.step += 1;
            let grad_norm = self.step_on_device(&found)?;
            return Ok(Stats { grad_norm });
        }
        let squares = found.iter().map(Gradient::squares).sum::<Result<f64>>()?;
        let grad_norm = squares.sqrt();
        if !grad_norm.is_finite() {
            let broken =
                self.slots.iter().zip(&found).find(|(_, gradient)| {
                    gradient.squares().is_ok_and(|squares| !squares.is_finite())
                });
            let name = broken.map_or("all parameters", |(slot, _)| &slot.name);
            bail!("the gradient of {name} is not finite (norm {grad_norm}); nothing was changed")
        }
        self.step += 1;
        let scale = match self.config.max_norm {
            Some(max_norm) if grad_norm > max_norm => max_norm / grad_norm,
            _ => 1.0,
        };
        let update = update::Update { rule: self.config.rule, step: self.step, scale };
        for (slot, gradient) in self.slots.iter().zip(&found) {
            match gradient {
                Gradient::None => {}
                Gradient::Slice(gradient) => {
                    update.in_place(&slot.theta, gradient, &slot.moments)?
                }
                Gradient::Tensor(gradient) if ops::on_cpu_f32(&[&slot.theta, gradient]) => {
                    ops::read(gradient, |gradient| {
                        update.in_place(&slot.theta, gradient, &slot.moments)
                    })?;
                }
                Gradient::Tensor(gradient) => {
                    update.by_candle(&slot.theta, gradient, &slot.moments)?;
                }
            }
        }
        Ok(Stats { grad_norm: Tensor::new(grad_norm, &Device::Cpu)? })
    }

    /// The step on a device that is not waited for: the norm, a scalar. A gradient that is not finite
    /// spoils the parameters here, which is found where norm, loss or parameters are read, before anything is saved.
    fn step_on_device(&self, found: &[Gradient<'_>]) -> Result<Tensor> {
        let tensors = found.iter().filter_map(|gradient| match gradient {
            Gradient::Tensor(tensor) => Some(tensor.sqr().and_then(|squares| squares.sum_all())),
            Gradient::None | Gradient::Slice(_) => None,
        });
        let grad_norm =
            Tensor::stack(&tensors.collect::<Result<Vec<_>>>()?, 0)?.sum_all()?.sqrt()?;
        let scale = match self.config.max_norm {
            Some(max_norm) => (grad_norm.maximum(max_norm)?.recip()? * max_norm)?,
            None => grad_norm.ones_like()?,
        };
        let update = update::Update { rule: self.config.rule, step: self.step, scale: 1.0 };
        for (slot, gradient) in self.slots.iter().zip(found) {
            if let Gradient::Tensor(gradient) = gradient {
                let gradient = gradient.detach().broadcast_mul(&scale)?;
                update.by_candle(&slot.theta, &gradient, &slot.moments)?;
            }
        }
        Ok(grad_norm)
    }

    /// Changes the learning rate.
    pub fn set_lr(&mut self, lr: f64) {
        self.config.rule.set_lr(lr);
    }

    /// Saves or loads the step count, and the moments by the names of the parameters.
    pub fn state(&mut self, name: &str, checkpoint: &mut Checkpoint) -> anyhow::Result<()> {
        checkpoint.count(&format!("{name}-step"), &mut self.step)?;
        let moments = self.slots.iter().flat_map(|slot| {
            let kinds = self.config.rule.moments().iter().zip(&slot.moments);
            kinds.map(|(kind, moment)| (format!("{}.{kind}", slot.name), moment.clone()))
        });
        checkpoint.tensors(name, &moments.collect::<Vec<_>>())
    }
}

/// Storage in which a parameter's gradient was found.
enum Gradient<'a> {
    None,
    Slice(&'a [f32]),
    Tensor(Tensor),
}

impl Gradient<'_> {
    /// The sum of the squares of the elements.
    fn squares(&self) -> Result<f64> {
        match self {
            Gradient::None => Ok(0.0),
            Gradient::Slice(values) => Ok(update::squares(values)),
            Gradient::Tensor(tensor) if ops::on_cpu_f32(&[tensor]) => {
                ops::read(tensor, |values| Ok(update::squares(values)))
            }
            Gradient::Tensor(tensor) => {
                tensor.sqr()?.sum_all()?.to_dtype(candle_core::DType::F64)?.to_scalar()
            }
        }
    }
}
