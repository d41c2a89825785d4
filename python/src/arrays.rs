//! Numbers between Rust and NumPy: bytes that arrays of NumPy lie in, in the machine's order.
//!
//! The stable interface of Python has no arrays; a `bytearray` that Rust fills is the memory of as many as Python likes.
use lab::envs::{Element, Spec};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyByteArray;

/// Form of an environment's observations in Python.
#[derive(Clone)]
pub(crate) enum Form {
    /// The number of a state, of so many.
    State(usize),
    /// An array of this shape; of images, channels are last.
    Array { shape: Vec<usize>, element: Element },
}

impl Form {
    pub(crate) fn of(spec: &Spec, has_states: bool) -> Self {
        match (has_states, spec.obs_shape.as_slice()) {
            (true, _) => Self::State(spec.obs_len()),
            (false, &[channels, height, width]) => {
                Self::Array { shape: vec![height, width, channels], element: spec.element }
            }
            (false, shape) => Self::Array { shape: shape.to_vec(), element: spec.element },
        }
    }

    /// Shape, type of numbers and, of states, how many there are: for the space.
    pub(crate) fn described(&self) -> (Vec<usize>, &'static str, usize) {
        match self {
            Self::State(n) => (Vec::new(), "int64", *n),
            Self::Array { shape, element } => {
                let kind = match element {
                    Element::Bit => "bool",
                    Element::Byte => "uint8",
                    Element::Float => "float32",
                };
                (shape.clone(), kind, 0)
            }
        }
    }

    /// Numbers of an observation in Rust.
    fn obs_len(&self) -> usize {
        match self {
            Self::State(n) => *n,
            Self::Array { shape, .. } => shape.iter().product(),
        }
    }

    /// Bytes of an observation in Python.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::State(_) => size_of::<i64>(),
            Self::Array { element: Element::Float, .. } => self.obs_len() * size_of::<f32>(),
            Self::Array { .. } => self.obs_len(),
        }
    }

    /// Writes observations `[n, obs_len]` as Python has them, `[n, size]`.
    pub(crate) fn write(&self, obs: &[f32], to: &mut [u8]) {
        match self {
            Self::State(n) => {
                for (to, obs) in to.chunks_exact_mut(size_of::<i64>()).zip(obs.chunks_exact(*n)) {
                    let state = obs.iter().position(|x| *x != 0.0).unwrap_or(0);
                    to.copy_from_slice(&(state as i64).to_ne_bytes());
                }
            }
            Self::Array { shape, element } => match element {
                Element::Bit if matches!(shape[..], [_, _, 4]) => four_planes(obs, shape, to),
                Element::Bit => copied(obs, shape, to, |x| [u8::from(x != 0.0)]),
                Element::Byte => copied(obs, shape, to, |x| [Element::byte(x)]),
                Element::Float => copied(obs, shape, to, f32::to_ne_bytes),
            },
        }
    }
}

/// Copies images of four channels of bits: a pixel at a time, which the compiler turns into several.
fn four_planes(obs: &[f32], one: &[usize], to: &mut [u8]) {
    let area = one[0] * one[1];
    for (to, from) in to.chunks_exact_mut(4 * area).zip(obs.chunks_exact(4 * area)) {
        let (front, back) = from.split_at(2 * area);
        let ((a, b), (c, d)) = (front.split_at(area), back.split_at(area));
        let planes = a.iter().zip(b).zip(c).zip(d);
        for (pixel, (((a, b), c), d)) in to.as_chunks_mut::<4>().0.iter_mut().zip(planes) {
            let [a, b, c, d] = [a, b, c, d].map(|x| u32::from(*x != 0.0));
            *pixel = (a | b << 8 | c << 16 | d << 24).to_le_bytes();
        }
    }
}

/// Copies observations of the shape `one`, with channels last where it is of an image.
fn copied<const SIZE: usize>(
    obs: &[f32],
    one: &[usize],
    to: &mut [u8],
    number: impl Fn(f32) -> [u8; SIZE],
) {
    let (to, _) = to.as_chunks_mut::<SIZE>();
    let &[height, width, channels] = one else {
        to.iter_mut().zip(obs).for_each(|(to, x)| *to = number(*x));
        return;
    };
    let area = height * width;
    let len = area * channels;
    for (to, from) in to.chunks_exact_mut(len).zip(obs.chunks_exact(len)) {
        for (channel, plane) in from.chunks_exact(area).enumerate() {
            let places = to[channel..].iter_mut().step_by(channels);
            places.zip(plane).for_each(|(to, x)| *to = number(*x));
        }
    }
}

/// Numbers of a kind as the memory of an array.
pub(crate) fn bytes<'py, const SIZE: usize, T: Copy>(
    py: Python<'py>,
    numbers: &[T],
    number: impl Fn(T) -> [u8; SIZE],
) -> PyResult<Bound<'py, PyByteArray>> {
    PyByteArray::new_with(py, numbers.len() * SIZE, |to| {
        to.as_chunks_mut().0.iter_mut().zip(numbers).for_each(|(to, x)| *to = number(*x));
        Ok(())
    })
}

/// The `int64` elements of `bytes`.
pub(crate) fn integers(bytes: &[u8]) -> impl Iterator<Item = i64> {
    bytes.as_chunks().0.iter().map(|bytes| i64::from_ne_bytes(*bytes))
}

/// The `float32` elements of `bytes`.
pub(crate) fn floats(bytes: &[u8]) -> impl Iterator<Item = f32> {
    bytes.as_chunks().0.iter().map(|bytes| f32::from_ne_bytes(*bytes))
}

/// One-hot observations of states, `[n, n_states]`.
pub(crate) fn one_hot(states: &[u8], n_states: usize) -> PyResult<Vec<f32>> {
    let mut obs = vec![0.0; states.len() / size_of::<i64>() * n_states];
    for (row, state) in obs.chunks_exact_mut(n_states).zip(integers(states)) {
        let place = usize::try_from(state).ok().and_then(|i| row.get_mut(i));
        let Some(place) = place else {
            let sentence = format!("state {state}: there are 0 to {}", n_states - 1);
            return Err(PyValueError::new_err(sentence));
        };
        *place = 1.0;
    }
    Ok(obs)
}
