//! Measures of samples in the plane beside held-out points.
use super::energy_distance;
use crate::assignment::{assignment, squared_distances};
use crate::data::Density;
use rayon::prelude::*;
use train::{Measure, POSITIVE};

/// Points of either kind that are paired.
const PAIRED: usize = 500;

/// Mean of the squared distance of each of x from the nearest of y, and of each of y from the nearest of x, rows of `d` numbers: the
/// sum of both means.
pub(crate) fn chamfer_distance(x: &[f32], y: &[f32], d: usize) -> f64 {
    let mean = |from: &[f32], to: &[f32]| {
        let nearest =
            |from: &[f32]| squared_distances(from, to, d).into_iter().fold(f64::INFINITY, f64::min);
        let all: Vec<f64> = from.par_chunks_exact(d).map(nearest).collect();
        all.iter().sum::<f64>() / all.len() as f64
    };
    mean(x, y) + mean(y, x)
}

/// The Wasserstein distance of order 2 between as many rows of `d` numbers: the root of the least mean squared distance of pairs, by
/// an exact assignment. NaN where a number is none.
pub(crate) fn wasserstein_2(x: &[f32], y: &[f32], d: usize) -> f64 {
    let n = x.len() / d;
    let costs = squared_distances(x, y, d);
    let Ok(chosen) = assignment(&costs, n) else { return f64::NAN };
    let sum: f64 = chosen.iter().enumerate().map(|(row, column)| costs[row * n + column]).sum();
    (sum / n as f64).sqrt()
}

/// Measures of points `fake` beside `real`, both `[n, 2]`, and of their log-density where that is known.
pub(crate) fn plane_measures(
    real: &[f32],
    fake: &[f32],
    density: Option<&Density>,
) -> Vec<(String, Measure)> {
    let n = PAIRED.min(real.len() / 2).min(fake.len() / 2);
    let singles = [
        ("energy_distance", energy_distance(real, fake, 2)),
        ("chamfer_distance", chamfer_distance(real, fake, 2)),
        ("wasserstein_2", wasserstein_2(&real[..2 * n], &fake[..2 * n], 2)),
    ];
    let mut all: Vec<_> =
        singles.map(|(name, value)| (name.to_owned(), Measure::single(value))).to_vec();
    let Some(density) = density else { return all };
    let samples: &[[f32; 2]] = fake.as_chunks().0;
    let log_p: Vec<f64> = samples.iter().map(|at| density.log_density(*at)).collect();
    if let Density::Checkerboard { .. } = density {
        // Elsewhere the logarithm is infinite.
        let inside = log_p.iter().filter(|x| x.is_finite()).count();
        all.push(("good_samples".to_owned(), Measure::share(inside, log_p.len())));
    } else {
        all.push(("sample_nll_nats".to_owned(), Measure::of(&log_p).negated()));
    }
    all.iter_mut().skip(1).take(2).for_each(|(_, measure)| *measure = measure.within(POSITIVE));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_by_hand() {
        // From 0 and 3 to 1 and 7 on a line: 1 and 4, back 1 and 16.
        let (x, y) = ([0.0, 0.0, 3.0, 0.0], [1.0, 0.0, 7.0, 0.0]);
        assert_eq!(chamfer_distance(&x, &y, 2), 2.5 + 8.5);
        assert_eq!(chamfer_distance(&x, &x, 2), 0.0);
        // Pairs 0–1 and 3–7, not 0–7 and 3–1.
        assert_eq!(wasserstein_2(&x, &y, 2), (17f64 / 2.0).sqrt());
        assert!(wasserstein_2(&[f32::NAN, 0.0], &[0.0, 0.0], 2).is_nan());
    }

    /// Of two Gaussians that are shifted it is the shift, but for chance.
    #[test]
    fn a_shift_is_its_own_distance() {
        use rand_distr::{Distribution as _, StandardNormal};
        let x: Vec<f32> =
            StandardNormal.sample_iter(train::stream(1, "points")).take(800).collect();
        let y: Vec<f32> = x.iter().map(|x| x + 3.0).collect();
        let found = wasserstein_2(&x, &y, 2);
        assert!((found - 18f64.sqrt()).abs() < 1e-5, "{found}");
    }

    #[test]
    fn a_board_counts_those_on_it() {
        let board = Density::Checkerboard { side: 4, width: 2.0 };
        let (real, fake) = ([-3.0, -3.0, -1.0, -1.0], [-3.0, -3.0, 1.0, -1.0]);
        let all = plane_measures(&real, &fake, Some(&board));
        let names: Vec<_> = all.iter().map(|(name, _)| &name[..]).collect();
        let expected = ["energy_distance", "chamfer_distance", "wasserstein_2", "good_samples"];
        assert_eq!((names, all[3].1.mean), (expected.to_vec(), 0.5));
        assert_eq!(plane_measures(&real, &fake, None).len(), 3);
    }
}
