//! The networks of Stanford CS231n's assignment on GANs (assignment 3, `gan_pytorch.py`), layer by layer, with the
//! initial weights of PyTorch's layers.
use super::builder::{Builder, halving};
use crate::data::Shape;
use candle_core::Result;
use nn::{Activation, Conv2dConfig};

/// Leaky ReLU with the slope 0.01.
const LEAKY: Activation = Activation::LeakyRelu(0.01);

/// `[B, inputs]` to `[B, outputs]`: 1024 and 1024 units.
pub(super) fn fc_generator(
    layers: &mut Builder<'_>,
    [inputs, outputs]: [usize; 2],
    output: Activation,
) -> Result<()> {
    layers.dense("fc1", [inputs, 1024], Activation::Relu)?; // [B, 1024]
    layers.dense("fc2", [1024, 1024], Activation::Relu)?; // [B, 1024]
    layers.dense("fc3", [1024, outputs], output) // [B, D]
}

/// `[B, inputs]` to `[B, 1]`: 256 and 256 units.
pub(super) fn fc_discriminator(layers: &mut Builder<'_>, inputs: usize) -> Result<()> {
    layers.dense("fc1", [inputs, 256], LEAKY)?; // [B, 256]
    layers.dense("fc2", [256, 256], LEAKY)?; // [B, 256]
    layers.dense("fc3", [256, 1], Activation::Linear) // [B, 1]
}

/// `[B, inputs]` to `[B, C, 28, 28]`.
pub(super) fn conv_generator(layers: &mut Builder<'_>, inputs: usize, shape: Shape) -> Result<()> {
    let (height, width) = (shape.height / 4, shape.width / 4);
    layers.dense("fc1", [inputs, 1024], Activation::Relu)?; // [B, 1024]
    layers.batch_norm("norm1", 1024, Activation::Linear)?;
    layers.dense("fc2", [1024, 128 * height * width], Activation::Relu)?; // [B, 6272]
    layers.batch_norm("norm2", 128 * height * width, Activation::Linear)?;
    layers.unflatten([128, height, width]); // [B, 128, 7, 7]
    layers.conv_transpose("up1", halving(128, 64), Activation::Relu)?; // [B, 64, 14, 14]
    layers.batch_norm("norm3", 64, Activation::Linear)?;
    layers.conv_transpose("up2", halving(64, shape.channels), Activation::Tanh) // [B, C, 28, 28]
}

/// `[B, channels, 28, 28]` to `[B, 1]`.
pub(super) fn conv_discriminator(layers: &mut Builder<'_>, channels: usize) -> Result<()> {
    layers.conv("conv1", Conv2dConfig::new(channels, 32, 5), LEAKY)?; // [B, 32, 24, 24]
    layers.pool()?; // [B, 32, 12, 12]
    layers.conv("conv2", Conv2dConfig::new(32, 64, 5), LEAKY)?; // [B, 64, 8, 8]
    layers.pool()?; // [B, 64, 4, 4]
    layers.flatten();
    layers.dense("fc1", [4 * 4 * 64, 4 * 4 * 64], LEAKY)?; // [B, 1024]
    layers.dense("fc2", [4 * 4 * 64, 1], Activation::Linear) // [B, 1]
}
