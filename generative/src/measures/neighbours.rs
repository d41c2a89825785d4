//! Nearest neighbours: which samples are like data, which data like samples, and which samples are copies.
use crate::ImageGrid;
use crate::data::Images;
use crate::latents::Vectors;
use crate::reconstruction::side_by_side;
use anyhow::{Result, ensure};
use candle_core::{Device, Tensor};
use nn::nearest;
use rayon::prelude::*;
use train::{Download as _, Measure, pulse};

/// Improved precision and recall (Kynkäänniemi et al. 2019, "Improved precision and recall metric for assessing
/// generative models", <https://arxiv.org/abs/1904.06991>, equations 1 to 3).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PrecisionRecall {
    /// Share of the samples that lie where data are.
    pub precision: Measure,
    /// Share of the data that lie where samples are.
    pub recall: Measure,
}

/// A vector lies where a set is if it is no further from one of the set than that one's k-th nearest neighbour in
/// the set, itself aside. Of `real` and `samples` `[n, d]` the first of the longer are compared, as many as of
/// the shorter.
///
/// Their intervals are those of independent samples before a fixed set.
///
/// # Errors
/// If their sizes differ, or there are not more than k of each.
pub fn precision_recall(real: &Vectors, samples: &Vectors, k: usize) -> Result<PrecisionRecall> {
    let (n, sizes) = (real.len().min(samples.len()), [real.size(), samples.size()]);
    ensure!(sizes[0] == sizes[1], "vectors of {sizes:?} numbers have no distance");
    ensure!(0 < k && k < n, "{n} vectors have no {k} neighbours each");
    let [real, samples] = [real, samples].map(|of| (0..n).map(|i| of.row(i)).collect::<Vec<_>>());
    Ok(PrecisionRecall {
        precision: share_within(&samples, &real, k),
        recall: share_within(&real, &samples, k),
    })
}

/// The share of x that lies where `set` is.
fn share_within(x: &[&[f32]], set: &[&[f32]], k: usize) -> Measure {
    let radii: Vec<f32> = (0..set.len()).into_par_iter().map(|i| radius(set, i, k)).collect();
    let within =
        |x: &[f32]| set.iter().zip(&radii).any(|(at, radius)| squared_distance(x, at) <= *radius);
    Measure::share(x.par_iter().filter(|x| within(x)).count(), x.len())
}

/// The squared distance from vector `i` of `set` to its k-th nearest among the others.
fn radius(set: &[&[f32]], i: usize, k: usize) -> f32 {
    let mut least = vec![f32::INFINITY; k];
    for (_, other) in set.iter().enumerate().filter(|(j, _)| *j != i) {
        let distance = squared_distance(set[i], other);
        if distance < least[k - 1] {
            let at = least.partition_point(|least| *least <= distance);
            least[at..].rotate_right(1);
            least[at] = distance;
        }
    }
    least[k - 1]
}

/// ‖a − b‖², in lanes that a processor adds side by side.
pub(crate) fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    let ((a, rest_a), (b, rest_b)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut lanes = [0f32; 8];
    for (a, b) in a.iter().zip(b) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += (a - b) * (a - b);
        }
    }
    let rest = rest_a.iter().zip(rest_b).map(|(a, b)| (a - b) * (a - b));
    lanes.into_iter().chain(rest).sum()
}

/// An image and how far away it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Near {
    /// Row of the neighbour.
    pub row: usize,
    /// ‖a − b‖², black being 0 and white 1.
    pub squared: f64,
}

/// Images compared at once, and what they are compared with.
const GROUPS: [usize; 2] = [500, 2000];

