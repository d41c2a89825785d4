//! Fitted Q-iteration (Ernst et al. 2005, algorithm 1).
//!
//! First `--samples` transitions are collected by actions drawn uniformly. Then, on these same
//! transitions (s, a, r, s'), again and again: y = r + γ·max_a' q(s', a'), and q is regressed on y,
//! `table` by the mean of y for each pair, `linear` by least squares, q(s, a) = w_a·x(s) + b_a with x the
//! observation. One step is a regression.
mod config;
mod samples;

use super::linear_q::{features, linear, mask};
use super::problem::Problem;
use super::q_learning::q_learning_target;
use super::states::States;
use crate::actions::{ActionBatch, Mode, discrete_actions};
use crate::agent::Agent;
use crate::evaluation::{Episodes, evaluate};
use crate::on_policy::heads::ActionDistribution;
use crate::tabular::discount::{APPROXIMATE_HASTE, TABLE_HASTE, hastened};
use crate::tabular::greedy::any_best;
use crate::tabular::model::{Model, larger, moves};
use crate::tabular::policy::Policy;
use crate::tabular::table::Table;
use anyhow::Result;
use bytemuck::cast_slice_mut;
pub use config::{Approximation, FittedQConfig};
use envs::{Element, Env, VecEnv};
use faer::linalg::solvers::Llt;
use nn::onnx::Export;
use samples::{Samples, collect, factor, least_squares, means};
use train::{BadValue, Checkpoint, Evaluation, Learner, Log, MODEL, Progress, Rng, Split, stream};

/// Fitted Q-iteration on transitions that it collects.
pub struct FittedQ {
    config: FittedQConfig,
    problem: Problem,
    gamma: f64,
    seed: u64,
    obs_len: usize,
    n_actions: usize,
    /// States by number, where a table needs them or where they tell which actions there are.
    states: Option<States>,
    samples: Samples,
    /// w, `[D, A]`: of a table the values themselves, D = S; else D = the observation's length + 1.
    weights: Vec<f64>,
    /// For each action, of X'X + ridge·I over its samples.
    factors: Vec<Llt<f64>>,
    converged: bool,
}

impl FittedQ {
    /// Nothing collected yet.
    ///
    /// # Errors
    /// [`BadValue`] where a hyper-parameter is out of range, or a table can't hold the observations;
    /// where actions are vectors.
    pub fn new(problem: Problem, config: FittedQConfig, seed: u64) -> Result<Self> {
        config.check()?;
        let spec = (problem.make)().spec();
        let table = config.values == Approximation::Table;
        if table && spec.element == Element::Float {
            let why = "the observations of this environment are real numbers; give linear";
            return Err(BadValue::new("values", "table", why).into());
        }
        let haste = if table { TABLE_HASTE } else { APPROXIMATE_HASTE };
        let (obs_len, n_actions) = (spec.obs_len(), discrete_actions(&spec)?);
        let dims = (!table).then_some(obs_len + 1);
        samples::memory(&spec, config.samples, dims, n_actions).check()?;
        let states = match &problem.mdp {
            Some(mdp) => Some(States::known(mdp)),
            None => table.then(|| States::to_be_met(n_actions, obs_len)),
        };
        Ok(Self {
            gamma: hastened(problem.gamma(config.gamma)?, haste),
            samples: Samples::default(),
            weights: Vec::new(),
            factors: Vec::new(),
            converged: false,
            config,
            problem,
            seed,
            obs_len,
            n_actions,
            states,
        })
    }

    fn is_table(&self) -> bool {
        self.config.values == Approximation::Table
    }

    /// x(s) of the state that `obs` shows, `env` standing in it.
    fn features(&mut self, obs: &[f32], env: &dyn Env, row: &mut Vec<(usize, f64)>) -> Result<()> {
        row.clear();
        match &mut self.states {
            Some(states) if self.config.values == Approximation::Table => {
                row.push((states.meet(obs, env)?, 1.0));
            }
            _ => row.extend(features(obs)),
        }
        Ok(())
    }

    fn collect(&mut self, log: &mut Log) -> Result<()> {
        let env = VecEnv::new(vec![stream(self.seed, "env/0")], &self.problem.make);
        let (n, explore) = (self.config.samples, stream(self.seed, "explore"));
        let features = |obs: &[f32], env: &dyn Env, row: &mut Vec<_>| self.features(obs, env, row);
        self.samples = collect(env, explore, n, features, log)?;
        self.weights = match &self.states {
            Some(states) if self.is_table() => (0..states.n() * self.n_actions)
                .map(|i| match states.allows(i / self.n_actions, i % self.n_actions) {
                    true => self.config.initial,
                    false => f64::NEG_INFINITY,
                })
                .collect(),
            _ => vec![0.0; (self.obs_len + 1) * self.n_actions],
        };
        Ok(())
    }

    /// y of every sample, `[N]`.
    fn targets(&self) -> Vec<f64> {
        let Self { samples, weights, gamma, n_actions, .. } = self;
        let mut q = vec![0.0; *n_actions];
        let mut unavailable = samples.unavailable.iter().peekable();
        let mut target = |(sample, reward): (usize, &f64)| {
            let row = samples.next.row(sample);
            linear(row.iter().copied(), weights, &mut q);
            while let Some((_, action)) = unavailable.next_if(|(i, _)| *i == sample) {
                q[*action] = f64::NEG_INFINITY;
            }
            q_learning_target(*reward, *gamma, (!row.is_empty()).then_some(&q[..]))
        };
        samples.rewards.iter().enumerate().map(&mut target).collect()
    }

