//! Sarsa (Rummery & Niranjan 1994; Sutton & Barto 2018, section 6.4), n-step Sarsa (section 7.2) and
//! Sarsa(λ) (section 12.7).
//!
//! q(s, a) ← q(s, a) + α·[ r + γ·q(s', a') − q(s, a) ], where a' is the action taken next. With
//! `--n`, the return of n steps takes the place of r + γ·q(s', a'); with `--lambda`, the error goes to
//! all pairs by their traces. One step is a transition.
use super::control::{Control, ControlLearner};
use super::estimates::Estimates;
use super::explorer::{Explorer, control_parameters};
use super::n_step::NStep;
use super::problem::Problem;
use super::step_size::StepSize;
use super::tabular_env::{TabularEnv, TabularTransition};
use super::traces::{TraceKind, Traces};
use anyhow::Result;
use train::{BadValue, Checkpoint, Evaluation, FirstUpdate, Learner, Log, Progress, Split};

control_parameters! {
    /// Hyper-parameters of [`Sarsa`].
    pub struct SarsaConfig {
        /// Step size α: a number, or `1/n` or `1/n^0.8` with the visits n of a state's action
        alpha: StepSize = StepSize::Visits(0.6);
        /// Value of q before anything is known; one above all returns makes the agent try everything
        initial: f64 = 0.0, in f64::MIN..;
        /// Rewards in a return before it is bootstrapped
        n: usize = 1, in 1..=1 << 16;
        /// Decay λ of the traces; 0 for none
        lambda: f64 = 0.0, in 0.0..=1.0;
        /// With --lambda, what a visit does to its trace: accumulating or replacing
        traces: TraceKind = TraceKind::Replacing, with lambda not 0.0;
    }
}

/// q(s', a'), what Sarsa bootstraps from; 0 where s' is terminal. `next` is q(s', ·), `[A]`, and a'.
pub fn sarsa_bootstrap(next: Option<(&[f64], usize)>) -> f64 {
    next.map_or(0.0, |(row, action)| row[action])
}

/// Sarsa in the environment it learns in.
pub struct Sarsa {
    config: SarsaConfig,
    control: Control,
    n_step: NStep,
    traces: Traces,
    /// a' of the last transition, which is taken next; `None` where an episode starts.
    next_action: Option<usize>,
}

impl Sarsa {
    /// All values `initial`.
    ///
    /// # Errors
    /// [`BadValue`] where a hyper-parameter is out of range.
    pub fn new(problem: Problem, config: SarsaConfig, seed: u64) -> Result<Self> {
        config.check()?;
        if config.n > 1 && config.lambda > 0.0 {
            let why = "is for one-step returns: give --n or --lambda";
            return Err(BadValue::new("lambda", config.lambda, why).into());
        }
        let env = TabularEnv::new(problem, config.gamma, seed)?;
        let q = Estimates::of_actions(&env.states, config.initial, config.alpha);
        let explorer = Explorer::new(config.epsilon(), seed);
        let control = Control { env, q, explorer, episodes: config.episodes() };
        let (n_step, traces) = (NStep::default(), Traces::default());
        Ok(Self { config, control, n_step, traces, next_action: None })
    }
}

impl Learner for Sarsa {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        let Self { config, control, n_step, traces, next_action } = self;
        let action = match next_action.take() {
            Some(action) => {
                log.scalar("train/epsilon", control.explorer.epsilon(control.env.n_transitions));
                action
            }
            None => control.explore(log),
        };
        let TabularTransition { state, reward, next_state, ended } = control.step(action, log)?;
        let Control { env, q, explorer, .. } = control;
        let next = next_state.map(|state| {
            let row = q.row(state);
            (row, explorer.choose(row, env.n_transitions))
        });
        *next_action = next.map(|(_, action)| action).filter(|_| !ended);
        let bootstrap = sarsa_bootstrap(next);
        let index = q.index(state, action);
        if config.lambda > 0.0 {
            let error = reward + env.gamma * bootstrap - q.values[index];
            traces.visit(index, q.visit(index), config.traces);
            traces.learn(&mut q.values, error, env.gamma * config.lambda);
            log.scalar("train/td_error", error.abs());
            log.updated();
        } else {
            let bootstrap = (env.gamma, bootstrap);
            n_step.push((index, reward), config.n, ended, bootstrap, |index, target| {
                log.scalar("train/td_error", q.learn(index, target).abs());
                log.updated();
            });
        }
        if ended {
            traces.clear();
        }
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
        self.n_step.state(&self.control.q, checkpoint)?;
        self.traces.state(&self.control.q, checkpoint)?;
        checkpoint.value("chosen", &mut self.next_action)?;
        let TabularEnv { states, state, .. } = &self.control.env;
        let has = |action: usize| action < states.n_actions() && states.allows(*state, action);
        checkpoint.check("chosen", "an action of the present state is expected", || {
            self.next_action.is_none_or(has)
        })
    }
}

impl ControlLearner for Sarsa {
    fn control(&self) -> &Control {
        &self.control
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bootstrap_by_hand() {
        assert_eq!(sarsa_bootstrap(Some((&[1.0, 4.0, f64::NEG_INFINITY], 0))), 1.0);
        assert_eq!(sarsa_bootstrap(None), 0.0);
    }
}
