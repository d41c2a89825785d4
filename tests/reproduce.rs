//! `lab reproduce` as its users run it, with few samples.
#![expect(clippy::unwrap_used, reason = "clippy.toml exempts only functions marked #[test]")]
use serde_json::Value;
use std::fs;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

fn command(dir: &TempDir, args: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
    command.args(args.split_whitespace()).current_dir(dir.path());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn lab(dir: &TempDir, args: &str) -> Output {
    command(dir, args).output().unwrap()
}

fn error(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn policy_gradients_agree_with_theory() {
    let dir = tempfile::tempdir().unwrap();
    let output = lab(&dir, "reproduce policy-gradient --quick --json");
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &result["failed"]), (Some(0), &0.into()), "{result:#}");
    assert_eq!(result["outcome"], "finished");
    let run = dir.path().join("runs/reproduce-policy-gradient");
    assert_eq!(result["run"], "runs/reproduce-policy-gradient");
    let saved: Value = serde_json::from_slice(&fs::read(run.join("result.json")).unwrap()).unwrap();
    assert_eq!(saved, result);
    let names = ["estimator", "baselines", "horizon", "critic"];
    for (name, report) in names.iter().zip(result["experiments"].as_array().unwrap()) {
        assert_eq!(report["name"], *name);
        assert!(!report["lines"].as_array().unwrap().is_empty());
        let svg = fs::read_to_string(run.join(format!("{name}.svg"))).unwrap();
        assert!(svg.contains("theory") && !svg.contains("NaN"), "{name}");
        assert!(fs::read(run.join(format!("{name}.png"))).unwrap().starts_with(b"\x89PNG"));
    }
    let info: Value = serde_json::from_slice(&fs::read(run.join("run.json")).unwrap()).unwrap();
    assert_eq!((&info["seed"], &info["config"]["quick"]), (&1.into(), &true.into()));
    // Progress is indented.
    let told = error(&output);
    let lines = told.lines().filter(|line| !line.starts_with(' ')).count();
    assert_eq!(lines, 4, "a line for each experiment: {told}");
    assert!(told.contains("1 of 4  estimator: ") && told.contains("4 of 4  critic: "), "{told}");
}

#[test]
fn what_is_not_there_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let output = lab(&dir, "reproduce");
    assert_eq!(output.status.code(), Some(2));
    assert!(error(&output).contains("policy-gradient"), "{}", error(&output));
    let output = lab(&dir, "reproduce policy-gradients");
    assert_eq!(output.status.code(), Some(2));
    assert!(error(&output).contains("did you mean `policy-gradient`?"), "{}", error(&output));
    let output = lab(&dir, "reproduce minatar --steps 0");
    assert_eq!(output.status.code(), Some(2));
    let expected = "a number of steps is expected, such as 2M";
    assert!(error(&output).contains(expected), "{}", error(&output));
    let listed = lab(&dir, "list reproductions");
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let named = |name: &str| listed.lines().any(|line| line.starts_with(name));
    for name in ["dqn-ablations", "gan-lessons", "minatar", "mnist-vae", "policy-gradient"] {
        assert!(named(name), "{listed}");
    }
    for (args, status, sentence) in [
        ("policy-gradient --only critics", 2, "did you mean `critic`?"),
        (
            "policy-gradient --steps 2M",
            2,
            "--steps 2000000: policy-gradient has a length of its own",
        ),
        ("policy-gradient --data mnist", 2, "--data mnist: policy-gradient needs none"),
        ("mnist-vae --data glyphs", 2, "--data glyphs: mnist-vae is about mnist"),
        ("mnist-vae", 1, "there is no train-images-idx3-ubyte or train-images-idx3-ubyte.gz"),
        ("mnist-vae --quick --only vae --data mnist:here", 1, "`lab data get mnist --dir here`"),
    ] {
        let output = lab(&dir, &format!("reproduce {args}"));
        assert!(error(&output).contains(sentence), "{args}: {}", error(&output));
        assert_eq!((output.status.code(), error(&output).lines().count()), (Some(status), 1));
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn a_directory_that_is_taken_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("taken")).unwrap();
    fs::write(dir.path().join("taken/notes"), "mine").unwrap();
    let output = lab(&dir, "reproduce policy-gradient --quick --out taken");
    assert_eq!(output.status.code(), Some(1));
    assert!(error(&output).contains("taken is not empty"), "{}", error(&output));
    assert_eq!(fs::read_dir(dir.path().join("taken")).unwrap().count(), 1);
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_what_is_done() {
    let dir = tempfile::tempdir().unwrap();
    let child = command(&dir, "reproduce policy-gradient --quick --out a --json").spawn().unwrap();
    let begun = Instant::now();
    while !dir.path().join("a/estimator.png").exists() {
        assert!(begun.elapsed() < Duration::from_secs(120), "no first figure");
        std::thread::sleep(Duration::from_millis(5));
    }
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", error(&output));
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(result["outcome"], "interrupted");
    let experiments = result["experiments"].as_array().unwrap();
    assert!((1..4).contains(&experiments.len()) && experiments[0]["name"] == "estimator");
    assert!(dir.path().join("a/result.json").exists());
}

#[test]
fn lessons_of_gans_are_drawn() {
    let dir = tempfile::tempdir().unwrap();
    let output = lab(&dir, "reproduce gan-lessons --quick --json");
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &result["failed"]), (Some(0), &0.into()), "{result:#}");
    let run = dir.path().join("runs/reproduce-gan-lessons");
    for name in ["gradients", "noise", "guidelines", "beside-vae"] {
        let svg = fs::read_to_string(run.join(format!("{name}.svg"))).unwrap();
        assert!(svg.contains("<circle") || svg.contains("<polyline"), "{name}");
        assert!(!svg.contains("NaN"), "{name}");
    }
    let output = lab(&dir, &format!("reproduce gan-lessons --seed {}", u64::MAX));
    assert!(error(&output).contains("--seed"), "{}", error(&output));
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn parts_of_dqn_are_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let output = lab(&dir, "reproduce dqn-ablations --quick --json");
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &result["failed"]), (Some(0), &0.into()), "{result:#}");
    let run = dir.path().join("runs/reproduce-dqn-ablations");
    for name in ["chain", "replay", "frames", "overestimation", "rainbow"] {
        let svg = fs::read_to_string(run.join(format!("{name}.svg"))).unwrap();
        assert!(svg.contains("<circle") || svg.contains("<polyline"), "{name}");
        assert!(!svg.contains("NaN"), "{name}");
    }
}

#[test]
fn a_game_of_minatar_has_as_many_steps_as_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let output = lab(&dir, "reproduce minatar --quick --only breakout --steps 9k --json");
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &result["failed"]), (Some(0), &0.into()), "{result:#}");
    let lines = result["experiments"][0]["lines"].as_array().unwrap();
    for (line, algorithm) in lines.iter().zip(["dqn", "pqn", "ppo"]) {
        let what = line["what"].as_str().unwrap();
        assert!(what.starts_with(&format!("{algorithm} after 9000 transitions")), "{what}");
    }
    assert_eq!(lines.len(), 3);
}
