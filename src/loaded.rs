//! Trained agents and models, loaded from their runs by a program.
pub use crate::run::trained::Elsewhere;
use crate::run::trained::{Learned, Trained};
use agents::{Agent, MakeEnv};
use anyhow::Result;
use generative::Generative;
use std::path::Path;
use train::Which;

/// The agent or the model of a run, on the processor.
///
/// ```no_run
/// use lab::loaded::{Elsewhere, Loaded, Part};
/// use lab::train::Which;
///
/// # fn main() -> anyhow::Result<()> {
/// let loaded = Loaded::open("runs/dqn-breakout-s1".as_ref(), Which::Best, Elsewhere::default())?;
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
    /// Loads the run in the directory `run`. Of what lies `elsewhere` now, the data are read only for
    /// a run that can't be loaded without them.
    ///
    /// # Errors
    /// If it is no run, has no checkpoint that is whole, or one of another configuration.
    pub fn open(run: &Path, which: Which, elsewhere: Elsewhere<'_>) -> Result<Self> {
        Ok(Self(Trained::load(run, which, elsewhere)?))
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
