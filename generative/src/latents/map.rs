//! Latent vectors as points in the plane.
use super::Pca;
use super::space::{ENCODED, LatentSpace};
use crate::data::{Images, Labels};
use anyhow::Result;

/// More latent numbers than this take too long to decompose.
const MOST: usize = 512;

/// Positions of images in a plane of the latent space.
#[derive(Debug, Clone, PartialEq)]
pub struct Map {
    /// `[n, 2]`
    pub at: Vec<[f32; 2]>,
    /// Labels of the axes.
    pub axes: [&'static str; 2],
    /// Labels of the images, if known.
    pub labels: Option<Labels>,
}

/// Positions of the first of `images`, 5000 at most, in the latent space: the two latent numbers
/// themselves where there are two, else the first two principal components. `None` where there is one
/// number, or more than 512.
///
/// # Errors
/// Errors of the network.
pub fn map(space: &dyn LatentSpace, images: &Images) -> Result<Option<Map>> {
    let images = images.take(0..images.len().min(ENCODED));
    let z = space.encode(&images)?;
    let (at, axes) = match z.size() {
        2 => (z.rows().map(|row| [row[0], row[1]]).collect(), ["first number", "second number"]),
        3..=MOST => {
            let at = Pca::new(&z)?.project(&z).iter().map(|at| at.map(|x| x as f32)).collect();
            (at, ["first principal component", "second principal component"])
        }
        _ => return Ok(None),
    };
    Ok(Some(Map { at, axes, labels: images.labels().cloned() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Shape;
    use crate::latents::Vectors;
    use crate::latents::testing::Identity;

    #[test]
    fn two_numbers_are_shown_as_they_are() {
        let shape = Shape { channels: 1, height: 1, width: 2 };
        let names = vec!["a".to_owned(), "b".to_owned()];
        let labels = Some(Labels { of: vec![1, 0], names });
        let images = Images::new(shape, 5, vec![0, 1, 2, 4], labels.clone()).unwrap();
        let found = map(&Identity, &images).unwrap().unwrap();
        assert_eq!((found.at, found.labels), (vec![[0.0, 0.25], [0.5, 1.0]], labels));
    }

    /// Three pixels that are its latent numbers, or one.
    struct Pixels;

    impl LatentSpace for Pixels {
        fn encode(&self, images: &Images) -> Result<Vectors> {
            let values = images.pixels().iter().map(|x| f32::from(*x)).collect();
            Vectors::new(images.shape().len(), values)
        }

        fn decode(&self, _: &Vectors) -> Result<Images> {
            anyhow::bail!("is not asked for")
        }

        fn is_normal(&self) -> bool {
            false
        }
    }

    #[test]
    fn more_are_shown_by_their_principal_components() {
        let shape = Shape { channels: 1, height: 1, width: 3 };
        // Along the last axis ±4, along the first ±1.
        let images =
            Images::new(shape, 16, vec![5, 1, 0, 5, 1, 8, 4, 1, 4, 6, 1, 4], None).unwrap();
        let found = map(&Pixels, &images).unwrap().unwrap();
        let expected = [[-4.0, 0.0], [4.0, 0.0], [0.0, -1.0], [0.0, 1.0]];
        for (found, expected) in found.at.as_flattened().iter().zip(expected.as_flattened()) {
            assert!((found - expected).abs() < 1e-5, "{found} {expected}");
        }
        let one = Images::new(Shape { width: 1, ..shape }, 16, vec![1, 2], None).unwrap();
        assert!(map(&Pixels, &one).unwrap().is_none());
    }
}
