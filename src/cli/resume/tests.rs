//! Every algorithm, interrupted wherever something in it asks.
use crate::cli::{command, train};
use crate::registry::{self, algorithms};
use crate::run::trainee::Trainee;
use crate::run::{build, data as run_data};
use ::train::testing::interrupting_changes_nothing;
use ::train::{Checkpoint, Evaluation, Learner, Log, Progress, Split};
use anyhow::Result;
use candle_core::Device;

/// A short run of each algorithm, one a line.
const RUNS: &str = include_str!("../../../tests/small-runs.txt");

/// Moments of each run, the last of them the last question of all.
const MOMENTS: u64 = 3;

struct Own(Trainee);

impl Learner for Own {
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        self.0.learner().step(log)
    }

    fn evaluate(&mut self, split: Split) -> Result<Evaluation> {
        self.0.learner().evaluate(split)
    }

    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.0.learner().state(checkpoint)
    }
}

#[test]
fn every_algorithm_goes_on_as_if_it_had_not_been_interrupted() {
    let mut names = Vec::new();
    for line in RUNS.lines() {
        let words = ["lab"].into_iter().chain(line.split_whitespace());
        let matches = command().try_get_matches_from(words).unwrap();
        let (name, matches) = matches.subcommand().unwrap();
        let algorithm = registry::algorithm(name).unwrap();
        let config = train::config(algorithm, matches).unwrap();
        let make = || -> Result<Box<dyn Learner>> {
            let load = || Ok(run_data::first(&config)?.dataset);
            Ok(Box::new(Own(build::trainee(algorithm, &config, &Device::Cpu, load)?)))
        };
        let (plan, dir) = (config.plan().unwrap(), tempfile::tempdir().unwrap());
        interrupting_changes_nothing(&make, &plan, MOMENTS, dir.path())
            .unwrap_or_else(|error| panic!("{name}: {error:#}"));
        names.push(algorithm.name);
    }
    assert_eq!(names, algorithms().iter().map(|algorithm| algorithm.name).collect::<Vec<_>>());
}
