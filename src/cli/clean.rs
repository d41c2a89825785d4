//! `lab clean`: deletes runs that came to no result, or the runs and studies that are named.
use crate::study::info::{Study, is_study};
use crate::study::named::runs_in;
use crate::usage::Usage;
use crate::wording;
use ::train::{Checkpoints, RunDir, RunInfo};
use anyhow::{Context, Result};
use std::fs::{self, File, TryLockError};
use std::io::{BufRead, ErrorKind, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

/// Delete runs without a result, or the runs and studies that are named
///
/// Lists what it would delete and asks. Directories that are no runs are left alone, and so are runs and studies in which another process
/// trains, and those that hold other things.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Runs and studies, which are deleted whether they have a result or not, and directories that hold runs, of which
    /// those without a result are [default: runs]
    #[arg(value_name = "RUN")]
    paths: Vec<PathBuf>,
    /// Delete without asking
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Result<()> {
    let input = std::io::stdin();
    let is_terminal = input.is_terminal();
    clean(args, (&mut input.lock(), is_terminal), out)
}

/// Deletes what was agreed to, by an input that may be no terminal.
fn clean(args: &Args, input: (&mut dyn BufRead, bool), out: &mut dyn Write) -> Result<()> {
    let (mut runs, mut studies) = (Vec::new(), Vec::new());
    for path in found(args)? {
        let is_study = is_study(&path);
        let doomed =
            if is_study { Doomed::study(&path) } else { Doomed::run(&path).map(|run| vec![run]) };
        match doomed {
            Ok(doomed) if is_study => studies.push((path, doomed)),
            Ok(run) => runs.extend(run),
            Err(why) => writeln!(out, "kept: {why}")?,
        }
    }
    if runs.is_empty() && studies.is_empty() {
        writeln!(out, "nothing to delete")?;
        return Ok(());
    }
    for run in &runs {
        writeln!(out, "{}", run.described())?;
    }
    let mut bytes = runs.iter().map(|run| run.bytes).sum::<u64>();
    for (path, of_study) in &studies {
        let own: u64 = entries(path)?
            .iter()
            .filter(|(_, about)| about.is_file())
            .map(|(_, about)| about.len())
            .sum();
        let all = own + of_study.iter().map(|run| run.bytes).sum::<u64>();
        let n = wording::counted(of_study.len() as u64, "runs");
        writeln!(out, "{}  study with {n}  ({})", path.display(), size(all))?;
        bytes += all;
    }
    let counted = [(runs.len(), "runs"), (studies.len(), "studies")];
    let counted = counted.iter().filter(|(n, _)| *n > 0).map(|(n, what)| match (n, *what) {
        (1, "studies") => "1 study with all its runs".to_owned(),
        (n, "studies") => format!("{n} studies with all their runs"),
        (n, what) => wording::counted(*n as u64, what),
    });
    let what = format!("{}, {}", counted.collect::<Vec<_>>().join(" and "), size(bytes));
    if !args.yes && !agreed(&what, input, out)? {
        writeln!(out, "nothing is deleted")?;
        return Ok(());
    }
    runs.into_iter().try_for_each(Doomed::delete)?;
    for (path, of_study) in studies {
        // Without its list what a kill leaves of it is no study, but runs.
        let cannot = || format!("cannot delete {}", path.display());
        fs::remove_file(path.join("study.json")).with_context(cannot)?;
        of_study.into_iter().try_for_each(Doomed::delete)?;
        fs::remove_dir_all(&path).with_context(cannot)?;
    }
    writeln!(out, "deleted {what}")?;
    Ok(())
}

/// Asks on the terminal.
fn agreed(
    what: &str,
    (input, is_terminal): (&mut dyn BufRead, bool),
    out: &mut dyn Write,
) -> Result<bool> {
    if !is_terminal {
        let sentence = "it asks before it deletes, and standard input is no terminal; give --yes";
        return Err(Usage(sentence.to_owned()).into());
    }
    write!(out, "Delete {what}? [y/N] ")?;
    out.flush()?;
    let mut answer = String::new();
    input.read_line(&mut answer).context("cannot read the answer")?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}

/// Runs and studies that are to be deleted, each once.
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
        if is_study(path) {
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
    fn run(path: &Path) -> Result<Self> {
        let info = RunDir::info(path)?;
        refuse_link(path)?;
        Self::held(path, info)
    }

    /// The runs of the study at `path`, or why it is kept.
    fn study(path: &Path) -> Result<Vec<Self>> {
        refuse_link(path)?;
        let study = Study::open(path)?;
        let shown = path.display();
        let mut runs = Vec::new();
        for (entry, about) in entries(path)? {
            let name = entry.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
            let member = study.members.iter().find(|member| member.run == name);
            match member {
                // One whose file is damaged too.
                Some(member) if about.is_dir() => {
                    let info = RunDir::info(&entry).unwrap_or_else(|_| member.info());
                    runs.push(Self::held(&entry, info)?);
                }
                _ => anyhow::ensure!(
                    about.is_file(),
                    "{shown} holds {}, which is not of a study",
                    entry.display()
                ),
            }
        }
        Ok(runs)
    }

    /// The run at `path`, held, if nothing else is in it.
    fn held(path: &Path, info: RunInfo) -> Result<Self> {
        let shown = path.display();
        let lock = File::open(path.join("lock")).ok();
        // Some network file systems have no locks.
        if let Some(Err(TryLockError::WouldBlock)) = lock.as_ref().map(File::try_lock) {
            anyhow::bail!("another process is training in {shown}");
        }
        let mut bytes = 0;
        for (entry, about) in entries(path)? {
            let own = about.is_file() || about.is_dir() && entry.ends_with("checkpoints");
            anyhow::ensure!(own, "{shown} holds {}, which is not of a run", entry.display());
            bytes += if about.is_dir() { length(&entry)? } else { about.len() };
        }
        Ok(Self { path: path.to_owned(), info, bytes, lock })
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
        match fs::remove_file(self.path.join("run.json")) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).with_context(cannot);
            }
            _ => {}
        }
        fs::remove_dir_all(&self.path).with_context(cannot)?;
        drop(self.lock);
        Ok(())
    }
}

