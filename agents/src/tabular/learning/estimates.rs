//! Values that are learned bit by bit: step sizes, tables that grow with the states met, eligibility
//! traces.
use super::explorer::{any_best, best};
use super::states::States;
use super::{Model, Table};
use anyhow::Result;
use bytemuck::cast_slice_mut;
use clap::ValueEnum;
use rand::Rng as _;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use train::{Checkpoint, MODEL, Rng, Text};

/// α as a hyper-parameter.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "train::Text")]
pub enum StepSize {
    /// The same always.
    Of(f64),
    /// 1/n^w at the nth visit: with w = 1 the mean of what has been seen. Where ½ < w ≤ 1 the values
    /// converge (Robbins & Monro 1951).
    Visits(f64),
}

impl StepSize {
    /// α at the `n`th visit, counted from 1.
    pub fn at(self, n: u32) -> f64 {
        match self {
            Self::Of(alpha) => alpha,
            Self::Visits(1.0) => f64::from(n).recip(),
            Self::Visits(power) => f64::from(n).powf(-power),
        }
    }
}

impl FromStr for StepSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let positive = |text: &str| text.parse().ok().filter(|x| *x > 0.0 && *x <= 1.0);
        let size = match text.strip_prefix("1/n") {
            Some("") => Some(Self::Visits(1.0)),
            Some(power) => power.strip_prefix('^').and_then(positive).map(Self::Visits),
            None => positive(text).map(Self::Of),
        };
        size.ok_or_else(|| {
            "a number above 0 and at most 1 is expected, or `1/n`, or `1/n^0.8`".to_owned()
        })
    }
}

impl fmt::Display for StepSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Of(alpha) => write!(f, "{alpha}"),
            Self::Visits(1.0) => f.write_str("1/n"),
            Self::Visits(power) => write!(f, "1/n^{power}"),
        }
    }
}

impl From<StepSize> for String {
    fn from(size: StepSize) -> Self {
        size.to_string()
    }
}

impl TryFrom<Text> for StepSize {
    type Error = String;

    fn try_from(text: Text) -> Result<Self, String> {
        text.to_string().parse()
    }
}

/// What is estimated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    /// v: a number for each state.
    States,
    /// q: a number for each action of each state.
    Actions,
}

/// Values of states (`width` 1) or of actions in states (`width` A), and how often each was visited.
pub(super) struct Estimates {
    of: Of,
    width: usize,
    initial: f64,
    alpha: StepSize,
    /// `[S, width]`, row-major; −∞ where a state does not have an action.
    pub(super) values: Vec<f64>,
    /// `[S, width]`.
    visits: Vec<u32>,
}

impl Estimates {
    /// q for every state there is, `initial` where there is an action.
    pub(super) fn of_actions(states: &States, initial: f64, alpha: StepSize) -> Self {
        Self::new(Of::Actions, states, initial, alpha)
    }

    /// v for every state there is; 0 where it has no action.
    pub(super) fn of_states(states: &States, initial: f64, alpha: StepSize) -> Self {
        Self::new(Of::States, states, initial, alpha)
    }

    fn new(of: Of, states: &States, initial: f64, alpha: StepSize) -> Self {
        let width = match of {
            Of::Actions => states.n_actions(),
            Of::States => 1,
        };
        let (values, visits) = (Vec::new(), Vec::new());
        let mut estimates = Self { of, width, initial, alpha, values, visits };
        estimates.grow(states);
        estimates
    }

    /// Makes room for states that have been met since.
    pub(super) fn grow(&mut self, states: &States) {
        let n = states.n() * self.width;
        if self.values.len() == n {
            return;
        }
        self.values.truncate(n);
        for i in self.values.len()..n {
            let (state, action) = (i / self.width, i % self.width);
            let (known, nothing) = match self.of {
                Of::Actions => (states.allows(state, action), f64::NEG_INFINITY),
                Of::States => {
                    ((0..states.n_actions()).any(|action| states.allows(state, action)), 0.0)
                }
            };
            self.values.push(if known { self.initial } else { nothing });
        }
        self.visits.resize(n, 0);
    }

    /// The values of a state, `[width]`.
    pub(super) fn row(&self, state: usize) -> &[f64] {
        &self.values[state * self.width..(state + 1) * self.width]
    }

    /// Where a state's action has its value.
    pub(super) fn index(&self, state: usize, action: usize) -> usize {
        state * self.width + action
    }

