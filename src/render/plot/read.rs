//! Curves from the `metrics.jsonl` of runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::Value;
use train::Row;

use super::mean::{mean, smoothed};
use super::panel::{Curve, Panel, Points};
use crate::usage::Usage;

/// Reads `metrics.jsonl` of every run into one panel per metric, with all runs in each.
///
/// Without named `metrics` these are all but `speed/…` and `time/…`: `eval/…`, `train/…`, the rest.
pub fn panels(runs: &[PathBuf], metrics: &[String]) -> Result<Vec<Panel>> {
    let groups: Vec<_> = runs.iter().map(|run| Group::of_run(run, runs)).collect();
    grouped(&groups, metrics, Form::default())
}

/// Runs that are one curve of each metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Label in the legend.
    pub label: String,
    /// Run directories. Of several runs the curve is their [`mean`], with a band.
    pub runs: Vec<PathBuf>,
    /// The label says how many runs there are.
    pub is_counted: bool,
}

impl Group {
    /// One of `runs` by itself, labelled with its directory's name, or the whole path where another has the same name.
    pub fn of_run(run: &Path, runs: &[PathBuf]) -> Self {
        Self { label: label(run, runs), runs: vec![run.to_owned()], is_counted: false }
    }
}

/// Form in which metrics are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// Seconds since the run's start are the horizontal axis, not steps.
    pub by_time: bool,
    /// Window of a moving average over the values of each run, an odd number: see [`smoothed`].
    pub smooth: Option<usize>,
}

/// Reads the metrics of groups of runs into one panel per metric, with a curve for each group.
///
/// Metrics are chosen as by [`panels`].
pub fn grouped(groups: &[Group], metrics: &[String], form: Form) -> Result<Vec<Panel>> {
    ensure!(!groups.is_empty(), "name the directory of at least one run to plot, runs/…");
    let mut curves = BTreeMap::<String, Vec<Curve>>::new();
    for group in groups {
        let mut runs = BTreeMap::<String, Vec<Points>>::new();
        for run in &group.runs {
            for (metric, points) in read(run, form)? {
                runs.entry(metric).or_default().push(points);
            }
        }
        for (metric, mut runs) in runs {
            let curve = match &mut runs[..] {
                [points] => Curve {
                    label: group.label.clone(),
                    points: std::mem::take(points),
                    ..Curve::default()
                },
                runs => mean(&group.label, runs),
            };
            curves.entry(metric).or_default().push(curve);
        }
    }
    let known = || curves.keys().cloned().collect::<Vec<_>>().join(", ");
    let mut chosen =
        if metrics.is_empty() { worth_seeing(curves.keys()) } else { metrics.to_vec() };
    // A point is no curve, unless there is nothing else.
    let curved = |metric: &String| curves[metric].iter().any(|curve| curve.points.len() > 1);
    if metrics.is_empty() && chosen.iter().any(curved) {
        chosen.retain(curved);
    }
    ensure!(!chosen.is_empty(), "name the metrics to plot; the runs have: {}", known());
    let x_label = if form.by_time { "seconds" } else { "step" };
    let panel = |metric: String| {
        let curves = curves.get(&metric).cloned().ok_or_else(|| {
            Usage(format!("--metric {metric}: no run has it; the runs have: {}", known()))
        })?;
        let title = match form.smooth {
            Some(window) => format!("{metric}, mean of {window} values"),
            None => metric,
        };
        let is_labelled = groups.iter().any(|group| group.is_counted);
        Ok(Panel { title, x_label: x_label.into(), curves, is_labelled, ..Panel::default() })
    };
    chosen.into_iter().map(panel).collect()
}

/// The directory's name, or the whole path where another run has the same name.
fn label(run: &Path, runs: &[PathBuf]) -> String {
    let same = runs.iter().filter(|other| other.file_name() == run.file_name()).count();
    match run.file_name() {
        Some(name) if same == 1 => name.to_string_lossy().into_owned(),
        _ => run.display().to_string(),
    }
}

fn worth_seeing<'a>(metrics: impl Iterator<Item = &'a String>) -> Vec<String> {
    let rank = |metric: &String| match metric.split('/').next() {
        Some("eval") => 0,
        Some("train") => 1,
        _ => 2,
    };
    let hidden = |metric: &String| metric.starts_with("speed/") || metric.starts_with("time/");
    let mut chosen: Vec<String> = metrics.filter(|metric| !hidden(metric)).cloned().collect();
    chosen.sort_by_key(rank);
    chosen
}

