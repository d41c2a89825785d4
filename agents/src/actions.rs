//! Actions of several copies of an environment.
use anyhow::{Result, bail};
use envs::{Action, Actions, Env, EnvError, Spec, Transition, VecEnv};

/// Choice among actions: greedy or sampled. Neither mode explores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The best action. A learner with a table, or with values linear in the observation, draws among
    /// those that tie.
    Greedy,
    /// An action drawn from π(·|s), where the agent has a stochastic policy; else as `Greedy`.
    Sampled,
}

/// An action for each of N copies of an environment, numbered or vectors, as the environment takes them.
#[derive(Debug, Clone, PartialEq)]
pub enum ActionBatch {
    /// `[N]`.
    Discrete(Vec<usize>),
    /// `[N]`, where not every state has every action.
    Masked {
        /// The actions.
        actions: Vec<usize>,
        /// For each of A actions, if it is allowed, `[N, A]`.
        allowed: Vec<bool>,
        /// A.
        n_actions: usize,
    },
    /// `[N, action_len]`, row-major.
    Continuous {
        /// The vectors.
        actions: Vec<f32>,
        /// Their length.
        action_len: usize,
    },
}

impl ActionBatch {
    /// No actions yet, of the kind that the environment takes.
    pub fn new(env: &dyn Env) -> Self {
        let spec = env.spec();
        match &spec.actions {
            Actions::Discrete(names) if env.masks_actions() => {
                let (actions, allowed) = (Vec::new(), Vec::new());
                Self::Masked { actions, allowed, n_actions: names.len() }
            }
            Actions::Discrete(_) => Self::Discrete(Vec::new()),
            Actions::Box { low, .. } => {
                Self::Continuous { actions: Vec::new(), action_len: low.len() }
            }
        }
    }

    /// Numbered actions to write, `[N]`, for agents that choose among these.
    ///
    /// # Errors
    /// If the environment takes vectors.
    pub fn numbers(&mut self) -> Result<&mut [usize]> {
        Ok(self.numbers_and_masks()?.0)
    }

    /// Numbered actions to write, `[N]`, and, where not all are, which are allowed, `[N, A]`.
    ///
    /// # Errors
    /// If the environment takes vectors.
    pub fn numbers_and_masks(&mut self) -> Result<(&mut [usize], Option<&[bool]>)> {
        match self {
            Self::Discrete(actions) => Ok((actions, None)),
            Self::Masked { actions, allowed, .. } => Ok((actions, Some(allowed))),
            Self::Continuous { .. } => {
                bail!("this agent's actions are numbered, and those of the environment are vectors")
            }
        }
    }

    /// Vectors to write, `[N, action_len]`, for agents that choose these.
    ///
    /// # Errors
    /// If the environment takes numbered actions.
    pub fn vectors(&mut self) -> Result<&mut [f32]> {
        match self {
            Self::Continuous { actions, .. } => Ok(actions),
            Self::Discrete(_) | Self::Masked { .. } => {
                bail!("this agent's actions are vectors, and those of the environment are numbered")
            }
        }
    }

    /// Action `i`.
    pub fn action(&self, i: usize) -> Action<'_> {
        match self {
            Self::Discrete(actions) | Self::Masked { actions, .. } => Action::Discrete(actions[i]),
            Self::Continuous { actions, action_len: len } => {
                Action::Continuous(&actions[i * len..(i + 1) * len])
            }
        }
    }

    /// Steps an environment of one copy with action `i`.
    ///
    /// # Errors
    /// The error of the environment.
    pub fn step(
        &self,
        i: usize,
        env: &mut VecEnv,
        visit: impl FnMut(Transition<'_>),
    ) -> Result<(), EnvError> {
        match self.action(i) {
            Action::Discrete(action) => env.step(&[action], visit),
            Action::Continuous(action) => env.step_continuous(action, visit),
        }
    }
}

/// The number of actions, for agents that choose one from a list.
///
/// # Errors
/// If actions are vectors.
pub fn discrete_actions(spec: &Spec) -> Result<usize> {
    match &spec.actions {
        Actions::Discrete(names) => Ok(names.len()),
        Actions::Box { .. } => bail!(
            "--env: this algorithm chooses among numbered actions, and those of this environment are \
             vectors of real numbers; give an environment with numbered actions"
        ),
    }
}
