//! Commands of lab as functions.
use crate::program::{Shown, call, start, words};
use crate::table::plain;
use crate::{Error, Result, Run, Table, Text};
use serde_json::Value;

/// Trains by a command line of lab without the word `lab`, showing its progress: `lab("dqn --env catch")?`.
///
/// A line of progress is shown every five seconds; notes and warnings always.
///
/// # Errors
/// lab's own sentence; lab can't be found.
pub fn lab(line: &str) -> Result<Run> {
    let mut arguments = words(line)?;
    arguments.push("--json".into());
    let printed = call(&arguments, Shown::Progress)?;
    let result: Value = serde_json::from_str(&printed).map_err(|_| {
        Error::new(format!("`lab {line}` is no training command; `command` runs others"))
    })?;
    match result["run"].as_str() {
        Some(dir) => Run::open(dir),
        None => Err(Error::new(format!("`lab {line}` leaves no run directory"))),
    }
}

/// Output of any other command of lab: `command("list envs")?`.
///
/// # Errors
/// lab's own sentence; lab can't be found.
pub fn command(line: &str) -> Result<Text> {
    Ok(Text::new(call(&words(line)?, Shown::Errors)?))
}

/// Table of `lab check NAMES`: lab's numbers beside the published ones.
///
/// # Errors
/// lab's own sentence. A number that differs is no error but a row.
pub fn check(names: &str) -> Result<Table> {
    let mut arguments = vec!["check".into()];
    arguments.extend(words(names)?);
    arguments.push("--json".into());
    // A check that fails ends lab with 1, after its table.
    let output = start(&arguments, Shown::Errors)?;
    let report: Value = match serde_json::from_str(&output.printed) {
        Ok(report) => report,
        Err(_) => return Err(output.refusal()),
    };
    let mut table = Table::new(["check", "number", "lab", "expected", "source", ""]);
    for check in report["checks"].as_array().into_iter().flatten() {
        for line in check["lines"].as_array().into_iter().flatten() {
            let source = match &line["derived"] {
                Value::Null => plain(&check["source"]),
                derivation => plain(derivation),
            };
            let pass = if line["pass"] == true { "pass" } else { "fail" };
            table.row([
                plain(&check["name"]),
                plain(&line["what"]),
                plain(&line["ours"]),
                plain(&line["expected"]),
                source,
                pass.to_owned(),
            ]);
        }
    }
    Ok(table)
}
