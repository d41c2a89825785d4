//! The data of a run: read when it begins, and found again when it goes on or is scored.
use super::config::Config;
use crate::registry::{DataName, DataSource, Loaded, Subject};
use crate::usage::Usage;
use anyhow::{Context, Result, anyhow, bail};
use generative::data::{Dataset, Record};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::io::Write;
use std::path::Path;

/// Entry of `run.json` about data that were read from files.
#[derive(Serialize, Deserialize)]
struct Remembered {
    #[serde(flatten)]
    record: Record,
    /// Path where they were found last, as `--data` takes it after the colon.
    path: String,
}

/// The data that a new run learns from.
pub(crate) fn first(config: &Config) -> Result<Loaded> {
    DataName::parse(config.named())?.load(&config.args(Subject::Data))
}

/// Returns `true` for a run without files: it learns in an environment, or from synthetic data.
pub(crate) fn needs_no_files(config: &Config) -> Result<bool> {
    if config.all.contains_key(Subject::Env.key()) {
        return Ok(true);
    }
    let data = DataName::parse(config.named())?;
    Ok(matches!(data.entry.source, DataSource::Drawn(_)))
}

/// Loads the data of an existing run from the path in `moved`, else from where they were found last.
/// `saved` is the entry of `run.json` about them.
///
/// # Errors
/// If they are not there, or are others than they were.
pub(crate) fn again(
    run: &Path,
    config: &Config,
    saved: Option<&Value>,
    moved: Option<&str>,
) -> Result<Loaded> {
    let (saved, set) = (saved.map(remembered).transpose()?, config.subject());
    let named = match (moved, &saved) {
        (Some(moved), _) => moved.to_owned(),
        (None, Some(saved)) => format!("{set}:{}", saved.path),
        (None, None) => config.named().to_owned(),
    };
    let data = DataName::parse(&named)?;
    if data.entry.name != set {
        let run = run.display();
        return Err(Usage(format!(
            "--data {named}: {run} learned from {set}; say where that lies"
        ))
        .into());
    }
    let options = config.args(Subject::Data);
    let mut loaded = data.load(&options).map_err(|error| match moved {
        Some(_) => error,
        None => error.context(format!(
            "the data that {} learned from can't be read; where they lie elsewhere now, add --data {set}:PATH",
            run.display()
        )),
    })?;
    match (&saved, &loaded.record) {
        (Some(saved), Some(now)) => {
            if let Some(changed) = saved.record.changed(now) {
                bail!(
                    "{named} does not hold the data that {} learned from: {changed}. Give the place of those, as \
                     in --data {set}:PATH, or begin a new run",
                    run.display()
                )
            }
        }
        (None, Some(_)) => loaded.notes.push(format!(
            "{} does not say what its data were like: whether these are the same can't be told",
            run.join("run.json").display()
        )),
        _ => {}
    }
    Ok(loaded)
}

/// Entry of `run.json` for `record`, of data that `config` or `moved` names.
pub(crate) fn remember(
    config: &Config,
    moved: Option<&str>,
    saved: Option<&Value>,
    record: Option<Record>,
) -> Result<Option<Value>> {
    let Some(record) = record else { return Ok(None) };
    let last = saved.map(remembered).transpose()?.map(|saved| saved.path);
    let path = match (moved, last) {
        (None, Some(path)) => path,
        (moved, _) => {
            let full = DataName::parse(moved.unwrap_or(config.named()))?.full()?;
            full.split_once(':').map_or(String::new(), |(_, path)| path.to_owned())
        }
    };
    Ok(Some(serde_json::to_value(Remembered { record, path })?))
}

/// Data of the form that a model was made for, without their contents; `None` where `run.json` does not say what
/// that was.
pub(crate) fn blank(run: &Path, saved: Option<&Value>) -> Result<Option<Dataset>> {
    let Some(saved) = saved else { return Ok(None) };
    let blank = remembered(saved)?.record.blank();
    let damaged = || format!("{} is damaged", run.join("run.json").display());
    Ok(Some(Dataset::Images(blank.with_context(damaged)?)))
}

fn remembered(saved: &Value) -> Result<Remembered> {
    serde_json::from_value(saved.clone()).map_err(|error| {
        anyhow!("run.json is damaged: what it says of the data can't be read: {error}")
    })
}

/// Tells notes on standard error.
pub(crate) fn tell(notes: &[String]) {
    for note in notes {
        // Nobody reads standard error: no reason not to go on.
        let _ = writeln!(std::io::stderr(), "note: {note}");
    }
}
