//! A run's directory: what was asked for, what was measured, what was learned.
use crate::atomic::write_atomic;
use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

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
    /// When it was started, UTC.
    pub started: String,
    /// What it learns from, as far as that was read from files: name, fingerprint, counts and what a model of
    /// it is built from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}

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
    /// Where `path` holds something already, or can't be written.
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
        let entries = fs::read_dir(path).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
        let entries = entries.with_context(|| format!("cannot read {}", path.display()))?;
        // A lock alone is what a disk that was full left of a run.
        let taken = entries.iter().any(|entry| entry.file_name() != "lock");
        ensure!(!taken, "{} is not empty; choose another directory with --out", path.display());
        Self::hold(path.to_owned())
    }

    /// Opens the directory of a run that was started before.
    ///
    /// # Errors
    /// Where it is no run directory, or another process trains in it.
    pub fn open(path: &Path) -> Result<(Self, RunInfo)> {
        let info = Self::info(path)?;
        Ok((Self::hold(path.to_owned())?, info))
    }

    /// Reads `run.json` without holding the directory.
    ///
    /// # Errors
    /// Where it is absent or damaged.
    pub fn info(path: &Path) -> Result<RunInfo> {
        let file = path.join("run.json");
        let text = fs::read(&file).with_context(|| {
            format!("{} is not a run directory: cannot read run.json in it", path.display())
        })?;
        serde_json::from_slice(&text).with_context(|| format!("{} is damaged", file.display()))
    }

    fn hold(path: PathBuf) -> Result<Self> {
        let file = path.join("lock");
        let lock = File::create(&file)
            .with_context(|| format!("cannot write in the run directory {}", path.display()))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(fs::TryLockError::WouldBlock) => {
                bail!("another process is training in {}; wait for it or stop it", path.display())
            }
            // Some network file systems have no locks: better to train unlocked than not at all.
            Err(fs::TryLockError::Error(_)) => Ok(Self { path, _lock: lock }),
        }
    }

    /// Where it is.
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
        drop(run);
        assert_eq!(RunDir::open(&path).unwrap().1, info);
        let error = RunDir::create(Some(&path), "").err().unwrap().to_string();
        assert!(error.contains("not empty"), "{error}");
    }
}