/// For each of `images` the nearest of `among`, of several that are equally near, but for rounding, the first.
///
/// # Errors
/// If there is none, or their shapes differ; what the device reports.
pub fn nearest_images(images: &Images, among: &Images) -> Result<Vec<Near>> {
    let (shapes, n) = ([images.shape(), among.shape()], images.len());
    ensure!(shapes[0] == shapes[1], "images of {shapes:?} are no neighbours");
    ensure!(!among.is_empty(), "there is no image to be nearest");
    let mut best = vec![Near { row: 0, squared: f64::INFINITY }; n];
    for first in (0..among.len()).step_by(GROUPS[1]) {
        pulse::progress("looking for the nearest images", first, among.len())?;
        let points = rows(among, first, GROUPS[1])?; // [M, D]
        let values: Vec<Vec<f32>> = points.to_vec2()?;
        for (group, best) in best.chunks_mut(GROUPS[0]).enumerate() {
            let x = rows(images, group * GROUPS[0], GROUPS[0])?; // [R, D]
            let found: Vec<u32> = nearest(&x, &points)?.download()?;
            let x: Vec<Vec<f32>> = x.to_vec2()?;
            for ((best, found), x) in best.iter_mut().zip(found).zip(&x) {
                let each = x.iter().zip(&values[found as usize]);
                let squared = each.map(|(x, y)| f64::from(x - y).powi(2)).sum();
                if squared < best.squared {
                    *best = Near { row: first + found as usize, squared };
                }
            }
        }
    }
    Ok(best)
}

/// Rows of the first `samples`, 50 at most, each above a row of the images of `train` that are nearest to
/// them; `None` where there are fewer than ten.
///
/// # Errors
/// As [`nearest_images`].
pub fn above_nearest(samples: &Images, train: &Images) -> Result<Option<ImageGrid>> {
    side_by_side("nearest", samples, |samples| {
        let near = nearest_images(samples, train)?;
        let highest = train.levels() - 1;
        let white = |level: &u8| (u16::from(*level) * 255 / highest) as u8;
        let pixels = near.iter().flat_map(|near| train.image(near.row)).map(white);
        Images::new(train.shape(), 256, pixels.collect(), None)
    })
}

