//! Choice of actions: the best by Q, or with probability ε any.
use super::Dqn;
use crate::masks::{self, masked};
use crate::net::Net;
use anyhow::Result;
use candle_core::{D, Module, Tensor};
use rand::Rng as _;

impl Dqn {
    /// The best action by a side of the network, the first of several, for each observation `[N, obs_len]`; `allowed` is `[N, A]`.
    pub(super) fn greedy(
        &self,
        side: fn(&Net) -> &dyn Module,
        obs: &[f32],
        allowed: Option<&[bool]>,
        actions: &mut [usize],
    ) -> Result<()> {
        let shape = self.envs.spec().batch_shape(actions.len());
        let (acting, head) = &self.acting.net;
        let obs = Tensor::from_slice(obs, shape, acting.params.device())?; // [N, …]
        let outputs = side(acting).forward(&obs)?; // [N, A·K]
        let q = masked(head.values(&outputs)?, allowed)?; // [N, A]
        let best: Vec<u32> = train::Download::download(&q.argmax(D::Minus1)?)?; // [N]
        actions.iter_mut().zip(best).for_each(|(action, best)| *action = best as usize);
        Ok(())
    }

    /// Q(s, ·) without noise, `[N·A]`, for observations `[N, obs_len]`.
    pub(super) fn values(&self, obs: &[f32]) -> Result<Vec<f32>> {
        let spec = self.envs.spec();
        let shape = spec.batch_shape(obs.len() / spec.obs_len());
        let (acting, head) = &self.acting.net;
        let obs = Tensor::from_slice(obs, shape, acting.params.device())?; // [N, …]
        let outputs = acting.frozen.forward(&obs)?; // [N, A·K]
        Ok(head.values(&outputs)?.flatten_all()?.to_vec1()?)
    }

    /// With probability ε a uniformly random action, else the greedy one.
    pub(super) fn choose(&mut self, epsilon: f64) -> Result<()> {
        let (mut actions, mut allowed) = (std::mem::take(&mut self.actions), self.allowed.take());
        let n = self.envs.spec().n_actions();
        if let Some(allowed) = &mut allowed {
            allowed.clear();
            (0..self.envs.n()).for_each(|i| allowed.extend(masks::allowed(self.envs.env(i), n)));
        }
        self.greedy(|net| &*net.noisy, self.envs.obs(), allowed.as_deref(), &mut actions)?;
        for (i, action) in actions.iter_mut().enumerate() {
            if self.explore.random_bool(epsilon) {
                *action = match &allowed {
                    None => self.explore.random_range(0..n),
                    Some(allowed) => masks::random(&allowed[i * n..][..n], &mut self.explore),
                };
            }
        }
        (self.actions, self.allowed) = (actions, allowed);
        Ok(())
    }
}
