//! An environment of your own on lab's command line:
//!
//! ```text
//! cargo run --release --example own_environment -- dqn --env line --steps 20k --out runs/line
//! cargo run --release --example own_environment -- play runs/line
//! cargo run --release --example own_environment -- resume runs/line --steps 30k
//! ```
use lab::prelude::*;

parameters! {
    /// Options of the line, which become flags: `--length 8`.
    pub struct LineConfig {
        /// Places from the middle to either end
        length: u32 = 4, in 2..=100;
    }
}

/// A walk along a line of places towards either end. The right end pays 1, the left end nothing.
///
/// - **Observation** `[1]`: the place, from −1 at the left end to 1 at the right end.
/// - **Actions** left, right.
/// - **End** at either end; an episode is cut off after 50 steps.
#[derive(Serialize, Deserialize)]
struct Line {
    length: i32,
    place: i32,
}

impl From<LineConfig> for Line {
    fn from(LineConfig { length }: LineConfig) -> Self {
        Self { length: length as i32, place: 0 }
    }
}

impl Env for Line {
    fn spec(&self) -> Spec {
        Spec {
            obs_shape: vec![1],
            element: Element::Float,
            actions: Spec::names(&["left", "right"]),
            time_limit: Some(50),
            two_returns: Some([0.0, 1.0]),
        }
    }

    fn reset(&mut self, rng: &mut dyn RngCore) {
        self.place = rng.random_range(-1..=1);
    }

    fn step(&mut self, action: Action<'_>, _: &mut dyn RngCore) -> Step {
        self.place += if action.discrete() == 1 { 1 } else { -1 };
        let reward = if self.place == self.length { 1.0 } else { 0.0 };
        Step { reward, terminated: self.place.abs() == self.length }
    }

    fn observe(&self, obs: &mut [f32]) {
        obs[0] = self.place as f32 / self.length as f32;
    }
}

fn main() -> std::process::ExitCode {
    let about = "A walk along a line; the right end pays";
    lab::App::new().env_with_options::<LineConfig, Line>("line", about).run()
}
