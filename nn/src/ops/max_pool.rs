//! The largest number of each window.
use super::{on_cpu_f32, read, slice};
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, Var, bail};

/// The largest of each window of `side`×`side` numbers, side by side, for x `[B, C, H, W]`:
/// `[B, C, ⌊H/side⌋, ⌊W/side⌋]`. Rows and columns that are left over are not seen; of several largest numbers
/// the first one in raster order takes the gradient, as in PyTorch.
pub(crate) fn max_pool2d(x: &Tensor, side: usize) -> Result<Tensor> {
    let windows = Windows::of(x.dims(), side)?;
    if !on_cpu_f32(&[x]) {
        return by_candle(x, &windows);
    }
    let x = x.contiguous()?;
    match x.track_op() {
        true => x.apply_op1(MaxPool { side }),
        false => x.apply_op1_no_bwd(&MaxPool { side }),
    }
}

/// Not by Candle's own pooling, whose gradient is divided where windows do not cover the image, and
/// shared out where several numbers are the largest.
fn by_candle(x: &Tensor, windows: &Windows) -> Result<Tensor> {
    let (side, rows, columns) = (windows.side, windows.rows(), windows.columns());
    let planes = windows.shape[0] * windows.shape[1];
    let visible = x.narrow(2, 0, rows * side)?.narrow(3, 0, columns * side)?.contiguous()?;
    let visible = visible.reshape((planes, rows, side, columns, side))?;
    let at = |place: usize| {
        let (down, across) = (place / side, place % side);
        visible.narrow(2, down, 1)?.narrow(4, across, 1)?.contiguous() // [B·C, ⌊H/side⌋, 1, ⌊W/side⌋, 1]
    };
    let mut largest = at(0)?;
    for place in 1..side * side {
        let next = at(place)?;
        // What is not a number stays, and differs from itself.
        let (is, was) = (next.detach(), largest.detach());
        let larger = (is.gt(&was)? + is.ne(&is)?)?;
        largest = larger.where_cond(&next, &largest)?;
    }
    largest.reshape((windows.shape[0], windows.shape[1], rows, columns))
}

/// 1 at the largest number of each window, the first of several, and 0 elsewhere: of the shape of x.
pub(crate) fn largest(x: &Tensor, side: usize) -> Result<Tensor> {
    // What the gradient of the sum is, so that both have the same place.
    let x = Var::from_tensor(x)?;
    let gradients = max_pool2d(&x, side)?.sum_all()?.backward()?;
    gradients.get(&x).map_or_else(|| x.zeros_like(), |ones| Ok(ones.clone()))
}

/// Geometry of pooling windows in images `[B, C, H, W]`.
struct Windows {
    shape: Vec<usize>,
    side: usize,
}

impl Windows {
    fn of(shape: &[usize], side: usize) -> Result<Self> {
        match shape {
            [_, _, height, width] if side > 0 && *height >= side && *width >= side => {
                Ok(Self { shape: shape.to_vec(), side })
            }
            _ => bail!("max_pool2d: windows of {side}×{side} do not fit an input {shape:?}"),
        }
    }

    fn rows(&self) -> usize {
        self.shape[2] / self.side
    }

    fn columns(&self) -> usize {
        self.shape[3] / self.side
    }

    /// Calls `f` with the number of each window and the place of its largest element.
    fn each(&self, x: &[f32], mut f: impl FnMut(usize, usize)) {
        let (height, width, side) = (self.shape[2], self.shape[3], self.side);
        let mut window = 0;
        for plane in 0..self.shape[0] * self.shape[1] {
            for row in 0..self.rows() {
                for column in 0..self.columns() {
                    let first = (plane * height + row * side) * width + column * side;
                    let mut at = first;
                    for down in 0..side {
                        let line = first + down * width;
                        for place in line..line + side {
                            // What is not a number stays.
                            if x[place] > x[at] || x[place].is_nan() {
                                at = place;
                            }
                        }
                    }
                    f(window, at);
                    window += 1;
                }
            }
        }
    }
}

struct MaxPool {
    side: usize,
}

