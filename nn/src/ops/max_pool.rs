//! The largest number of each window.
use super::{on_cpu_f32, read, slice};
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, Var, bail};

/// Windows of a pooling: their size, the distance between two, and rows and columns of padding on each side, fewer than
/// the size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pool {
    pub(crate) size: usize,
    pub(crate) stride: usize,
    pub(crate) padding: usize,
}

impl Pool {
    /// Number of windows along an axis of `len` numbers; `None` where none fits.
    pub(crate) fn windows(self, len: usize) -> Option<usize> {
        let room = (len + 2 * self.padding).checked_sub(self.size)?;
        (len > 0 && self.padding < self.size).then(|| room / self.stride + 1)
    }

    /// Returns `true` if no number is in two windows or in padding.
    pub(crate) fn is_side_by_side(self) -> bool {
        self.size == self.stride && self.padding == 0
    }
}

/// The largest of each window of numbers, for x `[B, C, H, W]`: `[B, C, H', W']`. Rows and columns that are left over are
/// not seen, and padding is never the largest; of several largest numbers the first one in raster order takes the
/// gradient, as in PyTorch.
pub(crate) fn max_pool2d(x: &Tensor, pool: Pool) -> Result<Tensor> {
    let windows = Windows::of(x.dims(), pool)?;
    if !on_cpu_f32(&[x]) {
        return match pool.is_side_by_side() {
            true => by_candle(x, &windows),
            false => spaced_by_candle(x, &windows),
        };
    }
    let x = x.contiguous()?;
    match x.track_op() {
        true => x.apply_op1(MaxPool(pool)),
        false => x.apply_op1_no_bwd(&MaxPool(pool)),
    }
}

/// Not by Candle's own pooling, whose gradient is divided where windows do not cover the image, and
/// shared out where several numbers are the largest.
fn by_candle(x: &Tensor, windows: &Windows) -> Result<Tensor> {
    let (side, [rows, columns]) = (windows.pool.size, windows.counts);
    let planes = windows.shape[0] * windows.shape[1];
    let visible = x.narrow(2, 0, rows * side)?.narrow(3, 0, columns * side)?.contiguous()?;
    let visible = visible.reshape((planes, rows, side, columns, side))?;
    let at = |place: usize| {
        let (down, across) = (place / side, place % side);
        visible.narrow(2, down, 1)?.narrow(4, across, 1)?.contiguous() // [B·C, ⌊H/side⌋, 1, ⌊W/side⌋, 1]
    };
    let largest = largest_of(side * side, at)?;
    largest.reshape((windows.shape[0], windows.shape[1], rows, columns))
}

/// [`by_candle`] for windows that overlap, have a distance or padding.
fn spaced_by_candle(x: &Tensor, windows: &Windows) -> Result<Tensor> {
    let Pool { size, stride, padding } = windows.pool;
    let padded = |x: Tensor, axis: usize| -> Result<Tensor> {
        if padding == 0 {
            return Ok(x);
        }
        let mut dims = x.dims().to_vec();
        dims[axis] = padding;
        let edge = Tensor::full(f64::NEG_INFINITY, dims, x.device())?.to_dtype(x.dtype())?;
        Tensor::cat(&[&edge, &x, &edge], axis)
    };
    let x = padded(padded(x.clone(), 2)?, 3)?;
    let places = |first: usize, count: usize| {
        let places: Vec<u32> = (0..count).map(|i| (first + stride * i) as u32).collect();
        Tensor::from_vec(places, count, x.device())
    };
    let [rows, columns] = windows.counts;
    let at = |place: usize| {
        let (down, across) = (places(place / size, rows)?, places(place % size, columns)?);
        x.index_select(&down, 2)?.index_select(&across, 3) // [B, C, H', W']
    };
    largest_of(size * size, at)
}

/// The largest of so many tensors, the first of several.
fn largest_of(count: usize, at: impl Fn(usize) -> Result<Tensor>) -> Result<Tensor> {
    let mut largest = at(0)?;
    for place in 1..count {
        let next = at(place)?;
        // What is not a number stays, and differs from itself.
        let (is, was) = (next.detach(), largest.detach());
        let larger = (is.gt(&was)? + is.ne(&is)?)?;
        largest = larger.where_cond(&next, &largest)?;
    }
    Ok(largest)
}

/// 1 at the largest number of each window, the first of several, and 0 elsewhere: of the shape of x. Windows are side by
/// side.
pub(crate) fn largest(x: &Tensor, pool: Pool) -> Result<Tensor> {
    // What the gradient of the sum is, so that both have the same place.
    let x = Var::from_tensor(x)?;
    let gradients = max_pool2d(&x, pool)?.sum_all()?.backward()?;
    gradients.get(&x).map_or_else(|| x.zeros_like(), |ones| Ok(ones.clone()))
}

