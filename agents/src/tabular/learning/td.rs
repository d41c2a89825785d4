//! Temporal-difference prediction: TD(0) (Sutton 1988; Sutton & Barto 2018, section 6.1), n-step TD
//! (section 7.1) and TD(λ) (section 12.2).
//!
//! v(s) ← v(s) + α·[ r + γ·v(s') − v(s) ], for a given policy π, which is followed. With `--n`, the
//! return of n steps takes the place of r + γ·v(s'); with `--lambda`, the error goes to all states by
//! their traces. One step is a transition.
use super::estimates::Estimates;
use super::n_step::NStep;
use super::prediction::{Prediction, prediction_agent};
use super::problem::Problem;
use super::step_size::StepSize;
use super::tabular_env::TabularEnv;
use super::traces::{TraceKind, Traces};
use crate::tabular::discount::Discount;
use crate::tabular::policy_name::PolicyName;
use anyhow::Result;
use train::{BadValue, Checkpoint, Evaluation, FirstUpdate, Learner, Log, Progress, Split};

train::hyper_parameters! {
    /// Hyper-parameters of [`Td`].
    pub struct TdConfig {
        /// Discount γ, or `own` for the problem's
        gamma: Discount = Discount::Own;
        /// The policy: uniform, or a JSON file such as the solution.json of a run
        policy: PolicyName = PolicyName::Uniform;
        /// Step size α: a number, or `1/n` or `1/n^0.8` with the visits n of a state
        alpha: StepSize = StepSize::Visits(0.6);
        /// Value of v before anything is known
        initial: f64 = 0.0, in f64::MIN..;
        /// Rewards in a return before it is bootstrapped
        n: usize = 1, in 1..=1 << 16;
        /// Decay λ of the traces; 0 for none
        lambda: f64 = 0.0, in 0.0..=1.0;
        /// With --lambda, what a visit does to its trace: accumulating or replacing
        traces: TraceKind = TraceKind::Accumulating, with lambda not 0.0;
    }
}

/// TD prediction in the environment it learns in.
pub struct Td {
    config: TdConfig,
    env: TabularEnv,
    prediction: Prediction,
    v: Estimates,
    n_step: NStep,
    traces: Traces,
}

impl Td {
    /// All values `initial`.
    ///
    /// # Errors
    /// [`BadValue`] where a hyper-parameter is out of range; what [`PolicyName::read`] finds; where
    /// the outcomes are not known, so that a policy can't say which state it is about.
    pub fn new(problem: Problem, config: TdConfig, seed: u64) -> Result<Self> {
        config.check()?;
        if config.n > 1 && config.lambda > 0.0 {
            let why = "is for one-step returns: give --n or --lambda";
            return Err(BadValue::new("lambda", config.lambda, why).into());
        }
        let prediction = Prediction::new(&problem, config.gamma, &config.policy, None, seed)?;
        let env = TabularEnv::of_policy(problem, config.gamma, seed)?;
        let v = Estimates::of_states(&env.states, config.initial, config.alpha);
        let (n_step, traces) = (NStep::default(), Traces::default());
        Ok(Self { config, env, prediction, v, n_step, traces })
    }
}

impl Learner for Td {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        let Self { config, env, prediction, v, n_step, traces } = self;
        let action = prediction.choose(env.state);
        let transition = env.step(action, log)?;
        let bootstrap = transition.next_state.map_or(0.0, |state| v.values[state]);
        if config.lambda > 0.0 {
            let error = transition.reward + env.gamma * bootstrap - v.values[transition.state];
            traces.visit(transition.state, v.visit(transition.state), config.traces);
            traces.learn(&mut v.values, error, env.gamma * config.lambda);
            log.scalar("train/td_error", error.abs());
            log.updated();
        } else {
            let (step, bootstrap) = ((transition.state, transition.reward), (env.gamma, bootstrap));
            n_step.push(step, config.n, transition.ended, bootstrap, |state, target| {
                log.scalar("train/td_error", v.learn(state, target).abs());
                log.updated();
            });
        }
        if transition.ended {
            traces.clear();
        }
        Ok(Progress::Advanced(1))
    }

    fn first_update(&self) -> FirstUpdate {
        self.env.first_update(Some(self.config.n))
    }

    fn evaluate(&mut self, _: Split) -> Result<Evaluation> {
        Ok(self.prediction.evaluation(&self.v.values))
    }

    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.env.state(checkpoint)?;
        self.v.state(&self.env.states, checkpoint)?;
        self.prediction.state(checkpoint)?;
        self.n_step.state(&self.v, checkpoint)?;
        self.traces.state(&self.v, checkpoint)
    }
}

prediction_agent!(Td);
