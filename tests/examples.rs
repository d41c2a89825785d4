//! The programs of `examples/` do what they say.
#![expect(clippy::unwrap_used, reason = "clippy.toml exempts only functions marked #[test]")]
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// An example in a directory of its own; `cargo test` has built it.
fn example(name: &str, args: &str, dir: &Path) -> Output {
    let mut program = std::env::current_exe().unwrap();
    program.pop();
    program.pop();
    let program: PathBuf = program.join("examples").join(name);
    assert!(program.exists(), "no {}: cargo build --examples", program.display());
    Command::new(&program).args(args.split_whitespace()).current_dir(dir).output().unwrap()
}

fn ok(name: &str, args: &str, dir: &Path) -> String {
    let output = example(name, args, dir);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{name} {args}: {message}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn an_environment_of_ones_own_trains_plays_is_scored_resumed_and_drawn() {
    let dir = tempfile::tempdir().unwrap();
    let own = |args: &str| ok("own_environment", args, dir.path());
    let train = "dqn --env line --quiet --test-episodes 20";
    own(&format!("{train} --steps 3000 --out whole"));
    let message = own(&format!("{train} --steps 2000 --out parts"));
    assert!(message.starts_with("dqn on line: return "), "{message}");
    own("resume parts --steps 3000 --quiet");
    let hash = |run: &str| {
        let text = std::fs::read_to_string(dir.path().join(run).join("result.json")).unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap()["params_hash"].clone()
    };
    assert_eq!(hash("whole"), hash("parts"));
    assert!(own("eval parts --episodes 5").starts_with("return "));
    assert!(own("play parts").contains("episode 1: return "));
    assert!(own("play parts --gif line.gif").contains("line.gif"));
    assert!(own("list envs").contains("line                    A walk along a line"));
    let finished = own(&format!("{train} --steps 300 --length 2 --out short"));
    assert!(finished.contains("\n  own_environment play short\n"), "{finished}");
    let refused = |args: &str| {
        let output = example("own_environment", args, dir.path());
        assert_eq!(output.status.code(), Some(2), "{args}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let wide = refused("dqn --env line --length 1000");
    assert!(wide.contains("--length 1000: must lie between 2 and 100"), "{wide}");
    let wrong = example("own_environment", "dqn --env lime", dir.path());
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("did you mean `line`?"));
}

#[test]
fn a_network_of_candle_nn_trains_and_resumes_to_the_bit() {
    let dir = tempfile::tempdir().unwrap();
    let train = "my-dqn --env cartpole --quiet --warmup 100 --test-episodes 5 --json --seed 3";
    let hash = |message: String| {
        serde_json::from_str::<serde_json::Value>(&message).unwrap()["params_hash"].clone()
    };
    let own = |args: &str| ok("own_network", args, dir.path());
    let whole = hash(own(&format!("{train} --steps 900 --out whole")));
    own(&format!("{train} --steps 500 --out parts"));
    assert_eq!(hash(own("resume parts --steps 900 --quiet --json")), whole);
    let other = train.replace("--seed 3", "--seed 4");
    assert_ne!(hash(own(&format!("{other} --steps 900 --out other"))), whole);
}

#[test]
fn an_algorithm_and_a_data_set_of_ones_own_resume_to_the_bit() {
    let dir = tempfile::tempdir().unwrap();
    let hash = |message: String| {
        serde_json::from_str::<serde_json::Value>(&message).unwrap()["params_hash"].clone()
    };
    for (name, train, [half, whole]) in [
        ("own_algorithm", "climber --env cartpole --deviation 1", [60, 120]),
        (
            "own_data",
            "vae --data circles --n-train 300 --n-test 50 --hidden 16 --latents 2",
            [600, 900],
        ),
    ] {
        let own = |args: &str| hash(ok(name, &format!("{args} --quiet --json"), dir.path()));
        let at_once = own(&format!("{train} --steps {whole} --out {name}-whole"));
        own(&format!("{train} --steps {half} --out {name}-parts"));
        assert_eq!(own(&format!("resume {name}-parts --steps {whole}")), at_once, "{name}");
    }
    let result = std::fs::read_to_string(dir.path().join("own_algorithm-whole/result.json"));
    let result: serde_json::Value = serde_json::from_str(&result.unwrap()).unwrap();
    let reached = result["eval"]["return"]["mean"].as_f64().unwrap();
    assert!(reached > 100.0, "an upright pole for a while: {reached}");
}

#[test]
fn a_dqn_is_trained_and_a_vae_sampled_in_a_few_lines() {
    let dir = tempfile::tempdir().unwrap();
    let message = ok("dqn", "", dir.path());
    assert!(message.starts_with("mean return 1.00 after 10000 transitions"), "{message}");
    assert!(ok("vae_samples", "", dir.path()).starts_with("64 samples in "));
}
