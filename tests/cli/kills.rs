//! Runs of every algorithm that are killed, whatever the moment, and go on: what they come to is what a run comes to
//! that never was, to the bit.
use super::{Lab, json, rows, stderr};
use lab::registry::algorithms;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// A short run of each algorithm, one a line. Steps go beyond `--steps` where the algorithm's are larger than 1.
const RUNS: &str = include_str!("../small-runs.txt");

/// Moment at which a run is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    /// After so many thousandths of the time that the run takes.
    Any(u32),
    /// While `run.json` is written, or before.
    Beginning,
    /// While a checkpoint is written, once so many are there.
    Save(usize),
    /// While the best checkpoint is replaced.
    Best,
    /// After the last checkpoint: in the final evaluation, or while its result is written.
    LastEvaluation,
    /// Once the result is there: while figures are drawn.
    Figures,
}

impl Moment {
    fn name(self) -> &'static str {
        match self {
            Self::Any(_) => "any",
            Self::Beginning => "beginning",
            Self::Save(_) | Self::Best => "save",
            Self::LastEvaluation => "last evaluation",
            Self::Figures => "figures",
        }
    }
}

/// Results of a run that was never killed.
struct Whole {
    command: String,
    result: Value,
    rows: Vec<Value>,
    time: Duration,
}

impl Whole {
    fn of(lab: &Lab, command: &str) -> Self {
        let begun = Instant::now();
        lab.ok(&format!("{command} --quiet --threads 1 --out whole"));
        let time = begun.elapsed();
        let run = lab.path("whole");
        let (result, rows) = (json(&run.join("result.json")), rows(&run));
        Self { command: command.to_owned(), result, rows, time }
    }

    /// Begins the run in `out`, or goes on with it.
    fn go_on(&self, lab: &Lab, out: &str) -> Child {
        let command = if lab.path(out).join("run.json").exists() {
            format!("resume {out} --quiet --threads 1")
        } else {
            format!("{} --quiet --threads 1 --out {out}", self.command)
        };
        lab.command(&command).stdout(Stdio::null()).spawn().unwrap()
    }

    /// Kills `child` at `moment`, unless it is over before; whether it was killed.
    fn kill(&self, run: &Path, moment: Moment, mut child: Child) -> bool {
        let (begun, checkpoints) = (Instant::now(), run.join("checkpoints"));
        let last = format!("step-{:012}", self.result["steps"].as_u64().unwrap());
        let saves = || {
            let entries = fs::read_dir(&checkpoints).into_iter().flatten().flatten();
            entries.map(|entry| entry.file_name().into_string().unwrap()).collect::<Vec<_>>()
        };
        let after = |part| begun.elapsed() >= self.time * part / 1000;
        let (ended, told) = (checkpoints.join(&last).exists(), run.join("result.json").exists());
        let due = || match moment {
            Moment::Any(part) => after(part),
            // A run that had come there before has to be read first.
            Moment::LastEvaluation if ended => after(150),
            Moment::Figures if told => after(200),
            Moment::Beginning => run.exists(),
            Moment::Save(after) => {
                let (partial, whole): (Vec<_>, Vec<_>) =
                    saves().into_iter().partition(|name| name.ends_with(".partial"));
                whole.len() >= after && partial.iter().any(|name| name.starts_with("step-"))
            }
            Moment::Best => saves().iter().any(|name| name.starts_with("best.")),
            Moment::LastEvaluation => checkpoints.join(&last).exists(),
            Moment::Figures => run.join("result.json").exists(),
        };
        while !due() {
            if child.try_wait().unwrap().is_some() {
                return false;
            }
            std::thread::sleep(Duration::from_micros(100));
        }
        child.kill().unwrap();
        // Without a code: by a signal.
        child.wait().unwrap().code().is_none()
    }

