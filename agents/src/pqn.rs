//! PQN, parallelised Q-network (Gallici et al. 2024, "Simplifying deep temporal difference learning",
//! <https://arxiv.org/abs/2407.04811>, algorithm 1).
//!
//! Many environments play T steps ε-greedily; Q(s, a) is regressed on the λ-returns of these by the Q that played them,
//! in a few epochs of batches, and the steps are thrown away. There is no replay buffer and no target network: layer
//! normalisation keeps the regression from diverging. Deviations: Adam in place of RAdam; of convolutions only the last one
//! is normalised.
mod exploration;

use crate::acting::Acting;
use crate::evaluation::Episodes;
use crate::net::{Body, Net, q_body};
use crate::on_policy::collector::Collector;
use crate::on_policy::heads::{ActionDistribution, Head};
use crate::on_policy::minibatch::check_batch;
use crate::on_policy::returns::lambda_returns;
use crate::on_policy::scaling::Scaling;
use crate::tabular::{APPROXIMATE_HASTE, Model, Policy, Table, hastened, note_haste, q_table};
use crate::{
    ActDevice, ActionBatch, ActivationName, Agent, Hidden, MakeEnv, Mode, NetworkName,
    OptimizerName, discrete_actions, masks, memory,
};
use anyhow::Result;
use candle_core::{D, Device, Tensor};
pub use exploration::epsilon_greedy;
use exploration::masked_epsilon_greedy;
use nn::onnx::Export;
use nn::{Activation, HostTensor, Optimizer, Params, Sequential, loss, select};
use rand::seq::SliceRandom as _;
use train::{
    Checkpoint, Download as _, Evaluation, FirstUpdate, Learner, Linear, Log, MODEL, Progress, Rng,
    Split, above, check_learning_rate, stream,
};

train::hyper_parameters! {
    /// Hyper-parameters of [`Pqn`].
    pub struct PqnConfig {
        /// Discount γ; 1 is learned as 0.99, since the values of loops that cost nothing hold themselves up at 1
        gamma: f64 = 0.99, in 0.0..=1.0;
        /// λ of returns: 0 looks one step ahead, 1 to the end of the rollout
        lambda: f64 = 0.65, in 0.0..=1.0;
        /// Probability ε of a random action at first
        epsilon_start: f64 = 1.0, in 0.0..=1.0;
        /// Probability ε of a random action in the end
        epsilon_end: f64 = 0.05, in 0.0..=1.0;
        /// Transitions over which ε falls
        epsilon_steps: u64 = 20_000;
        /// Steps of each environment in a rollout
        rollout: usize = 32, in 1..=1 << 20;
        /// Environments stepped together
        n_envs: usize = 16, in 1..=1 << 14;
        /// Passes over a rollout
        epochs: usize = 4, in 1..=100;
        /// Batch size, in transitions; a rollout is cut into batches of this size
        batch: usize = 128, in 1..=1 << 20;
        /// Optimiser: adam, rmsprop or sgd
        optimizer: OptimizerName = OptimizerName::Adam;
        /// Initial learning rate
        lr: f64 = 1e-3, in above(0.0);
        /// Final learning rate, as a fraction of --lr
        lr_end: f64 = 1.0, in 0.0..;
        /// Transitions over which the learning rate changes
        lr_steps: u64 = 0, with lr_end not 1.0;
        /// Clip the gradient to this norm; 0 leaves it as it is
        max_grad_norm: f64 = 10.0, in 0.0..;
        /// Network: mlp (dense layers), conv (MinAtar's), nature (Atari's), impala (residual blocks), or auto, by the
        /// observation
        network: NetworkName = NetworkName::Auto;
        /// Units in the hidden layers: 256,256 for two of them, 64, for one, none for a linear network; a
        /// number alone is that of each usual layer, two in mlp and one in the others
        hidden: Hidden = Hidden::Each(128);
        /// Activation of all layers but the last: relu, leaky-relu, tanh or silu [default: relu]
        activation: Option<ActivationName> = None;
        /// Normalise the features of each dense layer, and of the last convolution, before the activation
        layer_norm: bool = true;
        /// Device that chooses actions: same (the one that learns) or cpu, faster for few environments beside a GPU
        act_device: ActDevice = ActDevice::Same;
        /// Episodes of an evaluation during training
        eval_episodes: usize = 20, in 1..=1_000_000;
        /// Episodes of the evaluation at the end
        test_episodes: usize = 100, in 1..=1_000_000;
    }
}

impl PqnConfig {
    /// The layers before the last one.
    fn body(&self) -> Body {
        let Self { layer_norm, activation, .. } = *self;
        Body { layer_norm, activation, ..q_body(self.network, &self.hidden) }
    }
}

