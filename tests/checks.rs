//! Published answers agree with the results of lab.
#![expect(clippy::unwrap_used, reason = "clippy.toml exempts only functions marked #[test]")]
use lab::checks::{self, Speed};
use serde_json::Value;
use std::process::{Command, Output};

fn lab(args: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lab")).args(args.split_whitespace()).output().unwrap()
}

fn message(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn every_quick_check_passes() {
    let output = lab("check --json");
    let object: Value = serde_json::from_slice(&output.stdout).unwrap();
    let quick = checks::all().into_iter().filter(|check| check.speed == Speed::Quick);
    assert_eq!(object["passed"].as_u64().unwrap(), quick.count() as u64, "{object:#}");
    assert_eq!(object["failed"], 0);
    assert_eq!(output.status.code(), Some(0));
    for check in object["checks"].as_array().unwrap() {
        assert!(check["seconds"].as_f64().unwrap() < 30.0, "{}: not quick", check["name"]);
    }
}

#[test]
#[ignore = "a simulation of about 20 seconds"]
fn every_slow_check_passes() {
    for check in checks::all().into_iter().filter(|check| check.speed != Speed::Quick) {
        let outcome = check.outcome();
        assert!(outcome.pass, "{outcome:#?}");
    }
}

#[test]
fn one_check_is_told_in_full() {
    let output = lab("check cs7643-five-step");
    let message = message(&output);
    for part in [
        "pass  cs7643-five-step",
        "source   Stanford CS234",
        "command  lab value-iteration --env five-step",
        "ours       4.1",
        "published  4.1 ± 0.05",
        "1 of 1 pass",
    ] {
        assert!(message.contains(part), "{part}\n{message}");
    }
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn an_unknown_check_is_refused_with_the_nearest() {
    let output = lab("check aima-utilites");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        error.contains("unknown check `aima-utilites`; did you mean `aima-utilities`?"),
        "{error}"
    );
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    assert!(message(&lab("list checks")).contains("aima-utilities"));
}
