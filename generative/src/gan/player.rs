//! One of the two networks with what trains it.
use super::config::GanConfig;
use anyhow::Result;
use candle_core::Tensor;
use nn::{Optimizer, OptimizerConfig, Params, Rule, Sequential};

/// Generator or discriminator.
pub(super) struct Player {
    pub(super) params: Params,
    pub(super) network: Sequential,
    /// The network as a fixed function, for steps of the other player: gradients pass through it to its input.
    pub(super) frozen: Sequential,
    pub(super) optimizer: Optimizer,
    /// Initial learning rate.
    pub(super) lr: f64,
}

impl Player {
    pub(super) fn new(
        params: Params,
        network: Sequential,
        lr: f64,
        config: &GanConfig,
    ) -> Result<Self> {
        let GanConfig { beta1, beta2, .. } = *config;
        let rule =
            OptimizerConfig { rule: Rule::Adam { lr, beta1, beta2, eps: 1e-8 }, max_norm: None };
        let optimizer = Optimizer::new(&params, rule)?;
        Ok(Self { params, frozen: network.detached(), network, optimizer, lr })
    }

    /// One update by the gradient of `loss`, with this part of the initial learning rate; the norm of that
    /// gradient.
    pub(super) fn step(&mut self, loss: &Tensor, lr: f64) -> Result<Tensor> {
        self.optimizer.set_lr(self.lr * lr);
        Ok(self.optimizer.step(loss)?.grad_norm)
    }
}

/// Clips every parameter to ±`limit` (Arjovsky, Chintala & Bottou 2017, algorithm 1).
pub(super) fn clip(params: &Params, limit: f64) -> Result<()> {
    for (_, var) in params.named() {
        var.set(&var.as_detached_tensor().clamp(-limit, limit)?)?;
    }
    Ok(())
}
