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
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_lab"))
        .args(args)
        .args(["--quiet", "--json", "--seed", &seed.to_string()])
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mean = result["eval"]["return"]["mean"].as_f64().unwrap();
    println!("{} seed {seed}: {mean} after {} s", args.join(" "), result["wall_seconds"]);
    (mean, result["wall_seconds"].as_f64().unwrap())
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
