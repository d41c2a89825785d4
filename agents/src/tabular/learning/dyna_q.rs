//! Dyna-Q and Dyna-Q+ (Sutton 1990; Sutton & Barto 2018, sections 8.2 and 8.3).
//!
//! Q-learning from each transition, which is also stored; then `--planning` times Q-learning from the
//! stored outcome of a state and an action drawn at random. The last outcome is stored: where outcomes
//! are random, model-based keeps count of them instead. With `--kappa` above 0,
//! planning adds κ·√τ to the reward of what has not been tried for τ transitions, and takes what was
//! never tried in a state that was visited to lead back there with reward 0. One step is a transition.
use super::control::{Control, ControlLearner};
use super::estimates::Estimates;
use super::explorer::{Explorer, control_parameters};
use super::problem::Problem;
use super::q_learning::q_learning_target;
use super::states::States;
use super::step_size::StepSize;
use super::tabular_env::{TabularEnv, TabularTransition};
use anyhow::Result;
use bytemuck::cast_slice_mut;
use rand::Rng as _;
use train::{Checkpoint, Evaluation, Learner, Log, Progress, Rng, Split, stream};

control_parameters! {
    /// Hyper-parameters of [`DynaQ`].
    pub struct DynaQConfig {
        /// Step size α: a number, or `1/n` or `1/n^0.8` with the updates n of a state's action, those from
        /// memory too
        alpha: StepSize = StepSize::Of(0.1);
        /// Value of q before anything is known; one above all returns makes the agent try everything
        initial: f64 = 0.0, in f64::MIN..;
        /// Updates from memory after each transition
        planning: usize = 10, in 0..=1 << 20;
        /// Weight κ of the bonus for what has not been tried for long; 0 for Dyna-Q
        kappa: f64 = 0.0, in 0.0..;
    }
}

/// r + κ·√τ, with τ the transitions since the pair was tried.
pub fn bonus_reward(reward: f64, kappa: f64, elapsed: u64) -> f64 {
    reward + kappa * (elapsed as f64).sqrt()
}

/// Model: the last outcome of each pair.
#[derive(Default)]
struct Memory {
    /// Reward, `[S, A]`.
    rewards: Vec<f64>,
    /// State arrived in, `[S, A]`; or one of the two below.
    next: Vec<u32>,
    /// Transition in which it happened, counted from 1, `[S, A]`; 0 where it never did.
    tried: Vec<u64>,
    /// States visited, in the order of their first visits.
    visited: Vec<usize>,
}

/// The state was terminal.
const END: u32 = u32::MAX;
/// Never tried.
const NEVER: u32 = u32::MAX - 1;

impl Memory {
    fn grow(&mut self, n: usize) {
        self.rewards.resize(n, 0.0);
        self.next.resize(n, NEVER);
        self.tried.resize(n, 0);
    }

    fn remember(
        &mut self,
        transition: TabularTransition,
        row: std::ops::Range<usize>,
        index: usize,
        now: u64,
    ) {
        if self.next[row].iter().all(|next| *next == NEVER) {
            self.visited.push(transition.state);
        }
        self.rewards[index] = transition.reward;
        self.next[index] = transition.next_state.map_or(END, |state| state as u32);
        self.tried[index] = now;
    }

    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        checkpoint.bytes("memory.rewards", cast_slice_mut(&mut self.rewards))?;
        checkpoint.bytes("memory.next", cast_slice_mut(&mut self.next))?;
        checkpoint.bytes("memory.tried", cast_slice_mut(&mut self.tried))?;
        checkpoint.value("memory.visited", &mut self.visited)
    }

    /// Checks what was loaded of `n_states` states with `n_actions` actions, after `n_transitions` transitions.
    fn check(&self, checkpoint: &Checkpoint, states: &States, n_transitions: u64) -> Result<()> {
        let (n, n_actions) = (states.n(), states.n_actions());
        let finite = || self.rewards.iter().all(|reward| reward.is_finite());
        checkpoint.check("memory.rewards", "finite numbers are expected", finite)?;
        let expected = format!("each of the {n} states at most once is expected");
        let tried = |state: usize| {
            self.next[state * n_actions..][..n_actions].iter().any(|next| *next != NEVER)
        };
        checkpoint.check("memory.visited", &expected, || {
            let mut sorted = self.visited.clone();
            sorted.sort_unstable();
            sorted.dedup();
            sorted.len() == self.visited.len()
                && sorted.iter().all(|state| *state < n && tried(*state))
                && (0..n).filter(|state| tried(*state)).count() == sorted.len()
        })?;
        let expected = format!("transitions into one of the {n} states are expected");
        checkpoint.check("memory.next", &expected, || {
            self.next.iter().all(|next| [END, NEVER].contains(next) || (*next as usize) < n)
        })?;
        let expected = format!("transitions up to the last, {n_transitions}, are expected");
        checkpoint.check("memory.tried", &expected, || {
            self.tried
                .iter()
                .zip(&self.next)
                .all(|(tried, next)| *tried <= n_transitions && (*tried == 0) == (*next == NEVER))
        })
    }
}

/// Dyna-Q in the environment it learns in.
pub struct DynaQ {
    config: DynaQConfig,
    control: Control,
    memory: Memory,
    plan: Rng,
}

