//! Episodes and policy of a learner, for measurements of the gradient that it would follow.
use super::Reinforce;
use crate::on_policy::heads::ActionDistribution;
use crate::on_policy::rollout::Rollout;
use anyhow::Result;
use nn::Params;
use train::Log;

impl Reinforce {
    /// Plays the episodes of an update, learning nothing from them but the normalisations, and shows
    /// `visit` their rollout and the advantages of its steps, `[B]`.
    ///
    /// # Errors
    /// Errors of the networks and of `visit`.
    pub fn play_episodes<T>(
        &mut self,
        visit: impl FnOnce(&Self, &Rollout, Vec<f32>) -> Result<T>,
    ) -> Result<T> {
        while !self.collector.is_full() {
            self.play(&mut Log::default())?;
        }
        let (advantages, _) = self.advantages()?;
        let observed = visit(self, &self.collector.rollout, advantages)?;
        self.collector.clear();
        Ok(observed)
    }

    /// The policy for observations as they are learned from, B of them; gradients can be taken of it by
    /// [`params`](Self::params).
    ///
    /// # Errors
    /// If `obs` are not whole observations.
    pub fn policy(&self, obs: &[f32]) -> Result<ActionDistribution> {
        let obs = self.collector.tensor(obs)?; // [B, …]
        Ok(self.head.policy(&self.policy.online.forward(&obs)?)?)
    }

    /// The parameters of the policy.
    pub fn params(&self) -> &Params {
        &self.policy.params
    }
}
