//! The algorithms.
use super::{DataJob, Fields, Job, Subject};
use agents::tabular::{
    DoubleQLearning, DoubleQLearningConfig, DynaQ, DynaQConfig, ExpectedSarsa, ExpectedSarsaConfig,
    FittedQ, FittedQConfig, LinearQ, LinearQConfig, McPrediction, McPredictionConfig, ModelBased,
    ModelBasedConfig, MonteCarlo, MonteCarloConfig, PolicyEvaluation, PolicyEvaluationConfig,
    PolicyIteration, PolicyIterationConfig, Problem, QIteration, QIterationConfig, QLearning,
    QLearningConfig, Sarsa, SarsaConfig, Td, TdConfig, ValueIteration, ValueIterationConfig,
};
use agents::{
    ActorCritic, ActorCriticConfig, Agent, Dqn, DqnConfig, Ppo, PpoConfig, Pqn, PqnConfig,
    Reinforce, ReinforceConfig,
};
use anyhow::Result;
use generative::{
    Diffusion, DiffusionConfig, Flow, FlowConfig, FlowMatching, FlowMatchingConfig, Gan, GanConfig,
    Generative, ImageTransformerConfig, MadeConfig, PixelCnnConfig, Vae, VaeConfig, VqVae,
    VqVaeConfig, image_transformer, made, pixelcnn,
};
use params::Parameters as _;
use train::Plan;

/// An algorithm by name.
#[derive(Clone)]
pub struct Algorithm {
    /// The subcommand.
    pub name: &'static str,
    /// The group that help lists it in.
    pub family: Family,
    /// Shorter names of it.
    pub aliases: &'static [&'static str],
    /// One line about it.
    pub about: &'static str,
    /// Unit of its steps, in the plural: transitions, images, sweeps.
    pub unit: &'static str,
    /// Default plan: length of training and its intervals.
    pub plan: Plan,
    /// Its hyper-parameters.
    pub hyper: Fields,
    /// Constructor of an untrained learner.
    pub build: Build,
}

/// A group of algorithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Planners on known MDPs.
    Planning,
    /// Learners of tables, or of values linear in the observation.
    Tabular,
    /// Learners of networks that act.
    Deep,
    /// Models of data.
    Generative,
}

impl Family {
    /// Every group, in the order of help.
    pub const ALL: [Self; 4] = [Self::Planning, Self::Tabular, Self::Deep, Self::Generative];

    /// Its heading.
    pub fn heading(self) -> &'static str {
        match self {
            Self::Planning => "Planning on known MDPs",
            Self::Tabular => "Tabular and linear learning",
            Self::Deep => "Deep reinforcement learning",
            Self::Generative => "Generative models",
        }
    }
}