    /// Counts a visit and returns its step size.
    pub(super) fn visit(&mut self, index: usize) -> f64 {
        self.visits[index] = self.visits[index].saturating_add(1);
        self.alpha.at(self.visits[index])
    }

    /// Counts a visit and moves the value by α towards `target`; returns how far it was from it.
    pub(super) fn learn(&mut self, index: usize, target: f64) -> f64 {
        let error = target - self.values[index];
        self.values[index] += self.visit(index) * error;
        error
    }

    /// The greedy action for each observation, `[N, obs_len]`; 0 in a state that was never met.
    pub(super) fn act(&self, states: &States, obs: &[f32], actions: &mut [usize]) -> Result<()> {
        let obs_len = obs.len() / actions.len().max(1);
        let mut key = Vec::new();
        for (obs, action) in obs.chunks_exact(obs_len.max(1)).zip(actions) {
            *action =
                states.find(obs, &mut key)?.and_then(|state| best(self.row(state))).unwrap_or(0);
        }
        Ok(())
    }

    /// The same, drawn where greedy actions tie, `rngs` `[N]`; any action in a state that was never met.
    pub(super) fn draw(
        &self,
        states: &States,
        obs: &[f32],
        rngs: &mut [Rng],
        actions: &mut [usize],
    ) -> Result<()> {
        let obs_len = obs.len() / actions.len().max(1);
        let mut key = Vec::new();
        let rows = obs.chunks_exact(obs_len.max(1)).zip(rngs);
        for ((obs, rng), action) in rows.zip(actions) {
            *action = match states.find(obs, &mut key)? {
                Some(state) => any_best(self.row(state), rng).unwrap_or(0),
                None => rng.random_range(0..self.width),
            };
        }
        Ok(())
    }

    /// max_a q(s, a), and who has it; `None` where states are numbered as they are met.
    pub(super) fn table(&self, states: &States, model: &Model) -> Option<Table> {
        states.are_known().then(|| {
            let mut table = Table::unknown(model);
            (0..model.n_states())
                .for_each(|state| table.set(model, state, |action| self.row(state)[action]));
            table
        })
    }

    pub(super) fn state(&mut self, states: &States, checkpoint: &mut Checkpoint) -> Result<()> {
        self.state_as(MODEL, states, checkpoint)
    }

    /// The same for a table that goes by another name than the model's.
    pub(super) fn state_as(
        &mut self,
        name: &str,
        states: &States,
        checkpoint: &mut Checkpoint,
    ) -> Result<()> {
        self.grow(states);
        checkpoint.bytes(name, cast_slice_mut(&mut self.values))?;
        let width = self.width;
        let sound = |(i, value): (usize, &f64)| match self.of {
            Of::Actions => {
                value.is_finite() == states.allows(i / width, i % width)
                    && *value < f64::INFINITY
                    && !value.is_nan()
            }
            Of::States => value.is_finite(),
        };
        checkpoint.check(name, "finite values, of the actions there are, are expected", || {
            self.values.iter().enumerate().all(sound)
        })?;
        checkpoint.bytes(&format!("visits.{name}"), cast_slice_mut(&mut self.visits))
    }

    /// Checks that indices of values that were loaded as `name` are some.
    pub(super) fn check(
        &self,
        checkpoint: &Checkpoint,
        name: &str,
        mut indices: impl Iterator<Item = usize>,
    ) -> Result<()> {
        let expected = format!("places among {} values are expected", self.values.len());
        checkpoint.check(name, &expected, || indices.all(|index| index < self.values.len()))
    }
}

/// What a visit does to a trace that is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
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
    fn step_sizes() {
        let parse = |text: &str| text.parse::<StepSize>();
        for (text, size, second) in [
            ("0.1", StepSize::Of(0.1), 0.1),
            ("1/n", StepSize::Visits(1.0), 0.5),
            ("1/n^0.5", StepSize::Visits(0.5), 0.5f64.sqrt()),
        ] {
            assert_eq!((parse(text).unwrap(), size.to_string()), (size, text.to_owned()));
            assert!((size.at(2) - second).abs() < 1e-15 && (text == "0.1" || size.at(1) == 1.0));
        }
        for wrong in ["0", "1.5", "-0.1", "NaN", "1/n^", "1/n^2", "1/n0.8", "n"] {
            assert!(parse(wrong).unwrap_err().contains("1/n^0.8"), "{wrong}");
        }
    }

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
