//! DQN on Catch, from a program of your own: `cargo run --release --example dqn`.
#![expect(clippy::print_stdout, reason = "a program may print")]
use lab::prelude::*;

fn main() -> Result<()> {
    let make: MakeEnv = Box::new(|| Box::new(Catch::default()));
    let config = DqnConfig { epsilon_steps: 2_000, ..DqnConfig::default() };
    let mut agent = Dqn::new(make, config, 1, &Device::Cpu)?;
    let plan = Plan { steps: 10_000, eval_every: 2_000, ..Plan::default() };
    let report = fit(&mut agent, &plan, &mut Run::default())?;
    let steps = report.steps;
    println!("mean return {:.2} after {steps} transitions", report.evaluated()?.value());
    Ok(())
}