    /// The weights that fit `targets`, `[N]`, best.
    fn regress(&mut self, targets: &[f64]) -> Result<Vec<f64>> {
        if self.is_table() {
            return Ok(means(&self.samples, targets, &self.weights, self.n_actions));
        }
        if self.factors.is_empty() {
            let dims = self.obs_len + 1;
            let factor = |action| factor(&self.samples, action, dims, self.config.ridge);
            self.factors = (0..self.n_actions).map(factor).collect::<Result<_>>()?;
        }
        Ok(least_squares(&self.samples, targets, &self.factors, self.obs_len + 1))
    }
}

impl Learner for FittedQ {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        if self.converged {
            return Ok(Progress::Converged);
        }
        if self.samples.actions.is_empty() {
            self.collect(log)?;
        }
        let targets = self.targets();
        let before = std::mem::take(&mut self.weights);
        self.weights = before.clone();
        self.weights = self.regress(&targets)?;
        let samples = &self.samples;
        let (mut residual, mut squares, mut moving) = (0.0, 0.0, false);
        for (sample, y) in targets.iter().enumerate() {
            let q = samples.prediction(sample, &self.weights, self.n_actions);
            let old = samples.prediction(sample, &before, self.n_actions);
            let magnitude =
                || samples.magnitude(sample, &self.weights, self.n_actions).max(y.abs());
            moving = moving || moves(q, old, self.config.tolerance, magnitude);
            residual = larger(residual, (q - old).abs());
            squares += (y - q).powi(2);
        }
        log.scalar("train/residual", residual);
        log.updated();
        log.scalar("train/error", (squares / targets.len() as f64).sqrt());
        self.converged = !moving;
        Ok(Progress::towards_convergence(self.converged))
    }

    fn evaluate(&mut self, split: Split) -> Result<Evaluation> {
        let FittedQConfig { eval_episodes: eval, test_episodes: test, .. } = self.config;
        let episodes = Episodes { eval, test }.of(split);
        evaluate(self, &self.problem.make, episodes, split, self.seed)
    }

    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        if let Some(states) = &mut self.states {
            states.state(checkpoint)?;
        }
        let mut n = self.weights.len();
        checkpoint.value("model.weights", &mut n)?;
        let states = self.states.as_ref().filter(|_| self.is_table());
        let whole = (states.map_or(self.obs_len + 1, States::n)) * self.n_actions;
        checkpoint.check("model.weights", &format!("0 or {whole} is expected"), || {
            n == 0 || n == whole
        })?;
        self.weights.resize(n, 0.0);
        checkpoint.bytes(MODEL, cast_slice_mut(&mut self.weights))?;
        let sound = |weight: &f64| !weight.is_nan() && *weight < f64::INFINITY;
        checkpoint.check(MODEL, "weights, none of them infinite, are expected", || {
            self.weights.iter().all(sound)
        })?;
        checkpoint.value("samples", &mut self.samples)?;
        let features = whole / self.n_actions;
        let size = [self.config.samples, features, self.n_actions];
        let collected = self.samples.fit(size, self.is_table()) && n == whole;
        checkpoint.check(
            "samples",
            "as many as --samples, of known states, are expected",
            || collected || self.samples.actions.is_empty() && n == 0,
        )?;
        // They are those of the samples.
        self.factors.clear();
        checkpoint.value("converged", &mut self.converged)
    }
}

impl FittedQ {
    /// Shows `visit` q(s, ·) of each observation, `[N, obs_len]`, with its number; 0 before the first regression.
    fn each(&self, obs: &[f32], mut visit: impl FnMut(usize, &[f64])) -> Result<()> {
        let Self { states, weights, obs_len, .. } = self;
        let (mut q, mut key) = (vec![0.0; self.n_actions], Vec::new());
        for (i, obs) in obs.chunks_exact(*obs_len).enumerate() {
            q.fill(0.0);
            match states {
                Some(states) if self.is_table() => match states.find(obs, &mut key)? {
                    Some(state) if !weights.is_empty() => {
                        linear([(state, 1.0)].into_iter(), weights, &mut q);
                    }
                    Some(_) if states.are_known() => mask(Some(states), obs, &mut q)?,
                    _ => {}
                },
                states => {
                    if !weights.is_empty() {
                        linear(features(obs), weights, &mut q);
                    }
                    mask(states.as_ref(), obs, &mut q)?;
                }
            }
            visit(i, &q);
        }
        Ok(())
    }
}

impl Agent for FittedQ {
    fn act(&self, obs: &[f32], _: Mode, rngs: &mut [Rng], actions: &mut ActionBatch) -> Result<()> {
        let actions = actions.numbers()?;
        self.each(obs, |i, q| actions[i] = any_best(q, &mut rngs[i]).unwrap_or(0))
    }

    fn table(&self, model: &Model) -> Result<Option<Table>> {
        let mut table = Table::unknown(model);
        if self.weights.is_empty() {
            return Ok(None);
        }
        let mut q = vec![0.0; self.n_actions];
        for state in 0..model.n_states() {
            let bias = (!self.is_table()).then_some((self.obs_len, 1.0));
            linear([(state, 1.0)].into_iter().chain(bias), &self.weights, &mut q);
            table.set(model, state, |action| q[action]);
        }
        Ok(Some(table))
    }

    fn evaluates(&self) -> Option<&Policy> {
        None
    }

    fn q_values(&self, obs: &[f32]) -> Result<Option<Vec<f64>>> {
        let mut all = Vec::new();
        self.each(obs, |_, q| all.extend_from_slice(q))?;
        Ok(Some(all))
    }

    fn policy(&self, _: &[f32]) -> Result<Option<ActionDistribution>> {
        Ok(None)
    }

    fn exports(&self) -> Vec<Export<'_>> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests;
