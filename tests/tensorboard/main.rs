//! TensorBoard's event files, read by TensorBoard itself where there is a Python: pip fills one of its own under `target/`.
#![expect(clippy::unwrap_used, reason = "clippy.toml exempts only functions marked #[test]")]
#![expect(clippy::print_stdout, reason = "a test that is skipped says so")]
use serde_json::Value;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A Python with TensorBoard; none is found without a sentence about it.
fn python() -> Option<PathBuf> {
    let runs = |command: &mut Command| {
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        quiet.status().is_ok_and(|status| status.success())
    };
    let ready = |python: &Path| runs(Command::new(python).args(["-c", "import tensorboard"]));
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
    let dir = target.join("tensorboard-python");
    // Another test may be making it.
    let lock = File::create(target.join("tensorboard-python.lock")).unwrap();
    lock.lock().unwrap();
    let python = dir.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let pip = ["-m", "pip", "install", "--quiet", "--retries=0", "tensorboard"];
    let found = ready(&python)
        || runs(Command::new("python3").args(["-m", "venv"]).arg(&dir))
            && runs(Command::new(&python).args(pip))
            && ready(&python);
    if !found {
        println!("skipped: no Python with tensorboard, and pip could not install it");
    }
    found.then_some(python)
}

struct Lab(TempDir);

impl Lab {
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Standard output of a command that must go well.
    fn ok(&self, line: &str) -> String {
        let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
        let output = lab.args(line.split_whitespace()).current_dir(self.0.path()).output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn read(&self, python: &Path, dir: &str) -> Value {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tensorboard/read.py");
        let output = Command::new(python).arg(program).arg(self.path(dir)).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Rows of a run.
    fn rows(&self, run: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.path(run).join("metrics.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Compares the scalars that were read with the metrics of `run`: each step once, in `f32`.
    fn compare(&self, read: &Value, run: &str) {
        let scalars = read["scalars"].as_object().unwrap();
        let rows = self.rows(run);
        let mut metrics = std::collections::BTreeMap::<String, Vec<(u64, f32)>>::new();
        for row in &rows {
            for (name, value) in row.as_object().unwrap().iter().filter(|(name, _)| *name != "step")
            {
                let point = (row["step"].as_u64().unwrap(), value.as_f64().unwrap() as f32);
                metrics.entry(name.clone()).or_default().push(point);
            }
        }
        assert_eq!(scalars.keys().collect::<Vec<_>>(), metrics.keys().collect::<Vec<_>>());
        for (name, points) in &metrics {
            let read = scalars[name].as_array().unwrap();
            let read: Vec<_> = read
                .iter()
                .map(|point| (point[0].as_u64().unwrap(), point[2].as_f64().unwrap() as f32))
                .collect();
            assert_eq!(&read, points, "{name}");
        }
    }
}

const LEARN: &str =
    "q-learning --env gridworld --log-every 20 --save-every 100 --quiet --tensorboard";

#[test]
fn tensorboard_reads_metrics_figures_and_hyper_parameters() {
    let Some(python) = python() else { return };
    let lab = Lab(tempfile::tempdir().unwrap());
    lab.ok(&format!("{LEARN} --steps 300 --gamma 0.75 --out run"));
    let read = lab.read(&python, "run");
    lab.compare(&read, "run");
    let values = image::image_dimensions(lab.path("run/values.png")).unwrap();
    let image = &read["images"]["figures/values.png"];
    let expected = fs::metadata(lab.path("run/values.png")).unwrap().len();
    assert_eq!(*image, serde_json::json!([[300, values.0, values.1, expected]]));
    assert!(read["images"].get("figures/curves.png").is_none());
    let hparams = &read["hparams"];
    assert_eq!((&hparams["gamma"], &hparams["algorithm"]), (&0.75.into(), &"q-learning".into()));
    // Time is that of training, from the start of the run.
    let first = &read["scalars"]["time/wall_seconds"][0];
    let info: Value = serde_json::from_slice(&fs::read(lab.path("run/run.json")).unwrap()).unwrap();
    let started = humantime::parse_rfc3339(info["started"].as_str().unwrap()).unwrap();
    let started = started.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    let since = first[1].as_f64().unwrap() - started;
    assert!((since - first[2].as_f64().unwrap()).abs() < 1e-3, "{since}");
    // What is exported is what a run writes.
    let told = lab.ok("export run --tensorboard events");
    let name = told.trim_end().rsplit('/').next().unwrap();
    assert_eq!(told, format!("events/run/{name}\n"));
    let both = ["run", "events/run"].map(|dir| fs::read(lab.path(dir).join(name)).unwrap());
    assert_eq!(both[0], both[1]);
}

#[test]
fn networks_have_histograms_of_their_parameters() {
    let Some(python) = python() else { return };
    let lab = Lab(tempfile::tempdir().unwrap());
    let short = "--steps 120 --warmup 50 --hidden 8 --save-every 60 --eval-every 0 --test-episodes 1 --quiet";
    lab.ok(&format!("dqn --env catch {short} --tensorboard --out run"));
    let read = lab.read(&python, "run");
    lab.compare(&read, "run");
    // 50 inputs of catch, 8 units, 3 actions.
    let of = |name: &str| read["histograms"][format!("parameters/{name}")].clone();
    assert_eq!(of("hidden1.weight"), serde_json::json!([[60, 400.0], [120, 400.0]]));
    assert_eq!(of("out.bias"), serde_json::json!([[60, 3.0], [120, 3.0]]));
}

#[test]
fn a_resumed_run_has_each_step_once() {
    let Some(python) = python() else { return };
    let lab = Lab(tempfile::tempdir().unwrap());
    lab.ok(&format!("{LEARN} --steps 250 --out run"));
    // As a kill leaves it: rows and figures after the checkpoint that it goes on from.
    for step in ["000000000250", "000000000200"] {
        fs::remove_dir_all(lab.path(&format!("run/checkpoints/step-{step}"))).unwrap();
    }
    lab.ok("resume run --steps 400 --quiet");
    let read = lab.read(&python, "run");
    lab.compare(&read, "run");
    let steps: Vec<_> = lab.rows("run").iter().map(|row| row["step"].as_u64().unwrap()).collect();
    assert!(steps.windows(2).all(|pair| pair[0] < pair[1]) && steps.ends_with(&[400]), "{steps:?}");
    assert_eq!(read["images"]["figures/values.png"].as_array().unwrap().len(), 1);

    // A run that began without has all of it from the moment it is asked for.
    lab.ok(&format!("{} --steps 200 --out plain", LEARN.replace(" --tensorboard", "")));
    let has_events = || {
        let mut files =
            fs::read_dir(lab.path("plain")).unwrap().map(|file| file.unwrap().file_name());
        files.any(|name| name.to_string_lossy().contains("tfevents"))
    };
    assert!(!has_events());
    lab.ok("resume plain --steps 300 --quiet --tensorboard");
    assert!(has_events());
    lab.compare(&lab.read(&python, "plain"), "plain");
}
