//! Principal components (Pearson 1901, "On lines and planes of closest fit to systems of points in space").
use super::Vectors;
use super::activity::spread;

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
    pub fn new(z: &Vectors) -> Self {
        let (size, n) = (z.size(), z.len().max(1) as f64);
        let (mean, _) = spread(z);
        let mut covariance = vec![vec![0.0; size]; size];
        let mut apart = vec![0.0; size];
        for row in z.rows() {
            apart
                .iter_mut()
                .zip(row.iter().zip(&mean))
                .for_each(|(d, (z, m))| *d = f64::from(*z) - m);
            for (i, sums) in covariance.iter_mut().enumerate() {
                let by = apart[i] / n;
                sums.iter_mut().zip(&apart).for_each(|(sum, d)| *sum += by * d);
            }
        }
        let (values, vectors) = eigen(covariance);
        let mut order: Vec<usize> = (0..size).collect();
        order.sort_by(|a, b| values[*b].total_cmp(&values[*a]));
        let component = |&at: &usize| signed(vectors.iter().map(|row| row[at]).collect());
        let components = order.iter().map(component).collect();
        let variances = order.iter().map(|at| values[*at].max(0.0)).collect();
        Self { mean, components, variances }
    }

    /// Where vectors lie along the first two directions, `[n]`.
    pub fn project(&self, z: &Vectors) -> Vec<[f64; 2]> {
        let along = |row: &[f32], which: usize| {
            let Some(component) = self.components.get(which) else { return 0.0 };
            let apart = row.iter().zip(&self.mean).map(|(z, mean)| f64::from(*z) - mean);
            apart.zip(component).map(|(d, c)| d * c).sum()
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

/// Sweeps at most: a dozen make the largest matrices diagonal.
const SWEEPS: usize = 60;

/// Eigenvalues of a symmetric matrix and its eigenvectors, one in each column, by rotations that each make
/// one element 0 (Jacobi 1846; Golub & Van Loan 2013, "Matrix computations", algorithm 8.5.2).
fn eigen(mut a: Vec<Vec<f64>>) -> (Vec<f64>, Vec<Vec<f64>>) {
    let n = a.len();
    let mut v: Vec<Vec<f64>> =
        (0..n).map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    let whole = a.iter().flatten().map(|x| x * x).sum::<f64>().sqrt();
    for _ in 0..SWEEPS {
        let beside = |i: usize| a[i].iter().enumerate().filter(move |(j, _)| *j != i);
        let rest: f64 = (0..n).flat_map(beside).map(|(_, x)| x * x).sum();
        if rest.sqrt() <= 1e-13 * whole {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                if a[p][q] == 0.0 {
                    continue;
                }
                // The smaller of the two angles whose rotation makes a[p][q] 0.
                let tau = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
                let t = tau.signum() / (tau.abs() + tau.hypot(1.0));
                let c = 1.0 / t.hypot(1.0);
                let s = t * c;
                for row in a.iter_mut().chain(v.iter_mut()) {
                    (row[p], row[q]) = (c * row[p] - s * row[q], s * row[p] + c * row[q]);
                }
                let (above, below) = a.split_at_mut(q);
                for (x, y) in above[p].iter_mut().zip(&mut below[0]) {
                    (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
                }
                (a[p][q], a[q][p]) = (0.0, 0.0);
            }
        }
    }
    ((0..n).map(|i| a[i][i]).collect(), v)
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
        let pca = Pca::new(&z);
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
        let pca = Pca::new(&Vectors::new(2, vec![-1.0, -3.0, 1.0, 3.0]).unwrap());
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
            let (values, vectors) = eigen(a.clone());
            for k in 0..n {
                let v: Vec<f64> = vectors.iter().map(|row| row[k]).collect();
                let times: Vec<f64> =
                    a.iter().map(|row| row.iter().zip(&v).map(|(a, v)| a * v).sum()).collect();
                assert_close(&times, &v.iter().map(|v| values[k] * v).collect::<Vec<_>>());
                assert_close(&[v.iter().map(|v| v * v).sum::<f64>()], &[1.0]);
            }
            let trace: f64 = (0..n).map(|i| a[i][i]).sum();
            assert_close(&[values.iter().sum::<f64>()], &[trace]);
        }
    }
}
