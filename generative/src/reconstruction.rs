//! Reconstructions beside their originals.
use crate::data::{Images, Shape};
use crate::{ImageGrid, Likelihood};
use anyhow::Result;
use candle_core::Tensor;
use train::Download as _;

/// Images in a row of an image grid.
pub(crate) const COLUMNS: usize = 10;

/// Mean images of p(x|z), for decoder outputs `[n, outputs·D]`.
pub(crate) fn mean_images(likelihood: Likelihood, output: &Tensor, shape: Shape) -> Result<Images> {
    let output: Vec<f32> = output.download()?;
    let images = output.chunks_exact(likelihood.outputs() * shape.len());
    let whites = images.flat_map(|output| likelihood.whites(output));
    let pixels = whites.map(|white| (255.0 * white).round() as u8).collect();
    Images::new(shape, 256, pixels, None)
}

/// Mean over the pixels of (x − x̂)² for each image `[n, D]`, where x̂ is the mean of p(x|z)
/// for decoder outputs `[n, outputs·D]`.
pub(crate) fn squared_errors(
    likelihood: Likelihood,
    output: &Tensor,
    x: &Tensor,
) -> Result<Vec<f64>> {
    let d = x.dim(1)?;
    let (output, x): (Vec<f32>, Vec<f32>) = (output.download()?, x.download()?);
    let error = |(output, x): (&[f32], &[f32])| {
        let whites = likelihood.whites(output);
        let squares = whites.iter().zip(x).map(|(white, x)| (white - x).powi(2));
        squares.map(f64::from).sum::<f64>() / d as f64
    };
    let outputs = output.chunks_exact(likelihood.outputs() * d);
    Ok(outputs.zip(x.chunks_exact(d)).map(error).collect())
}

/// Rows of the first of `images`, each above a row of its images under `through`; `None` where there are
/// fewer than a row.
pub(crate) fn side_by_side(
    name: &'static str,
    images: &Images,
    through: impl Fn(&Images) -> Result<Images>,
) -> Result<Option<ImageGrid>> {
    let n = (images.len() / COLUMNS).min(COLUMNS / 2) * COLUMNS;
    if n == 0 {
        return Ok(None);
    }
    let originals = images.take(0..n);
    let decoded = through(&originals)?;
    let highest = images.levels() - 1;
    let (mut pixels, row) = (Vec::new(), COLUMNS * images.shape().len());
    let rows = originals.pixels().chunks_exact(row).zip(decoded.pixels().chunks_exact(row));
    for (original, decoded) in rows {
        pixels.extend(original.iter().map(|&x| (u16::from(x) * 255 / highest) as u8));
        pixels.extend_from_slice(decoded);
    }
    let images = Images::new(images.shape(), 256, pixels, None)?;
    Ok(Some(ImageGrid { name, images, columns: COLUMNS }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use train::testing::device;

    #[test]
    fn squared_errors_by_hand() {
        // A logit of 0 is grey, and half a pixel from either colour.
        let tensor = |values: &[[f32; 2]; 2]| Tensor::new(values, device()).unwrap();
        let (output, x) =
            (tensor(&[[0.0, 100.0], [-100.0, 0.0]]), tensor(&[[1.0, 1.0], [1.0, 0.5]]));
        let errors = squared_errors(Likelihood::Bernoulli, &output, &x).unwrap();
        assert_eq!(errors, [0.125, 0.5]);
    }

    #[test]
    fn originals_lie_above_what_becomes_of_them() {
        let shape = Shape { channels: 1, height: 1, width: 1 };
        let images = Images::new(shape, 3, [0, 1, 2].repeat(9), None).unwrap();
        let white = |images: &Images| Images::new(shape, 256, vec![255; images.len()], None);
        let grid = side_by_side("a", &images, white).unwrap().unwrap();
        assert_eq!((grid.images.len(), grid.columns), (40, 10));
        assert_eq!(
            grid.images.pixels()[..13],
            [0, 127, 255, 0, 127, 255, 0, 127, 255, 0, 255, 255, 255]
        );
        assert_eq!(grid.images.pixels()[20..22], [127, 255]);
        assert!(side_by_side("a", &images.take(0..9), white).unwrap().is_none());
    }
}
