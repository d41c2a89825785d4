//! Eligibility traces (Sutton & Barto 2018, chapter 12).
use super::estimates::Estimates;
use anyhow::Result;
use serde::{Deserialize, Serialize};
use train::Checkpoint;

/// Effect of a visit on a trace that is not 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TraceKind {
    /// z ← z + 1.
    Accumulating,
    /// z ← 1.
    Replacing,
}

/// Traces smaller than this are dropped, which is an approximation: each moves its value by less than
/// α·|δ|·10⁻⁹ at a step, and by less than α·max|δ|·10⁻⁹ / (1 − γλ) for ever after.
const FORGOTTEN: f64 = 1e-9;

/// Eligibility traces z (Sutton & Barto, chapter 12): how much each value has to do with what happens
/// now. Only those that are not 0 are kept.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Traces(Vec<Trace>);

impl Traces {
    /// Saves or loads what was visited among the values of `estimates`.
    pub(super) fn state(
        &mut self,
        estimates: &Estimates,
        checkpoint: &mut Checkpoint,
    ) -> Result<()> {
        checkpoint.value("traces", self)?;
        let finite = |trace: &Trace| trace.alpha.is_finite() && trace.z.is_finite();
        checkpoint.check("traces", "finite numbers are expected", || self.0.iter().all(finite))?;
        estimates.check(checkpoint, "traces", self.0.iter().map(|trace| trace.index))
    }
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Trace {
    index: usize,
    /// Step size of the last visit.
    alpha: f64,
    z: f64,
}

impl Traces {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// A visit, with its step size.
    pub(super) fn visit(&mut self, index: usize, alpha: f64, kind: TraceKind) {
        match self.0.iter_mut().find(|trace| trace.index == index) {
            Some(trace) => {
                trace.alpha = alpha;
                trace.z = if kind == TraceKind::Replacing { 1.0 } else { trace.z + 1.0 };
            }
            None => self.0.push(Trace { index, alpha, z: 1.0 }),
        }
    }

    /// value ← value + α·δ·z, then z ← z·`decay`, which is γλ.
    pub(super) fn learn(&mut self, values: &mut [f64], delta: f64, decay: f64) {
        for trace in &mut self.0 {
            values[trace.index] += trace.alpha * delta * trace.z;
            trace.z *= decay;
        }
        self.0.retain(|trace| trace.z > FORGOTTEN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_by_hand() {
        for (kind, third) in [(TraceKind::Accumulating, 1.25), (TraceKind::Replacing, 1.0)] {
            let (mut traces, mut values) = (Traces::default(), [0.0; 3]);
            traces.visit(0, 0.1, kind);
            traces.learn(&mut values, 1.0, 0.5);
            traces.visit(2, 0.2, kind);
            traces.learn(&mut values, 10.0, 0.5);
            // z is now ¼ and ½; a visit sets the first.
            traces.visit(0, 0.1, kind);
            traces.learn(&mut values, 100.0, 0.5);
            let expected = [0.1 + 0.1 * 10.0 * 0.5 + 0.1 * 100.0 * third, 0.0, 2.0 + 10.0];
            for (value, expected) in values.iter().zip(expected) {
                assert!((value - expected).abs() < 1e-12, "{kind:?}: {values:?}");
            }
            (0..60).for_each(|_| traces.learn(&mut values, 0.0, 0.5));
            assert!(traces.0.is_empty());
        }
    }
}
