//! Steps per second of environments, with uniformly random actions.
//!
//! ```text
//! cargo bench --bench step                      every environment of our own, 1, 8 and 64 copies
//! python3 benches/step.py                       some beside their originals, as a table
//! ```
//!
//! A step is that of a [`VecEnv`], as in training: the action, the observation, the reset of an episode that ends. `step serve
//! ENV N` steps N copies whenever a line on standard input says for how many seconds.
use lab::prelude::*;
use lab::registry::{self, Options, Source};
use std::io::{BufRead as _, Write as _};
use std::time::Instant;

/// Rows of actions that are drawn before.
const ROWS: usize = 1024;

/// Copies of an environment with rows of actions.
struct Stepper {
    env: VecEnv,
    /// `[ROWS, n * action_width]`.
    actions: Vec<f32>,
    /// Sum of rewards, so that none of the work is left out.
    total: f64,
}

impl Stepper {
    fn new(make: &MakeEnv, n: usize) -> Self {
        let env = VecEnv::new((0..n).map(|i| stream(1, &format!("env/{i}"))).collect(), make);
        let mut rng = stream(1, "actions");
        let mut row = || match &env.spec().actions {
            Actions::Discrete(names) => vec![rng.random_range(0..names.len()) as f32],
            Actions::Box { low, high } => {
                low.iter().zip(high).map(|(&low, &high)| rng.random_range(low..=high)).collect()
            }
        };
        let actions = (0..ROWS * n).flat_map(|_| row()).collect();
        Self { env, actions, total: 0.0 }
    }

    /// Steps for about `seconds`: how many steps of a copy, and the seconds.
    fn run(&mut self, seconds: f64) -> anyhow::Result<(usize, f64)> {
        let (start, mut steps) = (Instant::now(), 0);
        let width = self.env.n() * self.env.spec().action_width();
        loop {
            for actions in self.actions.chunks_exact(width) {
                let total = &mut self.total;
                self.env.step_rows(actions, |transition| {
                    *total += f64::from(transition.reward + transition.next_obs[0]);
                })?;
            }
            steps += ROWS * self.env.n();
            let elapsed = start.elapsed().as_secs_f64();
            if elapsed >= seconds {
                return Ok((steps, elapsed));
            }
        }
    }
}

fn main() -> anyhow::Result<()> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    arguments.retain(|argument| argument != "--bench");
    let out = &mut std::io::stdout().lock();
    if let [serve, name, n] = &arguments[..]
        && serve == "serve"
    {
        let make = registry::env(name)?.make(&Options::default())?;
        let mut stepper = Stepper::new(&make, n.parse()?);
        stepper.run(0.2)?;
        writeln!(out, "ready 0")?;
        out.flush()?;
        for line in std::io::stdin().lock().lines() {
            let (steps, seconds) = stepper.run(line?.trim().parse()?)?;
            writeln!(out, "{steps} {seconds} {}", u8::from(stepper.total.is_nan()))?;
            out.flush()?;
        }
        return Ok(());
    }
    writeln!(out, "steps per second, in millions, of one core")?;
    writeln!(out, "{:>24} {:>8} {:>8} {:>8}", "copies", 1, 8, 64)?;
    for entry in registry::envs() {
        // Actions of known MDPs may be masked, and their steps are all alike.
        if matches!(entry.source, Source::Mdp(..)) {
            continue;
        }
        let make = entry.make(&Options::default())?;
        write!(out, "{:>24}", entry.name)?;
        for n in [1, 8, 64] {
            let mut stepper = Stepper::new(&make, n);
            stepper.run(0.1)?;
            let (steps, seconds) = stepper.run(0.5)?;
            write!(out, " {:>8.3}", steps as f64 / seconds / 1e6)?;
        }
        writeln!(out)?;
    }
    Ok(())
}
