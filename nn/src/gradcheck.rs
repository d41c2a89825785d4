//! Gradients checked against differences of the function itself.
use candle_core::{DType, Result, Tensor, Var, bail};

/// The largest relative error of `backward` against central differences, over every element of
/// `vars`: |analytic − numeric| / max(1, |analytic|, |numeric|), with
/// numeric = (f(x + h) − f(x − h)) / 2h.
///
/// `f` builds a scalar from the variables' present values, which are put back at the end. With
/// `f64` variables and h = 1e-5 a right gradient gives about 1e-9; with `f32`, where rounding
/// limits the difference, h = 1e-2 gives about 1e-3 for values of order 1.
pub fn gradcheck(vars: &[Var], h: f64, f: impl Fn() -> Result<Tensor>) -> Result<f64> {
    let gradients = f()?.backward()?;
    let value = || f()?.to_dtype(DType::F64)?.to_scalar::<f64>();
    let mut worst = 0f64;
    for var in vars {
        let Some(gradient) = gradients.get(var) else {
            bail!("the function does not depend on a variable of shape {:?}", var.shape())
        };
        let analytic = elements(gradient)?;
        let original = elements(var)?;
        for (index, &analytic) in analytic.iter().enumerate() {
            let at = |offset: f64| -> Result<f64> {
                let mut moved = original.clone();
                moved[index] += offset;
                set(var, &moved)?;
                value()
            };
            let numeric = (at(h)? - at(-h)?) / (2.0 * h);
            let error = (analytic - numeric).abs() / analytic.abs().max(numeric.abs()).max(1.0);
            // Not `max`, which drops NaN.
            if error.is_nan() || error > worst {
                worst = error;
            }
        }
        set(var, &original)?;
    }
    Ok(worst)
}

fn elements(tensor: &Tensor) -> Result<Vec<f64>> {
    tensor.flatten_all()?.to_dtype(DType::F64)?.to_vec1()
}

fn set(var: &Var, values: &[f64]) -> Result<()> {
    var.set(&Tensor::from_slice(values, var.shape(), var.device())?.to_dtype(var.dtype())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use train::testing::device;

    #[test]
    fn right_and_wrong_gradients_are_told_apart() {
        let x = Var::new(&[[0.3f64, -1.2], [2.0, 0.7]], device()).unwrap();
        let vars = std::slice::from_ref(&x);
        assert!(gradcheck(vars, 1e-5, || x.sqr()?.sum_all()).unwrap() < 1e-8);
        // The detached factor hides half of the gradient of x².
        let wrong = gradcheck(vars, 1e-5, || (x.as_tensor() * x.detach())?.sum_all()).unwrap();
        assert!(wrong > 0.4, "{wrong}");
        assert_eq!(x.to_vec2::<f64>().unwrap(), [[0.3, -1.2], [2.0, 0.7]]);
    }

    #[test]
    fn a_variable_that_is_not_used_is_an_error() {
        let (x, y) = (Var::new(1f64, device()).unwrap(), Var::new(1f64, device()).unwrap());
        assert!(gradcheck(&[y], 1e-5, || x.sqr()).is_err());
    }
}