impl CustomOp1 for MaxPool {
    fn name(&self) -> &'static str {
        "max_pool2d"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let windows = Windows::of(layout.dims(), self.side)?;
        let x: &[f32] = slice(x, layout)?;
        let (batch, channels) = (windows.shape[0], windows.shape[1]);
        let shape = (batch, channels, windows.rows(), windows.columns());
        let mut y = vec![0.0; batch * channels * windows.rows() * windows.columns()];
        windows.each(x, |window, at| y[window] = x[at]);
        Ok((CpuStorage::F32(y), Shape::from(shape)))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, g: &Tensor) -> Result<Option<Tensor>> {
        let windows = Windows::of(x.dims(), self.side)?;
        let dx = read(x, |x| {
            read(g, |g| {
                let mut dx = vec![0.0f32; x.len()];
                windows.each(x, |window, at| dx[at] = g[window]);
                Ok(dx)
            })
        })?;
        Ok(Some(Tensor::from_vec(dx, x.shape(), x.device())?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gradcheck::gradcheck;
    use candle_core::DType;
    use train::testing::device;

    fn values(tensor: &Tensor) -> Vec<f32> {
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn by_hand() {
        let x = [[1f32, 5.0, 2.0, 2.0, 9.0], [3.0, 4.0, 2.0, 1.0, 9.0], [9.0, 9.0, 9.0, 9.0, 9.0]];
        let x = Tensor::new(&x, device()).unwrap().reshape((1, 1, 3, 5)).unwrap();
        let y = max_pool2d(&x, 2).unwrap();
        assert_eq!((y.dims(), values(&y)), (&[1, 1, 1, 2][..], vec![5.0, 2.0]));
        let ones = values(&largest(&x, 2).unwrap());
        let expected: Vec<f32> = (0..15).map(|i| f32::from(u8::from(i == 1 || i == 2))).collect();
        assert_eq!(ones, expected);
        let error = max_pool2d(&x, 4).unwrap_err().to_string();
        assert!(error.contains("windows of 4×4 do not fit an input [1, 1, 3, 5]"), "{error}");
        let odd = Tensor::new(&[[[[1f32, f32::NAN], [2.0, 3.0]]]], device()).unwrap();
        assert!(values(&max_pool2d(&odd, 2).unwrap())[0].is_nan());
    }

    #[test]
    fn the_gradient_is_that_of_differences() {
        let x: Vec<f32> = (0..72).map(|i| (i * 29 % 72) as f32 * 0.1).collect();
        let single = Var::from_vec(x, (2, 1, 6, 6), device()).unwrap();
        let double = Var::from_tensor(&single.to_dtype(DType::F64).unwrap()).unwrap();
        for side in [1, 2, 3, 4, 5, 6] {
            for (x, h, most) in [(&single, 1e-2, 1e-3), (&double, 1e-5, 1e-8)] {
                let f = || max_pool2d(x, side)?.sqr()?.mean_all();
                let worst = gradcheck(std::slice::from_ref(x), h, f).unwrap();
                assert!(worst < most, "{side}: {worst}");
            }
        }
    }

    /// A row and a column are left over, and in three windows several numbers are the largest.
    #[test]
    fn the_first_of_the_largest_takes_the_whole_gradient() {
        let x: [[f64; 5]; 5] = [
            [1.0, 5.0, 2.0, 2.0, 9.0],
            [3.0, 4.0, 2.0, 2.0, 9.0],
            [0.0, 0.0, -1.0, -2.0, 9.0],
            [0.0, 0.0, -3.0, -1.0, 9.0],
            [9.0, 9.0, 9.0, 9.0, 9.0],
        ];
        let g = Tensor::new(&[[1f64, 2.0], [3.0, 4.0]], device()).unwrap();
        let expected: Vec<f32> = (0..25)
            .map(|i| match i {
                1 => 1.0,
                2 => 2.0,
                10 => 3.0,
                12 => 4.0,
                _ => 0.0,
            })
            .collect();
        for dtype in [DType::F32, DType::F64] {
            let x = Tensor::new(&x, device()).unwrap().reshape((1, 1, 5, 5)).unwrap();
            let x = Var::from_tensor(&x.to_dtype(dtype).unwrap()).unwrap();
            let g = g.reshape((1, 1, 2, 2)).unwrap().to_dtype(dtype).unwrap();
            let y = (max_pool2d(&x, 2).unwrap() * g).unwrap().sum_all().unwrap();
            let dx = y.backward().unwrap().get(&x).unwrap().to_dtype(DType::F32).unwrap();
            assert_eq!(values(&dx), expected, "{dtype:?}");
            let ones = values(&largest(&x, 2).unwrap().to_dtype(DType::F32).unwrap());
            let expected: Vec<f32> = expected.iter().map(|g| g.signum() * g.min(1.0)).collect();
            assert_eq!(ones, expected, "{dtype:?}");
        }
        // Nearer to each other than single precision tells apart.
        let x = Tensor::new(&[[[[1f64, 1.0 + 1e-12]]]], device()).unwrap();
        let x = x.broadcast_as((1, 1, 2, 2)).unwrap().contiguous().unwrap();
        let ones = largest(&x, 2).unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap();
        assert_eq!(ones, [0.0, 1.0, 0.0, 0.0]);
        // What is not a number comes through, with its gradient, wherever it is.
        for at in 0..4 {
            for dtype in [DType::F32, DType::F64] {
                let x: Vec<f32> = (0..4).map(|i| if i == at { f32::NAN } else { 3.0 }).collect();
                let x = Tensor::from_vec(x, (1, 1, 2, 2), device()).unwrap();
                let x = x.to_dtype(dtype).unwrap();
                let y = max_pool2d(&x, 2).unwrap().to_dtype(DType::F32).unwrap();
                assert!(values(&y)[0].is_nan(), "{at} {dtype:?}");
                let ones = values(&largest(&x, 2).unwrap().to_dtype(DType::F32).unwrap());
                assert_eq!(ones.iter().position(|one| *one == 1.0), Some(at), "{dtype:?}");
            }
        }
    }
}
