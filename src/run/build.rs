//! From a configuration to an untrained learner.
use super::config::Config;
use super::trainee::Trainee;
use crate::registry::{self, Algorithm, Build, DataJob, EnvName, Job, Subject};
use crate::usage::Usage;
use agents::tabular::Discount;
use agents::{Agent, MakeEnv, ObservedAgent};
use anyhow::Result;
use candle_core::Device;
use envs::Mdp;
use generative::data::Dataset;
use generative::measures::LEAST;
use generative::{Generative, snapshots};
use serde_json::Value;
use std::sync::Arc;

/// An untrained agent.
pub(crate) fn agent(
    algorithm: &Algorithm,
    config: &Config,
    device: &Device,
) -> Result<Box<dyn Agent>> {
    let Build::Agent(build) = algorithm.build else {
        let sentence = format!("{} learns from data; it does not act", algorithm.name);
        return Err(Usage(sentence).into());
    };
    let name = EnvName::parse(config.subject())?;
    let args = config.args(Subject::Env);
    let (make, mdp) = (name.make(&args)?, name.mdp(&args)?);
    build(Job { options: &config.options(), make, mdp, seed: config.seed(), device })
}

/// An untrained generative model of `data`.
pub(crate) fn model(
    build: fn(DataJob<'_>) -> Result<Box<dyn Generative>>,
    data: Dataset,
    config: &Config,
    device: &Device,
) -> Result<Box<dyn Generative>> {
    build(DataJob { options: &config.options(), data, seed: config.seed(), device })
}

/// Makes an untrained learner: an agent, or a model of the data that `load` reads.
pub(crate) fn trainee(
    algorithm: &Algorithm,
    config: &Config,
    device: &Device,
    load: impl FnOnce() -> Result<Dataset>,
) -> Result<Trainee> {
    match algorithm.build {
        Build::Agent(_) => {
            let (agent, mdp) = observed(algorithm, config, device)?;
            Ok(Trainee::Agent { agent: Box::new(agent), mdp })
        }
        Build::Model(build) => {
            let data = load()?;
            let judged = matches!(&data, Dataset::Images(images) if images.test.len() >= LEAST);
            let model = snapshots::observed(model(build, data, config, device)?, config.seed());
            Ok(Trainee::Model { model: Box::new(model), judged })
        }
    }
}

/// An untrained agent, observed beside the exact answer where its problem has one.
pub(crate) fn observed(
    algorithm: &Algorithm,
    config: &Config,
    device: &Device,
) -> Result<(ObservedAgent, Option<Arc<dyn Mdp>>)> {
    let mdp = problem(config)?;
    let agent = agent(algorithm, config, device)?;
    let gamma = match config.all.get("gamma") {
        Some(Value::Number(gamma)) => gamma.as_f64().map_or(Discount::Own, Discount::Of),
        Some(Value::String(gamma)) => gamma.parse().map_err(|error: String| Usage(error))?,
        _ => Discount::Own,
    };
    let every = config.plan()?.log_every;
    Ok((agents::observed(agent, mdp.as_deref(), gamma, every)?, mdp))
}

/// The problem of a run, where its outcomes are known.
pub(crate) fn problem(config: &Config) -> Result<Option<Arc<dyn Mdp>>> {
    EnvName::parse(config.subject())?.mdp(&config.args(Subject::Env))
}

/// Makes copies of the environment of a run.
pub(crate) fn environment(config: &Config) -> Result<MakeEnv> {
    EnvName::parse(config.subject())?.make(&config.args(Subject::Env))
}

/// A sentence about an environment of this program's own that does not keep the promises of [`envs::Env`], as far as a
/// few steps show it.
pub(crate) fn fault_of_own_environment(config: &Config) -> Result<Option<String>> {
    const STEPS: usize = 100;
    if !registry::is_own_env(config.subject()) {
        return Ok(None);
    }
    let make = environment(config)?;
    let fault = envs::check_env(&*make, STEPS).err();
    Ok(fault.map(|fault| format!("environment {}: {fault} (check_env)", config.subject())))
}

/// Advice to raise the time limit of episodes; empty where the limit is a part of the task.
pub(crate) fn raise_limit(config: &Config) -> Result<&'static str> {
    let name = EnvName::parse(config.subject())?;
    Ok(match name.has_chosen_time_limit(&config.args(Subject::Env)) {
        true => "; a run with a larger --time-limit lets them go on",
        false => "",
    })
}
