//! Batch normalisation.
use super::Pass;
use crate::ops::{self, Reader, Signal};
use crate::{Activation, Init, Params};
use candle_core::{Result, Tensor, Var};

/// Share of the new batch in the running statistics.
const MOMENTUM: f64 = 0.1;

/// `y[c] = activation(weight[c]·(x[c] − mean[c]) / √(variance[c] + 1e-5) + bias[c])` (Ioffe &
/// Szegedy 2015, "Batch Normalization", algorithms 1 and 2), for `[B, C, H, W]` or `[B, C]`.
///
/// Parameters `<name>.weight`, at first 1, and `<name>.bias`, at first 0; buffers
/// `<name>.running_mean`, at first 0, and `<name>.running_var`, at first 1, all of shape `[C]`.
///
/// Mean and variance by kind of pass:
///
/// - In the layer itself those of the batch, and the gradient goes through them. Every forward pass
///   moves the running statistics a tenth of the way to them (to the unbiased variance), as in
///   PyTorch's `train()`.
/// - In a [frozen](crate::Sequential::frozen) network the running ones, as in PyTorch's `eval()`.
/// - In a [detached](crate::Sequential::detached) network those of the batch, without moving the
///   running ones.
#[derive(Debug, Clone)]
pub struct BatchNorm2d {
    pub(super) weight: Tensor,
    pub(super) bias: Tensor,
    pub(super) running_mean: Var,
    pub(super) running_var: Var,
    pub(super) activation: Activation,
    mode: Mode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Training,
    Detached,
    Frozen,
}

impl BatchNorm2d {
    /// A layer with new parameters and buffers in `params`.
    pub fn new(
        params: &Params,
        name: &str,
        channels: usize,
        activation: Activation,
    ) -> Result<Self> {
        let (zero, one) = (Init::Constant(0.0), Init::Constant(1.0));
        Ok(Self {
            weight: params.var(&format!("{name}.weight"), channels, one)?,
            bias: params.var(&format!("{name}.bias"), channels, zero)?,
            running_mean: params.buffer(&format!("{name}.running_mean"), channels, zero)?,
            running_var: params.buffer(&format!("{name}.running_var"), channels, one)?,
            activation,
            mode: Mode::Training,
        })
    }

    pub(crate) fn frozen(&self) -> Self {
        Self { mode: Mode::Frozen, ..self.without_gradients() }
    }

    pub(crate) fn detached(&self) -> Self {
        Self { mode: Mode::Detached, ..self.without_gradients() }
    }

    fn without_gradients(&self) -> Self {
        Self { weight: self.weight.detach(), bias: self.bias.detach(), ..self.clone() }
    }
}

impl Pass for BatchNorm2d {
    fn pass(&self, x: &Signal, reader: Reader) -> Result<Signal> {
        let Self { weight, bias, activation, .. } = self;
        if self.mode == Mode::Frozen {
            let moments = ops::Moments {
                mean: self.running_mean.as_detached_tensor(),
                variance: self.running_var.as_detached_tensor(),
            };
            let x = x.clone().into_tensor()?;
            return Ok((&ops::batch_norm_by(&x, weight, bias, &moments, *activation)?).into());
        }
        let (y, moments) = ops::batch_norm(x, weight, bias, *activation, reader)?;
        if self.mode == Mode::Training {
            let count = x.value().elem_count() / weight.elem_count();
            let unbiased = (moments.variance * (count as f64 / (count - 1) as f64))?;
            follow(&self.running_mean, &moments.mean)?;
            follow(&self.running_var, &unbiased)?;
        }
        Ok(y)
    }
}

/// running ← (1 − momentum)·running + momentum·new
fn follow(running: &Var, new: &Tensor) -> Result<()> {
    let new = (new.to_dtype(running.dtype())? * MOMENTUM)?;
    running.set(&((running.as_detached_tensor() * (1.0 - MOMENTUM))? + new)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Linear, Optimizer, OptimizerConfig, Sequential};
    use candle_core::{D, Module as _};
    use train::testing::device;

    fn running(params: &Params) -> [f32; 2] {
        let buffers = params.buffers();
        [0, 1].map(|index| buffers[index].1.to_vec1::<f32>().unwrap()[0])
    }

    fn assert_close(left: &[f32], right: &[f32]) {
        let close = left.iter().zip(right).all(|(left, right)| (left - right).abs() < 1e-4);
        assert!(close && left.len() == right.len(), "{left:?} {right:?}");
    }

    #[test]
    fn batches_running_statistics_and_modes_by_hand() {
        let params = Params::new(1, device());
        let norm = BatchNorm2d::new(&params, "norm", 1, Activation::Linear).unwrap();
        let network = Sequential::new(vec![norm.into()]);
        let (frozen, detached) = (network.frozen(), network.detached());
        // Mean 4, biased variance 5, unbiased 20/3
        let x = Tensor::new(&[[[[1f32, 3.0]]], [[[5.0, 7.0]]]], device()).unwrap();
        let run = |network: &dyn candle_core::Module| -> Vec<f32> {
            network.forward(&x).unwrap().flatten_all().unwrap().to_vec1().unwrap()
        };
        let by_batch = [-3.0, -1.0, 1.0, 3.0].map(|d: f32| d / 5f32.sqrt());
        assert_close(&run(&detached), &by_batch);
        assert_eq!(running(&params), [0.0, 1.0]);
        // The running statistics are still 0 and 1.
        assert_close(&run(&frozen), &[1.0, 3.0, 5.0, 7.0]);

        assert_close(&run(&network), &by_batch);
        assert_close(&running(&params), &[0.4, 0.9 + 2.0 / 3.0]);
        let deviation = (0.9f32 + 2.0 / 3.0).sqrt();
        assert_close(&run(&frozen), &[0.6, 2.6, 4.6, 6.6].map(|d| d / deviation));
        assert_close(&running(&params), &[0.4, 0.9 + 2.0 / 3.0]);
    }

    #[test]
    fn a_detached_network_passes_gradients_on_and_learns_nothing() {
        let (own, other) = (Params::new(1, device()), Params::new(2, device()));
        let generator = Linear::new(&own, "generator", 2, 2, Activation::Linear).unwrap();
        let discriminator = Sequential::new(vec![
            BatchNorm2d::new(&other, "norm", 2, Activation::LeakyRelu(0.2)).unwrap().into(),
            Linear::new(&other, "out", 2, 1, Activation::Sigmoid).unwrap().into(),
        ]);
        let noise = Tensor::new(&[[0.3f32, 1.0], [-0.2, 0.5], [0.9, -1.0]], device()).unwrap();
        let loss = |network: &Sequential| {
            network.forward(&generator.forward(&noise).unwrap()).unwrap().sum(D::Minus1).unwrap()
        };
        let gradient = |network: &Sequential| {
            let gradients = loss(network).backward().unwrap();
            gradients.get(&own.named()[1].1).unwrap().flatten_all().unwrap().to_vec1::<f32>()
        };
        let gradients = loss(&discriminator.detached()).backward().unwrap();
        assert!(other.named().iter().all(|(_, var)| gradients.get(var).is_none()));
        let through = gradient(&discriminator.detached()).unwrap();
        assert_eq!(through, gradient(&discriminator).unwrap());
        assert!(through.iter().any(|slope| slope.abs() > 1e-3));

        let mut optimizer = Optimizer::new(&other, OptimizerConfig::adam(0.1)).unwrap();
        assert!(optimizer.step(&loss(&discriminator.detached()).sum_all().unwrap()).is_err());
    }
}
