//! A model of the MDP from experience, and planning in it (certainty equivalence: Kumar & Varaiya
//! 1986; Sutton 1990; optimism about what was never tried as in R-max, Brafman & Tennenholtz 2002).
//!
//! p̂(s' | s, a) is the share of the visits of (s, a) after which s' came, r̂(s, a) their mean reward.
//! Every `--plan-every` transitions q(s, a) ← r̂(s, a) + γ·Σ_s' p̂(s' | s, a)·max_a' q(s', a') is swept
//! over all pairs that were tried until it hardly changes, from its last values; the others keep
//! `--initial`. One step is a transition.
use super::control::{Control, ControlLearner};
use super::estimates::Estimates;
use super::explorer::{Explorer, control_parameters};
use super::problem::Problem;
use super::step_size::StepSize;
use super::tabular_env::{TabularEnv, Transition};
use crate::tabular::greedy::max;
use crate::tabular::model::{larger, moves};
use anyhow::Result;
use bytemuck::cast_slice_mut;
use train::{Checkpoint, Evaluation, FirstUpdate, Learner, Log, Progress, Split};

control_parameters! {
    /// Hyper-parameters of [`ModelBased`].
    pub struct ModelBasedConfig {
        /// Value of q before anything is known; one above all returns makes the agent try everything
        initial: f64 = 0.0, in f64::MIN..;
        /// Transitions from one planning to the next
        plan_every: u64 = 100, in 1..;
        /// Planning ends once no value changes by more than this part of itself in a sweep
        tolerance: f64 = 1e-6, in 0.0..;
        /// Sweeps of a planning at most
        sweeps: usize = 100, in 1..;
    }
}

/// Next states of a pair, with the number of times it led there; `None` is the end.
type Outcomes = Vec<(Option<u32>, u32)>;

/// r̂ + γ·Σ_s' p̂(s')·v(s') of a pair that was tried `visits` times, with the mean of the rewards that
/// sum to `rewards`, and the end worth 0; `values` is v, `[S]`.
pub fn estimated_q(
    (rewards, visits): (f64, u32),
    outcomes: &[(Option<u32>, u32)],
    gamma: f64,
    values: &[f64],
) -> f64 {
    (rewards + gamma * after(outcomes, |state| values[state])) / f64::from(visits)
}

/// Σ n(s')·v(s') over the outcomes of a pair, the end worth 0.
fn after(outcomes: &[(Option<u32>, u32)], value: impl Fn(usize) -> f64) -> f64 {
    let worth = |(next, count): &(Option<u32>, u32)| {
        f64::from(*count) * next.map_or(0.0, |state| value(state as usize))
    };
    outcomes.iter().map(worth).sum()
}

/// A model, and the values planned in it.
pub struct ModelBased {
    config: ModelBasedConfig,
    control: Control,
    /// Sum of rewards, `[S, A]`.
    rewards: Vec<f64>,
    /// Number of visits of each pair, `[S, A]`.
    visits: Vec<u32>,
    /// `[S, A]`.
    outcomes: Vec<Outcomes>,
}

impl ModelBased {
    /// All values `initial`, nothing seen.
    ///
    /// # Errors
    /// [`BadValue`](train::BadValue) where a hyper-parameter is out of range.
    pub fn new(problem: Problem, config: ModelBasedConfig, seed: u64) -> Result<Self> {
        config.check()?;
        let env = TabularEnv::new(problem, config.gamma, seed)?;
        let q = Estimates::of_actions(&env.states, config.initial, StepSize::Of(1.0));
        let explorer = Explorer::new(config.epsilon(), seed);
        let control = Control { env, q, explorer, episodes: config.episodes() };
        let (rewards, visits, outcomes) = (Vec::new(), Vec::new(), Vec::new());
        let mut learner = Self { config, control, rewards, visits, outcomes };
        learner.grow();
        Ok(learner)
    }

    /// Makes room for states that have been met since.
    fn grow(&mut self) {
        let n = self.control.q.values.len();
        self.rewards.resize(n, 0.0);
        self.visits.resize(n, 0);
        self.outcomes.resize(n, Vec::new());
    }

    fn remember(&mut self, index: usize, reward: f64, next: Option<usize>) {
        self.rewards[index] += reward;
        self.visits[index] = self.visits[index].saturating_add(1);
        let next = next.map(|state| state as u32);
        match self.outcomes[index].iter_mut().find(|(state, _)| *state == next) {
            Some((_, count)) => *count = count.saturating_add(1),
            None => self.outcomes[index].push((next, 1)),
        }
    }

