//! Small residual networks, in the manner of Gulrajani et al. 2017 (appendix F): two convolutions are added to what
//! they are given, then another one changes the size. The discriminator has no batch normalisation.
use super::builder::{Builder, halving};
use crate::data::Shape;
use crate::gan::config::{BatchNorm, GanConfig};
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
    layers.project(inputs, [most, height / 4, width / 4], normal)?; // [B, 2c, H/4, W/4]
    layers.residual("block1", most, Activation::Relu)?;
    layers.double(1, [most, fewer], normal)?; // [B, c, H/2, W/2]
    layers.residual("block2", fewer, Activation::Relu)?;
    layers.double(2, [fewer, fewer], normal)?; // [B, c, H, W]
    let out = Conv2dConfig { padding: 1, ..Conv2dConfig::new(fewer, channels, 3) };
    layers.conv("out", out, Activation::Tanh) // [B, C, H, W]
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
    layers.conv("conv1", halving(channels, fewer), leaky)?; // [B, c, H/2, W/2]
    layers.residual("block1", fewer, leaky)?;
    layers.conv("conv2", halving(fewer, most), leaky)?; // [B, 2c, H/4, W/4]
    layers.residual("block2", most, leaky)?;
    layers.flatten();
    layers.dense("out", [most * (height / 4) * (width / 4), 1], Activation::Linear) // [B, 1]
}
