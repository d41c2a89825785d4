//! An environment with numbered states.
use super::problem::{Problem, check_countable};
use super::states::States;
use crate::Agent;
use crate::evaluation::{Episodes, evaluate, longest};
use crate::tabular::discount::{Discount, TABLE_HASTE, hastened};
use anyhow::{Result, ensure};
use envs::{End, Env, Mdp, MdpEnv, VecEnv};
use std::sync::Arc;
use train::{Checkpoint, Evaluation, FirstUpdate, Log, Split, stream};

/// Refuses an MDP without actions, or without one where an episode starts.
fn check_actions(mdp: &dyn Mdp) -> Result<()> {
    ensure!(mdp.n_actions() > 0, "there is no action in this environment: nothing can be learned");
    let live = |state| (0..mdp.n_actions()).any(|action| mdp.allows(state, action));
    for (state, _) in mdp.starts().into_iter().filter(|(_, prob)| *prob > 0.0) {
        let name = mdp.state_name(state);
        ensure!(live(state), "episodes start in state {name}, which has no action");
    }
    Ok(())
}

/// One transition between numbered states.
#[derive(Debug, Clone, Copy)]
pub(super) struct TabularTransition {
    pub(super) state: usize,
    pub(super) reward: f64,
    /// State arrived in; `None` where it is terminal, so that nothing follows. A time limit does not
    /// make it so.
    pub(super) next_state: Option<usize>,
    /// The episode is over, by termination or truncation.
    pub(super) ended: bool,
}

/// Environment of a tabular learner, with numbered states.
pub(super) struct TabularEnv {
    pub(super) problem: Problem,
    pub(super) gamma: f64,
    /// The present state.
    pub(super) state: usize,
    /// Transitions so far.
    pub(super) n_transitions: u64,
    pub(super) states: States,
    env: VecEnv,
    seed: u64,
}

impl TabularEnv {
    /// At the start of the first episode, for control: see [`hastened`].
    pub(super) fn new(problem: Problem, discount: Discount, seed: u64) -> Result<Self> {
        let mut tabular = Self::of_policy(problem, discount, seed)?;
        tabular.gamma = hastened(tabular.gamma, TABLE_HASTE);
        Ok(tabular)
    }

    /// At the start of the first episode, for the evaluation of a given policy: γ as it is.
    pub(super) fn of_policy(problem: Problem, discount: Discount, seed: u64) -> Result<Self> {
        let env = VecEnv::new(vec![stream(seed, "env/0")], &problem.make);
        Self::with(problem, env, discount, seed)
    }

    /// At the start of the first episode, for control; episodes start in any state that is not terminal,
    /// all equally probable.
    pub(super) fn starting_anywhere(
        problem: Problem,
        discount: Discount,
        seed: u64,
    ) -> Result<Self> {
        let mdp = Arc::clone(problem.known("method", &"exploring-starts")?);
        let limit = (problem.make)().spec().time_limit;
        let make =
            || -> Box<dyn Env> { Box::new(MdpEnv::starting_anywhere(Arc::clone(&mdp), limit)) };
        let env = VecEnv::new(vec![stream(seed, "env/0")], &make);
        let mut tabular = Self::with(problem, env, discount, seed)?;
        tabular.gamma = hastened(tabular.gamma, TABLE_HASTE);
        Ok(tabular)
    }

    fn with(problem: Problem, env: VecEnv, discount: Discount, seed: u64) -> Result<Self> {
        check_countable(env.spec())?;
        let states = match &problem.mdp {
            Some(mdp) => {
                check_actions(mdp)?;
                let (n, n_transitions) = (mdp.n_states(), env.spec().obs_len());
                ensure!(
                    n == n_transitions,
                    "the MDP has {n} states, its observations tell {n_transitions} apart"
                );
                States::known(mdp)
            }
            None => States::to_be_met(env.spec().n_actions(), env.spec().obs_len()),
        };
        let gamma = problem.gamma(discount)?;
        let mut tabular = Self { problem, gamma, state: 0, n_transitions: 0, states, env, seed };
        tabular.state = tabular.states.meet(tabular.env.obs(), tabular.env.env(0))?;
        Ok(tabular)
    }

    /// Takes an action that the current state has.
    /// Numbers in an observation.
    pub(super) fn obs_len(&self) -> usize {
        self.env.spec().obs_len()
    }

    pub(super) fn step(&mut self, action: usize, log: &mut Log) -> Result<TabularTransition> {
        let Self { env, states, state, .. } = self;
        let (mut reward, mut ended, mut next_state) = (0.0, false, Ok(None));
        let from = *state;
        env.step(&[action], |transition| {
            if transition.end != End::Terminated {
                next_state = states.meet(transition.next_obs, transition.env).map(Some);
            }
            reward = f64::from(transition.reward);
            ended = transition.end != End::Not;
            if let Some(episode) = transition.episode {
                log.scalar("train/return", episode.ret);
                log.scalar("train/length", f64::from(episode.len));
            }
        })?;
        let transition = TabularTransition { state: from, reward, next_state: next_state?, ended };
        self.state = match transition.next_state {
            Some(next_state) if !ended => next_state,
            _ => self.states.meet(self.env.obs(), self.env.env(0))?,
        };
        self.n_transitions += 1;
        Ok(transition)
    }

    /// See [`Learner::first_update`](train::Learner::first_update): with the end of an episode, or `n` transitions
    /// on.
    pub(super) fn first_update(&self, n: Option<usize>) -> FirstUpdate {
        let end = "the end of an episode";
        let (latest, waits_for) = match n.map(|n| n as u64) {
            Some(n) => {
                (n, format!("the first one comes after {n} transitions (--n {n}) or with {end}"))
            }
            None => (u64::MAX, format!("the first one comes with {end}")),
        };
        let latest = latest.min(longest(self.env.spec()));
        FirstUpdate { earliest: 1, latest, waits_for }
    }

    /// The mean return of episodes without exploration.
    pub(super) fn evaluate(
        &self,
        agent: &dyn Agent,
        episodes: Episodes,
        split: Split,
    ) -> Result<Evaluation> {
        evaluate(agent, &self.problem.make, episodes.of(split), split, self.seed)
    }

    pub(super) fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.states.state(checkpoint)?;
        checkpoint.exchange("envs", self.env.snapshot()?, |saved| self.env.restore(saved))?;
        checkpoint.value("state", &mut self.state)?;
        checkpoint.count("seen", &mut self.n_transitions)?;
        let shown = self.states.find(self.env.obs(), &mut Vec::new())?;
        checkpoint.check("state", "the state that the environment is in is expected", || {
            shown == Some(self.state)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use envs::{GridConfig, GridWorld, Layout};

    #[test]
    fn a_time_limit_ends_an_episode_and_terminates_nothing() {
        // `tiny` from the top: exit −10, start, exit 10, end; actions up, down, left, right, exit.
        let mdp: Arc<dyn Mdp> = Arc::new(GridWorld::new(&GridConfig::of(Layout::Tiny)).unwrap());
        let mut tabular = TabularEnv::new(Problem::of(mdp, 2), Discount::Own, 1).unwrap();
        for (action, reward, next, ended, state) in [
            (2, 0.0, Some(1), false, 1),
            (0, 0.0, Some(0), true, 1),
            (1, 0.0, Some(2), false, 2),
            (4, 10.0, None, true, 1),
        ] {
            let got = tabular.step(action, &mut Log::default()).unwrap();
            assert_eq!((got.reward, got.next_state, got.ended), (reward, next, ended));
            assert_eq!(tabular.state, state);
        }
        assert_eq!(tabular.n_transitions, 4);
    }
}
