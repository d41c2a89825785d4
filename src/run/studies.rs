//! Runs that a command line names: run directories, and studies, each of which stands for its runs.
use super::setting;
use crate::render::plot::{Group, rows};
use crate::usage::Usage;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use train::{RunDir, RunInfo};

/// File in a directory that makes it a study.
pub(crate) const STUDY: &str = "study.json";

/// Test whether a directory is a study: its directories are runs.
pub(crate) fn is_study(path: &Path) -> bool {
    path.join(STUDY).is_file()
}

/// The runs that `paths` name, each once: a study stands for its runs, by name.
///
/// # Errors
/// If a study has no run, or can't be listed.
pub(crate) fn expanded(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut runs = Vec::new();
    for path in paths {
        let named = if is_study(path) { runs_of(path)? } else { vec![path.clone()] };
        for run in named {
            if !runs.contains(&run) {
                runs.push(run);
            }
        }
    }
    Ok(runs)
}

/// The runs of a study.
fn runs_of(study: &Path) -> Result<Vec<PathBuf>> {
    let runs = runs_in(study)?;
    if runs.is_empty() {
        let sentence =
            format!("{} is a study without runs; wait until one has begun", study.display());
        return Err(Usage(sentence).into());
    }
    Ok(runs)
}

/// The runs that lie in a directory, by name.
///
/// # Errors
/// If it can't be listed.
pub(crate) fn runs_in(dir: &Path) -> Result<Vec<PathBuf>> {
    let cannot = || format!("cannot list {}", dir.display());
    let entries = std::fs::read_dir(dir).with_context(cannot)?;
    let entries = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>();
    let mut runs = entries.with_context(cannot)?;
    runs.retain(|path| path.join("run.json").is_file());
    runs.sort();
    Ok(runs)
}

/// The runs that lie in a directory, and in the studies there, by name.
///
/// # Errors
/// If it can't be listed.
pub(crate) fn runs_below(dir: &Path) -> Result<Vec<PathBuf>> {
    let cannot = || format!("cannot list {}", dir.display());
    let entries = std::fs::read_dir(dir).with_context(cannot)?;
    let studies = entries.flatten().map(|entry| entry.path()).filter(|path| is_study(path));
    let mut runs = runs_in(dir)?;
    for study in studies {
        runs.extend(runs_in(&study)?);
    }
    runs.sort();
    Ok(runs)
}

/// Those of `runs` that have logged a row, and the number of the others, which are yet to come.
///
/// # Errors
/// If none has.
pub(crate) fn begun(runs: Vec<PathBuf>) -> Result<(Vec<PathBuf>, usize)> {
    let all = runs.len();
    let logged = |run: &PathBuf| {
        let file = std::fs::metadata(run.join("metrics.jsonl"));
        file.is_ok_and(|file| file.len() > 0)
    };
    let begun: Vec<_> = runs.into_iter().filter(logged).collect();
    if begun.is_empty() {
        let sentence =
            format!("none of the {all} runs has a row of metrics yet; wait until one is logged");
        return Err(Usage(sentence).into());
    }
    let left = all - begun.len();
    Ok((begun, left))
}

/// Runs in groups: those that have the same values of the settings `by`, or of all in which they differ, are one. Its
/// label has these values, the number of its runs, and how many went on to the last step if that is not all.
pub(crate) fn groups(runs: &[PathBuf], by: Option<&[String]>) -> Result<Vec<Group>> {
    let infos: Vec<RunInfo> = runs.iter().map(|run| RunDir::info(run)).collect::<Result<_>>()?;
    let by = match by {
        Some(by) => {
            by.iter().try_for_each(|key| setting::check("--by", key, &infos))?;
            by.to_vec()
        }
        None => {
            let keys = setting::differing(&infos.iter().collect::<Vec<_>>());
            if keys.is_empty() { vec!["algorithm".to_owned()] } else { keys }
        }
    };
    let mut groups = Vec::<Group>::new();
    for (run, info) in runs.iter().zip(&infos) {
        let label = setting::described(info, &by);
        match groups.iter_mut().find(|group| group.label == label) {
            Some(group) => group.runs.push(run.clone()),
            None => groups.push(Group { label, runs: vec![run.clone()] }),
        }
    }
    for group in &mut groups {
        let ends = group.runs.iter().map(|run| last_step(run)).collect::<Result<Vec<_>>>()?;
        group.label += &counted(&ends);
    }
    Ok(groups)
}

