//! What planners share.
use super::{Choice, Model, Table};
use anyhow::{Context, Result, bail, ensure};
use envs::Mdp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use train::{Evaluation, Measure};

/// γ as a hyper-parameter: a number, or the one the problem is usually stated with.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Discount {
    /// `own`: what [`Mdp::discount`] says.
    #[default]
    Own,
    /// This number, between 0 and 1.
    Of(f64),
}

impl FromStr for Discount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(gamma) if (0.0..=1.0).contains(&gamma) => Ok(Self::Of(gamma)),
            _ if text == "own" => Ok(Self::Own),
            _ => Err("a number between 0 and 1 is expected, or `own`".to_owned()),
        }
    }
}

impl fmt::Display for Discount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => f.write_str("own"),
            Self::Of(gamma) => write!(f, "{gamma}"),
        }
    }
}

impl From<Discount> for String {
    fn from(discount: Discount) -> Self {
        discount.to_string()
    }
}

impl TryFrom<String> for Discount {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// An MDP to be solved, with its discount.
pub struct Problem {
    /// The transitions.
    pub model: Model,
    /// γ.
    pub gamma: f64,
    states: Vec<String>,
}

impl Problem {
    /// `mdp` with the discount that was chosen.
    ///
    /// # Errors
    /// What [`Model::new`] finds; where γ = 1 and some state has no way to an end.
    pub fn new(mdp: &dyn Mdp, discount: Discount) -> Result<Self> {
        let gamma = match discount {
            Discount::Own => mdp.discount(),
            Discount::Of(gamma) => gamma,
        };
        ensure!((0.0..=1.0).contains(&gamma), "a discount of {gamma}: it must lie between 0 and 1");
        let model = Model::new(mdp)?;
        let states: Vec<_> = (0..mdp.n_states()).map(|state| mdp.state_name(state)).collect();
        if gamma == 1.0
            && let [first, ..] = model.endless(|_| true)[..]
        {
            bail!(
                "no action ever ends an episode from state {}: with a discount of 1 its value may \
                 be infinite; give a --gamma below 1, or the map an exit",
                states[first]
            )
        }
        Ok(Self { model, gamma, states })
    }

    /// What a state is called.
    pub fn state_name(&self, state: usize) -> &str {
        &self.states[state]
    }

    /// The answer, from the value of each state and of each pair.
    pub fn table(&self, values: &[f64], q: impl Fn(usize) -> f64) -> Table {
        let model = &self.model;
        let mut table = Table::unknown(model);
        for state in 0..model.n_states() {
            let pair = |action| model.pairs(state).find(|pair| model.action(*pair) == action);
            table.set(model, state, |action| pair(action).map_or(f64::NAN, &q));
        }
        // A planner's values are those of its last sweep, not one ahead.
        table.values.copy_from_slice(values);
        let taken = |pair: usize| Choice::Action(model.action(pair));
        table.policy = self.policy(q).map(|pair| pair.map(taken)).collect();
        table
    }

    /// The pair taken in each state by the value `q` of pairs.
    pub fn policy(&self, q: impl Fn(usize) -> f64) -> impl Iterator<Item = Option<usize>> {
        self.model.policy(self.gamma, q).into_iter()
    }

    /// The actions of that policy for one-hot observations, `[N, S]`.
    pub(super) fn act(
        &self,
        obs: &[f32],
        actions: &mut [usize],
        q: impl Fn(usize) -> f64,
    ) -> Result<()> {
        if self.gamma < 1.0 {
            return act(&self.model, obs, actions, |state| self.model.best(state, &q));
        }
        let policy: Vec<_> = self.policy(q).collect();
        act(&self.model, obs, actions, |state| policy[state])
    }

    /// `value_start`: the value under the start distribution. It is exact: one sample, no interval.
    pub fn evaluation(&self, values: &[f64]) -> Evaluation {
        start_value(&self.model, values)
    }
}

/// States an MDP may have at most to be solved on the side.
pub(crate) const LARGEST: usize = 2_000;

/// The states with actions that an episode can visit by the pairs `allowed`.
pub(crate) fn visited(model: &Model, allowed: impl Fn(usize) -> bool) -> Vec<usize> {
    let mut found = vec![false; model.n_states()];
    let mut open: Vec<usize> = model.starts().collect();
    while let Some(state) = open.pop() {
        if !std::mem::replace(&mut found[state], true) {
            let pairs = model.pairs(state).filter(|&pair| allowed(pair));
            open.extend(pairs.flat_map(|pair| model.entries(pair)).map(|(next, _)| next));
        }
    }
    (0..model.n_states()).filter(|&state| found[state] && !model.pairs(state).is_empty()).collect()
}

/// The root mean square of `off(s)` over `states`; 0 where there are none.
pub(crate) fn root_mean_square(states: &[usize], off: impl Fn(usize) -> f64) -> f64 {
    let squares: f64 = states.iter().map(|&state| off(state).powi(2)).sum();
    (squares / states.len().max(1) as f64).sqrt()
}

/// The evaluation of one measure, `value_start`: the value under the start distribution.
pub(super) fn start_value(model: &Model, values: &[f64]) -> Evaluation {
    let mean = model.start_value(values);
    let measure = Measure { mean, ci95: [mean; 2], n: 1 };
    Evaluation { score: mean, measures: [("value_start".to_owned(), measure)].into() }
}

/// The actions `choose` gives for one-hot observations, `[N, S]`; 0 in a terminal state, where none
/// is taken.
pub(super) fn act(
    model: &Model,
    obs: &[f32],
    actions: &mut [usize],
    choose: impl Fn(usize) -> Option<usize>,
) -> Result<()> {
    for (obs, action) in obs.chunks_exact(model.n_states()).zip(actions) {
        *action = choose(state_of(obs)?).map_or(0, |pair| model.action(pair));
    }
    Ok(())
}

/// The state that a one-hot observation shows.
pub(super) fn state_of(obs: &[f32]) -> Result<usize> {
    obs.iter().position(|x| *x == 1.0).context("the observation is not one-hot")
}
