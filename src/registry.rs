//! The one table of what lab has: name → how to make it.
//!
//! To add an environment, an algorithm or a preset is to add its line here.
mod data;

pub use data::{DATA, DataEntry, DataName, DataSource};

use crate::usage::Usage;
use agents::tabular::{
    DoubleQLearning, DoubleQLearningConfig, DynaQ, DynaQConfig, ExpectedSarsa, ExpectedSarsaConfig,
    FittedQ, FittedQConfig, LinearQ, LinearQConfig, McPrediction, McPredictionConfig, ModelBased,
    ModelBasedConfig, MonteCarlo, MonteCarloConfig, PolicyEvaluation, PolicyEvaluationConfig,
    PolicyIteration, PolicyIterationConfig, QIteration, QIterationConfig, QLearning,
    QLearningConfig, Sarsa, SarsaConfig, Task, Td, TdConfig, ValueIteration, ValueIterationConfig,
};
use agents::{
    ActorCritic, ActorCriticConfig, Agent, Dqn, DqnConfig, MakeEnv, Ppo, PpoConfig, Reinforce,
    ReinforceConfig, discrete_actions,
};
use anyhow::Result;
use candle_core::Device;
use clap::{ArgMatches, Args, Command, FromArgMatches, parser::ValueSource};
use envs::{
    Acrobot, Bandit, BanditConfig, Blackjack, Breakout, BreakoutConfig, CartPole, Catch,
    CliffWalking, Env, FiveStep, FrozenLake, FrozenLakeConfig, GamblersConfig, GamblersProblem,
    Garnet, GarnetConfig, GridConfig, GridWorld, JacksCarRental, JacksConfig, Mdp, MdpEnv,
    Pendulum, RandomWalk, RandomWalkConfig, ShortCorridor, Taxi,
};
use generative::data::Dataset;
use generative::{Generative, Vae, VaeConfig};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use std::sync::Arc;
use train::Plan;

/// Options by name.
pub type Options = Map<String, Value>;

/// Every option there is, with its default or as given.
pub type Resolve = fn(&Options) -> Result<Options>;

/// An environment by name.
pub struct EnvEntry {
    /// What `--env` takes.
    pub name: &'static str,
    /// One line about it.
    pub about: &'static str,
    /// Every `--env-arg` with its default, or as given.
    pub options: Resolve,
    /// How it is made.
    pub source: Source,
}

/// How an environment is made from its options.
pub enum Source {
    /// Outcomes can only be drawn.
    Env(fn(&Options) -> Result<MakeEnv>),
    /// Outcomes are known, which is what planners need; played with a limit of so many steps.
    Mdp(fn(&Options) -> Result<Arc<dyn Mdp>>, u32),
}

impl EnvEntry {
    /// How to make copies with these options.
    ///
    /// # Errors
    /// What is wrong with the options.
    pub fn make(&self, options: &Options) -> Result<MakeEnv> {
        match self.source {
            Source::Env(make) => make(options),
            Source::Mdp(make, limit) => {
                let mdp = make(options)?;
                Ok(Box::new(move || Box::new(MdpEnv::new(Arc::clone(&mdp), Some(limit)))))
            }
        }
    }

    /// Its outcomes, where they are known.
    ///
    /// # Errors
    /// What is wrong with the options.
    pub fn mdp(&self, options: &Options) -> Result<Option<Arc<dyn Mdp>>> {
        match self.source {
            Source::Env(_) => Ok(None),
            Source::Mdp(make, _) => Ok(Some(make(options)?)),
        }
    }
}

