//! Statistics of a few runs beside the package of their authors, `rliable`, which the test installs into a virtual environment of
//! its own. Skipped where that is not possible.
#![expect(clippy::unwrap_used, reason = "clippy.toml exempts only functions marked #[test]")]
use lab::study::statistics::{
    Scores, bootstrap, bootstrap_of_two, interquartile_mean, median, probability_of_improvement,
    profile,
};
use lab::train::stream;
use rand::Rng as _;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

const PROGRAM: &str = "
import json, sys
import numpy as np
from rliable import library, metrics

x, y, thresholds = (np.array(part) for part in json.loads(sys.argv[1]))
x, y = x.T, y.T  # [runs, tasks]
np.random.seed(1)

def interval(scores, statistic):
    _, ends = library.get_interval_estimates(scores, lambda *of: np.array([statistic(*of)]), reps=10_000)
    return ends['a'][:, 0].tolist()

print(json.dumps({
    'iqm': float(metrics.aggregate_iqm(x)),
    'median': float(np.median(x)),
    'iqm_ci95': interval({'a': x}, metrics.aggregate_iqm),
    'improvement': float(metrics.probability_of_improvement(x, y)),
    'improvement_ci95': interval({'a': (x, y)}, metrics.probability_of_improvement),
    'profile': [float(library.run_score_deviation(x, t)) for t in thresholds],
}))
";

/// A Python with rliable; pandas 3 lacks what its dependency `arch` calls.
fn python() -> Result<PathBuf, String> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rliable");
    let python = dir.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let run = |program: &Path, args: &[&str]| {
        let output = Command::new(program).args(args).output();
        let output = output.map_err(|error| format!("{}: {error}", program.display()))?;
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() { Ok(()) } else { Err(format!("{args:?}: {told}")) }
    };
    let there = || run(&python, &["-c", "import rliable.library"]);
    if there().is_err() {
        run(Path::new("python3"), &["-m", "venv", &dir.display().to_string()])?;
        run(&python, &["-m", "pip", "install", "--quiet", "rliable", "pandas<3"])?;
        there()?;
    }
    Ok(python)
}

fn near(ours: f64, theirs: &Value, tolerance: f64) {
    let theirs = theirs.as_f64().unwrap();
    assert!((ours - theirs).abs() <= tolerance, "{ours}, of rliable {theirs}");
}

#[test]
fn statistics_are_those_of_rliable() {
    let python = match python() {
        Ok(python) => python,
        Err(why) => return println!("skipped: {why}"),
    };
    let mut rng = stream(1, "scores");
    for [tasks, runs] in [[1, 5], [3, 7]] {
        // With ties between the two.
        let mut scores = |best: u32| -> Scores {
            let mut run = || f64::from(rng.random_range(0..best)) / 10.0;
            (0..tasks).map(|_| (0..runs).map(|_| run()).collect()).collect()
        };
        let (x, y) = (scores(60), scores(40));
        let thresholds = [0.0, 1.0, 2.5, 4.0];
        let told = Command::new(&python)
            .args(["-W", "ignore", "-c", PROGRAM, &json!([x, y, thresholds]).to_string()])
            .output()
            .unwrap();
        assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
        let theirs: Value = serde_json::from_slice(&told.stdout).unwrap();
        near(interquartile_mean(&x), &theirs["iqm"], 1e-12);
        near(median(&x), &theirs["median"], 1e-12);
        near(probability_of_improvement(&x, &y), &theirs["improvement"], 1e-12);
        for (ours, theirs) in
            profile(&x, &thresholds).iter().zip(theirs["profile"].as_array().unwrap())
        {
            near(*ours, theirs, 1e-12);
        }
        // Both are drawn: the ends differ by what 10,000 resamples leave open.
        for (ours, theirs) in [
            (bootstrap(&x, interquartile_mean), &theirs["iqm_ci95"]),
            (bootstrap_of_two(&x, &y, probability_of_improvement), &theirs["improvement_ci95"]),
        ] {
            let [low, high] = ours.unwrap();
            near(low, &theirs[0], 0.05 * (high - low));
            near(high, &theirs[1], 0.05 * (high - low));
        }
    }
}
