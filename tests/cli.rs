//! The binary as its users run it.
#![expect(clippy::unwrap_used, reason = "clippy.toml exempts only functions marked #[test]")]
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
        let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
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
    let told = lab.ok(SHORT);
    assert!(told.starts_with("dqn on catch: return "), "{told}");
    assert_eq!(told.lines().filter(|line| line.starts_with("  lab ")).count(), 3, "{told}");
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
fn wrong_input_gets_one_sentence_and_exit_code_2() {
    let lab = Lab::new();
    fs::write(lab.path("typo.toml"), "gama = 0.9").unwrap();
    fs::write(lab.path("uneven.txt"), ". 1\nS\n").unwrap();
    fs::write(lab.path("type.toml"), "batch = \"many\"").unwrap();
    fs::write(lab.path("broken.toml"), "batch = = 3").unwrap();
    let cases = [
        ("dqn --env braekout", "unknown environment `braekout`; did you mean `breakout`?"),
        ("dqn", "--env is missing: give one of acrobot, "),
        ("dqn --env catch --gamma 1.5", "--gamma 1.5: must lie between 0 and 1"),
        ("dqn --env catch --gamma -1", "--gamma -1: must lie between 0 and 1"),
        ("dqn --env catch --batch 0", "--batch 0: must lie between 1 and 1048576"),
        ("dqn --env catch --lr nan", "--lr: must be a finite number"),
        ("dqn --env catch --target nan", "a finite number is expected"),
        ("dqn --env catch --lr fast", "invalid value 'fast' for '--lr <X>'"),
        ("dqn --env catch --threads 0", "--threads 0: must lie between 1 and 1024"),
        ("dqn --env catch --optimizer adm", "invalid value 'adm' for '--optimizer <X>'"),
        ("dqn --env catch --device gpu", "`gpu` is not a device; use auto, cpu, cuda or cuda:0"),
        ("dqn --env catch --preset dqn-catsh", "did you mean `dqn-catch`?"),
        (
            "dqn --env catch --config typo.toml",
            "typo.toml: unknown key `gama`; did you mean `gamma`?",
        ),
        ("dqn --env catch --config type.toml", "type.toml: batch = \"many\": invalid type"),
        ("dqn --env catch --config broken.toml", "--config broken.toml: TOML parse error"),
        (
            "dqn --env breakout --env-arg stiky=0",
            "--stiky: unknown option of breakout `stiky`; did you mean `sticky`?",
        ),
        ("dqn --env catch --sticky 0", "--sticky: catch has no options"),
        ("vi --env gridworld --map maps/none.txt", "--map maps/none.txt: cannot read it"),
        ("vi --env gridworld --map uneven.txt", "line 2 of the map has 1 cells, others have 2"),
        ("dqn --env breakout --env-arg sticky=7", "--env-arg sticky=7: must lie between 0 and 1"),
        ("dqn --env catch --replay 10000000000000", "--replay 10000000000000: must lie between"),
        ("dqn --env catch --threads 20000", "--threads 20000: must lie between 1 and 1024"),
        ("dqn --env catch --patience 0", "invalid value '0' for '--patience <N>'"),
        ("vi --env catch", "a planner needs to know the outcomes of every action"),
        (
            "vi --env gridworld --env-arg layout=aimo",
            "--env-arg for gridworld: unknown variant `aimo`",
        ),
        ("vi --env gridworld --gamma 1.5", "a number between 0 and 1 is expected, or `own`"),
        ("dqn --env gridworld", "does not have every action"),
        ("actor-critic --env pendulum --critic q", "--critic q: has one output for each action"),
        ("ppo --env pendulum --normalize-obs maybe", "invalid value 'maybe'"),
        ("dqn --env breakout --env-arg sticky", "--env-arg sticky: expected KEY=VALUE"),
        ("dqm --env catch", "unrecognized subcommand 'dqm'"),
        ("dqn --env pendulum", "--env: this algorithm chooses among numbered actions"),
        ("linear-q --env pendulum", "--env: this algorithm chooses among numbered actions"),
        ("fitted-q --env pendulum", "--env: this algorithm chooses among numbered actions"),
        ("q-learning --env pendulum", "--env: this algorithm chooses among numbered actions"),
        ("vi --env pendulum", "--env: a planner needs to know the outcomes"),
        ("vae", "--data is missing: give one of bars, "),
        ("vae --data glyfs", "unknown data set `glyfs`; did you mean `glyphs`?"),
        ("vae --data glyphs:here", "glyphs is drawn and has no path; give --data glyphs"),
        ("vae --data folder", "say where its files are, as in --data folder:PATH"),
        ("vae --data two-moons", "--data: this model learns pictures, and the data are points"),
        ("vae --data stripes --side 1", "--side 1: must lie between 2 and 64"),
        ("vae --data stripes --classes digits", "--classes: unknown option of stripes `classes`"),
        ("vae --data glyphs --data-arg classes=roman", "--data-arg for glyphs: unknown variant"),
        ("vae --data glyphs --data-arg n_train", "--data-arg n_train: expected KEY=VALUE"),
        ("vae --data glyphs --binarisation none --n-train 9", "--binarisation none: a pixel that"),
        (
            "vae --data stripes --objective reconstruction --k 2",
            "--k 2: --objective reconstruction",
        ),
        (
            "vae --data stripes --corrupt 0.1",
            "--corrupt 0.1: it is what --objective reconstruction",
        ),
        ("vq-vae --data stripes --side 6", "--data of 6×6: the networks halve height and width"),
        ("vae --env catch", "unexpected argument '--env'"),
        ("dqn --data glyphs", "unexpected argument '--data'"),
        ("data get mnits", "unknown data set to fetch `mnits`; did you mean `mnist`?"),
    ];
    for (args, sentence) in cases {
        let output = lab.run(args);
        assert!(stderr(&output).contains(sentence), "{args}: {}", stderr(&output));
        assert_eq!(output.status.code(), Some(2), "{args}");
        assert!(output.stdout.is_empty(), "{args}");
    }
    assert!(!lab.path("runs").exists(), "wrong usage left a run directory behind");
}

