//! The energy distance between two sets of samples.
use super::squared_distance;
use rayon::prelude::*;

/// The energy distance 2·E‖x − y‖ − E‖x − x'‖ − E‖y − y'‖ of rows x and y of `d` numbers (Székely & Rizzo 2013,
/// "Energy statistics: a class of statistics based on distances"), without bias: 0 on average where both have
/// one distribution, and positive where they have not. It may be negative by chance.
pub(crate) fn energy_distance(x: &[f32], y: &[f32], d: usize) -> f64 {
    let (n, m) = ((x.len() / d) as f64, (y.len() / d) as f64);
    let [across, within_x, within_y] = [(x, y), (x, x), (y, y)].map(|(a, b)| distances(a, b, d));
    2.0 * across / (n * m) - within_x / (n * (n - 1.0)) - within_y / (m * (m - 1.0))
}

/// Σ ‖a − b‖ over all pairs, in an order that no thread changes.
fn distances(a: &[f32], b: &[f32], d: usize) -> f64 {
    let from = |a: &[f32]| {
        b.chunks_exact(d).map(|b| f64::from(squared_distance(a, b)).sqrt()).sum::<f64>()
    };
    a.par_chunks_exact(d).map(from).collect::<Vec<_>>().iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_distr::{Distribution as _, Normal};
    use train::stream;

    #[test]
    fn by_hand() {
        // Across 3, 5, 4 and 4, within 4 (3-4-5) and 3 each way: 2·16/4 − 2·5/2 − 2·3/2.
        let (x, y) = ([0.0, 0.0, 3.0, 4.0], [3.0, 0.0, 0.0, 5.0]);
        let across = (3.0 + 5.0 + 4.0 + 10f64.sqrt()) / 4.0;
        let expected = 2.0 * across - 5.0 - 34f64.sqrt();
        assert!((energy_distance(&x, &y, 2) - expected).abs() < 1e-6);
    }

    /// Of N(0, 1) and N(μ, 1): 2·E|N(μ, 2)| − 2·E|N(0, 2)|, with E|N(μ, s²)| = s·√(2/π)·e^(−μ²/2s²) +
    /// μ·erf(μ/√(2s²)); at μ = 2 that is erf(1) = 0.842701.
    #[test]
    fn of_normals_it_is_what_it_should_be() {
        let draw = |mean: f32, name| -> Vec<f32> {
            Normal::new(mean, 1.0).unwrap().sample_iter(stream(1, name)).take(4_000).collect()
        };
        let expected = {
            let spread = 2.0 / std::f64::consts::PI.sqrt();
            2.0 * (spread * (-1f64).exp() + 2.0 * 0.842_701) - 2.0 * spread
        };
        let found = energy_distance(&draw(0.0, "x"), &draw(2.0, "y"), 1);
        assert!((found - expected).abs() < 0.1, "{found} {expected}");
        let none = energy_distance(&draw(0.0, "x"), &draw(0.0, "y"), 1);
        assert!(none.abs() < 0.005, "{none}");
    }
}
