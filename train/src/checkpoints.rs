//! The checkpoints of a run: the newest few, and the best.
use crate::{Checkpoint, ConfigChanged, Scope};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// Number of newest checkpoints that are kept.
const KEPT: usize = 3;

/// The directory `checkpoints/` of a run.
#[derive(Debug, Clone)]
pub struct Checkpoints {
    dir: PathBuf,
}

impl Checkpoints {
    /// The checkpoints of the run at `run`.
    pub fn of(run: &Path) -> Self {
        Self { dir: run.join("checkpoints") }
    }

    /// Creates the directory of the run, and those above it, where they are missing.
    ///
    /// # Errors
    /// Names what can't be created.
    pub(crate) fn create_run(&self) -> Result<()> {
        let run = self.dir.parent().unwrap_or(&self.dir);
        fs::create_dir_all(run).with_context(|| format!("cannot create {}", run.display()))
    }

    /// Saves what `state` lists as the checkpoint of `step`, and drops the oldest. A directory that was moved away since the
    /// training began is not made again.
    ///
    /// # Errors
    /// Names what could not be written. The other checkpoints are then untouched.
    pub fn save(
        &self,
        step: u64,
        state: impl FnOnce(&mut Checkpoint) -> Result<()>,
    ) -> Result<PathBuf> {
        let dir = self.dir.join(format!("step-{step:012}"));
        let mut checkpoint = Checkpoint::create(&dir)?;
        state(&mut checkpoint)?;
        checkpoint.commit()?;
        for old in self.complete()?.iter().skip(KEPT) {
            fs::remove_dir_all(old).with_context(|| format!("cannot remove {}", old.display()))?;
        }
        Ok(dir)
    }

    /// Makes `checkpoint` the best one. Its files are shared, not copied, where the disk can.
    ///
    /// # Errors
    /// Names what could not be written.
    pub fn mark_best(&self, checkpoint: &Path) -> Result<()> {
        let (best, partial, old) =
            (self.best(), self.dir.join("best.partial"), self.dir.join("best.old"));
        let publish = || -> Result<()> {
            self.tidy()?;
            fs::create_dir(&partial)?;
            for file in fs::read_dir(checkpoint)? {
                let file = file?;
                let target = partial.join(file.file_name());
                if fs::hard_link(file.path(), &target).is_err() {
                    fs::copy(file.path(), &target)?;
                }
            }
            if best.exists() {
                fs::rename(&best, &old)?;
            }
            fs::rename(&partial, &best)?;
            crate::atomic::sync_dir(&self.dir)?;
            self.tidy()
        };
        publish().with_context(|| format!("cannot write {}", best.display()))
    }

    /// Path of the best checkpoint.
    pub fn best(&self) -> PathBuf {
        self.dir.join("best")
    }

    /// Loads by `state` the newest checkpoint that is whole and fits, and returns where it is; `None`
    /// where none was ever saved. `note` is told of each that had to be passed over: what `state` had
    /// loaded of that one is loaded again.
    ///
    /// # Errors
    /// If there are checkpoints and none is whole and fits; [`ConfigChanged`] at once.
    pub fn load_latest(
        &self,
        scope: Scope,
        mut note: impl FnMut(&str),
        mut state: impl FnMut(&mut Checkpoint) -> Result<()>,
    ) -> Result<Option<PathBuf>> {
        let complete = self.complete()?;
        for (i, dir) in complete.iter().enumerate() {
            match (load(dir, scope, &mut state), complete.get(i + 1)) {
                (Ok(()), _) => return Ok(Some(dir.clone())),
                (Err(error), _) if error.is::<ConfigChanged>() => return Err(error),
                (Err(error), Some(before)) => {
                    note(&format!("{error:#}; falling back to {}", before.display()));
                }
                (Err(error), None) => {
                    return Err(error.context(format!(
                        "no checkpoint in {} is whole; start the run again",
                        self.dir.display()
                    )));
                }
            }
        }
        Ok(None)
    }

    /// The step of the newest checkpoint.
    pub fn newest_step(&self) -> Option<u64> {
        let newest = self.newest()?;
        newest.file_name()?.to_str()?.strip_prefix("step-")?.parse().ok()
    }

    /// The newest checkpoint's directory, whole or not.
    pub fn newest(&self) -> Option<PathBuf> {
        self.complete().ok()?.into_iter().next()
    }

    /// Removes what an interrupted save left, and ends an interrupted [`mark_best`](Self::mark_best).
    /// For the process that trains: a reader could take away what another one is writing.
    pub(crate) fn tidy(&self) -> Result<()> {
        let (best, old) = (self.best(), self.dir.join("best.old"));
        if old.exists() && !best.exists() {
            fs::rename(&old, &best)?;
        }
        for left in self.entries()? {
            if left.extension().is_some_and(|end| end == "partial" || end == "old") {
                fs::remove_dir_all(&left)
                    .with_context(|| format!("cannot remove {}", left.display()))?;
            }
        }
        Ok(())
    }

