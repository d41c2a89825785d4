//! A given policy π(a | s), for those who evaluate one.
mod solve;

pub(crate) use solve::solve;

use super::planner::state_of;
use super::{Model, Problem, Table};
use anyhow::{Result, anyhow, bail};
use bytemuck::cast_slice_mut;
use envs::Mdp;
use rand::Rng as _;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use train::{BadValue, Checkpoint, Rng};

/// How far from 1 the probabilities of a state may sum.
const TOLERANCE: f64 = 1e-6;

/// A policy as a hyper-parameter.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum PolicyName {
    /// `uniform`: every available action is as probable as the others.
    #[default]
    Uniform,
    /// A JSON object with `policy`, a list by state, as `solution.json` of a run has: the action's
    /// number, or a list with the probability of each action, or null where the state is terminal.
    File(PathBuf),
}

impl From<String> for PolicyName {
    fn from(text: String) -> Self {
        match text.as_str() {
            "uniform" => Self::Uniform,
            _ => Self::File(text.into()),
        }
    }
}

impl FromStr for PolicyName {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(text.to_owned().into())
    }
}

impl fmt::Display for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uniform => f.write_str("uniform"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

impl From<PolicyName> for String {
    fn from(name: PolicyName) -> Self {
        name.to_string()
    }
}

impl PolicyName {
    /// The policy that goes by this name, for the problem `mdp`; `flag` is what it was given by.
    ///
    /// # Errors
    /// [`BadValue`] where the file can't be read or does not fit the problem.
    pub fn read(&self, flag: &str, mdp: &dyn Mdp, model: &Model) -> Result<Policy> {
        let Self::File(path) = self else { return Ok(Policy::uniform(model)) };
        let wrong = |why: &str| BadValue::new(flag, path.display(), why);
        let text = train::read_text(path.as_ref())
            .map_err(|error| wrong(&format!("{error:#}; `uniform` or a JSON file is expected")))?;
        let file: File = serde_json::from_str(&text).map_err(|error| {
            wrong(&format!("`policy`, a list by state, is expected in a JSON object: {error}"))
        })?;
        Policy::of(&file.policy, mdp, model).map_err(|error| wrong(&error.to_string()).into())
    }
}

#[derive(Deserialize)]
struct File {
    policy: Vec<Option<Choice>>,
}

/// What a policy does in a state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Choice {
    /// Always this action.
    Action(usize),
    /// Each action with its probability, `[A]`.
    Probabilities(Vec<f64>),
}

impl Choice {
    /// The action that is always taken; `None` where one is drawn.
    pub fn action(&self) -> Option<usize> {
        match self {
            Self::Action(action) => Some(*action),
            Self::Probabilities(_) => None,
        }
    }

    /// The actions that may be taken, each with its probability.
    pub fn probs(&self) -> impl Iterator<Item = (usize, f64)> {
        let (sure, drawn) = match self {
            Self::Action(action) => (Some((*action, 1.0)), &[][..]),
            Self::Probabilities(probs) => (None, &probs[..]),
        };
        sure.into_iter().chain(drawn.iter().copied().enumerate().filter(|(_, prob)| *prob > 0.0))
    }
}

/// How probable each available action is.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// π(a | s) by pair, `[P]`.
    probs: Vec<f64>,
}

impl Policy {
    /// Every available action is as probable as the others.
    pub fn uniform(model: &Model) -> Self {
        let mut probs = vec![0.0; model.n_pairs()];
        for state in 0..model.n_states() {
            let pairs = model.pairs(state);
            let prob = 1.0 / pairs.len() as f64;
            probs[pairs].fill(prob);
        }
        Self { probs }
    }

