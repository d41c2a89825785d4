//! State of a run, by its files: how far it is, and whether it goes on.
use super::result::RunResult;
use params::plain;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use train::{Checkpoints, RunDir, RunOutcome};

/// State of a run.
#[derive(Debug)]
pub(crate) enum State {
    /// It is on a list alone.
    NotBegun,
    /// A process trains it.
    Training,
    /// It was stopped on its way.
    Interrupted,
    /// It came to the steps that it had, and has more now.
    ToGoOn,
    /// It can't be made, for the reason that a worker has written down.
    Failed(String),
    /// Its loss or its parameters were no longer finite, as a worker has written down.
    Diverged(String),
    /// Its result can't be read: which file, and what to do.
    Damaged(String),
    /// It has come to its end.
    Done(Box<RunResult>),
    /// It is one of `lab reproduce`, which ended so.
    Reproduction(String),
}

/// Begins what a worker writes down of a run that diverged.
const DIVERGED: &str = "diverged: ";

/// Bytes at the end of a file of rows in which the last one is looked for.
const TAIL: u64 = 1 << 16;

impl State {
    /// State of the run at `dir` that is to have so many steps.
    pub(crate) fn of(dir: &Path, steps: u64) -> Self {
        if let Some(outcome) = reproduction(dir) {
            return Self::Reproduction(outcome);
        }
        let (result, damage) = match RunResult::read(dir) {
            // One that was to stop on its way may be to go on now.
            Ok(Some(result)) if result.is_over(steps) => return Self::Done(Box::new(result)),
            Ok(result) => (result, None),
            Err(error) => (None, Some(format!("{error:#}"))),
        };
        if RunDir::is_held(dir) {
            return Self::Training;
        }
        match (fs::read_to_string(failure_file(dir)).ok(), damage, result) {
            (Some(failure), ..) => Self::failed(&failure),
            (None, Some(damage), _) => Self::Damaged(damage),
            (None, None, Some(result)) if result.outcome != RunOutcome::Interrupted => Self::ToGoOn,
            (None, None, None) if !dir.join("run.json").exists() => Self::NotBegun,
            (None, None, _) => Self::Interrupted,
        }
    }

    /// State by the words of a worker.
    fn failed(failure: &str) -> Self {
        let failure = failure.trim_end();
        match failure.strip_prefix(DIVERGED) {
            Some(why) => Self::Diverged(why.to_owned()),
            None => Self::Failed(failure.to_owned()),
        }
    }

    /// Words that a worker writes down of a run that failed or diverged.
    pub(crate) fn failure(&self) -> Option<String> {
        match self {
            Self::Failed(why) => Some(why.clone()),
            Self::Diverged(why) => Some(format!("{DIVERGED}{why}")),
            _ => None,
        }
    }

    /// Test whether a worker may take it.
    pub(crate) fn is_waiting(&self) -> bool {
        // A result that can't be read is made again from the last checkpoint.
        matches!(self, Self::NotBegun | Self::Interrupted | Self::ToGoOn | Self::Damaged(_))
    }

    /// Name of the state; of a run that is done, how it ended.
    pub(crate) fn name(&self) -> String {
        let name = match self {
            Self::NotBegun => "not_begun",
            Self::Training => "training",
            Self::Interrupted => "interrupted",
            Self::ToGoOn => "to_go_on",
            Self::Failed(_) => "failed",
            Self::Diverged(_) => "diverged",
            Self::Damaged(_) => "damaged",
            Self::Reproduction(outcome) => outcome,
            Self::Done(result) => {
                let name = serde_json::to_value(result.outcome);
                return name.map_or_else(|_| String::new(), |name| plain(&name));
            }
        };
        name.to_owned()
    }

    /// The sentence about what is wrong with it, if something is.
    pub(crate) fn why(&self) -> Option<&str> {
        match self {
            Self::Failed(why) | Self::Diverged(why) | Self::Damaged(why) => Some(why),
            _ => None,
        }
    }

    /// Step that the run at `dir`, of this state, has come to: that of its result, or else of its last row or its newest
    /// checkpoint; `None` where it has neither.
    pub(crate) fn step(&self, dir: &Path) -> Option<u64> {
        match self {
            Self::NotBegun => None,
            Self::Done(result) => Some(result.steps),
            _ => last_row(&dir.join("metrics.jsonl")).max(Checkpoints::of(dir).newest_step()),
        }
    }
}

/// Outcome of the reproduction at `dir`, if its result is one of `lab reproduce`.
fn reproduction(dir: &Path) -> Option<String> {
    let text = train::read_text(&dir.join("result.json")).ok()?;
    let result: serde_json::Value = serde_json::from_str(&text).ok()?;
    result.get("reproduce")?;
    Some(result.get("outcome")?.as_str()?.to_owned())
}

