//! Means of curves over runs, with 95 % intervals, and moving averages.

use train::Measure;

use super::panel::{Curve, Points};

/// The mean of the curves of several runs, with a band: Student's 95 % interval of the mean.
///
/// A run counts from its first point to its last and not beyond; between two of its points it is on the straight line from
/// one to the other. The mean is formed wherever a run has a point, over the runs that count there. Where one alone
/// counts there is no band. Values that are not finite are no points, so a run that diverged ends before.
///
/// # Example
/// ```
/// use lab::render::plot::mean;
///
/// let runs = [vec![(0.0, 1.0), (10.0, 3.0)], vec![(0.0, 3.0), (20.0, 7.0)]];
/// let curve = mean("both", &runs);
/// // At 10 the second run is half-way, at 20 it is alone.
/// assert_eq!(curve.points, [(0.0, 2.0), (10.0, 4.0), (20.0, 7.0)]);
/// ```
pub fn mean(label: &str, runs: &[Vec<(f64, f64)>]) -> Curve {
    let finite = |point: &&(f64, f64)| point.0.is_finite() && point.1.is_finite();
    let sorted = |run: &Points| {
        let mut run: Points = run.iter().filter(finite).copied().collect();
        run.sort_by(|a, b| a.0.total_cmp(&b.0));
        run
    };
    let runs: Vec<Points> = runs.iter().map(sorted).collect();
    let mut steps: Vec<f64> = runs.iter().flatten().map(|point| point.0).collect();
    steps.sort_by(f64::total_cmp);
    steps.dedup();
    let at = |step: &f64| {
        let values: Vec<f64> = runs.iter().filter_map(|run| value_at(run, *step)).collect();
        let measure = Measure::of(&values);
        ((*step, measure.mean), measure.ci95.unwrap_or([f64::NAN; 2]))
    };
    let (points, band) = steps.iter().map(at).unzip();
    Curve { label: label.to_owned(), points, band, ..Curve::default() }
}

/// Value of a run at `step`, between its first and its last point; of two points at one step the later counts.
fn value_at(run: &[(f64, f64)], step: f64) -> Option<f64> {
    let after = run.partition_point(|point| point.0 <= step);
    let (from, low) = *run.get(after.checked_sub(1)?)?;
    if from == step {
        return Some(low);
    }
    let (to, high) = *run.get(after)?;
    Some(low + (high - low) * (step - from) / (to - from))
}

/// Moving average of a curve: each value becomes the mean of the `window` values around it, an odd number. Near an
/// end as many are left out on one side as are missing on the other, so that a straight line stays as it is.
pub fn smoothed(points: &[(f64, f64)], window: usize) -> Vec<(f64, f64)> {
    let average = |place: usize| {
        let half = (window / 2).min(place).min(points.len() - 1 - place);
        let around = &points[place - half..=place + half];
        around.iter().map(|point| point.1).sum::<f64>() / around.len() as f64
    };
    (0..points.len()).map(|place| (points[place].0, average(place))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_and_band_by_hand() {
        let run = |values: [f64; 2]| vec![(100.0, values[0]), (200.0, values[1])];
        let curve = mean("a", &[run([1.0, 4.0]), run([3.0, 6.0]), run([5.0, 5.0])]);
        assert_eq!(curve.points, [(100.0, 3.0), (200.0, 5.0)]);
        // Standard errors 2/√3 and 1/√3; t of 2 degrees of freedom.
        let t = 4.302_652_73 / 3f64.sqrt();
        for ([low, high], [mean, half]) in curve.band.iter().zip([[3.0, 2.0 * t], [5.0, t]]) {
            assert!((low - (mean - half)).abs() < 1e-7 && (high - (mean + half)).abs() < 1e-7);
        }
    }

    #[test]
    fn runs_are_aligned_between_their_points_and_not_beyond() {
        let short = vec![(0.0, 0.0), (20.0, 2.0)];
        let long = vec![(10.0, 5.0), (30.0, 9.0), (40.0, 9.0)];
        let curve = mean("a", &[long, short]);
        // At 10 the short run is at 1, at 20 the long one at 7; before 10 and after 20 there is one run.
        let expected = [(0.0, 0.0), (10.0, 3.0), (20.0, 4.5), (30.0, 9.0), (40.0, 9.0)];
        assert_eq!(curve.points, expected);
        let banded: Vec<bool> = curve.band.iter().map(|ends| ends[0].is_finite()).collect();
        assert_eq!(banded, [false, true, true, false, false]);
        // Of 1 and 5 the standard error is 2; t of one degree of freedom.
        assert!((curve.band[1][1] - (3.0 + 2.0 * 12.706_204_74)).abs() < 1e-6);
    }

    #[test]
    fn a_diverged_run_ends_at_its_last_finite_value() {
        let diverged = vec![(1.0, 2.0), (2.0, f64::NAN), (3.0, 4.0), (4.0, f64::INFINITY)];
        let sound = (1..=4).map(|step| (f64::from(step), 1.0)).collect();
        let curve = mean("a", &[diverged, sound]);
        assert_eq!(curve.points, [(1.0, 1.5), (2.0, 2.0), (3.0, 2.5), (4.0, 1.0)]);
        assert!(mean("a", &[]).points.is_empty());
    }

    #[test]
    fn one_run_has_no_band_and_its_own_values() {
        let run = vec![(1.0, 2.0), (2.0, 5.0), (2.0, 6.0)];
        let curve = mean("a", &[run]);
        assert_eq!(curve.points, [(1.0, 2.0), (2.0, 6.0)]);
        assert!(curve.visible_band().is_empty());
    }

    #[test]
    fn a_moving_average_by_hand() {
        let points = |values: &[f64]| (0..).map(f64::from).zip(values.iter().copied()).collect();
        let run: Points = points(&[0.0, 6.0, 3.0, 0.0, 9.0]);
        assert_eq!(smoothed(&run, 3), points(&[0.0, 3.0, 3.0, 4.0, 9.0]));
        assert_eq!(smoothed(&run, 5), points(&[0.0, 3.0, 3.6, 4.0, 9.0]));
        assert_eq!(smoothed(&run, 1), run);
        let line: Points = points(&[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(smoothed(&line, 99), line);
        assert!(smoothed(&[], 3).is_empty());
    }
}
