//! Targets of a batch: DQN's, Double DQN's (van Hasselt et al. 2016, "Deep reinforcement learning with double
//! Q-learning", <https://arxiv.org/abs/1509.06461>), Munchausen DQN's.
use super::config::DqnConfig;
use super::head::Head;
use crate::Batch;
use crate::net::Net;
use candle_core::{D, Result, Tensor};

/// y = R + d·Z̄(s', a*), `[B]` for means or `[B, K]` for distributions, where a* is the best action allowed in s' by
/// Q̄, or by Q with `--double` (equation 4). No gradient comes from it.
pub(super) fn targets(
    batch: &Batch,
    config: &DqnConfig,
    head: &Head,
    [q, target]: [&Net; 2],
) -> Result<Tensor> {
    let Batch { obs, actions, rewards, next_obs, discounts, next_masks, .. } = batch;
    let [rewards, discounts] = [rewards.tensor(), discounts.tensor()];
    let next = target.noisy.forward(next_obs.tensor())?; // [B, A·K]
    if let Some(munchausen) = config.munchausen() {
        let q = target.noisy.forward(obs.tensor())?; // [B, A]
        return munchausen.target([rewards, discounts], actions.tensor(), [&q, &next]);
    }
    let mut values = match config.double {
        true => head.values(&q.noisy.forward(next_obs.tensor())?)?,
        false => head.values(&next)?,
    }; // [B, A]
    if let Some(masks) = next_masks {
        values = (values + masks.tensor())?;
    }
    let best = match (head, config.double) {
        // What the best action by Q̄ is worth by Q̄.
        (Head::Mean(_), false) => values.max(D::Minus1)?, // [B]
        _ => head.of_actions(&next, &values.argmax(D::Minus1)?)?, // [B] or [B, K]
    };
    head.target(rewards, discounts, &best)
}
