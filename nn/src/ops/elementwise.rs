//! Functions of each number on its own, apart from any layer that takes them along.
use super::activation;
use super::functions::sigmoid;
use super::signal::{Signal, computed};
use super::{Reader, on_cpu_f32, read, vectorised};
use crate::{Activation, Elementwise};
use candle_core::{Result, Tensor};

/// y = f(x), of the shape of x.
pub(crate) fn elementwise(f: Elementwise, x: &Signal, reader: Reader) -> Result<Signal> {
    if !on_cpu_f32(&[x.value()]) {
        return Ok(Signal::from(&by_candle(f, &x.clone().into_tensor()?)?));
    }
    let saved = x.value().contiguous()?;
    let y = Tensor::from_vec(read(&saved, |x| Ok(forward(f, x)))?, saved.shape(), saved.device())?;
    let result = y.clone();
    computed(y, [Some(x), None, None], reader, move |g| {
        let slopes = read(&saved, |x| read(&result, |y| read(g, |g| Ok(backward(f, [x, y, g])))))?;
        let gradient = Tensor::from_vec(slopes, saved.shape(), saved.device())?;
        Ok([Some(gradient), None, None])
    })
}

fn by_candle(f: Elementwise, x: &Tensor) -> Result<Tensor> {
    match f {
        Elementwise::Activation(activation) => activation.apply(x),
        Elementwise::Silu => x * Activation::Sigmoid.apply(x)?,
    }
}

fn forward(f: Elementwise, x: &[f32]) -> Vec<f32> {
    let mut y = x.to_vec();
    match f {
        Elementwise::Activation(activation) => {
            activation::add_and_apply(activation, &mut y, 0.0);
        }
        Elementwise::Silu => vectorised(
            #[inline(always)]
            || y.iter_mut().for_each(|y| *y *= sigmoid(*y)),
        ),
    }
    y
}

/// g·f'(x), for y = f(x).
fn backward(f: Elementwise, [x, y, g]: [&[f32]; 3]) -> Vec<f32> {
    let mut gradient = vec![0.0; g.len()];
    match f {
        Elementwise::Activation(activation) => {
            activation::backward(activation, y, g, &mut gradient);
        }
        Elementwise::Silu => vectorised(
            #[inline(always)]
            || {
                for ((gradient, g), &x) in gradient.iter_mut().zip(g).zip(x) {
                    let s = sigmoid(x);
                    *gradient = g * s * (1.0 + x * (1.0 - s));
                }
            },
        ),
    }
    gradient
}