/// The environments. Limits are Gymnasium's where it has one.
pub const ENVS: &[EnvEntry] = &[
    EnvEntry {
        name: "acrobot",
        about: "Acrobot-v1: swing two joined rods up (6 numbers, at most 500 steps)",
        options: resolve::<NoOptions>,
        source: Source::Env(|options| copies(options, |_: NoOptions| Acrobot::default())),
    },
    EnvEntry {
        name: "bandit",
        about: "Bandit: find the best of several arms (Sutton & Barto, section 2.3)",
        options: resolve::<BanditConfig>,
        source: Source::Env(|options| {
            let config = serde_json::from_value(Value::Object(options.clone()))?;
            let bandit =
                Bandit::new(config).map_err(|error| Usage(format!("--env-arg: {error}")))?;
            Ok(Box::new(move || Box::new(bandit.clone())))
        }),
    },
    EnvEntry {
        name: "blackjack",
        about: "Blackjack with an infinite deck (Sutton & Barto, example 5.1)",
        options: resolve::<NoOptions>,
        source: Source::Mdp(|_| Ok(Arc::new(Blackjack::default())), 100),
    },
    EnvEntry {
        name: "breakout",
        about: "MinAtar's Breakout: keep the ball in play, clear the bricks (10×10, 4 channels)",
        options: resolve::<BreakoutConfig>,
        source: Source::Env(|options| {
            let config: BreakoutConfig = serde_json::from_value(Value::Object(options.clone()))?;
            config.check().map_err(|error| Usage(format!("--env-arg {error}")))?;
            copies(options, Breakout::new)
        }),
    },
    EnvEntry {
        name: "cartpole",
        about: "CartPole-v1: balance a pole on a cart (4 numbers, at most 500 steps)",
        options: resolve::<NoOptions>,
        source: Source::Env(|options| copies(options, |_: NoOptions| CartPole::default())),
    },
    EnvEntry {
        name: "catch",
        about: "bsuite's Catch: move a paddle under a falling ball (10×5)",
        options: resolve::<NoOptions>,
        source: Source::Env(|options| copies(options, |_: NoOptions| Catch::default())),
    },
    EnvEntry {
        name: "cliff-walking",
        about: "CliffWalking-v1 of Gymnasium: along the cliff, not into it (4×12)",
        options: resolve::<CliffWalking>,
        source: Source::Mdp(|options| known(options, Ok::<CliffWalking, _>), 1_000),
    },
    EnvEntry {
        name: "five-step",
        about: "The test environment of CS234's DQN assignment: five steps, best return 4.1",
        options: resolve::<NoOptions>,
        source: Source::Mdp(|_| Ok(Arc::new(FiveStep {})), 5),
    },
    EnvEntry {
        name: "frozen-lake",
        about: "FrozenLake-v1 of Gymnasium: over the ice, not into a hole (4×4 or a map of your own)",
        options: resolve::<FrozenLakeConfig>,
        source: Source::Mdp(|options| known(options, |c| FrozenLake::new(&c)), 100),
    },
    EnvEntry {
        name: "frozen-lake-8x8",
        about: "FrozenLake8x8-v1 of Gymnasium",
        options: |given| {
            let mut options = Options::from_iter([("map".to_owned(), Value::from("8x8"))]);
            options.extend(given.clone());
            resolve::<FrozenLakeConfig>(&options)
        },
        source: Source::Mdp(|options| known(options, |c| FrozenLake::new(&c)), 200),
    },
    EnvEntry {
        name: "gamblers-problem",
        about: "Gambler's problem: stake on coin flips to reach a goal (Sutton & Barto, example 4.3)",
        options: resolve::<GamblersConfig>,
        source: Source::Mdp(|options| known(options, GamblersProblem::new), 1_000),
    },
    EnvEntry {
        name: "garnet",
        about: "A random MDP of any size (Archibald et al. 1995)",
        options: resolve::<GarnetConfig>,
        source: Source::Mdp(|options| known(options, Garnet::new), 1_000),
    },
    EnvEntry {
        name: "gridworld",
        about: "A grid of the literature (layout) or of your own (map)",
        options: resolve::<GridConfig>,
        source: Source::Mdp(|options| known(options, |c| GridWorld::new(&c)), 1_000),
    },
    EnvEntry {
        name: "jacks-car-rental",
        about: "Jack's car rental: move cars between two lots (Sutton & Barto, example 4.2)",
        options: resolve::<JacksConfig>,
        source: Source::Mdp(|options| known(options, |c| Ok(JacksCarRental::new(c))), 1_000),
    },
    EnvEntry {
        name: "pendulum",
        about: "Pendulum-v1: swing a rod up by a weak motor (3 numbers, a torque, 200 steps)",
        options: resolve::<NoOptions>,
        source: Source::Env(|options| copies(options, |_: NoOptions| Pendulum::default())),
    },
    EnvEntry {
        name: "random-walk",
        about: "A random walk to be predicted (Sutton & Barto, example 6.2)",
        options: resolve::<RandomWalkConfig>,
        source: Source::Mdp(|options| known(options, RandomWalk::new), 1_000_000),
    },
    EnvEntry {
        name: "short-corridor",
        about: "Short corridor with switched actions (Sutton & Barto, example 13.1)",
        options: resolve::<NoOptions>,
        source: Source::Mdp(|_| Ok(Arc::new(ShortCorridor {})), 1_000),
    },
    EnvEntry {
        name: "taxi",
        about: "Taxi-v3 of Gymnasium: fetch a passenger and bring him where he wants (500 states)",
        options: resolve::<NoOptions>,
        source: Source::Mdp(|_| Ok(Arc::new(Taxi {})), 200),
    },
];

