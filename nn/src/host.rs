//! Tensors that the host refills at every step.
use crate::ops::{self, Element};
use candle_core::{Device, Result, Shape, Tensor};
use train::is_host;

/// A tensor that is written from the host again and again: a batch of observations, of actions.
///
/// On the CPU [`fill`](Self::fill) writes into the tensor's own storage, so that a step allocates
/// nothing; elsewhere it uploads. A graph built on the tensor is void after the next `fill`: take
/// the gradient first.
///
/// ```
/// # fn main() -> candle_core::Result<()> {
/// let mut obs = nn::HostTensor::<f32>::new((2, 3), &candle_core::Device::Cpu)?;
/// obs.fill(|values| values.fill(1.5))?;
/// assert_eq!(obs.tensor().to_vec2::<f32>()?, [[1.5; 3]; 2]);
/// # Ok(())
/// # }
/// ```
pub struct HostTensor<T: Element> {
    tensor: Tensor,
    /// Staging buffer of an upload; empty on the CPU.
    staging: Vec<T>,
}

impl<T: Element> HostTensor<T> {
    /// Zeros of `shape` on `device`.
    pub fn new(shape: impl Into<Shape>, device: &Device) -> Result<Self> {
        let tensor = Tensor::zeros(shape, T::DTYPE, device)?;
        let staging =
            if is_host(device) { Vec::new() } else { vec![T::zero(); tensor.elem_count()] };
        Ok(Self { tensor, staging })
    }

    /// Lets `write` set the elements, in row-major order. They are what the last call left.
    pub fn fill(&mut self, write: impl FnOnce(&mut [T])) -> Result<()> {
        if is_host(self.tensor.device()) {
            return ops::write(&self.tensor, |values| {
                write(values);
                Ok(())
            });
        }
        write(&mut self.staging);
        self.tensor = Tensor::from_slice(&self.staging, self.tensor.shape(), self.tensor.device())?;
        Ok(())
    }

    /// The tensor, of the shape it was made with.
    pub fn tensor(&self) -> &Tensor {
        &self.tensor
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use train::testing::{device, kernels_are_on};

    #[test]
    fn filled_in_its_own_storage() {
        if !kernels_are_on() {
            return;
        }
        let mut host = HostTensor::<u32>::new(3, &Device::Cpu).unwrap();
        let view = host.tensor().clone();
        host.fill(|values| values.copy_from_slice(&[1, 2, 3])).unwrap();
        assert_eq!(view.to_vec1::<u32>().unwrap(), [1, 2, 3]);
        host.fill(|values| values[1] += 5).unwrap();
        assert_eq!(host.tensor().to_vec1::<u32>().unwrap(), [1, 7, 3]);
    }

    #[test]
    fn each_filling_begins_with_the_last() {
        let mut host = HostTensor::<u32>::new(3, device()).unwrap();
        host.fill(|values| values.copy_from_slice(&[1, 2, 3])).unwrap();
        host.fill(|values| values[1] += 5).unwrap();
        assert_eq!(host.tensor().to_vec1::<u32>().unwrap(), [1, 7, 3]);
    }
}
