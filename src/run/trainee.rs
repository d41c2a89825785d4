//! The learner of a run, and the snapshots and figures it can show beside its metrics.
use agents::ObservedAgent;
use agents::tabular::Table;
use anyhow::Result;
use envs::Mdp;
use generative::ObservedModel;
use std::sync::Arc;
use train::Learner;

/// The observed learner of a run.
pub(crate) enum Trainee {
    /// An agent, observed beside the exact answer where its problem, `mdp`, has one.
    Agent { agent: Box<ObservedAgent>, mdp: Option<Arc<dyn Mdp>> },
    /// A model of data, observed by its samples; `judged`: whether the data are enough to measure
    /// its samples by.
    Model { model: Box<ObservedModel>, judged: bool },
}

/// A known problem, and what is thought of its states.
pub(crate) type Thought<'a> = (&'a dyn Mdp, Table);

impl Trainee {
    /// The learner, for the training loop.
    pub(crate) fn learner(&mut self) -> &mut dyn Learner {
        match self {
            Self::Agent { agent, .. } => &mut **agent,
            Self::Model { model, .. } => &mut **model,
        }
    }

    /// The command by which the result is looked at, and what `lab eval` is asked to measure of it.
    pub(crate) fn next(&self) -> [&'static str; 2] {
        let Self::Model { model, judged } = self else {
            return ["play", " --episodes 1000"];
        };
        let model = model.learner();
        if model.image_sampler().is_some() {
            ["sample", if *judged { " --samples 10000" } else { "" }]
        } else if model.point_sampler().is_some() {
            ["sample", ""]
        } else {
            ["plot", ""]
        }
    }

    /// Values and policy of an agent, where its problem is known and it has values.
    pub(crate) fn thinks(&self) -> Result<Option<Thought<'_>>> {
        let Self::Agent { agent, mdp: Some(mdp) } = self else { return Ok(None) };
        Ok(agent.observer().table(agent.learner(), &**mdp)?.map(|table| (&**mdp, table)))
    }
}