/// An MDP from its options.
fn known<C: DeserializeOwned, M: Mdp + 'static>(
    options: &Options,
    make: fn(C) -> Result<M, String>,
) -> Result<Arc<dyn Mdp>> {
    let config = serde_json::from_value(Value::Object(options.clone()))?;
    let mdp = make(config).map_err(|error| Usage(format!("--env-arg: {error}")))?;
    Ok(Arc::new(mdp))
}

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NoOptions {}

fn copies<C, E: Env + 'static>(options: &Options, make: fn(C) -> E) -> Result<MakeEnv>
where
    C: DeserializeOwned + Clone + 'static,
{
    let config: C = serde_json::from_value(Value::Object(options.clone()))?;
    Ok(Box::new(move || Box::new(make(config.clone()))))
}

/// An algorithm by name.
pub struct Algorithm {
    /// The subcommand.
    pub name: &'static str,
    /// Shorter names of it.
    pub aliases: &'static [&'static str],
    /// One line about it.
    pub about: &'static str,
    /// What its steps count.
    pub unit: &'static str,
    /// How long it trains and how often it looks up from it, unless told otherwise.
    pub plan: Plan,
    /// Adds a flag per hyper-parameter to its subcommand.
    pub flags: fn(Command) -> Command,
    /// The hyper-parameters that were typed.
    pub typed: fn(&ArgMatches) -> Result<Options>,
    /// Every hyper-parameter with its default, or as given.
    pub options: Resolve,
    /// How to make an untrained learner, and from what.
    pub build: Build,
}

/// How to make an untrained learner.
#[derive(Clone, Copy)]
pub enum Build {
    /// One that acts in an environment.
    Agent(fn(Job<'_>) -> Result<Box<dyn Agent>>),
    /// One that learns what data are like.
    Model(fn(DataJob<'_>) -> Result<Box<dyn Generative>>),
}

impl Algorithm {
    /// What it learns from.
    pub fn subject(&self) -> Subject {
        match self.build {
            Build::Agent(_) => Subject::Env,
            Build::Model(_) => Subject::Data,
        }
    }
}

/// What an algorithm learns from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// An environment.
    Env,
    /// A data set.
    Data,
}

impl Subject {
    /// The flag that names it, and the key of the configuration.
    pub fn key(self) -> &'static str {
        match self {
            Self::Env => "env",
            Self::Data => "data",
        }
    }

    /// The key of its options; the flag for one of them is `--env-arg` or `--data-arg`.
    pub fn args_key(self) -> &'static str {
        match self {
            Self::Env => "env_args",
            Self::Data => "data_args",
        }
    }

    /// What it is called.
    pub fn what(self) -> &'static str {
        match self {
            Self::Env => "environment",
            Self::Data => "data set",
        }
    }

