//! Environments: plain simulators that know nothing of tensors or of training.
//!
//! An [`Env`] is one simulator; [`VecEnv`] steps several copies of it, counts their episodes and
//! cuts them off at the time limit. All randomness comes from the generator that is passed in, so
//! the same seed gives the same episodes on every machine.

mod canvas;
mod catch;
mod check;
mod classic;
mod env;
mod minatar;
mod picture;
mod vec_env;

pub use catch::Catch;
pub use check::check_env;
pub use classic::CartPole;
pub use env::{Element, Env, Snapshot, Spec, Step};
pub use minatar::{ActionSet, Breakout, BreakoutConfig, Side};
pub use picture::{Cell, CellShape, Cells, Rgb};
pub use vec_env::{End, Episode, Transition, VecEnv};

/// The generator of every environment: portable, so that a seed means the same everywhere, and
/// serialisable, so that a resumed run continues its sequence.
pub type Rng = rand_chacha::ChaCha8Rng;
