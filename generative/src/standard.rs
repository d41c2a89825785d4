//! Points brought to a common size.
use candle_core::{Result, Tensor};

/// x ↦ (x − mean)/scale, with the mean of points and one scale for both axes, so that distances keep their proportions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Standard {
    mean: [f64; 2],
    scale: f64,
}

impl Standard {
    /// So that `points` have the mean 0, and a variance of 1 on average over the axes; those that all lie in one place are
    /// moved alone.
    pub(crate) fn of(points: &[[f32; 2]]) -> Self {
        let n = points.len().max(1) as f64;
        let sum = |axis: usize| points.iter().map(|at| f64::from(at[axis])).sum::<f64>();
        let mean = [0, 1].map(|axis| sum(axis) / n);
        let square = |at: &[f32; 2]| {
            (0..2).map(|axis| (f64::from(at[axis]) - mean[axis]).powi(2)).sum::<f64>()
        };
        let scale = (points.iter().map(square).sum::<f64>() / n / 2.0).sqrt();
        Self { mean, scale: if scale > 1e-6 { scale } else { 1.0 } }
    }

    /// Numbers `[…, 2]` at a common size.
    pub(crate) fn apply(&self, values: &mut [f32]) {
        for (value, mean) in values.iter_mut().zip(self.mean.iter().cycle()) {
            *value = ((f64::from(*value) - mean) / self.scale) as f32;
        }
    }

    /// Numbers `[…, 2]` as they were.
    pub(crate) fn undo(&self, values: &mut [f32]) {
        for (value, mean) in values.iter_mut().zip(self.mean.iter().cycle()) {
            *value = (f64::from(*value) * self.scale + mean) as f32;
        }
    }

    /// A batch `[B, 2]` at a common size.
    pub(crate) fn applied(&self, x: &Tensor) -> Result<Tensor> {
        let mean = Tensor::new(&self.mean.map(|mean| mean as f32), x.device())?; // [2]
        x.broadcast_sub(&mean)? / self.scale
    }

    /// The way back in words.
    pub(crate) fn described(&self) -> String {
        let Self { mean: [x, y], scale } = self;
        format!("{scale}·x + ({x}, {y})")
    }

    /// Logarithm of the factor by which the density of points at a common size is larger, 2·log scale.
    pub(crate) fn log_volume(&self) -> f64 {
        2.0 * self.scale.ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use train::testing::device;

    #[test]
    fn by_hand() {
        // Mean (2, 1), variances 1 and 9 of which the mean is 5.
        let points = [[1.0, 4.0], [3.0, -2.0]];
        let standard = Standard::of(&points);
        assert_eq!((standard.mean, standard.scale), ([2.0, 1.0], 5f64.sqrt()));
        assert!((standard.log_volume() - 5f64.ln()).abs() < 1e-12);
        let mut values = points.as_flattened().to_vec();
        standard.apply(&mut values);
        let by = 5f32.sqrt();
        for (found, expected) in values.iter().zip([-1.0, 3.0, 1.0, -3.0]) {
            assert!((found - expected / by).abs() < 1e-6, "{values:?}");
        }
        let x = Tensor::new(&points, device()).unwrap();
        let batch: Vec<f32> =
            standard.applied(&x).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        assert!(batch.iter().zip(&values).all(|(a, b)| (a - b).abs() < 1e-6), "{batch:?}");
        standard.undo(&mut values);
        assert!(values.iter().zip(points.as_flattened()).all(|(a, b)| (a - b).abs() < 1e-6));
        let still = Standard::of(&[[3.0, 3.0]; 4]);
        assert_eq!((still.scale, still.log_volume()), (1.0, 0.0));
    }
}