#[test]
fn what_fails_says_what_to_do_and_exits_with_1() {
    let lab = Lab::new();
    fs::write(lab.path("file"), "").unwrap();
    let cases = [
        ("dqn --env catch --out file/run", "cannot create the run directory file/run"),
        ("dqn --env catch --config none.toml", "--config none.toml: cannot read it"),
        ("resume none", "none is not a run directory"),
        ("eval none", "none is not a run directory"),
        ("plot none", "none"),
        ("vae --data mnist:none", "there is no train-images-idx3-ubyte or "),
        ("vae --data folder:none", "cannot list "),
        ("sample none", "none is not a run directory"),
        ("data get mnist --mirror http://127.0.0.1:1", "cannot download data/mnist/train-images"),
    ];
    for (args, sentence) in cases {
        let output = lab.run(args);
        assert!(stderr(&output).contains(sentence), "{args}: {}", stderr(&output));
        assert_eq!(output.status.code(), Some(1), "{args}");
    }
    if cfg!(not(feature = "cuda")) {
        let output = lab.run("dqn --env catch --device cuda");
        assert!(stderr(&output).contains("built without CUDA"), "{}", stderr(&output));
    }
}

#[test]
fn other_hyper_parameters_are_listed_and_refused() {
    let lab = Lab::new();
    lab.ok(&format!("{SHORT} --out run"));
    let before = fs::read(lab.path("run/run.json")).unwrap();
    for args in ["resume run --steps 900 --gamma 0.5", "resume run --gamma 0.5 --batch 8"] {
        let output = lab.run(args);
        assert_eq!(output.status.code(), Some(2), "{args}");
        assert!(
            stderr(&output).contains("  gamma: 0.99 when started, 0.5 now"),
            "{}",
            stderr(&output)
        );
        assert!(!stderr(&output).contains("batch:"), "{}", stderr(&output));
    }
    let output = lab.run(&format!("{SHORT} --out run --lr 0.5"));
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("  lr: 0.001 when started, 0.5 now"), "{}", stderr(&output));
    let output = lab.run(&format!("{SHORT} --out run"));
    assert!(stderr(&output).contains("go on with `lab resume run`"), "{}", stderr(&output));
    assert_eq!(fs::read(lab.path("run/run.json")).unwrap(), before);
    // Options after a hyper-parameter count as well, and what makes no sense is refused.
    let told = lab.ok("resume run --batch 8 --gamma 0.99 --steps 700 --quiet --json");
    assert_eq!(serde_json::from_str::<Value>(&told).unwrap()["steps"], 700);
    assert_eq!(json(&lab.path("run/run.json"))["config"]["steps"], 700);
    for (args, sentence) in [
        ("resume run --batch 8 --out elsewhere", "--out: a run that is resumed stays"),
        ("resume run --steps 100", "--steps 100: the run has come to 700 already"),
    ] {
        let output = lab.run(args);
        assert!(stderr(&output).contains(sentence), "{args}: {}", stderr(&output));
        assert_eq!(output.status.code(), Some(2), "{args}");
    }

    // The same where run.json was changed by hand.
    let edited = String::from_utf8(before).unwrap().replace("\"gamma\": 0.99", "\"gamma\": 0.8");
    fs::write(lab.path("run/run.json"), edited).unwrap();
    let output = lab.run("resume run --steps 900");
    assert!(stderr(&output).contains("  gamma: 0.99 when started, 0.8 now"), "{}", stderr(&output));
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
    let told = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("at step 3") && told.contains("--lr"), "{told}");
    assert!(
        told.contains("The last good checkpoint is run/checkpoints/step-000000000300"),
        "{told}"
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

#[test]
fn planners_write_the_solution() {
    let lab = Lab::new();
    let args = "vi --env gridworld --env-arg layout=aima --json --out run";
    let result: Value = serde_json::from_str(&lab.ok(args)).unwrap();
    assert_eq!(result["outcome"], "converged");
    let value = result["eval"]["value_start"]["mean"].as_f64().unwrap();
    assert!((value - 0.7053).abs() < 1e-4, "{value}");
    let solution = json(&lab.path("run/solution.json"));
    let names = solution["states"].as_array().unwrap();
    let start = names.iter().position(|name| name == "(1,1)").unwrap();
    assert_eq!(solution["values"][start].as_f64().unwrap(), value);
    assert_eq!(solution["actions"][solution["policy"][start].as_u64().unwrap() as usize], "up");
    assert_eq!(solution["policy"].as_array().unwrap().last().unwrap(), &Value::Null);
    assert!(lab.ok("eval run --episodes 50").starts_with("return "));
}

#[test]
fn environments_take_their_options_as_flags() {
    let lab = Lab::new();
    fs::write(lab.path("corner.txt"), ". +10\nS .\n").unwrap();
    let rules = "--noise 0 --living-reward -1 --discount 1";
    let value = |args: &str| {
        let result: Value = serde_json::from_str(&lab.ok(&format!("{args} --json"))).unwrap();
        result["eval"]["value_start"]["mean"].as_f64().unwrap()
    };
    // Two steps, then the exit.
    assert_eq!(value(&format!("vi --env gridworld --map corner.txt {rules} --out own")), 8.0);
    fs::remove_file(lab.path("corner.txt")).unwrap();
    assert!(lab.ok("eval own --episodes 1").starts_with("return 8.00"));
    let flags = value("vi --env gridworld --layout cliff --reward entering --out flags");
    let pairs = "--env-arg layout=cliff --env-arg reward=entering";
    assert_eq!(flags, value(&format!("vi --env gridworld {pairs} --out pairs")));
    assert_eq!(
        json(&lab.path("flags/run.json"))["config"],
        json(&lab.path("pairs/run.json"))["config"]
    );
}

#[test]
fn output_is_plain_where_it_is_no_terminal() {
    let lab = Lab::new();
    let output = lab.run(SHORT);
    let told = stderr(&output);
    assert!(!told.contains('\x1b') && !told.contains('\r'), "{told}");
    assert_eq!(told.lines().count(), 7, "{told}");
    assert!(told.starts_with("dqn on catch, seed 1, on cpu with --threads "), "{told}");
    assert!(told.contains("\n100/600 transitions  "), "{told}");
    assert!(stderr(&lab.run(&format!("{SHORT} --quiet"))).is_empty());
}

#[test]
fn lists_and_help_name_everything() {
    let lab = Lab::new();
    assert!(lab.ok("list envs").contains("--sticky 0.1"));
    assert!(lab.ok("list algorithms").contains("dqn"));
    let data = lab.ok("list data");
    assert!(data.contains("glyphs  ") && data.contains("--classes all"), "{data}");
    assert!(lab.ok("list presets").contains("dqn-breakout"));
    let help = lab.ok("dqn --help");
    for flag in ["--seed", "--steps", "--device", "--threads", "--gamma", "--target-every"] {
        assert!(help.contains(flag), "{flag}");
    }
    assert!(help.contains("Transitions to train for [default: 50000]"), "{help}");
    assert_eq!(lab.run("").status.code(), Some(2));
}

/// The pictures of the run in `run`, opened and read through.
fn pictures(run: &Path) {
    for name in ["values.png", "q.png", "curves.png"] {
        assert!(image::open(run.join(name)).unwrap().width() > 300, "{name}");
    }
    for name in ["values.svg", "q.svg"] {
        let svg = fs::read_to_string(run.join(name)).unwrap();
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{name}");
        assert!(svg.contains("0.81") && !svg.contains("NaN"), "{name}");
        assert!(svg.len() < 100_000, "{name}");
    }
    let gif = fs::read(run.join("values.gif")).unwrap();
    assert!(gif.len() < 1_000_000);
    let mut decoder = gif::DecodeOptions::new().read_info(&gif[..]).unwrap();
    let mut frames = 0;
    while decoder.read_next_frame().unwrap().is_some() {
        frames += 1;
    }
    // As many as sweeps: AIMA's world takes 41.
    assert_eq!(frames, 41);
}

#[test]
fn a_solved_grid_is_drawn_and_shown_as_text() {
    let lab = Lab::new();
    let told = lab.ok("vi --env gridworld --out a");
    assert!(!told.contains('\u{2192}'), "only a terminal is shown the grid: {told}");
    pictures(&lab.path("a"));
    let text = lab.ok("plot a --text");
    assert!(text.starts_with("a\n   0.81→   0.87→   0.92→  [1.00]\n"), "{text}");
    lab.ok("vi --env taxi --out taxi --steps 3");
    assert!(!lab.path("taxi/values.svg").exists());
    let refused = lab.run("plot taxi --text");
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("do not lie on a grid"), "{}", stderr(&refused));
    lab.ok("vi --env gamblers-problem --out gambler");
    assert!(fs::read_to_string(lab.path("gambler/values.svg")).unwrap().contains("capital"));
    lab.ok("vi --env gridworld --env-arg layout=sutton-5x5 --steps 3 --out part");
    let part = fs::read_to_string(lab.path("part/values.svg")).unwrap();
    assert!(part.contains("estimate") && part.contains("exact"));
}

