//! Deep Q-network (Mnih et al. 2015, <https://doi.org/10.1038/nature14236>, algorithm 1) and its extensions.
//!
//! Q(s, a) is regressed on y = r + γ·max_a' Q̄(s', a'), where Q̄, the target network, is a copy of Q
//! taken at an interval. Deviations from the paper: Adam in place of RMSProp (`--optimizer rmsprop`
//! has it), a learning rate that may fall, several environments stepped together, no clipping of
//! rewards, γ = 1 learned as 0.99; actions that a state lacks are neither taken nor part of the maximum.
//!
//! An extension replaces one part of a step, which is the same for all of them. Each is a file with its formula:
//!
//! | part | extensions | file |
//! |---|---|---|
//! | transitions of a batch | prioritized, n-step | `replay/priorities.rs`, `replay/n_step.rs` |
//! | layers | dueling, noisy | `network.rs`, `nn::Dueling`, `nn::Noisy` |
//! | outputs, loss | C51, QR-DQN, IQN | `head.rs`, `categorical.rs`, `quantile.rs`, `nn::ImplicitQuantiles` |
//! | target | double, Munchausen | `target.rs`, `munchausen.rs` |
//! | copy of Q | soft | `--tau` |
mod acting;
mod categorical;
mod config;
mod head;
mod loss;
mod munchausen;
mod network;
mod quantile;
mod target;

pub use config::DqnConfig;
pub use head::{Distribution, td_target};
pub use loss::Loss;

use crate::acting::Acting;
use crate::evaluation::{Episodes, evaluate};
use crate::export::observed;
use crate::net::Net;
use crate::on_policy::heads::ActionDistribution;
use crate::tabular::{Model, Policy, Table, note_haste, q_table};
use crate::{ActionBatch, Agent, Batch, MakeEnv, Mode, Replay, discrete_actions};
use anyhow::Result;
use candle_core::Device;
use envs::{Spec, VecEnv};
use head::Head;
use nn::onnx::Export;
use nn::{Optimizer, Params};
use target::targets;
use train::{
    BadValue, Checkpoint, Evaluation, FirstUpdate, Learner, Log, MODEL, Progress, Rng, Split,
    stream,
};

/// A DQN agent and the environments it learns in.
pub struct Dqn {
    config: DqnConfig,
    seed: u64,
    make: MakeEnv,
    envs: VecEnv,
    actions: Vec<usize>,
    /// For each action of each environment, if it is allowed, `[N, A]`; `None` where all always are.
    allowed: Option<Vec<bool>>,
    replay: Replay,
    batch: Batch,
    head: Head,
    /// Q
    q: Net,
    /// Q̄
    target: Net,
    acting: Acting<(Net, Head)>,
    optimizer: Optimizer,
    explore: Rng,
    sample: Rng,
    noise: Rng,
    n_transitions: u64,
    updates: u64,
}

impl Dqn {
    /// An untrained agent for the environment `make` makes.
    ///
    /// # Errors
    /// [`BadValue`](train::BadValue) where a hyper-parameter is out of range, or the network does not take such observations;
    /// where actions are vectors.
    pub fn new(make: MakeEnv, config: DqnConfig, seed: u64, device: &Device) -> Result<Self> {
        let own = config.clone();
        let q = |params: Params, spec: &Spec| {
            let layers = own.layers(&params, spec)?;
            Ok(Net::new(params, layers))
        };
        Self::with_network(make, config, seed, device, &q)
    }

