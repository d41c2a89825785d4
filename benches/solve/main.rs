//! Speed of value iteration: on open grids with noise, where most states are like their neighbours, and
//! on random MDPs, where none is.
//!
//! ```text
//! cargo bench --bench solve           10 thousand to 10 million states
//! python3 benches/run.py solve        beside Python's libraries, into docs/benchmarks.md
//! ```
//!
//! `solve export SIDE DIR` writes the grid's transitions as arrays for the peers; `solve sweep SIDE`
//! sweeps, and `solve solve SIDE` solves again and again, whenever a line on standard input says for
//! how many seconds.
use anyhow::{Context as _, Result, bail};
use lab::agents::tabular::{Model, ValueIteration, ValueIterationConfig};
use lab::envs::{Garnet, GarnetConfig, GridConfig, GridWorld, Layout, Mdp, Reward};
use lab::train::{Learner as _, Log, Progress};
use std::io::{BufRead as _, Write};
use std::path::Path;
use std::time::Instant;

/// Sides of the grids.
const SIDES: [usize; 4] = [100, 316, 1_000, 3_162];

/// States of the random MDPs.
const RANDOM: [usize; 3] = [10_000, 100_000, 1_000_000];

/// An open square, where every state but the exit has four actions with up to three outcomes each.
fn grid(side: usize) -> Result<Box<dyn Mdp>> {
    let (width, height) = (Some(side), Some(side));
    let reward = Some(Reward::Entering);
    let config = GridConfig { width, height, reward, ..GridConfig::of(Layout::Open) };
    Ok(Box::new(GridWorld::new(&config).map_err(anyhow::Error::msg)?))
}

/// A random MDP of four actions with three outcomes each, to any states.
fn random(states: usize) -> Result<Box<dyn Mdp>> {
    let config = GarnetConfig { states, actions: 4, branching: 3, ..Default::default() };
    Ok(Box::new(Garnet::new(config).map_err(anyhow::Error::msg)?))
}

/// Value iteration, begun anew whenever it has converged.
struct Sweeps {
    mdp: Box<dyn Mdp>,
    planner: ValueIteration,
}

impl Sweeps {
    fn new(mdp: Box<dyn Mdp>) -> Result<Self> {
        Ok(Self { planner: planner(&*mdp)?, mdp })
    }

    /// Sweeps for about `seconds`, at least three times; the number of sweeps and the seconds.
    fn run(&mut self, seconds: f64) -> Result<(u64, f64)> {
        let (mut sweeps, mut taken) = (0, 0.0);
        while sweeps < 3 || taken < seconds {
            let start = Instant::now();
            let progress = self.planner.step(&mut Log::default())?;
            taken += start.elapsed().as_secs_f64();
            sweeps += 1;
            if progress == Progress::Converged {
                self.planner = planner(&*self.mdp)?;
            }
        }
        Ok((sweeps, taken))
    }
}

fn planner(mdp: &dyn Mdp) -> Result<ValueIteration> {
    ValueIteration::new(mdp, ValueIterationConfig { tolerance: 1e-9, ..Default::default() }, 1)
}

fn line(out: &mut impl Write, name: &str, mdp: Box<dyn Mdp>) -> Result<()> {
    let start = Instant::now();
    let mut sweeps = Sweeps::new(mdp)?;
    let read = start.elapsed().as_secs_f64();
    sweeps.run(0.2)?;
    let (done, seconds) = sweeps.run(2.0)?;
    let model = sweeps.planner.model();
    let (each, transitions) = (seconds / done as f64, model.n_entries());
    writeln!(
        out,
        "{name:>6} {:>10} {transitions:>12} {each:>12.6} {:>8.2} {:>8.1} {read:>9.2}",
        model.n_states(),
        1e9 * each / transitions as f64,
        model.sweep_bytes() as f64 / each / 1e9,
    )?;
    Ok(())
}

fn table(out: &mut impl Write) -> Result<()> {
    let threads = rayon::current_num_threads();
    writeln!(out, "synchronous value iteration, {threads} thread(s)")?;
    writeln!(
        out,
        "{:>6} {:>10} {:>12} {:>12} {:>8} {:>8} {:>9}",
        "", "states", "transitions", "s a sweep", "ns each", "GB/s", "read in s"
    )?;
    for side in SIDES {
        line(out, "grid", grid(side)?)?;
    }
    for states in RANDOM {
        line(out, "random", random(states)?)?;
    }
    Ok(())
}

/// Reads the grid's transitions and solves it, again and again for about `seconds`; how often, and
/// the seconds.
fn solve(mdp: &dyn Mdp, seconds: f64) -> Result<(u64, f64)> {
    let (start, mut solved) = (Instant::now(), 0);
    while start.elapsed().as_secs_f64() < seconds {
        let mut planner = planner(mdp)?;
        while planner.step(&mut Log::default())? != Progress::Converged {}
        solved += 1;
    }
    Ok((solved, start.elapsed().as_secs_f64()))
}

/// Answers every line, a number of seconds, with how often `run` did its work, the seconds, and 0.
fn serve(mut run: impl FnMut(f64) -> Result<(u64, f64)>, out: &mut impl Write) -> Result<()> {
    run(0.5)?;
    writeln!(out, "ready 0")?;
    out.flush()?;
    for line in std::io::stdin().lock().lines() {
        let (done, seconds) = run(line?.trim().parse()?)?;
        writeln!(out, "{done} {seconds} 0")?;
        out.flush()?;
    }
    Ok(())
}

/// Little-endian arrays: `pairs` (of each state, S + 1), `entries` (of each pair, P + 1) as u64,
/// `next` as u64, `prob` and `reward` (of each pair) as f64.
fn export(side: usize, dir: &Path) -> Result<()> {
    let model = Model::new(&*grid(side)?)?;
    let (mut pairs, mut entries) = (vec![0], vec![0]);
    let (mut next, mut prob, mut reward) = (Vec::new(), Vec::new(), Vec::new());
    for state in 0..model.n_states() {
        for pair in model.pairs(state) {
            for (to, p) in model.entries(pair) {
                next.push(to as u64);
                prob.push(p);
            }
            entries.push(next.len() as u64);
            reward.push(model.reward(pair));
        }
        pairs.push(reward.len() as u64);
    }
    let whole = |values: &[u64]| values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let real = |values: &[f64]| values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let files: [(&str, Vec<u8>); 5] = [
        ("pairs", whole(&pairs)),
        ("entries", whole(&entries)),
        ("next", whole(&next)),
        ("prob", real(&prob)),
        ("reward", real(&reward)),
    ];
    std::fs::create_dir_all(dir)?;
    for (name, bytes) in files {
        let path = dir.join(name);
        std::fs::write(&path, bytes).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

fn main() -> Result<()> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo bench` says so.
    arguments.retain(|argument| argument != "--bench");
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let out = &mut std::io::stdout().lock();
    match arguments[..] {
        [] => table(out),
        ["sweep", side] => {
            let mut grid = Sweeps::new(grid(side.parse()?)?)?;
            serve(|seconds| grid.run(seconds), out)
        }
        ["solve", side] => {
            let mdp = grid(side.parse()?)?;
            serve(|seconds| solve(&*mdp, seconds), out)
        }
        ["random", states] => {
            let mut mdp = Sweeps::new(random(states.parse()?)?)?;
            serve(|seconds| mdp.run(seconds), out)
        }
        ["export", side, dir] => export(side.parse()?, Path::new(dir)),
        _ => bail!("expected nothing, `sweep SIDE`, `solve SIDE` or `export SIDE DIR`"),
    }
}
