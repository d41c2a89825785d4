//! A run directory.
use crate::program::output;
use crate::table::{plain, rounded};
use crate::{Error, Figure, Result, Table, Text};
use serde_json::Value;
use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A finished run in its directory; at the end of a cell, a table of how it went.
#[derive(Clone)]
pub struct Run {
    dir: PathBuf,
    result: Value,
}

impl Run {
    /// Opens the directory of a run, `runs/…`.
    ///
    /// # Errors
    /// Names the file that is missing or damaged.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self> {
        let dir = dir.into();
        let result = json(&dir.join("result.json"))?;
        Ok(Self { dir, result })
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// `result.json`.
    pub fn result(&self) -> &Value {
        &self.result
    }

    /// Measures of the final evaluation, with their 95 % intervals.
    ///
    /// # Errors
    /// The run was not evaluated.
    pub fn score(&self) -> Result<Table> {
        self.measures(&self.result["eval"])
    }

    /// Mean of a measure of the final evaluation, such as `return`.
    ///
    /// # Errors
    /// Names the measures that the run has.
    pub fn mean(&self, measure: &str) -> Result<f64> {
        let measures = self.result["eval"].as_object();
        let mean = measures.and_then(|all| all.get(measure)).and_then(|of| of["mean"].as_f64());
        mean.ok_or_else(|| {
            let known: Vec<_> = measures.into_iter().flat_map(|all| all.keys()).cloned().collect();
            let dir = self.dir.display();
            Error::new(format!("{dir} has no measure `{measure}`; it has {}", known.join(", ")))
        })
    }

    /// Evaluates the saved model, as `lab eval RUN OPTIONS`.
    ///
    /// # Errors
    /// lab's own sentence.
    pub fn eval(&self, options: &str) -> Result<Table> {
        let printed = self.call("eval", options, &["--json".into()])?;
        let evaluation: Value = serde_json::from_str(&printed)
            .map_err(|error| Error::new(format!("lab eval printed no JSON: {error}")))?;
        self.measures(&evaluation["eval"])
    }

    fn measures(&self, measures: &Value) -> Result<Table> {
        let Some(measures) = measures.as_object() else {
            let dir = self.dir.display();
            return Err(Error::new(format!("{dir} has no evaluation; finish the run first")));
        };
        let objective = &self.result["objective"];
        let mut table = Table::new(["measure", "mean", "95 % interval", "n", ""]);
        for (name, measure) in measures {
            let interval = match measure["ci95"].as_array().map(Vec::as_slice) {
                Some([low, high]) => format!("{} to {}", plain(low), plain(high)),
                _ => String::new(),
            };
            let decides = match objective["direction"].as_str() {
                Some("maximise") if objective["measure"] == name.as_str() => "higher is better",
                Some(_) if objective["measure"] == name.as_str() => "lower is better",
                _ => "",
            };
            let (mean, n) = (plain(&measure["mean"]), plain(&measure["n"]));
            table.row([name.clone(), mean, interval, n, decides.to_owned()]);
        }
        Ok(table)
    }

    /// Hyper-parameters, options and plan, as the run resolved them.
    ///
    /// # Errors
    /// Names the file that is missing or damaged.
    pub fn config(&self) -> Result<Table> {
        let info = json(&self.dir.join("run.json"))?;
        let mut table = Table::new(["setting", "value"]);
        for (name, value) in info["config"].as_object().into_iter().flatten() {
            // Options of an environment or a data set are a table of their own.
            match value.as_object() {
                Some(options) => {
                    let set = options.iter().filter(|(_, value)| !value.is_null());
                    set.for_each(|(name, value)| table.row([name.clone(), setting(value)]));
                }
                None => table.row([name.clone(), setting(value)]),
            }
        }
        Ok(table)
    }

    /// Points of a metric, step and value: `metric("train/loss")?`.
    ///
    /// # Errors
    /// Names the metrics that the run has.
    pub fn metric(&self, name: &str) -> Result<Vec<(f64, f64)>> {
        let path = self.dir.join("metrics.jsonl");
        let text = text(&path)?;
        // A run that is killed while it writes leaves part of a row.
        let rows: Vec<Value> =
            text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let points =
            rows.iter().filter_map(|row| Some((row["step"].as_f64()?, row[name].as_f64()?)));
        let points: Vec<_> = points.collect();
        if points.is_empty() {
            let names = rows.iter().filter_map(Value::as_object).flat_map(|row| row.keys());
            let known: BTreeSet<_> = names.filter(|name| *name != "step").cloned().collect();
            let known = known.into_iter().collect::<Vec<_>>().join(", ");
            let file = path.display();
            return Err(Error::new(format!("{file} has no metric `{name}`; it has {known}")));
        }
        Ok(points)
    }

