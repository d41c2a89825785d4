//! Active latent dimensions.
use super::Vectors;

/// A latent dimension whose mean given the image varies more than this from image to image is active
/// (Burda, Grosse & Salakhutdinov 2016, "Importance weighted autoencoders", section 5.2).
pub const ACTIVE: f64 = 0.01;

/// Mean and variance of each number over vectors `[n, Z]`, `[Z]` each: the variance Σ (z − z̄)² / n.
pub fn spread(z: &Vectors) -> (Vec<f64>, Vec<f64>) {
    let n = z.len().max(1) as f64;
    let mut mean = vec![0.0; z.size()];
    for row in z.rows() {
        mean.iter_mut().zip(row).for_each(|(mean, z)| *mean += f64::from(*z) / n);
    }
    let mut variance = vec![0.0; z.size()];
    for row in z.rows() {
        let deviation = row.iter().zip(&mean).map(|(z, mean)| f64::from(*z) - mean);
        variance.iter_mut().zip(deviation).for_each(|(variance, d)| *variance += d * d / n);
    }
    (mean, variance)
}

/// The number of active dimensions, A_u = Var_x(E_q(u|x)\[u\]) > 0.01, for the mean vectors of images
/// `[n, Z]`.
pub fn active_units(z: &Vectors) -> usize {
    spread(z).1.iter().filter(|variance| **variance > ACTIVE).count()
}

/// The numbers that vary most, the most active first; of equally active ones the first.
pub(super) fn most_active(variance: &[f64], n: usize) -> Vec<usize> {
    let mut units: Vec<usize> = (0..variance.len()).collect();
    units.sort_by(|a, b| variance[*b].total_cmp(&variance[*a]));
    units.truncate(n);
    units
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        // A number that is the same for all, one that varies little, and two that are on and off.
        let rows = [[3.0, 0.125, 0.0, 10.0], [3.0, -0.125, 1.0, 11.0]];
        let z = Vectors::new(4, rows.concat()).unwrap();
        let (mean, variance) = spread(&z);
        assert_eq!(mean, [3.0, 0.0, 0.5, 10.5]);
        assert_eq!(variance, [0.0, 0.015625, 0.25, 0.25]);
        assert_eq!(active_units(&z), 3);
        let less = Vectors::new(1, vec![0.09, -0.09]).unwrap();
        assert_eq!(active_units(&less), 0);
        assert_eq!(most_active(&variance, 3), [2, 3, 1]);
    }
}
