//! Trained models: loading one, and watching it.
use super::config::{self, Config};
use super::session;
use crate::registry::Algorithm;
use ::train::{Rng, RunDir, Which, open_model};
use agents::{Agent, Chosen, MakeEnv, actions_rng};
use anyhow::{Context, Result};
use candle_core::Device;
use envs::{Rgb, Transition, VecEnv};
use std::io::Write;
use std::path::Path;

/// The model of a run, and the environment it learned in.
pub(super) struct Trained {
    pub(super) algorithm: &'static Algorithm,
    pub(super) config: Config,
    pub(super) agent: Box<dyn Agent>,
    pub(super) make: MakeEnv,
}

impl Trained {
    /// Loads the run at `run`, on the processor.
    pub(super) fn load(run: &Path, which: Which) -> Result<Self> {
        let info = RunDir::info(run)?;
        let algorithm = config::algorithm(&info.algorithm)?;
        let config = Config::saved(info.config, algorithm)?;
        let mut agent = session::build(algorithm, &config, &Device::Cpu)?;
        let mut checkpoint = open_model(run, which, |note| {
            // Nobody reads standard error: no reason not to go on.
            let _ = writeln!(std::io::stderr(), "note: {note}");
        })?;
        agent.state(&mut checkpoint).with_context(|| format!("loading {}", run.display()))?;
        let make = session::environment(&config)?;
        Ok(Self { algorithm, config, agent, make })
    }
}

/// Plays one episode in an environment of one copy, drawing actions, where they are drawn, from `rng`,
/// and showing `visit` each transition until it is over or `visit` has had enough.
pub(super) fn play(
    agent: &dyn Agent,
    env: &mut VecEnv,
    mut rng: Rng,
    mut visit: impl FnMut(&Transition<'_>) -> Result<bool>,
) -> Result<()> {
    let mut chosen = Chosen::new(env.spec());
    loop {
        chosen.choose(agent, env.obs(), std::slice::from_mut(&mut rng))?;
        let mut on = Ok(true);
        chosen.step(0, env, |transition| {
            on = visit(&transition).map(|on| on && transition.episode.is_none());
        });
        if !on? {
            return Ok(());
        }
    }
}

/// The first frames of an episode, at most `frames`.
pub(super) fn record(
    agent: &dyn Agent,
    make: &MakeEnv,
    rng: Rng,
    frames: usize,
) -> Result<Vec<Rgb>> {
    let drawn_from = actions_rng(&rng);
    let mut env = VecEnv::new(vec![rng], make);
    let mut shown = vec![env.env(0).render()];
    play(agent, &mut env, drawn_from, |transition| {
        shown.push(transition.env.render());
        Ok(shown.len() < frames)
    })?;
    Ok(shown)
}