fn refuse_link(path: &Path) -> Result<()> {
    let is_link = fs::symlink_metadata(path).is_ok_and(|about| about.is_symlink());
    anyhow::ensure!(!is_link, "{} is a link; name the directory itself", path.display());
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A study of two runs, one of which has begun.
    fn study(root: &Path) -> PathBuf {
        let path = root.join("study");
        fs::create_dir_all(path.join("a/checkpoints")).unwrap();
        let run = |name: &str| serde_json::json!({"run": name, "algorithm": "dqn", "config": {"env": "catch", "seed": 1, "steps": 9}});
        let list = serde_json::json!({
            "lab_version": "", "lab_commit": "", "started": "", "device": "auto", "runs": [run("a"), run("b")],
        });
        fs::write(path.join("study.json"), list.to_string()).unwrap();
        fs::write(path.join("b.error"), "no disk").unwrap();
        let info = serde_json::json!({
            "algorithm": "dqn", "subject": "catch", "seed": 1, "config": {}, "lab_version": "", "lab_commit": "",
            "device": "cpu", "threads": 1, "started": "",
        });
        fs::write(path.join("a/run.json"), info.to_string()).unwrap();
        File::create(path.join("a/lock")).unwrap();
        path
    }

    /// Output about a path with this answer.
    fn told(path: &Path, answer: &str) -> String {
        let args = Args { paths: vec![path.to_owned()], yes: false };
        let mut out = Vec::new();
        clean(&args, (&mut answer.as_bytes(), true), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_study_is_deleted_whole_by_a_yes_alone() {
        let root = tempfile::tempdir().unwrap();
        let path = study(root.path());
        for answer in ["\n", "n\n", "", "maybe\n"] {
            let told = told(&path, answer);
            assert!(told.contains("study  study with 1 run  (1 kB)"), "{told}");
            assert!(
                told.contains("Delete 1 study with all its runs, 1 kB? [y/N] nothing is deleted"),
                "{told}"
            );
            assert!(path.join("a/run.json").exists());
        }
        let mut out = Vec::new();
        let args = Args { paths: vec![path.clone()], yes: false };
        let error = clean(&args, (&mut "y\n".as_bytes(), false), &mut out).unwrap_err();
        assert!(error.is::<Usage>() && path.exists(), "{error}");
        // A study without its list is runs, one of which has no result.
        assert!(told(&path, " Yes \n").ends_with("deleted 1 study with all its runs, 1 kB\n"));
        assert!(!path.exists() && root.path().exists());
    }

    #[test]
    fn a_study_is_kept_with_what_is_not_its_own_or_under_way() {
        let root = tempfile::tempdir().unwrap();
        let path = study(root.path());
        fs::create_dir(path.join("thesis")).unwrap();
        let kept = told(&path, "y\n");
        assert!(kept.contains("/thesis, which is not of a study\nnothing to delete"), "{kept}");
        fs::remove_dir(path.join("thesis")).unwrap();
        let held = File::open(path.join("a/lock")).unwrap();
        held.lock().unwrap();
        let kept = told(&path, "y\n");
        assert!(kept.starts_with("kept: another process is training in "), "{kept}");
        assert!(path.join("a/run.json").exists());
        drop(held);
        // A directory of studies loses none of them.
        assert_eq!(told(root.path(), "y\n"), "nothing to delete\n");
    }
}
