//! Expected Sarsa (van Seijen et al. 2009; Sutton & Barto 2018, section 6.6), with n steps (section
//! 7.2).
//!
//! q(s, a) ← q(s, a) + α·[ r + γ·Σ_a' π(a' | s')·q(s', a') − q(s, a) ], where π is the ε-greedy policy
//! that is followed. With `--n`, the return of n steps takes the place of the first reward and what
//! follows. One step is a transition.
use super::control::{Control, ControlLearner};
use super::estimates::Estimates;
use super::explorer::{Explorer, control_parameters};
use super::n_step::NStep;
use super::problem::Problem;
use super::step_size::StepSize;
use super::tabular_env::{TabularEnv, TabularTransition};
use crate::tabular::greedy::expected_value;
use anyhow::Result;
use train::{Checkpoint, Evaluation, FirstUpdate, Learner, Log, Progress, Split};

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
    control: Control,
    n_step: NStep,
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
        let control = Control { env, q, explorer, episodes: config.episodes() };
        Ok(Self { config, control, n_step: NStep::default() })
    }
}

impl Learner for ExpectedSarsa {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        let Self { config, control, n_step } = self;
        let action = control.explore(log);
        let TabularTransition { state, reward, next_state, ended } = control.step(action, log)?;
        let Control { env, q, explorer, .. } = control;
        let epsilon = explorer.epsilon(env.n_transitions);
        let expected = next_state.map_or(0.0, |state| expected_value(q.row(state), epsilon));
        let (index, bootstrap) = (q.index(state, action), (env.gamma, expected));
        n_step.push((index, reward), config.n, ended, bootstrap, |index, target| {
            log.scalar("train/td_error", q.learn(index, target).abs());
            log.updated();
        });
        Ok(Progress::Advanced(1))
    }

    fn first_update(&self) -> FirstUpdate {
        self.control.env.first_update(Some(self.config.n))
    }

    fn evaluate(&mut self, split: Split) -> Result<Evaluation> {
        self.control.evaluate(self, split)
    }

    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.control.state(checkpoint)?;
        self.n_step.state(&self.control.q, checkpoint)
    }
}

impl ControlLearner for ExpectedSarsa {
    fn control(&self) -> &Control {
        &self.control
    }
}
