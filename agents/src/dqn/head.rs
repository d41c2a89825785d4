//! Outputs of the network for an action: its value, or a distribution of returns by K numbers.
use super::categorical::{Support, cross_entropy};
use super::loss::Loss;
use super::quantile::{midpoints, quantile_huber};
use candle_core::{Device, Result, Tensor};
use nn::onnx::{Graph, Value};
use nn::select;
use serde::{Deserialize, Serialize};

/// The part of the distribution of returns that is learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Distribution {
    /// The mean alone, Q.
    Mean,
    /// Probabilities of fixed atoms (Bellemare et al. 2017).
    C51,
    /// Quantiles (Dabney et al. 2018).
    Qr,
    /// Quantiles as a function of their fractions (Dabney et al. 2018).
    Iqn,
}

/// Reading of the outputs `[B, A·K]` of a network.
#[derive(Clone)]
pub(super) enum Head {
    /// Q itself, K = 1.
    Mean(Loss),
    /// Logits of K atoms.
    Categorical(Support),
    /// K quantiles, and the midpoints `[1, K]`, which are their fractions where the network has none of its own.
    Quantiles(usize, Tensor),
}

impl Head {
    pub(super) fn new(
        distribution: Distribution,
        loss: Loss,
        (ends, k): ([f64; 2], usize),
        device: &Device,
    ) -> Result<Self> {
        Ok(match distribution {
            Distribution::Mean => Self::Mean(loss),
            Distribution::C51 => Self::Categorical(Support::new(ends, k, device)?),
            Distribution::Qr | Distribution::Iqn => Self::Quantiles(k, midpoints(k, device)?),
        })
    }

    /// K.
    pub(super) fn width(&self) -> usize {
        match self {
            Self::Mean(_) => 1,
            Self::Categorical(support) => support.len(),
            Self::Quantiles(k, _) => *k,
        }
    }

    /// Q(s, ·), `[B, A]`, from outputs `[B, A·K]`.
    pub(super) fn values(&self, outputs: &Tensor) -> Result<Tensor> {
        let (batch, width) = outputs.dims2()?;
        let (actions, k) = (width / self.width(), self.width());
        match self {
            Self::Mean(_) => Ok(outputs.clone()),
            Self::Categorical(support) => {
                support.means(&outputs.reshape((batch * actions, k))?)?.reshape((batch, actions))
            }
            Self::Quantiles(..) => outputs.reshape((batch, actions, k))?.mean(2),
        }
    }

    /// The mean of Q(s, a) over the batch, from the outputs for an action of each row: a scalar.
    pub(super) fn means(&self, chosen: &Tensor) -> Result<Tensor> {
        match self {
            Self::Mean(_) | Self::Quantiles(..) => chosen.mean_all(),
            Self::Categorical(support) => support.means(&chosen.detach())?.mean_all(),
        }
    }

    /// Adds Q(s, ·), `[B, A]`, to an ONNX graph, from outputs `[B, A·K]`.
    pub(super) fn nodes(&self, graph: &mut Graph, outputs: Value) -> Result<Value> {
        let k = self.width();
        let actions = outputs.dims()[0] / k;
        let (values, weights) = match self {
            Self::Mean(_) => return Ok(outputs),
            Self::Quantiles(..) => {
                let weights = Tensor::full(1.0 / k as f32, (k, 1), &Device::Cpu)?;
                (graph.reshaped(outputs, &[actions, k]), weights)
            }
            Self::Categorical(support) => {
                let logits = graph.reshaped(outputs, &[actions, k]);
                (graph.softmax(&logits), support.atoms().t()?)
            }
        };
        let q = graph.product(&values, &weights)?; // [B, A, 1]
        Ok(graph.reshaped(q, &[actions]))
    }

    /// The outputs for an action of each row, `[B, K]`, or `[B]` for means; `actions` is `[B]`.
    pub(super) fn of_actions(&self, outputs: &Tensor, actions: &Tensor) -> Result<Tensor> {
        let (batch, width) = outputs.dims2()?;
        match self {
            Self::Mean(_) => select(outputs, actions),
            Self::Categorical(_) | Self::Quantiles(..) => {
                let k = self.width();
                let index = actions.reshape((batch, 1, 1))?.broadcast_as((batch, 1, k))?;
                let outputs = outputs.reshape((batch, width / k, k))?;
                outputs.gather(&index.contiguous()?, 1)?.squeeze(1)
            }
        }
    }

    /// Targets of the outputs for an action, of their shape, by those of the best next action: R + d·Z(s', a*).
    pub(super) fn target(
        &self,
        rewards: &Tensor,
        discounts: &Tensor,
        next: &Tensor,
    ) -> Result<Tensor> {
        match self {
            Self::Mean(_) => td_target(rewards, discounts, next),
            Self::Categorical(support) => {
                support.project(&nn::log_softmax(next)?.exp()?, rewards, discounts)
            }
            Self::Quantiles(..) => {
                let later = next.broadcast_mul(&discounts.unsqueeze(1)?)?; // [B, K]
                later.broadcast_add(&rewards.unsqueeze(1)?)
            }
        }
    }

    /// The loss of each row of outputs for an action and their targets, `[B]`; `fractions` `[B, K]` are those of a network that
    /// has its own.
    pub(super) fn losses(
        &self,
        chosen: &Tensor,
        y: &Tensor,
        fractions: Option<&Tensor>,
    ) -> Result<Tensor> {
        match self {
            Self::Mean(loss) => loss.each(chosen, y),
            Self::Categorical(_) => cross_entropy(chosen, y),
            Self::Quantiles(_, midpoints) => {
                quantile_huber(chosen, y, fractions.unwrap_or(midpoints))
            }
        }
    }

    /// The mean of [`losses`](Self::losses).
    pub(super) fn loss(
        &self,
        chosen: &Tensor,
        y: &Tensor,
        fractions: Option<&Tensor>,
    ) -> Result<Tensor> {
        match self {
            Self::Mean(loss) => loss.of(chosen, y),
            Self::Categorical(_) | Self::Quantiles(..) => {
                self.losses(chosen, y, fractions)?.mean_all()
            }
        }
    }

    /// Errors by which priorities are set, `[B]`: |Q − y|, or the loss of a distribution (Hessel et al. 2018).
    pub(super) fn errors(&self, chosen: &Tensor, y: &Tensor, losses: &Tensor) -> Result<Tensor> {
        match self {
            Self::Mean(_) => (chosen.detach() - y)?.abs(),
            Self::Categorical(_) | Self::Quantiles(..) => Ok(losses.detach()),
        }
    }
}

/// y = R + d·Q̄(s', a*), where d is γ, or γᵏ after k steps, and 0 where s' is terminal.
///
/// All are `[B]`; `next_values` are those of the best next action.
///
/// # Errors
/// If the shapes don't match.
pub fn td_target(rewards: &Tensor, discounts: &Tensor, next_values: &Tensor) -> Result<Tensor> {
    rewards + (next_values * discounts)?
}
