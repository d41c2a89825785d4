//! Experiments of the literature and the course, run whole: what each shows as numbers beside what
//! theory says of them, pass or fail, and as a figure.
//!
//! To add a target is to add a file here and its line to [`TARGETS`].
mod commands;
mod dqn_ablations;
mod gan_lessons;
mod likelihoods;
mod minatar;
mod mnist_pixelcnn;
mod mnist_vae;
mod policy_gradient;

use crate::claim::Claim;
use crate::render::plot::{Panel, draw};
use anyhow::Result;
use candle_core::Device;
use serde::Serialize;
use std::path::Path;
use std::time::Instant;
use train::pulse;

/// Every target of `lab reproduce`.
pub const TARGETS: &[Target] = &[
    dqn_ablations::TARGET,
    gan_lessons::TARGET,
    minatar::TARGET,
    mnist_pixelcnn::TARGET,
    mnist_vae::TARGET,
    policy_gradient::TARGET,
];

/// A reproduction, as `lab reproduce NAME` runs it.
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// One line about it.
    pub about: &'static str,
    /// The data set that it needs, as `--data` names it.
    pub data: Option<&'static str>,
    /// Runs of it may be of another length than its own (`--steps`).
    pub takes_steps: bool,
    /// Its experiments, in order.
    pub experiments: &'static [Experiment],
}

/// One thing to be shown.
pub struct Experiment {
    /// Its name, which is also that of its figure.
    pub name: &'static str,
    /// Its subject, in one line.
    pub about: &'static str,
    /// Runs it.
    pub run: fn(&Setting) -> Result<Findings>,
}

/// Settings of experiments.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Seed of every stream.
    pub seed: u64,
    /// Sample size.
    pub size: Size,
    /// The data set, as `--data` names it; empty where none is needed.
    pub data: String,
    /// Device for tensors.
    pub device: Device,
    /// Steps of each run, in place of a reproduction's own number.
    pub steps: Option<u64>,
}

/// Sample sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// As much as the documentation shows.
    Full,
    /// A part of it: wider intervals, the same claims; scores of runs that would learn for long need only be numbers.
    Quick,
}

impl Setting {
    /// Little of everything, for tests.
    #[cfg(test)]
    fn quick() -> Self {
        Self { seed: 1, size: Size::Quick, data: String::new(), device: Device::Cpu, steps: None }
    }

    /// So many seeds from the first one on, each told as it begins.
    fn seeds(&self, n: u64) -> impl Iterator<Item = u64> + use<> {
        let first = self.seed;
        (first..first + n)
            .inspect(move |seed| pulse::tell("seed", (seed - first + 1) as usize, n as usize))
    }

    /// `full`, or `quick` where little is sampled.
    pub fn pick<T>(&self, full: T, quick: T) -> T {
        match self.size {
            Size::Full => full,
            Size::Quick => quick,
        }
    }
}

/// Claims and figures of an experiment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Findings {
    /// Numbers beside what they should be.
    pub lines: Vec<Claim>,
    /// Its figure.
    pub panels: Vec<Panel>,
}

/// Report of an experiment.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Its name.
    pub name: &'static str,
    /// Its subject, in one line.
    pub about: &'static str,
    /// Its figure's files in the run directory.
    pub figure: [String; 2],
    /// Compared numbers, one claim each.
    pub lines: Vec<Claim>,
    /// Every line agrees.
    pub pass: bool,
    /// Duration in seconds.
    pub seconds: f64,
}

impl Experiment {
    /// Runs it and draws its figure in `dir`.
    ///
    /// # Errors
    /// [`Interrupted`](::train::Interrupted); what the experiment or the disk reports.
    pub fn report(&self, setting: &Setting, dir: &Path) -> Result<Report> {
        let begun = Instant::now();
        let Findings { lines, panels } = (self.run)(setting)?;
        let figure = ["svg", "png"].map(|end| format!("{}.{end}", self.name));
        figure.iter().try_for_each(|file| draw(&panels, &dir.join(file)))?;
        let pass = !lines.is_empty() && lines.iter().all(|line| line.pass);
        let (name, about) = (self.name, self.about);
        Ok(Report { name, about, figure, lines, pass, seconds: begun.elapsed().as_secs_f64() })
    }
}
