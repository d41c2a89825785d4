//! Policy heads: from the outputs of a network to actions.
//!
//! Algorithms see an action as a row of numbers, whatever its kind: a vector as it is, a numbered
//! action as its number alone. `W`, the width of such a row, is [`Spec::action_width`].
mod categorical;
mod gaussian;

pub use categorical::{Categorical, mode, sample};
pub use gaussian::Gaussian;

use crate::actions::{ActionBatch, Mode};
use crate::masks;
use candle_core::{DType, Result, Tensor, bail};
use envs::{Actions, Spec};
use nn::onnx::{Graph, Value};
use nn::{Init, Params};
use std::borrow::Cow;
use train::{Download as _, Rng};

/// Meaning of a network's outputs, by the kind of actions that the environment takes.
#[derive(Clone)]
pub enum Head {
    /// Logits of numbered actions.
    Categorical {
        /// A.
        actions: usize,
    },
    /// Means of the numbers of a vector.
    Gaussian {
        /// log σ, a parameter of its own: the same in every state, `[D]`.
        log_std: Tensor,
    },
}

impl Head {
    /// For the actions of `spec`; `log_std` is log σ at first, where they are vectors.
    ///
    /// # Errors
    /// If `params` holds `policy.log_std` already.
    pub fn new(params: &Params, spec: &Spec, log_std: f64) -> Result<Self> {
        Ok(match &spec.actions {
            Actions::Discrete(names) => Self::Categorical { actions: names.len() },
            Actions::Box { low, .. } => Self::Gaussian {
                log_std: params.var("policy.log_std", low.len(), Init::Constant(log_std))?,
            },
        })
    }

    /// The head without gradients, always with the current parameters.
    pub fn frozen(&self) -> Self {
        match self {
            Self::Categorical { actions } => Self::Categorical { actions: *actions },
            Self::Gaussian { log_std } => Self::Gaussian { log_std: log_std.detach() },
        }
    }

    /// Width of the network's output: A or D.
    pub fn outputs(&self) -> usize {
        match self {
            Self::Categorical { actions } => *actions,
            Self::Gaussian { log_std } => log_std.elem_count(),
        }
    }

    /// π(·|s) for outputs `[B, A]` or `[B, D]`.
    ///
    /// # Errors
    /// If the shape is another.
    pub fn policy(&self, outputs: &Tensor) -> Result<ActionDistribution> {
        Ok(match self {
            Self::Categorical { .. } => ActionDistribution::Categorical(Categorical::new(outputs)?),
            Self::Gaussian { log_std } => {
                ActionDistribution::Gaussian(Gaussian::new(outputs, log_std)?)
            }
        })
    }

    /// Names the outputs of an ONNX graph: `logits` `[B, A]`, or `mean` and `log_std` `[B, D]`.
    ///
    /// # Errors
    /// Errors of the device.
    pub fn name_outputs(&self, graph: &mut Graph, outputs: Value) -> anyhow::Result<()> {
        match self {
            Self::Categorical { .. } => graph.output("logits", outputs),
            Self::Gaussian { log_std } => {
                let log_std = graph.for_each_sample(log_std, &outputs)?; // [B, D]
                graph.output("mean", outputs);
                graph.output("log_std", log_std);
            }
        }
        Ok(())
    }

    /// Draws an action for each row of `outputs`, in turn: `actions` is `[rows, W]`.
    ///
    /// # Errors
    /// Errors of the device.
    pub fn sample(&self, outputs: &[f32], rng: &mut Rng, actions: &mut [f32]) -> Result<()> {
        match self {
            Self::Categorical { actions: n } => {
                for (logits, action) in outputs.chunks_exact(*n).zip(actions) {
                    *action = sample(logits, rng) as f32;
                }
            }
            Self::Gaussian { log_std } => {
                let log_std: Vec<f32> = log_std.download()?;
                let rows = actions.chunks_exact_mut(log_std.len());
                for (mean, action) in outputs.chunks_exact(log_std.len()).zip(rows) {
                    gaussian::sample(mean, &log_std, rng, action);
                }
            }
        }
        Ok(())
    }