    /// All there are: name, and every option with its default or as given.
    pub fn all(self) -> Vec<(&'static str, Resolve)> {
        match self {
            Self::Env => ENVS.iter().map(|entry| (entry.name, entry.options)).collect(),
            Self::Data => DATA.iter().map(|entry| (entry.name, entry.options)).collect(),
        }
    }
}

/// What a generative model is made from.
pub struct DataJob<'a> {
    /// The hyper-parameters, all of them.
    pub options: &'a Options,
    /// What it learns from.
    pub data: Dataset,
    /// Seed of every stream.
    pub seed: u64,
    /// Where its tensors live.
    pub device: &'a Device,
}

impl DataJob<'_> {
    fn config<C: DeserializeOwned>(&self) -> Result<C> {
        Ok(serde_json::from_value(Value::Object(self.options.clone()))?)
    }
}

/// What an agent is made from.
pub struct Job<'a> {
    /// The hyper-parameters, all of them.
    pub options: &'a Options,
    /// Makes copies of the environment.
    pub make: MakeEnv,
    /// The environment's outcomes, where they are known.
    pub mdp: Option<Arc<dyn Mdp>>,
    /// Seed of every stream.
    pub seed: u64,
    /// Where its tensors live.
    pub device: &'a Device,
}

impl Job<'_> {
    fn mdp(&self) -> Result<&dyn Mdp> {
        self.mdp.as_deref().ok_or_else(|| {
            let known = ENVS.iter().filter(|entry| matches!(entry.source, Source::Mdp(..)));
            let known: Vec<_> = known.map(|entry| entry.name).collect();
            Usage(format!(
                "--env: a planner needs to know the outcomes of every action, and this environment \
                 only draws them; give one of {}",
                known.join(", ")
            ))
            .into()
        })
    }

    /// What a learner with a table learns in.
    fn task(self) -> Result<Task> {
        Ok(Task::new(self.make, self.mdp).map_err(|error| Usage(error.to_string()))?)
    }

    /// Some algorithms choose an action from a list.
    fn needs_discrete_actions(&self) -> Result<()> {
        let actions = discrete_actions(&(self.make)().spec());
        Ok(actions.map(|_| ()).map_err(|error| Usage(error.to_string()))?)
    }

    /// A network has an output for every action, and takes all of them for allowed in every state.
    fn needs_every_action(&self) -> Result<()> {
        let Some(mdp) = &self.mdp else { return Ok(()) };
        for state in 0..mdp.n_states() {
            let allowed = (0..mdp.n_actions()).filter(|action| mdp.allows(state, *action)).count();
            if allowed != 0 && allowed != mdp.n_actions() {
                let name = mdp.state_name(state);
                return Err(Usage(format!(
                    "--env: state {name} does not have every action, and this algorithm can't \
                     choose among some only; use a planner, or in a gridworld --reward entering"
                ))
                .into());
            }
        }
        Ok(())
    }

    fn config<C: DeserializeOwned>(&self) -> Result<C> {
        Ok(serde_json::from_value(Value::Object(self.options.clone()))?)
    }
}

/// Planners end by themselves, and their sweeps are worth a row each.
const PLANNING: Plan = Plan {
    steps: 100_000,
    log_every: 1,
    eval_every: 0,
    save_every: 0,
    target: None,
    patience: None,
};

/// A transition of a table takes about as long as the environment's own step.
const LEARNING: Plan = Plan {
    steps: 500_000,
    log_every: 5_000,
    eval_every: 25_000,
    save_every: 100_000,
    target: None,
    patience: None,
};

/// Policy gradients learn from the newest transitions alone, and need many.
const ON_POLICY: Plan = Plan {
    steps: 500_000,
    log_every: 5_000,
    eval_every: 20_000,
    save_every: 100_000,
    target: None,
    patience: None,
};