/// The file beside the run at `dir` in which a worker writes down why it can't be made.
pub(crate) fn failure_file(dir: &Path) -> PathBuf {
    let mut file = dir.as_os_str().to_owned();
    file.push(".error");
    file.into()
}

/// Step of the last whole row of a file of metrics, found from its end.
pub(crate) fn last_row(path: &Path) -> Option<u64> {
    let mut file = File::open(path).ok()?;
    let length = file.metadata().ok().filter(std::fs::Metadata::is_file)?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL))).ok()?;
    let mut tail = Vec::new();
    file.take(TAIL).read_to_end(&mut tail).ok()?;
    let step = |line: &[u8]| {
        let row: serde_json::Value = serde_json::from_slice(line).ok()?;
        row.get("step")?.as_f64().map(|step| step as u64)
    };
    tail.split(|byte| *byte == b'\n').rev().find_map(step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn result(dir: &Path, outcome: &str, steps: u64) {
        let result = json!({
            "algorithm": "dqn", "subject": "catch", "seed": 1, "outcome": outcome, "steps": steps, "wall_seconds": 1.0,
            "steps_per_second": 1.0, "updates": 1, "params_hash": "", "run": "", "eval": {}, "objective": null,
        });
        fs::write(dir.join("result.json"), result.to_string()).unwrap();
    }

    #[test]
    fn files_say_how_far_a_run_is() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("run");
        let is = |failure: Option<&str>, name: &str, step: Option<u64>| {
            match failure {
                Some(failure) => fs::write(root.path().join("run.error"), failure).unwrap(),
                None => _ = fs::remove_file(root.path().join("run.error")),
            }
            let state = State::of(&dir, 100);
            assert_eq!((state.name(), state.step(&dir)), (name.to_owned(), step));
            state
        };
        assert!(is(None, "not_begun", None).is_waiting());
        let failed = is(Some("no disk\n"), "failed", None);
        assert!(!failed.is_waiting());
        assert_eq!((failed.why(), failed.failure().as_deref()), (Some("no disk"), Some("no disk")));
        let diverged = is(Some("diverged: the loss"), "diverged", None);
        assert_eq!(diverged.why(), Some("the loss"));
        assert_eq!(diverged.failure().as_deref(), Some("diverged: the loss"));

        fs::create_dir(&dir).unwrap();
        fs::write(dir.join("run.json"), "{}").unwrap();
        assert!(is(None, "interrupted", None).is_waiting());
        // A row that was not whole is none.
        let rows = "{\"step\": 10, \"a\": 1}\n{\"step\": 20}\n{\"step\": 3";
        fs::write(dir.join("metrics.jsonl"), rows).unwrap();
        is(None, "interrupted", Some(20));
        fs::create_dir_all(dir.join("checkpoints/step-000000000030")).unwrap();
        fs::write(dir.join("checkpoints/step-000000000030/manifest.json"), "{}").unwrap();
        is(None, "interrupted", Some(30));
        result(&dir, "interrupted", 40);
        is(None, "interrupted", Some(30));
        result(&dir, "finished", 40);
        assert!(is(None, "to_go_on", Some(30)).is_waiting());
        result(&dir, "stalled", 40);
        assert!(!is(None, "stalled", Some(40)).is_waiting());
        // A result is one, whatever was written down before.
        result(&dir, "finished", 100);
        is(Some("no disk"), "finished", Some(100));
        fs::write(dir.join("result.json"), "{\"alg").unwrap();
        let damaged = is(None, "damaged", Some(30));
        assert!(damaged.is_waiting() && damaged.failure().is_none());
        assert!(damaged.why().unwrap().contains("result.json is damaged; delete it, and resume"));
        // It was made again in vain.
        assert!(!is(Some("no disk"), "failed", Some(30)).is_waiting());

        let lock = File::create(dir.join("lock")).unwrap();
        lock.lock().unwrap();
        assert!(!is(Some("no disk"), "training", Some(30)).is_waiting());
    }

    #[test]
    fn a_reproduction_is_no_damaged_run() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("run.json"), "{}").unwrap();
        let result = r#"{"reproduce": "dqn-ablations", "outcome": "finished", "passed": 3}"#;
        fs::write(root.path().join("result.json"), result).unwrap();
        let state = State::of(root.path(), 0);
        assert_eq!(
            (state.name().as_str(), state.why(), state.is_waiting()),
            ("finished", None, false)
        );
    }

    #[test]
    fn the_last_row_is_found_behind_a_long_one() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("metrics.jsonl");
        assert_eq!(last_row(&path), None);
        let long =
            format!("{{\"step\": 1, \"a\": \"{}\"}}\n{{\"step\": 2}}\n", "x".repeat(100_000));
        fs::write(&path, long).unwrap();
        assert_eq!(last_row(&path), Some(2));
    }
}
