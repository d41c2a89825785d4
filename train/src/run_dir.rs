//! A run's directory: what was asked for, what was measured, what was learned.
use crate::atomic::write_atomic;
use crate::read_text;
use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// `run.json`: everything needed to start this run again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunInfo {
    /// Subcommand that trains it.
    pub algorithm: String,
    /// Environment or data set.
    pub subject: String,
    /// Seed of every stream.
    pub seed: u64,
    /// The plan and every hyper-parameter, resolved.
    pub config: Map<String, Value>,
    /// Version of lab that started the run.
    pub lab_version: String,
    /// Commit it was built from.
    pub lab_commit: String,
    /// Device it runs on.
    pub device: String,
    /// Threads it runs on.
    pub threads: usize,
    /// Time of its start, UTC.
    pub started: String,
    /// Description of the data, as far as they were read from files: name, fingerprint, counts and
    /// everything a model of them is built from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}

/// Number of looks at a directory that is held, and the time between two.
const LOOKS: u32 = 10;
const LOOK: Duration = Duration::from_millis(10);

/// Another process trains in a run directory.
#[derive(Debug, thiserror::Error)]
#[error("another process is training in {}; wait for it or stop it", .0.display())]
pub struct Held(PathBuf);

/// A run directory, held by this process alone.
pub struct RunDir {
    path: PathBuf,
    /// The lock goes with the handle, also when the process is killed.
    _lock: File,
}

impl RunDir {
    /// Makes a new directory: `path`, or `runs/<name>` with `-2`, `-3` … where that is taken.
    ///
    /// # Errors
    /// If `path` holds something already, or can't be written.
    pub fn create(path: Option<&Path>, name: &str) -> Result<Self> {
        let Some(path) = path else {
            fs::create_dir_all("runs").context("cannot create the directory runs")?;
            for i in 1.. {
                let suffix = if i == 1 { String::new() } else { format!("-{i}") };
                let path = Path::new("runs").join(format!("{name}{suffix}"));
                match fs::create_dir(&path) {
                    Ok(()) => return Self::hold(path),
                    Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                    Err(error) => {
                        return Err(error)
                            .with_context(|| format!("cannot create {}", path.display()));
                    }
                }
            }
            bail!("every name of the form runs/{name}-N is taken");
        };
        fs::create_dir_all(path)
            .with_context(|| format!("cannot create the run directory {}", path.display()))?;
        // Nothing is written into a directory of other things.
        leftovers(path)?;
        let dir = Self::hold(path.to_owned())?;
        for left in leftovers(path)? {
            let removed =
                if left.is_dir() { fs::remove_dir(&left) } else { fs::remove_file(&left) };
            removed.with_context(|| format!("cannot remove {}", left.display()))?;
        }
        Ok(dir)
    }

    /// Opens the directory of a run that was started before.
    ///
    /// # Errors
    /// If it is no run directory, or another process trains in it.
    pub fn open(path: &Path) -> Result<(Self, RunInfo)> {
        let info = Self::info(path)?;
        let dir = Self::hold(path.to_owned())?;
        for left in entries(path)?.iter().filter(|entry| is_partial(entry)) {
            let name = left.file_name();
            // Those of this process; a figure may be being drawn by another one.
            if WRITTEN.iter().any(|own| name.to_string_lossy().starts_with(own)) {
                fs::remove_file(left.path())
                    .with_context(|| format!("cannot remove {}", left.path().display()))?;
            }
        }
        Ok((dir, info))
    }

    /// Reads `run.json` without holding the directory.
    ///
    /// # Errors
    /// If it is absent or damaged.
    pub fn info(path: &Path) -> Result<RunInfo> {
        let file = path.join("run.json");
        let text = read_text(&file).with_context(|| match leftovers(path) {
            Ok(_) if path.is_dir() => format!(
                "{0} has no run.json: its run ended before it had begun; give its command again, with \
                 --out {0}",
                path.display()
            ),
            _ => format!("{} is not a run directory: cannot read run.json in it", path.display()),
        })?;
        serde_json::from_str(&text).with_context(|| format!("{} is damaged", file.display()))
    }

    fn hold(path: PathBuf) -> Result<Self> {
        let file = path.join("lock");
        let special = fs::metadata(&file).is_ok_and(|about| !about.is_file());
        ensure!(!special, "{} is not a regular file; remove it", file.display());
        let lock = File::create(&file)
            .with_context(|| format!("cannot write in the run directory {}", path.display()))?;
        let mut held = lock.try_lock();
        for _ in 0..LOOKS {
            if !matches!(held, Err(fs::TryLockError::WouldBlock)) {
                break;
            }
            // Another process may only be looking whether the directory is held.
            thread::sleep(LOOK);
            held = lock.try_lock();
        }
        match held {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(fs::TryLockError::WouldBlock) => Err(Held(path).into()),
            // Some network file systems have no locks: better to train unlocked than not at all.
            Err(fs::TryLockError::Error(_)) => Ok(Self { path, _lock: lock }),
        }
    }

    /// Test whether a process holds the directory; not where the file system has no locks.
    pub fn is_held(path: &Path) -> bool {
        let lock = File::open(path.join("lock"));
        lock.is_ok_and(|lock| matches!(lock.try_lock(), Err(fs::TryLockError::WouldBlock)))
    }

    /// Path of the directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes `value` as `name`, whole or not at all.
    ///
    /// # Errors
    /// Names the file.
    pub fn write_json(&self, name: &str, value: &impl Serialize) -> Result<()> {
        let mut text = serde_json::to_vec_pretty(value)?;
        text.push(b'\n');
        write_atomic(&self.path.join(name), &text)
    }
}

