//! Batches in an order that the seed fixes and a checkpoint goes on with.
use super::binarise::{Greys, at};
use super::{Binarisation, Images, Points};
use anyhow::Result;
use candle_core::{DType, Device, Tensor};
use nn::HostTensor;
use rand::seq::SliceRandom as _;
use rayon::prelude::*;
use train::{BadValue, Checkpoint, Rng, stream};

/// The order in which samples are trained on: all of them once in an epoch, each epoch shuffled by a
/// stream of its own. Epochs follow each other without a gap: a batch may hold the last of one and the
/// first of the next.
pub struct EpochOrder {
    seed: u64,
    taken: u64,
    rows: Vec<u32>,
    /// Of which epoch `rows` is the order.
    shuffled: Option<u64>,
}

impl EpochOrder {
    /// The order of `n` samples, at least one.
    pub fn new(n: usize, seed: u64) -> Self {
        Self { seed, taken: 0, rows: vec![0; n], shuffled: None }
    }

    /// Samples taken so far.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// Fills `rows` with the numbers of the next samples.
    pub fn next(&mut self, rows: &mut [usize]) {
        let n = self.rows.len() as u64;
        for row in rows {
            let epoch = self.taken / n;
            if self.shuffled != Some(epoch) {
                self.rows.iter_mut().zip(0..).for_each(|(row, i)| *row = i);
                self.rows.shuffle(&mut stream(self.seed, &format!("epoch/{epoch}")));
                self.shuffled = Some(epoch);
            }
            *row = self.rows[(self.taken % n) as usize] as usize;
            self.taken += 1;
        }
    }

    /// Saves or loads the place in the order.
    ///
    /// # Errors
    /// Names the file.
    pub fn state(&mut self, name: &str, checkpoint: &mut Checkpoint) -> Result<()> {
        checkpoint.count(name, &mut self.taken)
    }
}

/// Draws batches of images to train on, into tensors that are refilled in place.
pub struct ImageLoader {
    images: Images,
    greys: Greys,
    /// Generator for dynamic binarisation.
    noise: Option<Rng>,
    order: EpochOrder,
    rows: Vec<usize>,
    pixels: HostTensor<f32>,
    labels: Option<HostTensor<u32>>,
}

impl ImageLoader {
    /// Batches of `batch` out of `images`.
    ///
    /// # Errors
    /// [`BadValue`] where there is no image, or no room for a batch; what the device reports.
    pub fn new(
        images: Images,
        batch: usize,
        binarisation: Binarisation,
        seed: u64,
        device: &Device,
    ) -> Result<Self> {
        let shape = images.shape();
        check(batch, images.len())?;
        let noise = (binarisation == Binarisation::Dynamic).then(|| stream(seed, "binarise"));
        let labels = images.labels().map(|_| HostTensor::new(batch, device)).transpose()?;
        Ok(Self {
            greys: Greys::new(images.levels()),
            noise,
            order: EpochOrder::new(images.len(), seed),
            rows: vec![0; batch],
            pixels: HostTensor::new((batch, shape.channels, shape.height, shape.width), device)?,
            labels,
            images,
        })
    }

    /// The images it draws from.
    pub fn images(&self) -> &Images {
        &self.images
    }

    /// Images taken so far.
    pub fn taken(&self) -> u64 {
        self.order.taken()
    }

    /// The next batch, `[B, C, H, W]`, from 0 to 1. It is overwritten by the call after this one.
    ///
    /// # Errors
    /// Errors of the device.
    pub fn next_batch(&mut self) -> Result<&Tensor> {
        let Self { images, greys, noise, order, rows, pixels, labels } = self;
        let (len, first) = (images.shape().len(), order.taken());
        order.next(rows);
        pixels.fill(|pixels| {
            let each = pixels.par_chunks_exact_mut(len).zip(&*rows).enumerate();
            each.with_min_len(16).for_each(|(i, (to, &row))| match &*noise {
                Some(noise) => {
                    let mut rng = at(noise, first + i as u64, len);
                    greys.draw(images.image(row), &mut rng, |i, white| to[i] = f32::from(white));
                }
                None => greys.scale(images.image(row), to),
            });
        })?;
        if let (Some(to), Some(labels)) = (labels, images.labels()) {
            to.fill(|to| to.iter_mut().zip(rows).for_each(|(to, row)| *to = labels.of[*row]))?;
        }
        Ok(pixels.tensor())
    }

