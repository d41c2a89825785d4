//! Numbering of states.
//!
//! A state is identified by its observation. Where the outcomes are known, observations are one-hot and
//! their index is the state; elsewhere states are numbered in the order in which they are met.
use crate::tabular::discounted_mdp::state_of;
use anyhow::Result;
use envs::{Env, Mdp};
use std::collections::BTreeMap;
use train::Checkpoint;

/// States by number, and which actions they have.
pub(super) struct States {
    n_actions: usize,
    /// Available actions of each state, `[S, A]`.
    allowed: Vec<u8>,
    /// Numbers by observation, where they are given as states are met.
    met: Option<Met>,
}

struct Met {
    obs_len: usize,
    numbers: BTreeMap<Box<[u8]>, usize>,
    /// Observations in the order of their numbers, `[S, obs_len]`.
    seen: Vec<u8>,
    /// An observation as bytes, `[obs_len]`.
    key: Vec<u8>,
}

impl States {
    pub(super) fn known(mdp: &dyn Mdp) -> Self {
        let n_actions = mdp.n_actions();
        let allowed = (0..mdp.n_states() * n_actions)
            .map(|i| u8::from(mdp.allows(i / n_actions, i % n_actions)))
            .collect();
        Self { n_actions, allowed, met: None }
    }

    pub(super) fn to_be_met(n_actions: usize, obs_len: usize) -> Self {
        let met = Met { obs_len, numbers: BTreeMap::new(), seen: Vec::new(), key: Vec::new() };
        Self { n_actions, allowed: Vec::new(), met: Some(met) }
    }

    /// Number of states so far.
    pub(super) fn n(&self) -> usize {
        self.allowed.len() / self.n_actions
    }

    pub(super) fn n_actions(&self) -> usize {
        self.n_actions
    }

    /// Returns `true` if all are known from the start.
    pub(super) fn are_known(&self) -> bool {
        self.met.is_none()
    }

    /// Returns `true` if a state has an action.
    pub(super) fn allows(&self, state: usize, action: usize) -> bool {
        self.allowed[state * self.n_actions + action] == 1
    }

    /// The number of the state that `obs` shows; `None` where it has not been met. `key` is room for an
    /// observation as bytes, reused where many are looked up.
    pub(super) fn find(&self, obs: &[f32], key: &mut Vec<u8>) -> Result<Option<usize>> {
        let Some(met) = &self.met else { return Ok(Some(state_of(obs)?)) };
        read_key(obs, key);
        Ok(met.numbers.get(&key[..]).copied())
    }

    /// The number of the state that `obs` shows, a new one where it has not been met; `env` stands in
    /// that state.
    pub(super) fn meet(&mut self, obs: &[f32], env: &dyn Env) -> Result<usize> {
        let Some(met) = &mut self.met else { return state_of(obs) };
        read_key(obs, &mut met.key);
        if let Some(state) = met.numbers.get(&met.key[..]) {
            return Ok(*state);
        }
        let state = met.numbers.len();
        met.numbers.insert(met.key.clone().into(), state);
        met.seen.extend_from_slice(&met.key);
        self.allowed.extend((0..self.n_actions).map(|action| u8::from(env.allows(action))));
        Ok(state)
    }

    pub(super) fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        let Some(met) = &mut self.met else { return Ok(()) };
        let mut n = met.numbers.len();
        checkpoint.value("model.n_states", &mut n)?;
        checkpoint.check_len("model.states", n, met.obs_len)?;
        checkpoint.check_len("model.allowed", n, self.n_actions)?;
        met.seen.resize(n * met.obs_len, 0);
        self.allowed.resize(n * self.n_actions, 0);
        checkpoint.bytes("model.states", &mut met.seen)?;
        checkpoint.bytes("model.allowed", &mut self.allowed)?;
        let numbered = met.seen.chunks_exact(met.obs_len).enumerate();
        met.numbers = numbered.map(|(state, key)| (key.into(), state)).collect();
        let different = met.numbers.len() == n && n > 0;
        checkpoint.check("model.states", "different states are expected", || different)?;
        checkpoint.check("model.allowed", "0 and 1 are expected", || {
            self.allowed.iter().all(|allowed| *allowed <= 1)
        })
    }
}

/// An observation as bytes.
fn read_key(obs: &[f32], key: &mut Vec<u8>) {
    key.clear();
    key.extend(obs.iter().map(|x| *x as u8));
}

#[cfg(test)]
mod tests {
    use super::*;
    use envs::Catch;

    #[test]
    fn states_are_numbered_as_they_are_met() {
        let env = Catch::default();
        let mut states = States::to_be_met(3, 2);
        let obs = [[0.0, 1.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]];
        let met = obs.map(|obs| states.meet(&obs, &env).unwrap());
        assert_eq!((met, states.n()), ([0, 1, 0, 2], 3));
        let mut key = Vec::new();
        assert_eq!(states.find(&[1.0, 1.0], &mut key).unwrap(), Some(1));
        assert_eq!(states.find(&[0.0, 0.0], &mut key).unwrap(), None);
        assert!((0..3).all(|state| (0..3).all(|action| states.allows(state, action))));
    }
}