#[test]
fn a_reader_that_goes_away_costs_no_picture() {
    let lab = Lab::new();
    let mut child = lab.command(&format!("{SHORT} --out run")).spawn().unwrap();
    drop(child.stdout.take());
    drop(child.stderr.take());
    child.wait().unwrap();
    for file in ["result.json", "curves.svg", "episode.gif"] {
        assert!(lab.path("run").join(file).is_file(), "{file}");
    }
}

#[test]
fn a_picture_that_fails_costs_no_result() {
    let lab = Lab::new();
    lab.ok("vi --env gridworld --steps 5 --out a");
    fs::remove_file(lab.path("a/values.svg")).unwrap();
    fs::create_dir(lab.path("a/values.svg")).unwrap();
    let failed = lab.run("resume a --steps 50");
    assert_eq!(failed.status.code(), Some(1));
    assert!(stderr(&failed).contains("values.svg"), "{}", stderr(&failed));
    assert_eq!(json(&lab.path("a/result.json"))["outcome"], "converged");
    assert!(lab.path("a/solution.json").exists() && lab.path("a/curves.svg").exists());
}

/// A variational auto-encoder that is trained in a moment.
const PICTURES: &str = "vae --data stripes --side 4 --n-train 500 --n-test 100 --steps 2560 --log-every 640 \
                        --eval-every 1280 --save-every 1280 --batch 64 --hidden 16 --latents 3";

