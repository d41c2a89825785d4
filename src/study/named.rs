//! Runs that a command line names: run directories, and studies, each of which stands for its runs.
use super::info::{Study, is_study};
use crate::render::plot::{Group, rows};
use crate::run::setting;
use crate::run::state::{State, last_row};
use crate::usage::Usage;
use crate::wording;
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use train::{RunDir, RunInfo};

/// A run and its state.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) dir: PathBuf,
    /// Contents of its `run.json`, or of the list of its study where it has none; `None` where the file is damaged.
    pub(crate) info: Option<RunInfo>,
    /// Steps that it is trained for.
    pub(crate) steps: u64,
    pub(crate) state: State,
}

impl Named {
    /// The run at `dir`, which is of no study.
    ///
    /// # Errors
    /// If there is none.
    fn alone(dir: &Path) -> Result<Self> {
        let info = match RunDir::info(dir) {
            Err(error) if !dir.join("run.json").is_file() => {
                refuse_several(dir)?;
                return Err(error);
            }
            info => info,
        };
        let steps = info.as_ref().ok().and_then(|info| info.config.get("steps")?.as_u64());
        let (info, state) = match info {
            Ok(info) => (Some(info), State::of(dir, steps.unwrap_or(0))),
            Err(error) => (None, State::Damaged(damaged(&error, dir))),
        };
        Ok(Self { dir: dir.to_owned(), info, steps: steps.unwrap_or(0), state })
    }

    /// The runs of a study, in the order of its list.
    fn of(study: &Study) -> Vec<Self> {
        let named = |member| {
            let dir = study.dir(member);
            let (steps, state) = (member.steps(), study.state(member));
            let (info, state) = match RunDir::info(&dir) {
                Ok(info) => (info, state),
                Err(error) if dir.join("run.json").is_file() => {
                    (member.info(), State::Damaged(damaged(&error, &dir)))
                }
                Err(_) => (member.info(), state),
            };
            Self { dir, info: Some(info), steps, state }
        };
        study.members.iter().map(named).collect()
    }
}

/// Sentence about a damaged `run.json` of the run at `dir`, with what to do.
fn damaged(error: &anyhow::Error, dir: &Path) -> String {
    let run = wording::path(dir);
    format!("{error:#}; delete {run} and make the run again (`lab resume` of its study does)")
}

/// Refuses a directory that is no run and no study itself but holds some: they are to be named.
fn refuse_several(dir: &Path) -> Result<(), Usage> {
    const SHOWN: usize = 3;
    let Ok(entries) = std::fs::read_dir(dir) else { return Ok(()) };
    let is_one = |path: &PathBuf| is_study(path) || path.join("run.json").is_file();
    let mut held: Vec<_> = entries.flatten().map(|entry| entry.path()).filter(is_one).collect();
    held.sort();
    let Some(first) = held.first() else { return Ok(()) };
    let names = held.iter().take(SHOWN).filter_map(|path| path.file_name());
    let names: Vec<_> = names.map(|name| name.to_string_lossy()).collect();
    let more = match held.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Err(Usage(format!(
        "{} is no run and no study, but holds {}{more}: name those you mean, as in {}",
        dir.display(),
        names.join(", "),
        wording::path(first)
    )))
}

/// The runs that `paths` name, each once: a study stands for its runs, in the order of its list.
///
/// # Errors
/// If a path is neither a run nor a study, or the list of a study is damaged.
pub(crate) fn named(paths: &[PathBuf]) -> Result<Vec<Named>> {
    let (mut runs, mut seen) = (Vec::new(), BTreeSet::new());
    for path in paths {
        let found =
            if is_study(path) { Named::of(&Study::open(path)?) } else { vec![Named::alone(path)?] };
        runs.extend(found.into_iter().filter(|run| seen.insert(run.dir.clone())));
    }
    Ok(runs)
}

