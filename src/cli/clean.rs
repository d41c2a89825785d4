//! `lab clean`: deletes runs that came to no result, or those that are named.
use crate::study::named::runs_in;
use crate::usage::Usage;
use crate::wording;
use ::train::{Checkpoints, RunDir, RunInfo};
use anyhow::{Context, Result};
use std::fs::{self, File, TryLockError};
use std::io::{BufRead, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

/// Delete runs without a result, or the ones that are named
///
/// Lists what it would delete and asks. Directories that are no runs are left alone, and so are runs in which another process trains, and
/// those that hold directories of other things.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Runs, which are deleted whether they have a result or not, and directories that hold runs, of which those
    /// without a result are [default: runs]
    #[arg(value_name = "RUN")]
    paths: Vec<PathBuf>,
    /// Delete without asking
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Result<()> {
    let mut doomed = Vec::new();
    for path in found(args)? {
        match Doomed::of(path) {
            Ok(run) => doomed.push(run),
            Err(why) => writeln!(out, "kept: {why}")?,
        }
    }
    if doomed.is_empty() {
        writeln!(out, "nothing to delete")?;
        return Ok(());
    }
    for run in &doomed {
        writeln!(out, "{}", run.described())?;
    }
    let bytes = size(doomed.iter().map(|run| run.bytes).sum());
    let what = format!("{}, {bytes}", wording::counted(doomed.len() as u64, "runs"));
    if !args.yes && !agreed(&what, out)? {
        writeln!(out, "nothing is deleted")?;
        return Ok(());
    }
    for run in doomed {
        run.delete()?;
    }
    writeln!(out, "deleted {what}")?;
    Ok(())
}

/// Asks on the terminal.
fn agreed(what: &str, out: &mut dyn Write) -> Result<bool> {
    let input = std::io::stdin();
    if !input.is_terminal() {
        let sentence = "it asks before it deletes, and standard input is no terminal; give --yes";
        return Err(Usage(sentence.to_owned()).into());
    }
    write!(out, "Delete {what}? [y/N] ")?;
    out.flush()?;
    let mut answer = String::new();
    input.lock().read_line(&mut answer).context("cannot read the answer")?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}

/// Runs that are to be deleted, each once.
fn found(args: &Args) -> Result<Vec<PathBuf>> {
    let default = [PathBuf::from("runs")];
    let paths = if args.paths.is_empty() { &default[..] } else { &args.paths };
    let mut found = Vec::new();
    for path in paths.iter().filter(|path| !args.paths.is_empty() || path.exists()) {
        if path.join("run.json").exists() {
            RunDir::info(path)?;
            found.push(path.clone());
            continue;
        }
        let runs = runs_in(path)?;
        found.extend(runs.into_iter().filter(|run| !run.join("result.json").exists()));
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// A run that may be deleted, held so that no process begins to train in it.
struct Doomed {
    path: PathBuf,
    info: RunInfo,
    bytes: u64,
    lock: Option<File>,
}

impl Doomed {
    /// The run at `path`, or why it is kept.
    fn of(path: PathBuf) -> Result<Self> {
        let shown = path.display();
        let info = RunDir::info(&path)?;
        let is_link = fs::symlink_metadata(&path).is_ok_and(|about| about.is_symlink());
        anyhow::ensure!(!is_link, "{shown} is a link; name the directory itself");
        let lock = File::open(path.join("lock")).ok();
        // Some network file systems have no locks.
        if let Some(Err(TryLockError::WouldBlock)) = lock.as_ref().map(File::try_lock) {
            anyhow::bail!("another process is training in {shown}");
        }
        let mut bytes = 0;
        for (entry, about) in entries(&path)? {
            let own = about.is_file() || about.is_dir() && entry.ends_with("checkpoints");
            anyhow::ensure!(own, "{shown} holds {}, which is not of a run", entry.display());
            bytes += if about.is_dir() { length(&entry)? } else { about.len() };
        }
        Ok(Self { path, info, bytes, lock })
    }

    /// A line about it.
    fn described(&self) -> String {
        let RunInfo { algorithm, subject, seed, .. } = &self.info;
        let state = match Checkpoints::of(&self.path).newest_step() {
            _ if self.path.join("result.json").exists() => "with a result".to_owned(),
            Some(step) => format!("no result; can be resumed from step {step}"),
            None => "no result, no checkpoint".to_owned(),
        };
        let (path, size) = (self.path.display(), size(self.bytes));
        format!("{path}  {algorithm} on {subject}, seed {seed}: {state}  ({size})")
    }

    fn delete(self) -> Result<()> {
        // Without `run.json` what a kill leaves of it is no run.
        let cannot = || format!("cannot delete {}", self.path.display());
        fs::remove_file(self.path.join("run.json")).with_context(cannot)?;
        fs::remove_dir_all(&self.path).with_context(cannot)?;
        drop(self.lock);
        Ok(())
    }
}

/// Contents of a directory; of a link the link itself.
fn entries(path: &Path) -> Result<Vec<(PathBuf, fs::Metadata)>> {
    let entries = fs::read_dir(path).and_then(|entries| {
        entries
            .map(|entry| {
                let path = entry?.path();
                let about = fs::symlink_metadata(&path)?;
                Ok((path, about))
            })
            .collect()
    });
    entries.with_context(|| format!("cannot read {}", path.display()))
}

/// Bytes of all files in a directory.
fn length(path: &Path) -> Result<u64> {
    let mut bytes = 0;
    for (entry, about) in entries(path)? {
        bytes += if about.is_dir() { length(&entry)? } else { about.len() };
    }
    Ok(bytes)
}

/// Bytes as text.
fn size(bytes: u64) -> String {
    match bytes as f64 {
        bytes if bytes >= 1e9 => format!("{:.1} GB", bytes / 1e9),
        bytes if bytes >= 1e6 => format!("{:.1} MB", bytes / 1e6),
        bytes => format!("{:.0} kB", (bytes / 1e3).ceil()),
    }
}