    /// What `choices` say, `[S]`; a terminal state has none.
    ///
    /// # Errors
    /// Where there are not as many choices as states; names the first state whose choice is none,
    /// takes an action it does not have, or is no distribution.
    pub fn of(choices: &[Option<Choice>], mdp: &dyn Mdp, model: &Model) -> Result<Self> {
        if choices.len() != model.n_states() {
            bail!("the policy is for {} states, there are {}", choices.len(), model.n_states());
        }
        let mut policy = Self { probs: vec![0.0; model.n_pairs()] };
        for (state, choice) in choices.iter().enumerate() {
            policy.set(state, choice.as_ref(), model).map_err(|why| {
                let actions = model.pairs(state).map(|pair| model.action(pair));
                let actions: Vec<_> =
                    actions.map(|a| format!("{a} {}", mdp.action_name(a))).collect();
                let has = match actions.is_empty() {
                    true => "no action".to_owned(),
                    false => format!("the actions {}", actions.join(", ")),
                };
                anyhow!("state {} ({state}): {why}; it has {has}", mdp.state_name(state))
            })?;
        }
        Ok(policy)
    }

    fn set(&mut self, state: usize, choice: Option<&Choice>, model: &Model) -> Result<()> {
        let pair = |action| model.pairs(state).find(|pair| model.action(*pair) == action);
        match choice {
            None if model.pairs(state).is_empty() => {}
            None => bail!("no action is given"),
            Some(Choice::Action(action)) => match pair(*action) {
                Some(pair) => self.probs[pair] = 1.0,
                None => bail!("action {action} is not available"),
            },
            Some(Choice::Probabilities(probs)) => {
                if probs.len() != model.n_actions() {
                    bail!("{} probabilities, {} are expected", probs.len(), model.n_actions());
                }
                let sum: f64 = probs.iter().sum();
                if probs.iter().any(|prob| !(0.0..=1.0).contains(prob))
                    || (sum - 1.0).abs() > TOLERANCE
                {
                    bail!("{probs:?} are no probabilities: they sum to {sum}, not to 1");
                }
                for (action, prob) in probs.iter().enumerate().filter(|(_, prob)| **prob > 0.0) {
                    match pair(action) {
                        Some(pair) => self.probs[pair] = prob / sum,
                        None => bail!("action {action} is not available"),
                    }
                }
            }
        }
        Ok(())
    }

    /// π(a | s) of a pair.
    pub fn prob(&self, pair: usize) -> f64 {
        self.probs[pair]
    }

    /// What is done in a state; `None` where it is terminal.
    pub fn choice(&self, model: &Model, state: usize) -> Option<Choice> {
        let mut probs = vec![0.0; model.n_actions()];
        for pair in model.pairs(state) {
            if self.probs[pair] == 1.0 {
                return Some(Choice::Action(model.action(pair)));
            }
            probs[model.action(pair)] = self.probs[pair];
        }
        (!model.pairs(state).is_empty()).then_some(Choice::Probabilities(probs))
    }

    /// Draws an action; `None` where the state is terminal.
    pub fn draw(&self, model: &Model, state: usize, rng: &mut Rng) -> Option<usize> {
        let mut roll: f64 = rng.random();
        let mut drawn = None;
        // Rounding may leave a little of the roll: then the last action is drawn.
        for pair in model.pairs(state).filter(|&pair| self.probs[pair] > 0.0) {
            drawn = Some(model.action(pair));
            roll -= self.probs[pair];
            if roll < 0.0 {
                break;
            }
        }
        drawn
    }

    /// Σ_a π(a | s)·[ r(s, a) + γ·Σ_s' p(s' | s, a)·v(s') ]; 0 where s is terminal.
    pub fn backup(&self, model: &Model, state: usize, values: &[f64], gamma: f64) -> f64 {
        let taken = model.pairs(state).filter(|&pair| self.probs[pair] > 0.0);
        taken.map(|pair| self.probs[pair] * model.q(pair, values, gamma)).sum()
    }

    /// What numbers a backup of a state adds up come to without their signs.
    pub(super) fn magnitude(&self, model: &Model, state: usize, values: &[f64], gamma: f64) -> f64 {
        let worth = |pair| self.probs[pair] * model.worth(pair, values, gamma).magnitude;
        model.pairs(state).filter(|&pair| self.probs[pair] > 0.0).map(worth).sum()
    }

