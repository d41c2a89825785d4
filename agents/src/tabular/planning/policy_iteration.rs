//! Policy iteration (Howard 1960; Sutton & Barto 2018, section 4.3), and modified policy iteration
//! (Puterman & Shin 1978).
//!
//! Evaluation solves v(s) = r(s, π(s)) + γ·Σ_s' p(s' | s, π(s))·v(s'); improvement takes
//! π(s) ← argmax_a q(s, a), keeping the action it has where that is as good. One step is both.
//!
//! At γ = 1 a policy may also stay for ever where nothing is paid, which the argmax does not see: to
//! stay is then worth what the policy is worth that left. So where a set of such states is worth less
//! than 0, it rests.
use super::first_policy::first_policy;
use crate::actions::{ActionBatch, Mode};
use crate::agent::Agent;
use crate::on_policy::heads::ActionDistribution;
use crate::tabular::choice::Choice;
use crate::tabular::discount::Discount;
use crate::tabular::discounted_mdp::{DiscountedMdp, act_by_state, q_by_state};
use crate::tabular::model::{Model, Rests, Settling, Worth, moves, sweep};
use crate::tabular::policy::{Policy, solve};
use crate::tabular::table::Table;
use anyhow::Result;
use bytemuck::cast_slice_mut;
use envs::Mdp;
use nn::onnx::Export;
use serde::{Deserialize, Serialize};
use train::{Checkpoint, Evaluation, Learner, Log, MODEL, Progress, Rng, Split, pulse};

train::hyper_parameters! {
    /// Hyper-parameters of [`PolicyIteration`].
    pub struct PolicyIterationConfig {
        /// Discount γ, or `own` for the problem's
        gamma: Discount = Discount::Own;
        /// Action taken at first wherever there is it, by name; `first`: each state's first one
        start: String = "first".to_owned();
        /// Evaluation of a policy: exact (a sparse solve), iterative or modified
        evaluation: Evaluate = Evaluate::Exact;
        /// Iterative evaluation ends, and modified policy iteration has converged, once no value changes by
        /// more than this part of itself in a sweep
        tolerance: f64 = 1e-10, in 0.0.., with evaluation = "iterative" | "modified";
        /// Sweeps of a modified evaluation
        sweeps: usize = 10, in 1.., with evaluation = "modified";
    }
}

/// Method of policy evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evaluate {
    /// Solving the linear system.
    Exact,
    /// Sweeping until nothing changes.
    Iterative,
    /// A fixed number of sweeps.
    Modified,
}

/// A policy and its values.
pub struct PolicyIteration {
    config: PolicyIterationConfig,
    problem: DiscountedMdp,
    /// The pair taken in each state, `[S]`; [`NONE`] where it is terminal.
    policy: Vec<u32>,
    /// v, `[S]`.
    values: Vec<f64>,
    /// A policy there was before, `[S]`, and the steps since and until it is replaced: where rounding
    /// alone speaks for changes, policies may come back.
    before: (Vec<u32>, u64, u64),
    converged: bool,
}

const NONE: u32 = u32::MAX;

/// Sweeps of an iterative evaluation at most; what is still missing then, the next one goes on with. At
/// γ = 1 a policy may need a thousand million to get to its end.
const LONGEST_EVALUATION: usize = 100_000;

impl PolicyIteration {
    /// Every state's first action, or the one to start with; with γ = 1 one that leads to an end.
    ///
    /// # Errors
    /// Those of [`DiscountedMdp::to_solve`]; [`train::BadValue`] where no action has the name to start with, or
    /// where γ = 1 and to take it never ends.
    pub fn new(mdp: &dyn Mdp, config: PolicyIterationConfig) -> Result<Self> {
        config.check()?;
        let problem = DiscountedMdp::to_solve(mdp, config.gamma)?;
        let policy = first_policy(mdp, &problem, &config.start)?;
        let policy = policy.into_iter().map(|pair| pair.map_or(NONE, |pair| pair as u32)).collect();
        let values = vec![0.0; problem.model.n_states()];
        let before = (Vec::new(), 0, 1);
        Ok(Self { config, problem, policy, values, before, converged: false })
    }

    /// v, `[S]`.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Values and policy found so far.
    pub fn answer(&self) -> Table {
        let model = &self.problem.model;
        let mut table = self.problem.table(&self.values, self.problem.worth(&self.values));
        let action =
            |pair: &u32| (*pair != NONE).then(|| Choice::Action(model.action(*pair as usize)));
        table.policy = self.policy.iter().map(action).collect();
        table
    }

    /// The probability of each pair, `[P]`.
    fn probs(&self) -> Vec<f64> {
        let mut probs = vec![0.0; self.problem.model.n_pairs()];
        let taken = self.policy.iter().filter(|pair| **pair != NONE);
        taken.for_each(|pair| probs[*pair as usize] = 1.0);
        probs
    }

