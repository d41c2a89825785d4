//! Hyper-parameters, and which go together.
use crate::autoregressive::{Settings, Subject, settings};
use crate::data::Binarisation;
use crate::memory;
use serde::{Deserialize, Serialize};
use train::{BadValue, Memory, above};

train::hyper_parameters! {
    /// Hyper-parameters of [`pixelcnn`](super::pixelcnn).
    pub struct PixelCnnConfig {
        /// Layers: gated (two stacks), or residual, which has a blind spot
        network: NetworkName = NetworkName::Gated;
        /// Binarisation of grey images: static, dynamic (sampled anew each time) or none
        binarisation: Binarisation = Binarisation::Dynamic;
        /// Levels of grey at most, without binarisation
        levels: usize = 256, in 2..=256, with binarisation = "none";
        /// Components of the logistic mixture over levels; 0 for a softmax over all levels
        mixture: usize = 0, in 0..=64;
        /// Condition the network on the label
        conditional: bool = false;
        /// Features of a pixel, of all colours together, rounded up to a multiple of the colours (residual: of
        /// twice as many); a stack has as many
        features: usize = 32, in 1..=1 << 14;
        /// Blocks after the first layer
        blocks: usize = 6, in 0..=1 << 10;
        /// Side of the first kernel
        first_kernel: usize = 7, in 1..=63;
        /// Side of the kernels in blocks
        kernel: usize = 3, in 1..=63;
        /// Features in the hidden layer before the output
        hidden: usize = 64, in 1..=1 << 14;
        /// Learning rate
        lr: f64 = 1e-3, in above(0.0);
        /// Final learning rate, as a fraction of --lr
        lr_end: f64 = 1.0, in 0.0..;
        /// Images over which the learning rate changes
        lr_steps: u64 = 0, with lr_end not 1.0;
        /// Clip the gradient to this norm; 0 leaves it as it is
        max_grad_norm: f64 = 0.0, in 0.0..;
        /// Batch size, in images
        batch: usize = 32, in 1..=1 << 20;
        /// Images of an evaluation during training, at most
        eval_images: usize = 1_000, in 1..=1 << 30;
    }
}

/// The layers of a [`pixelcnn`](super::pixelcnn).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkName {
    /// A vertical and a horizontal stack of gated layers.
    Gated,
    /// Masked convolutions in residual blocks.
    Residual,
}

impl PixelCnnConfig {
    pub(super) fn settings(&self) -> Settings {
        settings!(self, self.conditional)
    }

    /// Memory of training on such images.
    pub(super) fn memory(&self, subject: &Subject) -> Memory {
        let Self { features, blocks, first_kernel, kernel, hidden, batch, .. } = *self;
        let (shape, params) = (subject.shape, subject.output.params());
        let logits = shape.channels * params;
        let mut memory = Memory::default();
        // Two stacks, each of twice the features before the gate.
        let kernels = memory::sum([
            4 * shape.channels * first_kernel * first_kernel,
            features.saturating_mul(4 * kernel * kernel).saturating_mul(blocks),
        ]);
        memory::learned(
            &mut memory,
            ("features", features),
            &[("blocks", blocks), ("first_kernel", first_kernel), ("kernel", kernel)],
            [features, kernels],
        );
        memory::learned(
            &mut memory,
            ("hidden", hidden),
            &[("blocks", blocks), ("first_kernel", first_kernel), ("kernel", kernel)],
            [hidden, memory::sum([features, logits])],
        );
        let maps = memory::sum([
            features.saturating_mul(6).saturating_mul(blocks + 1),
            hidden,
            2 * logits,
        ]);
        memory::pass(
            &mut memory,
            batch,
            &[("features", features), ("blocks", blocks), ("hidden", hidden)],
            [shape.height, shape.width, maps],
        );
        memory
    }

    /// Rounds features up so that every colour has an equal part of them.
    pub(super) fn fitted(&self, channels: usize) -> Self {
        let groups = match self.network {
            NetworkName::Gated => channels,
            // Half of the features are in the middle of a block.
            NetworkName::Residual => 2 * channels,
        };
        let features = self.features.next_multiple_of(groups);
        let hidden = self.hidden.next_multiple_of(channels);
        Self { features, hidden, ..self.clone() }
    }

    /// Conditions beyond the ranges of the hyper-parameters.
    pub(super) fn check_for(&self, channels: usize) -> Result<(), BadValue> {
        self.check()?;
        for (name, side) in [("first_kernel", self.first_kernel), ("kernel", self.kernel)] {
            if side.is_multiple_of(2) {
                return Err(BadValue::new(
                    name,
                    side,
                    "a masked kernel has a centre: give an odd side",
                ));
            }
        }
        if self.conditional && self.network == NetworkName::Residual {
            let expected = "the residual network takes no class; give --network gated";
            return Err(BadValue::new("conditional", true, expected));
        }
        if self.first_kernel == 1 && (channels == 1 || self.network == NetworkName::Gated) {
            let expected = "mask A leaves nothing of one element; give at least 3";
            return Err(BadValue::new("first_kernel", 1, expected));
        }
        Ok(())
    }
}
