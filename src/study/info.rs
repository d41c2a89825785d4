//! `study.json`: the runs of a study.
use super::sweep::Sweep;
use crate::registry::{self, Algorithm, Options, as_part};
use crate::run::config::Config;
use crate::run::result::RunResult;
use crate::run::state::{State, failure_file};
use crate::wording;
use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;
use train::RunInfo;

/// File in a directory that makes it a study.
const STUDY: &str = "study.json";

/// Test whether a directory is a study: its directories are runs.
pub(crate) fn is_study(path: &Path) -> bool {
    path.join(STUDY).is_file()
}

/// A study and its directory.
#[derive(Debug)]
pub(crate) struct Study {
    pub(crate) path: PathBuf,
    pub(crate) members: Vec<Member>,
    pub(crate) shared: Shared,
    /// The sweep that its runs are chosen by, if it is one.
    pub(crate) sweep: Option<Sweep>,
}

/// Settings of all runs of a study that change none of their results.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Shared {
    /// Device that they are made on unless a worker is told otherwise.
    pub(crate) device: String,
    /// They write TensorBoard's event files too.
    #[serde(default)]
    pub(crate) tensorboard: bool,
}

/// A run of a study: done, under way or not yet begun.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Member {
    /// Name of its directory within that of the study.
    pub(crate) run: String,
    pub(crate) algorithm: String,
    /// The plan and every hyper-parameter, resolved.
    pub(crate) config: Options,
    /// Its place in a sweep.
    #[serde(default, skip_serializing_if = "Place::is_none")]
    pub(crate) place: Place,
}

/// Place of a run in a sweep.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// Number of its configuration.
    pub(crate) configuration: usize,
    /// Round in which that was proposed.
    pub(crate) round: usize,
    /// Values of what is varied.
    pub(crate) point: Vec<Value>,
    /// Steps that it is trained for if it is not stopped on the way.
    pub(crate) full_steps: Option<u64>,
    /// Scores where it stopped on its way and then went on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) passed: Vec<Passed>,
}

/// Score of a run at a step from which it went on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Passed {
    pub(crate) steps: u64,
    /// Turned so that higher is better.
    pub(crate) score: f64,
}

impl Place {
    fn is_none(&self) -> bool {
        self.point.is_empty()
    }
}

#[derive(Serialize, Deserialize)]
struct Info {
    lab_version: String,
    lab_commit: String,
    started: String,
    #[serde(flatten)]
    shared: Shared,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sweep: Option<Sweep>,
    runs: Vec<Member>,
}

impl Member {
    /// A run of `algorithm`, in a directory with its usual name, and `also` in it.
    pub(crate) fn new(algorithm: &Algorithm, config: Config, also: &str) -> Self {
        let subject = as_part(config.subject());
        let run = format!("{}-{subject}{also}-s{}", algorithm.name, config.seed());
        let place = Place::default();
        Self { run, algorithm: algorithm.name.to_owned(), config: config.all, place }
    }

    /// Steps that it is trained for.
    pub(crate) fn steps(&self) -> u64 {
        self.config.get("steps").and_then(Value::as_u64).unwrap_or(0)
    }

    /// Contents of its `run.json` once it has begun, as far as they are known before.
    pub(crate) fn info(&self) -> RunInfo {
        RunInfo {
            algorithm: self.algorithm.clone(),
            subject: Config::unchecked(self.config.clone()).subject().to_owned(),
            seed: self.config.get("seed").and_then(Value::as_u64).unwrap_or(0),
            config: self.config.clone(),
            lab_version: String::new(),
            lab_commit: String::new(),
            device: String::new(),
            threads: 0,
            started: String::new(),
            data: None,
        }
    }

    /// Its algorithm and its configuration.
    ///
    /// # Errors
    /// If they are not of this version of the program.
    pub(crate) fn resolved(&self) -> Result<(&'static Algorithm, Config)> {
        let algorithm = registry::algorithm(&self.algorithm)?;
        Ok((algorithm, Config::saved(self.config.clone(), algorithm)?))
    }
}

impl Study {
    /// Makes the directory of a new study: `path`, or `runs/<name>` with `-2`, `-3` … where that is taken.
    ///
    /// # Errors
    /// If `path` holds something already, or can't be written; if two runs have the same name.
    pub(crate) fn create(
        path: Option<&Path>,
        name: &str,
        shared: Shared,
        (members, sweep): (Vec<Member>, Option<Sweep>),
    ) -> Result<Self> {
        if let Some(path) = path.filter(|path| is_study(path)) {
            let told = wording::path(path);
            bail!("--out {told} holds a study; go on with `lab resume {told}`");
        }
        let path = match path {
            Some(path) => {
                fs::create_dir_all(path)
                    .with_context(|| format!("cannot create {}", path.display()))?;
                let mut entries = fs::read_dir(path)
                    .with_context(|| format!("cannot read {}", path.display()))?;
                let is_empty = entries.next().is_none();
                ensure!(
                    is_empty,
                    "--out {} is not empty; choose another directory",
                    path.display()
                );
                path.to_owned()
            }
            None => new_dir(name)?,
        };
        let study = Self { path, members, shared, sweep };
        study.write()?;
        Ok(study)
    }

