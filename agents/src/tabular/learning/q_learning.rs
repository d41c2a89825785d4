//! Q-learning (Watkins 1989; Sutton & Barto 2018, section 6.5), with Watkins's Q(λ) (Sutton & Barto
//! 1998, section 7.6).
//!
//! q(s, a) ← q(s, a) + α·[ r + γ·max_a' q(s', a') − q(s, a) ]. With λ above 0 the error goes to all
//! pairs by their traces, which are cut where an action is taken that is not greedy. One step is a
//! transition.
use super::control::{Control, ControlLearner};
use super::estimates::Estimates;
use super::explorer::{Explorer, control_parameters};
use super::problem::Problem;
use super::step_size::StepSize;
use super::tabular_env::{TabularEnv, TabularTransition};
use super::traces::{TraceKind, Traces};
use crate::tabular::greedy::{is_greedy, max};
use anyhow::Result;
use train::{Checkpoint, Evaluation, Learner, Log, Progress, Split};

control_parameters! {
    /// Hyper-parameters of [`QLearning`].
    pub struct QLearningConfig {
        /// Step size α: a number, or `1/n` or `1/n^0.8` with the visits n of a state's action
        alpha: StepSize = StepSize::Visits(0.6);
        /// Value of q before anything is known; one above all returns makes the agent try everything
        initial: f64 = 0.0, in f64::MIN..;
        /// Decay λ of the traces; 0 for none
        lambda: f64 = 0.0, in 0.0..=1.0;
        /// With --lambda, what a visit does to its trace: accumulating or replacing
        traces: TraceKind = TraceKind::Replacing, with lambda not 0.0;
    }
}

/// y = r + γ·max_a' q(s', a'), without the second term where s' is terminal; `next` is q(s', ·),
/// `[A]`, −∞ where an action is not available.
pub fn q_learning_target(reward: f64, gamma: f64, next: Option<&[f64]>) -> f64 {
    reward + gamma * next.map_or(0.0, max)
}

/// Q-learning in the environment it learns in.
pub struct QLearning {
    config: QLearningConfig,
    control: Control,
    traces: Traces,
}

impl QLearning {
    /// All values `initial`.
    ///
    /// # Errors
    /// [`BadValue`](train::BadValue) where a hyper-parameter is out of range.
    pub fn new(problem: Problem, config: QLearningConfig, seed: u64) -> Result<Self> {
        config.check()?;
        let env = TabularEnv::new(problem, config.gamma, seed)?;
        let q = Estimates::of_actions(&env.states, config.initial, config.alpha);
        let explorer = Explorer::new(config.epsilon(), seed);
        let control = Control { env, q, explorer, episodes: config.episodes() };
        Ok(Self { config, control, traces: Traces::default() })
    }
}

impl Learner for QLearning {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        let Self { config, control, traces } = self;
        let action = control.explore(log);
        if !is_greedy(control.q.row(control.env.state), action) {
            traces.clear();
        }
        let TabularTransition { state, reward, next_state, ended } = control.step(action, log)?;
        let Control { env, q, .. } = control;
        let target = q_learning_target(reward, env.gamma, next_state.map(|s| q.row(s)));
        let index = q.index(state, action);
        let error = if config.lambda == 0.0 {
            q.learn(index, target)
        } else {
            let error = target - q.values[index];
            traces.visit(index, q.visit(index), config.traces);
            traces.learn(&mut q.values, error, env.gamma * config.lambda);
            error
        };
        if ended {
            traces.clear();
        }
        log.scalar("train/td_error", error.abs());
        log.updated();
        Ok(Progress::Advanced(1))
    }

    fn evaluate(&mut self, split: Split) -> Result<Evaluation> {
        self.control.evaluate(self, split)
    }

    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.control.state(checkpoint)?;
        self.traces.state(&self.control.q, checkpoint)
    }
}

impl ControlLearner for QLearning {
    fn control(&self) -> &Control {
        &self.control
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use envs::{GridConfig, GridWorld, Layout};
    use std::sync::Arc;

    #[test]
    fn target_by_hand() {
        let next = [1.0, 4.0, f64::NEG_INFINITY];
        // After a time limit `next` is there all the same.
        assert_eq!(q_learning_target(-1.0, 0.5, Some(&next)), 1.0);
        assert_eq!(q_learning_target(-1.0, 0.5, Some(&[-3.0, f64::NEG_INFINITY])), -2.5);
        assert_eq!(q_learning_target(-1.0, 0.5, None), -1.0);
    }

    #[test]
    fn an_exploring_action_cuts_the_traces() {
        let mdp = GridWorld::new(&GridConfig::of(Layout::Aima)).unwrap();
        let config = QLearningConfig {
            lambda: 0.9,
            epsilon_end: 0.5,
            epsilon_steps: 0,
            ..Default::default()
        };
        let mut learner = QLearning::new(Problem::of(Arc::new(mdp), 50), config, 1).unwrap();
        let (mut alone, mut along) = (0, 0);
        for _ in 0..2_000 {
            let (state, before) = (learner.control.env.state, learner.control.q.values.clone());
            learner.step(&mut Log::default()).unwrap();
            let pairs = before.iter().zip(&learner.control.q.values).enumerate();
            let changed: Vec<usize> =
                pairs.filter(|(_, (old, new))| old != new).map(|(index, _)| index).collect();
            let first = learner.control.q.index(state, 0);
            let row = &before[first..learner.control.q.index(state + 1, 0)];
            let here: Vec<_> =
                changed.iter().filter(|i| (first..first + row.len()).contains(*i)).collect();
            if here.iter().any(|index| is_greedy(row, **index - first)) {
                along += usize::from(changed.len() > 1);
            } else if !here.is_empty() {
                assert_eq!(changed.len(), 1);
                alone += 1;
            }
        }
        assert!(alone > 100 && along > 100, "{alone} and {along}");
    }
}
