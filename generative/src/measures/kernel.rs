//! The distance of two sets of vectors, by a kernel (Gretton et al. 2012, "A kernel two-sample test"; Bińkowski et
//! al. 2018, "Demystifying MMD GANs", <https://arxiv.org/abs/1801.01401>, section 4).
use crate::latents::Vectors;
use anyhow::{Result, ensure};
use rayon::prelude::*;
use train::Measure;

/// (x·y/d + 1)³ of vectors of d numbers.
fn kernel(x: &[f32], y: &[f32]) -> f64 {
    let product: f64 = x.iter().zip(y).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum();
    (product / x.len() as f64 + 1.0).powi(3)
}

/// The unbiased estimate of the squared maximum mean discrepancy of x `[m][d]` and y `[n][d]`, at least two of
/// each: Σ_{i≠j} k(xᵢ, xⱼ)/(m(m − 1)) + Σ_{i≠j} k(yᵢ, yⱼ)/(n(n − 1)) − 2·Σ k(xᵢ, yⱼ)/(mn).
///
/// It is 0 on average where both come from one distribution, and then as often below 0 as above.
pub fn mmd(x: &[&[f32]], y: &[&[f32]]) -> f64 {
    let within = |of: &[&[f32]]| {
        let pairs = of.iter().enumerate().flat_map(|(i, a)| of[..i].iter().map(move |b| (a, b)));
        let pairs_of = of.len() * (of.len() - 1);
        2.0 * pairs.map(|(a, b)| kernel(a, b)).sum::<f64>() / pairs_of as f64
    };
    let across: f64 = x.iter().flat_map(|a| y.iter().map(|b| kernel(a, b))).sum();
    within(x) + within(y) - 2.0 * across / (x.len() * y.len()) as f64
}

/// Vectors in a block at most.
const BLOCK: usize = 1000;
/// Blocks at least, for the standard error.
const BLOCKS: usize = 10;

/// The mean of [`mmd`] over blocks of x and y `[n, d]`, from their beginning on, as many of both. No vector
/// is in two blocks, so that the interval is one of independent numbers, and vectors should be in no order.
///
/// # Errors
/// If their sizes differ, or there are fewer than 4 of either, which is two blocks.
pub fn kernel_distance(x: &Vectors, y: &Vectors) -> Result<Measure> {
    let (n, sizes) = (x.len().min(y.len()), [x.size(), y.size()]);
    ensure!(sizes[0] == sizes[1], "vectors of {sizes:?} numbers have no distance");
    ensure!(n >= 4, "{n} vectors: two blocks of two are expected at least");
    let block = (n / BLOCKS).clamp(2, BLOCK);
    let rows = |of: &'_ Vectors, at: usize| -> Vec<Vec<f32>> {
        (at * block..(at + 1) * block).map(|i| of.row(i).to_vec()).collect()
    };
    let each = (0..n / block).into_par_iter().map(|at| {
        let [x, y] = [rows(x, at), rows(y, at)];
        let [x, y] = [&x, &y].map(|rows| rows.iter().map(|row| &row[..]).collect::<Vec<_>>());
        mmd(&x, &y)
    });
    Ok(Measure::of(&each.collect::<Vec<f64>>()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_distr::{Distribution as _, StandardNormal};
    use train::stream;

    #[test]
    fn two_and_two_by_hand() {
        // (1, 1)·(1, −1) = 0 and (2, 0)·(0, 2) = 0: both kernels are 1. Between them products are 2, 2, 2
        // and −2: (2/2 + 1)³ = 8 three times and 0.
        let (x, y) = ([&[1.0, 1.0][..], &[1.0, -1.0]], [&[2.0, 0.0][..], &[0.0, 2.0]]);
        assert_eq!(mmd(&x, &y), 1.0 + 1.0 - 2.0 * 6.0);
        // 0·1 + 1 = 1, (2·3 + 1)³ = 343; between them 1, 1, 27 and 64.
        let (x, y) = ([&[0.0][..], &[1.0]], [&[2.0][..], &[3.0]]);
        assert_eq!(mmd(&x, &y), 1.0 + 343.0 - 2.0 * 93.0 / 4.0);
    }

    /// Over all draws of two from {0, 1} and of three from {1, 3}, evenly: its mean is
    /// E k(x, x') + E k(y, y') − 2·E k(x, y), to which a vector and itself belong.
    #[test]
    fn its_mean_over_all_draws_is_the_discrepancy() {
        let (p, q) = ([[0f32], [1.0]], [[1f32], [3.0]]);
        let mean_kernel = |a: &[[f32; 1]], b: &[[f32; 1]]| {
            a.iter().flat_map(|a| b.iter().map(|b| kernel(a, b))).sum::<f64>() / 4.0
        };
        let mean = |p: &[[f32; 1]; 2], q: &[[f32; 1]; 2]| {
            let draw = |from: &'_ [[f32; 1]; 2], bits: usize, n: usize| -> Vec<[f32; 1]> {
                (0..n).map(|i| from[bits >> i & 1]).collect()
            };
            let each = (0..32).map(|bits| {
                let (x, y) = (draw(p, bits, 2), draw(q, bits >> 2, 3));
                let [x, y] =
                    [&x, &y].map(|rows| rows.iter().map(|row| &row[..]).collect::<Vec<_>>());
                mmd(&x, &y)
            });
            each.sum::<f64>() / 32.0
        };
        let expected = mean_kernel(&p, &p) + mean_kernel(&q, &q) - 2.0 * mean_kernel(&p, &q);
        assert!((mean(&p, &q) - expected).abs() < 1e-9, "{expected}");
        assert!(mean(&p, &p).abs() < 1e-12);
    }

    #[test]
    fn blocks_are_means_of_their_own() {
        let x = Vectors::new(1, vec![0.0, 1.0, 0.0, 1.0, 9.0]).unwrap();
        let y = Vectors::new(1, vec![2.0, 3.0, 0.0, 1.0]).unwrap();
        let found = kernel_distance(&x, &y).unwrap();
        // 297.5 as above, and of {0, 1} with itself 1 + 1 − 2·(1 + 1 + 1 + 8)/4.
        assert_eq!((found.mean, found.n), ((297.5 - 3.5) / 2.0, 2));
        let few = Vectors::new(1, vec![0.0; 3]).unwrap();
        assert!(kernel_distance(&few, &x).is_err());
        assert!(kernel_distance(&Vectors::new(2, vec![0.0; 8]).unwrap(), &y).is_err());
    }

    #[test]
    fn the_same_distribution_is_told_from_one_that_is_moved() {
        let mut rng = stream(1, "test");
        let mut draw = |by: f32| {
            let mut normal = || -> f32 { StandardNormal.sample(&mut rng) };
            let each = (0..400 * 8).map(|_| by + normal());
            Vectors::new(8, each.collect()).unwrap()
        };
        let (x, same, moved) = (draw(0.0), draw(0.0), draw(0.3));
        let [low, high] = kernel_distance(&x, &same).unwrap().ci95.unwrap();
        assert!(low < 0.0 && 0.0 < high, "{low} {high}");
        let found = kernel_distance(&x, &moved).unwrap();
        assert!(found.ci95.unwrap()[0] > 0.0 && found.n == 10, "{found:?}");
    }
}
