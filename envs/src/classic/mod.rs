//! Classic control: small physical systems with a continuous state.

mod acrobot;
mod cartpole;
mod cartpole_track;
mod cartpole_view;
mod numbers;
mod pendulum;
mod rods_view;

pub use acrobot::Acrobot;
pub use cartpole::CartPole;
pub use pendulum::Pendulum;
