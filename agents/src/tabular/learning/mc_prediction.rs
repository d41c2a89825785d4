//! Monte Carlo prediction (Sutton & Barto 2018, section 5.1), off-policy by importance sampling
//! (section 5.5).
//!
//! v(s) is a mean of the returns G that followed the visits of s (or the first in each episode) under
//! a given policy π. Where another policy b is followed, each return counts by the probability of
//! what happened under π over that under b, ρ = Π π(a | s) / b(a | s): `weighted`, Σ ρ·G / Σ ρ, or
//! `ordinary`, Σ ρ·G / n. One step is a transition. Where a time limit cuts an episode off, the value
//! of the last state stands in for what is missing of the return, which so is off by what that estimate
//! is off.
use super::estimates::Estimates;
use super::monte_carlo::{Visits, weighted_mean};
use super::prediction::{Prediction, prediction_agent};
use super::problem::Problem;
use super::step_size::StepSize;
use super::tabular_env::TabularEnv;
use crate::tabular::discount::Discount;
use crate::tabular::policy_name::PolicyName;
use anyhow::Result;
use bytemuck::cast_slice_mut;
use serde::{Deserialize, Serialize};
use train::{BadValue, Checkpoint, Evaluation, FirstUpdate, Learner, Log, Progress, Split};

train::hyper_parameters! {
    /// Hyper-parameters of [`McPrediction`].
    pub struct McPredictionConfig {
        /// Discount γ, or `own` for the problem's
        gamma: Discount = Discount::Own;
        /// The policy: uniform, or a JSON file such as the solution.json of a run
        policy: PolicyName = PolicyName::Uniform;
        /// The policy that is followed: own (the same), uniform, or a JSON file
        behaviour: Behaviour = Behaviour::Own;
        /// With --behaviour, how its returns count: weighted or ordinary importance sampling
        sampling: Sampling = Sampling::Weighted, with behaviour not "own";
        /// Visits of a state in an episode that count: first or every
        visits: Visits = Visits::First;
        /// Step size α: a number, or `1/n` or `1/n^0.8` with the visits n of a state; weighted: 1/n
        alpha: StepSize = StepSize::Visits(1.0);
        /// Value of v before anything is known
        initial: f64 = 0.0, in f64::MIN..;
    }
}

/// The policy that is followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum Behaviour {
    /// `own`: the one that is evaluated.
    Own,
    /// Another one.
    Other(PolicyName),
}

impl From<String> for Behaviour {
    fn from(text: String) -> Self {
        if text == "own" { Self::Own } else { Self::Other(text.into()) }
    }
}

impl std::str::FromStr for Behaviour {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(text.to_owned().into())
    }
}

impl std::fmt::Display for Behaviour {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Own => f.write_str("own"),
            Self::Other(name) => name.fmt(f),
        }
    }
}

impl From<Behaviour> for String {
    fn from(behaviour: Behaviour) -> Self {
        behaviour.to_string()
    }
}

/// Importance sampling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sampling {
    /// Σ ρ·G / Σ ρ: biased at first, of bounded variance.
    Weighted,
    /// Σ ρ·G / n: right in the mean, its variance may be infinite.
    Ordinary,
}

/// A transition of the episode under way.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Visit {
    state: usize,
    reward: f64,
    /// First visit of the state in its episode.
    first: bool,
    /// π(a | s) / b(a | s).
    ratio: f64,
}

/// Monte Carlo prediction in the environment it learns in.
pub struct McPrediction {
    config: McPredictionConfig,
    env: TabularEnv,
    prediction: Prediction,
    v: Estimates,
    /// Σ ρ, `[S]`.
    weights: Vec<f64>,
    episode: Vec<Visit>,
    /// States visited in the episode under way, `[S]`.
    visited: Vec<bool>,
}

impl McPrediction {
    /// All values `initial`.
    ///
    /// # Errors
    /// [`BadValue`] where a hyper-parameter is out of range; what [`PolicyName::read`] finds; where
    /// the outcomes are not known, or the policy that is followed leaves out what the other does.
    pub fn new(problem: Problem, config: McPredictionConfig, seed: u64) -> Result<Self> {
        config.check()?;
        let behaviour = match &config.behaviour {
            Behaviour::Own => None,
            Behaviour::Other(name) => Some(name),
        };
        let weighted = behaviour.is_some() && config.sampling == Sampling::Weighted;
        if weighted && config.alpha != StepSize::Visits(1.0) {
            let why = "with --sampling weighted, weighted means are taken: leave it at 1/n";
            return Err(BadValue::new("alpha", config.alpha, why).into());
        }
        let prediction = Prediction::new(&problem, config.gamma, &config.policy, behaviour, seed)?;
        let env = TabularEnv::of_policy(problem, config.gamma, seed)?;
        let v = Estimates::of_states(&env.states, config.initial, config.alpha);
        let (weights, visited) = (vec![0.0; v.values.len()], vec![false; v.values.len()]);
        Ok(Self { config, env, prediction, v, weights, episode: Vec::new(), visited })
    }