/// One line of `metrics.jsonl`; a metric that is `null` was not a number.
#[derive(Deserialize)]
struct Line {
    step: f64,
    #[serde(flatten)]
    metrics: BTreeMap<String, Value>,
}

/// Bytes of the longest file of rows that is drawn: a hundred million numbers.
const LONGEST: u64 = 1 << 31;

/// Seconds since the start of a run, in its rows.
const SECONDS: &str = "time/wall_seconds";

/// Every metric of one run and its points.
fn read(run: &Path, form: Form) -> Result<BTreeMap<String, Points>> {
    let path = run.join("metrics.jsonl");
    let rows = rows(&path)?;
    ensure!(
        rows.iter().any(|row| !row.values.is_empty()),
        "{} has no metrics yet; let the run go on until its first row is logged",
        path.display()
    );
    let timed = |row: &Row| row.values.contains_key(SECONDS);
    if form.by_time && !rows.iter().any(timed) {
        let sentence = format!("--x time: {} has no {SECONDS}; draw it by steps", path.display());
        return Err(Usage(sentence).into());
    }
    let mut curves = BTreeMap::<String, Points>::new();
    for Row { step, values } in rows {
        let at = if form.by_time { values.get(SECONDS).copied() } else { Some(step as f64) };
        let Some(at) = at else { continue };
        for (metric, value) in values {
            curves.entry(metric).or_default().push((at, value));
        }
    }
    if let Some(window) = form.smooth {
        curves.values_mut().for_each(|points| *points = smoothed(points, window));
    }
    Ok(curves)
}

