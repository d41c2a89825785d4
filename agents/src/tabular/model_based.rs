//! A model of the MDP from what was seen, and planning in it (certainty equivalence: Kumar & Varaiya
//! 1986; Sutton 1990; optimism about what was never tried as in R-max, Brafman & Tennenholtz 2002).
//!
//! p̂(s' | s, a) is the share of the visits of (s, a) after which s' came, r̂(s, a) their mean reward.
//! Every `--plan-every` transitions q(s, a) ← r̂(s, a) + γ·Σ_s' p̂(s' | s, a)·max_a' q(s', a') is swept
//! over all pairs that were tried until it hardly changes, from what it was; the others keep
//! `--initial`. One step is a transition.
use super::estimates::{Estimates, StepSize};
use super::experience::{Explorer, Task, World, control_parameters, max};
use super::model::{change, larger};
use super::{Model, Table};
use crate::Agent;
use anyhow::Result;
use bytemuck::cast_slice_mut;
use train::{Checkpoint, Evaluation, Learner, Log, Progress, Split};

control_parameters! {
    /// Hyper-parameters of [`ModelBased`].
    pub struct ModelBasedConfig {
        /// Value of q before anything is known; one above all returns makes the agent try everything
        initial: f64 = 0.0, in f64::MIN..;
        /// Transitions from one planning to the next
        plan_every: u64 = 100, in 1..;
        /// Planning ends once no value changes by more in a sweep (relative beyond 1)
        tolerance: f64 = 1e-6, in 0.0..;
        /// Sweeps of a planning at most
        sweeps: usize = 100, in 1..;
    }
}

/// Where a pair led when it was tried, and how often; `None` stands for the end.
type Outcomes = Vec<(Option<u32>, u32)>;

/// r̂ + γ·Σ_s' p̂(s')·v(s'), with the mean of the rewards that sum to `rewards`, and the end worth 0;
/// `None` where the pair was never tried.
pub fn estimated_q(
    rewards: f64,
    outcomes: &[(Option<u32>, u32)],
    gamma: f64,
    value: impl Fn(usize) -> f64,
) -> Option<f64> {
    let visits: u32 = outcomes.iter().map(|(_, count)| count).sum();
    let worth = |(next, count): &(Option<u32>, u32)| {
        f64::from(*count) * next.map_or(0.0, |state| value(state as usize))
    };
    let after: f64 = outcomes.iter().map(worth).sum();
    (visits > 0).then(|| (rewards + gamma * after) / f64::from(visits))
}

/// A model, and the values planned in it.
pub struct ModelBased {
    config: ModelBasedConfig,
    world: World,
    q: Estimates,
    /// Sum of rewards, `[S, A]`.
    rewards: Vec<f64>,
    /// `[S, A]`.
    outcomes: Vec<Outcomes>,
    explorer: Explorer,
}

impl ModelBased {
    /// All values `initial`, nothing seen.
    ///
    /// # Errors
    /// [`BadValue`](train::BadValue) where a hyper-parameter is out of range.
    pub fn new(task: Task, config: ModelBasedConfig, seed: u64) -> Result<Self> {
        config.check()?;
        let world = World::new(task, config.gamma, seed)?;
        let q = Estimates::of_actions(&world.states, config.initial, StepSize::Of(1.0));
        let (rewards, outcomes) = (vec![0.0; q.values.len()], vec![Vec::new(); q.values.len()]);
        let explorer = Explorer::new(config.epsilon(), seed);
        Ok(Self { config, world, q, rewards, outcomes, explorer })
    }

    fn remember(&mut self, index: usize, reward: f64, next: Option<usize>) {
        self.rewards[index] += reward;
        let next = next.map(|state| state as u32);
        match self.outcomes[index].iter_mut().find(|(state, _)| *state == next) {
            Some((_, count)) => *count = count.saturating_add(1),
            None => self.outcomes[index].push((next, 1)),
        }
    }

    /// Sweeps until the values hardly change, and returns by how much they still did.
    fn plan(&mut self) -> f64 {
        let Self { config, world, q, rewards, outcomes, .. } = self;
        let mut residual = 0.0;
        for _ in 0..config.sweeps {
            residual = 0.0;
            for (index, outcomes) in outcomes.iter().enumerate() {
                let value = |state| max(q.row(state));
                let new = estimated_q(rewards[index], outcomes, world.gamma, value);
                if let Some(new) = new {
                    residual = larger(residual, change(new, q.values[index]));
                    q.values[index] = new;
                }
            }
            if residual <= config.tolerance {
                break;
            }
        }
        residual
    }
}

impl Learner for ModelBased {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        let Self { config, world, q, rewards, outcomes, explorer } = self;
        let action = explorer.choose(q.row(world.state), world.seen);
        log.scalar("train/epsilon", explorer.epsilon(world.seen));
        let moved = world.step(action, log)?;
        q.grow(&world.states);
        rewards.resize(q.values.len(), 0.0);
        outcomes.resize(q.values.len(), Vec::new());
        let due = world.seen.is_multiple_of(config.plan_every);
        let index = q.index(moved.state, action);
        self.remember(index, moved.reward, moved.next);
        if due {
            log.scalar("train/residual", self.plan());
        }
        Ok(Progress::Advanced(1))
    }

    fn evaluate(&mut self, split: Split) -> Result<Evaluation> {
        self.world.evaluate(self, self.config.episodes(), split)
    }

    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.world.state(checkpoint)?;
        self.q.state(&self.world.states, checkpoint)?;
        self.explorer.state(checkpoint)?;
        self.rewards.resize(self.q.values.len(), 0.0);
        checkpoint.bytes("rewards", cast_slice_mut(&mut self.rewards))?;
        checkpoint.value("outcomes", &mut self.outcomes)
    }
}

impl Agent for ModelBased {
    fn act(&self, obs: &[f32], actions: &mut [usize]) -> Result<()> {
        self.q.act(&self.world.states, obs, actions)
    }

    fn table(&self, model: &Model) -> Result<Option<Table>> {
        Ok(self.q.table(&self.world.states, model))
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
        let value = |state| [8.0, 4.0][state];
        // Four visits that earned 6 in all: twice to 0, once to 1, once to the end.
        let outcomes = [(Some(0), 2), (None, 1), (Some(1), 1)];
        assert_eq!(estimated_q(6.0, &outcomes, 0.5, value), Some((6.0 + 0.5 * 20.0) / 4.0));
        assert_eq!(estimated_q(0.0, &[], 0.5, value), None);
    }

    #[test]
    fn plans_in_what_was_seen() {
        // `chain` from the left: exit 10, three cells, exit 1, end; actions left, right, exit.
        let mdp = GridWorld::new(&GridConfig::of(Layout::Chain)).unwrap();
        let config =
            ModelBasedConfig { gamma: Discount::Of(0.5), initial: 6.0, ..Default::default() };
        let mut learner = ModelBased::new(Task::of(Arc::new(mdp), 10), config, 1).unwrap();
        learner.remember(2, 10.0, None);
        for next in [0, 0, 1, 0] {
            learner.remember(3, 1.0, Some(next));
        }
        learner.plan();
        // Of cell 1 to the left: q = 1 + ½·(¾·10 + ¼·max(q, 6)), the 6 being what is hoped of the right.
        assert_eq!(learner.q.row(0), [f64::NEG_INFINITY, f64::NEG_INFINITY, 10.0]);
        assert_eq!(learner.q.row(1), [5.5, 6.0, f64::NEG_INFINITY]);
    }
}