/// Files that the process alone writes that holds the directory.
const WRITTEN: [&str; 3] = ["run.json.", "result.json.", "solution.json."];

fn entries(path: &Path) -> Result<Vec<fs::DirEntry>> {
    let entries = fs::read_dir(path).and_then(|entries| entries.collect());
    entries.with_context(|| format!("cannot read {}", path.display()))
}

/// A file that was not yet whole when its writer was stopped.
fn is_partial(entry: &fs::DirEntry) -> bool {
    let partial = entry.path().extension().is_some_and(|end| end == "partial");
    partial && entry.file_type().is_ok_and(|kind| kind.is_file())
}

/// Leftovers in `path` of a run that was stopped before it began: files that are not whole, and empty
/// directories. The lock stays, whoever holds it.
///
/// # Errors
/// If `path` holds anything else: names it.
fn leftovers(path: &Path) -> Result<Vec<PathBuf>> {
    let (mut left, mut other) = (Vec::new(), Vec::new());
    for entry in entries(path)? {
        let empty = || fs::read_dir(entry.path()).is_ok_and(|mut within| within.next().is_none());
        let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
        match entry.file_name() {
            name if name == "lock" => {}
            _ if is_partial(&entry) || (is_dir && empty()) => left.push(entry.path()),
            name => other.push(name.to_string_lossy().into_owned()),
        }
    }
    other.sort();
    let named = match &other[..] {
        [] => return Ok(left),
        [.., _] if other.len() > 3 => {
            format!("{} and {} more", other[..3].join(", "), other.len() - 3)
        }
        few => few.join(", "),
    };
    bail!("{} is not empty: it holds {named}; choose another directory with --out", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_overwrites_and_never_shares() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run");
        let run = RunDir::create(Some(&path), "").unwrap();
        let error = RunDir::create(Some(&path), "").err().unwrap().to_string();
        assert!(error.contains("another process"), "{error}");
        assert!(RunDir::open(&path).err().unwrap().to_string().contains("run.json"));
        let info = RunInfo {
            algorithm: "dqn".to_owned(),
            subject: "catch".to_owned(),
            seed: 1,
            config: Map::new(),
            lab_version: "0".to_owned(),
            lab_commit: String::new(),
            device: "cpu".to_owned(),
            threads: 1,
            started: String::new(),
            data: None,
        };
        run.write_json("run.json", &info).unwrap();
        assert!(RunDir::open(&path).err().unwrap().to_string().contains("another process"));
        assert!(RunDir::is_held(&path));
        drop(run);
        assert!(!RunDir::is_held(&path) && !RunDir::is_held(dir.path()));
        assert_eq!(RunDir::open(&path).unwrap().1, info);
        let error = RunDir::create(Some(&path), "").err().unwrap().to_string();
        assert!(error.contains("not empty: it holds run.json; choose"), "{error}");
    }

    /// As a kill may leave it, or a disk that was full.
    #[test]
    fn what_a_run_left_that_never_began_is_no_hindrance() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run");
        let file = |name: &str| fs::write(path.join(name), b"{\"algo").unwrap();
        fs::create_dir_all(path.join("checkpoints")).unwrap();
        ["lock", "run.json.partial"].iter().for_each(|name| file(name));
        let error = RunDir::open(&path).err().unwrap();
        let expected = "ended before it had begun; give its command again, with --out ";
        assert!(error.to_string().contains(expected), "{error}");
        drop(RunDir::create(Some(&path), "").unwrap());
        let left: Vec<_> = entries(&path).unwrap().iter().map(fs::DirEntry::file_name).collect();
        assert_eq!(left, ["lock"]);

        // What is not lab's stays, and is named.
        ["d.txt", "a.txt", "c.txt", "b.txt", "run.json.partial"].iter().for_each(|name| file(name));
        let error = RunDir::create(Some(&path), "").err().unwrap().to_string();
        assert!(error.contains("it holds a.txt, b.txt, c.txt and 1 more; choose"), "{error}");
        assert_eq!(entries(&path).unwrap().len(), 6);
        let other = dir.path().join("other");
        fs::create_dir(&other).unwrap();
        fs::write(other.join("notes"), b"").unwrap();
        RunDir::create(Some(&other), "").err().unwrap();
        assert_eq!(entries(&other).unwrap().len(), 1, "a lock was left in a directory of others");
        let error = RunDir::open(&other).err().unwrap().to_string();
        assert!(error.contains("is not a run directory"), "{error}");
        let error = RunDir::open(&dir.path().join("none")).err().unwrap().to_string();
        assert!(error.contains("is not a run directory"), "{error}");
    }

    #[test]
    fn a_run_that_goes_on_clears_away_what_it_left_itself() {
        let dir = tempfile::tempdir().unwrap();
        let info = r#"{"algorithm":"a","subject":"b","seed":1,"config":{},"lab_version":"",
                       "lab_commit":"","device":"cpu","threads":1,"started":""}"#;
        fs::write(dir.path().join("run.json"), info).unwrap();
        for name in ["run.json.partial", "result.json.partial", "curves.svg.partial"] {
            fs::write(dir.path().join(name), b"").unwrap();
        }
        let _run = RunDir::open(dir.path()).unwrap();
        let mut left: Vec<_> =
            entries(dir.path()).unwrap().iter().map(fs::DirEntry::file_name).collect();
        left.sort();
        // Another process may be drawing.
        assert_eq!(left, ["curves.svg.partial", "lock", "run.json"]);
    }
}
