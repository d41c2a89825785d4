//! Ordinary differential equations dx/dt = f(t, x) of tensors, step by step.
use anyhow::{Result, bail};
use candle_core::{DType, Tensor};
use train::{Download as _, pulse};

/// f(t, x), of the shape of x.
pub(crate) type Field<'a> = dyn Fn(f64, &Tensor) -> Result<Tensor> + 'a;

/// A method with fixed steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// x + h·f(t, x): order 1.
    Euler,
    /// x + h·f(t + h/2, x + h/2·f(t, x)): order 2.
    Midpoint,
    /// The classical method of Runge and Kutta, of order 4.
    Rk4,
}

/// Steps from one time to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Solver {
    /// Steps of one length.
    Fixed {
        /// Formula of a step.
        method: Method,
        /// Number of steps, at least 1.
        steps: usize,
    },
    /// Steps as long as the error allows, by the pair of orders 5 and 4 of Dormand & Prince (1980, "A family of embedded
    /// Runge-Kutta formulae").
    Adaptive {
        /// Error of a step, as a part of 1 + |x|: the root of its mean square over all numbers.
        tolerance: f64,
    },
}

impl Method {
    /// Evaluations of f in a step.
    pub(crate) fn stages(self) -> usize {
        match self {
            Self::Euler => 1,
            Self::Midpoint => 2,
            Self::Rk4 => 4,
        }
    }

    fn step(self, f: &Field<'_>, t: f64, x: &Tensor, h: f64) -> Result<Tensor> {
        let k1 = f(t, x)?;
        match self {
            Self::Euler => sum(x, h, &[(1.0, &k1)]),
            Self::Midpoint => {
                let k2 = f(t + h / 2.0, &sum(x, h, &[(0.5, &k1)])?)?;
                sum(x, h, &[(1.0, &k2)])
            }
            Self::Rk4 => {
                let k2 = f(t + h / 2.0, &sum(x, h, &[(0.5, &k1)])?)?;
                let k3 = f(t + h / 2.0, &sum(x, h, &[(0.5, &k2)])?)?;
                let k4 = f(t + h, &sum(x, h, &[(1.0, &k3)])?)?;
                let [outer, inner] = [1.0 / 6.0, 1.0 / 3.0];
                sum(x, h, &[(outer, &k1), (inner, &k2), (inner, &k3), (outer, &k4)])
            }
        }
    }
}

/// x + h·Σ wᵢ·kᵢ.
fn sum(x: &Tensor, h: f64, terms: &[(f64, &Tensor)]) -> Result<Tensor> {
    let add = |x: Tensor, (weight, k): &(f64, &Tensor)| x + (*k * (h * weight))?;
    Ok(terms.iter().filter(|(weight, _)| *weight != 0.0).try_fold(x.clone(), add)?)
}

/// x at `to`, from `x` at `from`, which may be later.
///
/// # Errors
/// Errors of f; where the error stays too large however short a step is.
pub(crate) fn solve(
    solver: Solver,
    f: &Field<'_>,
    mut x: Tensor,
    [from, to]: [f64; 2],
) -> Result<Tensor> {
    match solver {
        Solver::Fixed { method, steps } => {
            let at = |i: usize| from + (to - from) * i as f64 / steps as f64;
            for i in 0..steps {
                pulse::check()?;
                x = method.step(f, at(i), &x, at(i + 1) - at(i))?;
            }
            Ok(x)
        }
        Solver::Adaptive { tolerance } => adaptive(tolerance, f, x, [from, to]),
    }
}

/// Times of the stages, as parts of a step, and the weights of the stages before each.
const STAGES: [(f64, &[f64]); 6] = [
    (1.0 / 5.0, &[1.0 / 5.0]),
    (3.0 / 10.0, &[3.0 / 40.0, 9.0 / 40.0]),
    (4.0 / 5.0, &[44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0]),
    (8.0 / 9.0, &[19372.0 / 6561.0, -25360.0 / 2187.0, 64448.0 / 6561.0, -212.0 / 729.0]),
    (1.0, &[9017.0 / 3168.0, -355.0 / 33.0, 46732.0 / 5247.0, 49.0 / 176.0, -5103.0 / 18656.0]),
    (1.0, &[35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0]),
];

/// Weights of all seven stages in the difference of the results of order 5 and 4.
const ERROR: [f64; 7] = [
    71.0 / 57600.0,
    0.0,
    -71.0 / 16695.0,
    71.0 / 1920.0,
    -17253.0 / 339_200.0,
    22.0 / 525.0,
    -1.0 / 40.0,
];

/// Length of the first step, and the least of any, as parts of the whole way.
const FIRST: f64 = 0.01;
const LEAST: f64 = 1e-7;

