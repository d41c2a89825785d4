//! Miniature Atari games on a 10 × 10 grid, after MinAtar (Young & Tian 2019, arXiv:1903.03176).

mod breakout;

pub use breakout::{ActionSet, Breakout, BreakoutConfig, Side};
