//! Machinery that learners of a given policy's value function share.
use super::problem::Problem;
use crate::actions::{ActionBatch, Mode};
use crate::tabular::discount::Discount;
use crate::tabular::discounted_mdp::{DiscountedMdp, act_by_state, start_value};
use crate::tabular::distance::{LARGEST, root_mean_square, visited};
use crate::tabular::model::Model;
use crate::tabular::policy::Policy;
use crate::tabular::policy_name::PolicyName;
use crate::tabular::table::Table;
use anyhow::Result;
use envs::Mdp;
use train::{BadValue, Checkpoint, Evaluation, Measure, Rng, stream};

/// An [`Agent`](crate::Agent) that acts by the policy whose values it estimates: of a learner with a `prediction` and
/// estimates `v`.
macro_rules! prediction_agent {
    ($learner:ty) => {
        impl $crate::Agent for $learner {
            fn act(
                &self,
                obs: &[f32],
                mode: $crate::Mode,
                rngs: &mut [train::Rng],
                actions: &mut $crate::ActionBatch,
            ) -> anyhow::Result<()> {
                self.prediction.act(obs, mode, rngs, actions)
            }

            fn table(
                &self,
                _: &$crate::tabular::Model,
            ) -> anyhow::Result<Option<$crate::tabular::Table>> {
                Ok(Some(self.prediction.table(&self.v.values)))
            }

            fn evaluates(&self) -> Option<&$crate::tabular::Policy> {
                Some(&self.prediction.policy)
            }

            fn q_values(&self, _: &[f32]) -> anyhow::Result<Option<Vec<f64>>> {
                Ok(None)
            }

            fn policy(
                &self,
                _: &[f32],
            ) -> anyhow::Result<Option<$crate::policy_head::ActionDistribution>> {
                Ok(None)
            }

            fn exports(&self) -> Vec<nn::onnx::Export<'_>> {
                Vec::new()
            }
        }
    };
}
pub(super) use prediction_agent;

/// A policy that is evaluated, and the one that is followed for it.
pub(super) struct Prediction {
    mdp: DiscountedMdp,
    pub(super) policy: Policy,
    name: PolicyName,
    /// The policy that is followed, and its name; `None` where it is the one that is evaluated.
    behaviour: Option<(Policy, PolicyName)>,
    rng: Rng,
    /// States in which the policy that is followed takes an action.
    visited: Vec<usize>,
    /// v^π, `[S]`, where there are not too many states to solve for it.
    exact: Option<Vec<f64>>,
}

impl Prediction {
    /// # Errors
    /// Those of [`PolicyName::read`] and [`Policy::check_proper`]; where the outcomes are not known;
    /// where an action of the policy is never taken by the one that is followed.
    pub(super) fn new(
        problem: &Problem,
        gamma: Discount,
        policy: &PolicyName,
        behaviour: Option<&PolicyName>,
        seed: u64,
    ) -> Result<Self> {
        let known = problem.known("policy", policy)?;
        let mdp = DiscountedMdp::new(known, gamma)?;
        let (name, policy) = (policy.clone(), policy.read("policy", known, &mdp.model)?);
        policy.check_proper(&mdp)?;
        let behaviour = match behaviour {
            Some(name) => {
                let followed = name.read("behaviour", known, &mdp.model)?;
                check_covers(&followed, name, &policy, known, &mdp.model)?;
                Some((followed, name.clone()))
            }
            None => None,
        };
        let exact = match mdp.model.n_states() <= LARGEST {
            true => Some(policy.values(&mdp)?),
            false => None,
        };
        let followed = behaviour.as_ref().map_or(&policy, |(followed, _)| followed);
        let visited = visited(&mdp.model, |pair| followed.prob(pair) > 0.0);
        Ok(Self { mdp, policy, name, behaviour, rng: stream(seed, "explore"), visited, exact })
    }

