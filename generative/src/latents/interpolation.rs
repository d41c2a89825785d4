//! From one image to another.
use super::Vectors;
use crate::ImageGrid;
use crate::data::Images;
use anyhow::Result;

/// Pairs of images, and images from one to the other, both of them included.
const SIDE: usize = 12;

/// (1 − t)·a + t·b.
pub fn linear(a: &[f64], b: &[f64], t: f64) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| (1.0 - t) * a + t * b).collect()
}

/// Along the great circle, at even speed (Shoemake 1985, "Animating rotation with quaternion curves"; for
/// latent vectors White 2016, "Sampling generative networks"), while the length goes evenly from one to the
/// other: (sin (1 − t)Ω / sin Ω)·a + (sin tΩ / sin Ω)·b for vectors of length 1 at an angle Ω.
///
/// Opposite vectors have many great circles; theirs goes by the axis that they are least along, the first
/// of several. From or to the origin the way is straight.
pub fn spherical(a: &[f64], b: &[f64], t: f64) -> Vec<f64> {
    let (from, to) = (length(a), length(b));
    if from == 0.0 || to == 0.0 {
        return linear(a, b, t);
    }
    let (a, b) = (scaled(a, 1.0 / from), scaled(b, 1.0 / to));
    // The circle is cos·a + sin·aside, with what of b is perpendicular to a.
    let cosine = dot(&a, &b);
    let across: Vec<f64> = a.iter().zip(&b).map(|(a, b)| b - cosine * a).collect();
    // More exact than arccos where they are nearly parallel.
    let angle = length(&across).atan2(cosine);
    let aside = match length(&across) {
        sine if sine > PARALLEL => scaled(&across, 1.0 / sine),
        _ if cosine > 0.0 => vec![0.0; a.len()],
        _ => match perpendicular(&a) {
            Some(aside) => aside,
            None => return linear(&scaled(&a, from), &scaled(&b, to), t),
        },
    };
    let (sin, cos) = (t * angle).sin_cos();
    let way: Vec<f64> = a.iter().zip(&aside).map(|(a, aside)| cos * a + sin * aside).collect();
    scaled(&way, (1.0 - t) * from + t * to)
}

/// The sine of an angle so small that rounding decides where it leads.
const PARALLEL: f64 = 1e-9;

/// Of length 1 and perpendicular to `a`, which has length 1: the axis that it is least along, less what of
/// it is along `a`. `None` in one dimension.
fn perpendicular(a: &[f64]) -> Option<Vec<f64>> {
    let least = (0..a.len()).min_by(|i, j| a[*i].abs().total_cmp(&a[*j].abs()))?;
    let axis = (0..a.len()).map(|i| f64::from(u8::from(i == least)));
    let aside: Vec<f64> = axis.zip(a).map(|(axis, along)| axis - a[least] * along).collect();
    (length(&aside) > 0.0).then(|| scaled(&aside, 1.0 / length(&aside)))
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn length(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

fn scaled(a: &[f64], by: f64) -> Vec<f64> {
    a.iter().map(|a| by * a).collect()
}

/// From z\[0\] to z\[1\] in the first row, from z\[2\] to z\[3\] in the next; as many rows as there are
/// pairs, at most twelve.
pub(crate) fn image_grid(
    name: &'static str,
    decode: &dyn Fn(&Vectors) -> Result<Images>,
    z: &Vectors,
    between: impl Fn(&[f64], &[f64], f64) -> Vec<f64>,
) -> Result<ImageGrid> {
    let mut way = Vec::new();
    for pair in 0..(z.len() / 2).min(SIDE) {
        let end = |i: usize| -> Vec<f64> { z.row(i).iter().map(|z| f64::from(*z)).collect() };
        let (a, b) = (end(2 * pair), end(2 * pair + 1));
        for step in 0..SIDE {
            let t = step as f64 / (SIDE - 1) as f64;
            way.extend(between(&a, &b, t).into_iter().map(|z| z as f32));
        }
    }
    let images = decode(&Vectors::new(z.size(), way)?)?;
    Ok(ImageGrid { name, images, columns: SIDE })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latents::LatentSpace as _;
    use crate::latents::testing::Identity;

    fn assert_close(left: &[f64], right: &[f64]) {
        let close = left.iter().zip(right).all(|(left, right)| (left - right).abs() < 1e-12);
        assert!(close && left.len() == right.len(), "{left:?} {right:?}");
    }

    #[test]
    fn linear_by_hand() {
        assert_eq!(linear(&[1.0, -2.0], &[3.0, 2.0], 0.25), [1.5, -1.0]);
    }

    #[test]
    fn spherical_by_hand() {
        let (half, root) = (0.5f64.sqrt(), 3f64.sqrt());
        // A quarter of a circle: its ends, its middle, and a third of it, 30°.
        let (a, b) = ([1.0, 0.0], [0.0, 1.0]);
        assert_close(&spherical(&a, &b, 0.0), &a);
        assert_close(&spherical(&a, &b, 0.5), &[half, half]);
        assert_close(&spherical(&a, &b, 1.0), &b);
        assert_close(&spherical(&a, &b, 1.0 / 3.0), &[root / 2.0, 0.5]);
        // 120°, by the formula: sin 90° / sin 120° and sin 30° / sin 120°.
        let b = [-0.5, root / 2.0];
        let (first, second) = (1.0 / (root / 2.0), 0.5 / (root / 2.0));
        let expected = [first * a[0] + second * b[0], second * b[1]];
        assert_close(&spherical(&a, &b, 0.25), &expected);
        // Lengths 1 and 3 have 2 between them.
        assert_close(&spherical(&a, &[0.0, 3.0], 0.5), &[2.0 * half, 2.0 * half]);
    }

    #[test]
    fn parallel_and_opposite_vectors() {
        assert_close(&spherical(&[1.0, 2.0], &[3.0, 6.0], 0.5), &[2.0, 4.0]);
        assert_close(&spherical(&[1.0, 2.0], &[1.0, 2.0], 0.3), &[1.0, 2.0]);
        let nearly = spherical(&[1.0, 0.0], &[1.0, 1e-12], 0.5);
        assert_close(&nearly, &[1.0, 0.0]);
        // Half a circle, by the second axis.
        let (a, b) = ([2.0, 0.0, 0.0], [-2.0, 0.0, 0.0]);
        assert_close(&spherical(&a, &b, 0.0), &a);
        assert_close(&spherical(&a, &b, 0.5), &[0.0, 2.0, 0.0]);
        assert_close(&spherical(&a, &b, 1.0), &b);
        // One number can't be gone around, and nothing has no direction.
        assert_close(&spherical(&[2.0], &[-1.0], 0.5), &[0.5]);
        assert_close(&spherical(&[0.0, 0.0], &[1.0, 1.0], 0.5), &[0.5, 0.5]);
    }

    #[test]
    fn a_row_for_each_pair() {
        let z = Vectors::new(2, vec![0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.5, 0.5]).unwrap();
        let grid = image_grid("a", &|z| Identity.decode(z), &z, linear).unwrap();
        assert_eq!((grid.images.len(), grid.columns), (24, 12));
        let ends = [0, 11, 12, 23].map(|i| grid.images.image(i));
        assert_eq!(ends, [[0, 0], [255, 255], [0, 255], [255, 0]]);
        assert_eq!(grid.images.image(1), [23, 23]);
    }
}