/// A PQN agent and the environments it learns in.
pub struct Pqn {
    config: PqnConfig,
    q: Net,
    acting: Acting<Net>,
    optimizer: Optimizer,
    collector: Collector,
    /// Reads logits of the ε-greedy policy.
    head: Head,
    /// `[M, …]`, and `[M]` each.
    obs: HostTensor<f32>,
    actions: HostTensor<u32>,
    returns: HostTensor<f32>,
    /// The transitions of a rollout in the order they are learned from.
    order: Vec<usize>,
    shuffle: Rng,
    n_transitions: u64,
}

impl Pqn {
    /// An untrained agent for the environment `make` makes.
    ///
    /// # Errors
    /// [`BadValue`](train::BadValue) where a hyper-parameter is out of range, or the network does not take such observations;
    /// where actions are vectors.
    pub fn new(make: MakeEnv, config: PqnConfig, seed: u64, device: &Device) -> Result<Self> {
        config.check()?;
        let full = config.rollout * config.n_envs;
        check_batch(config.batch, [config.rollout, config.n_envs])?;
        check_learning_rate(config.lr_end, config.lr_steps, full as u64)?;
        let spec = make().spec();
        let actions = discrete_actions(&spec)?;
        let (body, params) = (config.body(), Params::new(seed, device));
        memory::steps(&spec, config.rollout, config.n_envs, &body.sizes(&spec)?).check()?;
        let network = |params: &Params| {
            let (mut layers, features) = body.layers(params, "", &spec)?;
            layers.push(body.dense(params, "out", [features, actions], Activation::Linear)?); // [B, A]
            Ok(Net::new(params.clone(), Sequential::new(layers)))
        };
        let q = network(&params)?;
        let devices = config.act_device.beside(device);
        let lengths = [config.n_envs, config.rollout];
        let rule = config.optimizer.config(config.lr, config.max_grad_norm);
        Ok(Self {
            optimizer: Optimizer::new(&params, rule)?,
            head: Head::new(&params, &spec, 0.0)?,
            acting: config.act_device.networks(&params, &q, network)?,
            q,
            collector: Collector::of_steps(make, lengths, Scaling::none(), (seed, devices))?,
            obs: HostTensor::new(spec.batch_shape(config.batch), device)?,
            actions: HostTensor::new(config.batch, device)?,
            returns: HostTensor::new(config.batch, device)?,
            order: (0..full).collect(),
            shuffle: stream(seed, "shuffle"),
            n_transitions: 0,
            config,
        })
    }

    fn epsilon(&self) -> f64 {
        let PqnConfig { epsilon_start, epsilon_end, epsilon_steps, .. } = self.config;
        Linear { from: epsilon_start, to: epsilon_end, over: epsilon_steps }.at(self.n_transitions)
    }

    /// Q(s, ·) for observations `[N, obs_len]`, `[N·A]`.
    fn q(&self, obs: &[f32]) -> Result<Vec<f32>> {
        let q = self.acting.net.frozen.forward(&self.collector.scale(obs)?)?; // [N, A]
        Ok(q.flatten_all()?.to_vec1()?)
    }

    /// max_a Q(s, a) over the actions that are allowed, for observations `[B, …]` and numbers to add to Q, on the host.
    fn values(&self, obs: &Tensor, masks: Option<Tensor>) -> Result<Vec<f32>> {
        let q = masks::with(self.q.frozen.forward(obs)?, masks.as_ref())?; // [B, A]
        Ok(q.max(D::Minus1)?.download()?)
    }

    /// λ-returns of the rollout by Q as it is, `[B]`.
    fn targets(&self) -> Result<Vec<f32>> {
        let (rollout, n) = (&self.collector.rollout, self.collector.n());
        let values = self.values(&self.collector.obs()?, self.collector.masks()?)?;
        let next = self.values(&self.collector.next_obs()?, self.collector.next_masks()?)?; // [K + N]
        let (truncated, current) = next.split_at(next.len() - n);
        let mut next_values = vec![0.0; rollout.len()];
        rollout.next_values(truncated, current, &mut next_values);
        let mut returns = vec![0.0; rollout.len()];
        let gamma = hastened(self.config.gamma, APPROXIMATE_HASTE);
        let steps = rollout.steps(n, &values, &next_values);
        lambda_returns(&steps, gamma, self.config.lambda, &mut returns);
        Ok(returns)
    }