/// Constructor of an untrained learner, by kind of subject.
#[derive(Clone, Copy)]
pub enum Build {
    /// One that acts in an environment.
    Agent(fn(Job<'_>) -> Result<Box<dyn Agent>>),
    /// One that learns what data are like.
    Model(fn(DataJob<'_>) -> Result<Box<dyn Generative>>),
}

impl Algorithm {
    /// Kind of subject it learns from.
    pub fn subject(&self) -> Subject {
        match self.build {
            Build::Agent(_) => Subject::Env,
            Build::Model(_) => Subject::Data,
        }
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

/// Ten thousand images through dense layers take a second.
const IMAGES: Plan = Plan {
    steps: 1_000_000,
    log_every: 10_000,
    eval_every: 50_000,
    save_every: 250_000,
    target: None,
    patience: None,
};

/// An image whose numbers each have a network's attention takes milliseconds.
const PIXELS: Plan = Plan {
    steps: 40_000,
    log_every: 2_000,
    eval_every: 10_000,
    save_every: 20_000,
    target: None,
    patience: None,
};

/// A sample through dense layers takes microseconds, one of a flow a hundred times as long.
const FLOWS: Plan = Plan {
    steps: 2_000_000,
    log_every: 20_000,
    eval_every: 200_000,
    save_every: 500_000,
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

/// The algorithms of lab.
pub(super) const ALGORITHMS: &[Algorithm] = &[
    Algorithm {
        name: "actor-critic",
        family: Family::Deep,
        aliases: &["a2c"],
        about: "Advantage actor-critic (Mnih et al. 2016), also with Q as the critic",
        unit: "transitions",
        plan: ON_POLICY,
        hyper: ActorCriticConfig::fields,
        build: Build::Agent(|job| {
            job.needs_a_choice()?;
            let config = job.config::<ActorCriticConfig>()?;
            Ok(Box::new(ActorCritic::new(job.make, config, job.seed, job.device)?))
        }),
    },
    Algorithm {
        name: "diffusion",
        family: Family::Generative,
        aliases: &["ddpm"],
        about: "Denoising diffusion (Ho et al. 2020), also DDIM and DPM-Solver++",
        unit: "samples",
        plan: FLOWS,
        hyper: DiffusionConfig::fields,
        build: Build::Model(|job| {
            let config = job.config::<DiffusionConfig>()?;
            Ok(Box::new(Diffusion::new(job.data, config, job.seed, job.device)?))
        }),
    },
    Algorithm {
        name: "double-q-learning",
        family: Family::Tabular,
        aliases: &[],
        about: "Double Q-learning (van Hasselt 2010)",
        unit: "transitions",
        plan: LEARNING,
        hyper: DoubleQLearningConfig::fields,
        build: Build::Agent(|job| {
            let (config, seed) = (job.config()?, job.seed);
            Ok(Box::new(DoubleQLearning::new(job.task()?, config, seed)?))
        }),
    },
    Algorithm {
        name: "dqn",
        family: Family::Deep,
        aliases: &[],
        about: "Deep Q-network (Mnih et al. 2015), also with the parts of Rainbow",
        unit: "transitions",
        plan: Plan {
            steps: 50_000,
            log_every: 1_000,
            eval_every: 5_000,
            save_every: 10_000,
            target: None,
            patience: None,
        },
        hyper: DqnConfig::fields,
        build: Build::Agent(|job| {
            job.needs_discrete_actions()?;
            let config = job.config::<DqnConfig>()?;
            Ok(Box::new(Dqn::new(job.make, config, job.seed, job.device)?))
        }),
    },
    Algorithm {
        name: "dyna-q",
        family: Family::Tabular,
        aliases: &[],
        about: "Dyna-Q and Dyna-Q+: Q-learning, also from memory (Sutton 1990)",
        unit: "transitions",
        plan: LEARNING,
        hyper: DynaQConfig::fields,
        build: Build::Agent(|job| {
            let (config, seed) = (job.config()?, job.seed);
            Ok(Box::new(DynaQ::new(job.task()?, config, seed)?))
        }),
    },
    Algorithm {
        name: "expected-sarsa",
        family: Family::Tabular,
        aliases: &[],
        about: "Expected Sarsa (van Seijen et al. 2009), also with n steps",
        unit: "transitions",
        plan: LEARNING,
        hyper: ExpectedSarsaConfig::fields,
        build: Build::Agent(|job| {
            let (config, seed) = (job.config()?, job.seed);
            Ok(Box::new(ExpectedSarsa::new(job.task()?, config, seed)?))
        }),
    },
    Algorithm {
        name: "fitted-q",
        family: Family::Tabular,
        aliases: &[],
        about: "Fitted Q-iteration on a fixed set of transitions (Ernst et al. 2005)",
        unit: "regressions",
        plan: Plan { steps: 1_000, eval_every: 10, ..PLANNING },
        hyper: FittedQConfig::fields,
        build: Build::Agent(|job| {
            job.needs_discrete_actions()?;
            let (config, seed) = (job.config()?, job.seed);
            Ok(Box::new(FittedQ::new(Problem::of_any_obs(job.make, job.mdp), config, seed)?))
        }),
    },
    Algorithm {
        name: "flow",
        family: Family::Generative,
        aliases: &["normalizing-flow", "real-nvp"],
        about: "Normalizing flows: RealNVP (Dinh et al. 2017), NICE, MAF, IAF, splines",
        unit: "samples",
        plan: FLOWS,
        hyper: FlowConfig::fields,
        build: Build::Model(|job| {
            let config = job.config::<FlowConfig>()?;
            Ok(Box::new(Flow::new(job.data, config, job.seed, job.device)?))
        }),
    },
    Algorithm {
        name: "flow-matching",
        family: Family::Generative,
        aliases: &[],
        about: "Flow matching (Lipman et al. 2023), also with optimal-transport pairs",
        unit: "samples",
        plan: FLOWS,
        hyper: FlowMatchingConfig::fields,
        build: Build::Model(|job| {
            let config = job.config::<FlowMatchingConfig>()?;
            Ok(Box::new(FlowMatching::new(job.data, config, job.seed, job.device)?))
        }),
    },
    Algorithm {
        name: "gan",
        family: Family::Generative,
        aliases: &[],
        about: "Generative adversarial networks (Goodfellow et al. 2014)",
        unit: "samples",
        plan: Plan {
            steps: 2_000_000,
            log_every: 20_000,
            eval_every: 200_000,
            save_every: 500_000,
            target: None,
            patience: None,
        },
        hyper: GanConfig::fields,
        build: Build::Model(|job| {
            let config = job.config::<GanConfig>()?;
            Ok(Box::new(Gan::new(job.data, config, job.seed, job.device)?))
        }),
    },
    Algorithm {
        name: "image-transformer",
        family: Family::Generative,
        aliases: &["image-gpt", "igpt"],
        about: "Causal transformer over pixels (Chen et al. 2020), for small images",
        unit: "images",
        plan: PIXELS,
        hyper: ImageTransformerConfig::fields,
        build: Build::Model(|job| {
            let config = job.config::<ImageTransformerConfig>()?;
            let (seed, device) = (job.seed, job.device);
            Ok(Box::new(image_transformer(job.images()?, &config, seed, device)?))
        }),
    },
    Algorithm {
        name: "linear-q",
        family: Family::Tabular,
        aliases: &[],
        about: "Q-learning with q linear in the observation",
        unit: "transitions",
        plan: LEARNING,
        hyper: LinearQConfig::fields,
        build: Build::Agent(|job| {
            job.needs_discrete_actions()?;
            let (config, seed) = (job.config()?, job.seed);
            Ok(Box::new(LinearQ::new(Problem::of_any_obs(job.make, job.mdp), config, seed)?))
        }),
    },
    Algorithm {
        name: "made",
        family: Family::Generative,
        aliases: &[],
        about: "MADE: exact likelihoods by masked dense layers (Germain et al. 2015)",
        unit: "images",
        plan: IMAGES,
        hyper: MadeConfig::fields,
        build: Build::Model(|job| {
            let config = job.config::<MadeConfig>()?;
            let (seed, device) = (job.seed, job.device);
            Ok(Box::new(made(job.images()?, &config, seed, device)?))
        }),
    },
    Algorithm {
        name: "mc-prediction",
        family: Family::Tabular,
        aliases: &[],
        about: "Monte Carlo prediction, on- and off-policy (Sutton & Barto, chapter 5)",
        unit: "transitions",
        plan: LEARNING,
        hyper: McPredictionConfig::fields,
        build: Build::Agent(|job| {
            let (config, seed) = (job.config()?, job.seed);
            Ok(Box::new(McPrediction::new(job.task()?, config, seed)?))
        }),
    },
    Algorithm {
        name: "model-based",
        family: Family::Tabular,
        aliases: &[],
        about: "Planning in a model estimated from transitions",
        unit: "transitions",
        plan: LEARNING,
        hyper: ModelBasedConfig::fields,
        build: Build::Agent(|job| {
            let (config, seed) = (job.config()?, job.seed);
            Ok(Box::new(ModelBased::new(job.task()?, config, seed)?))
        }),
    },
    Algorithm {
        name: "monte-carlo",
        family: Family::Tabular,
        aliases: &["mc"],
        about: "Monte Carlo control, on- and off-policy (Sutton & Barto, chapter 5)",
        unit: "transitions",
        plan: LEARNING,
        hyper: MonteCarloConfig::fields,
        build: Build::Agent(|job| {
            let (config, seed) = (job.config()?, job.seed);
            Ok(Box::new(MonteCarlo::new(job.task()?, config, seed)?))
        }),
    },
    Algorithm {
        name: "pixelcnn",
        family: Family::Generative,
        aliases: &[],
        about: "PixelCNN: exact likelihoods, number by number (van den Oord et al. 2016)",
        unit: "images",
        plan: PIXELS,
        hyper: PixelCnnConfig::fields,
        build: Build::Model(|job| {
            let config = job.config::<PixelCnnConfig>()?;
            let (seed, device) = (job.seed, job.device);
            Ok(Box::new(pixelcnn(job.images()?, &config, seed, device)?))
        }),
    },
    Algorithm {
        name: "policy-evaluation",
        family: Family::Planning,
        aliases: &["pe"],
        about: "Evaluation of a given policy on a known MDP (Sutton & Barto, section 4.1)",
        unit: "sweeps",
        plan: PLANNING,
        hyper: PolicyEvaluationConfig::fields,
        build: Build::Agent(|job| Ok(Box::new(PolicyEvaluation::new(job.mdp()?, job.config()?)?))),
    },
    Algorithm {
        name: "policy-iteration",
        family: Family::Planning,
        aliases: &["pi"],
        about: "Policy iteration on a known MDP (Howard 1960), also modified",
        unit: "improvements",
        plan: PLANNING,
        hyper: PolicyIterationConfig::fields,
        build: Build::Agent(|job| Ok(Box::new(PolicyIteration::new(job.mdp()?, job.config()?)?))),
    },
    Algorithm {
        name: "ppo",
        family: Family::Deep,
        aliases: &[],
        about: "Proximal policy optimisation (Schulman et al. 2017)",
        unit: "transitions",
        plan: ON_POLICY,
        hyper: PpoConfig::fields,
        build: Build::Agent(|job| {
            job.needs_a_choice()?;
            let config = job.config::<PpoConfig>()?;
            Ok(Box::new(Ppo::new(job.make, config, job.seed, job.device)?))
        }),
    },
    Algorithm {
        name: "pqn",
        family: Family::Deep,
        aliases: &[],
        about: "PQN: neither replay buffer nor target network (Gallici et al. 2024)",
        unit: "transitions",
        plan: ON_POLICY,
        hyper: PqnConfig::fields,
        build: Build::Agent(|job| {
            job.needs_discrete_actions()?;
            let config = job.config::<PqnConfig>()?;
            Ok(Box::new(Pqn::new(job.make, config, job.seed, job.device)?))
        }),
    },
    Algorithm {
        name: "q-iteration",
        family: Family::Planning,
        aliases: &["qi"],
        about: "Q iteration on a known MDP",
        unit: "sweeps",
        plan: PLANNING,
        hyper: QIterationConfig::fields,
        build: Build::Agent(|job| Ok(Box::new(QIteration::new(job.mdp()?, job.config()?)?))),
    },
    Algorithm {
        name: "q-learning",
        family: Family::Tabular,
        aliases: &[],
        about: "Q-learning (Watkins 1989), also with traces",
        unit: "transitions",
        plan: LEARNING,
        hyper: QLearningConfig::fields,
        build: Build::Agent(|job| {
            let (config, seed) = (job.config()?, job.seed);
            Ok(Box::new(QLearning::new(job.task()?, config, seed)?))
        }),
    },
    Algorithm {
        name: "reinforce",
        family: Family::Deep,
        aliases: &[],
        about: "REINFORCE, also with a baseline (Williams 1992)",
        unit: "transitions",
        plan: ON_POLICY,
        hyper: ReinforceConfig::fields,
        build: Build::Agent(|job| {
            job.needs_a_choice()?;
            let config = job.config::<ReinforceConfig>()?;
            Ok(Box::new(Reinforce::new(job.make, config, job.seed, job.device)?))
        }),
    },
    Algorithm {
        name: "sarsa",
        family: Family::Tabular,
        aliases: &[],
        about: "Sarsa (Rummery & Niranjan 1994), also with n steps or traces",
        unit: "transitions",
        plan: LEARNING,
        hyper: SarsaConfig::fields,
        build: Build::Agent(|job| {
            let (config, seed) = (job.config()?, job.seed);
            Ok(Box::new(Sarsa::new(job.task()?, config, seed)?))
        }),
    },
    Algorithm {
        name: "td",
        family: Family::Tabular,
        aliases: &[],
        about: "TD prediction (Sutton 1988), also with n steps or traces",
        unit: "transitions",
        plan: LEARNING,
        hyper: TdConfig::fields,
        build: Build::Agent(|job| {
            let (config, seed) = (job.config()?, job.seed);
            Ok(Box::new(Td::new(job.task()?, config, seed)?))
        }),
    },
    Algorithm {
        name: "vae",
        family: Family::Generative,
        aliases: &[],
        about: "Variational auto-encoder (Kingma & Welling 2014), also importance-weighted",
        unit: "images",
        plan: IMAGES,
        hyper: VaeConfig::fields,
        build: Build::Model(|job| {
            let config = job.config::<VaeConfig>()?;
            let (seed, device) = (job.seed, job.device);
            Ok(Box::new(Vae::new(job.images()?, config, seed, device)?))
        }),
    },
    Algorithm {
        name: "value-iteration",
        family: Family::Planning,
        aliases: &["vi"],
        about: "Value iteration on a known MDP (Bellman 1957)",
        unit: "sweeps",
        plan: PLANNING,
        hyper: ValueIterationConfig::fields,
        build: Build::Agent(|job| {
            Ok(Box::new(ValueIteration::new(job.mdp()?, job.config()?, job.seed)?))
        }),
    },
    Algorithm {
        name: "vq-vae",
        family: Family::Generative,
        aliases: &["vqvae"],
        about: "Vector-quantised variational auto-encoder (van den Oord et al. 2017)",
        unit: "images",
        plan: Plan { steps: 500_000, ..IMAGES },
        hyper: VqVaeConfig::fields,
        build: Build::Model(|job| {
            let config = job.config::<VqVaeConfig>()?;
            let (seed, device) = (job.seed, job.device);
            Ok(Box::new(VqVae::new(job.images()?, config, seed, device)?))
        }),
    },
];