/// The algorithms.
pub const ALGORITHMS: &[Algorithm] = &[
    Algorithm {
        name: "actor-critic",
        aliases: &["a2c"],
        about: "Advantage actor-critic (Mnih et al. 2016), also with Q as the critic",
        unit: "transitions",
        plan: ON_POLICY,
        flags: ActorCriticConfig::augment_args,
        typed: typed::<ActorCriticConfig>,
        options: resolve::<ActorCriticConfig>,
        build: Build::Agent(|job| {
            job.needs_every_action()?;
            let config = job.config::<ActorCriticConfig>()?;
            Ok(Box::new(ActorCritic::new(job.make, config, job.seed, job.device)?))
        }),
    },
    Algorithm {
        name: "double-q-learning",
        aliases: &[],
        about: "Double Q-learning (van Hasselt 2010)",
        unit: "transitions",
        plan: LEARNING,
        flags: DoubleQLearningConfig::augment_args,
        typed: typed::<DoubleQLearningConfig>,
        options: resolve::<DoubleQLearningConfig>,
        build: Build::Agent(|job| {
            let (config, seed) = (job.config()?, job.seed);
            Ok(Box::new(DoubleQLearning::new(job.task()?, config, seed)?))
        }),
    },
    Algorithm {
        name: "dqn",
        aliases: &[],
        about: "Deep Q-network (Mnih et al. 2015)",
        unit: "transitions",
        plan: Plan {
            steps: 50_000,
            log_every: 1_000,
            eval_every: 5_000,
            save_every: 10_000,
            target: None,
            patience: None,
        },
        flags: DqnConfig::augment_args,
        typed: typed::<DqnConfig>,
        options: resolve::<DqnConfig>,
        build: Build::Agent(|job| {
            job.needs_discrete_actions()?;
            job.needs_every_action()?;
            let config = job.config::<DqnConfig>()?;
            Ok(Box::new(Dqn::new(job.make, config, job.seed, job.device)?))
        }),
    },
    Algorithm {
        name: "dyna-q",
        aliases: &[],
        about: "Dyna-Q and Dyna-Q+: Q-learning, also from memory (Sutton 1990)",
        unit: "transitions",
        plan: LEARNING,
        flags: DynaQConfig::augment_args,
        typed: typed::<DynaQConfig>,
        options: resolve::<DynaQConfig>,
        build: Build::Agent(|job| {
            let (config, seed) = (job.config()?, job.seed);
            Ok(Box::new(DynaQ::new(job.task()?, config, seed)?))
        }),
    },
    Algorithm {
        name: "expected-sarsa",
        aliases: &[],
        about: "Expected Sarsa (van Seijen et al. 2009), also with n steps",
        unit: "transitions",
        plan: LEARNING,
        flags: ExpectedSarsaConfig::augment_args,
        typed: typed::<ExpectedSarsaConfig>,
        options: resolve::<ExpectedSarsaConfig>,
        build: Build::Agent(|job| {
            let (config, seed) = (job.config()?, job.seed);
            Ok(Box::new(ExpectedSarsa::new(job.task()?, config, seed)?))
        }),
    },
    Algorithm {
        name: "fitted-q",
        aliases: &[],
        about: "Fitted Q-iteration on a fixed set of transitions (Ernst et al. 2005)",
        unit: "regressions",
        plan: Plan { steps: 1_000, eval_every: 10, ..PLANNING },
        flags: FittedQConfig::augment_args,
        typed: typed::<FittedQConfig>,
        options: resolve::<FittedQConfig>,
        build: Build::Agent(|job| {
            job.needs_discrete_actions()?;
            let (config, seed) = (job.config()?, job.seed);
            Ok(Box::new(FittedQ::new(Task::of_any_obs(job.make, job.mdp), config, seed)?))
        }),
    },
    Algorithm {
        name: "linear-q",
        aliases: &[],
        about: "Q-learning with q linear in the observation",
        unit: "transitions",
        plan: LEARNING,
        flags: LinearQConfig::augment_args,
        typed: typed::<LinearQConfig>,
        options: resolve::<LinearQConfig>,
        build: Build::Agent(|job| {
            job.needs_discrete_actions()?;
            let (config, seed) = (job.config()?, job.seed);
            Ok(Box::new(LinearQ::new(Task::of_any_obs(job.make, job.mdp), config, seed)?))
        }),
    },
    Algorithm {
        name: "mc-prediction",
        aliases: &[],
        about: "Monte Carlo prediction of a given policy, also off-policy (Sutton & Barto, chapter 5)",
        unit: "transitions",
        plan: LEARNING,
        flags: McPredictionConfig::augment_args,
        typed: typed::<McPredictionConfig>,
        options: resolve::<McPredictionConfig>,
        build: Build::Agent(|job| {
            let (config, seed) = (job.config()?, job.seed);
            Ok(Box::new(McPrediction::new(job.task()?, config, seed)?))
        }),
    },
    Algorithm {
        name: "model-based",
        aliases: &[],
        about: "Planning in a model that is estimated from what was seen",
        unit: "transitions",
        plan: LEARNING,
        flags: ModelBasedConfig::augment_args,
        typed: typed::<ModelBasedConfig>,
        options: resolve::<ModelBasedConfig>,
        build: Build::Agent(|job| {
            let (config, seed) = (job.config()?, job.seed);
            Ok(Box::new(ModelBased::new(job.task()?, config, seed)?))
        }),
    },
    Algorithm {
        name: "monte-carlo",
        aliases: &["mc"],
        about: "Monte Carlo control: on-policy, exploring starts or off-policy (Sutton & Barto, chapter 5)",
        unit: "transitions",
        plan: LEARNING,
        flags: MonteCarloConfig::augment_args,
        typed: typed::<MonteCarloConfig>,
        options: resolve::<MonteCarloConfig>,
        build: Build::Agent(|job| {
            let (config, seed) = (job.config()?, job.seed);
            Ok(Box::new(MonteCarlo::new(job.task()?, config, seed)?))
        }),
    },
    Algorithm {
        name: "policy-evaluation",
        aliases: &["pe"],
        about: "Evaluation of a given policy on a known MDP (Sutton & Barto, section 4.1)",
        unit: "sweeps",
        plan: PLANNING,
        flags: PolicyEvaluationConfig::augment_args,
        typed: typed::<PolicyEvaluationConfig>,
        options: resolve::<PolicyEvaluationConfig>,
        build: Build::Agent(|job| Ok(Box::new(PolicyEvaluation::new(job.mdp()?, job.config()?)?))),
    },
    Algorithm {
        name: "policy-iteration",
        aliases: &["pi"],
        about: "Policy iteration on a known MDP (Howard 1960), modified (Puterman & Shin 1978)",
        unit: "improvements",
        plan: PLANNING,
        flags: PolicyIterationConfig::augment_args,
        typed: typed::<PolicyIterationConfig>,
        options: resolve::<PolicyIterationConfig>,
        build: Build::Agent(|job| Ok(Box::new(PolicyIteration::new(job.mdp()?, job.config()?)?))),
    },
    Algorithm {
        name: "ppo",
        aliases: &[],
        about: "Proximal policy optimisation (Schulman et al. 2017)",
        unit: "transitions",
        plan: ON_POLICY,
        flags: PpoConfig::augment_args,
        typed: typed::<PpoConfig>,
        options: resolve::<PpoConfig>,
        build: Build::Agent(|job| {
            job.needs_every_action()?;
            let config = job.config::<PpoConfig>()?;
            Ok(Box::new(Ppo::new(job.make, config, job.seed, job.device)?))
        }),
    },
    Algorithm {
        name: "q-iteration",
        aliases: &["qi"],
        about: "Q iteration on a known MDP",
        unit: "sweeps",
        plan: PLANNING,
        flags: QIterationConfig::augment_args,
        typed: typed::<QIterationConfig>,
        options: resolve::<QIterationConfig>,
        build: Build::Agent(|job| Ok(Box::new(QIteration::new(job.mdp()?, job.config()?)?))),
    },
    Algorithm {
        name: "q-learning",
        aliases: &[],
        about: "Q-learning (Watkins 1989), also with traces",
        unit: "transitions",
        plan: LEARNING,
        flags: QLearningConfig::augment_args,
        typed: typed::<QLearningConfig>,
        options: resolve::<QLearningConfig>,
        build: Build::Agent(|job| {
            let (config, seed) = (job.config()?, job.seed);
            Ok(Box::new(QLearning::new(job.task()?, config, seed)?))
        }),
    },
    Algorithm {
        name: "reinforce",
        aliases: &[],
        about: "REINFORCE, also with a baseline (Williams 1992)",
        unit: "transitions",
        plan: ON_POLICY,
        flags: ReinforceConfig::augment_args,
        typed: typed::<ReinforceConfig>,
        options: resolve::<ReinforceConfig>,
        build: Build::Agent(|job| {
            job.needs_every_action()?;
            let config = job.config::<ReinforceConfig>()?;
            Ok(Box::new(Reinforce::new(job.make, config, job.seed, job.device)?))
        }),
    },
    Algorithm {
        name: "sarsa",
        aliases: &[],
        about: "Sarsa (Rummery & Niranjan 1994), also with n steps or traces",
        unit: "transitions",
        plan: LEARNING,
        flags: SarsaConfig::augment_args,
        typed: typed::<SarsaConfig>,
        options: resolve::<SarsaConfig>,
        build: Build::Agent(|job| {
            let (config, seed) = (job.config()?, job.seed);
            Ok(Box::new(Sarsa::new(job.task()?, config, seed)?))
        }),
    },
    Algorithm {
        name: "td",
        aliases: &[],
        about: "Temporal-difference prediction of a given policy (Sutton 1988), also with n steps or traces",
        unit: "transitions",
        plan: LEARNING,
        flags: TdConfig::augment_args,
        typed: typed::<TdConfig>,
        options: resolve::<TdConfig>,
        build: Build::Agent(|job| {
            let (config, seed) = (job.config()?, job.seed);
            Ok(Box::new(Td::new(job.task()?, config, seed)?))
        }),
    },
    Algorithm {
        name: "vae",
        aliases: &[],
        about: "Variational auto-encoder (Kingma & Welling 2014), and the plain one",
        unit: "pictures",
        plan: Plan {
            steps: 1_000_000,
            log_every: 10_000,
            eval_every: 50_000,
            save_every: 250_000,
            target: None,
            patience: None,
        },
        flags: VaeConfig::augment_args,
        typed: typed::<VaeConfig>,
        options: resolve::<VaeConfig>,
        build: Build::Model(|job| {
            let config = job.config::<VaeConfig>()?;
            let data = job.data.images().map_err(|error| Usage(error.to_string()))?;
            Ok(Box::new(Vae::new(data, config, job.seed, job.device)?))
        }),
    },
    Algorithm {
        name: "value-iteration",
        aliases: &["vi"],
        about: "Value iteration on a known MDP (Bellman 1957)",
        unit: "sweeps",
        plan: PLANNING,
        flags: ValueIterationConfig::augment_args,
        typed: typed::<ValueIterationConfig>,
        options: resolve::<ValueIterationConfig>,
        build: Build::Agent(|job| {
            Ok(Box::new(ValueIteration::new(job.mdp()?, job.config()?, job.seed)?))
        }),
    },
];

