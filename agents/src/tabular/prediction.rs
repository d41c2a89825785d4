//! What those share who learn from experience what a given policy is worth.
use super::experience::Task;
use super::planner::{start_value, state_of};
use super::{Model, Policy, PolicyName, Table};
use anyhow::Result;
use std::cell::RefCell;
use train::{BadValue, Checkpoint, Evaluation, Rng, stream};

/// A policy that is evaluated, and the one that is followed for it.
pub(super) struct Prediction {
    pub(super) model: Model,
    pub(super) policy: Policy,
    /// The policy that is followed; `None` where it is the one that is evaluated.
    pub(super) behaviour: Option<Policy>,
    rng: Rng,
    /// What playing draws actions from.
    playing: RefCell<Rng>,
}

impl Prediction {
    /// # Errors
    /// What [`PolicyName::read`] finds; where the outcomes are not known; where an action of the
    /// policy is never taken by the one that is followed.
    pub(super) fn new(
        task: &Task,
        policy: &PolicyName,
        behaviour: Option<&PolicyName>,
        seed: u64,
    ) -> Result<Self> {
        let mdp = task.known("policy", policy)?;
        let model = Model::new(mdp)?;
        let policy = policy.read("policy", mdp, &model)?;
        let read = |name: &PolicyName| name.read("behaviour", mdp, &model);
        let followed = behaviour.map(read).transpose()?;
        if let (Some(name), Some(behaviour)) = (behaviour, &followed) {
            let left_out = |pair: &usize| policy.prob(*pair) > 0.0 && behaviour.prob(*pair) == 0.0;
            for state in 0..model.n_states() {
                if let Some(pair) = model.pairs(state).find(left_out) {
                    let why = format!(
                        "it never takes action {} in state {}, which --policy does: nothing can be \
                         learned of it",
                        mdp.action_name(model.action(pair)),
                        mdp.state_name(state)
                    );
                    return Err(BadValue::new("behaviour", name, &why).into());
                }
            }
        }
        let playing = RefCell::new(stream(seed, "play"));
        Ok(Self { model, policy, behaviour: followed, rng: stream(seed, "explore"), playing })
    }

    /// The action that is taken in a state.
    pub(super) fn choose(&mut self, state: usize) -> usize {
        let followed = self.behaviour.as_ref().unwrap_or(&self.policy);
        followed.draw(&self.model, state, &mut self.rng).unwrap_or(0)
    }

    /// ρ = π(a | s) / b(a | s); 1 where the policy itself is followed.
    pub(super) fn ratio(&self, state: usize, action: usize) -> f64 {
        let Some(behaviour) = &self.behaviour else { return 1.0 };
        let pair = self.model.pairs(state).find(|pair| self.model.action(*pair) == action);
        pair.map_or(0.0, |pair| self.policy.prob(pair) / behaviour.prob(pair))
    }

    /// Draws from the policy that is evaluated.
    pub(super) fn act(&self, obs: &[f32], actions: &mut [usize]) -> Result<()> {
        let mut rng = self.playing.borrow_mut();
        for (obs, action) in obs.chunks_exact(self.model.n_states()).zip(actions) {
            *action = self.policy.draw(&self.model, state_of(obs)?, &mut rng).unwrap_or(0);
        }
        Ok(())
    }

    /// v, and what is taken for sure; q is not known without the outcomes.
    pub(super) fn table(&self, values: &[f64]) -> Table {
        let mut table = Table::unknown(&self.model);
        table.values.copy_from_slice(values);
        for (state, action) in table.policy.iter_mut().enumerate() {
            *action = self.policy.sure(&self.model, state);
        }
        table
    }

    /// `value_start`: what is thought of the states in which episodes start.
    pub(super) fn evaluation(&self, values: &[f64]) -> Evaluation {
        start_value(&self.model, values)
    }

    pub(super) fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.policy.state(checkpoint)?;
        checkpoint.value("explore", &mut self.rng)
    }
}
