//! One latent number at a time.
use super::activity::{ACTIVE, most_active, spread};
use super::{LatentSpace, Vectors};
use crate::ImageGrid;
use anyhow::Result;

/// Rows of a grid at most, one for each number.
const ROWS: usize = 10;

/// Images in a row, from −3σ to 3σ; the middle one has 0.
const COLUMNS: usize = 13;
const REACH: f64 = 3.0;

/// Traversals of the most active dimensions of vectors z `[n, Z]` from −3σ to 3σ, a row each:
/// `traversals` with all others at their mean, `traversals-of-one` with them where the first image has
/// them. Mean and σ are 0 and 1 where that is what vectors are drawn from, else those over `z`.
pub(super) fn image_grids(space: &dyn LatentSpace, z: &Vectors) -> Result<Vec<ImageGrid>> {
    let (mean, variance) = spread(z);
    let mut units = most_active(&variance, ROWS);
    units.retain(|unit| variance[*unit] > ACTIVE);
    if units.is_empty() {
        return Ok(Vec::new());
    }
    let normal = space.is_normal();
    let mean: Vec<f32> = mean.iter().map(|mean| if normal { 0.0 } else { *mean as f32 }).collect();
    let sigma = |unit: usize| if normal { 1.0 } else { variance[unit].sqrt() };
    let mut grids = Vec::new();
    for (name, others) in [("traversals", &mean[..]), ("traversals-of-one", z.row(0))] {
        let mut way = Vec::new();
        for &unit in &units {
            for column in 0..COLUMNS {
                let t = 2.0 * column as f64 / (COLUMNS - 1) as f64 - 1.0;
                let at = way.len() + unit;
                way.extend_from_slice(others);
                way[at] = (f64::from(mean[unit]) + REACH * t * sigma(unit)) as f32;
            }
        }
        let images = space.decode(&Vectors::new(z.size(), way)?)?;
        grids.push(ImageGrid { name, images, columns: COLUMNS });
    }
    Ok(grids)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Images, Shape};

    /// An image is its vector, three numbers in tenths from −12.
    struct Tenths(bool);

    impl LatentSpace for Tenths {
        fn encode(&self, _: &Images) -> Result<Vectors> {
            anyhow::bail!("is not asked for")
        }

        fn decode(&self, z: &Vectors) -> Result<Images> {
            let shape = Shape { channels: 1, height: 1, width: 3 };
            let pixels = z.rows().flatten().map(|z| (10.0 * (z + 12.0)).round() as u8);
            Images::new(shape, 256, pixels.collect(), None)
        }

        fn is_normal(&self) -> bool {
            self.0
        }
    }

    fn row(grid: &ImageGrid, row: usize) -> Vec<Vec<f32>> {
        let image = |i| grid.images.image(i).iter().map(|x| f32::from(*x) / 10.0 - 12.0).collect();
        (COLUMNS * row..COLUMNS * (row + 1)).map(image).collect()
    }

    #[test]
    fn a_row_for_each_active_number_the_most_active_first() {
        // Means 1, 4, 2; standard deviations 1, 2 and none.
        let z = Vectors::new(3, vec![0.0, 2.0, 2.0, 2.0, 6.0, 2.0]).unwrap();
        let grids = image_grids(&Tenths(true), &z).unwrap();
        assert_eq!([grids[0].name, grids[1].name], ["traversals", "traversals-of-one"]);
        for (grid, others) in grids.iter().zip([[0.0, 0.0, 0.0], [0.0, 2.0, 2.0]]) {
            assert_eq!(grid.images.len(), 2 * COLUMNS);
            for (i, unit) in [1, 0].into_iter().enumerate() {
                for (column, image) in row(grid, i).iter().enumerate() {
                    let mut expected = others;
                    expected[unit] = column as f32 / 2.0 - 3.0;
                    let close = image.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-4);
                    assert!(close, "{image:?} {expected:?}");
                }
            }
        }
    }

    #[test]
    fn without_a_prior_the_data_say_where_and_how_far() {
        let z = Vectors::new(3, vec![0.0, 2.0, 2.0, 2.0, 6.0, 2.0]).unwrap();
        let grids = image_grids(&Tenths(false), &z).unwrap();
        let ends = |grid: &ImageGrid, r: usize| [row(grid, r)[0].clone(), row(grid, r)[12].clone()];
        let close = |found: [Vec<f32>; 2], expected: [[f32; 3]; 2]| {
            let pairs = found.iter().flatten().zip(expected.as_flattened());
            assert!(pairs.clone().all(|(a, b)| (a - b).abs() < 1e-4), "{found:?} {expected:?}");
        };
        close(ends(&grids[0], 0), [[1.0, -2.0, 2.0], [1.0, 10.0, 2.0]]);
        close(ends(&grids[1], 1), [[-2.0, 2.0, 2.0], [4.0, 2.0, 2.0]]);
        let still = Vectors::new(3, vec![1.0; 6]).unwrap();
        assert!(super::image_grids(&Tenths(true), &still).unwrap().is_empty());
    }
}
