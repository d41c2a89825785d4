//! Deep Q-network (Mnih et al. 2015, <https://doi.org/10.1038/nature14236>, algorithm 1).
//!
//! Q(s, a) is regressed on y = r + γ·max_a' Q̄(s', a'), where Q̄, the target network, is a copy of Q
//! taken at an interval. Deviations from the paper: Adam in place of RMSProp (`--optimizer rmsprop`
//! has it), a learning rate that may fall, several environments stepped together, no clipping of
//! rewards, γ = 1 learned as 0.99 (see [`hastened`]).
mod loss;

pub use loss::Loss;

use crate::evaluation::{Episodes, evaluate};
use crate::export::observed;
use crate::net::{Net, q_body};
use crate::on_policy::heads::ActionDistribution;
use crate::tabular::{
    APPROXIMATE_HASTE, Model, Policy, Table, hastened, note_haste, one_hot_batches,
};
use crate::{
    ActionBatch, Agent, Batch, Hidden, MakeEnv, Mode, NetworkName, OptimizerName, Replay,
    discrete_actions, memory, q_network,
};
use anyhow::Result;
use candle_core::{D, Device, Tensor};
use envs::{Spec, VecEnv};
use nn::onnx::Export;
use nn::{Optimizer, Params, select};
use rand::Rng as _;
use train::{
    BadValue, Checkpoint, Evaluation, FirstUpdate, Learner, Linear, Log, MODEL, Progress, Rng,
    Split, above, check_learning_rate, stream,
};

train::hyper_parameters! {
    /// Hyper-parameters of [`Dqn`]. The defaults are for small problems; presets have their own.
    pub struct DqnConfig {
        /// Discount γ; 1 is learned as 0.99, since the values of loops that cost nothing hold themselves up at 1
        gamma: f64 = 0.99, in 0.0..=1.0;
        /// Probability ε of a random action at first
        epsilon_start: f64 = 1.0, in 0.0..=1.0;
        /// Probability ε of a random action in the end
        epsilon_end: f64 = 0.05, in 0.0..=1.0;
        /// Transitions over which ε falls
        epsilon_steps: u64 = 5_000;
        /// Optimiser: adam, rmsprop or sgd
        optimizer: OptimizerName = OptimizerName::Adam;
        /// Initial learning rate
        lr: f64 = 1e-3, in above(0.0);
        /// Final learning rate, as a fraction of --lr
        lr_end: f64 = 1.0, in 0.0..;
        /// Transitions over which the learning rate changes
        lr_steps: u64 = 0;
        /// Clip the gradient to this norm; 0 leaves it as it is
        max_grad_norm: f64 = 10.0, in 0.0..;
        /// Loss of Q(s, a) − y: huber (threshold 1) or mse
        loss: Loss = Loss::Huber;
        /// Batch size, in transitions
        batch: usize = 64, in 1..=1 << 20;
        /// Replay buffer capacity, in transitions
        replay: usize = 10_000, in 1..=1 << 32;
        /// Transitions collected before learning starts
        warmup: usize = 500, in 1..;
        /// Transitions per gradient update
        train_every: u64 = 4, in 1..;
        /// Gradient updates between copies of Q into the target network
        target_every: u64 = 100, in 1..;
        /// Network: mlp (dense layers), conv (MinAtar's), nature (Atari's), or auto, by the observation
        network: NetworkName = NetworkName::Auto;
        /// Units in the hidden layers: 256,256 for two of them, 64, for one, none for a linear network; a
        /// number alone is that of each usual layer, two in mlp and one in conv and nature
        hidden: Hidden = Hidden::Each(128);
        /// Environments stepped together
        n_envs: usize = 1, in 1..=1 << 14;
        /// Episodes of an evaluation during training
        eval_episodes: usize = 20, in 1..=1_000_000;
        /// Episodes of the evaluation at the end
        test_episodes: usize = 100, in 1..=1_000_000;
    }
}

/// y = r + γ·max_a' Q̄(s', a'), without the second term where s' is terminal.
///
/// `rewards` and `continues` are `[B]`, `next_q` is Q̄(s', ·), `[B, A]`; the target is `[B]`.
///
/// # Errors
/// If the shapes don't match.
pub fn td_target(
    rewards: &Tensor,
    continues: &Tensor,
    next_q: &Tensor,
    gamma: f64,
) -> candle_core::Result<Tensor> {
    let best = next_q.max(D::Minus1)?; // [B]
    rewards + ((best * continues)? * gamma)?
}

/// A DQN agent and the environments it learns in.
pub struct Dqn {
    config: DqnConfig,
    seed: u64,
    device: Device,
    make: MakeEnv,
    envs: VecEnv,
    actions: Vec<usize>,
    replay: Replay,
    batch: Batch,
    /// Q
    q: Net,
    /// Q̄
    target: Net,
    optimizer: Optimizer,
    explore: Rng,
    sample: Rng,
    n_transitions: u64,
    updates: u64,
}

