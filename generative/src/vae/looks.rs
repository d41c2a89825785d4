//! The latent space of a model: what is measured of it, and seen.
use super::corruption::corrupted;
use super::{GROUP, Objective, Vae};
use crate::data::Images;
use crate::latents::{self, LatentSpace, Vectors, active_units, probe_accuracy};
use crate::reconstruction::side_by_side;
use crate::{Generative as _, ImageGrid};
use anyhow::Result;
use train::{Measure, Split, pulse, stream};

/// Pictures that a probe learns from, at most.
const PROBED: usize = 10_000;

/// Numbers in a picture beyond which a probe of the pixels takes too long.
const LARGE: usize = 4_096;

impl LatentSpace for Vae {
    fn encode(&self, images: &Images) -> Result<Vectors> {
        let mut values = Vec::with_capacity(images.len() * self.config.latents);
        for first in (0..images.len()).step_by(GROUP) {
            pulse::check()?;
            let rows = first..images.len().min(first + GROUP);
            let (mu, _) = self.frozen.encode(&self.shown(images, rows)?)?; // [n, Z]
            values.extend(mu.flatten_all()?.to_vec1::<f32>()?);
        }
        Vectors::new(self.config.latents, values)
    }

    /// A conditional model is asked for the first class.
    fn decode(&self, z: &Vectors) -> Result<Images> {
        self.decoded(&z.tensor(&self.device)?, self.labels(&vec![0; z.len()])?.as_ref())
    }

    fn is_normal(&self) -> bool {
        self.config.objective != Objective::Reconstruction
    }
}

impl Vae {
    /// Active units; of the test pictures also how well probes of the latent means and of the pixels tell
    /// labels.
    pub(super) fn latent_measures(&self, split: Split) -> Result<Vec<(String, Measure)>> {
        let (held_out, _) = self.held_out(split);
        let z = self.encode(held_out)?;
        let mut measures =
            vec![("active_units".to_owned(), Measure::single(active_units(&z) as f64))];
        let train = self.loader.images();
        if split == Split::Validation || train.labels().is_none() {
            return Ok(measures);
        }
        let train = train.take(0..train.len().min(PROBED));
        let train = self.config.binarisation.once(&train, "train")?;
        let (learned, told) = (train.labels(), held_out.labels());
        let own = probe_accuracy((&self.encode(&train)?, learned), (&z, told))?;
        measures.extend(own.map(|measure| ("probe_accuracy".to_owned(), measure)));
        if self.shape.len() <= LARGE {
            let pixels = probe_accuracy((&pixels(&train)?, learned), (&pixels(held_out)?, told))?;
            measures.extend(pixels.map(|measure| ("pixel_probe_accuracy".to_owned(), measure)));
        }
        Ok(measures)
    }

    /// Held-out pictures and what becomes of them, what it draws, and its latent space.
    pub(super) fn all_sheets(&self) -> Result<Vec<ImageGrid>> {
        let drawn = self.sample(COLUMNS * COLUMNS, &mut stream(self.seed, "samples"))?;
        let drawn = drawn.map(|images| ImageGrid { name: "samples", images, columns: COLUMNS });
        let mut sheets: Vec<_> = drawn.into_iter().collect();
        let through = |images: &Images| {
            let labels = images.labels().map_or(&[][..], |labels| &labels.of);
            let z = self.encode(images)?.tensor(&self.device)?; // [n, Z]
            self.decoded(&z, self.labels(labels)?.as_ref())
        };
        sheets.extend(side_by_side("reconstructions", &self.validation, through)?);
        if self.config.corrupt > 0.0 {
            let noise = stream(self.seed, "denoised");
            let shown = corrupted(&self.validation, self.config.corrupt, noise)?;
            sheets.extend(side_by_side("denoised", &shown, through)?);
        }
        sheets.extend(latents::sheets(self, &self.validation)?);
        Ok(sheets)
    }
}

/// Drawn pictures in a row, and rows of them.
const COLUMNS: usize = 10;

/// The pictures themselves, 0 to 1, as vectors.
fn pixels(images: &Images) -> Result<Vectors> {
    let highest = f32::from(images.levels() - 1);
    let values = images.pixels().iter().map(|pixel| f32::from(*pixel) / highest).collect();
    Vectors::new(images.shape().len(), values)
}

#[cfg(test)]
mod tests;
