//! The binary as its users run it: runs here, Ctrl-C in `interrupts.rs`, kills in `kills.rs`,
//! other devices in `devices.rs`, studies in `studies.rs`, what it is told and
//! tells in `usage.rs`, planners and figures in `figures.rs`, models of data in `models.rs`, their files in `data.rs`.
#![expect(clippy::unwrap_used, reason = "clippy.toml exempts only functions marked #[test]")]
mod data;
mod devices;
mod figures;
mod interrupts;
mod kills;
mod measures;
mod models;
mod planners;
mod studies;
mod usage;
mod watch;

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A run of DQN on Catch that is over in a moment.
const SHORT: &str = "dqn --env catch --steps 600 --log-every 100 --eval-every 200 --save-every 150 \
                     --warmup 100 --hidden 16 --batch 8 --eval-episodes 2 --test-episodes 3 --target 9";

/// One that takes a few seconds: time enough to stop it.
const LONG: &str = "dqn --env catch --steps 20000 --log-every 300 --eval-every 700 --save-every 500 \
                    --warmup 100 --hidden 16 --batch 8 --eval-episodes 2 --test-episodes 3 --target 9";

struct Lab {
    dir: TempDir,
}

impl Lab {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn command(&self, args: &str) -> Command {
        // On another machine than the one it was built on the program lies elsewhere.
        let program = std::env::var_os("LAB_TEST_BINARY");
        let mut command = Command::new(program.unwrap_or_else(|| env!("CARGO_BIN_EXE_lab").into()));
        command.args(args.split_whitespace()).current_dir(self.dir.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, args: &str) -> Output {
        self.command(args).output().unwrap()
    }

    /// Standard output of a command that must go well.
    fn ok(&self, args: &str) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "{args}: {}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Standard error of a command that is wrong usage.
    fn refused(&self, args: &str) -> String {
        let output = self.run(args);
        assert_eq!(output.status.code(), Some(2), "{args}: {}", stderr(&output));
        stderr(&output)
    }

