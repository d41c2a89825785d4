//! Q iteration (Sutton & Barto 2018, equation 4.2 as an assignment; Georgia Tech CS7643).
//!
//! q(s, a) ← r(s, a) + γ·Σ_s' p(s' | s, a)·max_a' q(s', a'). After the same number of sweeps
//! max_a q(s, a) is the v(s) of synchronous value iteration. One step is a sweep.
use crate::actions::{ActionBatch, Mode};
use crate::agent::Agent;
use crate::on_policy::heads::ActionDistribution;
use crate::tabular::discount::Discount;
use crate::tabular::discounted_mdp::{DiscountedMdp, q_by_state};
use crate::tabular::model::{Model, Settling, Worth, moves, sweep};
use crate::tabular::policy::Policy;
use crate::tabular::table::Table;
use anyhow::Result;
use bytemuck::cast_slice_mut;
use envs::Mdp;
use nn::onnx::Export;
use train::{Checkpoint, Evaluation, Learner, Log, MODEL, Progress, Rng, Split};

train::hyper_parameters! {
    /// Hyper-parameters of [`QIteration`].
    pub struct QIterationConfig {
        /// Discount γ, or `own` for the problem's
        gamma: Discount = Discount::Own;
        /// Converged once no value changes by more than this part of itself in a sweep
        tolerance: f64 = 1e-10, in 0.0..;
    }
}

/// The values of the pairs of an MDP, and how they are improved.
pub struct QIteration {
    config: QIterationConfig,
    problem: DiscountedMdp,
    /// q, `[P]`.
    q: Vec<f64>,
    /// q of the sweep before, `[P]`.
    before: Vec<f64>,
    /// max_a q(s, a), `[S]`.
    values: Vec<f64>,
    settling: Settling,
    /// Values of rests came out too high and are lowered after each sweep.
    lowers: bool,
    converged: bool,
}

impl QIteration {
    /// All values 0.
    ///
    /// # Errors
    /// Those of [`DiscountedMdp::to_solve`].
    pub fn new(mdp: &dyn Mdp, config: QIterationConfig) -> Result<Self> {
        config.check()?;
        let problem = DiscountedMdp::to_solve(mdp, config.gamma)?;
        let q = vec![0.0; problem.model.n_pairs()];
        let values = vec![0.0; problem.model.n_states()];
        let settling = Settling::default();
        let before = q.clone();
        Ok(Self { config, problem, q, before, values, settling, lowers: false, converged: false })
    }

    /// max_a q(s, a), `[S]`; 0 where s is terminal.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    fn maximise(&mut self) {
        let Self { problem: DiscountedMdp { model, .. }, q, values, .. } = self;
        let best = |state: usize| match &q[model.pairs(state)] {
            [] => 0.0,
            row => row.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        };
        for (state, value) in values.iter_mut().enumerate() {
            *value = best(state);
        }
    }
}

impl QIteration {
    /// Worth of pairs.
    fn worth(&self) -> impl Fn(usize) -> Worth + Sync {
        let ahead = self.problem.worth(&self.values);
        move |pair| Worth { q: self.q[pair], ..ahead(pair) }
    }

    /// Lowers the values of rests, where they are too high, and those of the pairs that have them;
    /// whether that moved any of them.
    fn lower(&mut self) -> bool {
        let Self { config, problem: DiscountedMdp { model, gamma, rests, .. }, q, values, .. } =
            self;
        let Some(rests) = rests else { return false };
        let worth =
            |pair: usize, values: &[f64]| Worth { q: q[pair], ..model.worth(pair, values, *gamma) };
        let moved = rests.lower(model, values, config.tolerance, worth);
        for state in (0..rests.len()).flat_map(|set| rests.set(set)) {
            model.pairs(state).for_each(|pair| q[pair] = q[pair].min(values[state]));
        }
        moved
    }
}

impl Learner for QIteration {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        if self.converged {
            return Ok(Progress::Converged);
        }
        self.problem.forget_policy();
        let Self { problem: DiscountedMdp { model, gamma, .. }, q, before, values, .. } = self;
        std::mem::swap(q, before);
        let residual = sweep(before, q, |pair| model.q(pair, values, *gamma));
        self.problem.check_finite(residual)?;
        log.scalar("train/residual", residual);
        log.updated();
        self.maximise();
        let Self { config, problem: DiscountedMdp { model, gamma, .. }, q, before, values, .. } =
            self;
        let settled = self.settling.settled(q, residual, |pair| {
            let magnitude = || model.worth(pair, values, *gamma).magnitude;
            moves(q[pair], before[pair], config.tolerance, magnitude)
        });
        let lowered = (settled || self.lowers || self.settling.is_due()) && self.lower();
        self.lowers |= lowered;
        self.converged = settled && !lowered;
        Ok(Progress::towards_convergence(self.converged))
    }

    fn evaluate(&mut self, _: Split) -> Result<Evaluation> {
        Ok(self.problem.evaluation(&self.values))
    }

    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.problem.forget_policy();
        checkpoint.bytes(MODEL, cast_slice_mut(&mut self.q))?;
        checkpoint.check(MODEL, "finite numbers are expected", || {
            self.q.iter().all(|value| value.is_finite())
        })?;
        self.settling.state(checkpoint, self.q.len())?;
        checkpoint.value("lowers", &mut self.lowers)?;
        checkpoint.value("converged", &mut self.converged)?;
        self.maximise();
        Ok(())
    }
}

impl Agent for QIteration {
    fn act(&self, obs: &[f32], _: Mode, _: &mut [Rng], actions: &mut ActionBatch) -> Result<()> {
        self.problem.act(obs, actions, self.worth())
    }

    fn table(&self, _: &Model) -> Result<Option<Table>> {
        Ok(Some(self.problem.table(&self.values, self.worth())))
    }

    fn evaluates(&self) -> Option<&Policy> {
        None
    }

    fn q_values(&self, obs: &[f32]) -> Result<Option<Vec<f64>>> {
        self.table(&self.problem.model)?.map(|table| q_by_state(&table, obs)).transpose()
    }

    fn policy(&self, _: &[f32]) -> Result<Option<ActionDistribution>> {
        Ok(None)
    }

    fn exports(&self) -> Vec<Export<'_>> {
        Vec::new()
    }
}
