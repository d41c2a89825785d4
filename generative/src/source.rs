//! The data as the networks take them: images from −1 to 1, points as they are.
use crate::data::{
    Binarisation, Dataset, Density, ImageLoader, Images, Labels, Mixture, PointLoader, Points,
};
use crate::form::Form;
use anyhow::Result;
use candle_core::{Device, Tensor};
use rand::Rng as _;
use train::{Checkpoint, Rng, Split};

/// A data set, and the place in it.
pub(crate) struct Source {
    kind: Kind,
    /// Images are asked for as rows of numbers.
    as_rows: bool,
    /// The networks are conditioned on labels.
    conditional: bool,
}

enum Kind {
    Images { loader: Box<ImageLoader>, validation: Images, test: Images },
    Points { loader: Box<PointLoader>, validation: Points, test: Points },
}

/// Batches of a source.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SourceConfig {
    /// Batch size, in samples.
    pub(crate) batch: usize,
    /// The networks are conditioned on labels.
    pub(crate) conditional: bool,
    /// Images are asked for as rows of numbers.
    pub(crate) as_rows: bool,
}

/// Samples to learn from.
pub(crate) struct RealBatch {
    /// `[B, D]` or `[B, C, H, W]`.
    pub(crate) x: Tensor,
    /// Their labels, `[B]`, of a conditional model.
    pub(crate) labels: Option<Tensor>,
}

impl Source {
    pub(crate) fn new(
        data: Dataset,
        config: SourceConfig,
        seed: u64,
        device: &Device,
    ) -> Result<Self> {
        let SourceConfig { batch, conditional, as_rows } = config;
        let kind = match data {
            Dataset::Images(parts) => Kind::Images {
                loader: Box::new(ImageLoader::new(
                    parts.train,
                    batch,
                    Binarisation::None,
                    seed,
                    device,
                )?),
                validation: parts.validation,
                test: parts.test,
            },
            Dataset::Points(parts) => Kind::Points {
                loader: Box::new(PointLoader::new(parts.train, batch, seed, device)?),
                validation: parts.validation,
                test: parts.test,
            },
        };
        Ok(Self { kind, as_rows, conditional })
    }

    /// The form of a sample.
    pub(crate) fn form(&self) -> Form {
        match &self.kind {
            Kind::Images { loader, .. } => Form::Image(loader.images().shape()),
            Kind::Points { .. } => Form::Point,
        }
    }

    /// Labels of the training data, of a conditional model.
    pub(crate) fn labels(&self) -> Option<&Labels> {
        let labels = match &self.kind {
            Kind::Images { loader, .. } => loader.images().labels(),
            Kind::Points { loader, .. } => Some(&loader.points().labels),
        };
        labels.filter(|_| self.conditional)
    }

    /// The distribution of points, where it is a mixture of Gaussians.
    pub(crate) fn mixture(&self) -> Option<&Mixture> {
        match &self.kind {
            Kind::Images { .. } => None,
            Kind::Points { loader, .. } => loader.points().mixture(),
        }
    }

    /// The distribution of points, where its density is known.
    pub(crate) fn density(&self) -> Option<&Density> {
        match &self.kind {
            Kind::Images { .. } => None,
            Kind::Points { loader, .. } => loader.points().density.as_ref(),
        }
    }

    /// Levels of grey; `None` of points.
    pub(crate) fn levels(&self) -> Option<u16> {
        match &self.kind {
            Kind::Images { loader, .. } => Some(loader.images().levels()),
            Kind::Points { .. } => None,
        }
    }

    /// The first `n` of the training data at most, as rows `[n, D]`.
    pub(crate) fn training(&self, n: usize) -> Vec<f32> {
        match &self.kind {
            Kind::Images { loader, .. } => rows(loader.images(), n),
            Kind::Points { loader, .. } => {
                let at = &loader.points().at;
                at[..n.min(at.len())].as_flattened().to_vec()
            }
        }
    }

    /// The points to learn from; `None` of images.
    pub(crate) fn training_points(&self) -> Option<&[[f32; 2]]> {
        match &self.kind {
            Kind::Images { .. } => None,
            Kind::Points { loader, .. } => Some(&loader.points().at),
        }
    }

    /// `n` labels, as frequent as in the training data; none of an unconditional model.
    pub(crate) fn sample_labels(&self, n: usize, rng: &mut Rng) -> Vec<u32> {
        let Some(Labels { of, .. }) = self.labels() else { return Vec::new() };
        (0..n).map(|_| of[rng.random_range(0..of.len())]).collect()
    }

    /// The next samples to train on.
    pub(crate) fn next(&mut self) -> Result<RealBatch> {
        let (x, labels) = match &mut self.kind {
            Kind::Images { loader, .. } => {
                let x = loader.next_batch()?.affine(2.0, -1.0)?; // [B, C, H, W]
                (if self.as_rows { x.flatten_from(1)? } else { x }, loader.labels())
            }
            Kind::Points { loader, .. } => {
                let x = loader.next_batch()?.clone(); // [B, 2]
                (x, Some(loader.labels()))
            }
        };
        Ok(RealBatch { x, labels: labels.filter(|_| self.conditional).cloned() })
    }

