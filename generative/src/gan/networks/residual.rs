//! Small residual networks, in the manner of Gulrajani et al. 2017 (appendix F): two convolutions are added to what
//! they are given, then another one changes the size. The discriminator has no batch normalisation.
use super::BatchNorm;
use super::builder::{Builder, halving};
use crate::data::Shape;
use crate::gan::GanConfig;
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
    let (height, width) = (height / 4, width / 4);
    let normal = config.batch_norm != BatchNorm::None;
    let before = if normal { Activation::Linear } else { Activation::Relu };
    let normalised = |layers: &mut Builder<'_>, name: &str, channels| match normal {
        true => layers.batch_norm(name, channels, Activation::Relu),
        false => Ok(()),
    };
    layers.dense("project", [inputs, most * height * width], before)?;
    layers.unflatten([most, height, width]); // [B, 2c, H/4, W/4]
    normalised(layers, "norm1", most)?;
    layers.residual("block1", most, Activation::Relu)?;
    layers.conv_transpose("up1", halving(most, fewer), before)?; // [B, c, H/2, W/2]
    normalised(layers, "norm2", fewer)?;
    layers.residual("block2", fewer, Activation::Relu)?;
    layers.conv_transpose("up2", halving(fewer, fewer), before)?; // [B, c, H, W]
    normalised(layers, "norm3", fewer)?;
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
