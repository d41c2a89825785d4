//! Numbers of tensors on the host.
use candle_core::{Result, Tensor, WithDType};
use std::cell::Cell;

thread_local! {
    static DOWNLOADS: Cell<u64> = const { Cell::new(0) };
}

/// Reading of a tensor by the host, which waits for the device that computes it. Training reads by this alone, so that
/// tests count ([`downloads`](crate::testing::downloads)).
pub trait Download {
    /// The elements, in row-major order.
    ///
    /// # Errors
    /// Errors of the device.
    fn download<T: WithDType>(&self) -> Result<Vec<T>>;
}

impl Download for Tensor {
    fn download<T: WithDType>(&self) -> Result<Vec<T>> {
        DOWNLOADS.set(DOWNLOADS.get() + 1);
        self.flatten_all()?.to_dtype(T::DTYPE)?.to_vec1()
    }
}

/// Downloads of this thread so far.
pub(crate) fn downloads() -> u64 {
    DOWNLOADS.get()
}
