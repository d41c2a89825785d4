//! The Fréchet distance of two sets of vectors, as Gaussians (Fréchet 1957; Dowson & Landau 1982; Heusel et al. 2017,
//! "GANs trained by a two time-scale update rule", <https://arxiv.org/abs/1706.08500>, equation 6).
use crate::latents::Vectors;
use anyhow::{Result, anyhow, ensure};
use faer::{Mat, Side};

/// A Gaussian of d numbers.
#[derive(Debug, Clone)]
pub struct Gaussian {
    /// `[d]`
    mean: Vec<f64>,
    /// `[d, d]`
    covariance: Mat<f64>,
}

impl Gaussian {
    /// Mean and covariance Σ (x − x̄)(x − x̄)ᵀ / (n − 1) of vectors `[n, d]`.
    ///
    /// # Errors
    /// If there are fewer than two.
    pub fn fit(x: &Vectors) -> Result<Self> {
        let (n, d) = (x.len(), x.size());
        ensure!(n > 1, "{n} vectors: a covariance needs 2 at least");
        let mut mean = vec![0.0; d];
        for row in x.rows() {
            mean.iter_mut().zip(row).for_each(|(mean, x)| *mean += f64::from(*x));
        }
        mean.iter_mut().for_each(|mean| *mean /= n as f64);
        let mut sums = vec![0.0; d * d];
        let mut apart = vec![0.0; d];
        for row in x.rows() {
            let each = apart.iter_mut().zip(row.iter().zip(&mean));
            each.for_each(|(apart, (x, mean))| *apart = f64::from(*x) - mean);
            for (by, sums) in apart.iter().zip(sums.chunks_exact_mut(d)) {
                sums.iter_mut().zip(&apart).for_each(|(sum, apart)| *sum += by * apart);
            }
        }
        let covariance = Mat::from_fn(d, d, |i, j| sums[i * d + j] / (n - 1) as f64);
        Ok(Self { mean, covariance })
    }
}

/// ‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2·(Σ₁Σ₂)^½): the squared Fréchet distance, 0 where both are the same.
///
/// (Σ₁Σ₂)^½ has the trace of (Σ₁^½·Σ₂·Σ₁^½)^½, which is the sum of the singular values of Σ₁^½·Σ₂^½: nothing
/// but square roots of covariances is needed, and they need not have full rank.
///
/// # Errors
/// If they are of different sizes, or hold what is not finite.
pub fn frechet(one: &Gaussian, other: &Gaussian) -> Result<f64> {
    let (a, b) = (one.mean.len(), other.mean.len());
    ensure!(a == b, "a Gaussian of {a} numbers and one of {b} have no distance");
    let between: f64 = one.mean.iter().zip(&other.mean).map(|(a, b)| (a - b).powi(2)).sum();
    let product = root(&one.covariance)? * root(&other.covariance)?;
    let values = product.singular_values().map_err(|error| anyhow!("no distance: {error:?}"))?;
    let trace = |of: &Mat<f64>| (0..a).map(|i| of[(i, i)]).sum::<f64>();
    let apart =
        trace(&one.covariance) + trace(&other.covariance) - 2.0 * values.iter().sum::<f64>();
    // Rounding alone makes it less than 0.
    Ok(between + apart.max(0.0))
}

