//! Training speed of networks: whole steps (forward, loss, backward, Adam) per second, and acting.
//!
//! ```text
//! cargo bench --bench update               every row, a few seconds each
//! cargo bench --bench update -- dqn-mlp    these rows only
//! python3 benches/run.py update            beside PyTorch and JAX, into docs/benchmarks.md
//! ```
//!
//! `rows.rs` states what is computed. `update serve ROW` measures one row whenever a line on standard
//! input says for how many seconds, so that a script can take turns between contestants.
mod rows;

use candle_core::Result;
use rows::{ROWS, Row, Step};
use std::io::{BufRead as _, Write};
use std::time::Instant;

/// A step with the number of repetitions between two looks at the clock, about 20 ms' worth.
struct Timed {
    step: Step,
    stride: u64,
}

impl Timed {
    /// Warms up for a second.
    fn new(step: Step) -> Result<Self> {
        let mut timed = Self { step, stride: 1 };
        (0..3).try_for_each(|_| (timed.step)())?;
        let (steps, seconds) = timed.run(1.0)?;
        timed.stride = (0.02 * steps as f64 / seconds).max(1.0) as u64;
        Ok(timed)
    }

    /// Runs for about `seconds`, at least three steps; the number of steps and the seconds.
    fn run(&mut self, seconds: f64) -> Result<(u64, f64)> {
        let (start, mut steps) = (Instant::now(), 0);
        loop {
            (0..self.stride).try_for_each(|_| (self.step)())?;
            steps += self.stride;
            let elapsed = start.elapsed().as_secs_f64();
            if steps >= 3 && elapsed >= seconds {
                return Ok((steps, elapsed));
            }
        }
    }
}

/// The most memory this process ever held, in KiB, where the system tells.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

/// Says `ready BASE`, then answers every line, a number of seconds, with `STEPS SECONDS PEAK`. BASE
/// and PEAK are the most memory held so far, before there is a network and after the steps.
fn serve(setup: rows::Setup, out: &mut impl Write) -> anyhow::Result<()> {
    let base = peak_memory();
    let mut timed = Timed::new(setup()?)?;
    writeln!(out, "ready {base}")?;
    out.flush()?;
    for line in std::io::stdin().lock().lines() {
        let (steps, seconds) = timed.run(line?.trim().parse()?)?;
        writeln!(out, "{steps} {seconds} {}", peak_memory())?;
        out.flush()?;
    }
    Ok(())
}

/// The row of that name.
fn row(name: &str) -> anyhow::Result<&'static Row> {
    let names = || ROWS.iter().map(|row| row.0).collect::<Vec<_>>().join(" ");
    let found = ROWS.iter().find(|row| row.0 == name);
    found.ok_or_else(|| anyhow::anyhow!("no row {name}; there are: {}", names()))
}

fn main() -> anyhow::Result<()> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo bench` says so; `cargo test --benches` does not, and is answered with a list.
    let measure = arguments.iter().any(|argument| argument == "--bench");
    arguments.retain(|argument| argument != "--bench");
    // As `lab` does it; the number of threads is RAYON_NUM_THREADS or that of the cores.
    lab::nn::prepare_process();
    rayon::ThreadPoolBuilder::new().use_current_thread().build_global()?;
    let out = &mut std::io::stdout().lock();
    if let [serve_word, name] = &arguments[..]
        && serve_word == "serve"
    {
        return serve(row(name)?.2, out);
    }
    let chosen: Vec<&Row> = match arguments.is_empty() {
        true => ROWS.iter().collect(),
        false => arguments.iter().map(|name| row(name)).collect::<anyhow::Result<_>>()?,
    };
    for (name, what, setup) in chosen {
        if !measure {
            writeln!(out, "{name}: {what}")?;
            continue;
        }
        let (steps, seconds) = Timed::new(setup()?)?.run(3.0)?;
        writeln!(out, "{name:14} {:10.1} steps/s  {what}", steps as f64 / seconds)?;
    }
    Ok(())
}