    /// Returns `true` if another policy is followed than the one that is evaluated.
    pub(super) fn is_off_policy(&self) -> bool {
        self.behaviour.is_some()
    }

    /// The action that is taken in a state.
    pub(super) fn choose(&mut self, state: usize) -> usize {
        let followed = self.behaviour.as_ref().map_or(&self.policy, |(followed, _)| followed);
        followed.draw(&self.mdp.model, state, &mut self.rng).unwrap_or(0)
    }

    /// ρ = π(a | s) / b(a | s); 1 where the policy itself is followed.
    pub(super) fn ratio(&self, state: usize, action: usize) -> f64 {
        let Some((behaviour, _)) = &self.behaviour else { return 1.0 };
        let model = &self.mdp.model;
        let pair = model.pairs(state).find(|pair| model.action(*pair) == action);
        pair.map_or(0.0, |pair| self.policy.prob(pair) / behaviour.prob(pair))
    }

    /// Actions of the policy that is evaluated.
    pub(super) fn act(
        &self,
        obs: &[f32],
        mode: Mode,
        rngs: &mut [Rng],
        actions: &mut ActionBatch,
    ) -> Result<()> {
        let (model, actions) = (&self.mdp.model, actions.numbers()?);
        let act = |row: usize, state| self.policy.act(model, state, mode, &mut rngs[row]);
        act_by_state(model, obs, actions, act)
    }

    /// v, and the policy; q is not known without the outcomes.
    pub(super) fn table(&self, values: &[f64]) -> Table {
        let model = &self.mdp.model;
        let mut table = Table::unknown(model);
        table.values.copy_from_slice(values);
        for (state, choice) in table.policy.iter_mut().enumerate() {
            *choice = self.policy.choice(model, state);
        }
        table
    }

    /// `value_start`: the estimated value of the start distribution. A larger estimate is no
    /// better one: what decides is the other measure, over the states that are visited; the lower, the better.
    /// `values_error`: root mean square of v(s) − v^π(s); where there are too many states to know v^π,
    /// `values_residual`: that of Σ_a π(a | s)·[ r(s, a) + γ·Σ_s' p(s' | s, a)·v(s') ] − v(s).
    pub(super) fn evaluation(&self, values: &[f64]) -> Evaluation {
        let DiscountedMdp { model, gamma, .. } = &self.mdp;
        let (name, error) = match &self.exact {
            Some(exact) => {
                let error = root_mean_square(&self.visited, |s| values[s] - exact[s]);
                ("values_error", error)
            }
            None => {
                let target = |state| self.policy.backup(model, state, values, *gamma);
                let error = root_mean_square(&self.visited, |s| target(s) - values[s]);
                ("values_residual", error)
            }
        };
        let start = start_value(model, values);
        Evaluation::minimise(name, Measure::single(error)).with(start.measures)
    }

    pub(super) fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.policy.state(checkpoint, "model.policy", ("policy", &self.name))?;
        if let Some((behaviour, name)) = &self.behaviour {
            behaviour.state(checkpoint, "behaviour", ("behaviour", name))?;
        }
        checkpoint.value("explore", &mut self.rng)
    }
}

/// Refuses a behaviour policy, `followed`, called `name`, that never takes an action of `policy`.
fn check_covers(
    followed: &Policy,
    name: &PolicyName,
    policy: &Policy,
    mdp: &dyn Mdp,
    model: &Model,
) -> Result<()> {
    let left_out = |pair: &usize| policy.prob(*pair) > 0.0 && followed.prob(*pair) == 0.0;
    for state in 0..model.n_states() {
        if let Some(pair) = model.pairs(state).find(left_out) {
            let why = format!(
                "it never takes action {} in state {}, which --policy does: nothing can be learned \
                 of it",
                mdp.action_name(model.action(pair)),
                mdp.state_name(state)
            );
            return Err(BadValue::new("behaviour", name, &why).into());
        }
    }
    Ok(())
}
