//! Nearest neighbours.
use crate::{Activation, ops};
use candle_core::{DType, Result, Tensor, bail};

/// The number of the point that each row of x is nearest to, `[R]` of type `u32`, for x `[R, E]` and
/// points `[M, E]`; of several that are equally near, the first. No gradient passes.
///
/// Distances are told apart by ‖p‖² − 2·x·p, which they share ‖x‖² beside: where points lie far from
/// the origin and close to each other, its rounding decides between them.
pub fn nearest(x: &Tensor, points: &Tensor) -> Result<Tensor> {
    match (x.dims(), points.dims()) {
        ([rows, e], [n, size]) if e == size && rows * e * n > 0 => {}
        (x, points) => bail!("nearest: rows {x:?} do not fit points {points:?}"),
    }
    let (x, points) = (x.detach(), points.detach());
    let squares = points.sqr()?.sum(1)?; // [M]
    let (weight, linear) = ((points * -2.0)?, Activation::Linear);
    let distance = ops::linear(&(&x).into(), &weight, &squares, linear, ops::Reader::Anybody)?;
    let distance = distance.into_tensor()?; // [R, M]
    if !ops::on_cpu_f32(&[&distance]) {
        return distance.argmin(1)?.to_dtype(DType::U32);
    }
    let n = squares.dim(0)?;
    let chosen = ops::read(&distance, |distance: &[f32]| {
        Ok(distance.chunks_exact(n).map(first_least).collect::<Vec<u32>>())
    })?;
    Tensor::from_vec(chosen, x.dim(0)?, x.device())
}

/// Index of the least number; of several, the first.
fn first_least(values: &[f32]) -> u32 {
    let least = values.iter().copied().fold(f32::INFINITY, f32::min);
    values.iter().position(|value| *value == least).unwrap_or_default() as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Var;
    use train::testing::device;

    fn chosen(x: &[[f64; 2]], points: &[[f64; 2]], dtype: DType) -> Vec<u32> {
        let tensor = |rows: &[[f64; 2]]| {
            let rows = Tensor::from_slice(&rows.concat(), (rows.len(), 2), device()).unwrap();
            rows.to_dtype(dtype).unwrap()
        };
        nearest(&tensor(x), &tensor(points)).unwrap().to_vec1().unwrap()
    }

    #[test]
    fn nearest_by_hand_and_the_first_of_those_that_tie() {
        // A corner of a square each, its middle as near to all four, the middle of a side to two.
        let square = [[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]];
        let x = [[0.9, 2.0], [-0.25, 0.5], [-3.0, -1.0], [0.5, -0.25], [0.0, 0.0], [-1.0, 0.0]];
        for dtype in [DType::F32, DType::F64] {
            assert_eq!(chosen(&x, &square, dtype), [0, 1, 2, 3, 0, 1]);
            // The longest point has the largest product with x, and is not the nearest.
            assert_eq!(chosen(&[[1.0, 0.0]], &[[5.0, 0.0], [0.5, 0.0]], dtype), [1]);
            // The same point twice.
            assert_eq!(chosen(&[[1.0, 0.0]], &[[3.0, 0.0], [1.0, 1.0], [1.0, 1.0]], dtype), [1]);
        }
    }

    #[test]
    fn as_by_going_through_all() {
        let numbers = |n: usize, by: usize| -> Vec<f32> {
            (0..n).map(|i| ((i * by) % 101) as f32 / 25.0 - 2.0).collect()
        };
        let (rows, n, e) = (300, 37, 11);
        let (x, points) = (numbers(rows * e, 29), numbers(n * e, 53));
        let tensor =
            |values: &[f32], rows| Tensor::from_slice(values, (rows, e), device()).unwrap();
        let chosen: Vec<u32> =
            nearest(&tensor(&x, rows), &tensor(&points, n)).unwrap().to_vec1().unwrap();
        for (x, chosen) in x.chunks_exact(e).zip(chosen) {
            let distance: Vec<f64> = points
                .chunks_exact(e)
                .map(|point| x.iter().zip(point).map(|(x, p)| f64::from(x - p).powi(2)).sum())
                .collect();
            let least = distance.iter().copied().fold(f64::INFINITY, f64::min);
            assert!(distance[chosen as usize] - least < 1e-4, "{distance:?} {chosen}");
        }
    }

    #[test]
    fn no_gradient_passes_and_shapes_are_checked() {
        let x = Var::new(&[[1f32, 2.0]], device()).unwrap();
        assert!(!nearest(&x, &x).unwrap().track_op());
        let flat = Tensor::new(&[1f32, 2.0], device()).unwrap();
        let error = nearest(&x, &flat).unwrap_err().to_string();
        assert!(error.contains("rows [1, 2] do not fit points [2]"), "{error}");
    }
}
