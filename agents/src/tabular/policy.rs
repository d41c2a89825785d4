//! A given policy π(a | s), to be evaluated.
mod solve;

pub(crate) use solve::solve;

use super::choice::Choice;
use super::discounted_mdp::DiscountedMdp;
use super::model::Model;
use super::table::Table;
use crate::actions::Mode;
use anyhow::{Result, anyhow, bail};
use bytemuck::cast_slice_mut;
use envs::Mdp;
use rand::Rng as _;
use std::fmt::Display;
use train::{BadValue, Checkpoint, Rng};

/// Tolerance of the sum of a state's probabilities, around 1.
const TOLERANCE: f64 = 1e-6;

/// Probability of each available action in each state, π(a | s).
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// π(a | s) by pair, `[P]`.
    probs: Vec<f64>,
}

impl Policy {
    /// Every available action is as probable as the others.
    pub fn uniform(model: &Model) -> Self {
        let mut probs = vec![0.0; model.n_pairs()];
        for state in 0..model.n_states() {
            let pairs = model.pairs(state);
            let prob = 1.0 / pairs.len() as f64;
            probs[pairs].fill(prob);
        }
        Self { probs }
    }

    /// The policy of `choices`, `[S]`; a terminal state has none.
    ///
    /// # Errors
    /// If there are not as many choices as states; names the first state whose choice is none,
    /// takes an action it does not have, or is no distribution.
    pub fn of(choices: &[Option<Choice>], mdp: &dyn Mdp, model: &Model) -> Result<Self> {
        if choices.len() != model.n_states() {
            bail!("the policy is for {} states, there are {}", choices.len(), model.n_states());
        }
        let mut policy = Self { probs: vec![0.0; model.n_pairs()] };
        for (state, choice) in choices.iter().enumerate() {
            policy.set(state, choice.as_ref(), model).map_err(|why| {
                let actions = model.pairs(state).map(|pair| model.action(pair));
                let actions: Vec<_> =
                    actions.map(|a| format!("{a} {}", mdp.action_name(a))).collect();
                let has = match actions.is_empty() {
                    true => "no action".to_owned(),
                    false => format!("the actions {}", actions.join(", ")),
                };
                anyhow!("state {} ({state}): {why}; it has {has}", mdp.state_name(state))
            })?;
        }
        Ok(policy)
    }

    fn set(&mut self, state: usize, choice: Option<&Choice>, model: &Model) -> Result<()> {
        let pair = |action| model.pairs(state).find(|pair| model.action(*pair) == action);
        match choice {
            None if model.pairs(state).is_empty() => {}
            None => bail!("no action is given"),
            Some(Choice::Action(action)) => match pair(*action) {
                Some(pair) => self.probs[pair] = 1.0,
                None => bail!("action {action} is not available"),
            },
            Some(Choice::Probabilities(probs)) => {
                if probs.len() != model.n_actions() {
                    bail!("{} probabilities, {} are expected", probs.len(), model.n_actions());
                }
                let sum: f64 = probs.iter().sum();
                if probs.iter().any(|prob| !(0.0..=1.0).contains(prob))
                    || (sum - 1.0).abs() > TOLERANCE
                {
                    bail!("{probs:?} are no probabilities: they sum to {sum}, not to 1");
                }
                for (action, prob) in probs.iter().enumerate().filter(|(_, prob)| **prob > 0.0) {
                    match pair(action) {
                        Some(pair) => self.probs[pair] = prob / sum,
                        None => bail!("action {action} is not available"),
                    }
                }
            }
        }
        Ok(())
    }

    /// π(a | s) of a pair.
    pub fn prob(&self, pair: usize) -> f64 {
        self.probs[pair]
    }

    /// Action of a state; `None` where it is terminal.
    pub fn choice(&self, model: &Model, state: usize) -> Option<Choice> {
        let mut probs = vec![0.0; model.n_actions()];
        for pair in model.pairs(state) {
            if self.probs[pair] == 1.0 {
                return Some(Choice::Action(model.action(pair)));
            }
            probs[model.action(pair)] = self.probs[pair];
        }
        (!model.pairs(state).is_empty()).then_some(Choice::Probabilities(probs))
    }

