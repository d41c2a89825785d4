//! Drawing from a model.
use super::source::pictures;
use super::{Form, Gan, joined};
use crate::data::Images;
use crate::{Generative, ImageGrid, Plane, Work};
use anyhow::Result;
use candle_core::{Module as _, Tensor};
use train::{Rng, pulse};

/// Samples drawn at once.
const GROUP: usize = 500;

impl Gan {
    /// The numbers of `n` samples, row by row, for z `[n, Z]` and `labels`, of which there may be none.
    pub(super) fn drawn_by(&self, z: &[f32], labels: &[u32]) -> Result<Vec<f32>> {
        let latents = self.config.latents;
        let mut drawn = Vec::with_capacity(z.len() / latents * self.form.len());
        for (i, z) in z.chunks(GROUP * latents).enumerate() {
            pulse::check()?;
            let n = z.len() / latents;
            let z = Tensor::from_slice(z, (n, latents), &self.device)?;
            let label = self.told(labels.get(i * GROUP..i * GROUP + n).unwrap_or_default())?; // [n, L]
            let samples = self.drawing.forward(&joined(&z, label.as_ref())?)?;
            drawn.extend(samples.flatten_all()?.to_vec1::<f32>()?);
        }
        Ok(drawn)
    }

    /// The numbers of `n` samples, row by row; those of a conditional model have the labels of the data as
    /// often as these.
    pub(super) fn drawn(&self, n: usize, rng: &mut Rng) -> Result<Vec<f32>> {
        let labels = self.source.draw_labels(n, rng);
        self.drawn_by(&self.zs(n, rng), &labels)
    }

    /// `[n, Z]`
    pub(super) fn zs(&self, n: usize, rng: &mut Rng) -> Vec<f32> {
        let mut z = vec![0.0; n * self.config.latents];
        self.config.noise_prior.fill(&mut z, rng);
        z
    }

    /// Pictures with these labels; of a model of points none.
    pub(super) fn pictures(
        &self,
        n: usize,
        labels: &[u32],
        rng: &mut Rng,
    ) -> Result<Option<Images>> {
        let Form::Picture(shape) = self.form else { return Ok(None) };
        Ok(Some(pictures(shape, &self.drawn_by(&self.zs(n, rng), labels)?)?))
    }

    /// Points with these labels; of a model of pictures none.
    fn points_with(
        &self,
        n: usize,
        labels: &[u32],
        rng: &mut Rng,
    ) -> Result<Option<Vec<[f32; 2]>>> {
        if self.form != Form::Point {
            return Ok(None);
        }
        Ok(Some(self.drawn_by(&self.zs(n, rng), labels)?.as_chunks().0.to_vec()))
    }

    /// The classes in turn, as often as it takes.
    pub(super) fn in_turn(&self, n: usize) -> Vec<u32> {
        (0..self.classes.len() as u32).cycle().take(n).collect()
    }
}

impl Generative for Gan {
    /// Of a conditional model, the classes take turns.
    fn sample(&self, n: usize, rng: &mut Rng) -> Result<Option<Images>> {
        self.pictures(n, &self.in_turn(n), rng)
    }

    fn points(&self, n: usize, rng: &mut Rng) -> Result<Option<Vec<[f32; 2]>>> {
        self.points_with(n, &self.in_turn(n), rng)
    }

    fn points_of_class(
        &self,
        class: usize,
        n: usize,
        rng: &mut Rng,
    ) -> Result<Option<Vec<[f32; 2]>>> {
        match self.classes.get(class) {
            Some(_) => self.points_with(n, &vec![class as u32; n], rng),
            None => Ok(None),
        }
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn sample_class(&self, class: usize, n: usize, rng: &mut Rng) -> Result<Option<Images>> {
        match self.classes.get(class) {
            Some(_) => self.pictures(n, &vec![class as u32; n], rng),
            None => Ok(None),
        }
    }

    fn work(&self) -> Work {
        Work::at_once(self.generator.params.count())
    }

    fn image_grids(&self) -> Result<Vec<ImageGrid>> {
        self.all_grids()
    }

    fn plane(&self) -> Result<Option<Plane>> {
        self.points_in_the_plane()
    }
}
