//! Progress on standard error: a bar on a terminal, lines elsewhere.
use crate::{Row, Sink};
use anyhow::Result;
use indicatif::{HumanDuration, ProgressBar, ProgressState, ProgressStyle};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::{Duration, Instant};

/// Condition that ends a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// After its steps.
    AfterSteps,
    /// By converging, long before the most steps that it may take.
    ByConverging,
}

/// A bar with the newest value of each metric, the rate and the remaining time.
pub struct Bar {
    bar: ProgressBar,
    unit: &'static str,
    ends: Ends,
    newest: BTreeMap<String, f64>,
    /// Other work is shown in place of the metrics.
    elsewhere: bool,
}

impl Bar {
    /// A bar that counts `unit`, as in `transitions`. Before a run begins it shows what else is being done.
    pub fn new(unit: &'static str, ends: Ends) -> Self {
        let bar = ProgressBar::new_spinner().with_style(ProgressStyle::default_spinner());
        Self { bar, unit, ends, newest: BTreeMap::new(), elsewhere: false }
    }
}

impl Sink for Bar {
    fn begin(&mut self, step: u64, steps: u64, rows: u64) -> Result<u64> {
        let unit = self.unit;
        let template = match self.ends {
            Ends::AfterSteps => {
                format!(
                    "{{bar:12}} {{human_pos}}/{{human_len}} {unit}  {{rate}}{{left}}  {{wide_msg}}"
                )
            }
            Ends::ByConverging => {
                format!("{{spinner}} {{human_pos}} {unit}  {{rate}}  {{wide_msg}}")
            }
        };
        let rate = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            // Nothing to do about a terminal that takes no text.
            let _ = write!(out, "{:.0}/s", state.per_sec());
        };
        let left = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            // After the last step no one knows: an evaluation is still to come.
            if state.len().is_some_and(|steps| state.pos() < steps) {
                let _ = write!(out, "  {:#} left", HumanDuration(state.eta()));
            }
        };
        let style = ProgressStyle::with_template(&template)?;
        let style = style.with_key("rate", rate).with_key("left", left);
        self.bar = ProgressBar::new(steps).with_style(style);
        self.bar.set_position(step);
        // The rate counts from here: what an earlier part of the run did took none of this time.
        self.bar.reset_eta();
        Ok(rows)
    }

    fn row(&mut self, row: &Row) -> Result<()> {
        self.newest.extend(row.values.clone());
        self.elsewhere = false;
        self.bar.set_message(told(&self.newest));
        Ok(())
    }

    fn tick(&mut self, step: u64) {
        if std::mem::take(&mut self.elsewhere) {
            self.bar.set_message(told(&self.newest));
        }
        self.bar.set_position(step);
    }

    fn progress(&mut self, what: &str, done: u64, of: u64) {
        self.elsewhere = true;
        self.bar.set_message(format!("{what} {done}/{of}"));
    }

    fn note(&mut self, text: &str) {
        self.bar.suspend(|| say(&format!("note: {text}")));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A line per row; while something else is being done one after a second, and then less and less often.
pub struct Lines {
    unit: &'static str,
    ends: Ends,
    steps: u64,
    begun: (Instant, u64),
    told: Instant,
    silence: Duration,
}

/// First and longest interval between two lines about other work.
const SILENCE: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(60)];

impl Lines {
    /// Lines that count `unit`, as in `transitions`.
    pub fn new(unit: &'static str, ends: Ends) -> Self {
        let now = Instant::now();
        Self { unit, ends, steps: 0, begun: (now, 0), told: now, silence: SILENCE[0] }
    }
}

impl Sink for Lines {
    fn begin(&mut self, step: u64, steps: u64, rows: u64) -> Result<u64> {
        let now = Instant::now();
        (self.steps, self.begun, self.told) = (steps, (now, step), now);
        self.silence = SILENCE[0];
        Ok(rows)
    }

    fn row(&mut self, row: &Row) -> Result<()> {
        let rate = row.values.get("speed/steps_per_s").copied().unwrap_or_default();
        if self.ends == Ends::ByConverging {
            // Thousands of sweeps take a second.
            if self.told.elapsed() >= SILENCE[0] {
                self.told = Instant::now();
                let Self { unit, .. } = self;
                say(&format!("{} {unit}  {rate:.0}/s  {}", row.step, told(&row.values)));
            }
            return Ok(());
        }
        (self.told, self.silence) = (Instant::now(), SILENCE[0]);
        let (begun, from) = self.begun;
        let per_unit = begun.elapsed().as_secs_f64() / (row.step - from).max(1) as f64;
        let left =
            Duration::from_secs((per_unit * self.steps.saturating_sub(row.step) as f64) as u64);
        let Self { unit, steps, .. } = self;
        let left = HumanDuration(left);
        say(&format!(
            "{}/{steps} {unit}  {rate:.0}/s  {left} left  {}",
            row.step,
            told(&row.values)
        ));
        Ok(())
    }

    fn progress(&mut self, what: &str, done: u64, of: u64) {
        if self.told.elapsed() >= self.silence {
            (self.told, self.silence) = (Instant::now(), SILENCE[1].min(2 * self.silence));
            say(&format!("{what} {done}/{of}"));
        }
    }

    fn note(&mut self, text: &str) {
        say(&format!("note: {text}"));
    }
}

/// Says nothing but what the user must know: `--quiet`.
pub struct Notes;

impl Sink for Notes {
    fn row(&mut self, _: &Row) -> Result<()> {
        Ok(())
    }

    fn note(&mut self, text: &str) {
        say(&format!("note: {text}"));
    }
}

/// Progress that can't be told, standard error being closed, is no reason to stop training.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// The newest metrics: evaluations first, then the returns and losses of training; rates are told elsewhere.
fn told(values: &BTreeMap<String, f64>) -> String {
    let timing = |name: &str| name.starts_with("time/") || name.starts_with("speed/");
    let mut shown: Vec<_> = values.iter().filter(|(name, _)| !timing(name)).collect();
    let rank = |name: &str| match name {
        name if name.starts_with("eval/") => 0,
        name if name.starts_with("oracle/") => 1,
        "train/return" => 2,
        name if name.contains("loss") => 3,
        _ => 4,
    };
    shown.sort_by_key(|(name, _)| rank(name));
    let parts: Vec<_> =
        shown.iter().map(|(name, value)| format!("{name} {}", short(**value))).collect();
    parts.join("  ")
}

/// Four significant digits or so.
fn short(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size < 1e-3 => format!("{value:.2e}"),
        size if size < 10.0 => format!("{value:.3}"),
        size if size < 1000.0 => format!("{value:.1}"),
        size if size < 1e9 => format!("{value:.0}"),
        _ => format!("{value:.3e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_score_comes_first() {
        let values = [("train/epsilon", 0.5), ("train/loss", 0.25), ("eval/return", 7.0)];
        let values = values.map(|(name, value)| (name.to_owned(), value)).into();
        assert_eq!(told(&values), "eval/return 7.000  train/loss 0.250  train/epsilon 0.500");
        assert_eq!([-5.2e27, 12_345.6].map(short), ["-5.200e27", "12346"]);
    }
}
