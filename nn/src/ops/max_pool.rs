//! The largest number of each window.
use super::{on_cpu_f32, read, slice};
use candle_core::{CpuStorage, CustomOp1, DType, Layout, Result, Shape, Tensor, bail};

/// The largest of each window of `side`×`side` numbers, side by side, for x `[B, C, H, W]`:
/// `[B, C, ⌊H/side⌋, ⌊W/side⌋]`. Rows and columns that are left over are not seen.
pub(crate) fn max_pool2d(x: &Tensor, side: usize) -> Result<Tensor> {
    Windows::of(x.dims(), side)?;
    if !on_cpu_f32(&[x]) {
        return x.max_pool2d(side);
    }
    let x = x.contiguous()?;
    match x.track_op() {
        true => x.apply_op1(MaxPool { side }),
        false => x.apply_op1_no_bwd(&MaxPool { side }),
    }
}

/// 1 at the largest number of each window, the first of several, and 0 elsewhere: of the shape of x.
pub(crate) fn largest(x: &Tensor, side: usize) -> Result<Tensor> {
    let windows = Windows::of(x.dims(), side)?;
    read(&x.to_dtype(DType::F32)?, |x| {
        let mut ones = vec![0.0f32; x.len()];
        windows.each(x, |_, at| ones[at] = 1.0);
        Tensor::from_vec(ones, windows.shape.clone(), &candle_core::Device::Cpu)
    })?
    .to_dtype(x.dtype())
}

/// Where windows lie in pictures `[B, C, H, W]`.
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
    use candle_core::{Device, Var};

    fn values(tensor: &Tensor) -> Vec<f32> {
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn by_hand() {
        let x = [[1f32, 5.0, 2.0, 2.0, 9.0], [3.0, 4.0, 2.0, 1.0, 9.0], [9.0, 9.0, 9.0, 9.0, 9.0]];
        let x = Tensor::new(&x, &Device::Cpu).unwrap().reshape((1, 1, 3, 5)).unwrap();
        let y = max_pool2d(&x, 2).unwrap();
        assert_eq!((y.dims(), values(&y)), (&[1, 1, 1, 2][..], vec![5.0, 2.0]));
        let ones = values(&largest(&x, 2).unwrap());
        let expected: Vec<f32> = (0..15).map(|i| f32::from(u8::from(i == 1 || i == 2))).collect();
        assert_eq!(ones, expected);
        let error = max_pool2d(&x, 4).unwrap_err().to_string();
        assert!(error.contains("windows of 4×4 do not fit an input [1, 1, 3, 5]"), "{error}");
        let odd = Tensor::new(&[[[[1f32, f32::NAN], [2.0, 3.0]]]], &Device::Cpu).unwrap();
        assert!(values(&max_pool2d(&odd, 2).unwrap())[0].is_nan());
    }

    #[test]
    fn the_gradient_is_that_of_differences() {
        let x: Vec<f32> = (0..72).map(|i| (i * 29 % 72) as f32 * 0.1).collect();
        let x = Var::from_vec(x, (2, 1, 6, 6), &Device::Cpu).unwrap();
        for side in [1, 2, 3, 4] {
            let f = || max_pool2d(&x, side)?.sqr()?.mean_all();
            let worst = gradcheck(std::slice::from_ref(&x), 1e-2, f).unwrap();
            assert!(worst < 1e-3, "{side}: {worst}");
            let exact = x.to_dtype(DType::F64).unwrap();
            let by_candle = max_pool2d(&exact, side).unwrap().to_dtype(DType::F32).unwrap();
            assert_eq!(values(&max_pool2d(&x, side).unwrap()), values(&by_candle));
        }
    }
}
