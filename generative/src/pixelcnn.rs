//! PixelCNN (van den Oord, Kalchbrenner & Kavukcuoglu 2016, "Pixel recurrent neural networks",
//! <https://arxiv.org/abs/1601.06759>).
//!
//! log p(x) = Σ_i log p(x_i | x_1 … x_(i−1)) over the numbers of an image, row by row from the top left, at
//! a pixel red, then green, then blue (section 2.1). A convolutional network gives all the conditional
//! distributions at once; its kernels are masked so that it sees only what comes before (section 3.4): the
//! first layer by mask A, which hides a number from itself, the others by mask B. Features are in as many
//! groups as there are colours, and at its own place a group sees the groups before its own, so that green
//! depends on red and blue on both. What is minimised is −log p(x), exactly:
//! [`Output::loss`](crate::autoregressive::Output::loss).
//!
//! `--network gated` has the two stacks of the second paper (van den Oord et al. 2016, "Conditional image
//! generation with PixelCNN decoders", <https://arxiv.org/abs/1606.05328>), see `gated.rs`: they see everything
//! before a number, and with `--conditional` the class of the image.
//!
//! `--network residual` is the first paper's (table 1, figure 5): a first layer of 7×7, then residual blocks
//! x + W₃·relu(W₂ ⋆ relu(W₁·x)) whose middle convolution is 3×3 over half the features, then a hidden layer
//! 1×1. Where we leave the paper: the blocks' input goes through no ReLU of its own; groups of features
//! are side by side, not interleaved; numbers go in from −1 to 1, so that the padding is no colour; Adam in
//! place of RMSProp. docs/pixelcnn.md has the list.
use crate::autoregressive::{Autoregressive, Network, Subject};
use crate::data::{Images, Parts};
use anyhow::Result;
use candle_core::Device;
use nn::Params;

mod config;
mod gated;
mod layout;
mod residual;
#[cfg(test)]
mod tests;

pub use config::{NetworkName, PixelCnnConfig};
use gated::Gated;
use residual::Residual;

/// An untrained PixelCNN for `data`.
///
/// # Errors
/// [`BadValue`](train::BadValue) where a hyper-parameter is out of range, or does not go with the images.
pub fn pixelcnn(
    data: Parts<Images>,
    config: &PixelCnnConfig,
    seed: u64,
    device: &Device,
) -> Result<Autoregressive> {
    let channels = data.train.shape().channels;
    config.check_for(channels)?;
    let config = &config.fitted(channels);
    let memory = |subject: &Subject| config.memory(subject);
    let made = config.clone();
    Autoregressive::new(data, config.settings(), (seed, device), memory, move |params, subject| {
        network(params, subject, &made)
    })
}

fn network(
    params: &Params,
    subject: &Subject,
    config: &PixelCnnConfig,
) -> candle_core::Result<Box<dyn Network>> {
    Ok(match config.network {
        NetworkName::Gated => Box::new(Gated::new(params, subject, config)?),
        NetworkName::Residual => Box::new(Residual::new(params, subject, config)?),
    })
}
