//! Progress of long work without a bar: a line on standard error after a second, then less and less often.
use ::train::{Row, Sink, pulse};
use anyhow::Result;
use std::io::Write;
use std::time::{Duration, Instant};

/// Silence at first, and at most.
const SILENCE: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(30)];

/// Does `work`, and tells how far the parts of it are, unless `quiet`.
pub(super) fn telling<T>(quiet: bool, work: impl FnOnce() -> T) -> T {
    if quiet {
        return work();
    }
    let now = Instant::now();
    let doing = Doing { begun: now, told: now, silence: SILENCE[0], seed: String::new() };
    pulse::telling(&mut vec![Box::new(doing)], work)
}

struct Doing {
    begun: Instant,
    told: Instant,
    silence: Duration,
    /// The seed that is under way, of several.
    seed: String,
}

impl Sink for Doing {
    fn row(&mut self, _: &Row) -> Result<()> {
        Ok(())
    }

    fn progress(&mut self, what: &str, done: u64, of: u64) {
        if what == "seed" {
            self.seed = format!("seed {done}/{of}, ");
            return;
        }
        if self.told.elapsed() < self.silence {
            return;
        }
        (self.told, self.silence) = (Instant::now(), SILENCE[1].min(2 * self.silence));
        let (seed, seconds) = (&self.seed, self.begun.elapsed().as_secs());
        // Who cannot read progress does not need it.
        let _ = writeln!(std::io::stderr(), "        {seed}{what} {done}/{of}  ({seconds} s)");
    }
}
