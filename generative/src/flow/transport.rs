//! The trained flow, from samples to noise and back.
use super::chain::{Chain, nll};
use super::dequantise::Dequantise;
use crate::process::{Process, Subject};
use anyhow::Result;
use candle_core::Tensor;
use rand::Rng as _;
use std::ops::Range;
use train::{Download as _, Rng, pulse};

/// A flow without gradients.
pub(super) struct Transport {
    pub(super) chain: Chain,
    pub(super) subject: Subject,
    /// Of images.
    pub(super) dequantise: Option<Dequantise>,
}

impl Transport {
    /// −log p of `rows`, `[n, D]`, in nats; of images a bound on −log P, by one draw of the noise.
    pub(super) fn nll(&self, rows: &[f32], rng: &mut Rng) -> Result<Vec<f64>> {
        let n = rows.len() / self.subject.form.len();
        let mut all = Vec::with_capacity(n);
        self.subject.in_groups(rows, &[], |x, _| {
            pulse::progress("evaluating", all.len(), n)?;
            let u: Vec<f32> = match self.dequantise {
                None => Vec::new(),
                Some(_) => (0..x.elem_count()).map(|_| rng.random()).collect(),
            };
            let nats = nll(&self.chain, self.dequantise, &x, || {
                Tensor::from_vec(u, x.shape(), x.device())
            })?;
            all.extend(nats.download::<f32>()?.into_iter().map(f64::from));
            Ok(())
        })?;
        Ok(all)
    }

    /// z, `[n, D]`, after a range of the chain's functions, counted from the last one, has been inverted.
    fn inverse(&self, z: &[f32], functions: Range<usize>) -> Result<Vec<f32>> {
        let mut all = Vec::with_capacity(z.len());
        self.subject.in_groups(z, &[], |z, _| {
            pulse::check()?;
            all.extend(self.chain.inverse(&z, functions.clone())?.download::<f32>()?);
            Ok(())
        })?;
        Ok(all)
    }

    /// Numbers that the chain has come to as samples: points, or pixels from −1 to 1.
    fn samples(&self, values: &[f32]) -> Vec<f32> {
        let pixel = |y: &f32| self.dequantise.map_or(*y, |dequantise| dequantise.pixel(*y));
        values.iter().map(pixel).collect()
    }
}

impl Process for Transport {
    fn subject(&self) -> &Subject {
        &self.subject
    }

    fn generate(&self, n: usize, _: &[u32], rng: &mut Rng) -> Result<Vec<f32>> {
        let all = 0..self.chain.len();
        Ok(self.samples(&self.inverse(&self.subject.noise(n, rng), all)?))
    }

    /// After functions of the chain, evenly spaced.
    fn states(&self, n: usize, _: &[u32], times: usize, rng: &mut Rng) -> Result<Vec<Vec<f32>>> {
        let mut values = self.subject.noise(n, rng);
        let functions = |time: usize| time * self.chain.len() / (times - 1).max(1);
        let state = |time: usize| {
            let before = functions(time.saturating_sub(1));
            values = self.inverse(&values, before..functions(time))?;
            Ok(self.samples(&values))
        };
        (0..times).map(state).collect()
    }
}