    /// v^π, `[S]`, exactly.
    ///
    /// # Errors
    /// What [`check_proper`](Self::check_proper) finds.
    pub fn values(&self, problem: &Problem) -> Result<Vec<f64>> {
        self.check_proper(problem)?;
        solve(&problem.model, problem.gamma, &self.probs)
    }

    /// With γ = 1, a policy must come from everywhere to an end, or to where nothing is paid any more.
    ///
    /// # Errors
    /// Names the first state from which it never does.
    pub fn check_proper(&self, problem: &Problem) -> Result<()> {
        match problem.lost(|pair| self.probs[pair] > 0.0) {
            None => Ok(()),
            Some(state) => bail!(
                "the policy never ends an episode from state {}: with a discount of 1 its value \
                 may be infinite; give a --gamma below 1, or another --policy",
                problem.state_name(state)
            ),
        }
    }

    /// The answer for `values`: this policy, and q one step ahead.
    pub fn table(&self, problem: &Problem, values: &[f64]) -> Table {
        let mut table = problem.table(values, problem.worth(values));
        for (state, choice) in table.policy.iter_mut().enumerate() {
            *choice = self.choice(&problem.model, state);
        }
        table
    }

    /// Draws an action for each one-hot observation, `[N, S]`, action `i` from `rngs[i]`; 0 in a
    /// terminal state.
    pub(super) fn act(
        &self,
        model: &Model,
        obs: &[f32],
        rngs: &mut [Rng],
        actions: &mut [usize],
    ) -> Result<()> {
        let obs = obs.chunks_exact(model.n_states());
        for ((obs, rng), action) in obs.zip(rngs).zip(actions) {
            *action = self.draw(model, state_of(obs)?, rng).unwrap_or(0);
        }
        Ok(())
    }

    /// The first of the most probable actions of a state; `None` where it is terminal.
    pub fn likeliest(&self, model: &Model, state: usize) -> Option<usize> {
        let more = |best: usize, pair: usize| match self.probs[pair] > self.probs[best] {
            true => pair,
            false => best,
        };
        model.pairs(state).reduce(more).map(|pair| model.action(pair))
    }

    /// [`likeliest`](Self::likeliest) for each one-hot observation, `[N, S]`.
    pub(super) fn act_likeliest(
        &self,
        model: &Model,
        obs: &[f32],
        actions: &mut [usize],
    ) -> Result<()> {
        for (obs, action) in obs.chunks_exact(model.n_states()).zip(actions) {
            *action = self.likeliest(model, state_of(obs)?).unwrap_or(0);
        }
        Ok(())
    }