impl Dqn {
    /// An untrained agent for the environment `make` makes.
    ///
    /// # Errors
    /// [`BadValue`] where a hyper-parameter is out of range, or the network does not take such observations;
    /// where actions are vectors.
    pub fn new(make: MakeEnv, config: DqnConfig, seed: u64, device: &Device) -> Result<Self> {
        let (network, hidden) = (config.network, config.hidden.clone());
        let q = |params: Params, spec: &Spec| {
            Ok(Net::new(params.clone(), q_network(&params, spec, network, &hidden)?))
        };
        Self::with_network(make, config, seed, device, &q)
    }

    /// An untrained agent whose Q and Q̄ are made by `network`, from observations `[B, …]` to `[B, A]`, with
    /// parameters in the store that it is given; `config.network` and `config.hidden` don't count.
    /// [`Net::of_module`] takes a model of candle-nn.
    ///
    /// # Errors
    /// As [`new`](Self::new), and errors of `network`.
    pub fn with_network(
        make: MakeEnv,
        config: DqnConfig,
        seed: u64,
        device: &Device,
        network: &dyn Fn(Params, &Spec) -> Result<Net>,
    ) -> Result<Self> {
        config.check()?;
        if config.warmup > config.replay {
            let fits = "must not be more than --replay holds";
            return Err(BadValue::new("warmup", config.warmup, fits).into());
        }
        let spec = make().spec();
        let (sizes, row) = ([config.replay, config.batch], Replay::bytes_of_one(&spec));
        // Of a network of one's own no layers are known, and observations may be of a shape for that one alone.
        let widths = q_body(config.network, &config.hidden).widths(&spec).unwrap_or_default();
        memory::off_policy(&spec, sizes, row, (config.n_envs, &widths)).check()?;
        check_learning_rate(config.lr_end, config.lr_steps, config.warmup as u64)?;
        discrete_actions(&spec)?;
        let rngs = (0..config.n_envs).map(|i| stream(seed, &format!("env/{i}"))).collect();
        // One seed and the same names: Q̄ starts as a copy of Q.
        let net = || network(Params::new(seed, device), &spec);
        let (q, target) = (net()?, net()?);
        q.check(&spec, spec.n_actions())?;
        let rule = config.optimizer.config(config.lr, config.max_grad_norm);
        Ok(Self {
            seed,
            device: device.clone(),
            actions: vec![0; config.n_envs],
            replay: Replay::new(config.replay, &spec)?,
            batch: Batch::new(config.batch, &spec, device)?,
            optimizer: Optimizer::new(&q.params, rule)?,
            q,
            target,
            explore: stream(seed, "explore"),
            sample: stream(seed, "replay"),
            n_transitions: 0,
            updates: 0,
            envs: VecEnv::new(rngs, &make),
            make,
            config,
        })
    }

    fn epsilon(&self) -> f64 {
        let DqnConfig { epsilon_start, epsilon_end, epsilon_steps, .. } = self.config;
        Linear { from: epsilon_start, to: epsilon_end, over: epsilon_steps }.at(self.n_transitions)
    }

    /// argmax_a Q(s, a), the first of several, for each observation `[N, obs_len]`.
    fn greedy(&self, obs: &[f32], actions: &mut [usize]) -> Result<()> {
        let shape = self.envs.spec().batch_shape(actions.len());
        let q = self.q.frozen.forward(&Tensor::from_slice(obs, shape, &self.device)?)?; // [N, A]
        let best: Vec<u32> = train::Download::download(&q.argmax(D::Minus1)?)?; // [N]
        actions.iter_mut().zip(best).for_each(|(action, best)| *action = best as usize);
        Ok(())
    }

    /// With probability ε a uniformly random action, else the greedy one.
    fn choose(&mut self, epsilon: f64) -> Result<()> {
        let mut actions = std::mem::take(&mut self.actions);
        self.greedy(self.envs.obs(), &mut actions)?;
        for action in &mut actions {
            if self.explore.random_bool(epsilon) {
                *action = self.explore.random_range(0..self.envs.spec().n_actions());
            }
        }
        self.actions = actions;
        Ok(())
    }

