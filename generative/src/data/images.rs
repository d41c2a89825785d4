//! Images in memory.
use anyhow::{Result, ensure};

/// Images of one shape, `[n, C, H, W]`, row-major, one byte a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Images {
    shape: Shape,
    levels: u16,
    pixels: Vec<u8>,
    labels: Option<Labels>,
}

/// The shape of one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// 1 for grey, 3 for red, green and blue.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Shape {
    /// Numbers in an image, D.
    pub fn len(self) -> usize {
        self.channels * self.height * self.width
    }

    /// Returns `true` if there are none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// Labels of samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    /// Class of each image, an index into `names`, `[n]`.
    pub of: Vec<u32>,
    /// The classes.
    pub names: Vec<String>,
}

impl Labels {
    fn take(&self, rows: std::ops::Range<usize>) -> Self {
        Self { of: self.of[rows].to_vec(), names: self.names.clone() }
    }
}

impl Images {
    /// Images whose numbers lie in `0..levels`, 2 to 256 of them.
    ///
    /// # Errors
    /// Says what does not fit together.
    pub fn new(shape: Shape, levels: u16, pixels: Vec<u8>, labels: Option<Labels>) -> Result<Self> {
        ensure!(!shape.is_empty(), "an image of {shape:?} holds nothing");
        ensure!((2..=256).contains(&levels), "{levels} levels: 2 to 256 are expected");
        ensure!(
            pixels.len().is_multiple_of(shape.len()),
            "{} numbers are no whole number of images of {shape:?}",
            pixels.len()
        );
        let highest = pixels.iter().copied().max().unwrap_or(0);
        ensure!(u16::from(highest) < levels, "a number is {highest}, there are {levels} levels");
        let images = Self { shape, levels, pixels, labels };
        if let Some(labels) = &images.labels {
            let (of, n, classes) = (&labels.of, images.len(), labels.names.len());
            ensure!(of.len() == n, "{} labels for {n} images", of.len());
            let highest = of.iter().copied().max().unwrap_or(0) as usize;
            ensure!(n == 0 || highest < classes, "label {highest}, there are {classes} classes");
        }
        Ok(images)
    }

    /// The shape of one.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Grey levels: values lie in `0..levels`.
    pub fn levels(&self) -> u16 {
        self.levels
    }

    /// Number of images, n.
    pub fn len(&self) -> usize {
        self.pixels.len() / self.shape.len()
    }

    /// Returns `true` if there are none.
    pub fn is_empty(&self) -> bool {
        self.pixels.is_empty()
    }

    /// Image `i`, `[C, H, W]`.
    pub fn image(&self, i: usize) -> &[u8] {
        &self.pixels[i * self.shape.len()..][..self.shape.len()]
    }

    /// All of them, `[n, C, H, W]`.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// Their labels, if known.
    pub fn labels(&self) -> Option<&Labels> {
        self.labels.as_ref()
    }

    /// Those numbered `rows`.
    pub fn take(&self, rows: std::ops::Range<usize>) -> Self {
        let len = self.shape.len();
        Self {
            pixels: self.pixels[rows.start * len..rows.end * len].to_vec(),
            labels: self.labels.as_ref().map(|labels| labels.take(rows)),
            ..*self
        }
    }

    /// Others of the same form.
    pub(super) fn with(&self, pixels: Vec<u8>, labels: Option<Labels>) -> Self {
        Self { pixels, labels, ..*self }
    }

    /// These images quantised to at most `levels` levels: each stands for equally many old ones, up to
    /// rounding.
    ///
    /// # Errors
    /// None for 2 to 256 levels.
    pub fn coarse(&self, levels: u16) -> Result<Self> {
        if levels >= self.levels {
            return Ok(self.clone());
        }
        let level =
            |pixel: &u8| (u32::from(*pixel) * u32::from(levels) / u32::from(self.levels)) as u8;
        Self::new(self.shape, levels, self.pixels.iter().map(level).collect(), self.labels.clone())
    }

    /// The first `n` to train on, the rest to choose by.
    ///
    /// # Errors
    /// If that leaves a part empty.
    pub fn split_at(self, n: usize) -> Result<(Self, Self)> {
        let len = self.len();
        ensure!(0 < n && n < len, "{len} images can't be split after {n}");
        Ok((self.take(0..n), self.take(n..len)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { channels: 1, height: 1, width: 2 };

    #[test]
    fn parts_keep_pixels_and_labels_together() {
        let names = vec!["a".to_owned(), "b".to_owned()];
        let labels = Labels { of: vec![0, 1, 1], names };
        let images = Images::new(SHAPE, 8, vec![1, 2, 3, 4, 5, 6], Some(labels)).unwrap();
        let (train, rest) = images.clone().split_at(1).unwrap();
        assert_eq!((train.pixels(), &train.labels().unwrap().of[..]), (&[1, 2][..], &[0][..]));
        assert_eq!((rest.image(1), &rest.labels().unwrap().of[..]), (&[5, 6][..], &[1, 1][..]));
        assert!(images.split_at(3).is_err());
    }

    #[test]
    fn coarse_levels_stand_for_as_many_fine_ones() {
        let images = Images::new(SHAPE, 256, (0..=255).collect(), None).unwrap();
        let coarse = images.coarse(4).unwrap();
        assert_eq!(coarse.levels(), 4);
        let counts = [0, 1, 2, 3].map(|x| coarse.pixels().iter().filter(|&&y| x == y).count());
        assert_eq!((counts, coarse.pixels()[63], coarse.pixels()[64]), ([64; 4], 0, 1));
        assert_eq!(coarse.coarse(9).unwrap(), coarse);
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let told = |levels, pixels: &[u8], of: Option<&[u32]>| {
            let labels = of.map(|of| Labels { of: of.to_vec(), names: vec!["a".to_owned()] });
            Images::new(SHAPE, levels, pixels.to_vec(), labels).unwrap_err().to_string()
        };
        assert!(told(2, &[0, 1, 1], None).contains("3 numbers are no whole number"));
        assert_eq!(told(2, &[0, 2], None), "a number is 2, there are 2 levels");
        assert_eq!(told(2, &[0, 1], Some(&[0, 0])), "2 labels for 1 images");
        assert_eq!(told(2, &[0, 1], Some(&[1])), "label 1, there are 1 classes");
        assert!(told(1, &[0, 0], None).contains("2 to 256"));
    }
}
