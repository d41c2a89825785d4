//! A value function with a network and an optimiser of its own.
use crate::net::Net;
use anyhow::Result;
use candle_core::Tensor;
use nn::onnx::{Graph, Value};
use nn::{Optimizer, OptimizerConfig, loss};
use train::{Checkpoint, Download as _, Log};

/// V(s), regressed on returns.
pub(crate) struct ValueFunction {
    net: Net,
    optimizer: Optimizer,
}

impl ValueFunction {
    pub(crate) fn new(net: Net, optimizer: OptimizerConfig) -> Result<Self> {
        Ok(Self { optimizer: Optimizer::new(&net.params, optimizer)?, net })
    }

    /// V of observations `[B, …]`: `[B]`.
    pub(crate) fn values(&self, obs: &Tensor) -> Result<Vec<f32>> {
        Ok(self.net.frozen.forward(obs)?.download()?)
    }

    /// `epochs` steps of the optimiser on mean (V − G)², for observations `[B, …]` and `returns` `[B]`.
    pub(crate) fn fit(
        &mut self,
        (obs, returns): (&Tensor, &Tensor),
        epochs: usize,
        log: &mut Log,
    ) -> Result<()> {
        for _ in 0..epochs {
            let values = self.net.online.forward(obs)?.squeeze(1)?; // [B]
            let loss = loss::mse(&values, returns)?;
            log.tensor("train/value_loss", &loss)?;
            self.optimizer.step(&loss)?;
        }
        Ok(())
    }

    /// Adds V to an ONNX graph, for observations `[B, …]`, as the output `value` `[B, 1]`.
    pub(crate) fn nodes(&self, graph: &mut Graph, obs: Value) -> Result<()> {
        let value = self.net.nodes(graph, obs)?; // [B, 1]
        graph.output("value", value);
        Ok(())
    }

    /// Saves or loads network and optimiser.
    pub(crate) fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.net.params.state("model.value", checkpoint)?;
        self.optimizer.state("value-optimizer", checkpoint)
    }
}
