//! Hyper-parameters, and which go together.
use crate::data::Dataset;
use crate::form::Form;
use crate::memory;
use serde::{Deserialize, Serialize};
use train::{BadValue, Memory, above, check_learning_rate};

/// Training samples by whose moments the first layer is initialised, at most.
pub(super) const INITIAL: usize = 10_000;

/// The most numbers of a sample that the inverse of an autoregressive function is computed for in every training step.
const INVERTED: usize = 16;

train::hyper_parameters! {
    /// Hyper-parameters of [`Flow`](super::Flow).
    pub struct FlowConfig {
        /// Layers of the flow: nice (additive coupling), real-nvp (affine coupling), spline (rational-quadratic coupling),
        /// maf (masked autoregressive) or, for points, iaf (inverse autoregressive)
        network: FlowNetwork = FlowNetwork::RealNvp;
        /// Coupling or autoregressive layers, one after the other
        blocks: usize = 8, in 1..=256;
        /// Units in each hidden layer of a layer's network
        hidden: usize = 128, in 1..=1 << 14;
        /// Hidden layers of each of these networks
        layers: usize = 2, in 1..=64;
        /// Bins of a spline
        bins: usize = 8, in 2..=256, with network = "spline";
        /// Bound of the interval on which a spline differs from the identity, in standard deviations of the data
        tail: f64 = 4.0, in above(0.0), with network = "spline";
        /// Margin α in logit(α + (1 − 2α)·x), by which pixels x from 0 to 1 become real numbers
        logit_margin: f64 = 0.05, in 1e-6..0.5;
        /// Learning rate
        lr: f64 = 1e-3, in above(0.0);
        /// Final learning rate, as a fraction of --lr
        lr_end: f64 = 1.0, in 0.0..;
        /// Samples over which the learning rate changes
        lr_steps: u64 = 0, with lr_end not 1.0;
        /// Clip the gradient to this norm; 0 leaves it as it is
        max_grad_norm: f64 = 0.0, in 0.0..;
        /// Batch size, in samples
        batch: usize = 256, in 1..=1 << 20;
        /// Images of an evaluation during training, at most
        eval_images: usize = 1_000, in 1..=1 << 30;
    }
}

/// Layers of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FlowNetwork {
    /// Additive coupling, with a scaling of every number at last.
    Nice,
    /// Affine coupling.
    RealNvp,
    /// Coupling by monotonic rational-quadratic splines.
    Spline,
    /// Masked autoregressive: z_i depends on x_1 … x_i, so that densities take one pass.
    Maf,
    /// Inverse autoregressive: x_i depends on z_1 … z_i, so that samples take one pass.
    Iaf,
}

impl FlowConfig {
    /// Refuses what can't be, for such data.
    pub(super) fn check_for(&self, data: &Dataset) -> Result<(), BadValue> {
        self.check()?;
        check_learning_rate(self.lr_end, self.lr_steps, 0)?;
        let (d, held_out) = match data {
            Dataset::Images(parts) => {
                (parts.train.shape().len(), parts.validation.len().min(parts.test.len()))
            }
            Dataset::Points(parts) => (2, parts.validation.at.len().min(parts.test.at.len())),
        };
        if held_out < 2 {
            let expected = "samples are scored beside 2 held out at least; give more data";
            return Err(BadValue::new("data", format!("with {held_out} held out"), expected));
        }
        if d < 2 {
            let expected =
                "a layer changes some numbers by the others: samples of 2 at least are needed";
            return Err(BadValue::new("data", "with one number each", expected));
        }
        if self.network == FlowNetwork::Iaf && d > INVERTED {
            let expected = format!(
                "the density of a sample takes as many passes as it has numbers, {d} here; give maf, whose samples do"
            );
            return Err(BadValue::new("network", "iaf", &expected));
        }
        Ok(())
    }

    /// Numbers that a layer's network gives for each one that it changes.
    fn outputs(&self) -> usize {
        match self.network {
            FlowNetwork::Nice => 1,
            FlowNetwork::RealNvp | FlowNetwork::Maf | FlowNetwork::Iaf => 2,
            FlowNetwork::Spline => 3 * self.bins - 1,
        }
    }

    /// Memory of training on samples like those of `data`.
    pub(super) fn memory(&self, data: &Dataset) -> Memory {
        let Self { blocks, hidden, layers, batch, .. } = *self;
        let d = match data {
            Dataset::Images(parts) => Form::Image(parts.train.shape()).len(),
            Dataset::Points(_) => Form::Point.len(),
        };
        let outputs = d.saturating_mul(self.outputs());
        let mut memory = Memory::default();
        let between = hidden.saturating_mul(layers - 1);
        let with = [("blocks", blocks), ("layers", layers), ("bins", self.bins)];
        let each = memory::sum([d, between, outputs]);
        memory::learned(&mut memory, ("hidden", hidden), &with, [blocks, hidden, each]);
        // Of a spline, its knots and what is computed with them.
        let maps = memory::sum([hidden.saturating_mul(layers), outputs.saturating_mul(4), 8 * d]);
        let with =
            [("blocks", blocks), ("hidden", hidden), ("layers", layers), ("bins", self.bins)];
        // With the passes of a function that is inverted.
        let passes = if self.network == FlowNetwork::Iaf { d } else { 1 };
        memory::pass(&mut memory, batch, &with, [blocks, passes, maps]);
        memory
    }
}