/// A named set of options that is known to work.
pub struct Preset {
    /// What `--preset` takes. `ALGORITHM-SUBJECT` is taken where no preset is named.
    pub name: &'static str,
    /// The file, TOML; its first comment is the line about it.
    pub text: &'static str,
}

/// The presets.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "actor-critic-cartpole",
        text: include_str!("../examples/presets/actor-critic-cartpole.toml"),
    },
    Preset {
        name: "actor-critic-catch",
        text: include_str!("../examples/presets/actor-critic-catch.toml"),
    },
    Preset {
        name: "actor-critic-pendulum",
        text: include_str!("../examples/presets/actor-critic-pendulum.toml"),
    },
    Preset {
        name: "actor-critic-q-cartpole",
        text: include_str!("../examples/presets/actor-critic-q-cartpole.toml"),
    },
    Preset { name: "dqn-breakout", text: include_str!("../examples/presets/dqn-breakout.toml") },
    Preset { name: "dqn-cartpole", text: include_str!("../examples/presets/dqn-cartpole.toml") },
    Preset { name: "dqn-catch", text: include_str!("../examples/presets/dqn-catch.toml") },
    Preset { name: "ppo-acrobot", text: include_str!("../examples/presets/ppo-acrobot.toml") },
    Preset { name: "ppo-breakout", text: include_str!("../examples/presets/ppo-breakout.toml") },
    Preset { name: "ppo-cartpole", text: include_str!("../examples/presets/ppo-cartpole.toml") },
    Preset { name: "ppo-catch", text: include_str!("../examples/presets/ppo-catch.toml") },
    Preset { name: "ppo-pendulum", text: include_str!("../examples/presets/ppo-pendulum.toml") },
    Preset {
        name: "reinforce-cartpole",
        text: include_str!("../examples/presets/reinforce-cartpole.toml"),
    },
    Preset {
        name: "reinforce-catch",
        text: include_str!("../examples/presets/reinforce-catch.toml"),
    },
];

