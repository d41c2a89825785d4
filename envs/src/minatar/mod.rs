//! Miniature Atari games on a 10 × 10 grid, after MinAtar (Young & Tian 2019, arXiv:1903.03176).

mod asterix;
mod board;
mod breakout;
mod freeway;
mod seaquest;
mod space_invaders;

pub use asterix::{Asterix, AsterixConfig};
pub use board::ActionSet;
pub use breakout::{Breakout, BreakoutConfig, Side};
pub use freeway::{Freeway, FreewayConfig};
pub use seaquest::{Seaquest, SeaquestConfig};
pub use space_invaders::{SpaceInvaders, SpaceInvadersConfig};
