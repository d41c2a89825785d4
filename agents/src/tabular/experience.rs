//! What learners from experience share: the environment they step through, states by number, how
//! they explore.
//!
//! A state is met by its observation. Where the outcomes are known, observations are one-hot and
//! their index is the state; elsewhere states are numbered in the order in which they are met.
use super::planner::state_of;
use super::{Discount, Model};
use crate::{Agent, MakeEnv, discrete_actions, evaluate};
use anyhow::{Result, bail, ensure};
use envs::{Cells, Element, End, Env, Grid, Mdp, MdpEnv, Outcome, VecEnv};
use rand::Rng as _;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::fmt::Display;
use std::sync::Arc;
use train::{BadValue, Checkpoint, Evaluation, Linear, Log, Rng, Split, stream};

/// γ where the problem does not say.
const DISCOUNT: f64 = 0.99;

/// An environment to learn in, and its outcomes where they are known: learners look at them for the
/// number of states, and for which actions a state has.
pub struct Task {
    /// Makes copies of the environment.
    pub make: MakeEnv,
    /// Its outcomes.
    pub mdp: Option<Arc<dyn Mdp>>,
}

impl Task {
    /// # Errors
    /// Where observations or actions are numbers without gaps: a table has no place for each.
    pub fn new(make: MakeEnv, mdp: Option<Arc<dyn Mdp>>) -> Result<Self> {
        let spec = make().spec();
        discrete_actions(&spec)?;
        if spec.element == Element::Float {
            bail!(
                "--env: a table needs states that can be told apart one by one, and the \
                 observations of this environment are real numbers; use linear-q or dqn"
            )
        }
        Ok(Self { make, mdp })
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
    pub(super) fn gamma(&self, discount: Discount) -> f64 {
        match (discount, &self.mdp) {
            (Discount::Of(gamma), _) => gamma,
            (Discount::Own, Some(mdp)) => mdp.discount(),
            (Discount::Own, None) => DISCOUNT,
        }
    }

    /// The outcomes, for those who can't do without; `flag` and its `value` are why.
    pub(super) fn known(&self, flag: &str, value: &dyn Display) -> Result<&Arc<dyn Mdp>> {
        let why = "this needs an environment whose outcomes are known, such as gridworld";
        Ok(self.mdp.as_ref().ok_or_else(|| BadValue::new(flag, value, why))?)
    }
}

/// States the hyper-parameters that all learners of control share, and then the learner's own.
macro_rules! control_parameters {
    ($(#[$meta:meta])* pub struct $name:ident { $($own:tt)* }) => {
        train::hyper_parameters! {
            $(#[$meta])*
            pub struct $name {
                /// Discount γ, or `own` for the problem's, which is 0.99 where it does not say
                gamma: $crate::tabular::Discount = $crate::tabular::Discount::Own;
                /// Probability ε of a random action at first
                epsilon_start: f64 = 0.1, in 0.0..=1.0;
                /// Probability ε of a random action in the end
                epsilon_end: f64 = 0.1, in 0.0..=1.0;
                /// Transitions over which ε falls
                epsilon_steps: u64 = 100_000;
                $($own)*
                /// Episodes of an evaluation during training
                eval_episodes: usize = 20, in 1..=1_000_000;
                /// Episodes of the evaluation at the end
                test_episodes: usize = 100, in 1..=1_000_000;
            }
        }

        impl $name {
            fn epsilon(&self) -> train::Linear {
                let Self { epsilon_start, epsilon_end, epsilon_steps, .. } = *self;
                train::Linear { from: epsilon_start, to: epsilon_end, over: epsilon_steps }
            }

            fn episodes(&self) -> $crate::tabular::experience::Episodes {
                let Self { eval_episodes: eval, test_episodes: test, .. } = *self;
                $crate::tabular::experience::Episodes { eval, test }
            }
        }
    };
}
pub(super) use control_parameters;

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
    /// At the start of the first episode.
    pub(super) fn new(task: Task, discount: Discount, seed: u64) -> Result<Self> {
        let env = VecEnv::new(vec![stream(seed, "env/0")], &task.make);
        Self::with(task, env, discount, seed)
    }

    /// The same, but episodes start in any state that is not terminal, all equally probable.
    pub(super) fn starting_anywhere(task: Task, discount: Discount, seed: u64) -> Result<Self> {
        let mdp = Arc::clone(task.known("method", &"exploring-starts")?);
        let anywhere = Arc::new(Anywhere::new(mdp));
        let limit = (task.make)().spec().time_limit;
        let make = || -> Box<dyn Env> { Box::new(MdpEnv::new(Arc::clone(&anywhere), limit)) };
        let env = VecEnv::new(vec![stream(seed, "env/0")], &make);
        Self::with(task, env, discount, seed)
    }

    fn with(task: Task, env: VecEnv, discount: Discount, seed: u64) -> Result<Self> {
        let states = match &task.mdp {
            Some(mdp) => {
                let (n, seen) = (mdp.n_states(), env.spec().obs_len());
                ensure!(n == seen, "the MDP has {n} states, its observations tell {seen} apart");
                States::known(mdp)
            }
            None => States::to_be_met(env.spec().n_actions(), env.spec().obs_len()),
        };
        let gamma = task.gamma(discount);
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
        checkpoint.value("seen", &mut self.seen)
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

/// States by number, and which actions they have.
pub(super) struct States {
    n_actions: usize,
    /// Whether a state has an action, `[S, A]`.
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

    /// How many there are so far.
    pub(super) fn n(&self) -> usize {
        self.allowed.len() / self.n_actions
    }

    pub(super) fn n_actions(&self) -> usize {
        self.n_actions
    }

    /// Whether all are known from the start.
    pub(super) fn are_known(&self) -> bool {
        self.met.is_none()
    }

    /// Whether a state has an action.
    pub(super) fn allows(&self, state: usize, action: usize) -> bool {
        self.allowed[state * self.n_actions + action] == 1
    }

    /// The number of the state that `obs` shows; `None` where it has not been met.
    pub(super) fn find(&self, obs: &[f32]) -> Result<Option<usize>> {
        let Some(met) = &self.met else { return Ok(Some(state_of(obs)?)) };
        let key: Vec<u8> = obs.iter().map(|x| *x as u8).collect();
        Ok(met.numbers.get(&key[..]).copied())
    }

    /// The number of the state that `obs` shows, a new one where it has not been met; `env` stands in
    /// that state.
    pub(super) fn meet(&mut self, obs: &[f32], env: &dyn Env) -> Result<usize> {
        let Some(met) = &mut self.met else { return state_of(obs) };
        met.key.clear();
        met.key.extend(obs.iter().map(|x| *x as u8));
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
        met.seen.resize(n * met.obs_len, 0);
        self.allowed.resize(n * self.n_actions, 0);
        checkpoint.bytes("model.states", &mut met.seen)?;
        checkpoint.bytes("model.allowed", &mut self.allowed)?;
        let numbered = met.seen.chunks_exact(met.obs_len).enumerate();
        met.numbers = numbered.map(|(state, key)| (key.into(), state)).collect();
        Ok(())
    }
}

/// An MDP whose episodes start anywhere.
struct Anywhere {
    mdp: Arc<dyn Mdp>,
    starts: Vec<(usize, f64)>,
}

impl Anywhere {
    fn new(mdp: Arc<dyn Mdp>) -> Self {
        let live = |state: &usize| (0..mdp.n_actions()).any(|action| mdp.allows(*state, action));
        let live: Vec<_> = (0..mdp.n_states()).filter(live).collect();
        let prob = 1.0 / live.len() as f64;
        Self { starts: live.into_iter().map(|state| (state, prob)).collect(), mdp }
    }
}

impl Mdp for Anywhere {
    fn n_states(&self) -> usize {
        self.mdp.n_states()
    }

    fn n_actions(&self) -> usize {
        self.mdp.n_actions()
    }

    fn outcomes(&self, state: usize, action: usize, visit: &mut dyn FnMut(Outcome)) {
        self.mdp.outcomes(state, action, visit);
    }

    fn starts(&self) -> Vec<(usize, f64)> {
        self.starts.clone()
    }

    fn state_name(&self, state: usize) -> String {
        self.mdp.state_name(state)
    }

    fn action_name(&self, action: usize) -> String {
        self.mdp.action_name(action)
    }

    fn discount(&self) -> f64 {
        self.mdp.discount()
    }

    fn grid(&self) -> Option<Grid> {
        self.mdp.grid()
    }

    fn picture(&self, state: usize) -> Option<Cells> {
        self.mdp.picture(state)
    }

    fn allows(&self, state: usize, action: usize) -> bool {
        self.mdp.allows(state, action)
    }
}

/// ε-greedy: with probability ε any available action, else a greedy one. Of greedy actions that tie,
/// learners take a random one: where nothing is known yet, the first one always would not explore.
pub(super) struct Explorer {
    epsilon: Linear,
    pub(super) rng: Rng,
}

impl Explorer {
    pub(super) fn new(epsilon: Linear, seed: u64) -> Self {
        Self { epsilon, rng: stream(seed, "explore") }
    }

    /// ε after `seen` transitions.
    pub(super) fn epsilon(&self, seen: u64) -> f64 {
        self.epsilon.at(seen)
    }

    /// An action of a state whose values are `row`, `[A]`.
    pub(super) fn choose(&mut self, row: &[f64], seen: u64) -> usize {
        let epsilon = self.epsilon(seen);
        if self.rng.random_bool(epsilon) {
            self.any(row, f64::NEG_INFINITY)
        } else {
            self.any(row, tied(row))
        }
    }

    /// Any available action.
    pub(super) fn uniform(&mut self, row: &[f64]) -> usize {
        self.any(row, f64::NEG_INFINITY)
    }

    /// An action whose value is at least `least`, all equally probable.
    fn any(&mut self, row: &[f64], least: f64) -> usize {
        let good = |q: &f64| *q >= least && *q > f64::NEG_INFINITY;
        let skipped = match row.iter().filter(|q| good(q)).count() {
            0 | 1 => 0,
            n => self.rng.random_range(0..n),
        };
        let mut good = row.iter().enumerate().filter(|(_, q)| good(q));
        good.nth(skipped).map_or(0, |(action, _)| action)
    }

    pub(super) fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        checkpoint.value("explore", &mut self.rng)
    }
}

/// The largest value of a row, `[A]`; −∞ where the state has no action.
pub(super) fn max(row: &[f64]) -> f64 {
    row.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

/// The least value that ties with the best of a row, `[A]`.
fn tied(row: &[f64]) -> f64 {
    Model::tied(max(row))
}

/// Whether an action's value ties with the best of its row, `[A]`.
pub(super) fn is_greedy(row: &[f64], action: usize) -> bool {
    row[action] >= tied(row)
}

/// The first action whose value ties with the best; `None` where the state has no action.
pub(super) fn best(row: &[f64]) -> Option<usize> {
    let least = tied(row);
    row.iter().position(|q| *q >= least && *q > f64::NEG_INFINITY)
}

/// Probability of a greedy or any other action under the ε-greedy policy of a row, `[A]`.
pub(super) fn epsilon_greedy(row: &[f64], action: usize, epsilon: f64) -> f64 {
    let least = tied(row);
    let (mut available, mut greedy) = (0.0, 0.0);
    for q in row.iter().filter(|q| **q > f64::NEG_INFINITY) {
        available += 1.0;
        greedy += f64::from(*q >= least);
    }
    let rest = if row[action] >= least { (1.0 - epsilon) / greedy } else { 0.0 };
    epsilon / available + rest
}

/// G = r₁ + γ·r₂ + … + γ^(n−1)·r_n + γⁿ·`bootstrap`; the bootstrap is 0 where the last state is
/// terminal.
pub fn discounted_return(
    rewards: impl DoubleEndedIterator<Item = f64>,
    gamma: f64,
    bootstrap: f64,
) -> f64 {
    rewards.rev().fold(bootstrap, |after, reward| reward + gamma * after)
}

/// The last transitions, at most n, that have not been learned from: what was estimated (a state or
/// a pair), and the reward that followed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Recent(VecDeque<(usize, f64)>);

impl Recent {
    pub(super) fn new(n: usize) -> Self {
        Self(VecDeque::with_capacity(n))
    }

    /// Adds a transition, then shows what has its n rewards, or where the episode has ended
    /// everything, to `learn` with its return. `bootstrap` is the value of the state arrived in.
    pub(super) fn push(
        &mut self,
        (index, reward): (usize, f64),
        n: usize,
        ended: bool,
        (gamma, bootstrap): (f64, f64),
        mut learn: impl FnMut(usize, f64),
    ) {
        self.0.push_back((index, reward));
        while (ended || self.0.len() >= n) && !self.0.is_empty() {
            let rewards = self.0.iter().map(|(_, reward)| *reward);
            let target = discounted_return(rewards, gamma, bootstrap);
            if let Some((index, _)) = self.0.pop_front() {
                learn(index, target);
            }
        }
    }
}
