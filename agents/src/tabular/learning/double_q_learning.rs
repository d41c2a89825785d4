//! Double Q-learning (van Hasselt 2010; Sutton & Barto 2018, section 6.7).
//!
//! Two tables; at each transition one of them, drawn by a fair coin, moves towards
//! r + γ·q₂(s', argmax_a' q₁(s', a')): one selects the action, the other evaluates it, which avoids
//! maximisation bias. Actions are ε-greedy in their mean. One step is a transition.
use super::control::{Control, ControlLearner};
use super::estimates::Estimates;
use super::explorer::{Explorer, control_parameters};
use super::problem::Problem;
use super::step_size::StepSize;
use super::tabular_env::{TabularEnv, TabularTransition};
use crate::tabular::greedy::best;
use anyhow::Result;
use rand::Rng as _;
use train::{Checkpoint, Evaluation, Learner, Log, Progress, Rng, Split, stream};

control_parameters! {
    /// Hyper-parameters of [`DoubleQLearning`].
    pub struct DoubleQLearningConfig {
        /// Step size α: a number, or `1/n` or `1/n^0.8` with the visits n of a state's action
        alpha: StepSize = StepSize::Visits(0.6);
        /// Value of q before anything is known; one above all returns makes the agent try everything
        initial: f64 = 0.0, in f64::MIN..;
    }
}

/// y = r + γ·q₂(s', argmax_a' q₁(s', a')), without the second term where s' is terminal; `next` is
/// q₁(s', ·) and q₂(s', ·), `[A]` each, −∞ where an action is not available.
pub fn double_q_target(reward: f64, gamma: f64, next: Option<(&[f64], &[f64])>) -> f64 {
    let worth = |(one, two): (&[f64], &[f64])| best(one).map_or(0.0, |action| two[action]);
    reward + gamma * next.map_or(0.0, worth)
}

/// Double Q-learning in the environment it learns in.
pub struct DoubleQLearning {
    /// Its q is (q₁ + q₂) / 2.
    control: Control,
    tables: [Estimates; 2],
    coin: Rng,
}

impl DoubleQLearning {
    /// All values `initial`.
    ///
    /// # Errors
    /// [`BadValue`](train::BadValue) where a hyper-parameter is out of range.
    pub fn new(problem: Problem, config: DoubleQLearningConfig, seed: u64) -> Result<Self> {
        config.check()?;
        let env = TabularEnv::new(problem, config.gamma, seed)?;
        let table = || Estimates::of_actions(&env.states, config.initial, config.alpha);
        let (tables, q) = ([table(), table()], table());
        let explorer = Explorer::new(config.epsilon(), seed);
        let control = Control { env, q, explorer, episodes: config.episodes() };
        Ok(Self { control, tables, coin: stream(seed, "coin") })
    }
}

impl Learner for DoubleQLearning {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        let Self { control, tables, coin } = self;
        let action = control.explore(log);
        let TabularTransition { state, reward, next_state, .. } = control.step(action, log)?;
        let Control { env, q: mean, .. } = control;
        tables.iter_mut().for_each(|table| table.grow(&env.states));
        let [one, two] = tables;
        let (learning, other) = if coin.random() { (one, two) } else { (two, one) };
        let next = next_state.map(|state| (learning.row(state), other.row(state)));
        let target = double_q_target(reward, env.gamma, next);
        let index = learning.index(state, action);
        log.scalar("train/td_error", learning.learn(index, target).abs());
        log.updated();
        mean.values[index] = (learning.values[index] + other.values[index]) / 2.0;
        Ok(Progress::Advanced(1))
    }

    fn evaluate(&mut self, split: Split) -> Result<Evaluation> {
        self.control.evaluate(self, split)
    }

    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.control.state(checkpoint)?;
        let [one, two] = &mut self.tables;
        one.state_as("one", &self.control.env.states, checkpoint)?;
        two.state_as("two", &self.control.env.states, checkpoint)?;
        checkpoint.value("coin", &mut self.coin)
    }
}

impl ControlLearner for DoubleQLearning {
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
    fn each_table_learns_from_the_other() {
        // `chain` from cell 2 or 3: left to a cell where the tables disagree; γ = α = ½.
        let mut transition = [0, 0];
        for seed in 1..=40 {
            let mdp = GridWorld::new(&GridConfig::of(Layout::Chain)).unwrap();
            let config = DoubleQLearningConfig {
                gamma: Discount::Of(0.5),
                alpha: StepSize::Of(0.5),
                epsilon_start: 0.0,
                epsilon_end: 0.0,
                ..Default::default()
            };
            let mut learner =
                DoubleQLearning::new(Problem::of(Arc::new(mdp), 10), config, seed).unwrap();
            let state = learner.control.env.state;
            if state == 1 {
                continue;
            }
            let (here, there) =
                (learner.control.q.index(state, 0), learner.control.q.index(state - 1, 0));
            learner.tables[0].values[there..there + 2].copy_from_slice(&[1.0, 4.0]);
            learner.tables[1].values[there..there + 2].copy_from_slice(&[9.0, -2.0]);
            learner.control.q.values[here] = 1.0;
            learner.step(&mut Log::default()).unwrap();
            let left = [0, 1].map(|table| learner.tables[table].values[here]);
            // The first finds right best, of which the second thinks −2: ½·½·(−2). The second finds
            // left best, of which the first thinks 1: ½·½·1. Q-learning would find 1 and 2¼.
            match left {
                [-0.5, 0.0] => transition[0] += 1,
                [0.0, 0.25] => transition[1] += 1,
                _ => panic!("{left:?}"),
            }
            assert_eq!(learner.control.q.values[here], (left[0] + left[1]) / 2.0);
        }
        assert!(transition[0] > 3 && transition[1] > 3, "{transition:?}");
    }

    #[test]
    fn target_by_hand() {
        let (one, two) = ([1.0, 4.0, f64::NEG_INFINITY], [9.0, -2.0, f64::NEG_INFINITY]);
        assert_eq!(double_q_target(1.0, 0.5, Some((&one, &two))), 0.0);
        assert_eq!(double_q_target(1.0, 0.5, Some((&two, &one))), 1.5);
        assert_eq!(double_q_target(1.0, 0.5, None), 1.0);
    }
}
