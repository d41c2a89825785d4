//! DCGAN (Radford, Metz & Chintala 2016, section 3), small: two convolutions that halve height and width, and two
//! that double them, for images whose sides are multiples of 4.
//!
//! Its guidelines: strided and fractional-strided convolutions in place of pooling; batch normalisation in both
//! networks, but not at the output of the generator and the input of the discriminator; no hidden dense layers; ReLU in
//! the generator but for tanh at its end; leaky ReLU in the discriminator. Weights are N(0, 0.02²) at first, of the
//! first layer too, which the paper calls a multiplication of the noise by a matrix.
use super::builder::{Builder, before, halving};
use crate::data::Shape;
use crate::gan::config::{BatchNorm, Downsample, GanConfig};
use candle_core::Result;
use nn::{Activation, Conv2dConfig};

/// `[B, inputs]` to `[B, C, H, W]`.
pub(super) fn generator(
    layers: &mut Builder<'_>,
    inputs: usize,
    shape: Shape,
    config: &GanConfig,
) -> Result<()> {
    let Shape { channels, height, width } = shape;
    let (most, fewer) = (2 * config.channels, config.channels);
    let normal = config.batch_norm != BatchNorm::None;
    let mut inputs = inputs;
    if config.dense > 0 {
        layers.dense("dense", [inputs, config.dense], Activation::Relu)?; // [B, dense]
        inputs = config.dense;
    }
    layers.project(inputs, [most, height / 4, width / 4], normal)?; // [B, 2c, H/4, W/4]
    layers.double(1, [most, fewer], normal)?; // [B, c, H/2, W/2]
    layers.conv_transpose("up2", halving(fewer, channels), Activation::Tanh)?; // [B, C, H, W]
    layers.small_weights()
}

/// `[B, C, H, W]` to `[B, 1]`.
pub(super) fn discriminator(
    layers: &mut Builder<'_>,
    shape: Shape,
    leaky: Activation,
    config: &GanConfig,
) -> Result<()> {
    let Shape { channels, height, width } = shape;
    let (fewer, most) = (config.channels, 2 * config.channels);
    let normal = config.batch_norm == BatchNorm::Both;
    smaller(layers, "conv1", [channels, fewer], leaky, config)?; // [B, c, H/2, W/2]
    smaller(layers, "conv2", [fewer, most], before(leaky, normal), config)?; // [B, 2c, H/4, W/4]
    layers.after("norm2", most, leaky, normal)?;
    layers.flatten();
    let mut features = most * (height / 4) * (width / 4);
    if config.dense > 0 {
        layers.dense("dense", [features, config.dense], leaky)?; // [B, dense]
        features = config.dense;
    }
    layers.dense("out", [features, 1], Activation::Linear)?; // [B, 1]
    layers.small_weights()
}

/// Halves height and width.
fn smaller(
    layers: &mut Builder<'_>,
    name: &str,
    [inputs, outputs]: [usize; 2],
    activation: Activation,
    config: &GanConfig,
) -> Result<()> {
    match config.downsample {
        Downsample::Stride => layers.conv(name, halving(inputs, outputs), activation),
        Downsample::Pool => {
            let same = Conv2dConfig { padding: 1, ..Conv2dConfig::new(inputs, outputs, 3) };
            layers.conv(name, same, activation)?;
            layers.pool()
        }
    }
}