/// `images[first..first + n]`, as far as there are, `[n, D]`.
fn rows(images: &Images, first: usize, n: usize) -> Result<Tensor> {
    let rows = first..images.len().min(first + n);
    Ok(images.tensor(rows, &Device::Cpu)?.flatten_from(1)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Shape;
    use rand::Rng as _;
    use train::stream;

    fn line(at: &[f32]) -> Vectors {
        Vectors::new(1, at.to_vec()).unwrap()
    }

    fn shares(real: &[f32], samples: &[f32], k: usize) -> (f64, f64) {
        let found = precision_recall(&line(real), &line(samples), k).unwrap();
        (found.precision.mean, found.recall.mean)
    }

    #[test]
    fn neighbourhoods_on_a_line_by_hand() {
        // With k = 1 data: 0 and 1 reach 1, 10 reaches 9. Samples: 2 and 3 reach 1, 30 reaches 27.
        // 2 is within 1 of 1; 3 is not, but within 9 of 10; 30 is in none: 2 of 3.
        // 1 is within 1 of 2; 10 is within 27 of 30; 0 is in none: 2 of 3.
        let (precision, recall) = shares(&[0.0, 1.0, 10.0], &[2.0, 3.0, 30.0], 1);
        assert_eq!((precision, recall), (2.0 / 3.0, 2.0 / 3.0));
        // With k = 2 data reach 10, 9 and 10, samples 28, 27 and 28: 30 is in none, and all data are in one.
        let (precision, recall) = shares(&[0.0, 1.0, 10.0], &[2.0, 3.0, 30.0], 2);
        assert_eq!((precision, recall), (2.0 / 3.0, 1.0));
    }

    #[test]
    fn a_collapsed_model_is_precise_and_recalls_little() {
        let real: Vec<f32> = (0..20).map(|i| i as f32 * 10.0).collect();
        let samples: Vec<f32> = (0..20).map(|i| 50.0 + i as f32 * 0.01).collect();
        let (precision, recall) = shares(&real, &samples, 3);
        assert_eq!((precision, recall), (1.0, 0.05));
        assert_eq!(shares(&real, &real, 3), (1.0, 1.0));
        // One of the longer is left out.
        assert_eq!(shares(&real, &samples[..10], 3).0, 1.0);
        assert!(precision_recall(&line(&[0.0; 3]), &line(&[0.0; 9]), 3).is_err());
        assert!(
            precision_recall(&Vectors::new(2, vec![0.0; 18]).unwrap(), &line(&[0.0; 9]), 3)
                .is_err()
        );
    }

    /// Against every pair in turn, in 11 dimensions, one more than the lanes and some.
    #[test]
    fn shares_are_those_of_the_definition() {
        let mut rng = stream(1, "test");
        let mut draw = |n: usize, width: f32| -> Vec<Vec<f32>> {
            (0..n).map(|_| (0..11).map(|_| rng.random::<f32>() * width).collect()).collect()
        };
        let (real, samples) = (draw(60, 1.0), draw(60, 1.3));
        let exact = |a: &[f32], b: &[f32]| {
            a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt()
        };
        let share = |x: &[Vec<f32>], set: &[Vec<f32>]| {
            let reach = |at: &Vec<f32>| {
                let mut all: Vec<f64> = set.iter().map(|other| exact(at, other)).collect();
                all.sort_by(f64::total_cmp);
                all[3] // The nearest is itself.
            };
            let within = |x: &&Vec<f32>| set.iter().any(|at| exact(x, at) <= reach(at));
            x.iter().filter(within).count() as f64 / 60.0
        };
        let vectors = |rows: &[Vec<f32>]| Vectors::new(11, rows.concat()).unwrap();
        let found = precision_recall(&vectors(&real), &vectors(&samples), 3).unwrap();
        let shares = (found.precision.mean, found.recall.mean);
        assert_eq!(shares, (share(&samples, &real), share(&real, &samples)));
        assert!(shares.0 < 1.0 && shares.1 > 0.0, "{shares:?}");
    }

    #[test]
    fn the_nearest_image_is_found_in_every_group() {
        let shape = Shape { channels: 1, height: 2, width: 4 };
        let mut rng = stream(1, "test");
        let mut draw = |n: usize| -> Vec<u8> { (0..n * 8).map(|_| rng.random()).collect() };
        let (mut among, images) = (draw(2 * GROUPS[1] + 7), draw(GROUPS[0] + 3));
        // One is a copy of the last, and there is that one twice.
        let last = among.len() - 8;
        among.copy_within(last.., 8 * 4000);
        let mut images = images;
        images[..8].copy_from_slice(&among[last..]);
        let of = |pixels: &[u8], levels| Images::new(shape, levels, pixels.to_vec(), None).unwrap();
        let found = nearest_images(&of(&images, 256), &of(&among, 256)).unwrap();
        assert_eq!(found[0], Near { row: 4000, squared: 0.0 });
        for (found, x) in found.iter().zip(images.chunks_exact(8)) {
            let squared = |y: &[u8]| -> i64 {
                x.iter().zip(y).map(|(x, y)| (i64::from(*x) - i64::from(*y)).pow(2)).sum()
            };
            let least = among.chunks_exact(8).map(squared).min().unwrap() as f64;
            assert!((found.squared * 65025.0 - least).abs() < 1e-2, "{found:?} {least}");
        }
        // White is 1 in images of two levels too.
        let white = nearest_images(&of(&[1; 8], 2), &of(&[255; 8], 256)).unwrap();
        assert_eq!(white, [Near { row: 0, squared: 0.0 }]);
        // Black is nearest to black, what is mostly white to white.
        let samples: Vec<u8> = (0..80).map(|i| u8::from(i > 8 && i % 4 > 0)).collect();
        let train = of(&[[3; 8], [0; 8]].concat(), 4);
        let grid = above_nearest(&of(&samples, 2), &train).unwrap().unwrap();
        let row = |i: usize| (grid.images.image(i)[0], grid.images.image(i)[1]);
        assert_eq!((grid.images.len(), grid.columns), (20, 10));
        assert_eq!([row(0), row(10), row(9), row(19)], [(0, 0), (0, 0), (0, 255), (255, 255)]);
        assert!(above_nearest(&of(&samples[..72], 2), &train).unwrap().is_none());
        let other =
            Images::new(Shape { width: 8, height: 1, ..shape }, 2, vec![0; 8], None).unwrap();
        assert!(nearest_images(&other, &of(&[0; 8], 2)).is_err());
    }
}
