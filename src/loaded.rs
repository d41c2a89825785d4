//! Trained agents and models, loaded from their runs by a program.
use crate::run::trained::{Learned, Trained, With};
use agents::{Agent, MakeEnv};
use anyhow::Result;
use generative::Generative;
use std::path::Path;
use train::Which;

/// The agent or the model of a run, on the processor.
///
/// ```no_run
/// use lab::loaded::{Loaded, Part};
/// use lab::train::Which;
///
/// # fn main() -> anyhow::Result<()> {
/// let loaded = Loaded::open("runs/dqn-breakout-s1".as_ref(), Which::Best, None)?;
/// if let Part::Agent(agent, make) = loaded.part() {
///     let mut obs = vec![0.0; make().spec().obs_len()];
///     make().observe(&mut obs);
///     println!("{:?}", agent.q_values(&obs)?);
/// }
/// # Ok(())
/// # }
/// ```
pub struct Loaded(Trained);

/// The part of a run that has learned.
pub enum Part<'a> {
    /// An agent, and copies of the environment it learned in.
    Agent(&'a dyn Agent, &'a MakeEnv),
    /// A model of data.
    Model(&'a dyn Generative),
}

impl Loaded {
    /// Loads the run in the directory `run`. `moved` is the new place of its data, `NAME:PATH`, for a run that can't be
    /// loaded without them.
    ///
    /// # Errors
    /// If it is no run, has no checkpoint that is whole, or one of another configuration.
    pub fn open(run: &Path, which: Which, moved: Option<&str>) -> Result<Self> {
        Ok(Self(Trained::load_with(run, which, With::Nothing, moved)?))
    }

    /// Name of the algorithm.
    pub fn algorithm(&self) -> &'static str {
        self.0.algorithm.name
    }

    /// Name of the environment, or of the data.
    pub fn subject(&self) -> &str {
        self.0.config.subject()
    }

    /// Seed of the run.
    pub fn seed(&self) -> u64 {
        self.0.config.seed()
    }

    /// The agent or the model.
    pub fn part(&self) -> Part<'_> {
        match &self.0.learned {
            Learned::Agent(agent, make) => Part::Agent(&**agent, make),
            Learned::Model(model) => Part::Model(&**model),
        }
    }
}
