//! `lab export` as its users run it. What the files compute is tested beside the networks, here by
//! `examples/python/run_onnx.py`, where there is a Python for it.
#![expect(clippy::unwrap_used, reason = "clippy.toml exempts only functions marked #[test]")]
use nn::onnx::testing::python;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

struct Lab(TempDir);

impl Lab {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, line: &str) -> Output {
        let lab = env!("CARGO_BIN_EXE_lab");
        Command::new(lab).args(line.split_whitespace()).current_dir(self.0.path()).output().unwrap()
    }

    /// Standard output of a command that must go well.
    fn ok(&self, line: &str) -> String {
        let output = self.run(line);
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Sentence of a command that must fail with this code.
    fn refused(&self, line: &str, code: i32) -> String {
        let output = self.run(line);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{line}: {told}");
        told
    }

    fn solution(&self) -> Value {
        serde_json::from_slice(&fs::read(self.path("run/solution.json")).unwrap()).unwrap()
    }

    /// Output of the Python program for a model; none without Python.
    fn read(&self, model: &str, observations: Option<Value>) -> Option<Value> {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/python/run_onnx.py");
        let mut command = Command::new(python()?);
        command.arg(program).arg(model).current_dir(self.0.path());
        if let Some(observations) = observations {
            fs::write(self.path("observations.json"), observations.to_string()).unwrap();
            command.arg("observations.json");
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(serde_json::from_slice(&output.stdout).unwrap())
    }
}

const GRID: &str = "--env gridworld --reward entering --test-episodes 2 --quiet --out run";

/// Numbers of rows, where both know them.
fn assert_close(ours: &Value, theirs: &Value) {
    let rows = |values: &Value| -> Vec<Vec<Option<f64>>> {
        let rows = values.as_array().unwrap().iter();
        let row = |row: &Value| match row {
            Value::Array(row) => row.iter().map(Value::as_f64).collect(),
            number => vec![number.as_f64()],
        };
        rows.map(row).collect()
    };
    let (ours, theirs) = (rows(ours), rows(theirs));
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().flatten().zip(theirs.iter().flatten()) {
        if let (Some(ours), Some(theirs)) = (ours, theirs) {
            assert!((ours - theirs).abs() < 1e-5, "{ours} {theirs}");
        }
    }
}

/// A terminal state has no action.
fn assert_same_actions(policy: &Value, actions: &Value) {
    let (policy, actions) = (policy.as_array().unwrap(), actions.as_array().unwrap());
    assert_eq!(policy.len(), actions.len());
    for (ours, theirs) in policy.iter().zip(actions) {
        assert!(ours.is_null() || ours == theirs, "{ours} {theirs}");
    }
}

#[test]
fn a_q_network_says_what_the_solution_says() {
    let lab = Lab::new();
    lab.ok(&format!("dqn --steps 1000 {GRID}"));
    let told = lab.ok("export run --onnx");
    assert_eq!(told, "run/q-network.onnx (observation [batch, 11] -> q_values [batch, 4])\n");
    let file = fs::read(lab.path("run/q-network.onnx")).unwrap();
    let held = |text: &str| file.windows(text.len()).any(|window| window == text.as_bytes());
    for note in ["dqn", "gridworld", "entering", "one-hot", r#"["up","down","left","right"]"#] {
        assert!(held(note), "{note}");
    }
    assert!(!held("masks"), "every state has every action");
    let Some(said) = lab.read("run/q-network.onnx", None) else { return };
    assert_close(&lab.solution()["q"], &said["q_values"]);
    assert_same_actions(&lab.solution()["policy"], &said["actions"]);
}

#[test]
fn what_a_network_does_not_know_of_its_actions_is_in_the_file() {
    let lab = Lab::new();
    lab.ok("ppo --env gridworld --steps 2048 --test-episodes 2 --quiet --out run");
    lab.ok("export run --onnx");
    let file = fs::read(lab.path("run/policy.onnx")).unwrap();
    let note = b"some states lack some of the actions";
    assert!(file.windows(note.len()).any(|window| window == note));
}

#[test]
fn a_policy_has_the_normalisation_of_its_observations() {
    let lab = Lab::new();
    lab.ok(&format!("ppo --steps 4096 --sharing shared --normalize-obs {GRID}"));
    let told = lab.ok("export run --onnx --out policy.onnx");
    assert!(told.ends_with("-> logits [batch, 4], value [batch, 1])\n"), "{told}");
    let Some(said) = lab.read("policy.onnx", None) else { return };
    assert_same_actions(&lab.solution()["policy"], &said["actions"]);
    let (values, policy) = (&lab.solution()["values"], &lab.solution()["policy"]);
    // The value of a terminal state is not the network's.
    let known = |values: &Value| -> Value {
        let pairs = values.as_array().unwrap().iter().zip(policy.as_array().unwrap());
        pairs.filter(|(_, choice)| !choice.is_null()).map(|(value, _)| value.clone()).collect()
    };
    assert_close(&known(values), &known(&said["value"]));
}

#[test]
fn vectors_of_actions_are_means() {
    let lab = Lab::new();
    lab.ok("reinforce --env pendulum --steps 400 --n-envs 2 --episodes 2 --quiet --out run --test-episodes 1");
    let told = lab.ok("export run --onnx");
    let outputs = "-> mean [batch, 1], log_std [batch, 1], value [batch, 1])\n";
    assert!(told.ends_with(outputs), "{told}");
    let observations = json!([[1.0, 0.0, 0.5], [0.0, 1.0, -2.0], [0.6, 0.8, 0.0]]);
    let Some(said) = lab.read("run/policy.onnx", Some(observations)) else { return };
    assert_eq!(said["actions"].as_array().unwrap().len(), 3);
}

#[test]
fn parts_of_models_of_data() {
    let lab = Lab::new();
    let data = "--data stripes --side 4 --n-train 100 --n-test 20 --quiet";
    let small = "--batch 20 --hidden 8 --latents 3 --eval-every 100";
    lab.ok(&format!("vae {data} {small} --steps 200 --out vae"));
    lab.ok(&format!("gan {data} {small} --steps 240 --out gan"));
    for (line, told) in [
        (
            "vae --onnx",
            "vae/decoder.onnx (latent [batch, 3] -> logits [batch, 1, 4, 4], image [batch, 1, 4, 4])",
        ),
        (
            "vae --onnx --part encoder --best",
            "vae/encoder.onnx (image [batch, 1, 4, 4] -> mean [batch, 3], log_variance [batch, 3])",
        ),
        ("gan --onnx", "gan/generator.onnx (latent [batch, 3] -> image [batch, 1, 4, 4])"),
        (
            "gan --onnx --part discriminator --out d.onnx",
            "d.onnx (image [batch, 1, 4, 4] -> logit [batch, 1])",
        ),
    ] {
        assert_eq!(lab.ok(&format!("export {line}")), format!("{told}\n"));
    }
    for (line, sentence) in [
        ("vae --onnx --part policy", "--part policy: vae has decoder, encoder"),
        ("gan --onnx --part Generator", "--part Generator: gan has generator, discriminator"),
    ] {
        let told = lab.refused(&format!("export {line}"), 2);
        assert_eq!(told, format!("error: {sentence}\n"));
    }
}

#[test]
fn what_can_not_be_exported_is_refused() {
    let lab = Lab::new();
    lab.ok("q-learning --env frozen-lake --steps 200 --test-episodes 1 --quiet --out table");
    lab.ok("linear-q --env cartpole --steps 200 --test-episodes 1 --quiet --out linear");
    lab.ok(
        "made --data coins --side 4 --n-train 40 --n-test 20 --steps 40 --batch 20 --hidden 8 --quiet \
         --out made",
    );
    for (line, sentence) in [
        (
            "export table --onnx",
            "table: q-learning has no network to export; `lab plot table --solution FILE` writes its values and \
             policy",
        ),
        ("export linear --onnx", "linear: linear-q has no network to export"),
        (
            "export made --onnx",
            "made: made samples an image value by value, a pass through the network for each, which is no single \
             ONNX graph; `lab sample` draws from it",
        ),
        (
            "export table",
            "the format is missing: give --onnx for a network, --csv or --tensorboard for metrics",
        ),
        (
            "export table --onnx --out table.csv",
            "--out table.csv: an ONNX model; give a name that ends in .onnx",
        ),
    ] {
        assert_eq!(lab.refused(line, 2), format!("error: {sentence}\n"), "{line}");
    }
    // The command that is named runs.
    lab.ok("plot table --solution solution.json");
    assert!(lab.refused("export nowhere --onnx", 1).contains("nowhere"));
}

#[test]
fn nothing_is_half_written() {
    let lab = Lab::new();
    lab.ok(
        "dqn --env catch --steps 200 --warmup 100 --hidden 8 --test-episodes 1 --quiet --out run",
    );
    fs::create_dir(lab.path("folder")).unwrap();
    for (out, why) in [("missing/q.onnx", "No such file"), ("folder", "it is a directory")] {
        let told = lab.refused(&format!("export run --onnx --out {out}"), 1);
        assert!(told.contains(&format!("cannot write {out}")) && told.contains(why), "{told}");
    }
    #[cfg(target_os = "linux")]
    {
        let told = lab.refused("export run --onnx --out /dev/full", 1);
        assert!(told.contains("cannot write /dev/full: No space left"), "{told}");
    }
    let left = fs::read_dir(lab.0.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let mut left: Vec<_> = left.map(|name| name.into_string().unwrap()).collect();
    left.sort();
    assert_eq!(left, ["folder", "run"]);
    // A file that was there is replaced whole.
    fs::write(lab.path("q.onnx"), "what was there").unwrap();
    lab.ok("export run --onnx --out q.onnx");
    let first = fs::read(lab.path("q.onnx")).unwrap();
    lab.ok("export run --onnx");
    assert_eq!(first, fs::read(lab.path("run/q-network.onnx")).unwrap());
}

#[test]
fn every_algorithm_is_exported_or_refused() {
    let lab = Lab::new();
    let lines =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/small-runs.txt"));
    let mut exported = Vec::new();
    for line in lines.unwrap().lines() {
        let name = line.split(' ').next().unwrap();
        let line = line.replace("--test-episodes 200", "--test-episodes 1");
        lab.ok(&format!("{line} --quiet --out {name}"));
        let output = lab.run(&format!("export {name} --onnx"));
        let told = String::from_utf8_lossy(&output.stderr);
        match output.status.code() {
            Some(0) => exported.push(name.to_owned()),
            code => assert_eq!(code, Some(2), "{name}: {told}"),
        }
    }
    let networks = [
        "actor-critic",
        "diffusion",
        "dqn",
        "flow-matching",
        "gan",
        "ppo",
        "pqn",
        "reinforce",
        "vae",
        "vq-vae",
    ];
    assert_eq!(exported, networks);
}
