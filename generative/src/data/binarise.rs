//! From grey values to numbers for a network: as they are, or black and white.
use super::{Images, Labels, Parts};
use anyhow::Result;
use rand::Rng as _;
use serde::{Deserialize, Serialize};
use train::{Rng, stream};

/// Binarisation of grey images. A pixel of grey g, 0 to 1, is white with probability g (Salakhutdinov &
/// Murray 2008, "On the quantitative analysis of deep belief networks", section 5). Likelihoods under
/// different binarisations can't be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Binarisation {
    /// Not at all: grey values.
    None,
    /// Once, the same in every run.
    Static,
    /// Anew each time that an image is trained on; those held out once, the same in every run.
    Dynamic,
}

impl Binarisation {
    /// The images that are learned from and scored on. What is dynamic about the training part is
    /// left to its [`ImageLoader`](super::ImageLoader).
    ///
    /// # Errors
    /// None for images that are well made.
    pub fn prepare(self, mut data: Parts<Images>) -> Result<Parts<Images>> {
        data.validation = self.once(&data.validation, "validation")?;
        data.test = self.once(&data.test, "test")?;
        if self == Self::Static {
            data.train = self.once(&data.train, "train")?;
        }
        Ok(data)
    }

    /// Images of a part, `train`, `validation` or `test`, as those that are scored on: drawn once, the
    /// same in every run, or left as they are.
    ///
    /// # Errors
    /// None for images that are well made.
    pub fn once(self, images: &Images, part: &str) -> Result<Images> {
        match self {
            Self::None => Ok(images.clone()),
            Self::Static | Self::Dynamic => drawn(images, &stream(0, &format!("binarise/{part}"))),
        }
    }
}

fn drawn(images: &Images, noise: &Rng) -> Result<Images> {
    let (greys, len) = (Greys::new(images.levels()), images.shape().len());
    let mut pixels = vec![0; images.pixels().len()];
    for (i, to) in pixels.chunks_exact_mut(len).enumerate() {
        greys.draw(images.image(i), &mut at(noise, i as u64, len), |i, white| {
            to[i] = u8::from(white)
        });
    }
    let labels =
        images.labels().map(|Labels { of, names }| Labels { of: of.clone(), names: names.clone() });
    Images::new(images.shape(), 2, pixels, labels)
}

/// Numbers drawn at once.
const CHUNK: usize = 128;

/// The place in a stream from which image number `number` of `len` pixels is drawn. Every image
/// has its own, so that neither order nor threads matter.
pub(super) fn at(noise: &Rng, number: u64, len: usize) -> Rng {
    let mut rng = noise.clone();
    // Two of the 16-bit numbers in a word.
    let words = len.div_ceil(CHUNK) * CHUNK / 2;
    rng.set_word_pos(u128::from(number) * words as u128);
    rng
}

/// The probability of white at each level.
pub(super) struct Greys {
    highest: f32,
    /// A number of 16 bits below it makes a pixel of this level white.
    below: Vec<u32>,
}

impl Greys {
    pub(super) fn new(levels: u16) -> Self {
        let highest = u32::from(levels) - 1;
        let below = (0..=highest).map(|level| ((level << 16) + highest / 2) / highest);
        Self { highest: highest as f32, below: below.collect() }
    }

    /// Grey values from 0 to 1.
    pub(super) fn scale(&self, image: &[u8], to: &mut [f32]) {
        to.iter_mut().zip(image).for_each(|(to, &pixel)| *to = f32::from(pixel) / self.highest);
    }

    /// Tells of each pixel whether it is white; the probability of it is right to 2⁻¹⁷.
    pub(super) fn draw(&self, image: &[u8], rng: &mut Rng, mut tell: impl FnMut(usize, bool)) {
        let mut drawn = [0u16; CHUNK];
        for (chunk, pixels) in image.chunks(CHUNK).enumerate() {
            rng.fill(&mut drawn);
            for (i, (&pixel, &drawn)) in pixels.iter().zip(&drawn).enumerate() {
                tell(chunk * CHUNK + i, u32::from(drawn) < self.below[usize::from(pixel)]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Shape;

    const SHAPE: Shape = Shape { channels: 1, height: 2, width: 2 };

    /// `n` images of the greys 0, 51, 204, 255 of 255: 0, 0.2, 0.8, 1.
    fn parts(n: usize) -> Parts<Images> {
        let images = Images::new(SHAPE, 256, [0, 51, 204, 255].repeat(n), None).unwrap();
        Parts { train: images.clone(), validation: images.clone(), test: images, entropy: None }
    }

    #[test]
    fn a_pixel_is_white_as_often_as_it_is_grey() {
        let n = 40_000;
        let data = Binarisation::Static.prepare(parts(n)).unwrap();
        for images in [&data.train, &data.validation, &data.test] {
            assert_eq!(images.levels(), 2);
            let white = |pixel: usize| {
                (0..n).filter(|&i| images.image(i)[pixel] == 1).count() as f64 / n as f64
            };
            assert_eq!((white(0), white(3)), (0.0, 1.0));
            // Four standard errors.
            let most = 4.0 * (0.2f64 * 0.8 / n as f64).sqrt();
            assert!((white(1) - 0.2).abs() < most && (white(2) - 0.8).abs() < most);
        }
        assert_ne!(data.train, data.test);
    }

    #[test]
    fn dynamic_leaves_the_training_part_grey_and_none_all() {
        let grey = parts(10);
        assert_eq!(Binarisation::None.prepare(grey.clone()).unwrap(), grey);
        let data = Binarisation::Dynamic.prepare(grey.clone()).unwrap();
        assert_eq!(data.train, grey.train);
        assert_eq!(data.test, Binarisation::Static.prepare(grey).unwrap().test);
    }

    #[test]
    fn a_part_is_drawn_as_the_whole() {
        let grey = parts(10);
        let drawn = Binarisation::Static.prepare(grey.clone()).unwrap().train;
        let first = Binarisation::Dynamic.once(&grey.train.take(0..4), "train").unwrap();
        assert_eq!(first, drawn.take(0..4));
        // What is black and white already stays it.
        assert_eq!(Binarisation::Static.once(&drawn, "train").unwrap(), drawn);
        assert_eq!(Binarisation::None.once(&grey.train, "train").unwrap(), grey.train);
    }

    #[test]
    fn black_and_white_stays_what_it_is() {
        let images = Images::new(SHAPE, 2, vec![0, 1, 1, 0], None).unwrap();
        assert_eq!(drawn(&images, &stream(1, "test")).unwrap(), images);
    }
}