    /// All epochs over the rollout.
    fn update(&mut self, log: &mut Log) -> Result<()> {
        let targets = self.targets()?;
        let PqnConfig { lr, lr_end, lr_steps, batch, epochs, .. } = self.config;
        let fraction = Linear { from: 1.0, to: lr_end, over: lr_steps }.at(self.n_transitions);
        self.optimizer.set_lr(lr * fraction);
        // From the same order each time, so that a resumed run need not know the last one.
        self.order.iter_mut().enumerate().for_each(|(i, row)| *row = i);
        for _ in 0..epochs {
            self.order.shuffle(&mut self.shuffle);
            for first in (0..self.order.len()).step_by(batch) {
                self.learn(&targets, first..first + batch, log)?;
            }
        }
        self.collector.clear();
        self.acting.follow(&self.q.params)
    }

    /// One step of the optimiser on a part of the shuffled rollout.
    fn learn(
        &mut self,
        targets: &[f32],
        part: std::ops::Range<usize>,
        log: &mut Log,
    ) -> Result<()> {
        let (rows, rollout) = (&self.order[part], &self.collector.rollout);
        let len = self.collector.spec().obs_len();
        self.obs.fill(|to| {
            for (to, &row) in to.chunks_exact_mut(len).zip(rows) {
                to.copy_from_slice(&rollout.obs[row * len..][..len]);
            }
        })?;
        let each = || rows.iter().copied();
        let actions = |to: &mut [u32]| {
            to.iter_mut().zip(each()).for_each(|(to, row)| *to = rollout.actions[row] as u32)
        };
        self.actions.fill(actions)?;
        self.returns
            .fill(|to| to.iter_mut().zip(each()).for_each(|(to, row)| *to = targets[row]))?;
        let q = select(&self.q.online.forward(self.obs.tensor())?, self.actions.tensor())?; // [M]
        let loss = loss::mse(&q, self.returns.tensor())?;
        log.tensor("train/loss", &loss)?;
        log.tensor("train/q", &q.mean_all()?)?;
        log.tensor("train/grad_norm", &self.optimizer.step(&loss)?.grad_norm)?;
        log.updated();
        Ok(())
    }
}

impl Agent for Pqn {
    fn act(&self, obs: &[f32], _: Mode, _: &mut [Rng], actions: &mut ActionBatch) -> Result<()> {
        let (actions, allowed) = actions.numbers_and_masks()?;
        let q = self.acting.net.frozen.forward(&self.collector.scale(obs)?)?; // [N, A]
        let best: Vec<u32> = masks::masked(q, allowed)?.argmax(D::Minus1)?.download()?; // [N]
        actions.iter_mut().zip(best).for_each(|(to, best)| *to = best as usize);
        Ok(())
    }

    fn table(&self, model: &Model) -> Result<Option<Table>> {
        q_table(model, self.config.batch, |obs| self.q(obs)).map(Some)
    }

    fn evaluates(&self) -> Option<&Policy> {
        None
    }

    fn q_values(&self, obs: &[f32]) -> Result<Option<Vec<f64>>> {
        Ok(Some(self.q(obs)?.into_iter().map(f64::from).collect()))
    }

    fn policy(&self, _: &[f32]) -> Result<Option<ActionDistribution>> {
        Ok(None)
    }

    fn exports(&self) -> Vec<Export<'_>> {
        vec![Export::new("q-network", || {
            let (mut graph, obs) = self.collector.observed()?;
            let q = self.q.nodes(&mut graph, obs)?; // [B, A]
            graph.output("q_values", q);
            Ok(graph)
        })]
    }
}

impl Learner for Pqn {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        note_haste(self.config.gamma, self.n_transitions, log);
        let (epsilon, q) = (self.epsilon(), &self.acting.net.frozen);
        log.scalar("train/epsilon", epsilon);
        let policy = |obs: &Tensor, allowed: Option<&[u8]>| {
            let q = q.forward(obs)?; // [rows, A]
            let masks = allowed.map(|allowed| masks::tensor(allowed, q.dim(1)?, q.device()));
            masked_epsilon_greedy(&q, epsilon, masks.transpose()?.as_ref())
        };
        let n = self.collector.step(&self.head, policy, log)? as u64;
        self.n_transitions += n;
        if self.collector.is_full() {
            self.update(log)?;
        }
        Ok(Progress::Advanced(n))
    }

    fn first_update(&self) -> FirstUpdate {
        self.collector.first_update()
    }

    fn evaluate(&mut self, split: Split) -> Result<Evaluation> {
        let PqnConfig { eval_episodes: eval, test_episodes: test, .. } = self.config;
        self.collector.evaluate(self, Episodes { eval, test }.of(split), split)
    }

    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.q.params.state(MODEL, checkpoint)?;
        self.acting.follow(&self.q.params)?;
        self.optimizer.state("optimizer", checkpoint)?;
        self.collector.state(checkpoint)?;
        checkpoint.value("shuffle", &mut self.shuffle)?;
        checkpoint.count("transitions", &mut self.n_transitions)
    }
}

#[cfg(test)]
mod tests;
