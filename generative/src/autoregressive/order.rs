//! Verifies that no output of a network depends on later values.
use super::{AutoregressiveNetwork, Place, places};
use crate::data::Shape;
use anyhow::{Result, ensure};
use candle_core::{DType, Device, Tensor};
use rand::Rng as _;
use rand::seq::SliceRandom as _;
use train::Rng;

/// Places that are tried of a large image.
const TRIED: usize = 32;
/// Values of an image of which all are tried.
const ALL: usize = 64;

/// Changes an image from some place on and compares the logits of this place and of those before it: at every place
/// of a small image, at some of a large one.
///
/// # Errors
/// Names what moves, and from which place on the image was changed.
pub(crate) fn check(
    network: &dyn AutoregressiveNetwork,
    shape: Shape,
    classes: usize,
    device: &Device,
    rng: &mut Rng,
) -> Result<()> {
    let all: Vec<Place> = places(shape).collect();
    let mut tried: Vec<usize> = (0..all.len()).collect();
    if tried.len() > ALL {
        tried[1..all.len() - 1].shuffle(rng);
        tried.swap(1, all.len() - 1); // The last one is always tried, and the first.
        tried.truncate(TRIED);
    }
    let mut random = || -> Vec<f32> { all.iter().map(|_| rng.random_range(-1.0..1.0)).collect() };
    let (original, other) = (random(), random());
    let logits_of = |x: Vec<f32>| -> Result<Vec<Vec<Vec<f32>>>> {
        let n = x.len() / shape.len();
        let x = Tensor::from_vec(x, (n, shape.channels, shape.height, shape.width), device)?;
        let class = Tensor::zeros(n, DType::U32, device)?;
        let logits = network.forward(&x, (classes > 0).then_some(&class))?; // [n, C·P, H, W]
        let plane = shape.height * shape.width;
        let logits = logits.reshape((n, shape.channels, (), plane))?.transpose(2, 3)?; // [n, C, H·W, P]
        Ok(logits.reshape((n, shape.len(), ()))?.to_vec3::<f32>()?)
    };
    // The same sums of the same numbers; a graphics card may round them otherwise.
    let most = if train::is_host(device) { 0.0 } else { 1e-3 };
    for tried in tried.chunks(TOGETHER) {
        check_some(shape, (&all, tried), [&original, &other], most, &logits_of)?;
    }
    Ok(())
}

/// Images that are changed and looked at together.
const TOGETHER: usize = 8;

/// The comparison at places `tried` of `all`, of an image and a changed one. `logits_of` gives the logits
/// of each value of images, `[n, C·H·W, P]`, which may differ by `most`.
fn check_some(
    shape: Shape,
    (all, tried): (&[Place], &[usize]),
    [original, other]: [&[f32]; 2],
    most: f32,
    logits_of: &dyn Fn(Vec<f32>) -> Result<Vec<Vec<Vec<f32>>>>,
) -> Result<()> {
    let mut x = original.to_vec();
    for &first in tried {
        let mut changed = original.to_vec();
        all[first..].iter().for_each(|place| {
            changed[place.index(shape)] = other[place.index(shape)];
        });
        x.extend(changed);
    }
    let logits = logits_of(x)?;
    for (&first, changed) in tried.iter().zip(&logits[1..]) {
        for place in &all[..=first] {
            let index = place.index(shape);
            let still = logits[0][index]
                .iter()
                .zip(&changed[index])
                .all(|(before, after)| (before - after).abs() <= most);
            ensure!(
                still,
                "the network is not autoregressive: what it says of {} moves when only {} and later \
                 numbers change. A mask is wrong; nothing was trained, since its likelihoods would be \
                 none",
                described(*place, shape),
                described(all[first], shape)
            );
        }
    }
    Ok(())
}

fn described(Place { row, column, channel }: Place, shape: Shape) -> String {
    match shape.channels {
        1 => format!("row {row}, column {column}"),
        _ => format!("row {row}, column {column}, channel {channel}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autoregressive::testing::SeesItself;
    use candle_core::Var;
    use train::stream;
    use train::testing::device;

    #[test]
    fn a_network_that_sees_itself_is_refused() {
        let factor = |value: f32| Var::new(value, device()).unwrap();
        let checked = |value, height| {
            let shape = Shape { channels: 2, height, width: 4 };
            check(&SeesItself(factor(value)), shape, 0, device(), &mut stream(1, "order"))
        };
        for height in [4, 30] {
            assert!(checked(0.0, height).is_ok());
            let error = checked(0.1, height).unwrap_err().to_string();
            let (what, change) = error.split_once(" moves when only ").unwrap();
            assert!(
                what.contains("what it says of row ") && change.contains("channel "),
                "{error}"
            );
            assert!(error.contains("A mask is wrong; nothing was trained"), "{error}");
        }
    }
}