    /// One step of the optimiser on one batch.
    fn update(&mut self, log: &mut Log) -> Result<()> {
        let DqnConfig { gamma, lr, lr_end, lr_steps, target_every, .. } = self.config;
        self.replay.sample(&mut self.batch, &mut self.sample)?;
        let Batch { obs, actions, rewards, next_obs, continues, .. } = &self.batch;
        let next_q = self.target.frozen.forward(next_obs.tensor())?; // [B, A]
        let gamma = hastened(gamma, APPROXIMATE_HASTE);
        let y = td_target(rewards.tensor(), continues.tensor(), &next_q, gamma)?; // [B]
        let q = select(&self.q.online.forward(obs.tensor())?, actions.tensor())?; // [B]
        let loss = self.config.loss.of(&q, &y)?;
        log.tensor("train/loss", &loss)?;
        log.tensor("train/q", &q.mean_all()?)?;
        let fraction = Linear { from: 1.0, to: lr_end, over: lr_steps }.at(self.n_transitions);
        self.optimizer.set_lr(lr * fraction);
        log.tensor("train/grad_norm", &self.optimizer.step(&loss)?.grad_norm)?;
        self.updates += 1;
        log.updated();
        if self.updates.is_multiple_of(target_every) {
            self.target.params.copy_from(&self.q.params)?;
        }
        Ok(())
    }
}

impl Agent for Dqn {
    fn act(&self, obs: &[f32], _: Mode, _: &mut [Rng], actions: &mut ActionBatch) -> Result<()> {
        self.greedy(obs, actions.numbers()?)
    }

    fn table(&self, model: &Model) -> Result<Option<Table>> {
        let states = model.n_states();
        let mut table = Table::unknown(model);
        for (first, obs) in one_hot_batches(states, self.config.batch) {
            let obs = Tensor::from_slice(&obs, (obs.len() / states, states), &self.device)?;
            let q: Vec<f32> = self.q.frozen.forward(&obs)?.flatten_all()?.to_vec1()?; // [rows·A]
            for (row, q) in q.chunks_exact(model.n_actions()).enumerate() {
                table.set(model, first + row, |action| f64::from(q[action]));
            }
        }
        Ok(Some(table))
    }

    fn evaluates(&self) -> Option<&Policy> {
        None
    }

    fn q_values(&self, obs: &[f32]) -> Result<Option<Vec<f64>>> {
        let spec = self.envs.spec();
        let obs =
            Tensor::from_slice(obs, spec.batch_shape(obs.len() / spec.obs_len()), &self.device)?;
        let q = self.q.frozen.forward(&obs)?.flatten_all()?; // [N·A]
        Ok(Some(q.to_vec1::<f32>()?.into_iter().map(f64::from).collect()))
    }

    fn policy(&self, _: &[f32]) -> Result<Option<ActionDistribution>> {
        Ok(None)
    }

    fn exports(&self) -> Vec<Export<'_>> {
        vec![Export::new("q-network", || {
            let (mut graph, obs) = observed(self.envs.spec());
            let q = self.q.nodes(&mut graph, obs)?; // [B, A]
            graph.output("q_values", q);
            Ok(graph)
        })]
    }
}

impl Learner for Dqn {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        note_haste(self.config.gamma, self.n_transitions, log);
        let train_every = self.config.train_every;
        let epsilon = self.epsilon();
        log.scalar("train/epsilon", epsilon);
        self.choose(epsilon)?;
        self.envs.step(&self.actions, |transition| {
            self.replay.push(&transition);
            if let Some(episode) = transition.episode {
                log.scalar("train/return", episode.ret);
                log.scalar("train/length", f64::from(episode.len));
            }
        })?;
        let before = self.n_transitions;
        self.n_transitions += self.envs.n() as u64;
        if self.replay.len() >= self.config.warmup {
            for _ in before / train_every..self.n_transitions / train_every {
                self.update(log)?;
            }
        }
        Ok(Progress::Advanced(self.envs.n() as u64))
    }

    fn first_update(&self) -> FirstUpdate {
        let DqnConfig { warmup, train_every, .. } = self.config;
        crate::replay::first_update(warmup as u64, train_every, self.envs.n() as u64)
    }

    fn evaluate(&mut self, split: Split) -> Result<Evaluation> {
        let DqnConfig { eval_episodes: eval, test_episodes: test, .. } = self.config;
        evaluate(self, &self.make, Episodes { eval, test }.of(split), split, self.seed)
    }

    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.q.params.state(MODEL, checkpoint)?;
        self.target.params.state("target", checkpoint)?;
        self.optimizer.state("optimizer", checkpoint)?;
        self.replay.state("replay", self.envs.spec().n_actions(), checkpoint)?;
        checkpoint.exchange("envs", self.envs.snapshot()?, |saved| self.envs.restore(saved))?;
        checkpoint.value("explore", &mut self.explore)?;
        checkpoint.value("sample", &mut self.sample)?;
        checkpoint.count("seen", &mut self.n_transitions)?;
        checkpoint.count("updates", &mut self.updates)
    }
}

#[cfg(test)]
mod tests;
