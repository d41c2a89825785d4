//! Principal components (Pearson 1901, "On lines and planes of closest fit to systems of points in space").
use super::Vectors;
use super::activity::spread;
use anyhow::{Result, anyhow};
use faer::{Mat, Side};

/// The directions in which vectors vary most.
#[derive(Debug, Clone, PartialEq)]
pub struct Pca {
    /// Their mean, `[Z]`.
    pub mean: Vec<f64>,
    /// Directions of length 1, the one of the largest variance first, `[Z, Z]`. Of the numbers of each the
    /// one that is furthest from 0, the first of several, is positive: eigenvectors have no sign of their
    /// own.
    pub components: Vec<Vec<f64>>,
    /// Variance along each, `[Z]`.
    pub variances: Vec<f64>,
}

impl Pca {
    /// The eigenvectors of the covariance Σ (z − z̄)(z − z̄)ᵀ / n of vectors `[n, Z]`.
    ///
    /// # Errors
    /// If a number is not finite.
    pub fn new(z: &Vectors) -> Result<Self> {
        let (size, n) = (z.size(), z.len().max(1) as f64);
        let (mean, _) = spread(z);
        let mut covariance = Mat::zeros(size, size);
        for row in z.rows() {
            let centred: Vec<f64> =
                row.iter().zip(&mean).map(|(z, mean)| f64::from(*z) - mean).collect();
            for (i, a) in centred.iter().enumerate() {
                for (j, b) in centred.iter().enumerate().take(i + 1) {
                    covariance[(i, j)] += a / n * b;
                }
            }
        }
        let (variances, components) = eigen(&covariance)?;
        Ok(Self { mean, components, variances: variances.iter().map(|v| v.max(0.0)).collect() })
    }

    /// Coordinates of vectors along the first two directions, `[n]`.
    pub fn project(&self, z: &Vectors) -> Vec<[f64; 2]> {
        let along = |row: &[f32], which: usize| {
            let Some(component) = self.components.get(which) else { return 0.0 };
            let centred = row.iter().zip(&self.mean).map(|(z, mean)| f64::from(*z) - mean);
            centred.zip(component).map(|(d, c)| d * c).sum()
        };
        z.rows().map(|row| [along(row, 0), along(row, 1)]).collect()
    }
}

fn signed(vector: Vec<f64>) -> Vec<f64> {
    let largest = vector.iter().fold(0f64, |largest, v| largest.max(v.abs()));
    // Of two that rounding alone tells apart it is the first.
    let decides = vector.iter().find(|v| v.abs() > largest * (1.0 - 1e-9));
    let sign = decides.map_or(1.0, |v| v.signum());
    vector.into_iter().map(|v| sign * v).collect()
}

/// Eigenvalues of a symmetric matrix, of which the lower half is read, the largest first, and its eigenvectors.
fn eigen(matrix: &Mat<f64>) -> Result<(Vec<f64>, Vec<Vec<f64>>)> {
    let eigen = matrix
        .self_adjoint_eigen(Side::Lower)
        .map_err(|error| anyhow!("a covariance has no eigenvalues: {error:?}"))?;
    let (values, vectors, n) = (eigen.S().column_vector(), eigen.U(), matrix.nrows());
    let vector = |k: usize| signed((0..n).map(|i| vectors[(i, k)]).collect());
    Ok(((0..n).rev().map(|k| values[k]).collect(), (0..n).rev().map(vector).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng as _;
    use train::stream;

    fn assert_close(left: &[f64], right: &[f64]) {
        let close = left.iter().zip(right).all(|(left, right)| (left - right).abs() < 1e-9);
        assert!(close && left.len() == right.len(), "{left:?} {right:?}");
    }

    /// Points (±2, ±2) and (±1, ∓1) around (10, −5): variance 4 along the diagonal, 1 across it.
    #[test]
    fn two_directions_by_hand() {
        let points = [[12.0, -3.0], [8.0, -7.0], [11.0, -6.0], [9.0, -4.0]];
        let z = Vectors::new(2, points.concat()).unwrap();
        let pca = Pca::new(&z).unwrap();
        let half = 0.5f64.sqrt();
        assert_eq!(pca.mean, [10.0, -5.0]);
        assert_close(&pca.variances, &[4.0, 1.0]);
        assert_close(&pca.components[0], &[half, half]);
        // Both numbers are as far from 0: the first is positive.
        assert_close(&pca.components[1], &[half, -half]);
        let root = 2f64.sqrt();
        let expected = [[2.0 * root, 0.0], [-2.0 * root, 0.0], [0.0, root], [0.0, -root]];
        assert_close(pca.project(&z).as_flattened(), expected.as_flattened());
    }

    #[test]
    fn the_number_furthest_from_zero_is_positive() {
        assert_eq!(signed(vec![0.6, -0.8]), [-0.6, 0.8]);
        assert_eq!(signed(vec![-0.5, 0.5, 0.1]), [0.5, -0.5, -0.1]);
        // A line: (−1, −3) and (1, 3).
        let pca = Pca::new(&Vectors::new(2, vec![-1.0, -3.0, 1.0, 3.0]).unwrap()).unwrap();
        let root = 10f64.sqrt();
        assert_close(&pca.components[0], &[1.0 / root, 3.0 / root]);
        assert_close(&pca.variances, &[10.0, 0.0]);
    }

    /// A·v = λ·v, vᵀ·v = 1, and the eigenvalues sum to the trace.
    #[test]
    fn eigenvectors_of_any_symmetric_matrix() {
        let mut rng = stream(1, "test");
        for n in [1, 2, 3, 20] {
            let mut a = vec![vec![0.0; n]; n];
            for (i, j) in (0..n).flat_map(|i| (0..=i).map(move |j| (i, j))) {
                a[i][j] = rng.random_range(-1.0..1.0);
                a[j][i] = a[i][j];
            }
            let (values, vectors) = eigen(&Mat::from_fn(n, n, |i, j| a[i][j])).unwrap();
            assert!(values.is_sorted_by(|a, b| a >= b), "{values:?}");
            for (k, v) in vectors.iter().enumerate() {
                let times: Vec<f64> =
                    a.iter().map(|row| row.iter().zip(v).map(|(a, v)| a * v).sum()).collect();
                assert_close(&times, &v.iter().map(|v| values[k] * v).collect::<Vec<_>>());
                assert_close(&[v.iter().map(|v| v * v).sum::<f64>()], &[1.0]);
            }
            let trace: f64 = (0..n).map(|i| a[i][i]).sum();
            assert_close(&[values.iter().sum::<f64>()], &[trace]);
        }
    }
}
