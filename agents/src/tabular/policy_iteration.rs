//! Policy iteration (Howard 1960; Sutton & Barto 2018, section 4.3), and modified policy iteration
//! (Puterman & Shin 1978).
//!
//! Evaluation solves v(s) = r(s, π(s)) + γ·Σ_s' p(s' | s, π(s))·v(s'); improvement takes
//! π(s) ← argmax_a q(s, a), keeping the action it has where that is as good. One step is both.
use super::model::{change, larger, sweep};
use super::planner::act;
use super::policy::solve;
use super::{Choice, Discount, Model, Problem, Table};
use crate::Agent;
use anyhow::{Result, ensure};
use bytemuck::cast_slice_mut;
use clap::ValueEnum;
use envs::Mdp;
use serde::{Deserialize, Serialize};
use train::{BadValue, Checkpoint, Evaluation, Learner, Log, MODEL, Progress, Split};

train::hyper_parameters! {
    /// Hyper-parameters of [`PolicyIteration`].
    pub struct PolicyIterationConfig {
        /// Discount γ, or `own` for the problem's
        gamma: Discount = Discount::Own;
        /// Action taken at first wherever there is it, by name; `first`: each state's first one
        start: String = "first".to_owned();
        /// How a policy is evaluated: exact (a sparse solve), iterative or modified
        #[arg(value_enum, hide_possible_values = true)]
        evaluation: Evaluate = Evaluate::Exact;
        /// Iterative evaluation ends once no value changes by more in a sweep (relative beyond 1)
        tolerance: f64 = 1e-10, in 0.0..;
        /// Sweeps of a modified evaluation
        sweeps: usize = 10, in 1..;
    }
}

/// How a policy is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
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
    problem: Problem,
    /// The pair taken in each state, `[S]`; [`NONE`] where it is terminal.
    policy: Vec<u32>,
    /// v, `[S]`.
    values: Vec<f64>,
    converged: bool,
}

const NONE: u32 = u32::MAX;

impl PolicyIteration {
    /// Every state's first action, or the one to start with; with γ = 1 one that leads to an end.
    ///
    /// # Errors
    /// What [`Problem::new`] finds; [`BadValue`] where no action has the name to start with, or where
    /// γ = 1 and to take it never ends.
    pub fn new(mdp: &dyn Mdp, config: PolicyIterationConfig) -> Result<Self> {
        config.check()?;
        let problem = Problem::new(mdp, config.gamma)?;
        let policy = first_policy(mdp, &problem, &config.start)?;
        let policy = policy.into_iter().map(|pair| pair.map_or(NONE, |pair| pair as u32)).collect();
        let values = vec![0.0; problem.model.n_states()];
        Ok(Self { config, problem, policy, values, converged: false })
    }

    /// v, `[S]`.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// What has been found so far.
    pub fn answer(&self) -> Table {
        let Problem { model, gamma, .. } = &self.problem;
        let mut table =
            self.problem.table(&self.values, |pair| model.q(pair, &self.values, *gamma));
        let action =
            |pair: &u32| (*pair != NONE).then(|| Choice::Action(model.action(*pair as usize)));
        table.policy = self.policy.iter().map(action).collect();
        table
    }

    fn evaluate_policy(&mut self) -> Result<()> {
        let Self { config, problem, policy, values, .. } = self;
        let (model, gamma) = (&problem.model, problem.gamma);
        if gamma == 1.0 {
            let mut taken = vec![false; model.n_pairs()];
            policy
                .iter()
                .filter(|pair| **pair != NONE)
                .for_each(|pair| taken[*pair as usize] = true);
            let endless = model.endless(|pair| taken[pair]);
            ensure!(
                endless.is_empty(),
                "the best policy for these rewards never ends from state {}: with a discount of 1 \
                 its value is infinite; give a --gamma below 1",
                problem.state_name(endless[0])
            );
        }
        let backup = |values: &mut Vec<f64>| {
            let old = values.clone();
            sweep(&old, values, |state| match policy[state] {
                NONE => 0.0,
                pair => model.q(pair as usize, &old, gamma),
            })
        };
        match config.evaluation {
            Evaluate::Exact => {
                let taken = |state: usize, pair| f64::from(policy[state] as usize == pair);
                *values = solve(model, gamma, taken)?;
            }
            Evaluate::Iterative => while backup(values) > config.tolerance {},
            Evaluate::Modified => (0..config.sweeps).for_each(|_| _ = backup(values)),
        }
        Ok(())
    }
}

/// The pair that is taken in each state at first.
fn first_policy(mdp: &dyn Mdp, problem: &Problem, start: &str) -> Result<Vec<Option<usize>>> {
    let Problem { model, gamma, .. } = problem;
    if start == "first" && *gamma == 1.0 {
        return Ok(model.proper_policy());
    }
    let names: Vec<_> = (0..mdp.n_actions()).map(|action| mdp.action_name(action)).collect();
    let action = names.iter().position(|name| name == start);
    if start != "first" && action.is_none() {
        let why = format!("`first` is expected, or one of the actions: {}", names.join(", "));
        return Err(BadValue::new("start", start, &why).into());
    }
    let first = |state| {
        let named = model.pairs(state).find(|pair| Some(model.action(*pair)) == action);
        named.or_else(|| model.pairs(state).next())
    };
    let policy: Vec<_> = (0..model.n_states()).map(first).collect();
    if *gamma == 1.0 {
        let mut taken = vec![false; model.n_pairs()];
        policy.iter().flatten().for_each(|pair| taken[*pair] = true);
        if let [state, ..] = model.endless(|pair| taken[pair])[..] {
            let why = format!(
                "to take it never ends from state {}: with a discount of 1 its value may be \
                 infinite; give a --gamma below 1, or leave it out",
                problem.state_name(state)
            );
            return Err(BadValue::new("start", start, &why).into());
        }
    }
    Ok(policy)
}

impl Learner for PolicyIteration {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        if self.converged {
            return Ok(Progress::Converged);
        }
        self.evaluate_policy()?;
        let Self { config, problem, policy, values, .. } = self;
        let (model, gamma) = (&problem.model, problem.gamma);
        let (mut changed, mut residual) = (0usize, 0.0);
        for (state, taken) in policy.iter_mut().enumerate().filter(|(_, pair)| **pair != NONE) {
            residual = larger(residual, change(model.backup(state, values, gamma), values[state]));
            let q = |pair| model.q(pair, values, gamma);
            if !model.ties_with_best(state, *taken as usize, q) {
                changed += 1;
                *taken = model.best(state, q).map_or(NONE, |pair| pair as u32);
            }
        }
        log.scalar("train/residual", residual);
        log.scalar("train/policy_changes", changed as f64);
        // Where evaluation is cut short, a policy that stays does not mean that values do.
        self.converged = changed == 0
            && (config.evaluation != Evaluate::Modified || residual <= config.tolerance);
        Ok(Progress::Advanced(1))
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
        checkpoint.value("converged", &mut self.converged)
    }
}

impl Agent for PolicyIteration {
    fn act(&self, obs: &[f32], actions: &mut [usize]) -> Result<()> {
        let taken =
            |state: usize| (self.policy[state] != NONE).then_some(self.policy[state] as usize);
        act(&self.problem.model, obs, actions, taken)
    }

    fn table(&self, _: &Model) -> Result<Option<Table>> {
        Ok(Some(self.answer()))
    }
}
