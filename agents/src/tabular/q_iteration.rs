//! Q iteration (Sutton & Barto 2018, equation 4.2 as an assignment; Georgia Tech CS7643).
//!
//! q(s, a) ← r(s, a) + γ·Σ_s' p(s' | s, a)·max_a' q(s', a'). After the same number of sweeps
//! max_a q(s, a) is the v(s) of synchronous value iteration. One step is a sweep.
use super::model::sweep;
use super::{Discount, Model, Problem, Table};
use crate::Agent;
use anyhow::Result;
use bytemuck::cast_slice_mut;
use envs::Mdp;
use train::{Checkpoint, Evaluation, Learner, Log, MODEL, Progress, Split};

train::hyper_parameters! {
    /// Hyper-parameters of [`QIteration`].
    pub struct QIterationConfig {
        /// Discount γ, or `own` for the problem's
        gamma: Discount = Discount::Own;
        /// Converged once no value changes by more in a sweep (relative beyond 1)
        tolerance: f64 = 1e-10, in 0.0..;
    }
}

/// The values of the pairs of an MDP, and how they are improved.
pub struct QIteration {
    config: QIterationConfig,
    problem: Problem,
    /// q, `[P]`.
    q: Vec<f64>,
    /// q of the sweep before, `[P]`.
    before: Vec<f64>,
    /// max_a q(s, a), `[S]`.
    values: Vec<f64>,
    converged: bool,
}

impl QIteration {
    /// All values 0.
    ///
    /// # Errors
    /// What [`Problem::new`] finds.
    pub fn new(mdp: &dyn Mdp, config: QIterationConfig) -> Result<Self> {
        config.check()?;
        let problem = Problem::new(mdp, config.gamma)?;
        let q = vec![0.0; problem.model.n_pairs()];
        let values = vec![0.0; problem.model.n_states()];
        Ok(Self { config, problem, before: q.clone(), q, values, converged: false })
    }

    /// max_a q(s, a), `[S]`; 0 where s is terminal.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    fn maximise(&mut self) {
        let Self { problem: Problem { model, .. }, q, values, .. } = self;
        let best = |state: usize| match &q[model.pairs(state)] {
            [] => 0.0,
            row => row.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        };
        for (state, value) in values.iter_mut().enumerate() {
            *value = best(state);
        }
    }
}

impl Learner for QIteration {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        if self.converged {
            return Ok(Progress::Converged);
        }
        let Self { problem: Problem { model, gamma, .. }, q, before, values, .. } = self;
        std::mem::swap(q, before);
        let residual = sweep(before, q, |pair| model.q(pair, values, *gamma));
        self.maximise();
        log.scalar("train/residual", residual);
        self.converged = residual <= self.config.tolerance;
        Ok(Progress::Advanced(1))
    }

    fn evaluate(&mut self, _: Split) -> Result<Evaluation> {
        Ok(self.problem.evaluation(&self.values))
    }

    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        checkpoint.bytes(MODEL, cast_slice_mut(&mut self.q))?;
        checkpoint.check(MODEL, "finite numbers are expected", || {
            self.q.iter().all(|value| value.is_finite())
        })?;
        checkpoint.value("converged", &mut self.converged)?;
        self.maximise();
        Ok(())
    }
}

impl Agent for QIteration {
    fn act(&self, obs: &[f32], actions: &mut [usize]) -> Result<()> {
        self.problem.act(obs, actions, |pair| self.q[pair])
    }

    fn table(&self, _: &Model) -> Result<Option<Table>> {
        Ok(Some(self.problem.table(&self.values, |pair| self.q[pair])))
    }
}
