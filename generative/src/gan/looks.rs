//! What a model is looked at with.
use super::source::pictures;
use super::{Form, Gan, Objective, joined};
use crate::ImageGrid;
use crate::latents::{Vectors, interpolations, linear, spherical};
use crate::plane::{Field, Plane};
use anyhow::Result;
use candle_core::{Module as _, Tensor};
use train::{Split, stream};

/// Drawn pictures in a row, and rows of them.
const COLUMNS: usize = 10;

/// Pairs of noise that is gone between.
const PAIRS: usize = 12;

/// Points of the data and drawn ones, and places along a side of what the discriminator says.
const POINTS: usize = 1_000;
const SIDE: usize = 160;

impl Gan {
    /// What it draws, and what lies between.
    pub(super) fn all_grids(&self) -> Result<Vec<ImageGrid>> {
        let Form::Picture(shape) = self.form else { return Ok(Vec::new()) };
        let n = COLUMNS * COLUMNS;
        let drawn = self.pictures(n, &self.in_turn(n), &mut stream(self.seed, "samples"))?;
        let drawn = drawn.map(|images| ImageGrid { name: "samples", images, columns: COLUMNS });
        let mut grids: Vec<_> = drawn.into_iter().collect();
        let rng = &mut stream(self.seed, "interpolations");
        let z = Vectors::new(self.config.latents, self.zs(2 * PAIRS, rng))?;
        // Of a conditional model every row has a class of its own.
        let decode = |z: &Vectors| {
            let rows = z.len() / PAIRS;
            let labels: Vec<u32> = match self.classes.len() as u32 {
                0 => Vec::new(),
                n => (0..z.len()).map(|i| (i / rows) as u32 % n).collect(),
            };
            let z: Vec<f32> = z.rows().flatten().copied().collect();
            pictures(shape, &self.drawn_by(&z, &labels)?)
        };
        grids.push(interpolations("interpolations", &decode, &z, linear)?);
        grids.push(interpolations("interpolations-spherical", &decode, &z, spherical)?);
        Ok(grids)
    }

    /// Points, held out and drawn, and what the discriminator says of places around them.
    pub(super) fn points_in_the_plane(&self) -> Result<Option<Plane>> {
        if self.form != Form::Point {
            return Ok(None);
        }
        let data = self.source.held_out(Split::Validation, POINTS).as_chunks().0.to_vec();
        let drawn = self.drawn(POINTS, &mut stream(self.seed, "plane"))?.as_chunks().0.to_vec();
        let field = Field::around(&data, SIDE, |at| self.said(at))?;
        Ok(Some(Plane { data, drawn, field }))
    }

    /// How real places `[n, 2]` look: the probability, where the objective gives the logit that meaning, else the
    /// logit from its lowest, 0, to its highest, 1. Of a conditional model, told what the place is likeliest to be.
    pub(super) fn said(&self, at: &[[f32; 2]]) -> Result<Vec<f32>> {
        let x = Tensor::from_slice(at.as_flattened(), (at.len(), 2), &self.device)?;
        let mut logits = Vec::new();
        for class in 0..self.classes.len().max(1) as u32 {
            let labels = if self.classes.is_empty() { Vec::new() } else { vec![class; at.len()] };
            let told = joined(&x, self.told(&labels)?.as_ref())?; // [n, 2 + L]
            let said = self.discriminator.fixed.forward(&told)?.flatten_all()?.to_vec1::<f32>()?;
            if logits.is_empty() {
                logits = said;
            } else {
                // What is no number stays none.
                let both = logits.iter_mut().zip(said);
                both.for_each(|(logit, said)| {
                    *logit = if said > *logit || said.is_nan() { said } else { *logit }
                });
            }
        }
        if matches!(self.config.objective, Objective::Minimax | Objective::NonSaturating) {
            return Ok(logits.into_iter().map(|logit| 1.0 / (1.0 + (-logit).exp())).collect());
        }
        let (low, high) = logits
            .iter()
            .fold((f32::MAX, f32::MIN), |(low, high), logit| (low.min(*logit), high.max(*logit)));
        let range = (high - low).max(f32::MIN_POSITIVE);
        Ok(logits.into_iter().map(|logit| (logit - low) / range).collect())
    }
}