    /// Published checkpoints, newest first.
    fn complete(&self) -> Result<Vec<PathBuf>> {
        let mut steps = self.entries()?;
        steps.retain(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("step-") && path.extension().is_none()
        });
        steps.sort_unstable_by(|a, b| b.cmp(a));
        Ok(steps)
    }

    fn entries(&self) -> Result<Vec<PathBuf>> {
        if !self.dir.exists() {
            return Ok(Vec::new());
        }
        let read = || fs::read_dir(&self.dir)?.map(|entry| Ok(entry?.path())).collect();
        let entries: std::io::Result<_> = read();
        entries.with_context(|| format!("cannot read {}", self.dir.display()))
    }
}

/// Loads by `state` the checkpoint a model is used from: `best`, or the newest that is whole and fits.
///
/// # Errors
/// If there is none.
pub fn load_model(
    run: &Path,
    which: Which,
    note: impl FnMut(&str),
    mut state: impl FnMut(&mut Checkpoint) -> Result<()>,
) -> Result<()> {
    let checkpoints = Checkpoints::of(run);
    match which {
        Which::Best if checkpoints.best().exists() => {
            load(&checkpoints.best(), Scope::Model, &mut state)
        }
        // A kill, or this moment, may lie between the two renames that replace it.
        Which::Best => load(&checkpoints.dir.join("best.old"), Scope::Model, &mut state)
            .with_context(|| format!("{} has no best checkpoint", run.display())),
        Which::Latest => match checkpoints.load_latest(Scope::Model, note, state)? {
            Some(_) => Ok(()),
            None => bail!("{} has no checkpoint yet; train it on with `lab resume`", run.display()),
        },
    }
}

fn load(
    dir: &Path,
    scope: Scope,
    state: &mut impl FnMut(&mut Checkpoint) -> Result<()>,
) -> Result<()> {
    let mut checkpoint = Checkpoint::open(dir, scope)?;
    state(&mut checkpoint).map_err(|error| match error.is::<ConfigChanged>() {
        // Nothing is wrong with the checkpoint.
        true => error,
        false => error.context(format!("{} can't be loaded", dir.display())),
    })
}

/// Choice of a run's checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The one with the best validation score.
    Best,
    /// The newest.
    Latest,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved(steps: &[u64]) -> (tempfile::TempDir, Checkpoints) {
        let dir = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::of(dir.path());
        for step in steps {
            checkpoints.save(*step, |c| c.value("step", &mut step.clone())).unwrap();
        }
        (dir, checkpoints)
    }

    fn latest(checkpoints: &Checkpoints) -> (Result<u64>, Vec<String>) {
        let (mut step, mut notes) = (0, Vec::new());
        let note = |note: &str| notes.push(note.to_owned());
        let loaded = checkpoints.load_latest(Scope::All, note, |c| c.value("step", &mut step));
        (loaded.and_then(|dir| dir.context("none")).map(|_| step), notes)
    }

    #[test]
    fn falls_back_to_the_one_before_and_says_so() {
        let (_dir, checkpoints) = saved(&[1, 2]);
        assert_eq!(latest(&checkpoints).0.unwrap(), 2);
        fs::write(checkpoints.newest().unwrap().join("step.json"), b"").unwrap();
        let (step, notes) = latest(&checkpoints);
        assert_eq!(step.unwrap(), 1);
        assert!(notes[0].contains("step-000000000002/step.json is damaged"), "{notes:?}");
        assert!(notes[0].contains("falling back to"), "{notes:?}");
        fs::remove_file(checkpoints.complete().unwrap()[1].join("step.json")).unwrap();
        assert!(
            format!("{:#}", latest(&checkpoints).0.unwrap_err()).contains("start the run again")
        );
    }

    #[test]
    fn falls_back_where_what_was_saved_does_not_fit() {
        let (_dir, checkpoints) = saved(&[1, 2]);
        let (mut step, mut notes) = (0, Vec::new());
        let state = |c: &mut Checkpoint| {
            c.value("step", &mut step)?;
            c.check("step", "1 is expected", || step == 1)
        };
        let note = |note: &str| notes.push(note.to_owned());
        checkpoints.load_latest(Scope::All, note, state).unwrap();
        assert_eq!(step, 1);
        assert!(notes[0].contains("step does not fit, 1 is expected; falling back"), "{notes:?}");
    }

    #[test]
    fn interrupted_saves_are_cleared_away() {
        let (dir, checkpoints) = saved(&[1]);
        checkpoints.mark_best(&checkpoints.newest().unwrap()).unwrap();
        fs::rename(checkpoints.best(), dir.path().join("checkpoints/best.old")).unwrap();
        fs::create_dir(dir.path().join("checkpoints/step-000000000002.partial")).unwrap();
        // A reader leaves everything as it is: it may be another process that writes.
        assert_eq!(latest(&checkpoints).0.unwrap(), 1);
        load_model(dir.path(), Which::Best, |_| (), |_| Ok(())).unwrap();
        assert_eq!(checkpoints.entries().unwrap().len(), 3);
        checkpoints.tidy().unwrap();
        assert!(checkpoints.best().join("manifest.json").exists());
        assert_eq!(checkpoints.entries().unwrap().len(), 2);
    }
}
