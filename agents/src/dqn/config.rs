//! Hyper-parameters of DQN and of its extensions, and combinations of them that are refused.
use super::head::{Distribution, Head};
use super::loss::Loss;
use super::munchausen::Munchausen;
use crate::net::{Body, q_body};
use crate::tabular::{APPROXIMATE_HASTE, hastened};
use crate::{
    ActDevice, ActivationName, Hidden, NetworkName, OptimizerName, Replay, Sampling, memory,
};
use candle_core::{Device, Result as DeviceResult};
use envs::{Env, Spec};
use std::ops::Bound;
use train::{BadValue, Linear, Memory, above, check_learning_rate};

train::hyper_parameters! {
    /// Hyper-parameters of [`Dqn`](crate::Dqn). The defaults are for small problems; presets have their own.
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
        lr_steps: u64 = 0, with lr_end not 1.0;
        /// Clip the gradient to this norm; 0 leaves it as it is
        max_grad_norm: f64 = 10.0, in 0.0..;
        /// Loss of Q(s, a) − y: huber (threshold 1) or mse
        loss: Loss = Loss::Huber, with distribution = "mean";
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
        /// Part of Q in such a copy: 1 copies it, less moves the target network towards it (Lillicrap et al. 2016)
        tau: f64 = 1.0, in (Bound::Excluded(0.0), Bound::Included(1.0));
        /// Choose the next action of a target by Q, and value it by the target network (van Hasselt et al. 2016)
        double: bool = false;
        /// Two streams, for the value of a state and for advantages of actions (Wang et al. 2016)
        dueling: bool = false;
        /// Steps of rewards in a target before Q takes over; fewer where an episode ends (Sutton & Barto, section 7.1)
        n_step: usize = 1, in 1..=1_000;
        /// Sample transitions by their last error rather than uniformly (Schaul et al. 2016)
        prioritized: bool = false;
        /// Exponent α of priorities: 0 is uniform, 1 in proportion to errors
        priority_alpha: f64 = 0.6, in 0.0..=1.0, with prioritized;
        /// Exponent β of importance weights at first; 1 makes up for priorities in full
        priority_beta: f64 = 0.4, in 0.0..=1.0, with prioritized;
        /// Transitions over which β rises to 1
        priority_beta_steps: u64 = 100_000, with prioritized;
        /// Learned noise in dense layers, for exploration (Fortunato et al. 2018); --epsilon-start and -end 0 leave it alone
        noisy: bool = false;
        /// Deviation σ₀ of that noise at first
        noisy_sigma: f64 = 0.5, in (Bound::Excluded(0.0), Bound::Included(10.0)), with noisy;
        /// Part of the distribution of returns that is learned: mean (Q itself), c51 (probabilities of atoms; Bellemare
        /// et al. 2017), qr (quantiles; Dabney et al. 2018) or iqn (quantiles as a function of random fractions; Dabney et
        /// al. 2018)
        distribution: Distribution = Distribution::Mean;
        /// Atoms of c51, quantiles of qr, or fractions of iqn, for Q and in a target alike
        atoms: usize = 51, in 2..=1_024, with distribution = "c51" | "qr" | "iqn";
        /// Cosines that a fraction of iqn is described by
        cosines: usize = 64, in 1..=1_024, with distribution = "iqn";
        /// Return of the first atom of c51
        v_min: f64 = -10.0, in -1e9..=1e9, with distribution = "c51";
        /// Return of the last atom of c51
        v_max: f64 = 10.0, in -1e9..=1e9, with distribution = "c51";
        /// Add the log-policy to rewards, and its entropy to values (Munchausen DQN, Vieillard et al. 2020)
        munchausen: bool = false;
        /// Weight α of the log-policy
        munchausen_alpha: f64 = 0.9, in 0.0..=1.0, with munchausen;
        /// Temperature τ of the policy softmax(Q/τ)
        munchausen_temperature: f64 = 0.03, in 1e-6..=1e3, with munchausen;
        /// Largest size of τ·log π(a|s), −l₀ in the paper
        munchausen_clip: f64 = 1.0, in above(0.0), with munchausen;
        /// Network: mlp (dense layers), conv (MinAtar's), nature (Atari's), impala (residual blocks), or auto, by the
        /// observation
        network: NetworkName = NetworkName::Auto;
        /// Units in the hidden layers: 256,256 for two of them, 64, for one, none for a linear network; a
        /// number alone is that of each usual layer, two in mlp and one in the others
        hidden: Hidden = Hidden::Each(128);
        /// Activation of all layers but the last: relu, leaky-relu, tanh or silu [default: relu]
        activation: Option<ActivationName> = None;
        /// Normalise the features of each dense layer, and of the last convolution, before the activation
        layer_norm: bool = false;
        /// Device that chooses actions: same (the one that learns) or cpu, faster for few environments beside a GPU
        act_device: ActDevice = ActDevice::Same;
        /// Environments stepped together
        n_envs: usize = 1, in 1..=1 << 14;
        /// Episodes of an evaluation during training
        eval_episodes: usize = 20, in 1..=1_000_000;
        /// Episodes of the evaluation at the end
        test_episodes: usize = 100, in 1..=1_000_000;
    }
}

