//! The weight that a layer computes with.
use super::spectral::Spectral;
use candle_core::{Result, Tensor};

/// A weight under a mask, divided by its largest singular value, as far as there is either.
pub(super) fn applied(
    weight: &Tensor,
    mask: Option<&Tensor>,
    spectral: Option<&Spectral>,
) -> Result<Tensor> {
    let weight = mask.map_or_else(|| Ok(weight.clone()), |mask| weight * mask)?;
    spectral.map_or_else(|| Ok(weight.clone()), |spectral| spectral.divided(&weight))
}