/// Step of the last row of a run.
fn last_step(run: &Path) -> Result<u64> {
    Ok(rows(&run.join("metrics.jsonl"))?.last().map_or(0, |row| row.step))
}

/// The number of runs of a group that ended at these steps.
fn counted(ends: &[u64]) -> String {
    let last = ends.iter().max();
    match (ends.len(), ends.iter().filter(|end| Some(*end) == last).count()) {
        (n, to_the_end) if n == to_the_end => format!(" (n = {n})"),
        (n, to_the_end) => format!(" (n = {n}, {to_the_end} to the end)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A run with these settings and rows up to `last`.
    fn run(dir: &Path, name: &str, algorithm: &str, lr: f64, last: u64) -> PathBuf {
        let path = dir.join(name);
        fs::create_dir_all(&path).unwrap();
        let info = serde_json::json!({
            "algorithm": algorithm, "subject": "catch", "seed": 1, "config": {"env": "catch", "lr": lr},
            "lab_version": "", "lab_commit": "", "device": "cpu", "threads": 1, "started": "",
        });
        fs::write(path.join("run.json"), info.to_string()).unwrap();
        let row = |step: u64| format!("{{\"step\": {step}, \"train/loss\": 0.5}}\n");
        let rows: String = (1..=last).map(row).collect();
        fs::write(path.join("metrics.jsonl"), rows).unwrap();
        path
    }

    #[test]
    fn a_study_stands_for_its_runs() {
        let root = tempfile::tempdir().unwrap();
        let study = root.path().join("study");
        let (b, a) = (run(&study, "b", "dqn", 0.1, 1), run(&study, "a", "dqn", 0.1, 1));
        let alone = run(root.path(), "alone", "dqn", 0.1, 1);
        fs::create_dir(study.join("notes")).unwrap();
        fs::write(study.join(STUDY), "{}").unwrap();
        let found = expanded(&[alone.clone(), study.clone(), b.clone()]).unwrap();
        assert_eq!(found, [alone, a.clone(), b.clone()]);
        [a, b].iter().for_each(|run| fs::remove_dir_all(run).unwrap());
        let error = expanded(&[study]).unwrap_err().to_string();
        assert!(error.contains("study is a study without runs"), "{error}");
    }

    #[test]
    fn groups_have_the_same_settings_and_say_how_many_they_are() {
        let root = tempfile::tempdir().unwrap();
        let made = [
            ("a", "dqn", 0.1, 3),
            ("b", "dqn", 0.2, 3),
            ("c", "dqn", 0.1, 2),
            ("d", "ppo", 0.3, 3),
        ];
        let runs =
            made.map(|(name, algorithm, lr, last)| run(root.path(), name, algorithm, lr, last));
        let labels = |by: Option<&[&str]>| {
            let by = by.map(|by| by.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>());
            let groups = groups(&runs, by.as_deref()).unwrap();
            groups.into_iter().map(|group| group.label).collect::<Vec<_>>()
        };
        let apart =
            ["dqn, lr 0.1 (n = 2, 1 to the end)", "dqn, lr 0.2 (n = 1)", "ppo, lr 0.3 (n = 1)"];
        assert_eq!(labels(None), apart);
        assert_eq!(labels(Some(&["algorithm"])), ["dqn (n = 3, 2 to the end)", "ppo (n = 1)"]);
        assert_eq!(labels(Some(&["env"])), ["catch (n = 4, 3 to the end)"]);
        let alike = groups(&runs[3..], None).unwrap();
        assert_eq!((alike.len(), &*alike[0].label), (1, "ppo (n = 1)"));
        let error = groups(&runs, Some(&["nothing".to_owned()])).unwrap_err().to_string();
        assert_eq!(error, "--by nothing: no run has such an option");
    }

    #[test]
    fn runs_without_a_row_are_yet_to_come() {
        let root = tempfile::tempdir().unwrap();
        let (a, b) = (run(root.path(), "a", "dqn", 0.1, 1), run(root.path(), "b", "dqn", 0.1, 0));
        assert_eq!(begun(vec![a.clone(), b.clone()]).unwrap(), (vec![a], 1));
        let error = begun(vec![b]).unwrap_err().to_string();
        assert!(error.contains("none of the 1 runs has a row of metrics yet"), "{error}");
    }
}
