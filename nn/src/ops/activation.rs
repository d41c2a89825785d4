//! Activations and their derivatives over slices.
use super::vectorised;
use crate::Activation;

/// Runs `$body` with `$f` standing for the activation, chosen outside its loop.
macro_rules! with_function {
    ($activation:expr, $f:ident => $body:expr) => {
        match $activation {
            Activation::Linear => {
                let $f = |x: f32| x;
                $body
            }
            Activation::Relu => {
                let $f = $crate::ops::functions::relu;
                $body
            }
            Activation::LeakyRelu(slope) => {
                let $f = |x: f32| $crate::ops::functions::leaky_relu(x, slope);
                $body
            }
            Activation::Tanh => {
                let $f = $crate::ops::functions::tanh;
                $body
            }
            Activation::Sigmoid => {
                let $f = $crate::ops::functions::sigmoid;
                $body
            }
        }
    };
}

/// Runs `$body` with `$f` standing for the derivative, a function of y = activation(x).
macro_rules! with_slope {
    ($activation:expr, $f:ident => $body:expr) => {
        match $activation {
            Activation::Linear => {
                let $f = |_: f32| 1.0;
                $body
            }
            Activation::Relu => {
                let $f = |y: f32| if y > 0.0 { 1.0 } else { 0.0 };
                $body
            }
            Activation::LeakyRelu(slope) => {
                let $f = |y: f32| if y > 0.0 { 1.0 } else { slope };
                $body
            }
            Activation::Tanh => {
                let $f = |y: f32| 1.0 - y * y;
                $body
            }
            Activation::Sigmoid => {
                let $f = |y: f32| y * (1.0 - y);
                $body
            }
        }
    };
}

pub(super) use {with_function, with_slope};

/// y ← activation(y + bias), with one bias for the whole slice.
pub(super) fn add_and_apply(activation: Activation, y: &mut [f32], bias: f32) {
    vectorised(
        #[inline(always)]
        || with_function!(activation, f => y.iter_mut().for_each(|y| *y = f(*y + bias))),
    );
}

/// y ← activation(y + bias), for rows of as many elements as there are biases.
pub(super) fn add_rows_and_apply(activation: Activation, y: &mut [f32], bias: &[f32]) {
    vectorised(
        #[inline(always)]
        || {
            with_function!(activation, f => {
                for y in y.chunks_exact_mut(bias.len()) {
                    y.iter_mut().zip(bias).for_each(|(y, bias)| *y = f(*y + bias));
                }
            });
        },
    );
}

/// `out` ← g·activation'(x), written in terms of y = activation(x).
pub(super) fn backward(activation: Activation, y: &[f32], g: &[f32], out: &mut [f32]) {
    if activation == Activation::Linear {
        return out.copy_from_slice(g);
    }
    vectorised(
        #[inline(always)]
        || {
            let terms = out.iter_mut().zip(g).zip(y);
            with_slope!(activation, slope => terms.for_each(|((out, g), &y)| *out = g * slope(y)));
        },
    );
}

/// Backward pass of y = x + activation(…).
pub(super) fn backward_of_sum(
    activation: Activation,
    y: &[f32],
    x: &[f32],
    g: &[f32],
    out: &mut [f32],
) {
    vectorised(
        #[inline(always)]
        || {
            let terms = out.iter_mut().zip(g).zip(y.iter().zip(x));
            with_slope!(activation, slope => {
                terms.for_each(|((out, g), (y, x))| *out = g * slope(y - x));
            });
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_goes_through_and_back() {
        let activations = [
            Activation::Linear,
            Activation::Relu,
            Activation::LeakyRelu(0.2),
            Activation::Tanh,
            Activation::Sigmoid,
        ];
        for activation in activations {
            let mut y = [f32::NAN, 1.0];
            add_and_apply(activation, &mut y, 0.0);
            assert!(y[0].is_nan() && y[1] > 0.0, "{activation:?}");
            let mut out = [0.0; 2];
            backward(activation, &[1.0, 1.0], &[f32::NAN, 1.0], &mut out);
            assert!(out[0].is_nan(), "{activation:?}");
        }
    }
}