    /// An action for each of N rows of `outputs`: the most probable one, or one that `rngs[i]` draws, of those that are
    /// allowed.
    ///
    /// # Errors
    /// If `actions` are of the other kind; errors of the device.
    pub fn act(
        &self,
        outputs: &[f32],
        mode: Mode,
        rngs: &mut [Rng],
        actions: &mut ActionBatch,
    ) -> anyhow::Result<()> {
        match self {
            Self::Categorical { actions: n } => {
                let (actions, allowed) = actions.numbers_and_masks()?;
                let outputs = match allowed {
                    None => Cow::Borrowed(outputs),
                    Some(allowed) => {
                        let added = allowed.iter().map(|&allowed| masks::added(allowed));
                        outputs.iter().zip(added).map(|(logit, added)| logit + added).collect()
                    }
                };
                let rows = outputs.chunks_exact(*n).zip(rngs);
                for (action, (logits, rng)) in actions.iter_mut().zip(rows) {
                    *action = match mode {
                        Mode::Greedy => categorical::mode(logits),
                        Mode::Sampled => sample(logits, rng),
                    };
                }
            }
            Self::Gaussian { log_std } => {
                let actions = actions.vectors()?;
                if mode == Mode::Greedy {
                    actions.copy_from_slice(outputs);
                    return Ok(());
                }
                let log_std: Vec<f32> = log_std.download()?;
                let means = outputs.chunks_exact(log_std.len()).zip(rngs);
                for (action, (mean, rng)) in actions.chunks_exact_mut(log_std.len()).zip(means) {
                    gaussian::sample(mean, &log_std, rng, action);
                }
            }
        }
        Ok(())
    }
}

/// Distributions over actions, one for each of B states.
pub enum ActionDistribution {
    /// Over numbered actions.
    Categorical(Categorical),
    /// Over vectors.
    Gaussian(Gaussian),
}

impl ActionDistribution {
    /// log π(a|s), a density where actions are vectors, of `actions` `[B, W]`: `[B]`.
    ///
    /// # Errors
    /// If shapes don't match, or there is no such action.
    pub fn log_prob(&self, actions: &Tensor) -> Result<Tensor> {
        match self {
            Self::Categorical(policy) => policy.log_prob(&numbers(actions)?),
            Self::Gaussian(policy) => policy.log_prob(actions),
        }
    }

    /// H(π(·|s)), which may be negative where actions are vectors: `[B]`.
    ///
    /// # Errors
    /// Errors of the device.
    pub fn entropy(&self) -> Result<Tensor> {
        match self {
            Self::Categorical(policy) => policy.entropy(),
            Self::Gaussian(policy) => policy.entropy(),
        }
    }

    /// Σₐ π(a|s)·q(s, a) for `q` `[B, A]`: `[B]`.
    ///
    /// # Errors
    /// If actions are vectors, or shapes don't match.
    pub fn expected(&self, q: &Tensor) -> Result<Tensor> {
        match self {
            Self::Categorical(policy) => policy.expected(q),
            Self::Gaussian(_) => bail!("a sum over actions takes numbered ones"),
        }
    }
}