/// The runs that lie in a directory, by name.
///
/// # Errors
/// If it can't be listed.
pub(crate) fn runs_in(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut runs = entries(dir)?;
    runs.retain(|path| path.join("run.json").is_file());
    Ok(runs)
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>> {
    let cannot = || format!("cannot list {}", dir.display());
    let entries = std::fs::read_dir(dir).with_context(cannot)?;
    let entries = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>();
    let mut entries = entries.with_context(cannot)?;
    entries.sort();
    Ok(entries)
}

/// The runs of a study, or those that lie in a directory and in the studies there, by name.
///
/// # Errors
/// If it can't be listed.
pub(crate) fn runs_below(dir: &Path) -> Result<Vec<Named>> {
    if is_study(dir) || dir.join("run.json").is_file() {
        return named(&[dir.to_owned()]);
    }
    let mut paths = entries(dir)?;
    paths.retain(|path| is_study(path) || path.join("run.json").is_file());
    named(&paths)
}

/// Runs of which curves can be drawn, and what is to be told of the others.
pub(crate) struct Begun {
    pub(crate) runs: Vec<PathBuf>,
    /// A sentence for each damaged file, and one for the runs that are yet to come.
    pub(crate) notes: Vec<String>,
}

/// Those of `runs` that have logged a row.
///
/// # Errors
/// If none has.
pub(crate) fn begun(named: Vec<Named>) -> Result<Begun> {
    let all = named.len();
    let (mut runs, mut notes) = (Vec::new(), Vec::new());
    let mut waiting = 0;
    let left_out = |why: String| format!("{why}; this run is left out");
    for Named { dir, info, state, .. } in named {
        let file = dir.join("metrics.jsonl");
        let is_done = matches!(state, State::Done(_));
        if let State::Damaged(why) = state {
            if info.is_none() || RunDir::info(&dir).is_err() {
                notes.push(left_out(why));
                continue;
            }
            // A damaged result hides no curve.
            notes.push(why);
        }
        match () {
            () if std::fs::metadata(&file).map_or(true, |it| it.is_file() && it.len() == 0) => {
                waiting += 1;
            }
            () => match rows(&file) {
                Ok(rows) if rows.iter().any(|row| !row.values.is_empty()) => runs.push(dir),
                Ok(_) if is_done => {
                    notes.push(left_out(format!("{} has no whole row", file.display())));
                }
                Ok(_) => waiting += 1,
                Err(error) => notes.push(left_out(format!("{error:#}"))),
            },
        }
    }
    if runs.is_empty() {
        if waiting > 0 {
            let runs = wording::counted(waiting as u64, "runs");
            notes.push(format!("{runs} without a row of metrics yet; wait until one is logged"));
        }
        bail!("nothing to show: {}", notes.join("; "));
    }
    if waiting > 0 {
        notes.push(format!("{waiting} of {all} runs have no row of metrics yet"));
    }
    Ok(Begun { runs, notes })
}

/// `runs` that `paths` stand for, in groups: by the settings `by`, those of one study by all in which they differ, and
/// else each by itself.
///
/// # Errors
/// If a run can't be read, or none has such a setting.
pub(crate) fn grouped(paths: &[PathBuf], runs: &[PathBuf], by: &[String]) -> Result<Vec<Group>> {
    match paths {
        _ if !by.is_empty() => groups(runs, Some(by)),
        [only] if is_study(only) => groups(runs, None),
        _ => Ok(runs.iter().map(|run| Group::of_run(run, runs)).collect()),
    }
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
            None => groups.push(Group { label, runs: vec![run.clone()], is_counted: true }),
        }
    }
    for group in &mut groups {
        let last = |run: &PathBuf| last_row(&run.join("metrics.jsonl")).unwrap_or(0);
        group.label += &counted(&group.runs.iter().map(last).collect::<Vec<_>>());
    }
    Ok(groups)
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
    use serde_json::{Value, json};
    use std::fs;

    /// A run with these settings and rows up to `last`.
    fn run(dir: &Path, name: &str, algorithm: &str, lr: f64, last: u64) -> PathBuf {
        let path = dir.join(name);
        fs::create_dir_all(&path).unwrap();
        let info = json!({
            "algorithm": algorithm, "subject": "catch", "seed": 1, "config": {"env": "catch", "lr": lr},
            "lab_version": "", "lab_commit": "", "device": "cpu", "threads": 1, "started": "",
        });
        fs::write(path.join("run.json"), info.to_string()).unwrap();
        let row = |step: u64| format!("{{\"step\": {step}, \"train/loss\": 0.5}}\n");
        let rows: String = (1..=last).map(row).collect();
        fs::write(path.join("metrics.jsonl"), rows).unwrap();
        path
    }

    /// Makes `dir` a study of runs of these names.
    fn list(dir: &Path, names: &[&str]) {
        let run = |name: &&str| json!({"run": name, "algorithm": "dqn", "config": {"env": "catch", "seed": 1, "steps": 9}});
        let runs: Vec<Value> = names.iter().map(run).collect();
        let study = json!({"lab_version": "", "lab_commit": "", "started": "", "device": "auto", "runs": runs});
        fs::write(dir.join("study.json"), study.to_string()).unwrap();
    }

    fn dirs(runs: &[Named]) -> Vec<PathBuf> {
        runs.iter().map(|run| run.dir.clone()).collect()
    }

    #[test]
    fn a_study_stands_for_the_runs_on_its_list() {
        let root = tempfile::tempdir().unwrap();
        let study = root.path().join("study");
        let (b, a) = (run(&study, "b", "dqn", 0.1, 1), run(&study, "a", "dqn", 0.1, 1));
        let alone = run(root.path(), "alone", "dqn", 0.1, 1);
        list(&study, &["b", "a", "c"]);
        let found = named(&[alone.clone(), study.clone(), b.clone()]).unwrap();
        let c = study.join("c");
        assert_eq!(dirs(&found), [alone.clone(), b, a, c]);
        let states: Vec<_> = found.iter().map(|run| run.state.name()).collect();
        assert_eq!(states, ["interrupted", "interrupted", "interrupted", "not_begun"]);
        let last = &found[3];
        let info = last.info.as_ref().unwrap();
        assert_eq!(
            (&*info.algorithm, &*info.subject, info.seed, last.steps),
            ("dqn", "catch", 1, 9)
        );
        assert_eq!(dirs(&runs_below(root.path()).unwrap()).len(), 4);
        assert_eq!(dirs(&runs_below(&study).unwrap()).len(), 3);
        // A directory that holds them is named by nobody.
        let error = named(&[root.path().to_owned()]).unwrap_err();
        assert!(error.is::<Usage>(), "{error}");
        let words = "is no run and no study, but holds alone, study: name those you mean, as in ";
        assert!(error.to_string().contains(words), "{error}");
        let error = named(&[root.path().join("none")]).unwrap_err().to_string();
        assert!(error.contains("none is not a run directory"), "{error}");
    }

    #[test]
    fn a_damaged_file_leaves_its_run_out_alone() {
        let root = tempfile::tempdir().unwrap();
        let runs = ["a", "b", "c", "d", "e"].map(|name| run(root.path(), name, "dqn", 0.1, 3));
        list(root.path(), &["a", "b", "c", "d", "e"]);
        fs::write(runs[0].join("run.json"), "{\"algo").unwrap();
        fs::write(runs[1].join("metrics.jsonl"), "oops\n{\"step\": 1}\n{\"step\": 2}\n").unwrap();
        fs::write(runs[2].join("result.json"), "").unwrap();
        fs::write(runs[3].join("metrics.jsonl"), "").unwrap();
        let found = || named(&[root.path().to_owned()]).unwrap();
        let states: Vec<_> = found().iter().map(|run| run.state.name()).collect();
        assert_eq!(states, ["damaged", "interrupted", "damaged", "interrupted", "interrupted"]);
        let drawn = begun(found()).unwrap();
        assert_eq!(
            drawn.runs,
            runs[2..].iter().filter(|run| **run != runs[3]).cloned().collect::<Vec<_>>()
        );
        for (note, words) in drawn.notes.iter().zip([
            [
                "a/run.json is damaged",
                "and make the run again (`lab resume` of its study does); this run is left out",
            ],
            ["b/metrics.jsonl: line 1 is not a JSON object", "remove it; this run is left out"],
            ["c/result.json is damaged; delete it", "resume makes it again"],
            ["1 of 5 runs have", "no row of metrics yet"],
        ]) {
            words.iter().for_each(|words| assert!(note.contains(words), "{words}: {note}"));
        }
        assert_eq!(drawn.notes.len(), 4);
        // By itself, of no study: the file alone is damaged.
        let alone = named(&[runs[0].clone()]).unwrap();
        assert!(alone[0].info.is_none());
        let error = begun(alone).err().unwrap();
        assert!(
            !error.is::<Usage>() && error.to_string().contains("a/run.json is damaged"),
            "{error}"
        );
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
        let both = begun(named(&[a.clone(), b.clone()]).unwrap()).unwrap();
        assert_eq!(
            (both.runs, both.notes),
            (vec![a], vec!["1 of 2 runs have no row of metrics yet".to_owned()])
        );
        let error = begun(named(&[b]).unwrap()).err().unwrap();
        assert!(!error.is::<Usage>(), "{error}");
        assert!(
            error.to_string().contains("nothing to show: 1 run without a row of metrics yet"),
            "{error}"
        );
    }
}