    fn evaluate_policy(&mut self, first: bool) -> Result<()> {
        let probs = self.probs();
        let Self { config, problem, policy, values, .. } = self;
        let (model, gamma) = (&problem.model, problem.gamma);
        // From values that are too high a cut evaluation may never come down at γ = 1: the first policy's are
        // exact.
        if config.evaluation == Evaluate::Exact || (first && problem.rests.is_some()) {
            *values = solve(model, gamma, &probs)?;
            return Ok(());
        }
        // Nothing has changed where it is interrupted.
        let mut found = values.clone();
        // By sweeps alone, those who never leave a loop would keep the value they came with at γ = 1, and
        // below it come down to what rounding makes of 0.
        let unpaid = model.unpaid(|pair| probs[pair] > 0.0);
        let unpaid = found.iter_mut().zip(unpaid).filter(|(_, unpaid)| *unpaid);
        unpaid.for_each(|(value, _)| *value = 0.0);
        let iterative = config.evaluation == Evaluate::Iterative;
        // Where a policy never ends there is no whole.
        let whole = iterative && problem.lost(|pair| probs[pair] > 0.0).is_none();
        let sweeps_at_most = if whole { LONGEST_EVALUATION } else { config.sweeps };
        let mut settling = Settling::default();
        for _ in 0..sweeps_at_most {
            pulse::check()?;
            let old = found.clone();
            let largest = sweep(&old, &mut found, |state| match policy[state] {
                NONE => 0.0,
                pair => model.q(pair as usize, &old, gamma),
            });
            problem.check_finite(largest)?;
            let moved = |state: usize| {
                let pair = policy[state] as usize;
                let magnitude = || model.worth(pair, &found, gamma).magnitude;
                moves(found[state], old[state], config.tolerance, magnitude)
            };
            if settling.settled(&found, largest, moved) {
                break;
            }
        }
        *values = found;
        Ok(())
    }

    /// Takes the best pair in each state where that is better than the one it takes; returns how many
    /// have changed.
    fn improve(&mut self) -> usize {
        let Self { problem, policy, values, .. } = self;
        let (model, worth) = (&problem.model, problem.worth(values));
        let old = policy.clone();
        for (state, taken) in policy.iter_mut().enumerate().filter(|(_, pair)| **pair != NONE) {
            if let Some((_, best)) = model.largest(state, &worth)
                && best.beats(worth(*taken as usize))
            {
                *taken = model.first_best(state, &worth).map_or(NONE, |pair| pair as u32);
            }
        }
        if let Some(rests) = &problem.rests {
            rest(model, rests, values, policy);
        }
        old.iter().zip(policy).filter(|(old, new)| old != new).count()
    }

    /// Returns `true` if this policy was there before, so that only rounding leads from it to others. One policy
    /// is remembered, after twice as many steps each time (Brent 1980).
    fn has_come_back(&mut self) -> bool {
        let (remembered, since, until) = &mut self.before;
        let again = *remembered == self.policy;
        *since += 1;
        if since == until {
            (*since, *until) = (0, 2 * *until);
            remembered.clone_from(&self.policy);
        }
        again
    }
}

/// Makes the states of sets that are worth less than 0 rest: they stay there for ever.
fn rest(model: &Model, rests: &Rests, values: &[f64], policy: &mut [u32]) {
    for set in 0..rests.len() {
        let loses = |state: usize| Worth::of(0.0).beats(Worth::of(values[state]));
        if rests.set(set).all(loses) {
            for state in rests.set(set) {
                policy[state] = rests.staying(model, state).map_or(NONE, |pair| pair as u32);
            }
        }
    }
}

impl Learner for PolicyIteration {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        if self.converged {
            return Ok(Progress::Converged);
        }
        let first = self.before.0.is_empty();
        self.evaluate_policy(first)?;
        let Self { config, problem, values, .. } = self;
        let (residual, moving) = problem.model.residual(values, problem.gamma, config.tolerance);
        let exact = config.evaluation == Evaluate::Exact;
        problem.check_finite(residual)?;
        let again = self.has_come_back();
        let changed = self.improve();
        log.scalar("train/residual", residual);
        log.updated();
        log.scalar("train/policy_changes", changed as f64);
        // Where evaluation is cut short, a policy that stays does not mean that values do, and where it is
        // exact, a small change of values may be a large one of others yet to come.
        self.converged = match exact {
            true => changed == 0 || again,
            false => !moving && (changed == 0 || again),
        };
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
        checkpoint.bytes("model.policy", cast_slice_mut(&mut self.policy))?;
        let model = &self.problem.model;
        let own = |(state, pair): (usize, &u32)| match *pair {
            NONE => model.pairs(state).next().is_none(),
            pair => model.pairs(state).any(|own| own == pair as usize),
        };
        checkpoint.check("model.policy", "an action of each state is expected", || {
            self.policy.iter().enumerate().all(own)
        })?;
        checkpoint.value("before", &mut self.before)?;
        checkpoint.value("converged", &mut self.converged)
    }
}

impl Agent for PolicyIteration {
    fn act(&self, obs: &[f32], _: Mode, _: &mut [Rng], actions: &mut ActionBatch) -> Result<()> {
        let model = &self.problem.model;
        let taken = |_, state: usize| {
            let pair = self.policy[state];
            (pair != NONE).then(|| model.action(pair as usize))
        };
        act_by_state(model, obs, actions.numbers()?, taken)
    }

    fn table(&self, _: &Model) -> Result<Option<Table>> {
        Ok(Some(self.answer()))
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
