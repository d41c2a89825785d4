//! Expected Sarsa (van Seijen et al. 2009; Sutton & Barto 2018, section 6.6), with n steps (section
//! 7.2).
//!
//! q(s, a) ← q(s, a) + α·[ r + γ·Σ_a' π(a' | s')·q(s', a') − q(s, a) ], where π is the ε-greedy policy
//! that is followed. With `--n`, the return of n steps takes the place of the first reward and what
//! follows. One step is a transition.
use super::estimates::Estimates;
use super::explorer::{Explorer, control_parameters};
use super::n_step::NStep;
use super::problem::Problem;
use super::step_size::StepSize;
use super::tabular_env::TabularEnv;
use crate::Agent;
use crate::tabular::greedy::expected_value;
use crate::tabular::model::Model;
use crate::tabular::table::Table;
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
    env: TabularEnv,
    q: Estimates,
    recent: NStep,
    explorer: Explorer,
}

impl ExpectedSarsa {
    /// All values `initial`.
    ///
    /// # Errors
    /// [`BadValue`](train::BadValue) where a hyper-parameter is out of range.
    pub fn new(problem: Problem, config: ExpectedSarsaConfig, seed: u64) -> Result<Self> {
        config.check()?;
        let env = TabularEnv::new(problem, config.gamma, seed)?;
        let q = Estimates::of_actions(&env.states, config.initial, config.alpha);
        let explorer = Explorer::new(config.epsilon(), seed);
        Ok(Self { config, env, q, recent: NStep::default(), explorer })
    }
}

impl Learner for ExpectedSarsa {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        let Self { config, env, q, recent, explorer } = self;
        log.scalar("train/epsilon", explorer.epsilon(env.seen));
        let action = explorer.choose(q.row(env.state), env.seen);
        let transition = env.step(action, log)?;
        q.grow(&env.states);
        let epsilon = explorer.epsilon(env.seen);
        let expected =
            transition.next_state.map_or(0.0, |state| expected_value(q.row(state), epsilon));
        let (index, bootstrap) = (q.index(transition.state, action), (env.gamma, expected));
        recent.push(
            (index, transition.reward),
            config.n,
            transition.ended,
            bootstrap,
            |index, target| {
                log.scalar("train/td_error", q.learn(index, target).abs());
                log.updated();
            },
        );
        Ok(Progress::Advanced(1))
    }

    fn first_update(&self) -> FirstUpdate {
        self.env.first_update(Some(self.config.n))
    }

    fn evaluate(&mut self, split: Split) -> Result<Evaluation> {
        self.env.evaluate(self, self.config.episodes(), split)
    }

    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.env.state(checkpoint)?;
        self.q.state(&self.env.states, checkpoint)?;
        self.explorer.state(checkpoint)?;
        self.recent.state(&self.q, checkpoint)
    }
}

impl Agent for ExpectedSarsa {
    fn act(&self, obs: &[f32], actions: &mut [usize]) -> Result<()> {
        self.q.act(&self.env.states, obs, actions)
    }

    fn draw(&self, obs: &[f32], rngs: &mut [Rng], actions: &mut [usize]) -> Result<()> {
        self.q.draw(&self.env.states, obs, rngs, actions)
    }

    fn table(&self, model: &Model) -> Result<Option<Table>> {
        Ok(self.q.table(&self.env.states, model))
    }
}
