//! Expected Sarsa (van Seijen et al. 2009; Sutton & Barto 2018, section 6.6), with n steps (section
//! 7.2).
//!
//! q(s, a) ← q(s, a) + α·[ r + γ·Σ_a' π(a' | s')·q(s', a') − q(s, a) ], where π is the ε-greedy policy
//! that is followed. With `--n`, the return of n steps takes the place of the first reward and what
//! follows. One step is a transition.
use super::estimates::{Estimates, StepSize};
use super::explorer::{Explorer, control_parameters, expected_value};
use super::returns::Recent;
use super::world::{Task, World};
use super::{Model, Table};
use crate::Agent;
use anyhow::Result;
use train::{Checkpoint, Evaluation, FirstUpdate, Learner, Log, Progress, Rng, Split};

control_parameters! {
    /// Hyper-parameters of [`ExpectedSarsa`].
    pub struct ExpectedSarsaConfig {
        /// Step size α: a number, or `1/n` or `1/n^0.8` with the visits n of a state's action
        alpha: StepSize = StepSize::Visits(0.6);
        /// Value of q before anything is known; one above all returns makes the agent try everything
        initial: f64 = 0.0, in f64::MIN..;
        /// Rewards in a return before it is bootstrapped
        n: usize = 1, in 1..=1 << 16;
    }
}

/// Expected Sarsa in the environment it learns in.
pub struct ExpectedSarsa {
    config: ExpectedSarsaConfig,
    world: World,
    q: Estimates,
    recent: Recent,
    explorer: Explorer,
}

impl ExpectedSarsa {
    /// All values `initial`.
    ///
    /// # Errors
    /// [`BadValue`](train::BadValue) where a hyper-parameter is out of range.
    pub fn new(task: Task, config: ExpectedSarsaConfig, seed: u64) -> Result<Self> {
        config.check()?;
        let world = World::new(task, config.gamma, seed)?;
        let q = Estimates::of_actions(&world.states, config.initial, config.alpha);
        let explorer = Explorer::new(config.epsilon(), seed);
        Ok(Self { config, world, q, recent: Recent::default(), explorer })
    }
}

impl Learner for ExpectedSarsa {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        let Self { config, world, q, recent, explorer } = self;
        log.scalar("train/epsilon", explorer.epsilon(world.seen));
        let action = explorer.choose(q.row(world.state), world.seen);
        let moved = world.step(action, log)?;
        q.grow(&world.states);
        let epsilon = explorer.epsilon(world.seen);
        let expected = moved.next.map_or(0.0, |state| expected_value(q.row(state), epsilon));
        let (index, bootstrap) = (q.index(moved.state, action), (world.gamma, expected));
        recent.push((index, moved.reward), config.n, moved.ended, bootstrap, |index, target| {
            log.scalar("train/td_error", q.learn(index, target).abs());
            log.updated();
        });
        Ok(Progress::Advanced(1))
    }

    fn first_update(&self) -> FirstUpdate {
        self.world.first_update(Some(self.config.n))
    }

    fn evaluate(&mut self, split: Split) -> Result<Evaluation> {
        self.world.evaluate(self, self.config.episodes(), split)
    }

    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.world.state(checkpoint)?;
        self.q.state(&self.world.states, checkpoint)?;
        self.explorer.state(checkpoint)?;
        self.recent.state(&self.q, checkpoint)
    }
}

impl Agent for ExpectedSarsa {
    fn act(&self, obs: &[f32], actions: &mut [usize]) -> Result<()> {
        self.q.act(&self.world.states, obs, actions)
    }

    fn draw(&self, obs: &[f32], rngs: &mut [Rng], actions: &mut [usize]) -> Result<()> {
        self.q.draw(&self.world.states, obs, rngs, actions)
    }

    fn table(&self, model: &Model) -> Result<Option<Table>> {
        Ok(self.q.table(&self.world.states, model))
    }
}
