//! The receptive field of a network.
use super::{AutoregressiveNetwork, Place, Subject};
use crate::ImageGrid;
use crate::data::{Images, Shape};
use anyhow::{Context as _, Result};
use candle_core::{DType, Device, Tensor, Var};
use rand::Rng as _;
use train::{Download as _, Rng};

/// Images over which gradients are averaged: a unit that is off in one is on in another.
const IMAGES: usize = 16;

/// The mean absolute gradient of the logits at `place` with respect to each value of the image, `[C, H, W]`, over
/// random images.
///
/// # Errors
/// Errors of the network.
pub(crate) fn gradient(
    network: &dyn AutoregressiveNetwork,
    subject: &Subject,
    place: Place,
    device: &Device,
    rng: &mut Rng,
) -> Result<Vec<f32>> {
    let Subject { shape, output, classes } = *subject;
    let Shape { channels, height, width } = shape;
    let values: Vec<f32> = (0..IMAGES * shape.len()).map(|_| rng.random_range(-1.0..1.0)).collect();
    let x = Tensor::from_vec(values, (IMAGES, channels, height, width), device)?;
    let x = Var::from_tensor(&x)?;
    let class = Tensor::zeros(IMAGES, DType::U32, device)?;
    let logits = network.forward(&x, (classes > 0).then_some(&class))?; // [n, C·P, H, W]
    let params = output.params();
    let here = logits.narrow(1, place.channel * params, params)?;
    let here = here.narrow(2, place.row, 1)?.narrow(3, place.column, 1)?; // [n, P, 1, 1]
    // Not their sum, which a softmax does not depend on.
    let weights: Vec<f32> = (0..params).map(|_| rng.random_range(0.5..1.5)).collect();
    let weights = Tensor::from_vec(weights, (1, params, 1, 1), device)?;
    let gradients = here.broadcast_mul(&weights)?.sum_all()?.backward()?;
    let gradient = gradients.get(&x).context("nothing depends on the image")?;
    Ok(gradient.abs()?.mean(0)?.download()?)
}

/// Side of the square that stands for a pixel.
const ENLARGED: usize = 8;
/// Shades of gradients, each a tenth of the one before.
const SHADES: [u8; 4] = [255, 190, 135, 90];

/// The receptive field of the pixel in the middle: the brighter, the larger the gradient; itself red, pixels without
/// influence dark.
pub(crate) fn image_grid(
    network: &dyn AutoregressiveNetwork,
    subject: &Subject,
    device: &Device,
    rng: &mut Rng,
) -> Result<ImageGrid> {
    let Shape { channels, height, width } = subject.shape;
    // The last channel: it sees the others at its own place too.
    let middle = Place { row: height / 2, column: width / 2, channel: channels - 1 };
    let gradient = gradient(network, subject, middle, device, rng)?;
    let (plane, shape) =
        (height * width, Shape { channels: 3, height: height * ENLARGED, width: width * ENLARGED });
    let largest_at =
        |at: usize| (0..channels).map(|c| gradient[c * plane + at]).fold(0.0, f32::max);
    let most = (0..plane).map(largest_at).fold(0.0, f32::max);
    let mut pixels = vec![0; shape.len()];
    for (i, pixel) in pixels.iter_mut().enumerate() {
        let (colour, at) = (i / (shape.height * shape.width), i % (shape.height * shape.width));
        let (row, column) = (at / shape.width, at % shape.width);
        // A line between pixels.
        if row % ENLARGED == 0 || column % ENLARGED == 0 {
            continue;
        }
        let (row, column) = (row / ENLARGED, column / ENLARGED);
        let gradient = largest_at(row * width + column);
        *pixel = match (row, column) == (middle.row, middle.column) {
            true => [230, 40, 40][colour],
            false if gradient > 0.0 => {
                let decades = -(gradient / most).log10();
                SHADES[(decades.max(0.0) as usize).min(SHADES.len() - 1)]
            }
            false => [25, 25, 40][colour],
        };
    }
    let images = Images::new(shape, 256, pixels, None)?;
    Ok(ImageGrid { name: "receptive", images, columns: 1 })
}