/// The rows of a file `metrics.jsonl`, each with the metrics that are numbers in it.
///
/// # Errors
/// If the file can't be read, or a line that is not the last can't.
pub fn rows(path: &Path) -> Result<Vec<Row>> {
    let file = path.display();
    let bytes = train::read_file(path, LONGEST)
        .with_context(|| format!("can't read {file}; name the directory of a run, runs/…"))?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let mut rows = Vec::new();
    let mut lines = bytes.trim_ascii_end().split(|&byte| byte == b'\n').zip(1..).peekable();
    while let Some((line, number)) = lines.next() {
        match serde_json::from_slice::<Line>(line) {
            Ok(Line { step, metrics }) => {
                let number = |(metric, value): (_, Value)| Some((metric, value.as_f64()?));
                let values = metrics.into_iter().filter_map(number).collect();
                rows.push(Row { step: step as u64, values });
            }
            // A run killed while it wrote leaves part of a row.
            Err(_) if lines.peek().is_none() => break,
            Err(_) => {
                bail!("{file}: line {number} is not a JSON object with a number `step`; remove it")
            }
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A run directory with these lines as its metrics.
    fn run(root: &Path, name: &str, metrics: &str) -> PathBuf {
        let run = root.join(name);
        fs::create_dir_all(&run).unwrap();
        fs::write(run.join("metrics.jsonl"), metrics).unwrap();
        run
    }

    const ROWS: &str = r#"{"step": 100, "train/loss": 0.5, "speed/steps_per_s": 9.0}
{"step": 200, "train/loss": null, "time/step": 1, "eval/return": -3}
{"step": 300, "train/loss": 0.25, "eval/return": 4.5, "epsilon": 0.1}
"#;

    #[test]
    fn evaluations_come_first_and_gaps_are_skipped() {
        let root = tempfile::tempdir().unwrap();
        let runs = ["a", "b"].map(|name| run(root.path(), name, ROWS));
        let panels = panels(&runs, &[]).unwrap();
        let titles: Vec<&str> = panels.iter().map(|panel| panel.title.as_str()).collect();
        assert_eq!(titles, ["eval/return", "train/loss"], "epsilon has one point");
        let asked = super::panels(&runs, &["epsilon".to_owned()]).unwrap();
        assert_eq!(asked[0].curves[0].points, [(300.0, 0.1)]);
        assert_eq!(panels[0].curves[1].label, "b");
        assert_eq!(panels[0].curves[1].points, [(200.0, -3.0), (300.0, 4.5)]);
        assert_eq!(panels[1].curves[0].points, [(100.0, 0.5), (300.0, 0.25)]);
    }

    #[test]
    fn groups_are_means_by_time_or_smoothed_on_demand() {
        let root = tempfile::tempdir().unwrap();
        let rows = |losses: [f64; 3]| {
            let row = |(i, loss)| {
                format!(
                    "{{\"step\": {i}0, \"train/loss\": {loss}, \"time/wall_seconds\": {i}.5}}\n"
                )
            };
            (1..).zip(losses).map(row).collect::<String>()
        };
        let runs = [("a", [1.0, 2.0, 6.0]), ("b", [3.0, 2.0, 0.0])]
            .map(|(name, losses)| run(root.path(), name, &rows(losses)));
        let group = Group { label: "both".into(), runs: runs.to_vec(), is_counted: true };
        let panel = |form| grouped(std::slice::from_ref(&group), &[], form).unwrap().remove(0);
        let by_steps = panel(Form::default());
        assert_eq!(by_steps.curves[0].points, [(10.0, 2.0), (20.0, 2.0), (30.0, 3.0)]);
        assert_eq!(by_steps.curves[0].band[1], [2.0, 2.0]);
        let by_time = panel(Form { by_time: true, smooth: Some(3) });
        assert_eq!(
            (&*by_time.title, &*by_time.x_label),
            ("train/loss, mean of 3 values", "seconds")
        );
        // 3 and 5/3 in the middle.
        let points = &by_time.curves[0].points;
        assert_eq!([points[0], points[2]], [(1.5, 2.0), (3.5, 3.0)]);
        assert!((points[1].1 - 7.0 / 3.0).abs() < 1e-12, "{points:?}");
        let untimed = run(root.path(), "c", ROWS);
        let form = Form { by_time: true, smooth: None };
        let refused = grouped(&[Group::of_run(&untimed, &[])], &[], form).unwrap_err().to_string();
        assert!(
            refused.contains("--x time: ") && refused.contains("draw it by steps"),
            "{refused}"
        );
    }

    #[test]
    fn a_row_has_the_metrics_that_are_numbers_in_it() {
        let root = tempfile::tempdir().unwrap();
        let rows = rows(&run(root.path(), "a", ROWS).join("metrics.jsonl")).unwrap();
        assert_eq!([rows[0].step, rows[1].step, rows[2].step], [100, 200, 300]);
        let names: Vec<_> = rows[1].values.keys().collect();
        assert_eq!(names, ["eval/return", "time/step"]);
        assert_eq!(rows[0].values["train/loss"], 0.5);
    }

    #[test]
    fn runs_of_one_name_are_told_apart_by_path() {
        let runs = ["x/a", "y/a", "y/b"].map(PathBuf::from);
        assert_eq!(runs.each_ref().map(|run| label(run, &runs)), ["x/a", "y/a", "b"]);
    }

    #[test]
    fn a_torn_last_line_is_ignored_and_any_other_is_named() {
        let root = tempfile::tempdir().unwrap();
        let torn = run(root.path(), "torn", &format!("{ROWS}{{\"step\": 400, \"train/lo"));
        assert_eq!(panels(&[torn], &[]).unwrap()[1].curves[0].points.len(), 2);
        let broken = run(root.path(), "broken", &format!("{ROWS}oops\n{ROWS}"));
        let error = panels(&[broken], &[]).unwrap_err().to_string();
        assert!(error.contains("metrics.jsonl: line 4 is not"), "{error}");
    }

    #[test]
    fn every_refusal_says_what_is_missing() {
        let root = tempfile::tempdir().unwrap();
        let good = run(root.path(), "good", ROWS);
        let only_speed = run(root.path(), "speed", r#"{"step": 1, "speed/steps_per_s": 9.0}"#);
        let refused = |runs: &[PathBuf], metrics: &[String], words: &str| {
            let error = format!("{:#}", panels(runs, metrics).unwrap_err());
            assert!(error.contains(words), "{error}");
        };
        refused(&[], &[], "at least one run");
        refused(&[run(root.path(), "empty", "")], &[], "has no metrics yet");
        refused(&[root.path().join("none")], &[], "can't read");
        refused(&[only_speed], &[], "the runs have: speed/steps_per_s");
        refused(&[good], &["eval/score".into()], "--metric eval/score: no run has it");
    }
}