impl DqnConfig {
    /// Refuses what is out of range, takes too much memory, or does not go together, also with `env`.
    pub(super) fn check_for(&self, env: &dyn Env) -> Result<(), BadValue> {
        self.check()?;
        if self.warmup > self.replay {
            let fits = "must not be more than --replay holds";
            return Err(BadValue::new("warmup", self.warmup, fits));
        }
        check_learning_rate(self.lr_end, self.lr_steps, self.warmup as u64)?;
        if self.v_min >= self.v_max {
            return Err(BadValue::new("v_min", self.v_min, "must be less than --v-max"));
        }
        if self.distribution == Distribution::C51 && !self.has_distinct_atoms() {
            let fits = format!(
                "leaves too little between two of --atoms {} for f32 to tell them apart, up to --v-max {}",
                self.atoms, self.v_max
            );
            return Err(BadValue::new("v_min", self.v_min, &fits));
        }
        if self.munchausen {
            self.check_munchausen(env)?;
        }
        self.memory(&env.spec()).check()
    }

    /// Refuses what the target of Munchausen DQN does not go with, all of it in one sentence.
    fn check_munchausen(&self, env: &dyn Env) -> Result<(), BadValue> {
        let no = |why: &str| Err(BadValue::new("munchausen", true, why));
        if env.masks_actions() {
            return no(
                "needs every action in every state, and this environment lacks some in some",
            );
        }
        let against = [
            (
                self.double,
                "has a softmax over next actions where --double chooses one",
                "--double false",
            ),
            (self.n_step > 1, "needs the log-policy of each step of --n-step", "--n-step 1"),
            (
                self.distribution != Distribution::Mean,
                "has targets for the mean alone here, not for those of --distribution",
                "--distribution mean",
            ),
        ];
        let against: Vec<_> = against.into_iter().filter(|(found, ..)| *found).collect();
        if against.is_empty() {
            return Ok(());
        }
        let why: Vec<_> = against.iter().map(|(_, why, _)| *why).collect();
        let give: Vec<_> = against.iter().map(|(.., give)| *give).collect();
        no(&format!("{}; give {}", why.join(", and "), give.join(" ")))
    }

    /// Returns `true` if `f32`, in which atoms are kept, tells each from the next.
    fn has_distinct_atoms(&self) -> bool {
        let gap = (self.v_max - self.v_min) / (self.atoms - 1) as f64;
        gap > 2.0 * f64::from(f32::EPSILON) * self.v_min.abs().max(self.v_max.abs())
    }

    /// Numbers that a network has for each action: K, or 1.
    pub(super) fn width(&self) -> usize {
        if self.distribution == Distribution::Mean { 1 } else { self.atoms }
    }

    /// The returns that the replay buffer gives out, and how they are drawn.
    pub(super) fn sampling(&self, masked: bool) -> Sampling {
        let alpha = self.prioritized.then_some(self.priority_alpha);
        let gamma = hastened(self.gamma, APPROXIMATE_HASTE);
        Sampling { gamma, n_step: self.n_step, copies: self.n_envs, alpha, masked }
    }

    /// The layers before the last one.
    pub(super) fn body(&self) -> Body {
        let Self { layer_norm, activation, noisy, noisy_sigma, .. } = *self;
        let noisy = noisy.then_some(noisy_sigma);
        Body { noisy, layer_norm, activation, ..q_body(self.network, &self.hidden) }
    }

    /// The memory of a learner.
    fn memory(&self, spec: &Spec) -> Memory {
        let (sizes, row) = ([self.replay, self.batch], Replay::bytes_of_one(spec));
        // Of a network of one's own no layers are known, and observations may be of a shape for that one alone.
        let layers = self.body().sizes(spec).unwrap_or_default();
        let times = (1 + usize::from(self.dueling)) * (1 + usize::from(self.noisy));
        let envs = (self.n_envs, &layers);
        let mut memory = memory::off_policy(spec, sizes, row, envs, [self.width(), times]);
        if self.distribution == Distribution::Iqn {
            let rows = [self.batch.max(self.n_envs), self.atoms];
            memory::fractions(&mut memory, rows, &layers);
        }
        memory
    }

    /// The reader of the outputs of the network.
    pub(super) fn head(&self, device: &Device) -> DeviceResult<Head> {
        let ends = [self.v_min, self.v_max];
        Head::new(self.distribution, self.loss, (ends, self.atoms), device)
    }

    /// ε after `n` transitions.
    pub(super) fn epsilon(&self, n: u64) -> f64 {
        let Self { epsilon_start, epsilon_end, epsilon_steps, .. } = *self;
        Linear { from: epsilon_start, to: epsilon_end, over: epsilon_steps }.at(n)
    }

    /// β after `n` transitions.
    pub(super) fn beta(&self, n: u64) -> f64 {
        Linear { from: self.priority_beta, to: 1.0, over: self.priority_beta_steps }.at(n)
    }

    /// The learning rate after `n` transitions.
    pub(super) fn learning_rate(&self, n: u64) -> f64 {
        self.lr * Linear { from: 1.0, to: self.lr_end, over: self.lr_steps }.at(n)
    }

    pub(super) fn munchausen(&self) -> Option<Munchausen> {
        let Self { munchausen_alpha: alpha, munchausen_temperature: temperature, .. } = *self;
        self.munchausen.then_some(Munchausen { alpha, temperature, clip: self.munchausen_clip })
    }
}
