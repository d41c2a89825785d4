//! `lab runs`: the runs of a directory, a line each.
use crate::run::{setting, studies};
use crate::wording;
use ::train::{Measure, RunDir, RunInfo};
use anyhow::Result;
use params::plain;
use serde_json::Value;
use std::cmp::Ordering;
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
    /// Only runs with these settings, as in `--where algorithm=ppo,env=cartpole,lr=1e-3`; `outcome` is one too
    #[arg(long = "where", value_name = "KEY=VALUE", value_delimiter = ',', value_parser = condition)]
    conditions: Vec<Condition>,
    /// Order: the best score first, each measure by itself, or the newest run first [default: by name]
    #[arg(long, value_name = "ORDER")]
    sort: Option<SortKey>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Order of runs.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum SortKey {
    Score,
    Time,
}

/// A value that a setting must have.
#[derive(Clone)]
struct Condition {
    key: String,
    value: String,
}

fn condition(text: &str) -> Result<Condition, String> {
    let (key, value) = text.split_once('=').ok_or("KEY=VALUE is expected, as in lr=0.001")?;
    Ok(Condition { key: key.to_owned(), value: value.to_owned() })
}

impl Condition {
    /// Test whether a run fulfils it; numbers are compared as numbers.
    fn holds(&self, info: &RunInfo, row: &Value) -> bool {
        let found = match &*self.key {
            OUTCOME => row.get(OUTCOME).cloned(),
            key => setting::value(info, key),
        };
        let Some(found) = found else { return self.value == "none" };
        let found = plain(&found);
        let number = |text: &str| text.replace('_', "").parse::<f64>().ok();
        found == self.value
            || number(&found).is_some_and(|found| number(&self.value) == Some(found))
    }
}

/// Key of how a run ended, which is no setting.
const OUTCOME: &str = "outcome";

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Result<()> {
    let default = [PathBuf::from("runs")];
    let dirs = if args.dirs.is_empty() { &default[..] } else { &args.dirs };
    let mut found = Vec::new();
    let dirs = dirs.iter().filter(|dir| !args.dirs.is_empty() || dir.exists());
    for dir in dirs {
        let runs = studies::runs_below(dir)?.into_iter();
        found.extend(runs.filter_map(|path| RunDir::info(&path).ok().map(|info| (path, info))));
    }
    if !found.is_empty() {
        let infos = || found.iter().map(|(_, info)| info);
        args.show.iter().try_for_each(|key| setting::check("--show", key, infos()))?;
        let keys = args.conditions.iter().map(|condition| &*condition.key);
        keys.filter(|key| *key != OUTCOME)
            .try_for_each(|key| setting::check("--where", key, infos()))?;
    }
    let mut rows: Vec<_> = found
        .iter()
        .map(|(path, info)| (info, row(path, info, &args.show)))
        .filter(|(info, row)| args.conditions.iter().all(|condition| condition.holds(info, row)))
        .collect();
    match args.sort {
        None => {}
        // RFC 3339 in UTC: later is greater.
        Some(SortKey::Time) => rows.sort_by(|a, b| b.0.started.cmp(&a.0.started)),
        Some(SortKey::Score) => rows.sort_by(|a, b| by_score(&a.1, &b.1)),
    }
    let rows: Vec<_> = rows.into_iter().map(|(_, row)| row).collect();
    if args.json {
        writeln!(out, "{}", serde_json::json!({ "runs": rows }))?;
        return Ok(());
    }
    if rows.is_empty() && !found.is_empty() {
        writeln!(
            out,
            "none of {} has these settings",
            wording::counted(found.len() as u64, "runs")
        )?;
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

/// The order of two rows by their scores: the better one first, measures in the order of their names, runs without a
/// score last.
fn by_score(a: &Value, b: &Value) -> Ordering {
    let measure = |row: &Value| row["measure"].as_str().map(str::to_owned);
    let score = |row: &Value| {
        let mean = row["mean"].as_f64()?;
        Some(if row["direction"] == "minimise" { -mean } else { mean })
    };
    let place = |row: &Value| (score(row).is_none(), measure(row));
    let better = || score(b).partial_cmp(&score(a)).unwrap_or(Ordering::Equal);
    place(a).cmp(&place(b)).then_with(better)
}

/// A row of the table: the run at `path`.
fn row(path: &Path, info: &RunInfo, show: &[String]) -> Value {
    let result: Option<Value> = std::fs::read(path.join("result.json"))
        .ok()
        .and_then(|text| serde_json::from_slice(&text).ok());
    let of = |key: &str| result.as_ref().and_then(|result| result.get(key)).cloned();
    let objective = of("objective").unwrap_or_default();
    let measure = objective.get("measure").cloned();
    let found = measure.as_ref().and_then(|measure| {
        let found = of("eval")?.get(measure.as_str()?)?.clone();
        serde_json::from_value::<Measure>(found).ok()
    });
    let score = found.map(|found| wording::number(found.mean, wording::digits(&found)));
    let mut row = serde_json::json!({
        "run": path.display().to_string(),
        "algorithm": info.algorithm,
        "subject": info.subject,
        "seed": info.seed,
        "steps": of("steps"),
        // A run without a result is under way, or was killed.
        "outcome": of("outcome").unwrap_or_else(|| "no result".into()),
        "measure": measure,
        "direction": objective.get("direction"),
        "mean": found.map(|found| found.mean),
        "score": score,
    });
    for key in show {
        row[key] = setting::value(info, key).unwrap_or(Value::Null);
    }
    row
}
