//! Classic control: small physical systems with a continuous state.

mod acrobot;
mod cartpole;
mod cartpole_track;
mod cartpole_view;
mod mountain_car;
mod mountain_car_continuous;
mod mountain_car_hills;
mod numbers;
mod pendulum;
mod rods_view;

pub use acrobot::Acrobot;
pub use cartpole::{CartPole, CartPoleConfig, HiddenPart};
pub use mountain_car::MountainCar;
pub use mountain_car_continuous::MountainCarContinuous;
pub use pendulum::Pendulum;
