//! Activations and their derivatives over slices.
use super::{read, vectorised};
use crate::Activation;
use candle_core::{Result, Tensor};

/// y ← activation(y + bias), with one bias for the whole slice.
pub(super) fn add_and_apply(activation: Activation, y: &mut [f32], bias: f32) {
    vectorised(
        #[inline(always)]
        || match activation {
            Activation::Linear => y.iter_mut().for_each(|y| *y += bias),
            Activation::Relu => y.iter_mut().for_each(|y| *y = relu(*y + bias)),
            Activation::Tanh => y.iter_mut().for_each(|y| *y = tanh(*y + bias)),
        },
    );
}

/// y ← activation(y + bias), for rows of as many elements as there are biases.
pub(super) fn add_rows_and_apply(activation: Activation, y: &mut [f32], bias: &[f32]) {
    vectorised(
        #[inline(always)]
        || {
            for y in y.chunks_exact_mut(bias.len()) {
                let pairs = y.iter_mut().zip(bias);
                match activation {
                    Activation::Linear => pairs.for_each(|(y, bias)| *y += bias),
                    Activation::Relu => pairs.for_each(|(y, bias)| *y = relu(*y + bias)),
                    Activation::Tanh => pairs.for_each(|(y, bias)| *y = tanh(*y + bias)),
                }
            }
        },
    );
}

/// `out` ← g·activation'(x), written in terms of y = activation(x).
pub(super) fn backward(
    activation: Activation,
    y: &Tensor,
    g: &Tensor,
    out: &mut [f32],
) -> Result<()> {
    read(y, |y: &[f32]| {
        read(g, |g: &[f32]| {
            let terms = out.iter_mut().zip(g).zip(y);
            vectorised(
                #[inline(always)]
                || match activation {
                    Activation::Linear => terms.for_each(|((out, &g), _)| *out = g),
                    Activation::Relu => {
                        terms.for_each(|((out, &g), &y)| *out = if y > 0.0 { g } else { 0.0 });
                    }
                    Activation::Tanh => terms.for_each(|((out, &g), &y)| *out = g * (1.0 - y * y)),
                },
            );
            Ok(())
        })
    })
}

/// max(0, x), but NaN stays: `f32::max` would turn a network that diverged into a silent one.
#[inline(always)]
fn relu(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x }
}

/// tanh as a quotient of polynomials, within 5e-7 of it: unlike the one of the C library it runs
/// on vectors, and gives the same bits on every machine.
///
/// Coefficients from Eigen's `generic_fast_tanh_float` (`MathFunctionsImpl.h`), which TensorFlow
/// and JAX use.
#[inline(always)]
fn tanh(x: f32) -> f32 {
    const P: [f32; 7] = [
        -2.760_768_5e-16,
        2.000_188e-13,
        -8.604_672e-11,
        5.122_297_1e-8,
        1.485_722_4e-5,
        6.372_619_3e-4,
        4.893_524_6e-3,
    ];
    const Q: [f32; 4] = [1.198_258_4e-6, 1.185_347_1e-4, 2.268_434_6e-3, 4.893_525e-3];
    let small = x.abs() < 4e-4;
    // At the bound the quotient rounds to 1. `clamp` would keep NaN too, but does not vectorise.
    let clamped = if x > 7.905_311 { 7.905_311 } else { x };
    let clamped = if clamped < -7.905_311 { -7.905_311 } else { clamped };
    let square = clamped * clamped;
    let p = P[1..].iter().fold(P[0], |sum, coefficient| sum * square + coefficient);
    let q = Q[1..].iter().fold(Q[0], |sum, coefficient| sum * square + coefficient);
    if small { x } else { clamped * p / q }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tanh_is_close_odd_and_bounded() {
        for step in -100_000..=100_000 {
            let x = step as f32 * 1e-4;
            let exact = f64::from(x).tanh();
            assert!((f64::from(tanh(x)) - exact).abs() < 5e-7, "{x}: {} {exact}", tanh(x));
            assert_eq!(tanh(-x), -tanh(x));
            assert!(tanh(x).abs() <= 1.0, "{x}: {}", tanh(x));
        }
        assert_eq!(tanh(f32::INFINITY), tanh(100.0));
        assert!(tanh(f32::NAN).is_nan());
    }

    #[test]
    fn relu_lets_nan_through() {
        let mut y = [f32::NAN, 1.0];
        add_and_apply(Activation::Relu, &mut y, 0.0);
        assert!(y[0].is_nan());
    }
}
