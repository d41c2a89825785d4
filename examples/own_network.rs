//! DQN and PPO on networks of candle-nn, as subcommands of their own:
//!
//! ```text
//! cargo run --release --example own_network -- my-dqn --env cartpole --steps 20k --out runs/own
//! cargo run --release --example own_network -- resume runs/own --steps 30k
//! cargo run --release --example own_network -- my-ppo --env cartpole --steps 100k
//! ```
//!
//! Their parameters are seeded, saved and resumed like those of lab's networks.
use candle_nn::{Activation, VarBuilder, linear, seq};
use lab::prelude::*;

/// Three dense layers: from `[B, inputs]` to `[B, outputs]`.
fn layers(inputs: usize, outputs: usize, vb: VarBuilder) -> Result<candle_nn::Sequential> {
    Ok(seq()
        .add(linear(inputs, 64, vb.pp("first"))?)
        .add(Activation::Silu)
        .add(linear(64, 64, vb.pp("second"))?)
        .add(Activation::Silu)
        .add(linear(64, outputs, vb.pp("out"))?))
}

/// Q: from an observation `[B, features]` to a value of each action, `[B, A]`.
fn q(params: Params, spec: &Spec) -> Result<Net> {
    let model = layers(spec.obs_len(), spec.n_actions(), params.var_builder())?;
    Ok(Net::of_module(params, model))
}

/// The policy of PPO, or its critic: names of parameters begin with that of the part.
fn policy_or_critic(params: Params, spec: &Spec, part: Part) -> Result<Net> {
    let model = layers(spec.obs_len(), part.outputs, params.var_builder().pp(part.name))?;
    Ok(Net::of_module(params, model))
}

fn main() -> std::process::ExitCode {
    let dqn = Algorithm {
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
            Ok(Box::new(Dqn::with_network(job.make, config, job.seed, job.device, &q)?))
        }),
    };
    let ppo = Algorithm {
        name: "my-ppo",
        about: "PPO with networks of my own",
        plan: Plan { steps: 100_000, ..Plan::default() },
        hyper: PpoConfig::fields,
        build: Build::Agent(|job| {
            let (config, seed) = (job.config::<PpoConfig>()?, job.seed);
            let networks = Some(&policy_or_critic as MakeNet);
            Ok(Box::new(Ppo::with_networks(job.make, config, seed, job.device, networks)?))
        }),
        ..dqn.clone()
    };
    lab::App::new().algorithm(dqn).algorithm(ppo).run()
}