impl DynaQ {
    /// All values `initial`, nothing stored.
    ///
    /// # Errors
    /// [`BadValue`](train::BadValue) where a hyper-parameter is out of range.
    pub fn new(problem: Problem, config: DynaQConfig, seed: u64) -> Result<Self> {
        config.check()?;
        let env = TabularEnv::new(problem, config.gamma, seed)?;
        let q = Estimates::of_actions(&env.states, config.initial, config.alpha);
        let explorer = Explorer::new(config.epsilon(), seed);
        let control = Control { env, q, explorer, episodes: config.episodes() };
        let mut memory = Memory::default();
        memory.grow(control.q.values.len());
        Ok(Self { config, control, memory, plan: stream(seed, "plan") })
    }

    /// One planning update, from a stored outcome.
    fn plan(&mut self) {
        let Self { config, control: Control { env, q, .. }, memory, plan } = self;
        let state = memory.visited[plan.random_range(0..memory.visited.len())];
        let first = q.index(state, 0);
        // Dyna-Q+ thinks of every action there is, Dyna-Q of those it has tried.
        let thinkable = |action: &usize| match config.kappa {
            0.0 => memory.next[first + action] != NEVER,
            _ => env.states.allows(state, *action),
        };
        let n = (0..env.states.n_actions()).filter(thinkable).count();
        let sampled = plan.random_range(0..n.max(1));
        let Some(action) = (0..env.states.n_actions()).filter(thinkable).nth(sampled) else {
            return;
        };
        let index = first + action;
        let next = match memory.next[index] {
            END => None,
            NEVER => Some(state),
            next => Some(next as usize),
        };
        let elapsed = env.n_transitions - memory.tried[index];
        let reward = bonus_reward(memory.rewards[index], config.kappa, elapsed);
        let target = q_learning_target(reward, env.gamma, next.map(|state| q.row(state)));
        q.learn(index, target);
    }
}

impl Learner for DynaQ {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        let Self { config, control, memory, .. } = self;
        let action = control.explore(log);
        let transition = control.step(action, log)?;
        let Control { env, q, .. } = control;
        memory.grow(q.values.len());
        let TabularTransition { state, reward, next_state, .. } = transition;
        let target = q_learning_target(reward, env.gamma, next_state.map(|s| q.row(s)));
        let index = q.index(state, action);
        log.scalar("train/td_error", q.learn(index, target).abs());
        log.updated();
        let row = q.index(state, 0)..q.index(state + 1, 0);
        memory.remember(transition, row, index, env.n_transitions);
        for _ in 0..config.planning {
            self.plan();
            log.updated();
        }
        Ok(Progress::Advanced(1))
    }

    fn evaluate(&mut self, split: Split) -> Result<Evaluation> {
        self.control.evaluate(self, split)
    }

    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.control.state(checkpoint)?;
        let Control { env, q, .. } = &self.control;
        self.memory.grow(q.values.len());
        self.memory.state(checkpoint)?;
        self.memory.check(checkpoint, &env.states, env.n_transitions)?;
        checkpoint.value("plan", &mut self.plan)
    }
}

impl ControlLearner for DynaQ {
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

    /// `chain` from the left: exit 10, three cells, exit 1, end; actions left, right, exit.
    fn learner(kappa: f64) -> DynaQ {
        let mdp = GridWorld::new(&GridConfig::of(Layout::Chain)).unwrap();
        let config = DynaQConfig {
            gamma: Discount::Of(0.5),
            alpha: StepSize::Of(0.5),
            kappa,
            ..Default::default()
        };
        let mut learner = DynaQ::new(Problem::of(Arc::new(mdp), 10), config, 1).unwrap();
        let mut transition = |state, action, reward, next, now| {
            let transition = TabularTransition { state, reward, next_state: next, ended: false };
            let row = learner.control.q.index(state, 0)..learner.control.q.index(state + 1, 0);
            learner.memory.remember(transition, row.clone(), row.start + action, now);
        };
        transition(0, 2, 10.0, None, 1);
        transition(1, 0, 2.0, Some(0), 2);
        learner.control.env.n_transitions = 18;
        learner
    }

    #[test]
    fn plans_from_what_it_remembers() {
        let mut learner = learner(0.0);
        (0..200).for_each(|_| learner.plan());
        let q = |state, action| learner.control.q.row(state)[action];
        // The exit is worth 10, left of cell 1 2 + ½·10; what was not tried stays.
        assert!((q(0, 2) - 10.0).abs() < 1e-9 && (q(1, 0) - 7.0).abs() < 1e-9);
        assert_eq!([q(1, 1), q(2, 0)], [0.0, 0.0]);
        assert_eq!(q(0, 0), f64::NEG_INFINITY);
    }

    #[test]
    fn what_was_not_tried_for_long_gains() {
        assert_eq!(bonus_reward(2.0, 0.5, 16), 4.0);
        let mut learner = learner(0.5);
        (0..2_000).for_each(|_| learner.plan());
        let q = |state, action| learner.control.q.row(state)[action];
        // 10 + ½·√17 and 2 + ½·√16 + ½ of that; right of cell 1 leads back, with ½·√18.
        let exit = 10.0 + 0.5 * 17f64.sqrt();
        let left = 4.0 + 0.5 * exit;
        assert!((q(0, 2) - exit).abs() < 1e-9 && (q(1, 0) - left).abs() < 1e-9);
        assert!((q(1, 1) - (0.5 * 18f64.sqrt() + 0.5 * left)).abs() < 1e-9);
        assert_eq!([q(2, 0), q(0, 0)], [0.0, f64::NEG_INFINITY]);
    }
}
