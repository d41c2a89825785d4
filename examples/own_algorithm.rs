//! An algorithm of your own on lab's command line, here hill climbing on a linear policy:
//!
//! ```text
//! cargo run --release --example own_algorithm -- climber --env cartpole --steps 400 --out runs/climber
//! cargo run --release --example own_algorithm -- play runs/climber
//! ```
use lab::prelude::*;

parameters! {
    /// Hyper-parameters of hill climbing.
    pub struct ClimberConfig {
        /// Size of the change that is tried
        deviation: f64 = 0.5, in 0.0..=100.0;
        /// Episodes that a change is judged by
        episodes: usize = 5, in 1..=1_000;
    }
}

/// Hill climbing: a random change of the weights is kept if the mean return is at least as good.
struct Climber {
    config: ClimberConfig,
    make: MakeEnv,
    seed: u64,
    n_actions: usize,
    /// `[A, obs_len]`; the action with the largest product is taken.
    weights: Vec<f32>,
    best: f64,
    rng: lab::train::Rng,
}

impl Agent for Climber {
    fn act(
        &self,
        obs: &[f32],
        _: Mode,
        _: &mut [lab::train::Rng],
        actions: &mut ActionBatch,
    ) -> Result<()> {
        let n = self.weights.len() / self.n_actions;
        for (action, obs) in actions.numbers()?.iter_mut().zip(obs.chunks_exact(n)) {
            let product = |row: &[f32]| row.iter().zip(obs).map(|(w, x)| w * x).sum::<f32>();
            let products: Vec<_> = self.weights.chunks_exact(n).map(product).collect();
            let best = (0..self.n_actions).max_by(|a, b| products[*a].total_cmp(&products[*b]));
            *action = best.unwrap_or(0);
        }
        Ok(())
    }

    fn table(&self, _: &Model) -> Result<Option<Table>> {
        Ok(None)
    }

    fn evaluates(&self) -> Option<&Policy> {
        None
    }

    fn q_values(&self, _: &[f32]) -> Result<Option<Vec<f64>>> {
        Ok(None)
    }

    fn policy(&self, _: &[f32]) -> Result<Option<ActionDistribution>> {
        Ok(None)
    }

    fn exports(&self) -> Vec<Export<'_>> {
        Vec::new()
    }
}

impl Learner for Climber {
    /// Tries one change.
    fn step(&mut self, log: &mut Log) -> Result<Progress> {
        let before = self.weights.clone();
        let size = self.config.deviation as f32;
        self.weights
            .iter_mut()
            .for_each(|weight| *weight += size * self.rng.random_range(-1.0..1.0));
        let seed = self.rng.random();
        let value =
            evaluate(self, &self.make, self.config.episodes, Split::Validation, seed)?.value();
        if value >= self.best {
            self.best = value;
            log.updated();
        } else {
            self.weights = before;
        }
        log.scalar("train/return", value);
        Ok(Progress::Advanced(1))
    }

    fn evaluate(&mut self, split: Split) -> Result<Evaluation> {
        evaluate(self, &self.make, 100, split, self.seed)
    }

    /// One list for saving and loading; the name `MODEL` is the part that acts.
    fn state(&mut self, checkpoint: &mut Checkpoint) -> Result<()> {
        checkpoint.value(MODEL, &mut self.weights)?;
        checkpoint.value("best", &mut self.best)?;
        checkpoint.value("rng", &mut self.rng)
    }
}

fn main() -> std::process::ExitCode {
    let climber = Algorithm {
        name: "climber",
        family: Family::Deep,
        aliases: &[],
        about: "Hill climbing on a linear policy",
        unit: "changes",
        plan: Plan {
            steps: 400,
            log_every: 10,
            eval_every: 50,
            save_every: 100,
            ..Plan::default()
        },
        hyper: ClimberConfig::fields,
        build: Build::Agent(|job| {
            let config = job.config::<ClimberConfig>()?;
            config.check()?;
            let spec = (job.make)().spec();
            let n_actions = discrete_actions(&spec)?;
            let weights = vec![0.0; n_actions * spec.obs_len()];
            let (seed, rng) = (job.seed, stream(job.seed, "climber"));
            let (make, best) = (job.make, f64::NEG_INFINITY);
            Ok(Box::new(Climber { config, make, seed, n_actions, weights, best, rng }))
        }),
    };
    lab::App::new().algorithm(climber).run()
}