    /// Kills a run at each of `moments` in turn, lets it come to its end, and says by moment how often it was killed.
    ///
    /// # Errors
    /// Says how it is lost, or what is different.
    fn survives(
        &self,
        lab: &Lab,
        out: &str,
        moments: &[Moment],
    ) -> Result<BTreeMap<&'static str, u32>, String> {
        let (run, mut kills) = (lab.path(out), BTreeMap::new());
        for moment in moments {
            if self.kill(&run, *moment, self.go_on(lab, out)) {
                *kills.entry(moment.name()).or_default() += 1;
            }
        }
        let ended = self.go_on(lab, out).wait_with_output().unwrap();
        let lost = |why: String| format!("lost after {moments:?}: {why}");
        if !ended.status.success() {
            return Err(lost(stderr(&ended)));
        }
        let text = fs::read(run.join("result.json")).map_err(|error| lost(error.to_string()))?;
        let result: Value = serde_json::from_slice(&text).map_err(|e| lost(e.to_string()))?;
        let same = |key: &&str| result[*key] != self.result[*key];
        let different = ["outcome", "steps", "eval", "params_hash"].iter().find(|key| same(key));
        if let Some(key) = different {
            let (found, expected) = (&result[*key], &self.result[*key]);
            return Err(format!("different after {moments:?}: {key} {found}, not {expected}"));
        }
        if rows(&run) != self.rows {
            return Err(format!("different after {moments:?}: rows of metrics.jsonl"));
        }
        fs::remove_dir_all(run).map_err(|error| error.to_string())?;
        Ok(kills)
    }
}

#[test]
fn every_algorithm_has_a_short_run() {
    let names: Vec<_> = RUNS.lines().map(|line| line.split(' ').next().unwrap()).collect();
    let all: Vec<_> = algorithms().iter().map(|algorithm| algorithm.name).collect();
    assert_eq!(names, all);
}

/// One kill of each, the moments in turn; `kills_by_the_hundred` has them all.
#[test]
fn every_algorithm_survives_a_kill() {
    let moments = [
        Moment::LastEvaluation,
        Moment::Save(1),
        Moment::Any(500),
        Moment::Figures,
        Moment::Beginning,
    ];
    for (command, place) in RUNS.lines().zip(0..) {
        let lab = Lab::new();
        let whole = Whole::of(&lab, command);
        let moment = moments[place % moments.len()];
        whole.survives(&lab, "killed", &[moment]).unwrap_or_else(|why| panic!("{command}: {why}"));
    }
}

/// The table of docs/reliability.md.
#[test]
#[ignore = "over 500 kills: ten minutes"]
fn kills_by_the_hundred() {
    let mut random = 1u64;
    let mut any = || {
        // Any number but a repeated one will do.
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Moment::Any((random >> 33) as u32 % 700)
    };
    let kinds = ["any", "beginning", "save", "last evaluation", "figures"];
    let (mut all, mut failures) = (0, Vec::new());
    println!("| algorithm | {} | lost | different |", kinds.join(" | "));
    for command in RUNS.lines() {
        let lab = Lab::new();
        let whole = Whole::of(&lab, command);
        let mut chains = vec![
            vec![Moment::Beginning, Moment::Save(0), Moment::Save(1)],
            vec![Moment::Beginning, Moment::Save(2), Moment::LastEvaluation],
            vec![Moment::Best, Moment::Save(1), Moment::LastEvaluation],
            vec![Moment::Save(1), Moment::Best, Moment::LastEvaluation],
            vec![Moment::LastEvaluation, Moment::LastEvaluation],
            vec![Moment::Figures, Moment::Figures],
            vec![Moment::Figures],
        ];
        chains.extend((0..8).map(|_| vec![any(), any()]));
        let (mut kills, mut lost, mut different) = (BTreeMap::<&str, u32>::new(), 0, 0);
        for (i, moments) in chains.iter().enumerate() {
            match whole.survives(&lab, &format!("killed-{i}"), moments) {
                Ok(found) => {
                    found.iter().for_each(|(name, n)| *kills.entry(name).or_default() += n)
                }
                Err(why) => {
                    if why.starts_with("lost") {
                        lost += 1;
                    } else {
                        different += 1;
                    }
                    failures.push(format!("{command}: {why}"));
                }
            }
        }
        all += kills.values().sum::<u32>();
        let each = kinds.map(|kind| kills.get(kind).copied().unwrap_or_default().to_string());
        let name = command.split(' ').next().unwrap();
        println!("| {name} | {} | {lost} | {different} |", each.join(" | "));
    }
    println!("{all} kills");
    assert!(failures.is_empty(), "{failures:#?}");
    assert!(all >= 500, "{all} kills only: the machine is too fast for the moments, or too slow");
}
