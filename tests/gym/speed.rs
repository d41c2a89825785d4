//! The speed of steps in worker processes beside that of a plain loop in Python.
use super::{gym, python, started};
use envs::{Gym, GymOptions, Rng, VecEnv};
use rand::{Rng as _, SeedableRng as _};
use serde_json::json;
use std::process::Command;
use std::time::Instant;

const ENVS: usize = 16;
const STEPS: usize = 4_000;

/// Steps per second of the loop; the environments are those that `gymnasium.make` makes.
const LOOP: &str = "
import random, sys, time, gymnasium
envs = [gymnasium.make(sys.argv[1]) for _ in range(int(sys.argv[2]))]
for i, env in enumerate(envs):
    env.reset(seed=i)
steps, n = int(sys.argv[3]), envs[0].action_space.n
actions = [[random.randrange(n) for _ in envs] for _ in range(steps)]
begun = time.perf_counter()
for row in actions:
    for env, action in zip(envs, row):
        obs, reward, terminated, truncated, info = env.step(action)
        if terminated or truncated:
            env.reset()
print(steps * len(envs) / (time.perf_counter() - begun))
";

fn plain(id: &str) -> f64 {
    let mut command = Command::new(python().unwrap());
    command.args(["-c", LOOP, id, &ENVS.to_string(), &STEPS.to_string()]);
    let output = command.output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}

fn ours(gym: &Gym) -> f64 {
    let rngs = (0..ENVS as u64).map(Rng::seed_from_u64).collect();
    let mut envs = VecEnv::new(rngs, &|| gym.make());
    let mut rng = Rng::seed_from_u64(1);
    let n = envs.spec().n_actions();
    let begun = Instant::now();
    for _ in 0..STEPS {
        let actions: Vec<_> = (0..ENVS).map(|_| rng.random_range(0..n)).collect();
        envs.step(&actions, |_| ()).unwrap();
    }
    (STEPS * ENVS) as f64 / begun.elapsed().as_secs_f64()
}

#[test]
#[ignore = "a measurement, for an idle machine: --nocapture shows it"]
fn steps_cost_little_more_than_in_python() {
    let Some(one) = gym("CartPole-v1") else { return };
    let options = GymOptions { workers: 2, ..GymOptions::default() };
    let two = started("CartPole-v1", options, json!({})).unwrap();
    let mut rounds = [const { Vec::new() }; 3];
    for _ in 0..7 {
        let speeds = [plain("CartPole-v1"), ours(&one), ours(&two)];
        rounds.iter_mut().zip(speeds).for_each(|(all, speed)| all.push(speed));
    }
    let [plain, one, two] = rounds.map(|mut all| {
        all.sort_by(f64::total_cmp);
        all[3]
    });
    println!("steps/s of CartPole-v1 × {ENVS}, median of 7 rounds");
    println!("Python loop {plain:.0}");
    println!("1 worker    {one:.0} ({:.0} %)", 100.0 * one / plain);
    println!("2 workers   {two:.0} ({:.0} %)", 100.0 * two / plain);
    assert!(one > 0.8 * plain, "{one} {plain}");
}
