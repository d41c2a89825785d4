//! Grey levels as real numbers.
//!
//! v = (g + u)/L for a level g of L and u from U(0, 1), and y = logit(α + (1 − 2α)·v) (RealNVP, section 4.1). With
//! p = α + (1 − 2α)·v, ∂y/∂v = (1 − 2α)/(p(1 − p)); the cell of an image has the volume L^(−D).
use candle_core::{Result, Tensor};
use rand::Rng as _;
use train::Rng;

/// From levels to real numbers and back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dequantise {
    /// L.
    pub(super) levels: u16,
    /// α.
    pub(super) margin: f64,
}

impl Dequantise {
    /// y of pixels from −1 to 1 with noise u, `[B, D]`, and log |det ∂y/∂v| − D·log L of each row, `[B]`, which, added to
    /// log p(y), makes it the bound on log P(image).
    pub(super) fn forward(self, x: &Tensor, u: &Tensor) -> Result<(Tensor, Tensor)> {
        let levels = f64::from(self.levels);
        let half = (levels - 1.0) / 2.0;
        let v = ((x.affine(half, half)? + u)? / levels)?;
        let p = v.affine(1.0 - 2.0 * self.margin, self.margin)?;
        let (up, down) = (p.log()?, p.affine(-1.0, 1.0)?.log()?);
        let each = (1.0 - 2.0 * self.margin).ln() - levels.ln();
        let volume = (&up + &down)?.affine(-1.0, each)?.sum(1)?; // [B]
        Ok(((up - down)?, volume))
    }

    /// [`forward`](Self::forward) of rows on the host, without the determinant.
    pub(super) fn host(self, rows: &mut [f32], rng: &mut Rng) {
        let levels = f32::from(self.levels);
        for x in rows {
            let v = ((*x + 1.0) * 0.5 * (levels - 1.0) + rng.random::<f32>()) / levels;
            let p = self.margin as f32 + (1.0 - 2.0 * self.margin as f32) * v;
            *x = (p / (1.0 - p)).ln();
        }
    }

    /// The pixel of a real number y, from −1 to 1: that of its level.
    pub(super) fn pixel(self, y: f32) -> f32 {
        let (levels, margin) = (f64::from(self.levels), self.margin);
        let p = 1.0 / (1.0 + (-f64::from(y)).exp());
        let v = (p - margin) / (1.0 - 2.0 * margin);
        let level = (v * levels).floor().clamp(0.0, levels - 1.0);
        (2.0 * level / (levels - 1.0) - 1.0) as f32
    }
}