    /// `solution.json`: values, policy and action values of all states of a known MDP.
    ///
    /// # Errors
    /// Names the file that is missing or damaged.
    pub fn solution(&self) -> Result<Value> {
        json(&self.dir.join("solution.json"))
    }

    /// A figure of the run by the name of its file: `figure("values.svg")?`.
    ///
    /// # Errors
    /// Names the figures that the run has.
    pub fn figure(&self, name: &str) -> Result<Figure> {
        let path = self.dir.join(name);
        if !path.is_file() {
            let (dir, known) = (self.dir.display(), self.figures().join(", "));
            return Err(Error::new(format!("{dir} has no figure `{name}`; it has {known}")));
        }
        Figure::read(path)
    }

    /// File names of all figures.
    pub fn figures(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let drawn = |name: &String| [".svg", ".png", ".gif"].iter().any(|end| name.ends_with(end));
        let mut names: Vec<_> = names.filter(drawn).collect();
        names.sort();
        names
    }

    /// Learning curves of all metrics.
    ///
    /// # Errors
    /// The run has none.
    pub fn curves(&self) -> Result<Figure> {
        self.figure("curves.svg")
    }

    /// Learning curve of one metric.
    ///
    /// # Errors
    /// lab's own sentence.
    pub fn curve(&self, metric: &str) -> Result<Figure> {
        compare(&[self], metric)
    }

    /// An episode of the saved agent, animated.
    ///
    /// # Errors
    /// lab's own sentence.
    pub fn play(&self) -> Result<Figure> {
        let scratch = Scratch::new()?;
        let file = scratch.0.join("episode.gif");
        self.call("play", "", &["--gif".into(), file.clone().into()])?;
        scratch.read(&file, format!("an episode of {}", self.dir.display()))
    }

    /// Samples of a model of images; `options` as of `lab sample`, such as `--n 16` or `--complete`.
    ///
    /// # Errors
    /// lab's own sentence.
    pub fn sample(&self, options: &str) -> Result<Figure> {
        let scratch = Scratch::new()?;
        let file = scratch.0.join("samples.png");
        self.call("sample", options, &["--out".into(), file.clone().into()])?;
        scratch.read(&file, format!("samples of {}", self.dir.display()))
    }

    /// Values and policy of a known grid as text.
    ///
    /// # Errors
    /// lab's own sentence.
    pub fn values(&self) -> Result<Text> {
        Ok(Text::new(self.call("plot", "--text", &[])?))
    }

    /// Shows how the run went at the end of a cell.
    pub fn evcxr_display(&self) {
        self.summary().evcxr_display();
    }

    fn summary(&self) -> Table {
        let result = &self.result;
        let objective = plain(&result["objective"]["measure"]);
        let seconds = result["wall_seconds"].as_f64().unwrap_or_default();
        let mut table = Table::new(["run", "outcome", "steps", "seconds", objective.as_str()]);
        table.row([
            self.dir.display().to_string(),
            plain(&result["outcome"]).replace('_', " "),
            plain(&result["steps"]),
            format!("{seconds:.1}"),
            result["eval"][&objective]["mean"].as_f64().map_or_else(String::new, rounded),
        ]);
        table
    }

    fn call(&self, command: &str, options: &str, last: &[OsString]) -> Result<String> {
        let options = shlex::split(options)
            .ok_or_else(|| Error::new(format!("`{options}`: a quote without its partner")))?;
        let mut arguments: Vec<OsString> = vec![command.into(), self.dir.clone().into()];
        arguments.extend(options.into_iter().map(Into::into));
        arguments.extend_from_slice(last);
        output(&arguments)
    }
}

