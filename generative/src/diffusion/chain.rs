//! The steps back of a trained network: samples, and bounds on densities.
use super::config::DiffusionConfig;
use super::denoiser::{Denoiser, Output};
use super::schedule::Schedule;
use crate::form::Form;
use crate::process::{Process, Subject, guided};
use crate::time_network::TimeNetwork;
use anyhow::Result;
use candle_core::Tensor;
use train::{Download as _, Rng};

/// Steps of each sample at which the bound is computed, beside the first and the last.
const STRATA: usize = 50;

/// The network that samples are drawn with: its exponential moving average, where there is one.
pub(super) struct Chain {
    pub(super) network: TimeNetwork,
    pub(super) subject: Subject,
    pub(super) schedule: Schedule,
    pub(super) config: DiffusionConfig,
}

impl Chain {
    /// The output at x `[n, D]` for the step of each row, with this guidance, `[n, D]`.
    pub(super) fn output(
        &self,
        (steps, guidance): (&[usize], f64),
        x: &Tensor,
        label: Option<&Tensor>,
    ) -> Result<Tensor> {
        let features = self.network.features.of_each(&self.schedule.times(steps), x.device())?;
        let free = || self.network.forward(x, &features, None);
        Ok(match label {
            Some(label) if guidance == 1.0 => self.network.forward(x, &features, Some(label))?,
            Some(label) if guidance != 0.0 => {
                guided(&free()?, &self.network.forward(x, &features, Some(label))?, guidance)?
            }
            _ => free()?,
        })
    }

    /// The steps back by `output`.
    fn denoiser<'a>(&'a self, output: &'a Output<'a>) -> Denoiser<'a> {
        let DiffusionConfig { prediction, variance, .. } = self.config;
        let clip = matches!(self.subject.form, Form::Image(_)).then_some(1.0);
        Denoiser { schedule: &self.schedule, prediction, variance, clip, output }
    }

    /// Bounds below the log-densities of points `[n, 2]`, given their labels where there are some, without guidance, `[n]`.
    pub(super) fn log_bounds(
        &self,
        points: &[f32],
        labels: &[u32],
        rng: &mut Rng,
    ) -> Result<Vec<f64>> {
        self.subject.log_densities(points, |points| {
            let mut all = Vec::new();
            self.subject.in_groups(points, labels, |x, label| {
                let output = |t: &[usize], x: &Tensor| self.output((t, 1.0), x, label.as_ref());
                let bounds = self.denoiser(&output).bounds(&x, STRATA, rng)?;
                all.extend(bounds.into_iter().map(|bound| -bound));
                Ok(())
            })?;
            Ok(all)
        })
    }

    /// x_T and all later x_s, each as rows `[n, D]` at the network's size.
    fn path(&self, noise: &[f32], labels: &[u32], rng: &mut Rng) -> Result<Vec<Vec<f32>>> {
        let DiffusionConfig { sampler, sample_steps, guidance, .. } = self.config;
        let mut states = vec![Vec::new(); self.schedule.strided(sample_steps).len() + 1];
        self.subject.in_groups(noise, labels, |x, label| {
            let output = |t: &[usize], x: &Tensor| self.output((t, guidance), x, label.as_ref());
            let mut next = states.iter_mut();
            let mut keep = |x: &Tensor| -> Result<()> {
                if let Some(state) = next.next() {
                    state.extend(x.download::<f32>()?);
                }
                Ok(())
            };
            self.denoiser(&output).sample(sampler, sample_steps, x, rng, &mut keep)?;
            Ok(())
        })?;
        Ok(states)
    }

    /// Samples for `noise` `[n, D]`.
    pub(super) fn samples(&self, noise: &[f32], labels: &[u32], rng: &mut Rng) -> Result<Vec<f32>> {
        let DiffusionConfig { sampler, sample_steps, guidance, .. } = self.config;
        let mut all = Vec::with_capacity(noise.len());
        self.subject.in_groups(noise, labels, |x, label| {
            let output = |t: &[usize], x: &Tensor| self.output((t, guidance), x, label.as_ref());
            let x = self.denoiser(&output).sample(sampler, sample_steps, x, rng, |_| Ok(()))?;
            all.extend(x.download::<f32>()?);
            Ok(())
        })?;
        Ok(self.subject.restored(all))
    }
}

impl Process for Chain {
    fn subject(&self) -> &Subject {
        &self.subject
    }

    fn generate(&self, n: usize, labels: &[u32], rng: &mut Rng) -> Result<Vec<f32>> {
        let noise = self.subject.noise(n, rng);
        self.samples(&noise, labels, rng)
    }

    fn states(
        &self,
        n: usize,
        labels: &[u32],
        times: usize,
        rng: &mut Rng,
    ) -> Result<Vec<Vec<f32>>> {
        let noise = self.subject.noise(n, rng);
        let all = self.path(&noise, labels, rng)?;
        let last = all.len() - 1;
        let at = |i: usize| self.subject.restored(all[i * last / (times - 1)].clone());
        Ok((0..times).map(at).collect())
    }
}