    /// Saves the policy as `file`, or refuses to go on where another was saved: its file, `name`, given
    /// by `flag`, has changed since.
    pub(super) fn state(
        &self,
        checkpoint: &mut Checkpoint,
        file: &str,
        (flag, name): (&str, &PolicyName),
    ) -> Result<()> {
        let mut saved = self.probs.clone();
        checkpoint.bytes(file, cast_slice_mut(&mut saved))?;
        if saved != self.probs {
            let why = "it is no longer the policy that this run was started with: put that one back,                        or start a new run";
            return Err(BadValue::new(flag, name, why).into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tabular::Discount;
    use envs::{GridConfig, GridWorld, Layout};
    use train::stream;

    fn tiny() -> GridWorld {
        GridWorld::new(&GridConfig::of(Layout::Tiny)).unwrap()
    }

    /// `tiny` from the top: exit −10, start, exit 10, end; actions up, down, left, right, exit.
    fn read(policy: &str) -> Result<Policy> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("policy.json");
        std::fs::write(&path, format!("{{\"policy\": {policy}, \"states\": []}}")).unwrap();
        PolicyName::File(path).read("policy", &tiny(), &Model::new(&tiny()).unwrap())
    }

    #[test]
    fn reads_actions_and_probabilities() {
        let model = Model::new(&tiny()).unwrap();
        let policy = read("[4, [0.25, 0.75, 0, 0, 0], 4, null]").unwrap();
        assert_eq!(policy.probs, [1.0, 0.25, 0.75, 0.0, 0.0, 1.0]);
        let drawn = Choice::Probabilities(vec![0.25, 0.75, 0.0, 0.0, 0.0]);
        let choices = [0, 1, 3].map(|state| policy.choice(&model, state));
        assert_eq!(choices, [Some(Choice::Action(4)), Some(drawn), None]);
        let uniform = PolicyName::Uniform.read("policy", &tiny(), &model).unwrap();
        assert_eq!(uniform.probs, [1.0, 0.25, 0.25, 0.25, 0.25, 1.0]);
        let mut rng = stream(1, "test");
        let ups = (0..10_000).filter(|_| policy.draw(&model, 1, &mut rng) == Some(0)).count();
        assert!((2_350..2_650).contains(&ups), "{ups}");
        assert_eq!(policy.draw(&model, 3, &mut rng), None);
    }

    #[test]
    fn what_does_not_fit_is_explained() {
        for (policy, why) in [
            ("[4, 0, 4]", "the policy is for 3 states, there are 4"),
            (
                "[4, 4, 4, null]",
                "state (1,2) (1): action 4 is not available; it has the actions 0 up, 1 down, \
                 2 left, 3 right",
            ),
            ("[4, null, 4, null]", "state (1,2) (1): no action is given; it has the actions 0 up"),
            ("[4, 0, 4, 4]", "action 4 is not available; it has no action"),
            ("[4, [1, 0], 4, null]", "2 probabilities, 5 are expected"),
            ("[4, [0.5, 0, 0, 0, 0], 4, null]", "are no probabilities: they sum to 0.5, not to 1"),
            ("[4, [2, -1, 0, 0, 0], 4, null]", "are no probabilities"),
            ("[4, [0, 0, 0, 0, 1], 4, null]", "state (1,2) (1): action 4 is not available"),
            ("7", "`policy`, a list by state, is expected in a JSON object"),
        ] {
            let error = read(policy).unwrap_err();
            assert!(error.is::<BadValue>());
            let told = error.to_string();
            assert!(told.starts_with("--policy ") && told.contains(why), "{told}");
        }
        let none = PolicyName::File("no/such.json".into());
        let error = none.read("behaviour", &tiny(), &Model::new(&tiny()).unwrap()).unwrap_err();
        assert!(
            error.to_string().starts_with("--behaviour no/such.json: cannot read no/such.json")
        );
    }

    #[test]
    fn values_by_hand() {
        // Noise 0, γ = ½. v = ¼·½·(−10) + ¾·½·10 at the start, whose exits pay on leaving.
        let problem = Problem::new(&tiny(), Discount::Own).unwrap();
        let policy = read("[4, [0.25, 0.75, 0, 0, 0], 4, null]").unwrap();
        assert_eq!(policy.values(&problem).unwrap(), [-10.0, 2.5, 10.0, 0.0]);
        assert_eq!(policy.backup(&problem.model, 1, &[0.0, 0.0, 8.0, 0.0], 0.5), 3.0);
        // Uniform: v = ¼·½·(−10) + ¼·½·10 + ½·½·v = 0. Right for ever: 0 too, where steps are free.
        assert_eq!(Policy::uniform(&problem.model).values(&problem).unwrap()[1], 0.0);
        let right = || read("[4, 3, 4, null]").unwrap();
        let undiscounted = Problem::new(&tiny(), Discount::Of(1.0)).unwrap();
        assert_eq!(right().values(&undiscounted).unwrap(), [-10.0, 0.0, 10.0, 0.0]);
        let config = GridConfig { living_reward: Some(-1.0), ..GridConfig::of(Layout::Tiny) };
        let costly = GridWorld::new(&config).unwrap();
        let undiscounted = Problem::new(&costly, Discount::Of(1.0)).unwrap();
        let error = right().values(&undiscounted).unwrap_err();
        assert!(error.to_string().contains("never ends an episode from state (1,2)"), "{error}");
    }
}