    /// An untrained agent whose Q and Q̄ are made by `network`, from observations `[B, …]` to `[B, A]`, with
    /// parameters in the store that it is given; `--network`, `--hidden`, `--dueling` and `--noisy` don't count. With
    /// K atoms or quantiles for each action it is `[B, A·K]`. [`Net::of_module`] takes a model of candle-nn.
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
        let env = make();
        config.check_for(&*env)?;
        let (spec, masked) = (env.spec(), env.masks_actions());
        let n_actions = discrete_actions(&spec)?;
        let rngs = (0..config.n_envs).map(|i| stream(seed, &format!("env/{i}"))).collect();
        // One seed and the same names: Q̄ starts as a copy of Q.
        let net =
            |params: &Params| Ok((network(params.clone(), &spec)?, config.head(params.device())?));
        let (q, head) = net(&Params::new(seed, device))?;
        let (target, _) = net(&Params::new(seed, device))?;
        let own = (q.clone(), head.clone());
        let acting = config.act_device.networks(&q.params, &own, net)?;
        q.check(&spec, n_actions * head.width())?;
        if config.distribution == Distribution::Iqn && q.fractions(1)?.is_none() {
            let fits = "needs a network that ends in nn::ImplicitQuantiles";
            return Err(BadValue::new("distribution", "iqn", fits).into());
        }
        let rule = config.optimizer.config(config.lr, config.max_grad_norm);
        let replay = Replay::new(config.replay, &spec, config.sampling(masked))?;
        Ok(Self {
            seed,
            actions: vec![0; config.n_envs],
            allowed: masked.then(Vec::new),
            batch: replay.batch(config.batch, &spec, device)?,
            replay,
            head,
            optimizer: Optimizer::new(&q.params, rule)?,
            q,
            target,
            acting,
            explore: stream(seed, "explore"),
            sample: stream(seed, "replay"),
            noise: stream(seed, "noise"),
            n_transitions: 0,
            updates: 0,
            envs: VecEnv::new(rngs, &make),
            make,
            config,
        })
    }

    /// One step of the optimiser on one batch.
    fn update(&mut self, log: &mut Log) -> Result<()> {
        self.q.draw_noise(&mut self.noise)?;
        self.target.draw_noise(&mut self.noise)?;
        let (config, n) = (&self.config, self.n_transitions);
        self.replay.sample(&mut self.batch, config.beta(n), &mut self.sample)?;
        let y = targets(&self.batch, config, &self.head, [&self.q, &self.target])?; // [B] or [B, K]
        let outputs = self.q.online.forward(self.batch.obs.tensor())?; // [B, A·K]
        let fractions = self.q.fractions(config.batch)?;
        let fractions = fractions.as_ref(); // [B, K]
        let chosen = self.head.of_actions(&outputs, self.batch.actions.tensor())?; // [B] or [B, K]
        let loss = match &self.batch.weights {
            None => self.head.loss(&chosen, &y, fractions)?,
            Some(weights) => {
                let losses = self.head.losses(&chosen, &y, fractions)?; // [B]
                let errors = self.head.errors(&chosen, &y, &losses)?;
                self.replay.learned(&self.batch, &train::Download::download(&errors)?);
                (losses * weights.tensor())?.mean_all()?
            }
        };
        log.tensor("train/loss", &loss)?;
        log.tensor("train/q", &self.head.means(&chosen)?)?;
        self.optimizer.set_lr(config.learning_rate(n));
        log.tensor("train/grad_norm", &self.optimizer.step(&loss)?.grad_norm)?;
        self.updates += 1;
        log.updated();
        if self.updates.is_multiple_of(config.target_every) {
            match config.tau {
                1.0 => self.target.params.copy_from(&self.q.params)?,
                tau => self.target.params.blend(&self.q.params, tau)?,
            }
        }
        Ok(())
    }
}

impl Agent for Dqn {
    fn act(&self, obs: &[f32], _: Mode, _: &mut [Rng], actions: &mut ActionBatch) -> Result<()> {
        let (actions, allowed) = actions.numbers_and_masks()?;
        self.greedy(|net| &*net.frozen, obs, allowed, actions)
    }

    fn table(&self, model: &Model) -> Result<Option<Table>> {
        q_table(model, self.config.batch, |obs| self.values(obs)).map(Some)
    }

    fn evaluates(&self) -> Option<&Policy> {
        None
    }

    fn q_values(&self, obs: &[f32]) -> Result<Option<Vec<f64>>> {
        Ok(Some(self.values(obs)?.into_iter().map(f64::from).collect()))
    }

    fn policy(&self, _: &[f32]) -> Result<Option<ActionDistribution>> {
        Ok(None)
    }

    fn exports(&self) -> Vec<Export<'_>> {
        vec![Export::new("q-network", || {
            let (mut graph, obs) = observed(self.envs.spec());
            let outputs = self.q.nodes(&mut graph, obs)?; // [B, A·K]
            let q = self.head.nodes(&mut graph, outputs)?; // [B, A]
            graph.output("q_values", q);
            Ok(graph)
        })]
    }
}

impl Learner for Dqn {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        note_haste(self.config.gamma, self.n_transitions, log);
        let train_every = self.config.train_every;
        let epsilon = self.config.epsilon(self.n_transitions);
        log.scalar("train/epsilon", epsilon);
        self.acting.net.0.draw_noise(&mut self.noise)?;
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
            self.acting.follow(&self.q.params)?;
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
        self.acting.follow(&self.q.params)?;
        self.target.params.state("target", checkpoint)?;
        self.optimizer.state("optimizer", checkpoint)?;
        self.replay.state("replay", self.envs.spec().n_actions(), checkpoint)?;
        let mut loaded = false;
        checkpoint.exchange("envs", self.envs.snapshot()?, |saved| {
            loaded = true;
            self.envs.restore(saved)
        })?;
        let anew = |i: &usize| loaded && self.envs.env(*i).is_begun_anew();
        (0..self.envs.n()).filter(anew).for_each(|i| self.replay.cut(i));
        checkpoint.value("explore", &mut self.explore)?;
        checkpoint.value("sample", &mut self.sample)?;
        if self.config.noisy || self.config.distribution == Distribution::Iqn {
            checkpoint.value("noise", &mut self.noise)?;
        }
        checkpoint.count("seen", &mut self.n_transitions)?;
        checkpoint.count("updates", &mut self.updates)
    }
}

#[cfg(test)]
mod tests;
