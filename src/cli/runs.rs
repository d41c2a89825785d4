//! `lab runs`: the runs of a directory, a line each.
use crate::run::machine::tell;
use crate::run::setting;
use crate::run::state::State;
use crate::study::named::{Named, runs_below};
use crate::wording;
use ::train::RunInfo;
use anyhow::Result;
use params::plain;
use serde_json::Value;
use std::cmp::Ordering;
use std::io::Write;
use std::path::PathBuf;

/// List runs with their states, settings and scores
///
/// Of a study every run on its list, those that have not begun too. A run that is not done has the step it has come to and those it is to
/// have, as in 1200/5000.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Directories that hold runs and studies, or studies [default: runs]
    dirs: Vec<PathBuf>,
    /// Options that are shown of each, as in `--show lr,batch`
    #[arg(long, value_name = "KEYS", value_delimiter = ',')]
    show: Vec<String>,
    /// Only runs with these settings, as in `--where algorithm=ppo,env=cartpole,lr=1e-3`; `state` is one too
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
    fn holds(&self, info: Option<&RunInfo>, row: &Value) -> bool {
        let found = match &*self.key {
            STATE => row.get(STATE).cloned(),
            key => info.and_then(|info| setting::value(info, key)),
        };
        let Some(found) = found else { return self.value == "none" };
        if self.key == STATE {
            return found == self.value.replace(' ', "_");
        }
        let found = plain(&found);
        let number = |text: &str| text.replace('_', "").parse::<f64>().ok();
        found == self.value
            || number(&found).is_some_and(|found| number(&self.value) == Some(found))
    }
}

/// Key of how far a run is, or how it ended, which is no setting.
const STATE: &str = "state";

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Result<()> {
    let default = [PathBuf::from("runs")];
    let dirs = if args.dirs.is_empty() { &default[..] } else { &args.dirs };
    let mut found = Vec::new();
    let dirs = dirs.iter().filter(|dir| !args.dirs.is_empty() || dir.exists());
    for dir in dirs {
        found.extend(runs_below(dir)?);
    }
    if !found.is_empty() {
        let infos = || found.iter().filter_map(|run| run.info.as_ref());
        args.show.iter().try_for_each(|key| setting::check("--show", key, infos()))?;
        let keys = args.conditions.iter().map(|condition| &*condition.key);
        keys.filter(|key| *key != STATE)
            .try_for_each(|key| setting::check("--where", key, infos()))?;
    }
    let mut rows: Vec<_> = found
        .iter()
        .map(|run| (run, row(run, &args.show)))
        .filter(|(run, row)| {
            args.conditions.iter().all(|condition| condition.holds(run.info.as_ref(), row))
        })
        .collect();
    match args.sort {
        None => {}
        // RFC 3339 in UTC: later is greater.
        Some(SortKey::Time) => rows.sort_by(|a, b| started(b.0).cmp(started(a.0))),
        Some(SortKey::Score) => rows.sort_by(|a, b| by_score(&a.1, &b.1)),
    }
    for (run, _) in &rows {
        if let State::Damaged(why) = &run.state {
            tell(&format!("note: {why}"));
        }
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
    let columns = ["run", "algorithm", "subject", "seed", "steps", "state", "measure", "score"];
    let columns: Vec<_> = columns.into_iter().chain(args.show.iter().map(String::as_str)).collect();
    let cell = |row: &Value, column: &&str| match row.get(*column) {
        // Of one that is not done, how far it is.
        Some(step) if *column == "steps" && !step.is_null() && row["is_done"] == false => {
            format!("{step}/{}", row["of"])
        }
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(state)) if *column == STATE => state.replace('_', " "),
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

/// Time of the start of a run, which sorts; that of one that has not begun comes first.
fn started(run: &Named) -> &str {
    run.info.as_ref().map_or("", |info| &info.started)
}

/// A row of the table.
fn row(run: &Named, show: &[String]) -> Value {
    let Named { dir, info, steps, state } = run;
    let result = match state {
        State::Done(result) => Some(result),
        _ => None,
    };
    let scored = result.and_then(|result| result.scored());
    let (objective, measure) = scored.unzip();
    let score = measure.map(|found| wording::number(found.mean, wording::digits(found)));
    let mut row = serde_json::json!({
        "run": dir.display().to_string(),
        "algorithm": info.as_ref().map(|info| &info.algorithm),
        "subject": info.as_ref().map(|info| &info.subject),
        "seed": info.as_ref().map(|info| info.seed),
        "steps": state.step(dir),
        "of": steps,
        "is_done": result.is_some(),
        STATE: state.name(),
        "why": state.why(),
        "measure": objective.map(|objective| &objective.measure),
        "direction": objective.map(|objective| objective.direction),
        "mean": measure.map(|found| found.mean),
        "score": score,
    });
    for key in show {
        let value = info.as_ref().and_then(|info| setting::value(info, key));
        row[key] = value.unwrap_or(Value::Null);
    }
    row
}