/// Numbered actions from their rows: `[B, 1]` to `[B]`.
///
/// # Errors
/// If the rows are wider.
pub fn numbers(actions: &Tensor) -> Result<Tensor> {
    actions.squeeze(1)?.to_dtype(DType::U32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use envs::{CartPole, Env as _, Pendulum};
    use train::stream;
    use train::testing::device;

    #[test]
    fn the_environment_says_which_head() {
        let params = Params::new(1, device());
        let numbered = Head::new(&params, &CartPole::default().spec(), -0.5).unwrap();
        assert!(matches!(numbered, Head::Categorical { actions: 2 }));
        assert_eq!((numbered.outputs(), params.count()), (2, 0));
        let vectors = Head::new(&params, &Pendulum::default().spec(), -0.5).unwrap();
        let Head::Gaussian { log_std } = vectors.frozen() else { panic!("a torque is a vector") };
        assert_eq!(log_std.to_vec1::<f32>().unwrap(), [-0.5]);
        assert!(!log_std.track_op());
        assert_eq!((vectors.outputs(), params.count()), (1, 1));
        // It follows the parameter.
        params.named()[0].1.set(&Tensor::new(&[2f32], device()).unwrap()).unwrap();
        assert_eq!(log_std.to_vec1::<f32>().unwrap(), [2.0]);
    }

    #[test]
    fn rows_of_numbers_for_both_kinds() {
        let params = Params::new(1, device());
        let numbered = Head::new(&params, &CartPole::default().spec(), 0.0).unwrap();
        let vectors = Head::new(&params, &Pendulum::default().spec(), 0.5f64.ln()).unwrap();
        let mut rng = stream(1, "test");
        let mut rows = [9f32; 2];
        numbered.sample(&[-100.0, 100.0, 100.0, -100.0], &mut rng, &mut rows).unwrap();
        assert_eq!(rows, [1.0, 0.0]);
        let mut rngs = [stream(1, "a"), stream(1, "b")];
        let mut actions = ActionBatch::Discrete(vec![9; 2]);
        let mut torques = ActionBatch::Continuous { actions: vec![9.0; 2], action_len: 1 };
        let greedy = Mode::Greedy;
        numbered.act(&[-1.0, 1.0, 1.0, -1.0], greedy, &mut rngs, &mut actions).unwrap();
        assert_eq!(actions, ActionBatch::Discrete(vec![1, 0]));
        assert!(numbered.act(&[0.0; 4], greedy, &mut rngs, &mut torques).is_err());

        vectors.sample(&[-50.0, 50.0], &mut rng, &mut rows).unwrap();
        assert!(rows[0] < -45.0 && rows[1] > 45.0 && rows[0] != -rows[1], "{rows:?}");
        vectors.act(&[-5.0, 0.25], greedy, &mut rngs, &mut torques).unwrap();
        assert_eq!(torques.vectors().unwrap(), [-5.0, 0.25]);
        assert!(vectors.act(&[0.0; 2], greedy, &mut rngs, &mut actions).is_err());

        // Of those that are allowed.
        let of = |allowed: [bool; 4]| ActionBatch::Masked {
            actions: vec![9; 2],
            allowed: allowed.to_vec(),
            n_actions: 2,
        };
        for mode in [Mode::Greedy, Mode::Sampled] {
            let mut masked = of([true, false, true, true]);
            numbered.act(&[-50.0, 50.0, -50.0, 50.0], mode, &mut rngs, &mut masked).unwrap();
            assert_eq!(masked.numbers().unwrap(), [0, 1]);
        }

        // Each row is drawn by a generator of its own.
        numbered.act(&[-50.0, 50.0, 50.0, -50.0], Mode::Sampled, &mut rngs, &mut actions).unwrap();
        assert_eq!(actions, ActionBatch::Discrete(vec![1, 0]));
        vectors.act(&[-50.0, 50.0], Mode::Sampled, &mut rngs, &mut torques).unwrap();
        let [low, high] = [torques.vectors().unwrap()[0], torques.vectors().unwrap()[1]];
        assert!(low < -45.0 && high > 45.0 && low != -50.0 && low != -high, "{low} {high}");

        let outputs = Tensor::new(&[[0f32], [1.0]], device()).unwrap();
        let rows = Tensor::new(&[[0f32], [1.5]], device()).unwrap();
        let log_prob = vectors.policy(&outputs).unwrap().log_prob(&rows).unwrap();
        // σ = ½: 1/(σ·√2π), and e^−½ of it one deviation off.
        let density = (2.0 / std::f32::consts::TAU.sqrt()).ln();
        for (log_prob, expected) in
            log_prob.to_vec1::<f32>().unwrap().iter().zip([density, density - 0.5])
        {
            assert!((log_prob - expected).abs() < 1e-6, "{log_prob}, not {expected}");
        }
        let logits = Tensor::new(&[[0f32, 3f32.ln()]; 2], device()).unwrap();
        let rows = Tensor::new(&[[0f32], [1.0]], device()).unwrap();
        let log_prob = numbered.policy(&logits).unwrap().log_prob(&rows).unwrap();
        for (log_prob, expected) in log_prob.to_vec1::<f32>().unwrap().iter().zip([0.25f32, 0.75]) {
            assert!((log_prob - expected.ln()).abs() < 1e-6, "{log_prob}, not log {expected}");
        }
    }
}
