//! Interface of an agent.
use crate::tabular::{Model, Policy, Table};
use anyhow::{Result, bail};
use envs::{Actions, Env, Spec, Transition, VecEnv};
use train::{Learner, Rng};

/// Makes one more copy of an environment.
pub type MakeEnv = Box<dyn Fn() -> Box<dyn Env>>;

/// A learner that acts in an environment.
pub trait Agent: Learner {
    /// Writes the actions the agent would take if it no longer explored: `actions` is `[N]`, `obs`
    /// `[N, obs_len]`.
    ///
    /// # Errors
    /// What the network reports.
    fn act(&self, obs: &[f32], actions: &mut [usize]) -> Result<()>;

    /// The same where they are drawn: action `i` from `rngs[i]`, `[N]`, the generator of its episode.
    ///
    /// # Errors
    /// What the network reports.
    fn draw(&self, obs: &[f32], _rngs: &mut [Rng], actions: &mut [usize]) -> Result<()> {
        self.act(obs, actions)
    }

    /// The same where actions are vectors: `actions` is `[N, action_len]`, row-major.
    ///
    /// # Errors
    /// Where the agent's actions are numbered; what the network reports.
    fn act_continuous(&self, _obs: &[f32], _actions: &mut [f32]) -> Result<()> {
        bail!("this agent's actions are numbered, and those of the environment are vectors")
    }

    /// What the agent thinks of every state of the MDP it acts in, whose states are seen one-hot;
    /// `None` where it has no values.
    ///
    /// # Errors
    /// What the network reports.
    fn table(&self, _model: &Model) -> Result<Option<Table>> {
        Ok(None)
    }

    /// The policy of which the agent learns what it is worth; `None` where it looks for the best.
    fn evaluates(&self) -> Option<&Policy> {
        None
    }
}

/// What an agent does next, in some copies of an environment: numbered actions or vectors, as the
/// environment takes them.
pub enum Chosen {
    /// `[N]`.
    Discrete(Vec<usize>),
    /// `[N, action_len]`, row-major.
    Continuous {
        /// The vectors.
        actions: Vec<f32>,
        /// Their length.
        action_len: usize,
    },
}

impl Chosen {
    /// Room for actions of the kind that the environment takes.
    pub fn new(spec: &Spec) -> Self {
        match &spec.actions {
            Actions::Discrete(_) => Self::Discrete(Vec::new()),
            Actions::Box { low, .. } => {
                Self::Continuous { actions: Vec::new(), action_len: low.len() }
            }
        }
    }

    /// Has the agent choose for observations `[N, obs_len]`; what is drawn comes from `rngs`, `[N]`.
    ///
    /// # Errors
    /// What the agent reports.
    pub fn choose(&mut self, agent: &dyn Agent, obs: &[f32], rngs: &mut [Rng]) -> Result<()> {
        match self {
            Self::Discrete(actions) => {
                actions.resize(rngs.len(), 0);
                agent.draw(obs, rngs, actions)
            }
            Self::Continuous { actions, action_len } => {
                actions.resize(rngs.len() * *action_len, 0.0);
                agent.act_continuous(obs, actions)
            }
        }
    }

    /// Steps an environment of one copy by the action chosen for observation `i`.
    pub fn step(&self, i: usize, env: &mut VecEnv, visit: impl FnMut(Transition<'_>)) {
        match self {
            Self::Discrete(actions) => env.step(&actions[i..=i], visit),
            Self::Continuous { actions, action_len: len } => {
                env.step_continuous(&actions[i * len..(i + 1) * len], visit);
            }
        }
    }
}

/// The number of actions, for agents that choose one from a list.
///
/// # Errors
/// Where actions are vectors.
pub fn discrete_actions(spec: &Spec) -> Result<usize> {
    match &spec.actions {
        Actions::Discrete(names) => Ok(names.len()),
        Actions::Box { .. } => bail!(
            "--env: this algorithm chooses among numbered actions, and those of this environment are \
             vectors of real numbers; give an environment with numbered actions"
        ),
    }
}
