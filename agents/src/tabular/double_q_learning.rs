//! Double Q-learning (van Hasselt 2010; Sutton & Barto 2018, section 6.7).
//!
//! Two tables; at each transition one of them, drawn by a fair coin, moves towards
//! r + γ·q₂(s', argmax_a' q₁(s', a')): one says which action is best, the other what it is worth, so
//! that luck in one is not taken for worth. Actions are ε-greedy in their mean. One step is a
//! transition.
use super::estimates::{Estimates, StepSize};
use super::experience::{Explorer, Task, World, best, control_parameters};
use super::{Model, Table};
use crate::Agent;
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
    config: DoubleQLearningConfig,
    world: World,
    tables: [Estimates; 2],
    /// (q₁ + q₂) / 2, `[S, A]`: what is acted by.
    mean: Estimates,
    explorer: Explorer,
    coin: Rng,
}

impl DoubleQLearning {
    /// All values `initial`.
    ///
    /// # Errors
    /// [`BadValue`](train::BadValue) where a hyper-parameter is out of range.
    pub fn new(task: Task, config: DoubleQLearningConfig, seed: u64) -> Result<Self> {
        config.check()?;
        let world = World::new(task, config.gamma, seed)?;
        let table = || Estimates::of_actions(&world.states, config.initial, config.alpha);
        let (tables, mean) = ([table(), table()], table());
        let explorer = Explorer::new(config.epsilon(), seed);
        Ok(Self { config, world, tables, mean, explorer, coin: stream(seed, "coin") })
    }
}

impl Learner for DoubleQLearning {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        let Self { world, tables, mean, explorer, coin, .. } = self;
        let action = explorer.choose(mean.row(world.state), world.seen);
        let moved = world.step(action, log)?;
        let [one, two] = tables;
        for table in [&mut *one, &mut *two, &mut *mean] {
            table.grow(&world.states);
        }
        let (learning, other) = if coin.random() { (one, two) } else { (two, one) };
        let next = moved.next.map(|state| (learning.row(state), other.row(state)));
        let target = double_q_target(moved.reward, world.gamma, next);
        let index = learning.index(moved.state, action);
        log.scalar("train/td_error", learning.learn(index, target).abs());
        mean.values[index] = (learning.values[index] + other.values[index]) / 2.0;
        log.scalar("train/epsilon", explorer.epsilon(world.seen));
        Ok(Progress::Advanced(1))
    }

    fn evaluate(&mut self, split: Split) -> Result<Evaluation> {
        self.world.evaluate(self, self.config.episodes(), split)
    }

    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.world.state(checkpoint)?;
        self.mean.state(&self.world.states, checkpoint)?;
        let [one, two] = &mut self.tables;
        one.state_as("one", &self.world.states, checkpoint)?;
        two.state_as("two", &self.world.states, checkpoint)?;
        self.explorer.state(checkpoint)?;
        checkpoint.value("coin", &mut self.coin)
    }
}

impl Agent for DoubleQLearning {
    fn act(&self, obs: &[f32], actions: &mut [usize]) -> Result<()> {
        self.mean.act(&self.world.states, obs, actions)
    }

    fn table(&self, model: &Model) -> Result<Option<Table>> {
        Ok(self.mean.table(&self.world.states, model))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn target_by_hand() {
        let (one, two) = ([1.0, 4.0, f64::NEG_INFINITY], [9.0, -2.0, f64::NEG_INFINITY]);
        assert_eq!(double_q_target(1.0, 0.5, Some((&one, &two))), 0.0);
        assert_eq!(double_q_target(1.0, 0.5, Some((&two, &one))), 1.5);
        assert_eq!(double_q_target(1.0, 0.5, None), 1.0);
    }
}