    /// The first `n` of those to be scored on, at most, as rows `[n, D]`.
    pub(crate) fn held_out(&self, split: Split, n: usize) -> Vec<f32> {
        match (&self.kind, split) {
            (Kind::Images { validation: images, .. }, Split::Validation)
            | (Kind::Images { test: images, .. }, Split::Test) => rows(images, n),
            (Kind::Points { validation: points, .. }, Split::Validation)
            | (Kind::Points { test: points, .. }, Split::Test) => {
                points.at[..n.min(points.at.len())].as_flattened().to_vec()
            }
        }
    }

    /// Labels of those, `[n]`; none of an unconditional model.
    pub(crate) fn held_out_labels(&self, split: Split, n: usize) -> Vec<u32> {
        let labels = match (&self.kind, split) {
            (Kind::Images { validation: images, .. }, Split::Validation)
            | (Kind::Images { test: images, .. }, Split::Test) => images.labels(),
            (Kind::Points { validation: points, .. }, Split::Validation)
            | (Kind::Points { test: points, .. }, Split::Test) => Some(&points.labels),
        };
        let labels = labels.filter(|_| self.conditional);
        labels.map_or(Vec::new(), |labels| labels.of[..n.min(labels.of.len())].to_vec())
    }

    pub(crate) fn state(&mut self, name: &str, checkpoint: &mut Checkpoint) -> Result<()> {
        match &mut self.kind {
            Kind::Images { loader, .. } => loader.state(name, checkpoint),
            Kind::Points { loader, .. } => loader.state(name, checkpoint),
        }
    }
}

/// The first `n` images at most, from −1 to 1, as rows `[n, D]`.
fn rows(images: &Images, n: usize) -> Vec<f32> {
    let highest = f32::from(images.levels() - 1);
    let pixels = &images.pixels()[..n.min(images.len()) * images.shape().len()];
    pixels.iter().map(|pixel| 2.0 * f32::from(*pixel) / highest - 1.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Parts, PlanarConfig, Shape, gaussians_8};
    use crate::form::images as images_of;
    use train::stream;
    use train::testing::device;

    #[test]
    fn images_go_from_minus_one_to_one_and_back() {
        let shape = Shape { channels: 1, height: 1, width: 2 };
        let images = Images::new(shape, 5, vec![0, 4, 2, 3], None).unwrap();
        let part = || images.clone();
        let parts = Parts { train: part(), validation: part(), test: part(), entropy: None };
        let data = Dataset::Images(parts);
        let config = SourceConfig { batch: 2, conditional: false, as_rows: true };
        let mut source = Source::new(data, config, 1, device()).unwrap();
        assert_eq!(source.held_out(Split::Test, 9), [-1.0, 1.0, 0.0, 0.5]);
        assert_eq!(source.held_out(Split::Validation, 1), [-1.0, 1.0]);
        let RealBatch { x, labels } = source.next().unwrap();
        let mut rows: Vec<Vec<f32>> = x.to_vec2().unwrap();
        rows.sort_by(|a, b| a[0].total_cmp(&b[0]));
        assert_eq!(rows, [[-1.0, 1.0], [0.0, 0.5]]);
        assert!(labels.is_none() && source.sample_labels(3, &mut stream(1, "test")).is_empty());
        let back = images_of(shape, &[-1.0, 1.0, 0.0, 0.5]).unwrap();
        assert_eq!(back.pixels(), [0, 255, 128, 191]);
    }

    #[test]
    fn points_come_with_their_labels() {
        let data = gaussians_8(&PlanarConfig { n_train: 100, n_test: 10, seed: 1 }).unwrap();
        let config = SourceConfig { batch: 100, conditional: true, as_rows: true };
        let mut source = Source::new(data.clone(), config, 1, device()).unwrap();
        assert_eq!(source.held_out_labels(Split::Test, 9).len(), 9);
        let test = data.clone().points().unwrap().test.labels.of;
        assert_eq!(source.held_out_labels(Split::Test, 99), test);
        let RealBatch { x, labels } = source.next().unwrap();
        let found: Vec<Vec<f32>> = x.to_vec2().unwrap();
        let labels: Vec<u32> = labels.unwrap().to_vec1().unwrap();
        let points = data.points().unwrap().train;
        for (at, label) in points.at.iter().zip(&points.labels.of) {
            let place = found.iter().position(|found| found == at).unwrap();
            assert_eq!(labels[place], *label);
        }
        let sampled = source.sample_labels(8_000, &mut stream(1, "test"));
        for label in 0..8 {
            let share =
                |of: &[u32]| of.iter().filter(|of| **of == label).count() as f64 / of.len() as f64;
            assert!((share(&sampled) - share(&points.labels.of)).abs() < 0.02);
        }
    }
}
