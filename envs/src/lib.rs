//! Environments: plain simulators that know nothing of tensors or of training.
//!
//! An [`Env`] is one simulator; [`VecEnv`] steps several copies of it, counts their episodes and
//! cuts them off at the time limit. An [`Mdp`] is a simulator whose outcomes are known, with their
//! probabilities; [`MdpEnv`] makes an [`Env`] of it. All randomness comes from the generator that is passed in, so
//! the same seed gives the same episodes on every machine.

mod bandit;
mod bipedal_walker;
mod blackjack;
mod box2d;
mod canvas;
mod catch;
mod check;
mod classic;
mod element;
mod env;
mod five_step;
mod frame;
mod gamblers_problem;
mod garnet;
mod gridworld;
mod gym;
#[cfg(feature = "gymnasium-rs")]
pub mod gymnasium_rs;
mod jacks_car_rental;
mod lunar_lander;
mod mdp;
mod minatar;
mod norm;
mod pointmass;
mod random_walk;
mod river_swim;
mod rng;
mod shades;
mod short_corridor;
mod toy_text;
mod vec_env;
mod wrappers;

pub use bandit::{Bandit, BanditConfig};
pub use bipedal_walker::{BipedalWalker, BipedalWalkerConfig, WalkerTerrain};
pub use blackjack::Blackjack;
pub use catch::Catch;
pub use check::check_env;
pub use classic::{
    Acrobot, CartPole, CartPoleConfig, HiddenPart, MountainCar, MountainCarContinuous, Pendulum,
};
pub use element::Element;
pub use env::{Action, Actions, Env, EnvError, Snapshot, Spec, Step};
pub use five_step::FiveStep;
pub use frame::{Cell, CellShape, Cells, Rgb};
pub use gamblers_problem::{GamblersConfig, GamblersProblem};
pub use garnet::{Garnet, GarnetConfig};
pub use gridworld::{
    GridConfig, GridMap, GridWorld, Layout, Moves, Reward, Rules, Tile, Wind, parse_map,
};
pub use gym::{Gym, GymId, GymOptions};
pub use jacks_car_rental::{JacksCarRental, JacksConfig, JacksVersion};
pub use lunar_lander::{LunarLander, LunarLanderConfig};
pub use mdp::{
    Arrow, CellKind, Chart, ChartAmounts, ChartAxis, ChartPanel, Grid, GridCell, Mdp, MdpEnv,
    Outcome, check_mdp,
};
pub use minatar::{
    ActionSet, Asterix, AsterixConfig, Breakout, BreakoutConfig, Freeway, FreewayConfig, Seaquest,
    SeaquestConfig, Side, SpaceInvaders, SpaceInvadersConfig,
};
pub use norm::{ObsNorm, RewardNorm};
pub use pointmass::{Difficulty, Pointmass, PointmassConfig};
pub use random_walk::{RandomWalk, RandomWalkConfig};
pub use river_swim::RiverSwim;
pub use rng::Rng;
pub use short_corridor::ShortCorridor;
pub use toy_text::{CliffWalking, FrozenLake, FrozenLakeConfig, Taxi};
pub use vec_env::{End, Episode, Transition, VecEnv};
pub use wrappers::WrapperConfig;
