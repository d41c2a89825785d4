//! `examples/python/read_policy.py` computes lab's own Q values, policies and state values. Skipped where Python, numpy or safetensors is not there.
#![expect(clippy::unwrap_used, reason = "clippy.toml exempts only functions marked #[test]")]
#![expect(clippy::print_stdout, reason = "a test that is skipped says so")]
use agents::{NetworkName, q_network};
use envs::Env as _;
use lab::candle_core::{self, Device, Module as _, Tensor};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The Python to use, `$PYTHON` or `python3`, if it has numpy and safetensors.
fn python() -> Option<String> {
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let output = Command::new(&python).args(["-c", "import safetensors, numpy"]).output();
    let there = output.is_ok_and(|output| output.status.success());
    if !there {
        println!("skipped: {python} has no numpy and safetensors");
    }
    there.then_some(python)
}

fn ok(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn train(dir: &Path, line: &str) {
    let words = line.split_whitespace().chain(["--quiet", "--out", "run"]);
    ok(Command::new(env!("CARGO_BIN_EXE_lab")).args(words).current_dir(dir));
}

/// Output of the Python program for the run in `dir`.
fn read(python: &str, dir: &Path, observations: Option<&Path>) -> Value {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/python/read_policy.py");
    let mut command = Command::new(python);
    command.arg(program).arg("run").args(observations).current_dir(dir);
    serde_json::from_slice(&ok(&mut command)).unwrap()
}

fn rows(q: &Value) -> Vec<Vec<Option<f64>>> {
    serde_json::from_value(q.clone()).unwrap()
}

fn assert_close(ours: &[Vec<Option<f64>>], theirs: &[Vec<Option<f64>>]) {
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(theirs) {
        for (ours, theirs) in ours.iter().zip(theirs) {
            // A terminal state has no actions.
            if let (Some(ours), Some(theirs)) = (ours, theirs) {
                assert!((ours - theirs).abs() < 1e-5, "{ours} {theirs}");
            }
        }
    }
}

/// A terminal state has no action.
fn assert_same_actions(policy: &Value, actions: &Value) {
    for (ours, theirs) in policy.as_array().unwrap().iter().zip(actions.as_array().unwrap()) {
        assert!(ours.is_null() || ours == theirs, "{ours} {theirs}");
    }
}

#[test]
fn q_values_of_a_grid_are_those_of_its_solution() {
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().unwrap();
    train(dir.path(), "dqn --env gridworld --reward entering --steps 1000 --test-episodes 2");
    let outputs = read(&python, dir.path(), None);
    let solution = fs::read(dir.path().join("run/solution.json")).unwrap();
    let solution: Value = serde_json::from_slice(&solution).unwrap();
    assert_close(&rows(&solution["q"]), &rows(&outputs["q"]));
    assert_same_actions(&solution["policy"], &outputs["actions"]);
}

#[test]
fn policies_and_values_of_a_grid_are_those_of_its_solution() {
    let Some(python) = python() else { return };
    let grid = "--env gridworld --reward entering --test-episodes 2";
    for line in [
        "ppo --steps 4096 --sharing shared --normalize-obs",
        "ppo --steps 4096 --normalize-obs --clip-obs 2",
        "actor-critic --steps 1000",
        "actor-critic --steps 1000 --hidden 12,9,7",
        "ppo --steps 4096 --hidden none",
    ] {
        let dir = tempfile::tempdir().unwrap();
        train(dir.path(), &format!("{line} {grid}"));
        let outputs = read(&python, dir.path(), None);
        let solution = fs::read(dir.path().join("run/solution.json")).unwrap();
        let solution: Value = serde_json::from_slice(&solution).unwrap();
        assert_same_actions(&solution["policy"], &outputs["actions"]);
        let values: Vec<f64> = serde_json::from_value(solution["values"].clone()).unwrap();
        let critic: Vec<[f64; 1]> = serde_json::from_value(outputs["critic"].clone()).unwrap();
        assert_eq!(values.len(), critic.len());
        let pairs = values.into_iter().zip(critic.into_iter().flatten());
        for (pair, choice) in pairs.zip(solution["policy"].as_array().unwrap()) {
            assert!(choice.is_null() || (pair.0 - pair.1).abs() < 1e-5, "{line}: {pair:?}");
        }
    }
}

#[test]
fn q_values_of_images_are_those_of_the_network() {
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().unwrap();
    train(
        dir.path(),
        "dqn --env breakout --preset dqn-breakout --steps 600 --warmup 500 --lr-end 1 \
         --eval-every 0 --test-episodes 1",
    );
    // Two images with pixels here and there.
    let bits: Vec<f32> = (0..800u32).map(|i| (i * i * 7 % 11 / 8) as f32).collect();
    let obs = Tensor::from_slice(&bits, (2, 4, 10, 10), &Device::Cpu).unwrap();
    let nested: Vec<Vec<Vec<Vec<f32>>>> =
        (0..2).map(|i| obs.get(i).unwrap().to_vec3().unwrap()).collect();
    let file = dir.path().join("observations.json");
    fs::write(&file, json!(nested).to_string()).unwrap();
    let outputs = read(&python, dir.path(), Some(&file));

    let mut saved: Vec<PathBuf> = fs::read_dir(dir.path().join("run/checkpoints"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("step-"))
        .collect();
    saved.sort();
    let file = saved.last().unwrap().join("model.safetensors");
    let saved = candle_core::safetensors::load(file, &Device::Cpu).unwrap();
    let params = nn::Params::new(1, &Device::Cpu);
    let spec = envs::Breakout::default().spec();
    let network = q_network(&params, &spec, NetworkName::Auto, &128.into()).unwrap();
    for (name, var) in params.named() {
        var.set(&saved[&name]).unwrap();
    }
    let q: Vec<Vec<f32>> = network.forward(&obs).unwrap().to_vec2().unwrap();
    let q: Vec<Vec<_>> =
        q.iter().map(|row| row.iter().map(|q| Some(f64::from(*q))).collect()).collect();
    assert_close(&q, &rows(&outputs["q"]));
}
