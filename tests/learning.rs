//! Whether the presets learn what they promise.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "clippy.toml exempts only functions marked #[test]"
)]
use serde_json::Value;
use std::process::Command;

/// The mean return of the final evaluation, and how long it took to get there.
fn trained(algorithm: &str, env: &str, seed: u64) -> (f64, f64) {
    run(&[algorithm, "--env", env], seed)
}

/// The same for a command line.
fn run(args: &[&str], seed: u64) -> (f64, f64) {
    let result = result(args, seed);
    let mean = result["eval"]["return"]["mean"].as_f64().unwrap();
    (mean, result["wall_seconds"].as_f64().unwrap())
}

/// `result.json` of a command line.
fn result(args: &[&str], seed: u64) -> Value {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_lab"))
        .args(args)
        .args(["--quiet", "--json", "--seed", &seed.to_string()])
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    let (eval, seconds) = (&result["eval"], &result["wall_seconds"]);
    println!("{} seed {seed}: {eval} after {seconds} s", args.join(" "));
    result
}

#[test]
fn catch_is_learned() {
    assert_eq!(trained("dqn", "catch", 1).0, 1.0);
}

#[test]
#[ignore = "three runs of ten seconds, in release"]
fn cartpole_is_solved() {
    for seed in 1..=3 {
        assert!(trained("dqn", "cartpole", seed).0 >= 475.0, "seed {seed}");
    }
}

#[test]
#[ignore = "three runs of three minutes, in release"]
fn breakout_is_played_well() {
    for seed in 1..=3 {
        assert!(trained("dqn", "breakout", seed).0 >= 8.0, "seed {seed}");
    }
}

#[test]
#[ignore = "nine runs of a few seconds"]
fn cartpole_is_solved_by_policy_gradients() {
    for (algorithm, most_seconds) in [("reinforce", 180.0), ("actor-critic", 180.0), ("ppo", 60.0)]
    {
        for seed in 1..=3 {
            let (mean, seconds) = trained(algorithm, "cartpole", seed);
            assert!(mean >= 475.0 && seconds <= most_seconds, "{algorithm}, seed {seed}");
        }
    }
}

#[test]
#[ignore = "three runs of a second"]
fn cartpole_is_solved_with_a_critic_of_actions() {
    for seed in 1..=3 {
        let args = ["actor-critic", "--env", "cartpole", "--preset", "actor-critic-q-cartpole"];
        assert!(run(&args, seed).0 >= 475.0, "seed {seed}");
    }
}

#[test]
#[ignore = "three runs of two seconds, in release"]
fn acrobot_is_swung_up() {
    for seed in 1..=3 {
        assert!(trained("ppo", "acrobot", seed).0 >= -100.0, "seed {seed}");
    }
}

#[test]
#[ignore = "six runs of five seconds, in release"]
fn pendulum_is_held_up() {
    for algorithm in ["ppo", "actor-critic"] {
        for seed in 1..=3 {
            assert!(trained(algorithm, "pendulum", seed).0 >= -250.0, "{algorithm}, seed {seed}");
        }
    }
}

#[test]
#[ignore = "six runs of one to five minutes, in release"]
fn ppo_plays_breakout_better_than_dqn_in_the_same_time() {
    for seed in 1..=3 {
        let (dqn, most_seconds) = trained("dqn", "breakout", seed);
        let (ppo, seconds) = trained("ppo", "breakout", seed);
        assert!(ppo > dqn && seconds <= most_seconds, "seed {seed}");
    }
}

#[test]
#[ignore = "three runs of a few seconds"]
fn catch_is_learned_by_policy_gradients() {
    for algorithm in ["reinforce", "actor-critic", "ppo"] {
        assert_eq!(trained(algorithm, "catch", 1).0, 1.0, "{algorithm}");
    }
}

#[test]
#[ignore = "five runs of half a minute, in release"]
fn eight_gaussians_are_all_found() {
    for seed in 1..=5 {
        let result = result(&["gan", "--data", "gaussians-8"], seed);
        let mean = |name: &str| result["eval"][name]["mean"].as_f64().unwrap();
        assert_eq!(mean("modes_covered"), 8.0, "seed {seed}");
        assert!(mean("good_samples") >= 0.9, "seed {seed}");
        assert!(result["wall_seconds"].as_f64().unwrap() < 120.0, "seed {seed}");
    }
}
