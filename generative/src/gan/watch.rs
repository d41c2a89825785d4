//! Detection of mode collapse and of a discriminator that has won.
use super::objective::Objective;
use anyhow::Result;
use candle_core::Tensor;
use serde::{Deserialize, Serialize};
use train::Log;

/// Steps of the discriminator for which a condition must last to be reported.
const LASTING: u64 = 1_000;

/// Variance of generated samples, as a part of the data's, below which the generator has collapsed.
const COLLAPSED: f64 = 0.02;

/// The share of samples that a discriminator knows when it has won.
const WON: f64 = 0.99;

/// Durations of both conditions. Each is reported once.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Watch {
    collapsed: Lasting,
    won: Lasting,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Lasting {
    steps: u64,
    told: bool,
}

impl Lasting {
    /// Returns `true` if `so` holds for the first time in a long while.
    fn is_new(&mut self, so: bool) -> bool {
        self.steps = if so { self.steps.saturating_add(1) } else { 0 };
        let new = self.steps >= LASTING && !self.told;
        self.told |= new;
        new
    }
}

impl Watch {
    /// `train/spread`: the variance of generated samples, as a part of that of the data; summed over
    /// their numbers, within a batch of each.
    pub(super) fn spread(&mut self, x: &Tensor, fake: &Tensor, log: &mut Log) -> Result<()> {
        let spread = variance(fake)? / variance(x)?;
        // A batch may be the same sample again and again.
        if !spread.is_finite() {
            return Ok(());
        }
        log.scalar("train/spread", spread);
        if self.collapsed.is_new(spread < COLLAPSED) {
            log.note(format!(
                "the generator has collapsed: for {LASTING} steps of the discriminator the variance of what \
                 it draws has been less than {COLLAPSED} of the data's"
            ));
        }
        Ok(())
    }

    /// `train/d_real_accuracy` and `train/d_fake_accuracy`: how many of each kind of sample the discriminator
    /// takes for what they are, by its logits `[B, 1]`.
    pub(super) fn accuracy(
        &mut self,
        objective: Objective,
        real: &Tensor,
        fake: &Tensor,
        log: &mut Log,
    ) -> Result<()> {
        let Some(boundary) = objective.boundary() else { return Ok(()) };
        let above = |logits: &Tensor| -> Result<f64> {
            let logits: Vec<f32> = logits.flatten_all()?.to_vec1()?;
            let above = logits.iter().filter(|logit| **logit > boundary).count();
            Ok(above as f64 / logits.len() as f64)
        };
        let (real, fake) = (above(real)?, 1.0 - above(fake)?);
        log.scalar("train/d_real_accuracy", real);
        log.scalar("train/d_fake_accuracy", fake);
        if self.won.is_new(real.min(fake) > WON) {
            log.note(format!(
                "the discriminator has won: for {LASTING} of its steps it has known more than {WON} of all \
                 samples, and the generator learns little from it"
            ));
        }
        Ok(())
    }
}

/// Σ of the variances of the numbers of samples `[B, …]`.
fn variance(x: &Tensor) -> Result<f64> {
    let x = x.flatten_from(1)?;
    let off = x.broadcast_sub(&x.mean_keepdim(0)?)?;
    Ok(f64::from(off.sqr()?.sum_all()?.to_scalar::<f32>()?) / x.dim(0)? as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    fn tensor(values: &[f32], shape: (usize, usize)) -> Tensor {
        Tensor::from_slice(values, shape, &Device::Cpu).unwrap()
    }

    #[test]
    fn spread_and_accuracy_by_hand() {
        let (mut watch, mut log) = (Watch::default(), Log::default());
        // Variances 1 + 4 and ¼ + 0.
        let x = tensor(&[1.0, 2.0, 3.0, 6.0], (2, 2));
        let fake = tensor(&[1.0, 7.0, 2.0, 7.0], (2, 2));
        watch.spread(&x, &fake, &mut log).unwrap();
        watch.spread(&fake, &fake.zeros_like().unwrap(), &mut log).unwrap();
        watch.spread(&fake.zeros_like().unwrap(), &fake, &mut log).unwrap();
        let (real, fake) = (tensor(&[0.4, 0.6, 2.0, 3.0], (4, 1)), tensor(&[0.2, 0.7], (2, 1)));
        watch.accuracy(Objective::LeastSquares, &real, &fake, &mut log).unwrap();
        watch.accuracy(Objective::Wasserstein, &real, &fake, &mut log).unwrap();
        let row = log.take();
        assert_eq!(row["train/spread"], (0.05 + 0.0) / 2.0);
        assert_eq!([row["train/d_real_accuracy"], row["train/d_fake_accuracy"]], [0.75, 0.5]);
    }

    #[test]
    fn what_lasts_is_told_once() {
        let (mut watch, mut log) = (Watch::default(), Log::default());
        let x = tensor(&[1.0, -1.0], (2, 1));
        let (narrow, sure) = ((&x * 0.1).unwrap(), (&x * -9.0).unwrap());
        let mut notes = Vec::new();
        for step in 0..4 * LASTING {
            // Just before it would be told it is not so for once.
            let well = step == LASTING - 1;
            watch.spread(&x, if well { &x } else { &narrow }, &mut log).unwrap();
            let real = if well { &sure } else { &x.abs().unwrap() };
            let fake = &x.abs().unwrap().neg().unwrap();
            watch.accuracy(Objective::Hinge, real, fake, &mut log).unwrap();
            notes.extend(log.take_notes().into_iter().map(|note| (step, note)));
        }
        let told: Vec<_> = notes.iter().map(|(step, note)| (*step, &note[..25])).collect();
        let at = 2 * LASTING - 1;
        assert_eq!(told, [(at, "the generator has collaps"), (at, "the discriminator has won")]);
    }

    /// A spread of 0.03, and 98 of 100 known.
    #[test]
    fn what_is_nearly_so_is_not_told() {
        let (mut watch, mut log) = (Watch::default(), Log::default());
        let x = tensor(&[1.0, -1.0], (2, 1));
        let fake = (&x * 0.03f64.sqrt()).unwrap();
        let real: Vec<f32> = (0..100).map(|i| if i < 98 { 1.0 } else { -1.0 }).collect();
        let real = tensor(&real, (100, 1));
        for _ in 0..2 * LASTING {
            watch.spread(&x, &fake, &mut log).unwrap();
            watch.accuracy(Objective::Hinge, &real, &real.neg().unwrap(), &mut log).unwrap();
        }
        assert_eq!(log.take_notes(), Vec::<String>::new());
    }
}
