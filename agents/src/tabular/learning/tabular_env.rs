//! The environment that learners step through, with its states by number.
use super::states::States;
use super::{Discount, Problem, TABLE_HASTE, hastened};
use crate::agent::longest;
use crate::{Agent, MakeEnv, discrete_actions, evaluate};
use anyhow::{Result, ensure};
use envs::{Element, End, Env, Mdp, MdpEnv, Spec, VecEnv};
use std::fmt::Display;
use std::sync::Arc;
use train::{BadValue, Checkpoint, Evaluation, FirstUpdate, Log, Split, stream};

/// γ where the problem does not say.
const DISCOUNT: f64 = 0.99;

/// An environment to learn in, and its outcomes where they are known: learners look at them for the
/// number of states, and for which actions a state has.
pub struct Task {
    /// Makes copies of the environment.
    pub(super) make: MakeEnv,
    /// Its outcomes.
    pub(super) mdp: Option<Arc<dyn Mdp>>,
}

impl Task {
    /// # Errors
    /// Where observations are numbers without gaps: a table has no row for each.
    pub fn new(make: MakeEnv, mdp: Option<Arc<dyn Mdp>>) -> Result<Self> {
        check_countable(&make().spec())?;
        Ok(Self { make, mdp })
    }

    /// For those who need no table: observations may be real numbers.
    pub fn of_any_obs(make: MakeEnv, mdp: Option<Arc<dyn Mdp>>) -> Self {
        Self { make, mdp }
    }

    /// An MDP that is played for at most `time_limit` steps.
    pub fn of(mdp: Arc<dyn Mdp>, time_limit: u32) -> Self {
        let played = Arc::clone(&mdp);
        let make = move || -> Box<dyn Env> {
            Box::new(MdpEnv::new(Arc::clone(&played), Some(time_limit)))
        };
        Self { make: Box::new(make), mdp: Some(mdp) }
    }

    /// γ as it was chosen.
    ///
    /// # Errors
    /// Where γ = 1 and some state is known to have no way to an end.
    pub(super) fn gamma(&self, discount: Discount) -> Result<f64> {
        let gamma = match (discount, &self.mdp) {
            (Discount::Of(gamma), _) => gamma,
            (Discount::Own, Some(mdp)) => mdp.discount(),
            (Discount::Own, None) => DISCOUNT,
        };
        if let (1.0, Some(mdp)) = (gamma, &self.mdp) {
            Problem::new(mdp, discount)?;
        }
        Ok(gamma)
    }

    /// The outcomes, for those who can't do without; `flag` and its `value` are why.
    pub(super) fn known(&self, flag: &str, value: &dyn Display) -> Result<&Arc<dyn Mdp>> {
        let why = "this needs an environment whose outcomes are known, such as gridworld";
        Ok(self.mdp.as_ref().ok_or_else(|| BadValue::new(flag, value, why))?)
    }
}

fn check_countable(spec: &Spec) -> Result<()> {
    discrete_actions(spec)?;
    ensure!(
        spec.element != Element::Float,
        "--env: a table needs states that can be told apart one by one, and the observations of this \
         environment are real numbers; use linear-q or dqn"
    );
    Ok(())
}

/// Where there is no action, or none where an episode starts.
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
pub(super) struct Moved {
    pub(super) state: usize,
    pub(super) reward: f64,
    /// State arrived in; `None` where it is terminal, so that nothing follows. A time limit does not
    /// make it so.
    pub(super) next: Option<usize>,
    /// Whether the episode is over, for whatever reason.
    pub(super) ended: bool,
}

/// The environment a learner steps through, and its states by number.
pub(super) struct World {
    pub(super) task: Task,
    pub(super) gamma: f64,
    /// The present state.
    pub(super) state: usize,
    /// Transitions so far.
    pub(super) seen: u64,
    pub(super) states: States,
    env: VecEnv,
    seed: u64,
}

impl World {
    /// At the start of the first episode, for control: see [`hastened`].
    pub(super) fn new(task: Task, discount: Discount, seed: u64) -> Result<Self> {
        let mut world = Self::of_policy(task, discount, seed)?;
        world.gamma = hastened(world.gamma, TABLE_HASTE);
        Ok(world)
    }