/// The symmetric R with R·R = `of`, whose negative eigenvalues are rounding.
fn root(of: &Mat<f64>) -> Result<Mat<f64>> {
    let eigen = of
        .self_adjoint_eigen(Side::Lower)
        .map_err(|error| anyhow!("a covariance has no eigenvalues: {error:?}"))?;
    let (values, vectors) = (eigen.S().column_vector(), eigen.U());
    let d = of.nrows();
    let scaled = Mat::from_fn(d, d, |i, j| vectors[(i, j)] * values[j].max(0.0).sqrt());
    Ok(scaled * vectors.transpose())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_distr::{Distribution as _, StandardNormal};
    use train::stream;

    fn gaussian(mean: &[f64], covariance: &[&[f64]]) -> Gaussian {
        let d = mean.len();
        Gaussian { mean: mean.to_vec(), covariance: Mat::from_fn(d, d, |i, j| covariance[i][j]) }
    }

    fn assert_apart(one: &Gaussian, other: &Gaussian, expected: f64) {
        for (a, b) in [(one, other), (other, one)] {
            let apart = frechet(a, b).unwrap();
            assert!((apart - expected).abs() < 1e-12 * expected.max(1.0), "{apart} {expected}");
        }
    }

    /// (μ₁ − μ₂)² + (σ₁ − σ₂)² in each direction of its own.
    #[test]
    fn one_number_and_diagonals_by_hand() {
        assert_apart(&gaussian(&[1.0], &[&[4.0]]), &gaussian(&[4.0], &[&[0.25]]), 9.0 + 2.25);
        let one =
            gaussian(&[0.0, 1.0, 2.0], &[&[1.0, 0.0, 0.0], &[0.0, 4.0, 0.0], &[0.0, 0.0, 9.0]]);
        let other =
            gaussian(&[0.0, 0.0, 4.0], &[&[16.0, 0.0, 0.0], &[0.0, 4.0, 0.0], &[0.0, 0.0, 1.0]]);
        assert_apart(&one, &other, 1.0 + 4.0 + 9.0 + 0.0 + 4.0);
        assert!(frechet(&one, &gaussian(&[0.0], &[&[1.0]])).is_err());
    }

    /// With common eigenvectors (1, 1)/√2 and (1, −1)/√2: deviations 3 and 1 against 2 and 4.
    #[test]
    fn covariances_that_commute_by_hand() {
        let one = gaussian(&[0.0, 0.0], &[&[5.0, 4.0], &[4.0, 5.0]]);
        let other = gaussian(&[0.0, 0.0], &[&[10.0, -6.0], &[-6.0, 10.0]]);
        assert_apart(&one, &other, 1.0 + 9.0);
    }

    /// Of a 2×2 matrix P with eigenvalues of 0 and above tr P^½ = √(tr P + 2·√det P). Here Σ₁Σ₂ is
    /// (6 1; 3 2), not symmetric, its trace 8, its determinant 9.
    #[test]
    fn covariances_that_do_not_commute_by_hand() {
        let one = gaussian(&[1.0, 0.0], &[&[2.0, 1.0], &[1.0, 2.0]]);
        let other = gaussian(&[0.0, 2.0], &[&[3.0, 0.0], &[0.0, 1.0]]);
        assert_apart(&one, &other, 5.0 + 4.0 + 4.0 - 2.0 * 14f64.sqrt());
    }

    /// A line against a plane, and a line against another at a right angle, which share nothing.
    #[test]
    fn covariances_without_full_rank_by_hand() {
        let line = gaussian(&[0.0, 0.0], &[&[4.0, 0.0], &[0.0, 0.0]]);
        assert_apart(&line, &gaussian(&[0.0, 0.0], &[&[1.0, 0.0], &[0.0, 9.0]]), 1.0 + 9.0);
        let (across, slant) = ([&[0.0, 0.0][..], &[0.0, 9.0]], [&[2.0, 2.0][..], &[2.0, 2.0]]);
        assert_apart(&line, &gaussian(&[0.0, 0.0], &across), 4.0 + 9.0);
        // Of (1, 1)/√2 half the variance of 4 lies along the line: Σ₁Σ₂ has trace 8 and determinant 0.
        assert_apart(&line, &gaussian(&[0.0, 0.0], &slant), 8.0 - 2.0 * 8f64.sqrt());
    }

    /// Mean (2, 1), sums of squares 8 and 2, of products 0, by n − 1 = 3.
    #[test]
    fn mean_and_covariance_by_hand() {
        let x = Vectors::new(2, vec![0.0, 1.0, 4.0, 1.0, 2.0, 0.0, 2.0, 2.0]).unwrap();
        let found = Gaussian::fit(&x).unwrap();
        assert_eq!(found.mean, [2.0, 1.0]);
        let expected = [8.0 / 3.0, 0.0, 0.0, 2.0 / 3.0];
        for (i, expected) in expected.into_iter().enumerate() {
            assert!((found.covariance[(i / 2, i % 2)] - expected).abs() < 1e-15);
        }
        assert!(Gaussian::fit(&Vectors::new(2, vec![0.0, 1.0]).unwrap()).is_err());
    }

    /// Also where 100 vectors of 64 numbers lie in 20 dimensions.
    #[test]
    fn a_set_is_no_distance_from_itself_and_as_far_as_it_is_moved() {
        let mut rng = stream(1, "test");
        let base: Vec<f32> = (0..100 * 20).map(|_| StandardNormal.sample(&mut rng)).collect();
        let row = |row: &[f32]| (0..64).map(|i| row[i % 20] * (i as f32)).collect::<Vec<_>>();
        let values: Vec<f32> = base.chunks_exact(20).flat_map(row).collect();
        let moved = values.iter().map(|x| x + 0.5).collect();
        let [one, other] = [values, moved]
            .map(|values| Gaussian::fit(&Vectors::new(64, values).unwrap()).unwrap());
        let size: f64 = (0..64).map(|i| one.covariance[(i, i)]).sum();
        assert!(frechet(&one, &one).unwrap() < 1e-9 * size, "{:?}", frechet(&one, &one));
        // Half in each of 64 directions; adding it in f32 rounds.
        let apart = frechet(&one, &other).unwrap();
        assert!((apart - 16.0).abs() < 1e-3, "{apart}");
    }
}
