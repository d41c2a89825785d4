//! Temporal-difference prediction: TD(0) (Sutton 1988; Sutton & Barto 2018, section 6.1), n-step TD
//! (section 7.1) and TD(λ) (section 12.2).
//!
//! v(s) ← v(s) + α·[ r + γ·v(s') − v(s) ], for a given policy π, which is followed. With `--n`, the
//! return of n steps takes the place of r + γ·v(s'); with `--lambda`, the error goes to all states by
//! their traces. One step is a transition.
use super::estimates::{Estimates, StepSize, TraceKind, Traces};
use super::prediction::Prediction;
use super::returns::Recent;
use super::world::{Task, World};
use super::{Discount, Model, Policy, PolicyName, Table};
use crate::Agent;
use anyhow::Result;
use train::{BadValue, Checkpoint, Evaluation, FirstUpdate, Learner, Log, Progress, Rng, Split};

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
        #[arg(value_enum, hide_possible_values = true)]
        traces: TraceKind = TraceKind::Accumulating;
    }
}

/// TD prediction in the environment it learns in.
pub struct Td {
    config: TdConfig,
    world: World,
    prediction: Prediction,
    v: Estimates,
    recent: Recent,
    traces: Traces,
}

impl Td {
    /// All values `initial`.
    ///
    /// # Errors
    /// [`BadValue`] where a hyper-parameter is out of range; what [`PolicyName::read`] finds; where
    /// the outcomes are not known, so that a policy can't say which state it is about.
    pub fn new(task: Task, config: TdConfig, seed: u64) -> Result<Self> {
        config.check()?;
        if config.n > 1 && config.lambda > 0.0 {
            let why = "is for one-step returns: give --n or --lambda";
            return Err(BadValue::new("lambda", config.lambda, why).into());
        }
        let prediction = Prediction::new(&task, config.gamma, &config.policy, None, seed)?;
        let world = World::of_policy(task, config.gamma, seed)?;
        let v = Estimates::of_states(&world.states, config.initial, config.alpha);
        let (recent, traces) = (Recent::default(), Traces::default());
        Ok(Self { config, world, prediction, v, recent, traces })
    }
}

impl Learner for Td {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        let Self { config, world, prediction, v, recent, traces } = self;
        let action = prediction.choose(world.state);
        let moved = world.step(action, log)?;
        let bootstrap = moved.next.map_or(0.0, |state| v.values[state]);
        if config.lambda > 0.0 {
            let error = moved.reward + world.gamma * bootstrap - v.values[moved.state];
            traces.visit(moved.state, v.visit(moved.state), config.traces);
            traces.learn(&mut v.values, error, world.gamma * config.lambda);
            log.scalar("train/td_error", error.abs());
            log.updated();
        } else {
            let (step, bootstrap) = ((moved.state, moved.reward), (world.gamma, bootstrap));
            recent.push(step, config.n, moved.ended, bootstrap, |state, target| {
                log.scalar("train/td_error", v.learn(state, target).abs());
                log.updated();
            });
        }
        if moved.ended {
            traces.clear();
        }
        Ok(Progress::Advanced(1))
    }

    fn first_update(&self) -> FirstUpdate {
        self.world.first_update(Some(self.config.n))
    }

    fn evaluate(&mut self, _: Split) -> Result<Evaluation> {
        Ok(self.prediction.evaluation(&self.v.values))
    }

    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.world.state(checkpoint)?;
        self.v.state(&self.world.states, checkpoint)?;
        self.prediction.state(checkpoint)?;
        self.recent.state(&self.v, checkpoint)?;
        self.traces.state(&self.v, checkpoint)
    }
}

impl Agent for Td {
    fn act(&self, obs: &[f32], actions: &mut [usize]) -> Result<()> {
        self.prediction.act(obs, actions)
    }

    fn draw(&self, obs: &[f32], rngs: &mut [Rng], actions: &mut [usize]) -> Result<()> {
        self.prediction.draw(obs, rngs, actions)
    }

    fn table(&self, _: &Model) -> Result<Option<Table>> {
        Ok(Some(self.prediction.table(&self.v.values)))
    }

    fn evaluates(&self) -> Option<&Policy> {
        Some(&self.prediction.policy)
    }
}
