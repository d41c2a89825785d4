//! Metrics of runs as one table, for spreadsheets and data frames.
use super::setting;
use crate::render::plot::rows;
use anyhow::Result;
use params::plain;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use train::{RunDir, RunInfo};

/// Metrics of runs as CSV (RFC 4180, lines end with `\n`): a line for each logged row, a column for each metric, empty
/// where the row lacks it. `described` puts the run, its algorithm, its environment or data set, its seed and the
/// settings in which the runs differ before.
pub(crate) fn csv(runs: &[PathBuf], described: bool) -> Result<Vec<u8>> {
    let mut metrics = BTreeSet::new();
    for run in runs {
        metrics.extend(metrics_of(run)?.into_iter().flat_map(|row| row.values.into_keys()));
    }
    let infos = match described {
        true => runs.iter().map(|run| RunDir::info(run)).collect::<Result<Vec<_>>>()?,
        false => Vec::new(),
    };
    let mut settings: Vec<String> = ["algorithm", "subject", "seed"].map(str::to_owned).into();
    for key in setting::differing(&infos.iter().collect::<Vec<_>>()) {
        if !settings.contains(&key) {
            settings.push(key);
        }
    }
    let mut table = csv::Writer::from_writer(Vec::new());
    let before = ["run"].into_iter().chain(settings.iter().map(String::as_str));
    let before = before.take(if described { usize::MAX } else { 0 });
    table.write_record(before.chain(["step"]).chain(metrics.iter().map(String::as_str)))?;
    for (place, run) in runs.iter().enumerate() {
        let of_run = infos.get(place).map_or_else(Vec::new, |info| cells(run, info, &settings));
        for row in metrics_of(run)? {
            // The shortest digits that are read as the same number.
            let value =
                |metric| row.values.get(metric).map_or_else(String::new, |v| format!("{v:?}"));
            let numbers = std::iter::once(row.step.to_string()).chain(metrics.iter().map(value));
            table.write_record(of_run.iter().cloned().chain(numbers))?;
        }
    }
    Ok(table.into_inner()?)
}

fn metrics_of(run: &Path) -> Result<Vec<train::Row>> {
    rows(&run.join("metrics.jsonl"))
}

/// Description of a run in each of its lines.
fn cells(run: &Path, info: &RunInfo, settings: &[String]) -> Vec<String> {
    let value = |key: &String| setting::value(info, key).as_ref().map_or_else(String::new, plain);
    std::iter::once(run.display().to_string()).chain(settings.iter().map(value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_line_for_each_row_a_column_for_each_metric() {
        let root = tempfile::tempdir().unwrap();
        let run = |name: &str, subject: &str, lr: f64, rows: &str| {
            let path = root.path().join(name);
            fs::create_dir(&path).unwrap();
            let info = serde_json::json!({
                "algorithm": "dqn", "subject": subject, "seed": 1, "config": {"env": subject, "lr": lr},
                "lab_version": "", "lab_commit": "", "device": "cpu", "threads": 1, "started": "",
            });
            fs::write(path.join("run.json"), info.to_string()).unwrap();
            fs::write(path.join("metrics.jsonl"), rows).unwrap();
            path
        };
        let a = "{\"step\":10,\"train/loss\":0.1}\n{\"step\":20,\"train/loss\":1e-9,\"eval/return\":-3}\n";
        let a = run("a, the \"first\"", "catch", 0.1, a);
        let b = run("b", "catch", 0.25, "{\"step\":5,\"train/loss\":null,\"x\":1e300}\n");
        let text =
            |runs: &[PathBuf], described| String::from_utf8(csv(runs, described).unwrap()).unwrap();
        let alone = "step,eval/return,train/loss\n10,,0.1\n20,-3.0,1e-9\n";
        assert_eq!(text(std::slice::from_ref(&a), false), alone);
        let dir = root.path().display();
        let both = format!(
            "run,algorithm,subject,seed,lr,step,eval/return,train/loss,x\n\
             \"{dir}/a, the \"\"first\"\"\",dqn,catch,1,0.1,10,,0.1,\n\
             \"{dir}/a, the \"\"first\"\"\",dqn,catch,1,0.1,20,-3.0,1e-9,\n\
             {dir}/b,dqn,catch,1,0.25,5,,,1e300\n"
        );
        assert_eq!(text(&[a, b], true), both);
    }
}
