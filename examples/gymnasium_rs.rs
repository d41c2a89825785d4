//! An environment of the crate gymnasium-rs on lab's command line; building it needs Python:
//!
//! ```text
//! cargo run --release --features gymnasium-rs --example gymnasium_rs -- ppo --env gymnasium-rs-cartpole --steps 100k
//! ```
use gymnasium_rs::envs::cartpole::CartPole;
use lab::envs::gymnasium_rs::FromGymnasiumRs;
use lab::prelude::*;
use lab::registry::Source;

fn main() -> std::process::ExitCode {
    let cartpole = EnvEntry {
        source: Source::Env(|_| Ok(Box::new(FromGymnasiumRs::discrete(CartPole::new, Some(500))?))),
        ..EnvEntry::of::<Catch>(
            "gymnasium-rs-cartpole",
            "CartPole of the crate gymnasium-rs, not Gymnasium's",
        )
    };
    lab::App::new().environment(cartpole).run()
}
