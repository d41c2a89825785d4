//! Metrics: learners write to a [`Log`], the loop hands rows to [`Sink`](crate::Sink)s.
use crate::{Download as _, is_host};
use anyhow::{Result, bail};
use candle_core::{DType, Tensor};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// One line of metrics.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Units trained so far, in the learner's own unit.
    pub step: u64,
    /// Metric name to value, in a stable order.
    pub values: BTreeMap<String, f64>,
}

/// Metrics gathered since the last row. The values of a name are averaged.
#[derive(Default)]
pub struct Log {
    means: BTreeMap<Cow<'static, str>, Mean>,
    /// Sums still on an accelerator: reading one waits for the device, so that is put off.
    on_device: BTreeMap<&'static str, (Tensor, u64)>,
    broken: Option<&'static str>,
    notes: Vec<String>,
    updates: u64,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Mean {
    sum: f64,
    count: u64,
}

impl Log {
    /// Adds a number to the running mean of `name`.
    pub fn scalar(&mut self, name: &'static str, value: f64) {
        if !value.is_finite() {
            self.broken.get_or_insert(name);
            return;
        }
        self.add(name, value, 1);
    }

    /// Adds a scalar tensor to the running mean of `name`. On an accelerator it is read only when
    /// a row is written or a checkpoint saved.
    ///
    /// # Errors
    /// If `value` has more than one element.
    pub fn tensor(&mut self, name: &'static str, value: &Tensor) -> Result<()> {
        let value = value.detach();
        if is_host(value.device()) {
            self.scalar(name, read(&value)?);
            return Ok(());
        }
        let value = value.to_dtype(DType::F64)?;
        if let Some((sum, count)) = self.on_device.get_mut(name) {
            (*sum, *count) = ((&*sum + value)?, *count + 1);
            return Ok(());
        }
        // What was read before is added to, not added: the sum does not depend on when it was read.
        let (sum, count) = match self.means.remove(name) {
            Some(mean) => ((value + mean.sum)?, mean.count + 1),
            None => (value, 1),
        };
        self.on_device.insert(name, (sum, count));
        Ok(())
    }

    /// Counts an update of what is learned: a step of an optimiser, a change of a table, a sweep.
    pub fn updated(&mut self) {
        self.updates += 1;
    }

    /// Takes the updates counted since the last time.
    pub(crate) fn take_updates(&mut self) -> u64 {
        std::mem::take(&mut self.updates)
    }

    /// Tells the user a sentence after the step, at once and once.
    pub fn note(&mut self, text: String) {
        self.notes.push(text);
    }

    /// Takes what is to be told.
    pub fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    fn add(&mut self, name: &'static str, sum: f64, count: u64) {
        match self.means.get_mut(name) {
            Some(mean) => (mean.sum, mean.count) = (mean.sum + sum, mean.count + count),
            None => _ = self.means.insert(Cow::Borrowed(name), Mean { sum, count }),
        }
    }

    /// Adds the measures of an evaluation, as `eval/…`.
    pub(crate) fn evaluation(&mut self, evaluation: &crate::Evaluation) {
        for (name, measure) in &evaluation.measures {
            if measure.mean.is_finite() {
                let mean = Mean { sum: measure.mean, count: 1 };
                self.means.insert(Cow::Owned(format!("eval/{name}")), mean);
            } else {
                self.broken.get_or_insert("eval");
            }
        }
    }

    /// Reads what is still on an accelerator, before [`take`](Self::take).
    ///
    /// # Errors
    /// Errors of the device.
    pub fn settle(&mut self) -> Result<()> {
        for (name, (sum, count)) in std::mem::take(&mut self.on_device) {
            let sum = read(&sum)?;
            if sum.is_finite() {
                self.add(name, sum, count);
            } else {
                self.broken.get_or_insert(name);
            }
        }
        Ok(())
    }

    /// The first metric that was not a finite number.
    pub(crate) fn broken(&self) -> Option<&'static str> {
        self.broken
    }

    /// Takes the means gathered so far.
    pub fn take(&mut self) -> BTreeMap<String, f64> {
        let means = std::mem::take(&mut self.means);
        means
            .into_iter()
            .map(|(name, mean)| (name.into_owned(), mean.sum / mean.count as f64))
            .collect()
    }

    /// Saves or loads the sums of the row under way, which a resumed run must go on averaging.
    pub(crate) fn state(&mut self, checkpoint: &mut crate::Checkpoint) -> Result<()> {
        checkpoint.value("log", &mut self.means)?;
        let sound = |mean: &Mean| (1..1 << 62).contains(&mean.count) && mean.sum.is_finite();
        checkpoint
            .check("log", "means of finite numbers are expected", || self.means.values().all(sound))
    }
}

fn read(value: &Tensor) -> Result<f64> {
    match value.download::<f64>()?[..] {
        [value] => Ok(value),
        _ => bail!("a metric is one number, this is {:?}", value.shape()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::device;

    #[test]
    fn a_row_holds_means() {
        let mut log = Log::default();
        log.scalar("train/return", 1.0);
        log.scalar("train/return", 4.0);
        log.tensor("train/loss", &Tensor::new(3f32, device()).unwrap()).unwrap();
        log.settle().unwrap();
        let expected = [("train/loss".to_owned(), 3.0), ("train/return".to_owned(), 2.5)];
        assert_eq!(log.take(), expected.into());
        assert!(log.take().is_empty());
    }

    /// 2²⁵ + 1 is none of `f32`.
    #[test]
    fn a_mean_does_not_depend_on_when_it_is_read() {
        let (mut often, mut once) = (Log::default(), Log::default());
        for value in [33_554_432f32, 1.0, 0.1, 1.0] {
            for log in [&mut often, &mut once] {
                log.tensor("train/loss", &Tensor::new(value, device()).unwrap()).unwrap();
            }
            often.settle().unwrap();
        }
        once.settle().unwrap();
        let mean = once.take();
        assert_eq!(mean["train/loss"], (33_554_432.0 + 1.0 + f64::from(0.1f32) + 1.0) / 4.0);
        assert_eq!(often.take(), mean);
    }

    #[test]
    fn what_is_not_finite_is_named() {
        let mut log = Log::default();
        log.tensor("train/loss", &Tensor::new(f32::NAN, device()).unwrap()).unwrap();
        log.settle().unwrap();
        log.scalar("train/return", f64::INFINITY);
        assert_eq!(log.broken(), Some("train/loss"));
        assert!(log.take().is_empty());
    }
}
