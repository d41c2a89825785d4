//! Monte Carlo control (Sutton & Barto 2018, sections 5.3, 5.4 and 5.7).
//!
//! After an episode, q(s, a) moves to the return G that followed each visit of a pair (or
//! its first visit): by α for `on-policy` (the ε-greedy policy) and `exploring-starts` (the greedy
//! one, from any state and action), by W / C with weighted importance sampling for `off-policy` (the
//! greedy policy, learned from the ε-greedy one). One step is a transition. Where a time limit cuts an
//! episode off, its return is not known: the value of the last state stands in for what is missing, and
//! the return is off by what that estimate is off.
//!
//! Off policy, only the tails of episodes count, from where all actions are greedy (Sutton & Barto, end of
//! section 5.7). Where the greedy policy goes round for ever, no episode has such a tail and nothing tells
//! it so: on AIMA's grid, whose (4,1) is worth less than the initial 0, errors of 0.1 stay for millions of
//! steps. An `--initial` below all returns keeps what was never tried from being greedy.
use super::control::Control;
use super::estimates::Estimates;
use super::explorer::{Explorer, control_parameters};
use super::problem::Problem;
use super::step_size::StepSize;
use super::tabular_env::{TabularEnv, TabularTransition};
use crate::actions::{ActionBatch, Mode};
use crate::agent::Agent;
use crate::on_policy::heads::ActionDistribution;
use crate::tabular::greedy::{all_tie, best, epsilon_greedy, expected_value};
use crate::tabular::model::Model;
use crate::tabular::policy::Policy;
use crate::tabular::table::Table;
use anyhow::Result;
use bytemuck::cast_slice_mut;
use nn::onnx::Export;
use serde::{Deserialize, Serialize};
use train::{
    BadValue, Checkpoint, Evaluation, FirstUpdate, Learner, Linear, Log, Progress, Rng, Split,
};

control_parameters! {
    /// Hyper-parameters of [`MonteCarlo`].
    pub struct MonteCarloConfig {
        /// Method: on-policy, exploring-starts or off-policy
        method: MonteCarloMethod = MonteCarloMethod::OnPolicy;
        /// Visits of a pair in an episode that count: first, every, or own (first, off-policy every)
        visits: Visits = Visits::Own;
        /// Step size α: a number, or `1/n` or `1/n^0.8` with the visits n of a state's action
        alpha: StepSize = StepSize::Visits(1.0);
        /// Value of q before anything is known; one above all returns makes the agent try everything
        initial: f64 = 0.0, in f64::MIN..;
    }
}

/// Behaviour and target policy of Monte Carlo control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MonteCarloMethod {
    /// Episodes of the ε-greedy policy, about which it learns.
    OnPolicy,
    /// Episodes of the greedy policy that start in any state that is not terminal, all equally
    /// probable, with any action it has, all equally probable: pairs of states with fewer actions are
    /// drawn more often. ε is not used.
    ExploringStarts,
    /// Episodes of the ε-greedy policy, about the greedy one.
    OffPolicy,
}

/// Visits of a state, or of its action, that count in an episode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Visits {
    /// As in the books: the first; for off-policy control all of them.
    Own,
    /// The first.
    First,
    /// All of them.
    Every,
}

/// C ← C + W, then q ← q + W / C·(G − q): the mean of returns G weighted by W (equations 5.7 and 5.8).
/// Returns the new q.
pub fn weighted_mean(q: f64, total: &mut f64, weight: f64, ret: f64) -> f64 {
    *total += weight;
    if *total > 0.0 { q + weight / *total * (ret - q) } else { q }
}

/// A transition of the episode under way.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Visit {
    state: usize,
    action: usize,
    reward: f64,
    /// First visit of the pair in its episode.
    first: bool,
    /// Probability with which the action was taken.
    prob: f64,
}

/// Monte Carlo control in the environment it learns in.
pub struct MonteCarlo {
    config: MonteCarloConfig,
    control: Control,
    /// C, `[S, A]`.
    weights: Vec<f64>,
    episode: Vec<Visit>,
    /// Pairs visited in the episode under way, `[S, A]`.
    visited: Vec<bool>,
}

impl MonteCarlo {
    /// All values `initial`.
    ///
    /// # Errors
    /// [`BadValue`] where a hyper-parameter is out of range; where the outcomes are not known, which
    /// exploring starts need.
    pub fn new(problem: Problem, config: MonteCarloConfig, seed: u64) -> Result<Self> {
        config.check()?;
        let off_policy = config.method == MonteCarloMethod::OffPolicy;
        if off_policy && config.visits == Visits::First {
            let why = "off-policy, every visit counts: leave it out";
            return Err(BadValue::new("visits", "first", why).into());
        }
        if off_policy && config.alpha != StepSize::Visits(1.0) {
            let why = "off-policy, weighted means are taken: leave it at 1/n";
            return Err(BadValue::new("alpha", config.alpha, why).into());
        }
        let (env, epsilon) = match config.method {
            MonteCarloMethod::ExploringStarts => {
                let never = Linear { from: 0.0, to: 0.0, over: 0 };
                (TabularEnv::starting_anywhere(problem, config.gamma, seed)?, never)
            }
            _ => (TabularEnv::new(problem, config.gamma, seed)?, config.epsilon()),
        };
        let q = Estimates::of_actions(&env.states, config.initial, config.alpha);
        let explorer = Explorer::new(epsilon, seed);
        let (weights, visited) = (vec![0.0; q.values.len()], vec![false; q.values.len()]);
        let control = Control { env, q, explorer, episodes: config.episodes() };
        Ok(Self { config, control, weights, episode: Vec::new(), visited })
    }

