//! Steps per second of a deep Q-network's whole training step, and of acting, on random data.
//!
//! `RAYON_NUM_THREADS=1 cargo run --release -p nn --example step_rate`
use candle_core::{Device, Module as _, Result};
use nn::{
    Activation, Conv2d, Conv2dConfig, Flatten, Frozen, HostTensor, Linear, Optimizer,
    OptimizerConfig, Params, Sequential, loss, select,
};
use rand::Rng as _;
use std::time::{Duration, Instant};
use train::{Rng, stream};

fn mlp(params: &Params) -> Result<Sequential> {
    Ok(Sequential::new(vec![
        Linear::new(params, "hidden1", 4, 128, Activation::Relu)?.into(),
        Linear::new(params, "hidden2", 128, 128, Activation::Relu)?.into(),
        Linear::new(params, "out", 128, 2, Activation::Linear)?.into(),
    ]))
}

fn minatar(params: &Params) -> Result<Sequential> {
    let conv = Conv2dConfig::new(4, 16, 3);
    Ok(Sequential::new(vec![
        Conv2d::new(params, "conv", conv, Activation::Relu)?.into(),
        Flatten.into(),
        Linear::new(params, "hidden", 1024, 128, Activation::Relu)?.into(),
        Linear::new(params, "out", 128, 3, Activation::Linear)?.into(),
    ]))
}

/// Everything one training step touches.
struct TrainingStep {
    online: Sequential,
    target: Frozen,
    optimizer: Optimizer,
    obs: HostTensor<f32>,
    next_obs: HostTensor<f32>,
    actions: HostTensor<u32>,
    returns: HostTensor<f32>,
    rng: Rng,
}

impl TrainingStep {
    fn new(build: fn(&Params) -> Result<Sequential>, shape: &[usize]) -> Result<Self> {
        let device = Device::Cpu;
        let (params, target) = (Params::new(1, &device), Params::new(1, &device));
        Ok(Self {
            online: build(&params)?,
            target: build(&target)?.frozen(),
            optimizer: Optimizer::new(&params, OptimizerConfig::adam(1e-4))?,
            obs: HostTensor::new(shape, &device)?,
            next_obs: HostTensor::new(shape, &device)?,
            actions: HostTensor::new(shape[0], &device)?,
            returns: HostTensor::new(shape[0], &device)?,
            rng: stream(1, "data"),
        })
    }

    /// Forward, target, loss, backward and update, as a DQN does them.
    fn run(&mut self) -> Result<()> {
        let first = self.rng.random::<f32>();
        self.obs.fill(|obs| fill(obs, first))?;
        self.next_obs.fill(|obs| fill(obs, first + 0.5))?;
        self.actions.fill(|actions| {
            actions.iter_mut().enumerate().for_each(|(index, action)| *action = index as u32 % 2);
        })?;
        let next_values = self.target.forward(self.next_obs.tensor())?.max(1)?.to_vec1::<f32>()?;
        self.returns.fill(|returns| {
            returns.iter_mut().zip(next_values).for_each(|(r, value)| *r = 0.1 + 0.99 * value);
        })?;
        let values = self.online.forward(self.obs.tensor())?;
        let chosen = select(&values, self.actions.tensor())?;
        let loss = loss::huber(&chosen, self.returns.tensor(), 1.0)?;
        self.optimizer.step(&loss)?;
        Ok(())
    }
}

/// Numbers that cost nothing to make and are not all alike.
fn fill(values: &mut [f32], first: f32) {
    let mut value = first;
    for slot in values {
        value = (value + 0.618_034).fract();
        *slot = value - 0.5;
    }
}

/// Calls per second: the best of many short windows, since other programs may run.
fn rate(mut call: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut best = 0f64;
    for _ in 0..200 {
        let (start, mut calls) = (Instant::now(), 0);
        while start.elapsed() < Duration::from_millis(10) {
            call()?;
            calls += 1;
        }
        best = best.max(f64::from(calls) / start.elapsed().as_secs_f64());
    }
    Ok(best)
}

#[allow(clippy::print_stdout, reason = "a program whose result is what it prints")]
fn main() -> Result<()> {
    println!("{} threads", rayon::current_num_threads());
    let mut mlp_step = TrainingStep::new(mlp, &[128, 4])?;
    println!("MLP 4-128-128-2, batch 128: {:.0} steps/s", rate(|| mlp_step.run())?);
    let mut minatar_step = TrainingStep::new(minatar, &[32, 4, 10, 10])?;
    println!("MinAtar network, batch 32: {:.0} steps/s", rate(|| minatar_step.run())?);
    for batch in [1, 8, 16] {
        let acting = mlp(&Params::new(1, &Device::Cpu))?.frozen();
        let obs = HostTensor::<f32>::new((batch, 4), &Device::Cpu)?;
        let mlp_rate = rate(|| acting.forward(obs.tensor()).map(drop))?;
        let acting = minatar(&Params::new(1, &Device::Cpu))?.frozen();
        let obs = HostTensor::<f32>::new((batch, 4, 10, 10), &Device::Cpu)?;
        let minatar_rate = rate(|| acting.forward(obs.tensor()).map(drop))?;
        println!("acting, batch {batch}: MLP {mlp_rate:.0}/s, MinAtar {minatar_rate:.0}/s");
    }
    Ok(())
}