    /// Sweeps until the values hardly change, and returns by how much they still did.
    fn plan(&mut self) -> f64 {
        let Self { config, control: Control { env, q, .. }, rewards, visits, outcomes } = self;
        let (n_states, n_actions) = (env.states.n(), env.states.n_actions());
        let tried: Vec<usize> = (0..visits.len()).filter(|&index| visits[index] > 0).collect();
        let mut values: Vec<f64> = (0..n_states).map(|state| max(q.row(state))).collect();
        let mut residual = 0.0;
        for _ in 0..config.sweeps {
            let mut moving = false;
            residual = 0.0;
            for &index in &tried {
                let seen = (rewards[index], visits[index]);
                let (old, gamma) = (q.values[index], env.gamma);
                let new = estimated_q(seen, &outcomes[index], gamma, &values);
                let magnitude = || {
                    let after = after(&outcomes[index], |state| values[state].abs());
                    (rewards[index].abs() + gamma * after) / f64::from(visits[index])
                };
                moving = moving || moves(new, old, config.tolerance, magnitude);
                residual = larger(residual, (new - old).abs());
                q.values[index] = new;
                let state = index / n_actions;
                values[state] = max(q.row(state));
            }
            if !moving {
                break;
            }
        }
        residual
    }
}

impl Learner for ModelBased {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        let action = self.control.explore(log);
        let Transition { state, reward, next_state, .. } = self.control.step(action, log)?;
        self.grow();
        let index = self.control.q.index(state, action);
        self.remember(index, reward, next_state);
        if self.control.env.seen.is_multiple_of(self.config.plan_every) {
            log.scalar("train/residual", self.plan());
            log.updated();
        }
        Ok(Progress::Advanced(1))
    }

    fn first_update(&self) -> FirstUpdate {
        let every = self.config.plan_every;
        let waits_for =
            format!("the first one comes after {every} transitions (--plan-every {every})");
        FirstUpdate::at(every, 1, waits_for)
    }

    fn evaluate(&mut self, split: Split) -> Result<Evaluation> {
        self.control.evaluate(self, split)
    }

    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.control.state(checkpoint)?;
        self.grow();
        checkpoint.bytes("rewards", cast_slice_mut(&mut self.rewards))?;
        checkpoint.check("rewards", "finite numbers are expected", || {
            self.rewards.iter().all(|reward| reward.is_finite())
        })?;
        checkpoint.value("outcomes", &mut self.outcomes)?;
        let (n, rows) = (self.control.env.states.n(), self.rewards.len());
        let known = |(next, count): &(Option<u32>, u32)| {
            *count > 0 && next.is_none_or(|state| (state as usize) < n)
        };
        let expected = format!("{rows} lists of what led to one of the {n} states are expected");
        checkpoint.check("outcomes", &expected, || {
            self.outcomes.len() == rows && self.outcomes.iter().flatten().all(known)
        })?;
        let visits = |outcomes: &Outcomes| {
            outcomes.iter().fold(0u32, |sum, (_, count)| sum.saturating_add(*count))
        };
        self.visits = self.outcomes.iter().map(visits).collect();
        Ok(())
    }
}

impl ControlLearner for ModelBased {
    fn control(&self) -> &Control {
        &self.control
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tabular::Discount;
    use envs::{GridConfig, GridWorld, Layout};
    use std::sync::Arc;

    #[test]
    fn estimates_by_hand() {
        // Four visits that earned 6 in all: twice to 0, once to 1, once to the end.
        let outcomes = [(Some(0), 2), (None, 1), (Some(1), 1)];
        assert_eq!(estimated_q((6.0, 4), &outcomes, 0.5, &[8.0, 4.0]), (6.0 + 0.5 * 20.0) / 4.0);
    }

    #[test]
    fn plans_in_what_was_seen() {
        // `chain` from the left: exit 10, three cells, exit 1, end; actions left, right, exit.
        let mdp = GridWorld::new(&GridConfig::of(Layout::Chain)).unwrap();
        let config =
            ModelBasedConfig { gamma: Discount::Of(0.5), initial: 6.0, ..Default::default() };
        let mut learner = ModelBased::new(Problem::of(Arc::new(mdp), 10), config, 1).unwrap();
        learner.remember(2, 10.0, None);
        for next in [0, 0, 1, 0] {
            learner.remember(3, 1.0, Some(next));
        }
        learner.plan();
        // Of cell 1 to the left: q = 1 + ½·(¾·10 + ¼·max(q, 6)), the 6 being what is hoped of the right.
        assert_eq!(learner.control.q.row(0), [f64::NEG_INFINITY, f64::NEG_INFINITY, 10.0]);
        assert_eq!(learner.control.q.row(1), [5.5, 6.0, f64::NEG_INFINITY]);
    }
}
