//! `lab runs`: the runs of a directory, a line each.
use crate::registry::{Subject, algorithms, subjects};
use crate::run::layer::fields;
use crate::usage::Usage;
use crate::wording;
use ::train::{Measure, RunDir};
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
    let mut rows = Vec::new();
    let dirs = dirs.iter().filter(|dir| !args.dirs.is_empty() || dir.exists());
    for dir in dirs {
        let entries =
            std::fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()))?;
        let mut paths = entries
            .map(|entry| Ok(entry?.path()))
            .collect::<std::io::Result<Vec<_>>>()
            .with_context(|| format!("cannot list {}", dir.display()))?;
        paths.sort();
        rows.extend(paths.iter().filter_map(|path| row(path, &args.show)));
    }
    if args.json {
        writeln!(out, "{}", serde_json::json!({ "runs": rows }))?;
        return Ok(());
    }
    if let Some(key) =
        args.show.iter().find(|key| rows.iter().all(|row| row[key.as_str()].is_null()))
        && !rows.is_empty()
        && !known(key)
    {
        return Err(Usage(format!("--show {key}: no run has such an option")).into());
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

/// Test whether some algorithm, environment or data set has an option `key`: a run may leave it without a value.
fn known(key: &str) -> bool {
    let key = key.replace('-', "_");
    let has = |fields: Vec<params::Field>| fields.iter().any(|field| field.name == key);
    let subjects = [Subject::Env, Subject::Data].into_iter().flat_map(subjects);
    algorithms().iter().any(|algorithm| has(fields(algorithm)))
        || subjects.into_iter().any(|(_, options)| has(options()))
}

/// A row of the table: the run at `path`; `None` if it is no run.
fn row(path: &Path, show: &[String]) -> Option<Value> {
    let info = RunDir::info(path).ok()?;
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
        let name = key.replace('-', "_");
        let args = ["env_args", "data_args"].map(|args| info.config.get(args)?.get(&name));
        let value = info.config.get(&name).or_else(|| args.into_iter().flatten().next());
        row[key] = value.cloned().unwrap_or(Value::Null);
    }
    Some(row)
}
