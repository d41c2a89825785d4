//! The whole plane of two latent numbers in one image.
use super::activity::spread;
use super::{LatentSpace, Vectors};
use crate::ImageGrid;
use anyhow::Result;

/// Images in a row, and rows.
const SIDE: usize = 20;

/// Φ⁻¹(p): the number that a draw of N(0, 1) lies below with probability p, within 0..1, to about one part
/// in 10⁷ (Wichura 1988, "Algorithm AS 241: The percentage points of the normal distribution", PPND7).
pub fn normal_quantile(p: f64) -> f64 {
    let polynomial =
        |x: f64, from: &[f64]| from.iter().rev().fold(0.0, |sum, factor| sum * x + factor);
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180625 - q * q;
        let above = [3.3871327179, 50.434271938, 159.29113202, 59.109374720];
        let below = [1.0, 17.895169469, 78.757757664, 67.187563600];
        return q * polynomial(r, &above) / polynomial(r, &below);
    }
    let r = (-p.min(1.0 - p).ln()).sqrt();
    let (above, below, r) = if r <= 5.0 {
        let above = [1.4234372777, 2.7568153900, 1.3067284816, 0.17023821103];
        (above, [1.0, 0.73700164250, 0.12021132975], r - 1.6)
    } else {
        let above = [6.6579051150, 3.0812263860, 0.42868294337, 0.017337203997];
        (above, [1.0, 0.24197894225, 0.012258202635], r - 5.0)
    };
    q.signum() * polynomial(r, &above) / polynomial(r, &below)
}

/// Images at a grid of two latent numbers, evenly spaced in probability: Φ⁻¹ of the middles of equal parts
/// of 0..1, the first number from left to right, the second from below (Kingma & Welling 2014, figure 4).
/// Grid of decoded vectors at evenly spaced quantiles of N(0, 1), or of the normal distribution with
/// the mean and standard deviation of `z` where vectors are not drawn from the former. `None` for
/// another number of latents than two.
pub(super) fn image_grid(space: &dyn LatentSpace, z: &Vectors) -> Result<Option<ImageGrid>> {
    if z.size() != 2 {
        return Ok(None);
    }
    let (mean, variance) = spread(z);
    let at = |unit: usize, step: usize| {
        let quantile = normal_quantile((step as f64 + 0.5) / SIDE as f64);
        let own = if space.is_normal() {
            quantile
        } else {
            mean[unit] + variance[unit].sqrt() * quantile
        };
        own as f32
    };
    let cells = (0..SIDE).rev().flat_map(|up| (0..SIDE).map(move |right| [right, up]));
    let grid = cells.flat_map(|[right, up]| [at(0, right), at(1, up)]);
    let images = space.decode(&Vectors::new(2, grid.collect())?)?;
    Ok(Some(ImageGrid { name: "manifold", images, columns: SIDE }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Images, Shape};

    /// Tables of the normal distribution, as in Abramowitz & Stegun 1964, table 26.5 and beyond.
    #[test]
    fn quantiles_are_those_of_the_tables() {
        let known = [
            (0.5, 0.0),
            (0.75, 0.674489750196),
            (0.9, 1.281551565545),
            (0.925, 1.439531470938),
            (0.95, 1.644853626951),
            (0.975, 1.959963984540),
            (0.995, 2.575829303549),
            (0.999, 3.090232306168),
            (1.0 - 1e-6, 4.753424308823),
        ];
        for (p, quantile) in known {
            let error = normal_quantile(p) - quantile;
            assert!(error.abs() < 2e-7 * quantile.max(1.0), "{p}: {error}");
            assert!((normal_quantile(1.0 - p) + normal_quantile(p)).abs() < 1e-9);
        }
        let error = normal_quantile(1e-20) + 9.262340089798;
        assert!(error.abs() < 2e-6, "{error}");
    }

    struct Plane;

    impl LatentSpace for Plane {
        fn encode(&self, _: &Images) -> Result<Vectors> {
            anyhow::bail!("is not asked for")
        }

        /// In steps of 1/50 from −2.5.
        fn decode(&self, z: &Vectors) -> Result<Images> {
            let shape = Shape { channels: 1, height: 1, width: 2 };
            let pixels = z.rows().flatten().map(|z| (50.0 * (z + 2.5)).round() as u8);
            Images::new(shape, 256, pixels.collect(), None)
        }

        fn is_normal(&self) -> bool {
            true
        }
    }

    #[test]
    fn the_first_number_grows_to_the_right_and_the_second_upwards() {
        let z = Vectors::new(2, vec![0.0; 4]).unwrap();
        let grid = image_grid(&Plane, &z).unwrap().unwrap();
        assert_eq!((grid.images.len(), grid.columns), (SIDE * SIDE, SIDE));
        // Φ⁻¹(1/40) is −1.96: 27 steps from −2.5, and the other end 223.
        let corners = [0, SIDE - 1, SIDE * (SIDE - 1)].map(|i| grid.images.image(i));
        assert_eq!(corners, [[27, 223], [223, 223], [27, 27]]);
        let three = Vectors::new(3, vec![0.0; 6]).unwrap();
        assert!(super::image_grid(&Plane, &three).unwrap().is_none());
    }
}
