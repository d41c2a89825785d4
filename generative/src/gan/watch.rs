//! Detection of mode collapse and of a discriminator that has won.
use super::objective::Objective;
use anyhow::Result;
use candle_core::{DType, Tensor};
use serde::{Deserialize, Serialize};
use train::{Checkpoint, Download as _, Log, is_host};

/// Steps of the discriminator for which a condition must last to be reported.
const LASTING: u64 = 1_000;

/// Variance of generated samples, as a part of the data's, below which the generator has collapsed.
const COLLAPSED: f64 = 0.02;

/// The share of samples that a discriminator knows when it has won.
const WON: f64 = 0.99;

/// Steps whose values are read from a device together: each reading waits for it.
const TOGETHER: usize = 100;

/// Watches both conditions. Each is reported once.
#[derive(Default)]
pub(super) struct Watch {
    durations: Durations,
    /// Spreads, and shares of samples that the discriminator knows, that are still on a device; scalars.
    unread: [Vec<Tensor>; 2],
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Durations {
    collapsed: Lasting,
    won: Lasting,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Lasting {
    steps: u64,
    told: bool,
    /// Values that a checkpoint has read before it was their turn, as bits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    read: Vec<u32>,
}

impl Lasting {
    /// Returns `true` if `so` holds for the first time in a long while.
    fn is_new(&mut self, so: bool) -> bool {
        self.steps = if so { self.steps.saturating_add(1) } else { 0 };
        let new = self.steps >= LASTING && !self.told;
        self.told |= new;
        new
    }

    /// [`is_new`](Self::is_new) for values on a device, once [`TOGETHER`] have come.
    fn is_new_of(&mut self, unread: &mut Vec<Tensor>, so: impl Fn(f64) -> bool) -> Result<bool> {
        if self.read.len() + unread.len() < TOGETHER {
            return Ok(false);
        }
        self.read(unread)?;
        let values = std::mem::take(&mut self.read).into_iter().map(f32::from_bits);
        Ok(values.fold(false, |new, value| self.is_new(so(f64::from(value))) | new))
    }

    fn read(&mut self, unread: &mut Vec<Tensor>) -> Result<()> {
        if !unread.is_empty() {
            let values = Tensor::stack(&std::mem::take(unread), 0)?.download::<f32>()?;
            self.read.extend(values.into_iter().map(f32::to_bits));
        }
        Ok(())
    }
}

impl Watch {
    /// `train/spread`: the variance of generated samples, as a part of that of the data; summed over
    /// their numbers, within a batch of each.
    pub(super) fn spread(&mut self, x: &Tensor, fake: &Tensor, log: &mut Log) -> Result<()> {
        let (of_fake, of_data) = (variance(fake)?, variance(x)?);
        let (lasting, has_collapsed) = (&mut self.durations.collapsed, |spread| spread < COLLAPSED);
        let new = if is_host(x.device()) {
            let [of_fake, of_data] =
                [(of_fake, fake), (of_data, x)].map(|(sum, of)| -> Result<f64> {
                    Ok(f64::from(sum.download::<f32>()?[0]) / of.dim(0)? as f64)
                });
            let spread = of_fake? / of_data?;
            // A batch may be the same sample again and again.
            if !spread.is_finite() {
                return Ok(());
            }
            log.scalar("train/spread", spread);
            lasting.is_new(has_collapsed(spread))
        } else {
            let batches = x.dim(0)? as f64 / fake.dim(0)? as f64;
            let spread = ((of_fake / &of_data)? * batches)?;
            let varied = of_data.gt(&of_data.zeros_like()?)?;
            let spread = varied.where_cond(&spread, &spread.ones_like()?)?;
            log.tensor("train/spread", &spread)?;
            self.unread[0].push(spread);
            lasting.is_new_of(&mut self.unread[0], has_collapsed)?
        };
        if new {
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
        let (lasting, has_won) = (&mut self.durations.won, |known| known > WON);
        let new = if is_host(real.device()) {
            let above = |logits: &Tensor| -> Result<f64> {
                let logits: Vec<f32> = logits.download()?;
                let above = logits.iter().filter(|logit| **logit > boundary).count();
                Ok(above as f64 / logits.len() as f64)
            };
            let (real, fake) = (above(real)?, 1.0 - above(fake)?);
            log.scalar("train/d_real_accuracy", real);
            log.scalar("train/d_fake_accuracy", fake);
            lasting.is_new(has_won(real.min(fake)))
        } else {
            let above = |logits: &Tensor| -> Result<Tensor> {
                let over = (logits.detach() - f64::from(boundary))?;
                Ok(over.gt(&over.zeros_like()?)?.to_dtype(DType::F32)?.mean_all()?)
            };
            let (real, fake) = (above(real)?, (1.0 - above(fake)?)?);
            log.tensor("train/d_real_accuracy", &real)?;
            log.tensor("train/d_fake_accuracy", &fake)?;
            self.unread[1].push(real.minimum(&fake)?);
            lasting.is_new_of(&mut self.unread[1], has_won)?
        };
        if new {
            log.note(format!(
                "the discriminator has won: for {LASTING} of its steps it has known more than {WON} of all \
                 samples, and the generator learns little from it"
            ));
        }
        Ok(())
    }

    /// Saves or loads the durations.
    pub(super) fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        let Self { durations, unread: [spreads, shares] } = self;
        durations.collapsed.read(spreads)?;
        durations.won.read(shares)?;
        checkpoint.value("watch", durations)
    }

    /// Steps for which each condition has lasted, and what is told of it.
    #[cfg(test)]
    pub(super) fn seen(&self) -> [(u64, bool); 2] {
        let Durations { collapsed, won } = &self.durations;
        [collapsed, won].map(|lasting| (lasting.steps, lasting.told))
    }
}

/// Σ over the batch, and over the numbers of samples `[B, …]`, of their squared distance from the mean, a scalar.
fn variance(x: &Tensor) -> Result<Tensor> {
    let x = x.detach().flatten_from(1)?;
    let off = x.broadcast_sub(&x.mean_keepdim(0)?)?;
    Ok(off.sqr()?.sum_all()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use train::testing::{device, rounding};

    fn tensor(values: &[f32], shape: (usize, usize)) -> Tensor {
        Tensor::from_slice(values, shape, device()).unwrap()
    }

    #[test]
    fn spread_and_accuracy_by_hand() {
        let (mut watch, mut log) = (Watch::default(), Log::default());
        // Variances 1 + 4 and ¼ + 0.
        let x = tensor(&[1.0, 2.0, 3.0, 6.0], (2, 2));
        let fake = tensor(&[1.0, 7.0, 2.0, 7.0], (2, 2));
        watch.spread(&x, &fake, &mut log).unwrap();
        watch.spread(&fake, &fake.zeros_like().unwrap(), &mut log).unwrap();
        if is_host(device()) {
            // On a device a mean has no gaps: such a batch counts as 1 there.
            watch.spread(&fake.zeros_like().unwrap(), &fake, &mut log).unwrap();
        }
        let (real, fake) = (tensor(&[0.4, 0.6, 2.0, 3.0], (4, 1)), tensor(&[0.2, 0.7], (2, 1)));
        watch.accuracy(Objective::LeastSquares, &real, &fake, &mut log).unwrap();
        watch.accuracy(Objective::Wasserstein, &real, &fake, &mut log).unwrap();
        log.settle().unwrap();
        let row = log.take();
        assert!((row["train/spread"] - 0.025).abs() <= f64::from(rounding()));
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
