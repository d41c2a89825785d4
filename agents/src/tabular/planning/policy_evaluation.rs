//! Policy evaluation (Sutton & Barto 2018, section 4.1).
//!
//! v(s) ← Σ_a π(a | s)·[ r(s, a) + γ·Σ_s' p(s' | s, a)·v(s') ], in sweeps, or solved at once. One
//! step is a sweep; with `--steps` as many as one likes.
use crate::actions::{ActionBatch, Mode};
use crate::agent::Agent;
use crate::on_policy::heads::ActionDistribution;
use crate::tabular::discount::Discount;
use crate::tabular::discounted_mdp::{DiscountedMdp, act_by_state, q_by_state};
use crate::tabular::model::{Model, Settling, larger, moves, sweep};
use crate::tabular::policy::Policy;
use crate::tabular::policy_name::PolicyName;
use crate::tabular::table::Table;
use anyhow::Result;
use bytemuck::cast_slice_mut;
use envs::Mdp;
use nn::onnx::Export;
use serde::{Deserialize, Serialize};
use train::{Checkpoint, Evaluation, Learner, Log, MODEL, Progress, Rng, Split};

train::hyper_parameters! {
    /// Hyper-parameters of [`PolicyEvaluation`].
    pub struct PolicyEvaluationConfig {
        /// Discount γ, or `own` for the problem's
        gamma: Discount = Discount::Own;
        /// The policy: uniform, or a JSON file such as the solution.json of a run
        policy: PolicyName = PolicyName::Uniform;
        /// Method: synchronous or in-place (sweeps), or exact (a sparse solve)
        method: Method = Method::Synchronous;
        /// Converged once no value changes by more than this part of itself in a sweep
        tolerance: f64 = 1e-10, in 0.0.., with method = "synchronous" | "in-place";
    }
}

/// Method of policy evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Every state from the values of the sweep before.
    Synchronous,
    /// One state after the other, each from the newest values.
    InPlace,
    /// The linear system, in one step.
    Exact,
}

/// A policy and its value function.
pub struct PolicyEvaluation {
    config: PolicyEvaluationConfig,
    problem: DiscountedMdp,
    policy: Policy,
    /// v, `[S]`.
    values: Vec<f64>,
    /// v of the sweep before, `[S]`.
    before: Vec<f64>,
    settling: Settling,
    converged: bool,
}

impl PolicyEvaluation {
    /// All values 0.
    ///
    /// # Errors
    /// Those of [`DiscountedMdp::new`] and [`PolicyName::read`]; where γ = 1 and the policy never ends.
    pub fn new(mdp: &dyn Mdp, config: PolicyEvaluationConfig) -> Result<Self> {
        config.check()?;
        let problem = DiscountedMdp::new(mdp, config.gamma)?;
        let policy = config.policy.read("policy", mdp, &problem.model)?;
        policy.check_proper(&problem)?;
        let values = vec![0.0; problem.model.n_states()];
        let before = values.clone();
        let settling = Settling::default();
        Ok(Self { config, problem, policy, before, values, settling, converged: false })
    }

    /// v, `[S]`.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// One sweep; returns the largest change.
    fn sweep(&mut self) -> Result<f64> {
        let Self { problem, policy, values, before, .. } = self;
        let (model, gamma) = (&problem.model, problem.gamma);
        if self.config.method != Method::Exact {
            std::mem::swap(values, before);
        }
        match self.config.method {
            Method::Synchronous => {
                Ok(sweep(before, values, |state| policy.backup(model, state, before, gamma)))
            }
            Method::InPlace => {
                values.copy_from_slice(before);
                let mut largest = 0.0;
                for state in 0..values.len() {
                    let new = policy.backup(model, state, values, gamma);
                    largest = larger(largest, (new - values[state]).abs());
                    values[state] = new;
                }
                Ok(largest)
            }
            Method::Exact => {
                *values = policy.values(problem)?;
                let off = |state| policy.backup(model, state, values, gamma) - values[state];
                Ok((0..values.len()).map(|state| off(state).abs()).fold(0.0, larger))
            }
        }
    }

    /// Returns `true` if no value moved in the last sweep.
    fn has_settled(&mut self, residual: f64) -> bool {
        let Self { config, problem, policy, values, before, settling, .. } = self;
        let (model, gamma) = (&problem.model, problem.gamma);
        settling.settled(values, residual, |state| {
            let magnitude = || policy.magnitude(model, state, values, gamma);
            moves(values[state], before[state], config.tolerance, magnitude)
        })
    }
}

impl Learner for PolicyEvaluation {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        if self.converged {
            return Ok(Progress::Converged);
        }
        let residual = self.sweep()?;
        self.problem.check_finite(residual)?;
        log.scalar("train/residual", residual);
        log.updated();
        self.converged = self.config.method == Method::Exact || self.has_settled(residual);
        Ok(Progress::towards_convergence(self.converged))
    }

    fn evaluate(&mut self, _: Split) -> Result<Evaluation> {
        Ok(self.problem.evaluation(&self.values))
    }

    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        checkpoint.bytes(MODEL, cast_slice_mut(&mut self.values))?;
        checkpoint.check(MODEL, "finite numbers are expected", || {
            self.values.iter().all(|value| value.is_finite())
        })?;
        self.policy.state(checkpoint, "model.policy", ("policy", &self.config.policy))?;
        self.settling.state(checkpoint, self.values.len())?;
        checkpoint.value("converged", &mut self.converged)
    }
}

impl Agent for PolicyEvaluation {
    fn act(
        &self,
        obs: &[f32],
        mode: Mode,
        rngs: &mut [Rng],
        actions: &mut ActionBatch,
    ) -> Result<()> {
        let (model, actions) = (&self.problem.model, actions.numbers()?);
        let act = |row: usize, state| self.policy.act(model, state, mode, &mut rngs[row]);
        act_by_state(model, obs, actions, act)
    }

    fn table(&self, _: &Model) -> Result<Option<Table>> {
        Ok(Some(self.policy.table(&self.problem, &self.values)))
    }

    fn evaluates(&self) -> Option<&Policy> {
        Some(&self.policy)
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