    /// Draws an action; `None` where the state is terminal.
    pub fn draw(&self, model: &Model, state: usize, rng: &mut Rng) -> Option<usize> {
        let mut roll: f64 = rng.random();
        let mut drawn = None;
        // Rounding may leave a little of the roll: then the last action is drawn.
        for pair in model.pairs(state).filter(|&pair| self.probs[pair] > 0.0) {
            drawn = Some(model.action(pair));
            roll -= self.probs[pair];
            if roll < 0.0 {
                break;
            }
        }
        drawn
    }

    /// Σ_a π(a | s)·[ r(s, a) + γ·Σ_s' p(s' | s, a)·v(s') ]; 0 where s is terminal.
    pub fn backup(&self, model: &Model, state: usize, values: &[f64], gamma: f64) -> f64 {
        let taken = model.pairs(state).filter(|&pair| self.probs[pair] > 0.0);
        taken.map(|pair| self.probs[pair] * model.q(pair, values, gamma)).sum()
    }

    /// Sum of the magnitudes that a backup of a state adds up.
    pub(super) fn magnitude(&self, model: &Model, state: usize, values: &[f64], gamma: f64) -> f64 {
        let worth = |pair| self.probs[pair] * model.worth(pair, values, gamma).magnitude;
        model.pairs(state).filter(|&pair| self.probs[pair] > 0.0).map(worth).sum()
    }

    /// v^π, `[S]`, exactly.
    ///
    /// # Errors
    /// Those of [`check_proper`](Self::check_proper).
    pub fn values(&self, problem: &DiscountedMdp) -> Result<Vec<f64>> {
        self.check_proper(problem)?;
        solve(&problem.model, problem.gamma, &self.probs)
    }

    /// With γ = 1, a policy must come from everywhere to an end, or to where nothing is paid any more.
    ///
    /// # Errors
    /// Names the first state from which it never does.
    pub fn check_proper(&self, problem: &DiscountedMdp) -> Result<()> {
        match problem.lost(|pair| self.probs[pair] > 0.0) {
            None => Ok(()),
            Some(state) => bail!(
                "the policy never ends an episode from state {}: with a discount of 1 its value \
                 may be infinite; give a --gamma below 1, or another --policy",
                problem.state_name(state)
            ),
        }
    }

    /// The answer for `values`: this policy, and q one step ahead.
    pub fn table(&self, problem: &DiscountedMdp, values: &[f64]) -> Table {
        let mut table = problem.table(values, problem.worth(values));
        for (state, choice) in table.policy.iter_mut().enumerate() {
            *choice = self.choice(&problem.model, state);
        }
        table
    }

    /// The first of the most probable actions of a state; `None` where it is terminal.
    pub fn likeliest(&self, model: &Model, state: usize) -> Option<usize> {
        let more = |best: usize, pair: usize| match self.probs[pair] > self.probs[best] {
            true => pair,
            false => best,
        };
        model.pairs(state).reduce(more).map(|pair| model.action(pair))
    }

    /// Its action in a state: the most probable one, or one that `rng` draws. `None` where the state is
    /// terminal.
    pub(super) fn act(
        &self,
        model: &Model,
        state: usize,
        mode: Mode,
        rng: &mut Rng,
    ) -> Option<usize> {
        match mode {
            Mode::Greedy => self.likeliest(model, state),
            Mode::Sampled => self.draw(model, state, rng),
        }
    }

    /// Saves the policy as `file`, or refuses to go on where another was saved: its file, `name`, given
    /// by `flag`, has changed since.
    pub(super) fn state(
        &self,
        checkpoint: &mut Checkpoint,
        file: &str,
        (flag, name): (&str, &dyn Display),
    ) -> Result<()> {
        let mut saved = self.probs.clone();
        checkpoint.bytes(file, cast_slice_mut(&mut saved))?;
        if saved != self.probs {
            let why = "it is no longer the policy that this run was started with: put that one back, \
                       or start a new run";
            return Err(BadValue::new(flag, name, why).into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