    /// Reads the study at `path`.
    ///
    /// # Errors
    /// If there is none, or it is damaged.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = path.join(STUDY);
        let text = train::read_text(&file).with_context(|| {
            format!("{} is no study: cannot read {STUDY} in it", path.display())
        })?;
        let damaged = || format!("{} is damaged", file.display());
        let info: Info = serde_json::from_str(&text).with_context(damaged)?;
        let is_name = |run: &str| {
            let mut parts = Path::new(run).components();
            matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None))
        };
        if let Some(member) = info.runs.iter().find(|member| !is_name(&member.run)) {
            bail!("{}: `{}` is no name of a run's directory", damaged(), member.run);
        }
        ensure!(!info.runs.is_empty(), "{}: it lists no run", damaged());
        let Info { shared, sweep, runs: members, .. } = info;
        Ok(Self { path: path.to_owned(), members, shared, sweep })
    }

    /// Writes `study.json`.
    pub(super) fn write(&self) -> Result<()> {
        let info = Info {
            lab_version: env!("CARGO_PKG_VERSION").to_owned(),
            lab_commit: env!("LAB_COMMIT").to_owned(),
            started: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            shared: self.shared.clone(),
            sweep: self.sweep.clone(),
            runs: self.members.clone(),
        };
        let mut text = serde_json::to_vec_pretty(&info)?;
        text.push(b'\n');
        train::write_atomic(&self.path.join(STUDY), &text)
    }

    /// Directory of a run.
    pub(crate) fn dir(&self, member: &Member) -> PathBuf {
        self.path.join(&member.run)
    }

    /// State of a run, by its files.
    pub(crate) fn state(&self, member: &Member) -> State {
        State::of(&self.dir(member), member.steps())
    }

    /// Seconds that its runs have taken in all.
    pub(crate) fn seconds(&self) -> f64 {
        let of = |member| Some(RunResult::read(&self.dir(member)).ok()??.wall_seconds);
        self.members.iter().filter_map(of).sum()
    }

    /// Refuses a directory that is the study's no more, before anything is written there.
    ///
    /// # Errors
    /// If the study was moved or deleted.
    pub(super) fn check_place(&self) -> Result<()> {
        let path = self.path.display();
        ensure!(
            is_study(&self.path),
            "{path} is no longer there: it was moved or deleted; where it is now `lab resume` goes on with it"
        );
        Ok(())
    }

    /// Holds the study, so that one process alone adds to its list; `None` while another does.
    pub(super) fn hold(&self) -> Result<Option<File>> {
        let path = self.path.join("lock");
        let lock =
            File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        match lock.try_lock() {
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            // Some network file systems have no locks.
            _ => Ok(Some(lock)),
        }
    }

    /// Test whether a run waits to be made.
    pub(super) fn has_waiting(&self) -> bool {
        let is_spent = |seconds| self.seconds() >= seconds;
        let spent = self.sweep.as_ref().and_then(|sweep| sweep.seconds).is_some_and(is_spent);
        !spent && self.members.iter().any(|member| self.state(member).is_waiting())
    }

    /// Writes down that a run failed or diverged.
    pub(crate) fn fail(&self, member: &Member, state: &State) -> Result<()> {
        let why = state.failure().unwrap_or_default();
        train::write_atomic(&self.failure(member), format!("{why}\n").as_bytes())
    }

    /// Forgets that a run could not be made.
    pub(crate) fn forgive(&self, member: &Member) -> Result<()> {
        match fs::remove_file(self.failure(member)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error)
                .with_context(|| format!("cannot remove {}", self.failure(member).display())),
            _ => Ok(()),
        }
    }

    fn failure(&self, member: &Member) -> PathBuf {
        failure_file(&self.dir(member))
    }
}

fn new_dir(name: &str) -> Result<PathBuf> {
    fs::create_dir_all("runs").context("cannot create the directory runs")?;
    for i in 1.. {
        let suffix = if i == 1 { String::new() } else { format!("-{i}") };
        let path = Path::new("runs").join(format!("{name}{suffix}"));
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot create {}", path.display()));
            }
        }
    }
    bail!("every name of the form runs/{name}-N is taken")
}
