//! Whether the presets learn what they promise.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "clippy.toml exempts only functions marked #[test]"
)]
use serde_json::Value;
use std::process::Command;

/// The mean return of the final evaluation, and how long it took to get there.
fn trained(env: &str, seed: u64) -> (f64, f64) {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_lab"))
        .args(["dqn", "--quiet", "--json", "--env", env, "--seed", &seed.to_string()])
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mean = result["eval"]["return"]["mean"].as_f64().unwrap();
    println!("{env} seed {seed}: {mean} after {} s", result["wall_seconds"]);
    (mean, result["wall_seconds"].as_f64().unwrap())
}

#[test]
fn catch_is_learned() {
    assert_eq!(trained("catch", 1).0, 1.0);
}

#[test]
#[ignore = "three runs of ten seconds, in release"]
fn cartpole_is_solved() {
    for seed in 1..=3 {
        assert!(trained("cartpole", seed).0 >= 475.0, "seed {seed}");
    }
}

#[test]
#[ignore = "three runs of three minutes, in release"]
fn breakout_is_played_well() {
    for seed in 1..=3 {
        assert!(trained("breakout", seed).0 >= 8.0, "seed {seed}");
    }
}