    /// The same for those who learn what a given policy is worth.
    pub(super) fn of_policy(task: Task, discount: Discount, seed: u64) -> Result<Self> {
        let env = VecEnv::new(vec![stream(seed, "env/0")], &task.make);
        Self::with(task, env, discount, seed)
    }

    /// The same, but episodes start in any state that is not terminal, all equally probable.
    pub(super) fn starting_anywhere(task: Task, discount: Discount, seed: u64) -> Result<Self> {
        let mdp = Arc::clone(task.known("method", &"exploring-starts")?);
        let limit = (task.make)().spec().time_limit;
        let make =
            || -> Box<dyn Env> { Box::new(MdpEnv::starting_anywhere(Arc::clone(&mdp), limit)) };
        let env = VecEnv::new(vec![stream(seed, "env/0")], &make);
        let mut world = Self::with(task, env, discount, seed)?;
        world.gamma = hastened(world.gamma, TABLE_HASTE);
        Ok(world)
    }

    fn with(task: Task, env: VecEnv, discount: Discount, seed: u64) -> Result<Self> {
        check_countable(env.spec())?;
        let states = match &task.mdp {
            Some(mdp) => {
                check_actions(mdp)?;
                let (n, seen) = (mdp.n_states(), env.spec().obs_len());
                ensure!(n == seen, "the MDP has {n} states, its observations tell {seen} apart");
                States::known(mdp)
            }
            None => States::to_be_met(env.spec().n_actions(), env.spec().obs_len()),
        };
        let gamma = task.gamma(discount)?;
        let mut world = Self { task, gamma, state: 0, seen: 0, states, env, seed };
        world.state = world.states.meet(world.env.obs(), world.env.env(0))?;
        Ok(world)
    }

    /// Takes an action that the present state has.
    pub(super) fn step(&mut self, action: usize, log: &mut Log) -> Result<Moved> {
        let Self { env, states, state, .. } = self;
        let mut moved = Moved { state: *state, reward: 0.0, next: None, ended: false };
        let mut met = Ok(None);
        env.step(&[action], |transition| {
            if transition.end != End::Terminated {
                met = states.meet(transition.next_obs, transition.env).map(Some);
            }
            moved.reward = f64::from(transition.reward);
            moved.ended = transition.end != End::Not;
            if let Some(episode) = transition.episode {
                log.scalar("train/return", episode.ret);
                log.scalar("train/length", f64::from(episode.len));
            }
        });
        moved.next = met?;
        self.state = match moved.next {
            Some(next) if !moved.ended => next,
            _ => self.states.meet(self.env.obs(), self.env.env(0))?,
        };
        self.seen += 1;
        Ok(moved)
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
        evaluate(agent, &self.task.make, episodes.of(split), split, self.seed)
    }

    pub(super) fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.states.state(checkpoint)?;
        checkpoint.exchange("envs", self.env.snapshot()?, |saved| self.env.restore(saved))?;
        checkpoint.value("state", &mut self.state)?;
        checkpoint.count("seen", &mut self.seen)?;
        let shown = self.states.find(self.env.obs(), &mut Vec::new())?;
        checkpoint.check("state", "the state that the environment is in is expected", || {
            shown == Some(self.state)
        })
    }
}

/// Episodes of an evaluation during training and at the end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Episodes {
    pub(super) eval: usize,
    pub(super) test: usize,
}

impl Episodes {
    pub(super) fn of(self, split: Split) -> usize {
        match split {
            Split::Validation => self.eval,
            Split::Test => self.test,
        }
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
        let mut world = World::new(Task::of(mdp, 2), Discount::Own, 1).unwrap();
        for (action, reward, next, ended, state) in [
            (2, 0.0, Some(1), false, 1),
            (0, 0.0, Some(0), true, 1),
            (1, 0.0, Some(2), false, 2),
            (4, 10.0, None, true, 1),
        ] {
            let moved = world.step(action, &mut Log::default()).unwrap();
            assert_eq!((moved.reward, moved.next, moved.ended), (reward, next, ended));
            assert_eq!(world.state, state);
        }
        assert_eq!(world.seen, 4);
    }
}