    /// Labels of the last batch, `[B]`, if known.
    pub fn labels(&self) -> Option<&Tensor> {
        self.labels.as_ref().map(HostTensor::tensor)
    }

    /// Saves or loads the place in the data.
    ///
    /// # Errors
    /// Names the file.
    pub fn state(&mut self, name: &str, checkpoint: &mut Checkpoint) -> Result<()> {
        self.order.state(name, checkpoint)
    }
}

/// Draws batches of points to train on.
pub struct PointLoader {
    points: Points,
    order: EpochOrder,
    rows: Vec<usize>,
    batch: HostTensor<f32>,
    labels: HostTensor<u32>,
}

impl PointLoader {
    /// Batches of `batch` out of `points`.
    ///
    /// # Errors
    /// [`BadValue`] where there is no point, or no room for a batch; what the device reports.
    pub fn new(points: Points, batch: usize, seed: u64, device: &Device) -> Result<Self> {
        check(batch, points.at.len())?;
        Ok(Self {
            order: EpochOrder::new(points.at.len(), seed),
            rows: vec![0; batch],
            batch: HostTensor::new((batch, 2), device)?,
            labels: HostTensor::new(batch, device)?,
            points,
        })
    }

    /// The points it draws from.
    pub fn points(&self) -> &Points {
        &self.points
    }

    /// The next batch, `[B, 2]`. It is overwritten by the call after this one.
    ///
    /// # Errors
    /// Errors of the device.
    pub fn next_batch(&mut self) -> Result<&Tensor> {
        let Self { points, order, rows, batch, labels } = self;
        order.next(rows);
        batch.fill(|to| {
            for (to, &row) in to.chunks_exact_mut(2).zip(&*rows) {
                to.copy_from_slice(&points.at[row]);
            }
        })?;
        let of = &points.labels.of;
        labels.fill(|to| to.iter_mut().zip(&*rows).for_each(|(to, row)| *to = of[*row]))?;
        Ok(batch.tensor())
    }

    /// The component that each point of the last batch was drawn from, `[B]`.
    pub fn labels(&self) -> &Tensor {
        self.labels.tensor()
    }

    /// Saves or loads the place in the data.
    ///
    /// # Errors
    /// Names the file.
    pub fn state(&mut self, name: &str, checkpoint: &mut Checkpoint) -> Result<()> {
        self.order.state(name, checkpoint)
    }
}

fn check(batch: usize, n: usize) -> Result<(), BadValue> {
    BadValue::outside("batch", batch, 1..=1 << 20)?;
    if n == 0 {
        return Err(BadValue::new("batch", batch, "there is nothing to draw from"));
    }
    Ok(())
}

impl Images {
    /// Images `rows` from 0 to 1, `[n, C, H, W]`: for evaluation, which goes through them in order.
    ///
    /// # Errors
    /// Errors of the device.
    pub fn tensor(&self, rows: std::ops::Range<usize>, device: &Device) -> Result<Tensor> {
        let (shape, n) = (self.shape(), rows.len());
        let pixels = &self.pixels()[rows.start * shape.len()..rows.end * shape.len()];
        let mut values = vec![0.0; pixels.len()];
        Greys::new(self.levels()).scale(pixels, &mut values);
        let shape = (n, shape.channels, shape.height, shape.width);
        Ok(Tensor::from_vec(values, shape, device)?)
    }
}