    fn choose(&mut self) -> usize {
        let Control { env, q, explorer, .. } = &mut self.control;
        let row = q.row(env.state);
        match self.config.method {
            MonteCarloMethod::ExploringStarts if self.episode.is_empty() => explorer.uniform(row),
            _ => explorer.choose(row, env.n_transitions),
        }
    }

    /// Learns from the episode that has ended, going back from its last transition; `ret` stands for
    /// what came after that.
    fn learn(&mut self, mut ret: f64, log: &mut Log) {
        let Self { config, control: Control { env, q, .. }, weights, episode, visited } = self;
        let mut weight = 1.0;
        for &Visit { state, action, reward, first, prob } in episode.iter().rev() {
            ret = reward + env.gamma * ret;
            let index = q.index(state, action);
            visited[index] = false;
            if config.method == MonteCarloMethod::OffPolicy {
                // Where the greedy policy would have left, nothing before is about it.
                if weight == 0.0 {
                    continue;
                }
                log.scalar("train/td_error", (ret - q.values[index]).abs());
                q.values[index] = weighted_mean(q.values[index], &mut weights[index], weight, ret);
                weight = if best(q.row(state)) == Some(action) { weight / prob } else { 0.0 };
            } else if first || config.visits == Visits::Every {
                log.scalar("train/td_error", q.learn(index, ret).abs());
            }
        }
        episode.clear();
        log.updated();
    }
}

impl Learner for MonteCarlo {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        let action = self.choose();
        let Self { config, control, weights, episode, visited } = self;
        let epsilon = control.explorer.epsilon(control.env.n_transitions);
        let prob = epsilon_greedy(control.q.row(control.env.state), action, epsilon);
        let TabularTransition { state, reward, next_state, ended } = control.step(action, log)?;
        let q = &control.q;
        weights.resize(q.values.len(), 0.0);
        visited.resize(q.values.len(), false);
        let first = !std::mem::replace(&mut visited[q.index(state, action)], true);
        episode.push(Visit { state, action, reward, first, prob });
        log.scalar("train/epsilon", epsilon);
        if ended {
            let epsilon = if config.method == MonteCarloMethod::OffPolicy { 0.0 } else { epsilon };
            let after = next_state.map_or(0.0, |state| expected_value(q.row(state), epsilon));
            self.learn(after, log);
        }
        Ok(Progress::Advanced(1))
    }

    fn first_update(&self) -> FirstUpdate {
        self.control.env.first_update(None)
    }

    fn evaluate(&mut self, split: Split) -> Result<Evaluation> {
        self.control.evaluate(self, split)
    }

    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.control.state(checkpoint)?;
        let Control { env, q, .. } = &self.control;
        self.weights.resize(q.values.len(), 0.0);
        checkpoint.bytes("weights", cast_slice_mut(&mut self.weights))?;
        checkpoint.check("weights", "finite numbers, none negative, are expected", || {
            self.weights.iter().all(|weight| weight.is_finite() && *weight >= 0.0)
        })?;
        checkpoint.value("episode", &mut self.episode)?;
        let states = &env.states;
        let sound = |visit: &Visit| {
            visit.state < states.n()
                && visit.action < states.n_actions()
                && states.allows(visit.state, visit.action)
                && visit.reward.is_finite()
                && visit.prob > 0.0
                && visit.prob <= 1.0
        };
        checkpoint.check("episode", "transitions of states there are, are expected", || {
            self.episode.iter().all(sound)
        })?;
        self.visited.clear();
        self.visited.resize(q.values.len(), false);
        for visit in &self.episode {
            self.visited[q.index(visit.state, visit.action)] = true;
        }
        Ok(())
    }
}

impl Agent for MonteCarlo {
    fn act(&self, obs: &[f32], _: Mode, rngs: &mut [Rng], actions: &mut ActionBatch) -> Result<()> {
        let (Control { env, q, .. }, actions) = (&self.control, actions.numbers()?);
        q.act(&env.states, obs, rngs, actions)?;
        if self.config.method != MonteCarloMethod::OffPolicy {
            return Ok(());
        }
        // The policy that is learned takes the first of equally good actions; where all tie there is none.
        let (obs_len, mut key) = (obs.len() / actions.len().max(1), Vec::new());
        for (obs, action) in obs.chunks_exact(obs_len.max(1)).zip(actions) {
            let Some(state) = env.states.find(obs, &mut key)? else { continue };
            let row = q.row(state);
            if !all_tie(row) {
                *action = best(row).unwrap_or(0);
            }
        }
        Ok(())
    }

    fn table(&self, model: &Model) -> Result<Option<Table>> {
        Ok(self.control.q.table(&self.control.env.states, model))
    }

    fn evaluates(&self) -> Option<&Policy> {
        None
    }

    fn q_values(&self, obs: &[f32]) -> Result<Option<Vec<f64>>> {
        let Control { env, q, .. } = &self.control;
        q.of(&env.states, obs, env.obs_len()).map(Some)
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