    /// Starts `LONG` in `out` and waits for its first checkpoint.
    fn begun(&self, out: &str) -> Child {
        let child = self.command(&format!("{LONG} --quiet --out {out}")).spawn().unwrap();
        let begun = Instant::now();
        while !self.path(out).join("checkpoints/step-000000000500").exists() {
            assert!(begun.elapsed() < Duration::from_secs(60), "no checkpoint");
            std::thread::sleep(Duration::from_millis(2));
        }
        child
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn hash(&self, run: &str) -> String {
        let result = json(&self.path(run).join("result.json"));
        result["params_hash"].as_str().unwrap().to_owned()
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The rows of `metrics.jsonl`, timing aside.
fn rows(run: &Path) -> Vec<Value> {
    let text = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let row = |line: &str| {
        let mut row: Value = serde_json::from_str(line).unwrap();
        let row = row.as_object_mut().unwrap();
        row.retain(|name, _| !name.starts_with("speed/") && !name.starts_with("time/"));
        Value::Object(row.clone())
    };
    text.lines().map(row).collect()
}

#[test]
fn a_run_leaves_all_it_promises_and_tells_it() {
    let lab = Lab::new();
    let message = lab.ok(SHORT);
    assert!(message.starts_with("dqn on catch: return "), "{message}");
    assert_eq!(message.lines().filter(|line| line.starts_with("  lab ")).count(), 3, "{message}");
    let run = lab.path("runs/dqn-catch-s1");
    for file in ["run.json", "metrics.jsonl", "result.json", "curves.svg", "curves.png"] {
        assert!(fs::metadata(run.join(file)).unwrap().len() > 0, "{file}");
    }
    assert!(fs::read(run.join("episode.gif")).unwrap().starts_with(b"GIF89a"));
    assert!(run.join("checkpoints/best/manifest.json").exists());
    let steps: Vec<_> = rows(&run).iter().map(|row| row["step"].as_u64().unwrap()).collect();
    assert_eq!(steps, [100, 200, 300, 400, 500, 600]);
    let info = json(&run.join("run.json"));
    assert_eq!(info["config"]["hidden"], 16);
    assert_eq!((&info["seed"], &info["device"]), (&Value::from(1), &Value::from("cpu")));

    // A second run takes another name; --json prints result.json and nothing else.
    let printed: Value = serde_json::from_str(&lab.ok(&format!("{SHORT} --json"))).unwrap();
    assert_eq!(printed, json(&lab.path("runs/dqn-catch-s1-2/result.json")));
    assert_eq!(printed["outcome"], "finished");
    assert_eq!(printed["eval"]["return"]["n"], 3);
    assert_eq!(printed["params_hash"].as_str().unwrap(), lab.hash("runs/dqn-catch-s1"));
}

#[test]
fn a_saved_run_is_scored_watched_and_drawn() {
    let lab = Lab::new();
    lab.ok(&format!("{SHORT} --out a"));
    let result = json(&lab.path("a/result.json"));
    let again: Value = serde_json::from_str(&lab.ok("eval a --episodes 3 --json")).unwrap();
    assert_eq!(again["eval"], result["eval"]);
    assert!(lab.ok("eval a --best").starts_with("return "));
    let output = lab.run("eval a --k 5");
    assert!(stderr(&output).contains("--k 5: dqn plays episodes"), "{}", stderr(&output));
    let output = lab.run("eval a --samples 50");
    assert!(stderr(&output).contains("--samples 50: dqn plays episodes"), "{}", stderr(&output));
    let shown = lab.ok("play a --episodes 2");
    assert!(shown.contains("episode 2: return ") && !shown.contains('\x1b'), "{shown}");
    lab.ok("play a --gif ball.gif");
    assert!(fs::read(lab.path("ball.gif")).unwrap().starts_with(b"GIF89a"));
    lab.ok(&format!("{SHORT} --out b --seed 2"));
    lab.ok("plot a b --metric eval/return --out both.svg");
    let drawn = fs::read_to_string(lab.path("both.svg")).unwrap();
    assert!(drawn.contains("eval/return") && !drawn.contains("train/loss"));
    assert!(lab.path("both.png").exists());
}

#[test]
fn seeds_decide_and_threads_do_not() {
    let lab = Lab::new();
    lab.ok(&format!("{SHORT} --out one --threads 1"));
    lab.ok(&format!("{SHORT} --out two --threads 2"));
    lab.ok(&format!("{SHORT} --out other --seed 2"));
    lab.ok("dqn --config one/run.json --out given-back");
    assert_eq!(lab.hash("one"), lab.hash("two"));
    assert_eq!(lab.hash("one"), lab.hash("given-back"));
    assert_ne!(lab.hash("one"), lab.hash("other"));
    assert_eq!(rows(&lab.path("one")), rows(&lab.path("two")));
}

#[cfg(unix)]
#[test]
fn a_run_that_is_stopped_and_resumed_is_the_run_that_never_was() {
    let lab = Lab::new();
    lab.ok(&format!("{LONG} --out whole"));
    let same = |run: &str| {
        lab.ok(&format!("resume {run} --steps 20000"));
        assert_eq!(lab.hash(run), lab.hash("whole"), "{run}");
        assert_eq!(rows(&lab.path(run)), rows(&lab.path("whole")), "{run}");
    };

    lab.ok(&LONG.replace("--steps 20000", "--steps 1234 --out steps"));
    same("steps");

    let mut child = lab.begun("killed");
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success());
    same("killed");

    let child = lab.begun("interrupted");
    let signal = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(signal.unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("lab resume interrupted"));
    assert_eq!(json(&lab.path("interrupted/result.json"))["outcome"], "interrupted");
    same("interrupted");
}

#[test]
fn rows_that_are_lost_cost_no_run() {
    let lab = Lab::new();
    lab.ok(&format!("{SHORT} --quiet --out run"));
    let (hash, all) = (lab.hash("run"), rows(&lab.path("run")));
    let metrics = lab.path("run/metrics.jsonl");
    let text = fs::read_to_string(&metrics).unwrap();
    for retained in [2, 0] {
        fs::write(&metrics, text.split_inclusive('\n').take(retained).collect::<String>()).unwrap();
        let output = lab.run("resume run");
        assert!(output.status.success(), "{}", stderr(&output));
        let note = format!("{} rows of metrics are lost", all.len() - retained);
        assert!(retained == 0 || stderr(&output).contains(&note), "{}", stderr(&output));
        assert_eq!(lab.hash("run"), hash);
        assert_eq!(rows(&lab.path("run")), all[..retained]);
    }
    lab.ok("resume run --steps 700 --quiet");
    assert!(rows(&lab.path("run")).iter().all(|row| row["step"].as_u64() > Some(600)));
}

#[test]
fn a_checkpoint_that_was_cut_short_is_passed_over() {
    let lab = Lab::new();
    lab.ok(&format!("{SHORT} --out run"));
    let hash = lab.hash("run");
    let newest = lab.path("run/checkpoints/step-000000000600/model.safetensors");
    let file = fs::OpenOptions::new().write(true).open(newest).unwrap();
    file.set_len(100).unwrap();
    let output = lab.run("resume run --quiet");
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("model.safetensors is damaged: 100 bytes"),
        "{}",
        stderr(&output)
    );
    assert!(stderr(&output).contains("falling back to run/checkpoints/step-0000000004"));
    assert_eq!(lab.hash("run"), hash);
    assert_eq!(rows(&lab.path("run")).len(), 6);
}

#[test]
fn a_loss_that_is_not_finite_stops_the_run_and_spares_the_checkpoint() {
    let lab = Lab::new();
    let args = "--steps 4000 --out run --optimizer sgd --loss mse --lr 1e9 --max-grad-norm 0";
    let output =
        lab.run(&SHORT.replace("--steps 600", args).replace("--warmup 100", "--warmup 310"));
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("at step 3") && message.contains("--lr"), "{message}");
    assert!(
        message.contains("the last good checkpoint is run/checkpoints/step-000000000300"),
        "{message}"
    );
    assert!(lab.path("run/checkpoints/step-000000000300/manifest.json").exists());
    assert!(!lab.path("run/result.json").exists());
    lab.ok("eval run");
}

#[test]
fn a_reader_leaves_a_run_in_training_alone() {
    let lab = Lab::new();
    let child = lab.begun("run");
    let signal =
        |name: &str| Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    // The run itself would clear away what looks like an unfinished checkpoint, when it saves the next.
    assert!(signal("-STOP").success());
    let partial = lab.path("run/checkpoints/step-000000999999.partial");
    fs::create_dir(&partial).unwrap();
    lab.ok("eval run --episodes 1");
    assert!(partial.exists());
    assert!(signal("-CONT").success());
    assert!(child.wait_with_output().unwrap().status.success());
}

#[test]
fn a_flag_goes_before_a_file_and_a_file_before_a_preset() {
    let lab = Lab::new();
    let file = "replay = 700\nwarmup = 60\nenv = \"breakout\"\n[env_args]\nactions = \"full\"\nsticky = 0.3";
    fs::write(lab.path("some.toml"), file).unwrap();
    lab.ok("dqn --config some.toml --warmup 50 --env-arg sticky=0.5 --steps 60 --out run --quiet \
            --test-episodes 1");
    let config = &json(&lab.path("run/run.json"))["config"];
    let values = ["warmup", "replay", "batch", "gamma"].map(|key| config[key].as_f64().unwrap());
    assert_eq!(values, [50.0, 700.0, 32.0, 0.99]);
    assert_eq!(config["env_args"], serde_json::json!({"actions": "full", "sticky": 0.5}));
}

#[test]
fn evaluating_changes_nothing_in_training() {
    let lab = Lab::new();
    lab.ok(&format!("{SHORT} --out often"));
    lab.ok(&format!("{} --out never", SHORT.replace("--eval-every 200", "--eval-every 0")));
    assert_eq!(lab.hash("often"), lab.hash("never"));
}