impl Preset {
    /// The line about it.
    pub fn about(&self) -> &'static str {
        self.text.lines().next().unwrap_or_default().trim_start_matches(['#', ' '])
    }
}

/// `given` over the defaults of `C`.
fn resolve<C: Default + Serialize + DeserializeOwned>(given: &Options) -> Result<Options> {
    let mut all = object(&C::default())?;
    all.extend(given.clone());
    // Through the type and back: 1 and 1.0 are the same number, unknown keys are refused.
    object(&serde_json::from_value::<C>(Value::Object(all))?)
}

/// The flags of `C` that the user typed; those left at their default don't count.
fn typed<C: FromArgMatches + Serialize>(matches: &ArgMatches) -> Result<Options> {
    let mut options = object(&C::from_arg_matches(matches)?)?;
    options.retain(|name, _| matches.value_source(name) == Some(ValueSource::CommandLine));
    // JSON has no NaN and no infinity, and neither is a hyper-parameter.
    match options.iter().find(|(_, value)| value.is_null()) {
        Some((name, _)) => {
            Err(Usage(format!("--{}: must be a finite number", name.replace('_', "-"))).into())
        }
        None => Ok(options),
    }
}

fn object(value: &impl Serialize) -> Result<Options> {
    match serde_json::to_value(value)? {
        Value::Object(object) => Ok(object),
        other => Err(anyhow::anyhow!("options must be a table, not {other}")),
    }
}

/// The entry of `table` that goes by `name`.
///
/// # Errors
/// [`Usage`], with the nearest name there is.
pub fn find<'a, T>(
    what: &str,
    name: &str,
    table: &'a [T],
    name_of: fn(&T) -> &'static str,
) -> Result<&'a T, Usage> {
    let found = table.iter().find(|entry| name_of(entry) == name);
    found.ok_or_else(|| Usage::unknown(what, name, table.iter().map(name_of)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_environment_keeps_the_interface() {
        for entry in ENVS {
            let make = entry.make(&(entry.options)(&Options::new()).unwrap()).unwrap();
            envs::check_env(&*make, 2_000).unwrap_or_else(|why| panic!("{}: {why}", entry.name));
        }
    }

    #[test]
    fn names_are_unique_and_sorted() {
        assert!(ENVS.is_sorted_by(|a, b| a.name < b.name));
        assert!(ALGORITHMS.is_sorted_by(|a, b| a.name < b.name));
        assert!(PRESETS.is_sorted_by(|a, b| a.name < b.name));
    }
}
