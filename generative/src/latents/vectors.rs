//! Vectors of numbers on the host.
use anyhow::{Result, ensure};
use candle_core::{Device, Tensor};
use train::Download as _;

/// Vectors of Z numbers, `[n, Z]`, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Vectors {
    size: usize,
    values: Vec<f32>,
}

impl Vectors {
    /// Vectors of `size` numbers.
    ///
    /// # Errors
    /// If `values` are no whole number of vectors.
    pub fn new(size: usize, values: Vec<f32>) -> Result<Self> {
        ensure!(
            size > 0 && values.len().is_multiple_of(size),
            "{} numbers are no whole number of vectors of {size}",
            values.len()
        );
        Ok(Self { size, values })
    }

    /// Those of a tensor `[n, Z]`.
    ///
    /// # Errors
    /// If it has another shape.
    pub fn of(tensor: &Tensor) -> Result<Self> {
        let (_, size) = tensor.dims2()?;
        Self::new(size, tensor.download()?)
    }

    /// As a tensor `[n, Z]`.
    ///
    /// # Errors
    /// Errors of the device.
    pub fn tensor(&self, device: &Device) -> Result<Tensor> {
        Ok(Tensor::from_slice(&self.values, (self.len(), self.size), device)?)
    }

    /// Number of vectors, n.
    pub fn len(&self) -> usize {
        self.values.len() / self.size
    }

    /// Returns `true` if there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Numbers in each, Z.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Vector `i`.
    pub fn row(&self, i: usize) -> &[f32] {
        &self.values[i * self.size..][..self.size]
    }

    /// Those numbered `rows`.
    pub fn take(&self, rows: std::ops::Range<usize>) -> Self {
        let values = self.values[rows.start * self.size..rows.end * self.size].to_vec();
        Self { values, ..*self }
    }

    /// One after the other.
    pub fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact(self.size)
    }
}
