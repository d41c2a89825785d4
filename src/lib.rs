//! Reinforcement learning and generative models on Candle, one training loop for all.
//!
//! The crate is the facade over the workspace and the command line `lab` itself. In a notebook or
//! a program of your own, start from [`prelude`]:
//!
//! ```
//! use lab::prelude::*;
//!
//! # fn main() -> anyhow::Result<()> {
//! let make: MakeEnv = Box::new(|| Box::new(Catch::default()));
//! let mut agent = Dqn::new(make, DqnConfig::default(), 1, &Device::Cpu)?;
//! let plan = Plan { steps: 600, ..Plan::default() };
//! let report = fit(&mut agent, &plan, &mut Run::default())?;
//! assert_eq!(report.steps, 600);
//! # Ok(())
//! # }
//! ```
//!
//! [`App`] is the command line with environments, algorithms and data sets of your own.
mod app;
pub mod checks;
pub mod claim;
mod cli;
pub mod loaded;
pub mod notebook;
pub mod registry;
pub mod render;
pub mod reproduce;
mod run;
pub mod study;
pub mod usage;
mod wording;

pub use app::App;
pub use {agents, candle_core, envs, generative, nn, params, rand, train};

/// Everything that a program or a notebook needs to train, and to define environments, algorithms and models.
pub mod prelude {
    pub use crate::App;
    pub use crate::notebook::{Trained, episode, images, learn, values};
    pub use crate::registry::{Algorithm, Build, DataJob, EnvEntry, Family, Job};
    pub use agents::tabular::*;
    pub use agents::{
        ActionBatch, ActorCritic, ActorCriticConfig, Agent, Baseline, Dqn, DqnConfig, Hidden,
        MakeEnv, MakeNet, Mode, Net, NetworkName, OptimizerName, Part, Ppo, PpoConfig, Pqn,
        PqnConfig, Reinforce, ReinforceConfig, Replay, discrete_actions, evaluate,
        policy_head::ActionDistribution,
    };
    pub use anyhow::Result;
    pub use candle_core::{DType, Device, Module, Tensor};
    pub use envs::{
        Acrobot, Action, Actions, Asterix, BipedalWalker, BipedalWalkerConfig, Blackjack, Breakout,
        BreakoutConfig, CartPole, Catch, Cell, CellShape, Cells, CliffWalking, Element, End, Env,
        Freeway, FrozenLake, FrozenLakeConfig, GridConfig, GridWorld, LunarLander,
        LunarLanderConfig, Mdp, MdpEnv, MountainCar, MountainCarContinuous, Outcome, Pendulum,
        Pointmass, Rgb, RiverSwim, Seaquest, SpaceInvaders, Spec, Step, Taxi, Transition, VecEnv,
        check_env, check_mdp,
    };
    pub use generative::data::{
        BarsConfig, CoinsConfig, Dataset, GlyphsConfig, Images, Parts, PlanarConfig, Points, bars,
        checkerboard, coins, gaussian, gaussian_turned, gaussians_8, glyphs, mnist, rings, stripes,
        swiss_roll, two_moons,
    };
    pub use generative::{
        AncestralSampling, Diffusion, DiffusionConfig, Flow, FlowConfig, FlowMatching,
        FlowMatchingConfig, Gan, GanConfig, Generative, ImageSampler, ImageTransformerConfig,
        ImportanceWeighted, LatentMap, MadeConfig, PixelCnnConfig, PointSampler, Vae, VaeConfig,
        VqVae, VqVaeConfig, image_transformer, made, pixelcnn,
    };
    pub use lab_notebook::Figure;
    pub use nn::onnx::Export;
    pub use nn::{Activation, Optimizer, OptimizerConfig, Params, Sequential};
    pub use params::{Parameters, parameters};
    pub use rand::{Rng as _, RngCore};
    pub use serde::{Deserialize, Serialize};
    pub use train::{
        Checkpoint, Evaluation, Learner, Log, MODEL, Measure, Plan, Progress, Report, Run, Split,
        fit, stream,
    };
}
