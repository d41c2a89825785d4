//! Trained models, loaded from their runs.
use super::config::Config;
use super::{build, data};
use crate::registry::{self, Algorithm, Build};
use crate::usage::Usage;
use agents::{Agent, MakeEnv};
use anyhow::{Context, Result, anyhow};
use candle_core::Device;
use generative::Generative;
use serde_json::Value;
use std::io::Write;
use std::path::Path;
use train::{ConfigChanged, Learner, RunDir, Which, load_model};

/// The model of a run.
pub(crate) struct Trained {
    pub(crate) algorithm: &'static Algorithm,
    pub(crate) config: Config,
    pub(crate) learned: Learned,
    /// Entry of `run.json` about the data.
    pub(crate) data: Option<Value>,
}

/// Parts of the data that a model is loaded with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum With {
    /// Nothing: what it draws comes from its parameters alone.
    Nothing,
    /// The data that it learned from.
    Data,
}

/// Parts of a run that lie in another place than when it was trained.
#[derive(Debug, Clone, Copy, Default)]
pub struct Elsewhere<'a> {
    /// New place of the data, `NAME:PATH`.
    pub data: Option<&'a str>,
    /// Python that an environment of Gymnasium runs in, in place of the one of the run.
    pub python: Option<&'a str>,
}

/// The loaded agent or model.
pub(crate) enum Learned {
    /// It acts, in copies of the environment it learned in.
    Agent(Box<dyn Agent>, MakeEnv),
    /// It draws.
    Model(Box<dyn Generative>),
}

impl Learned {
    fn learner(&mut self) -> &mut dyn Learner {
        match self {
            Self::Agent(agent, _) => &mut **agent,
            Self::Model(model) => &mut **model,
        }
    }
}

impl Trained {
    /// The configuration of the run at `run`.
    pub(crate) fn settings(run: &Path) -> Result<Config> {
        let info = RunDir::info(run)?;
        Config::saved(info.config, registry::algorithm(&info.algorithm)?)
    }

    /// Loads the run at `run`, on the processor; of a model of data only what it has learned.
    pub(crate) fn load(run: &Path, which: Which, elsewhere: Elsewhere<'_>) -> Result<Self> {
        Self::load_with(run, which, With::Nothing, elsewhere)
    }

    /// Loads a run with the data that its model learned from, from where they lay or lie now. A
    /// run without a record of its data can't be loaded without them.
    pub(crate) fn load_with(
        run: &Path,
        which: Which,
        with: With,
        elsewhere: Elsewhere<'_>,
    ) -> Result<Self> {
        let info = RunDir::info(run)?;
        let algorithm = registry::algorithm(&info.algorithm)?;
        let mut config = Config::saved(info.config, algorithm)?;
        if let Some(python) = elsewhere.python {
            config.use_python(python)?;
        }
        let mut learned = match algorithm.build {
            Build::Agent(_) => Learned::Agent(
                build::agent(algorithm, &config, &Device::Cpu)?,
                build::environment(&config)?,
            ),
            Build::Model(build) => {
                let blank = match with {
                    With::Nothing => data::blank(run, info.data.as_ref())?,
                    With::Data => None,
                };
                let data = match blank {
                    Some(blank) => blank,
                    None => data::again(run, &config, info.data.as_ref(), elsewhere.data)?.dataset,
                };
                Learned::Model(build::model(build, data, &config, &Device::Cpu)?)
            }
        };
        let note = |note: &str| {
            // Nobody reads standard error: no reason not to go on.
            let _ = writeln!(std::io::stderr(), "note: {note}");
        };
        let fixed = config.fixed();
        let loaded = load_model(run, which, note, |checkpoint| {
            checkpoint.guard(&fixed)?;
            learned.learner().state(checkpoint)
        });
        loaded
            .map_err(|error| foreign(run, error))
            .with_context(|| format!("loading {}", run.display()))?;
        Ok(Self { algorithm, config, learned, data: info.data })
    }

    /// The agent, and the environment it learned in.
    pub(crate) fn agent(&self) -> Result<(&dyn Agent, &MakeEnv)> {
        match &self.learned {
            Learned::Agent(agent, make) => Ok((&**agent, make)),
            Learned::Model(_) => Err(Usage(format!(
                "{} learned from data and does not act: there is nothing to play",
                self.algorithm.name
            ))
            .into()),
        }
    }

    /// The model of data.
    pub(crate) fn model(&self) -> Result<&dyn Generative> {
        match &self.learned {
            Learned::Model(model) => Ok(&**model),
            Learned::Agent(..) => Err(Usage(format!(
                "{} acts and does not draw; watch it with `lab play`",
                self.algorithm.name
            ))
            .into()),
        }
    }
}

/// Says of a checkpoint that was saved under another configuration than that of `run` what is to be done:
/// nothing was asked to change, as it may be where a run is resumed.
fn foreign(run: &Path, error: anyhow::Error) -> anyhow::Error {
    let Some(changed) = error.downcast_ref::<ConfigChanged>() else { return error };
    anyhow!(
        "the checkpoint was saved under another configuration than that of {}:\n{}\nput back the run.json or \
         the checkpoints that belong together",
        run.join("run.json").display(),
        changed.differences()
    )
}
