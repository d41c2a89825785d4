//! PixelCNN (van den Oord, Kalchbrenner & Kavukcuoglu 2016, "Pixel recurrent neural networks",
//! <https://arxiv.org/abs/1601.06759>).
//!
//! log p(x) = Σ_i log p(x_i | x_1 … x_(i−1)) over the numbers of a picture, row by row from the top left, at
//! a pixel red, then green, then blue (section 2.1). A convolutional network says all the conditional
//! distributions at once; its kernels are masked so that it sees only what comes before (section 3.4): the
//! first layer by mask A, which hides a number from itself, the others by mask B. Features are in as many
//! groups as there are colours, and at its own place a group sees the groups before its own, so that green
//! depends on red and blue on both. What is minimised is −log p(x), exactly:
//! [`Output::loss`](crate::autoregressive::Output::loss).
//!
//! `--network gated` has the two stacks of the second paper (van den Oord et al. 2016, "Conditional image
//! generation with PixelCNN decoders", <https://arxiv.org/abs/1606.05328>), see `gated.rs`: they see everything
//! before a number, and with `--conditional` the class of the picture.
//!
//! `--network residual` is the first paper's (table 1, figure 5): a first layer of 7×7, then residual blocks
//! x + W₃·relu(W₂ ⋆ relu(W₁·x)) whose middle convolution is 3×3 over half the features, then a hidden layer
//! 1×1. Where we leave the paper: the blocks' input goes through no ReLU of its own; groups of features
//! are side by side, not interleaved; numbers go in from −1 to 1, so that the padding is no colour; Adam in
//! place of RMSProp. docs/pixelcnn.md has the list.
use crate::autoregressive::{Autoregressive, Network, Settings, Subject};
use crate::data::{Binarisation, Images, Parts};
use crate::memory;
use anyhow::Result;
use candle_core::{Device, Tensor};
use nn::Params;
use serde::{Deserialize, Serialize};
use train::{BadValue, Memory, above};

mod gated;
mod residual;
#[cfg(test)]
mod tests;

use gated::Gated;
use residual::Residual;

train::hyper_parameters! {
    /// Hyper-parameters of [`pixelcnn`].
    pub struct PixelCnnConfig {
        /// Layers: gated (two stacks), or residual, which has a blind spot
        network: NetworkName = NetworkName::Gated;
        /// Black and white pictures from grey ones: static, dynamic (drawn anew each time) or none
        binarisation: Binarisation = Binarisation::Dynamic;
        /// Levels of grey at most, where pictures are not made black and white
        levels: usize = 256, in 2..=256;
        /// Logistic distributions in the mixture that says a level; 0 for a softmax over all levels
        mixture: usize = 0, in 0..=64;
        /// Tell the network what the picture shows
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
        /// Pictures over which the learning rate changes
        lr_steps: u64 = 0;
        /// Clip the gradient to this norm; 0 leaves it as it is
        max_grad_norm: f64 = 0.0, in 0.0..;
        /// Batch size, in pictures
        batch: usize = 32, in 1..=1 << 20;
        /// Pictures of an evaluation during training, at most
        eval_pictures: usize = 1_000, in 1..=1 << 30;
    }
}

/// The layers of a [`pixelcnn`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkName {
    /// A vertical and a horizontal stack of gated layers.
    Gated,
    /// Masked convolutions in residual blocks.
    Residual,
}

impl PixelCnnConfig {
    fn settings(&self) -> Settings {
        let Self { binarisation, levels, lr, lr_end, lr_steps, .. } = *self;
        let Self { mixture, conditional, max_grad_norm, batch, eval_pictures, .. } = *self;
        Settings {
            binarisation,
            levels,
            mixture,
            conditional,
            lr,
            lr_end,
            lr_steps,
            max_grad_norm,
            batch,
            eval_pictures,
        }
    }

    fn network(&self, params: &Params, subject: &Subject) -> candle_core::Result<Box<dyn Network>> {
        Ok(match self.network {
            NetworkName::Gated => Box::new(Gated::new(params, subject, self)?),
            NetworkName::Residual => Box::new(Residual::new(params, subject, self)?),
        })
    }

    /// What all of it takes for such pictures.
    fn memory(&self, subject: &Subject) -> Memory {
        let Self { features, blocks, first_kernel, kernel, hidden, batch, .. } = *self;
        let (shape, params) = (subject.shape, subject.output.params());
        let said = shape.channels * params;
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
            [hidden, memory::sum([features, said])],
        );
        let maps =
            memory::sum([features.saturating_mul(6).saturating_mul(blocks + 1), hidden, 2 * said]);
        memory::pass(
            &mut memory,
            batch,
            &[("features", features), ("blocks", blocks), ("hidden", hidden)],
            [shape.height, shape.width, maps],
        );
        memory
    }

    /// Rounds features up so that every colour has an equal part of them.
    fn fitted(&self, channels: usize) -> Self {
        let groups = match self.network {
            NetworkName::Gated => channels,
            // Half of the features are in the middle of a block.
            NetworkName::Residual => 2 * channels,
        };
        let features = self.features.next_multiple_of(groups);
        let hidden = self.hidden.next_multiple_of(channels);
        Self { features, hidden, ..self.clone() }
    }

    /// What the ranges of the hyper-parameters don't say.
    fn check_for(&self, channels: usize) -> Result<(), BadValue> {
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

/// `[B, C, H, W]` to `[B, H, W, C]`, as the layers want it.
fn channels_last(x: &Tensor) -> candle_core::Result<Tensor> {
    let (batch, channels, height, width) = x.dims4()?;
    match channels {
        1 => x.reshape((batch, height, width, 1)),
        _ => x.permute((0, 2, 3, 1))?.contiguous(),
    }
}

/// `[B, H, W, C]` to `[B, C, H, W]`.
fn channels_first(x: &Tensor) -> candle_core::Result<Tensor> {
    let (batch, height, width, channels) = x.dims4()?;
    match channels {
        1 => x.reshape((batch, 1, height, width)),
        _ => x.permute((0, 3, 1, 2))?.contiguous(),
    }
}

/// An untrained PixelCNN for `data`.
///
/// # Errors
/// [`BadValue`] where a hyper-parameter is out of range, or does not go with the pictures.
pub fn pixelcnn(
    data: Parts<Images>,
    config: &PixelCnnConfig,
    seed: u64,
    device: &Device,
) -> Result<Autoregressive> {
    let channels = data.train.shape().channels;
    config.check_for(channels)?;
    let config = &config.fitted(channels);
    let settings = config.settings();
    let memory = |subject: &Subject| config.memory(subject);
    Autoregressive::new(data, settings, (seed, device), memory, |params, subject| {
        config.network(params, subject)
    })
}
