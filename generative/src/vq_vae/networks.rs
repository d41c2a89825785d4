//! Encoder and decoder.
use super::config::VqVaeConfig;
use crate::data::Shape;
use candle_core::{Result, Tensor};
use nn::{
    Activation, Conv2d, Conv2dConfig, ConvTranspose2d, Frozen, Layer, Params, Residual, Sequential,
};

/// Encoder and decoder; E numbers for each place of a grid `[h, w]` = `[H/4, W/4]`.
pub(super) struct Networks<N> {
    /// `[B, C, H, W]` to `[B, E, h, w]`.
    pub(super) encoder: N,
    /// `[B, E, h, w]` to `[B, outputs·C, H, W]`: what the likelihood is made of.
    pub(super) decoder: N,
}

impl Networks<Sequential> {
    /// New ones, with their parameters in `params`, for images whose height and width are multiples of 4
    /// and a likelihood that takes so many `outputs` for each of their numbers.
    pub(super) fn new(
        params: &Params,
        shape: Shape,
        outputs: usize,
        config: &VqVaeConfig,
    ) -> Result<Self> {
        let VqVaeConfig { channels, dims, .. } = *config;
        let narrow = channels.div_ceil(2);
        let conv = |name, sizes, activation| -> Result<Layer> {
            Ok(Conv2d::new(params, name, sizes, activation)?.into())
        };
        let up = |name, sizes, activation| -> Result<Layer> {
            Ok(ConvTranspose2d::new(params, name, sizes, activation)?.into())
        };
        let residual = |side: &str| -> Result<Vec<Layer>> {
            let layers = (1..=config.residual).map(|i| {
                let name = format!("{side}-residual{i}");
                let layer = Conv2d::new(params, &name, same(channels, channels), Activation::Relu)?;
                Ok(Residual::new(layer).into()) // [B, channels, h, w]
            });
            layers.collect()
        };
        let relu = Activation::Relu;
        let mut encoder = vec![
            conv("conv1", halving(shape.channels, narrow), relu)?, // [B, narrow, H/2, W/2]
            conv("conv2", halving(narrow, channels), relu)?,       // [B, channels, h, w]
        ];
        encoder.extend(residual("encoder")?);
        let last = Conv2dConfig::new(channels, dims, 1);
        encoder.push(conv("to-codes", last, Activation::Linear)?); // [B, E, h, w]
        let mut decoder = vec![conv("from-codes", same(dims, channels), relu)?]; // [B, channels, h, w]
        decoder.extend(residual("decoder")?);
        decoder.push(up("up1", halving(channels, narrow), relu)?); // [B, narrow, H/2, W/2]
        let last = halving(narrow, outputs * shape.channels);
        decoder.push(up("up2", last, Activation::Linear)?); // [B, outputs·C, H, W]
        Ok(Self { encoder: Sequential::new(encoder), decoder: Sequential::new(decoder) })
    }

    /// Networks without gradients that share the parameters' storage.
    pub(super) fn frozen(&self) -> Networks<Frozen> {
        Networks { encoder: self.encoder.frozen(), decoder: self.decoder.frozen() }
    }
}

/// The vectors of a grid as rows, `[B, E, h, w]` to `[R, E]`.
pub(super) fn rows(grid: &Tensor) -> Result<Tensor> {
    let (_, e, _, _) = grid.dims4()?;
    grid.permute((0, 2, 3, 1))?.reshape(((), e)) // [B, h, w, E] → [R, E]
}

/// Rows as a grid, `[R, E]` to `[B, E, h, w]`.
pub(super) fn grid(rows: &Tensor, shape: Shape) -> Result<Tensor> {
    let (r, e) = rows.dims2()?;
    let Shape { height, width, .. } = shape;
    rows.reshape((r / (height * width), height, width, e))?.permute((0, 3, 1, 2))?.contiguous()
}

/// A convolution that keeps height and width.
fn same(inputs: usize, outputs: usize) -> Conv2dConfig {
    Conv2dConfig { padding: 1, ..Conv2dConfig::new(inputs, outputs, 3) }
}

/// One that halves them; its transpose doubles them.
fn halving(inputs: usize, outputs: usize) -> Conv2dConfig {
    Conv2dConfig { stride: 2, padding: 1, ..Conv2dConfig::new(inputs, outputs, 4) }
}
