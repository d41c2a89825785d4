//! The elements of tensors on the CPU.
use candle_core::{
    CpuStorage, DType, Device, InplaceOp1, Layout, Result, Storage, Tensor, WithDType, bail,
};
use std::cell::RefCell;
use train::is_host;

/// The types of numbers that kernels read and write in place: `f32` and `u32`.
pub trait Element: WithDType {
    /// The elements of a CPU storage of this type.
    fn slice_mut(storage: &mut CpuStorage) -> Option<&mut [Self]>;
}

impl Element for f32 {
    fn slice_mut(storage: &mut CpuStorage) -> Option<&mut [f32]> {
        match storage {
            CpuStorage::F32(values) => Some(values),
            _ => None,
        }
    }
}

impl Element for u32 {
    fn slice_mut(storage: &mut CpuStorage) -> Option<&mut [u32]> {
        match storage {
            CpuStorage::U32(values) => Some(values),
            _ => None,
        }
    }
}

/// Returns `true` if the kernels of this module can take these tensors.
pub(crate) fn on_cpu_f32(tensors: &[&Tensor]) -> bool {
    tensors.iter().all(|tensor| is_host(tensor.device()) && tensor.dtype() == DType::F32)
}

/// Calls `f` with the elements of a CPU tensor, in row-major order.
pub(crate) fn read<T: Element, R>(tensor: &Tensor, f: impl FnOnce(&[T]) -> Result<R>) -> Result<R> {
    reachable(tensor.device())?;
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        Storage::Cpu(storage) => f(slice(storage, layout)?),
        _ => bail!("a CPU kernel was given a tensor on {:?}", tensor.device().location()),
    }
}

/// Refuses what a kernel cannot reach; also on the CPU while kernels are off, so that tests find a use of them.
fn reachable(device: &Device) -> Result<()> {
    match is_host(device) {
        true => Ok(()),
        false => bail!("a CPU kernel was given a tensor of {:?}", device.location()),
    }
}

/// Calls `f` with the elements of a contiguous CPU tensor, to be changed in its own storage: every
/// tensor that shares it sees the change.
pub(crate) fn write<T: Element>(
    tensor: &Tensor,
    f: impl FnOnce(&mut [T]) -> Result<()>,
) -> Result<()> {
    reachable(tensor.device())?;
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
pub(crate) fn slice<'a, T: Element>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [T]> {
    reachable(&Device::Cpu)?;
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&T::cpu_storage_as_slice(storage)?[start..end]),
        None => bail!("a kernel was given strides {:?} of {:?}", layout.stride(), layout.shape()),
    }
}
