//! `lab check`: published exercises and their answers.
use super::doing;
use crate::checks::{self, Check, CheckResult, Speed};
use crate::claim::Claim;
use crate::registry::find;
use anyhow::Result;
use std::io::Write;

/// Compare lab's numbers with published ones
#[derive(clap::Args)]
pub(super) struct Args {
    /// Checks to run (`lab list checks`) [default: all quick ones]
    names: Vec<String>,
    /// Run the slow ones too
    #[arg(long, conflicts_with = "names")]
    slow: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Threads to compute on; results do not depend on it [default: one per core]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Result<u8> {
    crate::run::machine::start(args.threads)?;
    let all = checks::all();
    let named: Result<Vec<_>, _> =
        args.names.iter().map(|name| find("check", name, &all, |check| check.name)).collect();
    let (chosen, left): (Vec<&Check>, Vec<&Check>) = match named?.as_slice() {
        [] => all.into_iter().partition(|check| args.slow || check.speed == Speed::Quick),
        named => (named.iter().map(|check| **check).collect(), Vec::new()),
    };
    let width = chosen.iter().map(|check| check.name.len()).max().unwrap_or(0);
    let mut outcomes = Vec::new();
    for check in &chosen {
        let outcome = doing::telling(args.json, || check.outcome());
        if !args.json {
            summary(&outcome, width, out)?;
            if !args.names.is_empty() {
                details(&outcome, out)?;
            } else if !outcome.pass {
                differences(&outcome, out)?;
            }
            out.flush()?;
        }
        outcomes.push(outcome);
    }
    let passed = outcomes.iter().filter(|outcome| outcome.pass).count();
    let failed = outcomes.len() - passed;
    if args.json {
        let object = serde_json::json!({ "passed": passed, "failed": failed, "checks": outcomes });
        writeln!(out, "{object}")?;
    } else {
        writeln!(out, "{passed} of {} pass", outcomes.len())?;
        for check in left {
            let Speed::Slow(seconds) = check.speed else { continue };
            writeln!(out, "not run: {}, about {seconds} s; name it, or give --slow", check.name)?;
        }
    }
    Ok(code(&outcomes))
}

/// 0 where all pass, 1 where one fails.
fn code(outcomes: &[CheckResult]) -> u8 {
    u8::from(outcomes.iter().any(|outcome| !outcome.pass))
}

/// One line about a check.
fn summary(outcome: &CheckResult, width: usize, out: &mut dyn Write) -> Result<()> {
    let verdict = if outcome.pass { "pass" } else { "FAIL" };
    let agree = outcome.lines.iter().filter(|line| line.pass).count();
    let (name, about, n) = (outcome.name, outcome.about, outcome.lines.len());
    writeln!(
        out,
        "{verdict}  {name:width$}  {agree:2} of {n:2}  {:4.1} s  {about}",
        outcome.seconds
    )?;
    Ok(())
}

/// Writes the lines that failed.
fn differences(outcome: &CheckResult, out: &mut dyn Write) -> Result<()> {
    if let Some(error) = &outcome.error {
        writeln!(out, "      {error}")?;
    }
    for line in outcome.lines.iter().filter(|line| !line.pass) {
        write_line(line, out)?;
    }
    Ok(())
}

/// All there is to know about a check.
fn details(outcome: &CheckResult, out: &mut dyn Write) -> Result<()> {
    writeln!(out, "      source   {}", outcome.source)?;
    writeln!(out, "               {}", outcome.url)?;
    writeln!(out, "      command  {}", outcome.command)?;
    if !outcome.notes.is_empty() {
        writeln!(out, "      note     {}", outcome.notes)?;
    }
    if let Some(error) = &outcome.error {
        writeln!(out, "      error    {error}")?;
    }
    outcome.lines.iter().try_for_each(|line| write_line(line, out))
}

/// One comparison.
pub(super) fn write_line(line: &Claim, out: &mut dyn Write) -> Result<()> {
    let verdict = if line.pass { "pass" } else { "FAIL" };
    let from = if line.derived.is_some() { "derived  " } else { "published" };
    writeln!(out, "  {verdict}  {}", line.what)?;
    writeln!(out, "          ours       {}", line.ours_shown())?;
    writeln!(out, "          {from}  {}", line.expected_shown())?;
    if let Some(how) = line.derived {
        writeln!(out, "          how        {how}")?;
    }
    if let Some(note) = &line.note {
        writeln!(out, "          note       {note}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{command, train};
    use crate::registry;

    #[test]
    fn every_command_is_one() {
        for check in checks::all() {
            let matches = command().try_get_matches_from(check.command.split_whitespace());
            let matches = matches.unwrap_or_else(|error| panic!("{}: {error}", check.name));
            let (name, matches) = matches.subcommand().unwrap();
            let algorithm = registry::algorithm(name).unwrap();
            train::config(algorithm, matches).unwrap_or_else(|e| panic!("{}: {e}", check.name));
        }
    }

    #[test]
    fn names_are_unique_and_nothing_is_left_out() {
        let mut names = std::collections::BTreeSet::new();
        for check in checks::all() {
            assert!(names.insert(check.name), "{} twice", check.name);
            assert!(check.url.starts_with("http"), "{}", check.name);
            assert!(!check.source.is_empty() && !check.about.is_empty(), "{}", check.name);
        }
    }

    #[test]
    fn a_wrong_expectation_fails_and_is_told() {
        let check = checks::all()[0];
        let lines = || vec![Claim::printed("one", 1.0, "1.0"), Claim::printed("two", 2.0, "3.0")];
        let outcome = CheckResult::of(check, Ok(lines()), 0.0);
        assert!(!outcome.pass);
        let right = CheckResult::of(check, Ok(lines()[..1].to_vec()), 0.0);
        assert_eq!(code(std::slice::from_ref(&right)), 0);
        assert_eq!(code(&[right, outcome.clone()]), 1);
        let mut message = Vec::new();
        summary(&outcome, 4, &mut message).unwrap();
        differences(&outcome, &mut message).unwrap();
        let message = String::from_utf8(message).unwrap();
        assert!(message.starts_with("FAIL") && message.contains(" 1 of  2"), "{message}");
        assert!(
            message.contains("FAIL  two\n          ours       2\n          published  3.0 ± 0.05"),
            "{message}"
        );
        assert!(!message.contains("one\n"), "{message}");
        assert!(CheckResult::of(check, Ok(lines()[..1].to_vec()), 0.0).pass);
        // No line is no agreement.
        assert!(!CheckResult::of(check, Ok(Vec::new()), 0.0).pass);
        assert!(!CheckResult::of(check, Err(anyhow::anyhow!("broken")), 0.0).pass);
    }
}