#[test]
fn a_generative_model_is_trained_scored_and_drawn_from() {
    let lab = Lab::new();
    let told = lab.ok(PICTURES);
    assert!(told.starts_with("vae on stripes: elbo_nats -"), "{told}");
    assert!(
        told.contains("lab sample runs/vae-stripes-s1\n") && !told.contains("explor"),
        "{told}"
    );
    let run = lab.path("runs/vae-stripes-s1");
    for picture in [
        "samples.png",
        "reconstructions.png",
        "interpolations.png",
        "interpolations-spherical.png",
        "latents.png",
        "samples.gif",
        "curves.png",
    ] {
        assert!(image::open(run.join(picture)).unwrap().width() > 300, "{picture}");
    }
    let config = &json(&run.join("run.json"))["config"];
    assert_eq!((&config["data"], &config["data_args"]["side"]), (&"stripes".into(), &4.into()));
    assert_eq!(config["binarisation"], "dynamic");

    let result = json(&run.join("result.json"));
    assert_eq!(
        (&result["subject"], &result["eval"]["elbo_nats"]["n"]),
        (&"stripes".into(), &100.into())
    );
    let again: Value = serde_json::from_str(&lab.ok("eval runs/vae-stripes-s1 --json")).unwrap();
    assert_eq!(again["eval"], result["eval"]);
    let bound = lab.ok("eval runs/vae-stripes-s1 --k 100 --pictures 60 --json");
    let bound: Value = serde_json::from_str(&bound).unwrap();
    let (iwae, elbo) = (&bound["eval"]["iwae_nats"], &bound["eval"]["elbo_nats"]);
    assert_eq!((&bound["k"], &iwae["n"], &elbo["n"]), (&100.into(), &60.into(), &100.into()));
    assert!(lab.ok("eval runs/vae-stripes-s1 --k 100").contains("\niwae_nats -"));
    let judged = lab.ok("eval runs/vae-stripes-s1 --samples 50 --json");
    let judged: Value = serde_json::from_str(&judged).unwrap();
    let [samples, test] =
        ["", "_of_test"].map(|of| &judged["eval"][format!("nearest_train_mse{of}")]);
    assert_eq!(
        (&judged["samples"], &samples["n"], &test["n"]),
        (&50.into(), &50.into(), &100.into())
    );
    // All stripes there are have been trained on.
    assert!(samples["mean"].as_f64() > Some(0.0) && test["mean"] == 0.0, "{judged}");
    assert_eq!(judged["eval"]["elbo_nats"], result["eval"]["elbo_nats"]);
    let drawn = fs::read(run.join("samples.png")).unwrap();
    assert_eq!(lab.ok("sample runs/vae-stripes-s1 --n 100"), "runs/vae-stripes-s1/samples.png\n");
    assert_eq!(fs::read(run.join("samples.png")).unwrap(), drawn);
    assert_eq!(lab.ok("sample runs/vae-stripes-s1 --nearest"), "runs/vae-stripes-s1/nearest.png\n");
    assert!(image::open(run.join("nearest.png")).is_ok());
    lab.ok("sample runs/vae-stripes-s1 --n 5 --seed 2 --out five.png");
    assert!(image::open(lab.path("five.png")).is_ok());
    for (args, sentence) in [
        ("play runs/vae-stripes-s1", "vae learned from data and does not act"),
        ("plot runs/vae-stripes-s1 --text", "does not act"),
        ("eval runs/vae-stripes-s1 --episodes 3", "--episodes 3: vae plays none"),
        ("sample runs/vae-stripes-s1 --n 9 --nearest", "--n 9: --nearest needs 10 at least"),
    ] {
        let output = lab.run(args);
        assert!(stderr(&output).contains(sentence), "{args}: {}", stderr(&output));
        assert_eq!(output.status.code(), Some(2), "{args}");
    }
}