/// Geometry of pooling windows in images `[B, C, H, W]`.
struct Windows {
    shape: Vec<usize>,
    pool: Pool,
    /// H' and W'.
    counts: [usize; 2],
}

impl Windows {
    fn of(shape: &[usize], pool: Pool) -> Result<Self> {
        let counts = match shape {
            [_, _, height, width] => pool.windows(*height).zip(pool.windows(*width)),
            _ => None,
        };
        let Pool { size, .. } = pool;
        match counts {
            Some((rows, columns)) => {
                Ok(Self { shape: shape.to_vec(), pool, counts: [rows, columns] })
            }
            None => bail!("max_pool2d: windows of {size}×{size} do not fit an input {shape:?}"),
        }
    }

    /// H'·W' of all images.
    fn len(&self) -> usize {
        self.shape[0] * self.shape[1] * self.counts[0] * self.counts[1]
    }

    /// Numbers of an axis of `len` that the window `i` along it sees.
    fn seen(&self, i: usize, len: usize) -> std::ops::Range<usize> {
        let Pool { size, stride, padding } = self.pool;
        (i * stride).saturating_sub(padding)..(i * stride + size - padding).min(len)
    }

    /// Calls `f` with the number of each window and the place of its largest element.
    fn each(&self, x: &[f32], mut f: impl FnMut(usize, usize)) {
        let (height, width) = (self.shape[2], self.shape[3]);
        let mut window = 0;
        for plane in 0..self.shape[0] * self.shape[1] {
            for row in 0..self.counts[0] {
                let lines = self.seen(row, height);
                for column in 0..self.counts[1] {
                    let across = self.seen(column, width);
                    let mut at = (plane * height + lines.start) * width + across.start;
                    for line in lines.clone() {
                        let line = (plane * height + line) * width;
                        for place in line + across.start..line + across.end {
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

struct MaxPool(Pool);

impl CustomOp1 for MaxPool {
    fn name(&self) -> &'static str {
        "max_pool2d"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let windows = Windows::of(layout.dims(), self.0)?;
        let x: &[f32] = slice(x, layout)?;
        let [rows, columns] = windows.counts;
        let shape = (windows.shape[0], windows.shape[1], rows, columns);
        let mut y = vec![0.0; windows.len()];
        windows.each(x, |window, at| y[window] = x[at]);
        Ok((CpuStorage::F32(y), Shape::from(shape)))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, g: &Tensor) -> Result<Option<Tensor>> {
        let windows = Windows::of(x.dims(), self.0)?;
        let dx = read(x, |x| {
            read(g, |g: &[f32]| {
                let mut dx = vec![0.0f32; x.len()];
                // A number may be the largest of several windows.
                windows.each(x, |window, at| dx[at] += g[window]);
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

    fn side_by_side(side: usize) -> Pool {
        Pool { size: side, stride: side, padding: 0 }
    }

    fn values(tensor: &Tensor) -> Vec<f32> {
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn by_hand() {
        let x = [[1f32, 5.0, 2.0, 2.0, 9.0], [3.0, 4.0, 2.0, 1.0, 9.0], [9.0, 9.0, 9.0, 9.0, 9.0]];
        let x = Tensor::new(&x, device()).unwrap().reshape((1, 1, 3, 5)).unwrap();
        let y = max_pool2d(&x, side_by_side(2)).unwrap();
        assert_eq!((y.dims(), values(&y)), (&[1, 1, 1, 2][..], vec![5.0, 2.0]));
        let ones = values(&largest(&x, side_by_side(2)).unwrap());
        let expected: Vec<f32> = (0..15).map(|i| f32::from(u8::from(i == 1 || i == 2))).collect();
        assert_eq!(ones, expected);
        let error = max_pool2d(&x, side_by_side(4)).unwrap_err().to_string();
        assert!(error.contains("windows of 4×4 do not fit an input [1, 1, 3, 5]"), "{error}");
        let odd = Tensor::new(&[[[[1f32, f32::NAN], [2.0, 3.0]]]], device()).unwrap();
        assert!(values(&max_pool2d(&odd, side_by_side(2)).unwrap())[0].is_nan());
    }

    #[test]
    fn the_gradient_is_that_of_differences() {
        let x: Vec<f32> = (0..72).map(|i| (i * 29 % 72) as f32 * 0.1).collect();
        let single = Var::from_vec(x, (2, 1, 6, 6), device()).unwrap();
        let double = Var::from_tensor(&single.to_dtype(DType::F64).unwrap()).unwrap();
        for side in [1, 2, 3, 4, 5, 6] {
            for (x, h, most) in [(&single, 1e-2, 1e-3), (&double, 1e-5, 1e-8)] {
                let f = || max_pool2d(x, side_by_side(side))?.sqr()?.mean_all();
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
            let y = (max_pool2d(&x, side_by_side(2)).unwrap() * g).unwrap().sum_all().unwrap();
            let dx = y.backward().unwrap().get(&x).unwrap().to_dtype(DType::F32).unwrap();
            assert_eq!(values(&dx), expected, "{dtype:?}");
            let ones = values(&largest(&x, side_by_side(2)).unwrap().to_dtype(DType::F32).unwrap());
            let expected: Vec<f32> = expected.iter().map(|g| g.signum() * g.min(1.0)).collect();
            assert_eq!(ones, expected, "{dtype:?}");
        }
        // Nearer to each other than single precision tells apart.
        let x = Tensor::new(&[[[[1f64, 1.0 + 1e-12]]]], device()).unwrap();
        let x = x.broadcast_as((1, 1, 2, 2)).unwrap().contiguous().unwrap();
        let ones =
            largest(&x, side_by_side(2)).unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap();
        assert_eq!(ones, [0.0, 1.0, 0.0, 0.0]);
        // What is not a number comes through, with its gradient, wherever it is.
        for at in 0..4 {
            for dtype in [DType::F32, DType::F64] {
                let x: Vec<f32> = (0..4).map(|i| if i == at { f32::NAN } else { 3.0 }).collect();
                let x = Tensor::from_vec(x, (1, 1, 2, 2), device()).unwrap();
                let x = x.to_dtype(dtype).unwrap();
                let y = max_pool2d(&x, side_by_side(2)).unwrap().to_dtype(DType::F32).unwrap();
                assert!(values(&y)[0].is_nan(), "{at} {dtype:?}");
                let ones =
                    values(&largest(&x, side_by_side(2)).unwrap().to_dtype(DType::F32).unwrap());
                assert_eq!(ones.iter().position(|one| *one == 1.0), Some(at), "{dtype:?}");
            }
        }
    }

    /// 3×3 with a distance of 2 and padding, as in IMPALA's network, by hand: 9 is seen by four windows.
    #[test]
    fn windows_that_overlap_by_hand() {
        let x: [[f64; 4]; 4] = [
            [-5.0, -6.0, 1.0, 2.0],
            [-7.0, 9.0, 3.0, 0.0],
            [4.0, 5.0, 6.0, 8.0],
            [4.0, 5.0, 7.0, 7.0],
        ];
        let pool = Pool { size: 3, stride: 2, padding: 1 };
        for dtype in [DType::F32, DType::F64] {
            let x = Tensor::new(&x, device()).unwrap().reshape((1, 1, 4, 4)).unwrap();
            let x = Var::from_tensor(&x.to_dtype(dtype).unwrap()).unwrap();
            let y = max_pool2d(&x, pool).unwrap();
            assert_eq!(y.dims(), [1, 1, 2, 2]);
            assert_eq!(values(&y.to_dtype(DType::F32).unwrap()), [9.0, 9.0, 9.0, 9.0]);
            let g = Tensor::new(&[[1f64, 2.0], [3.0, 4.0]], device()).unwrap();
            let g = g.reshape((1, 1, 2, 2)).unwrap().to_dtype(dtype).unwrap();
            let dx = (y * g).unwrap().sum_all().unwrap().backward().unwrap();
            let dx = values(&dx.get(&x).unwrap().to_dtype(DType::F32).unwrap());
            assert_eq!((dx[5], dx.iter().sum::<f32>()), (10.0, 10.0), "{dtype:?}");
            // Padding counts for less than any number.
            let below = max_pool2d(&(x.as_tensor() - 20.0).unwrap(), pool).unwrap();
            assert_eq!(values(&below.to_dtype(DType::F32).unwrap()), [-11.0; 4]);
        }
        assert_eq!([7, 10, 84].map(|len| pool.windows(len)), [Some(4), Some(5), Some(42)]);
        assert_eq!(side_by_side(4).windows(3), None);
    }

    #[test]
    fn the_gradient_of_windows_that_overlap_is_that_of_differences() {
        let x: Vec<f32> = (0..98).map(|i| (i * 29 % 98) as f32 * 0.1).collect();
        let single = Var::from_vec(x, (2, 1, 7, 7), device()).unwrap();
        let double = Var::from_tensor(&single.to_dtype(DType::F64).unwrap()).unwrap();
        for [size, stride, padding] in [[3, 2, 1], [3, 2, 0], [2, 1, 1], [2, 3, 0], [7, 1, 3]] {
            let pool = Pool { size, stride, padding };
            let same = max_pool2d(&double, pool).unwrap().to_dtype(DType::F32).unwrap();
            assert_eq!(values(&same), values(&max_pool2d(&single, pool).unwrap()), "{pool:?}");
            for (x, h, most) in [(&single, 1e-2, 1e-3), (&double, 1e-5, 1e-8)] {
                let f = || max_pool2d(x, pool)?.sqr()?.mean_all();
                let worst = gradcheck(std::slice::from_ref(x), h, f).unwrap();
                assert!(worst < most, "{pool:?}: {worst}");
            }
        }
    }
}