fn adaptive(tolerance: f64, f: &Field<'_>, mut x: Tensor, [from, to]: [f64; 2]) -> Result<Tensor> {
    let way = to - from;
    // Parts of the way: what is done, and the next step.
    let (mut done, mut step) = (0.0, FIRST);
    let mut first = f(from, &x)?;
    while done < 1.0 {
        pulse::check()?;
        let length = f64::min(step, 1.0 - done);
        let (t, h) = (from + way * done, way * length);
        let (mut stages, mut next) = (vec![first.clone()], x.clone());
        for (at, weights) in STAGES {
            let terms: Vec<_> = weights.iter().copied().zip(&stages).collect();
            next = sum(&x, h, &terms)?;
            stages.push(f(t + at * h, &next)?);
        }
        let terms: Vec<_> = ERROR.into_iter().zip(&stages).collect();
        let error = sum(&x.zeros_like()?, h, &terms)?;
        let scale = ((x.abs()?.maximum(&next.abs()?)? + 1.0)? * tolerance)?;
        let square = (error / scale)?.sqr()?.mean_all()?.to_dtype(DType::F32)?;
        let error = f64::from(square.download::<f32>()?[0]).sqrt();
        if error <= 1.0 {
            done = if length < step { 1.0 } else { done + length };
            x = next;
            // The last stage is the first of the next step.
            first = stages.swap_remove(6);
        } else if length < LEAST {
            bail!("at t = {t:.6} no step is short enough for --tolerance {tolerance:e}; give more");
        }
        // What is no number counts as an error that is too large.
        let factor = if error.is_finite() { 0.9 * error.max(1e-6).powf(-0.2) } else { 0.2 };
        step = length * factor.clamp(0.2, 5.0);
    }
    Ok(x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use train::testing::device;

    /// dx/dt = x·cos t, x(0) = 1: x(t) = exp(sin t).
    fn error(solver: Solver, [from, to]: [f64; 2]) -> f64 {
        let f = |t: f64, x: &Tensor| -> Result<Tensor> { Ok((x * t.cos())?) };
        let x = Tensor::new(&[from.sin().exp()], device()).unwrap();
        let found = solve(solver, &f, x, [from, to]).unwrap().to_vec1::<f64>().unwrap()[0];
        (found - to.sin().exp()).abs()
    }

    #[test]
    fn a_step_by_hand() {
        // dx/dt = t·x from x(0) = 1, one step of 1: k₁ = 0; midpoint k₂ = ½; RK4 k₂ = ½, k₃ = ½·(1 + ¼) = 5/8,
        // k₄ = 1 + 5/8.
        let f = |t: f64, x: &Tensor| -> Result<Tensor> { Ok((x * t)?) };
        let one = Tensor::new(&[1f64], device()).unwrap();
        for (method, expected) in [
            (Method::Euler, 1.0),
            (Method::Midpoint, 1.5),
            (Method::Rk4, 1.0 + (1.0 + 1.25 + 1.625) / 6.0),
        ] {
            let solver = Solver::Fixed { method, steps: 1 };
            let found = solve(solver, &f, one.clone(), [0.0, 1.0]).unwrap();
            assert!((found.to_vec1::<f64>().unwrap()[0] - expected).abs() < 1e-14, "{method:?}");
        }
    }

    #[test]
    fn errors_fall_with_the_order() {
        for (method, order) in [(Method::Euler, 1), (Method::Midpoint, 2), (Method::Rk4, 4)] {
            for way in [[0.0, 2.0], [2.0, 0.5]] {
                let [coarse, fine] =
                    [32, 64].map(|steps| error(Solver::Fixed { method, steps }, way));
                let found = (coarse / fine).log2();
                assert!((found - f64::from(order)).abs() < 0.15, "{method:?}: {found}");
            }
        }
    }

    /// The sums of the tableau: weights of a stage to its time, those of the error to 0.
    #[test]
    fn the_pair_of_dormand_and_prince() {
        for (at, weights) in STAGES {
            assert!((weights.iter().sum::<f64>() - at).abs() < 1e-14, "{at}");
        }
        assert!(ERROR.iter().sum::<f64>().abs() < 1e-16);
        for way in [[0.0, 2.0], [2.0, 0.0]] {
            let errors = [1e-4, 1e-7, 1e-10].map(|tolerance| {
                let error = error(Solver::Adaptive { tolerance }, way);
                assert!(error < 10.0 * tolerance, "{tolerance}: {error}");
                error
            });
            assert!(errors[2] < errors[0] / 1e3, "{errors:?}");
        }
        let cliff = |_: f64, x: &Tensor| -> Result<Tensor> { Ok((x * f64::NAN)?) };
        let x = Tensor::new(&[1f64], device()).unwrap();
        let told = solve(Solver::Adaptive { tolerance: 1e-5 }, &cliff, x, [0.0, 1.0]);
        assert!(told.unwrap_err().to_string().starts_with("at t = 0.000000 no step is short"));
    }
}