/// `[B, classes]` for labels `[B]`: 1 in the column of each label.
pub(crate) fn one_hot(labels: &Tensor, classes: usize) -> candle_core::Result<Tensor> {
    Tensor::eye(classes, DType::F32, labels.device())?.index_select(labels, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{GlyphsConfig, Labels, Shape, glyphs};
    use train::Scope;
    use train::testing::device;

    fn grey() -> Images {
        let config = GlyphsConfig { n_train: 50, n_test: 1, ..GlyphsConfig::default() };
        glyphs(&config).unwrap().images().unwrap().train
    }

    fn loader(binarisation: Binarisation, batch: usize, seed: u64) -> ImageLoader {
        ImageLoader::new(grey(), batch, binarisation, seed, device()).unwrap()
    }

    fn values(loader: &mut ImageLoader) -> Vec<f32> {
        loader.next_batch().unwrap().flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn an_epoch_shows_each_once_and_the_next_one_in_another_order() {
        let mut order = EpochOrder::new(10, 1);
        let (mut first, mut second) = ([0; 10], [0; 10]);
        // Batches need not fit the epoch.
        let mut both = [0; 20];
        order.next(&mut both[..7]);
        order.next(&mut both[7..]);
        first.copy_from_slice(&both[..10]);
        second.copy_from_slice(&both[10..]);
        assert_ne!(first, second);
        for mut epoch in [first, second] {
            epoch.sort_unstable();
            assert_eq!(epoch, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        }
    }

    #[test]
    fn a_batch_holds_images_and_their_labels() {
        let names = ["a", "b"].map(str::to_owned).to_vec();
        let labels = Labels { of: vec![0, 1, 1], names };
        let shape = Shape { channels: 1, height: 1, width: 2 };
        let images = Images::new(shape, 5, vec![0, 1, 2, 3, 4, 0], Some(labels)).unwrap();
        let mut loader = ImageLoader::new(images, 3, Binarisation::None, 1, device()).unwrap();
        let batch = loader.next_batch().unwrap().clone();
        assert_eq!(batch.dims(), [3, 1, 1, 2]);
        let labels: Vec<u32> = loader.labels().unwrap().to_vec1().unwrap();
        let rows: Vec<Vec<f32>> = batch.flatten_from(1).unwrap().to_vec2().unwrap();
        let mut both: Vec<_> = rows.into_iter().zip(labels).collect();
        both.sort_by(|a, b| a.0[0].total_cmp(&b.0[0]));
        assert_eq!(both, [(vec![0.0, 0.25], 0), (vec![0.5, 0.75], 1), (vec![1.0, 0.0], 1)]);
    }

    #[test]
    fn dynamic_draws_anew_each_epoch_and_the_seed_fixes_it() {
        let mut dynamic = loader(Binarisation::Dynamic, 50, 1);
        let batches = [values(&mut dynamic), values(&mut dynamic)];
        assert!(batches[0].iter().all(|x| *x == 0.0 || *x == 1.0));
        let sorted = |batch: &[f32]| {
            let mut images: Vec<Vec<u8>> =
                batch.chunks(784).map(|x| x.iter().map(|x| *x as u8).collect()).collect();
            images.sort_unstable();
            images
        };
        assert_ne!(sorted(&batches[0]), sorted(&batches[1]), "the same draws in another order");
        assert_eq!(batches[0], values(&mut loader(Binarisation::Dynamic, 50, 1)));
        assert_ne!(batches[0], values(&mut loader(Binarisation::Dynamic, 50, 2)));
    }

    #[test]
    fn the_same_whatever_the_batch_and_the_threads() {
        for binarisation in [Binarisation::None, Binarisation::Dynamic] {
            let (mut one, mut two) = (loader(binarisation, 60, 1), loader(binarisation, 20, 1));
            let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
            let whole = pool.install(|| values(&mut one));
            let parts: Vec<_> = (0..3).flat_map(|_| values(&mut two)).collect();
            assert_eq!(whole, parts);
        }
    }

    #[test]
    fn a_checkpoint_goes_on_in_the_middle_of_an_epoch() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("step-1");
        let mut whole = loader(Binarisation::Dynamic, 20, 1);
        (0..4).for_each(|_| _ = values(&mut whole));
        let mut checkpoint = Checkpoint::create(&path).unwrap();
        whole.state("data", &mut checkpoint).unwrap();
        checkpoint.commit().unwrap();
        let mut resumed = loader(Binarisation::Dynamic, 20, 1);
        values(&mut resumed);
        resumed.state("data", &mut Checkpoint::open(&path, Scope::All).unwrap()).unwrap();
        assert_eq!(resumed.taken(), 80);
        for _ in 0..3 {
            assert_eq!(values(&mut whole), values(&mut resumed));
        }
    }

    #[test]
    fn points_come_as_they_are() {
        let labels = Labels { of: vec![0; 2], names: vec!["a".to_owned()] };
        let points = Points { at: vec![[1.0, 2.0], [3.0, -4.0]], labels, density: None };
        let mut loader = PointLoader::new(points, 2, 1, device()).unwrap();
        let mut rows: Vec<Vec<f32>> = loader.next_batch().unwrap().to_vec2().unwrap();
        rows.sort_by(|a, b| a[0].total_cmp(&b[0]));
        assert_eq!(rows, [[1.0, 2.0], [3.0, -4.0]]);
    }
}
