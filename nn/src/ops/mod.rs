//! Fast CPU kernels, and the choice between them and Candle's own operations.
//!
//! A kernel is taken where every operand is `f32` on the CPU; on other devices and types the same
//! formula runs on Candle. Results do not depend on the number of threads: work is cut into tiles
//! by its shape alone, and what tiles have in common is summed in their order.
mod activation;
mod attention;
mod batch_norm;
mod conv2d;
mod conv_gradients;
mod conv_transpose2d;
mod correlation;
mod crew;
mod fresh;
mod functions;
mod gate;
mod gaussian;
mod geometry;
mod likelihood;
mod linear;
mod logistics;
mod loss;
mod max_pool;
#[cfg(test)]
mod paths;
mod pixels;
mod product;
mod scatter;
mod signal;
mod sink;
#[cfg(test)]
mod tests;
mod tiles;
mod transpose;
mod vectorised;

pub(crate) use attention::causal_attention;
pub(crate) use batch_norm::{Moments, batch_norm, batch_norm_by};
pub(crate) use conv_transpose2d::conv_transpose2d;
pub(crate) use conv2d::{ConvForm, Window, conv2d, first_taps};
pub(crate) use functions::sqrt;
pub(crate) use gate::{gate, gate_rows};
pub(crate) use gaussian::{kl_standard_normal, reparameterise};
pub(crate) use geometry::Order;
pub(crate) use likelihood::{
    bernoulli_nll, bernoulli_nll_each, log_softmax, softmax_cross_entropy, softmax_nll_each,
};
pub(crate) use linear::linear;
pub(crate) use logistics::{logistic_cdf, logistic_nll, logistic_nll_each};
pub(crate) use loss::{Regression, regression, select};
pub(crate) use max_pool::{largest, max_pool2d};
pub(crate) use pixels::{PixelForm, PixelSums};
pub use signal::{Reader, Signal};
pub(crate) use sink::Gradients;
pub(crate) use tiles::{for_each_task, pieces, sum_tiles};
pub(crate) use vectorised::vectorised;

use crate::Element;
use candle_core::{CpuStorage, DType, InplaceOp1, Layout, Result, Storage, Tensor, bail};
use std::cell::RefCell;

/// Whether the kernels of this module can take these tensors.
pub(crate) fn on_cpu_f32(tensors: &[&Tensor]) -> bool {
    tensors.iter().all(|tensor| tensor.device().is_cpu() && tensor.dtype() == DType::F32)
}

/// Calls `f` with the elements of a CPU tensor, in row-major order.
pub(crate) fn read<T: Element, R>(tensor: &Tensor, f: impl FnOnce(&[T]) -> Result<R>) -> Result<R> {
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        Storage::Cpu(storage) => f(slice(storage, layout)?),
        _ => bail!("a CPU kernel was given a tensor on {:?}", tensor.device().location()),
    }
}

/// Calls `f` with the elements of a contiguous CPU tensor, to be changed in its own storage: every
/// tensor that shares it sees the change.
pub(crate) fn write<T: Element>(
    tensor: &Tensor,
    f: impl FnOnce(&mut [T]) -> Result<()>,
) -> Result<()> {
    tensor.inplace_op1(&Write(RefCell::new(Some((f, std::marker::PhantomData)))))
}

struct Write<F, T>(RefCell<Option<(F, std::marker::PhantomData<T>)>>);

impl<T: Element, F: FnOnce(&mut [T]) -> Result<()>> InplaceOp1 for Write<F, T> {
    fn name(&self) -> &'static str {
        "write"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let range = layout.contiguous_offsets();
        match (self.0.take(), T::slice_mut(storage), range) {
            (Some((f, _)), Some(values), Some((start, end))) => f(&mut values[start..end]),
            _ => bail!("only a contiguous {:?} tensor is written in place", T::DTYPE),
        }
    }
}

/// The elements of a contiguous storage.
fn slice<'a, T: Element>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [T]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&T::cpu_storage_as_slice(storage)?[start..end]),
        None => bail!("a kernel was given strides {:?} of {:?}", layout.stride(), layout.shape()),
    }
}
