//! DQN on a network of candle-nn, as a subcommand of its own:
//!
//! ```text
//! cargo run --release --example own_network -- my-dqn --env cartpole --steps 20k --out runs/own
//! cargo run --release --example own_network -- resume runs/own --steps 30k
//! ```
//!
//! Its parameters are seeded, saved and resumed like those of lab's networks.
use candle_nn::{Activation, linear, seq};
use lab::prelude::*;

/// Three dense layers: from an observation `[B, features]` to a value of each action, `[B, A]`.
fn network(params: Params, spec: &Spec) -> lab::candle_core::Result<Net> {
    let vb = params.var_builder();
    let model = seq()
        .add(linear(spec.obs_len(), 64, vb.pp("first"))?)
        .add(Activation::Silu)
        .add(linear(64, 64, vb.pp("second"))?)
        .add(Activation::Silu)
        .add(linear(64, spec.n_actions(), vb.pp("out"))?);
    Ok(Net::of_module(params, model))
}

fn main() -> std::process::ExitCode {
    let algorithm = Algorithm {
        name: "my-dqn",
        family: Family::Deep,
        aliases: &[],
        about: "DQN with a network of my own",
        unit: "transitions",
        plan: Plan { steps: 50_000, ..Plan::default() },
        hyper: DqnConfig::fields,
        build: Build::Agent(|job| {
            job.needs_discrete_actions()?;
            let config = job.config::<DqnConfig>()?;
            Ok(Box::new(Dqn::with_network(job.make, config, job.seed, job.device, &network)?))
        }),
    };
    lab::App::new().algorithm(algorithm).run()
}