    /// Learns from the episode that has ended, going back from its last transition; `ret` stands for
    /// what came after that.
    fn learn(&mut self, mut ret: f64, log: &mut Log) {
        let Self { config, env, prediction, v, weights, episode, visited } = self;
        let weighted = prediction.is_off_policy() && config.sampling == Sampling::Weighted;
        let mut weight = 1.0;
        for &Visit { state, reward, first, ratio } in episode.iter().rev() {
            ret = reward + env.gamma * ret;
            weight *= ratio;
            visited[state] = false;
            if !first && config.visits != Visits::Every {
                continue;
            }
            if weighted {
                log.scalar("train/td_error", (ret - v.values[state]).abs());
                v.values[state] = weighted_mean(v.values[state], &mut weights[state], weight, ret);
            } else {
                log.scalar("train/td_error", v.learn(state, weight * ret).abs());
            }
        }
        episode.clear();
        log.updated();
    }
}

impl Learner for McPrediction {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        let Self { env, prediction, v, episode, visited, .. } = self;
        let action = prediction.choose(env.state);
        let transition = env.step(action, log)?;
        let first = !std::mem::replace(&mut visited[transition.state], true);
        let ratio = prediction.ratio(transition.state, action);
        episode.push(Visit { state: transition.state, reward: transition.reward, first, ratio });
        if transition.ended {
            let after = transition.next_state.map_or(0.0, |state| v.values[state]);
            self.learn(after, log);
        }
        Ok(Progress::Advanced(1))
    }

    fn first_update(&self) -> FirstUpdate {
        self.env.first_update(None)
    }

    fn evaluate(&mut self, _: Split) -> Result<Evaluation> {
        Ok(self.prediction.evaluation(&self.v.values))
    }

    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.env.state(checkpoint)?;
        self.v.state(&self.env.states, checkpoint)?;
        self.prediction.state(checkpoint)?;
        checkpoint.bytes("weights", cast_slice_mut(&mut self.weights))?;
        checkpoint.check("weights", "finite numbers, none negative, are expected", || {
            self.weights.iter().all(|weight| weight.is_finite() && *weight >= 0.0)
        })?;
        checkpoint.value("episode", &mut self.episode)?;
        let n = self.env.states.n();
        let sound = |visit: &Visit| {
            visit.state < n
                && visit.reward.is_finite()
                && visit.ratio.is_finite()
                && visit.ratio >= 0.0
        };
        checkpoint.check("episode", "transitions of states there are, are expected", || {
            self.episode.iter().all(sound)
        })?;
        self.visited.fill(false);
        self.episode.iter().for_each(|visit| self.visited[visit.state] = true);
        Ok(())
    }
}

prediction_agent!(McPrediction);

#[cfg(test)]
mod tests {
    use super::*;
    use envs::{GridConfig, GridWorld, Layout};
    use std::sync::Arc;

    /// The values of cells 1 and 2 of `chain` after two episodes: 1 → 2 → 1 with rewards 1, 2, 4 and
    /// ratios 2, ½, 4; then 2 alone with reward 8 and ratio 1. γ = ½.
    fn learned(config: McPredictionConfig) -> [f64; 2] {
        let mdp = GridWorld::new(&GridConfig::of(Layout::Chain)).unwrap();
        let config = McPredictionConfig { gamma: Discount::Of(0.5), ..config };
        let mut learner = McPrediction::new(Problem::of(Arc::new(mdp), 10), config, 1).unwrap();
        let visit = |state, reward, first, ratio| Visit { state, reward, first, ratio };
        learner.episode =
            vec![visit(1, 1.0, true, 2.0), visit(2, 2.0, true, 0.5), visit(1, 4.0, false, 4.0)];
        learner.learn(0.0, &mut Log::default());
        learner.episode = vec![visit(2, 8.0, true, 1.0)];
        learner.learn(0.0, &mut Log::default());
        [learner.v.values[1], learner.v.values[2]]
    }

    #[test]
    fn importance_sampling_by_hand() {
        // G = 3, 4, 4 with ρ = 4, 2, 4; then G = 8 with ρ = 1.
        let behaviour = || Behaviour::Other(PolicyName::Uniform);
        let config = |sampling, visits| McPredictionConfig {
            behaviour: behaviour(),
            sampling,
            visits,
            ..Default::default()
        };
        let ordinary = learned(config(Sampling::Ordinary, Visits::First));
        assert_eq!(ordinary, [12.0, (8.0 + 8.0) / 2.0]);
        let ordinary = learned(config(Sampling::Ordinary, Visits::Every));
        assert_eq!(ordinary, [(12.0 + 16.0) / 2.0, 8.0]);
        let weighted = learned(config(Sampling::Weighted, Visits::First));
        assert_eq!(weighted, [3.0, (2.0 * 4.0 + 8.0) / 3.0]);
        let weighted = learned(config(Sampling::Weighted, Visits::Every));
        assert_eq!(weighted, [(4.0 * 3.0 + 4.0 * 4.0) / 8.0, (2.0 * 4.0 + 8.0) / 3.0]);
    }
}