#[test]
fn pictures_are_the_same_whatever_the_threads_and_after_a_stop() {
    let lab = Lab::new();
    lab.ok(&format!("{PICTURES} --out one --threads 1"));
    lab.ok(&format!("{PICTURES} --out two --threads 2"));
    lab.ok(&format!("{} --out stopped", PICTURES.replace("--steps 2560", "--steps 1500")));
    lab.ok("resume stopped --steps 2560");
    for run in ["two", "stopped"] {
        assert_eq!(lab.hash(run), lab.hash("one"), "{run}");
        assert_eq!(rows(&lab.path(run)), rows(&lab.path("one")), "{run}");
        for picture in ["samples.gif", "samples.png", "interpolations.png", "latents.svg"] {
            let file = |run: &str| fs::read(lab.path(run).join(picture)).unwrap();
            assert_eq!(file(run), file("one"), "{run} {picture}");
        }
    }
}

#[test]
fn players_learn_points_and_pictures() {
    let lab = Lab::new();
    let small = "--steps 3200 --log-every 640 --eval-every 1280 --hidden 16 --latents 3";
    let told = lab.ok(&format!("gan --data gaussians-8 --n-train 500 --n-test 100 {small}"));
    assert!(told.starts_with("gan on gaussians-8: "), "{told}");
    assert!(told.contains("lab sample runs/gan-gaussians-8-s1\n"), "{told}");
    let run = lab.path("runs/gan-gaussians-8-s1");
    for picture in ["plane.png", "samples.gif", "curves.png"] {
        assert!(image::open(run.join(picture)).unwrap().width() >= 160, "{picture}");
    }
    assert!(run.join("plane.svg").is_file() && !run.join("samples.png").exists());
    let told = lab.ok("sample runs/gan-gaussians-8-s1 --n 7");
    assert_eq!(told, "runs/gan-gaussians-8-s1/samples.csv\n");
    let table = fs::read_to_string(run.join("samples.csv")).unwrap();
    assert!(table.starts_with("x,y\n") && table.lines().count() == 8, "{table}");

    let dcgan = "--network dcgan --channels 4 --conditional --batch 32";
    lab.ok(&format!("gan --data glyphs --n-train 200 --n-test 50 {small} {dcgan} --out signs"));
    for picture in ["samples.png", "interpolations.png", "samples.gif"] {
        assert!(image::open(lab.path("signs").join(picture)).unwrap().width() > 300, "{picture}");
    }
    lab.ok("sample signs --label 3 --n 4 --out three.png");
    assert!(image::open(lab.path("three.png")).is_ok());
    let output = lab.run("gan --data glyphs --network dcgan --penalty real");
    assert!(stderr(&output).contains("give --batch-norm generator or none"), "{}", stderr(&output));
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_quantised_auto_encoder_is_trained_and_scored() {
    let lab = Lab::new();
    let args = "vq-vae --data stripes --side 4 --n-train 500 --n-test 100 --steps 640 --eval-every 320 \
                --batch 64 --codes 32 --dims 4 --channels 8 --residual 1 --out quantised";
    let told = lab.ok(args);
    assert!(told.starts_with("vq-vae on stripes: reconstruction_nats "), "{told}");
    assert!(told.contains("lab plot quantised\n") && !told.contains("lab sample"), "{told}");
    let result = json(&lab.path("quantised/result.json"));
    let again: Value = serde_json::from_str(&lab.ok("eval quantised --json")).unwrap();
    assert_eq!(again["eval"], result["eval"]);
    for measure in ["codebook_perplexity", "codes_used", "reconstruction_mse"] {
        assert!(again["eval"][measure]["mean"].as_f64().unwrap() > 0.0, "{measure}");
    }
    assert!(image::open(lab.path("quantised/reconstructions.png")).unwrap().width() > 300);
    assert!(!lab.path("quantised/samples.gif").exists());
}

#[test]
fn a_model_that_draws_number_by_number_completes_and_takes_a_temperature() {
    let lab = Lab::new();
    let told = lab.ok(
        "pixelcnn --data stripes --side 4 --n-train 200 --n-test 20 --steps 640 --log-every 320 \
         --eval-every 320 --save-every 0 --features 8 --blocks 1 --hidden 8 --out run",
    );
    assert!(told.starts_with("pixelcnn on stripes: nll_nats "), "{told}");
    for picture in ["samples.png", "completions.png", "receptive.png", "curves.png"] {
        assert!(image::open(lab.path("run").join(picture)).unwrap().width() > 30, "{picture}");
    }
    let drawn = fs::read(lab.path("run/samples.png")).unwrap();
    assert_eq!(lab.ok("sample run --n 100 --temperature 1"), "run/samples.png\n");
    assert_eq!(fs::read(lab.path("run/samples.png")).unwrap(), drawn);
    lab.ok("sample run --n 100 --temperature 0 --out likeliest.png");
    assert_ne!(fs::read(lab.path("likeliest.png")).unwrap(), drawn);
    assert_eq!(lab.ok("sample run --n 24 --complete"), "run/completions.png\n");
    assert!(image::open(lab.path("run/completions.png")).is_ok());

    lab.ok(PICTURES);
    for (args, sentence) in [
        ("sample runs/vae-stripes-s1 --complete", "--complete: vae does not draw number by number"),
        ("sample runs/vae-stripes-s1 --temperature 2", "--temperature: vae does not draw"),
        ("sample run --temperature=-1", "a number of at least 0 is expected"),
        ("pixelcnn --data coins --mixture 3", "--mixture 3: pixels are black or white"),
        ("pixelcnn --data coins --conditional", "--conditional true: the pictures have no labels"),
        ("pixelcnn --data coins --kernel 2", "--kernel 2: a masked kernel has a centre"),
    ] {
        let output = lab.run(args);
        assert!(stderr(&output).contains(sentence), "{args}: {}", stderr(&output));
        assert_eq!(output.status.code(), Some(2), "{args}");
    }
}

#[test]
fn a_plain_auto_encoder_has_nothing_to_draw_from() {
    let lab = Lab::new();
    let told = lab.ok(&format!("{PICTURES} --objective reconstruction --out plain"));
    assert!(told.starts_with("vae on stripes: reconstruction_nats "), "{told}");
    assert!(!told.contains("lab sample"), "{told}");
    let output = lab.run("sample plain");
    assert!(stderr(&output).contains("no distribution to draw from"), "{}", stderr(&output));
    assert_eq!(output.status.code(), Some(2));
    let output = lab.run("eval plain --k 10");
    assert!(
        stderr(&output).contains("--k 10: this model has no likelihood"),
        "{}",
        stderr(&output)
    );
    let output = lab.run("eval plain --samples 20");
    let sentence = "--samples 20: this model has no distribution to draw pictures from";
    assert!(stderr(&output).contains(sentence), "{}", stderr(&output));
    assert!(lab.path("plain/reconstructions.png").exists());
}

#[test]
fn a_conditional_model_draws_what_it_is_asked_for() {
    let lab = Lab::new();
    lab.ok("vae --data glyphs --classes letters --n-train 60 --n-test 10 --steps 256 --hidden 8 \
            --conditional --out letters");
    let sheet = lab.path("letters/samples.png");
    assert_eq!(lab.ok("sample letters --label Q --n 4"), "letters/samples.png\n");
    let drawn = fs::read(&sheet).unwrap();
    lab.ok("sample letters --label R --n 4");
    assert_ne!(fs::read(&sheet).unwrap(), drawn);
    lab.ok(&format!("{PICTURES} --out plain"));
    for (args, sentence) in [
        ("sample letters --label 3", "--label 3: there are A, B, C"),
        ("sample plain --label 3", "--label 3: this model was told no labels"),
    ] {
        let output = lab.run(args);
        assert!(stderr(&output).contains(sentence), "{args}: {}", stderr(&output));
        assert_eq!(output.status.code(), Some(2), "{args}");
    }
    let output = lab.run(&format!("{PICTURES} --conditional --out unlabelled"));
    assert!(stderr(&output).contains("these pictures have no labels"), "{}", stderr(&output));
}

#[test]
fn data_are_found_again_from_elsewhere() {
    let lab = Lab::new();
    let folder = lab.path("pictures");
    fs::create_dir(&folder).unwrap();
    for i in 0..20u8 {
        let picture = image::GrayImage::from_pixel(4, 4, image::Luma([12 * i]));
        picture.save(folder.join(format!("{i}.png"))).unwrap();
    }
    lab.ok("vae --data folder:pictures --steps 256 --hidden 8 --latents 2 --quiet");
    let config = &json(&lab.path("runs/vae-folder-s1/run.json"))["config"];
    assert!(config["data"].as_str().unwrap().ends_with("/pictures"), "{config}");
    let run = lab.path("runs/vae-folder-s1");
    let elsewhere = tempfile::tempdir().unwrap();
    let output =
        lab.command("sample --n 4").arg(&run).current_dir(elsewhere.path()).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(lab.ok("data show glyphs --n 30 --out some.png"), "some.png\n");
    assert!(image::open(lab.path("some.png")).unwrap().width() > 300);
}