/// Curves of one metric of several runs in one figure: `compare(&[&a, &b], "eval/return")?`.
///
/// # Errors
/// lab's own sentence.
pub fn compare(runs: &[&Run], metric: &str) -> Result<Figure> {
    let scratch = Scratch::new()?;
    let mut arguments: Vec<OsString> = vec!["plot".into()];
    arguments.extend(runs.iter().map(|run| run.dir.clone().into()));
    let file = scratch.0.join("curves");
    arguments.extend(["--metric".into(), metric.into(), "--out".into(), file.clone().into()]);
    output(&arguments)?;
    scratch.read(&file.with_extension("svg"), metric.to_owned())
}

fn text(path: &Path) -> Result<String> {
    let file = path.display();
    fs::read_to_string(path).map_err(|error| {
        Error::new(format!("can't read {file}: {error}; name the directory of a run, runs/…"))
    })
}

fn json(path: &Path) -> Result<Value> {
    serde_json::from_str(&text(path)?)
        .map_err(|error| Error::new(format!("{} is damaged: {error}", path.display())))
}

/// A setting as it would be typed.
fn setting(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::Number(number) => number.to_string(),
        other => plain(other),
    }
}

/// A directory for a figure on its way to the notebook.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = env::temp_dir().join(format!("lab-notebook-{}-{count}", process::id()));
        fs::create_dir_all(&dir)
            .map_err(|error| Error::new(format!("can't create {}: {error}", dir.display())))?;
        Ok(Self(dir))
    }

    /// The figure in `file`, under a title in place of its passing path.
    fn read(&self, file: &Path, title: String) -> Result<Figure> {
        Ok(Figure::read(file)?.titled(title))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays behind lies among temporary files.
        fs::remove_dir_all(&self.0).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESULT: &str = r#"{"outcome": "target_reached", "steps": 42, "wall_seconds": 1.25,
        "eval": {"return": {"mean": 9.5, "ci95": [9, 10], "n": 100}, "loss": {"mean": 0.1, "ci95": null, "n": 1}},
        "objective": {"measure": "return", "direction": "maximise"}}"#;

    /// A run directory with a result and two rows, the last of them torn.
    fn run(name: &str) -> (Scratch, Run) {
        let scratch = Scratch::new().unwrap();
        let dir = scratch.0.join(name);
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("result.json"), RESULT).unwrap();
        let rows = "{\"step\": 10, \"train/loss\": 0.5}\n{\"step\": 20, \"eval/return\": 3}\n{\"st";
        fs::write(dir.join("metrics.jsonl"), rows).unwrap();
        fs::write(dir.join("curves.svg"), "<svg/>").unwrap();
        let config = r#"{"config": {"gamma": 0.99, "env_args": {"layout": "aima", "map": null}}}"#;
        fs::write(dir.join("run.json"), config).unwrap();
        let run = Run::open(&dir).unwrap();
        (scratch, run)
    }

    #[test]
    fn a_run_is_read_from_its_directory() {
        let (_scratch, run) = run("a");
        let score = run.score().unwrap();
        assert_eq!(score.rows()[0], ["loss", "0.1", "", "1", ""]);
        assert_eq!(score.rows()[1], ["return", "9.5", "9 to 10", "100", "higher is better"]);
        assert_eq!(run.mean("return").unwrap(), 9.5);
        assert_eq!(run.metric("train/loss").unwrap(), [(10.0, 0.5)]);
        assert_eq!(run.config().unwrap().rows(), [["layout", "aima"], ["gamma", "0.99"]]);
        assert_eq!(run.curves().unwrap().bytes(), b"<svg/>");
        assert_eq!(run.summary().rows()[0][1..], ["target reached", "42", "1.2", "9.5"]);
    }

    #[test]
    fn whatever_is_missing_is_named_with_what_there_is() {
        let (scratch, run) = run("b");
        let known = |error: Error, words: &[&str]| {
            let sentence = error.to_string();
            assert!(words.iter().all(|word| sentence.contains(word)), "{sentence}");
        };
        known(run.mean("score").unwrap_err(), &["no measure `score`", "loss, return"]);
        known(run.metric("x").unwrap_err(), &["no metric `x`", "eval/return, train/loss"]);
        known(run.figure("q.svg").unwrap_err(), &["no figure `q.svg`", "curves.svg"]);
        known(run.solution().unwrap_err(), &["can't read", "solution.json"]);
        known(Run::open(scratch.0.join("none")).err().unwrap(), &["result.json", "runs/…"]);
        fs::write(run.dir().join("result.json"), "{").unwrap();
        known(Run::open(run.dir()).err().unwrap(), &["result.json is damaged"]);
    }
}
