//! Trained models: loading one, and watching it.
use super::config::{self, Config};
use super::{run_data, session};
use crate::gif::Animation;
use crate::registry::{Algorithm, Build};
use crate::usage::Usage;
use ::train::{ConfigChanged, Learner, Rng, RunDir, Which, load_model};
use agents::{ActionBatch, Agent, MakeEnv, actions_rng};
use anyhow::{Context, Result, anyhow};
use candle_core::Device;
use envs::{Rgb, Spec, Transition, VecEnv};
use generative::Generative;
use serde_json::Value;
use std::io::Write;
use std::path::Path;

/// The model of a run.
pub(super) struct Trained {
    pub(super) algorithm: &'static Algorithm,
    pub(super) config: Config,
    pub(super) learned: Learned,
    /// What `run.json` says of the data.
    pub(super) data: Option<Value>,
}

/// What a model of data is loaded with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum With {
    /// Nothing: what it draws comes from its parameters alone.
    Nothing,
    /// The data that it learned from.
    Data,
}

/// What there is to do with it.
pub(super) enum Learned {
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
    /// Loads the run at `run`, on the processor; of a model of data only what it has learned.
    pub(super) fn load(run: &Path, which: Which) -> Result<Self> {
        Self::load_with(run, which, With::Nothing, None)
    }

    /// The same with the data that a model learned from, which lie where they did, or where `moved` says. A
    /// run that does not remember what they were like can't be loaded without them.
    pub(super) fn load_with(
        run: &Path,
        which: Which,
        with: With,
        moved: Option<&str>,
    ) -> Result<Self> {
        let info = RunDir::info(run)?;
        let algorithm = config::algorithm(&info.algorithm)?;
        let config = Config::saved(info.config, algorithm)?;
        let mut learned = match algorithm.build {
            Build::Agent(_) => Learned::Agent(
                session::agent(algorithm, &config, &Device::Cpu)?,
                session::environment(&config)?,
            ),
            Build::Model(build) => {
                let blank = match with {
                    With::Nothing => run_data::blank(run, info.data.as_ref())?,
                    With::Data => None,
                };
                let data = match blank {
                    Some(blank) => blank,
                    None => run_data::again(run, &config, info.data.as_ref(), moved)?.dataset,
                };
                Learned::Model(session::model(build, data, &config, &Device::Cpu)?)
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
    pub(super) fn agent(&self) -> Result<(&dyn Agent, &MakeEnv)> {
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
    pub(super) fn model(&self) -> Result<&dyn Generative> {
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

/// Plays one episode in an environment of one copy, drawing actions, where they are drawn, from `rng`,
/// and showing `visit` each transition until it is over or `visit` has had enough.
pub(super) fn play(
    agent: &dyn Agent,
    env: &mut VecEnv,
    mut rng: Rng,
    mut visit: impl FnMut(&Transition<'_>) -> Result<bool>,
) -> Result<()> {
    let mut actions = ActionBatch::new(env.spec());
    loop {
        actions.choose(agent, env.obs(), std::slice::from_mut(&mut rng))?;
        let mut on = Ok(true);
        actions.step(0, env, |transition| {
            on = visit(&transition).map(|on| on && transition.episode.is_none());
        });
        if !on? {
            return Ok(());
        }
    }
}

/// Adds the first frames of an episode to an animation, at most `most` of the environment and its first
/// frame: whether the episode came to its end.
pub(super) fn record(
    (agent, make): (&dyn Agent, &MakeEnv),
    rng: Rng,
    most: &dyn Fn(&Spec, &Rgb) -> usize,
    animation: &mut Animation,
) -> Result<bool> {
    let drawn_from = actions_rng(&rng);
    let mut env = VecEnv::new(vec![rng], make);
    let first = env.env(0).render();
    let frames = most(env.spec(), &first);
    animation.push(first)?;
    let (mut shown, mut over) = (1, false);
    if shown < frames {
        play(agent, &mut env, drawn_from, |transition| {
            animation.push(transition.env.render())?;
            (shown, over) = (shown + 1, transition.episode.is_some());
            Ok(shown < frames)
        })?;
    }
    Ok(over)
}
