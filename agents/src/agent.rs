//! Interface of an agent.
use crate::actions::{ActionBatch, Mode};
use crate::masks;
use crate::on_policy::heads::ActionDistribution;
use crate::tabular::{Model, Policy, Table};
use anyhow::Result;
use envs::Env;
use nn::onnx::Export;
use train::{Learner, Rng};

/// Makes one more copy of an environment.
pub type MakeEnv = Box<dyn Fn() -> Box<dyn Env>>;

/// A learner that acts in an environment.
///
/// No method has a body here, so that a wrapper can't forget to forward one.
pub trait Agent: Learner {
    /// Chooses an action for each of N observations, `[N, obs_len]`. `actions` has N rows; random choices
    /// of row `i` draw from `rngs[i]`, `[N]`.
    ///
    /// # Errors
    /// If `actions` are of the other kind; errors of the network.
    fn act(
        &self,
        obs: &[f32],
        mode: Mode,
        rngs: &mut [Rng],
        actions: &mut ActionBatch,
    ) -> Result<()>;

    /// Values and actions of every state of the MDP the agent acts in, whose observations are one-hot;
    /// `None` where it has no values.
    ///
    /// # Errors
    /// Errors of the network.
    fn table(&self, model: &Model) -> Result<Option<Table>>;

    /// The policy whose value function the agent learns; `None` where it looks for the best policy.
    fn evaluates(&self) -> Option<&Policy>;

    /// q(s, a) for each of N observations `[N, obs_len]`: `[N, A]`; of a table −∞ where a state does not have the action,
    /// which a network does not know; `None` where the agent has no such values.
    ///
    /// # Errors
    /// If an observation is none of the environment's; errors of the network.
    fn q_values(&self, obs: &[f32]) -> Result<Option<Vec<f64>>>;

    /// π(·|s) for each of N observations `[N, obs_len]`, over all actions, those that a state lacks among them; `None`
    /// where the agent draws no actions from a network.
    ///
    /// # Errors
    /// Errors of the network.
    fn policy(&self, obs: &[f32]) -> Result<Option<ActionDistribution>>;

    /// Networks that can be exported, functions of raw observations; none of an agent without networks.
    fn exports(&self) -> Vec<Export<'_>>;
}

impl Mode {
    /// The mode in which an agent is evaluated and shown: a given policy is sampled, a learned one greedy.
    pub fn of_evaluation(agent: &dyn Agent) -> Self {
        match agent.evaluates() {
            Some(_) => Self::Sampled,
            None => Self::Greedy,
        }
    }
}

impl ActionBatch {
    /// The agent's actions for observations `[N, obs_len]` of `envs`, `[N]`, in its mode of evaluation; random choices
    /// draw from `rngs`, `[N]`.
    ///
    /// # Errors
    /// Errors of the agent.
    pub fn choose<'a>(
        &mut self,
        agent: &dyn Agent,
        obs: &[f32],
        envs: impl Iterator<Item = &'a dyn Env>,
        rngs: &mut [Rng],
    ) -> Result<()> {
        match self {
            Self::Discrete(actions) => actions.resize(rngs.len(), 0),
            Self::Masked { actions, allowed, n_actions } => {
                actions.resize(rngs.len(), 0);
                allowed.clear();
                envs.for_each(|env| allowed.extend(masks::allowed(env, *n_actions)));
            }
            Self::Continuous { actions, action_len } => {
                actions.resize(rngs.len() * *action_len, 0.0);
            }
        }
        agent.act(obs, Mode::of_evaluation(agent), rngs, self)
    }
}
