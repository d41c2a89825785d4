//! `lab runs`: the runs of a directory, a line each.
use crate::run::setting;
use crate::wording;
use ::train::{Measure, RunDir, RunInfo};
use anyhow::{Context, Result};
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};

/// List runs with their settings and scores
#[derive(clap::Args)]
pub(super) struct Args {
    /// Directories that hold runs [default: runs]
    dirs: Vec<PathBuf>,
    /// Options that are shown of each, as in `--show lr,batch`
    #[arg(long, value_name = "KEYS", value_delimiter = ',')]
    show: Vec<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Result<()> {
    let default = [PathBuf::from("runs")];
    let dirs = if args.dirs.is_empty() { &default[..] } else { &args.dirs };
    let mut found = Vec::new();
    let dirs = dirs.iter().filter(|dir| !args.dirs.is_empty() || dir.exists());
    for dir in dirs {
        let entries =
            std::fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()))?;
        let mut paths = entries
            .map(|entry| Ok(entry?.path()))
            .collect::<std::io::Result<Vec<_>>>()
            .with_context(|| format!("cannot list {}", dir.display()))?;
        paths.sort();
        found.extend(
            paths.into_iter().filter_map(|path| RunDir::info(&path).ok().map(|info| (path, info))),
        );
    }
    if !found.is_empty() {
        let infos = || found.iter().map(|(_, info)| info);
        args.show.iter().try_for_each(|key| setting::check("--show", key, infos()))?;
    }
    let rows: Vec<_> = found.iter().map(|(path, info)| row(path, info, &args.show)).collect();
    if args.json {
        writeln!(out, "{}", serde_json::json!({ "runs": rows }))?;
        return Ok(());
    }
    if rows.is_empty() {
        writeln!(out, "no runs yet; start with `lab dqn --env breakout`")?;
        return Ok(());
    }
    let columns = ["run", "algorithm", "subject", "seed", "steps", "outcome", "measure", "score"];
    let columns: Vec<_> = columns.into_iter().chain(args.show.iter().map(String::as_str)).collect();
    let cell = |row: &Value, column: &&str| match row.get(*column) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    let mut table = vec![columns.iter().map(ToString::to_string).collect::<Vec<_>>()];
    table.extend(rows.iter().map(|row| columns.iter().map(|column| cell(row, column)).collect()));
    write!(out, "{}", wording::table(&table))?;
    Ok(())
}

/// A row of the table: the run at `path`.
fn row(path: &Path, info: &RunInfo, show: &[String]) -> Value {
    let result: Option<Value> = std::fs::read(path.join("result.json"))
        .ok()
        .and_then(|text| serde_json::from_slice(&text).ok());
    let of = |key: &str| result.as_ref().and_then(|result| result.get(key)).cloned();
    let measure = of("objective").and_then(|objective| objective.get("measure").cloned());
    let score = measure.as_ref().and_then(|measure| {
        let found = of("eval")?.get(measure.as_str()?)?.clone();
        let found: Measure = serde_json::from_value(found).ok()?;
        Some(wording::number(found.mean, wording::digits(&found)))
    });
    let mut row = serde_json::json!({
        "run": path.display().to_string(),
        "algorithm": info.algorithm,
        "subject": info.subject,
        "seed": info.seed,
        "steps": of("steps"),
        // A run without a result is under way, or was killed.
        "outcome": of("outcome").unwrap_or_else(|| "no result".into()),
        "measure": measure,
        "score": score,
    });
    for key in show {
        row[key] = setting::value(info, key).unwrap_or(Value::Null);
    }
    row
}
