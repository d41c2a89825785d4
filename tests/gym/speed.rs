//! The speed of steps in worker processes beside that of a plain loop in Python.
use super::{gym, python, started};
use envs::{Gym, GymOptions, Rng, VecEnv};
use rand::{Rng as _, SeedableRng as _};
use serde_json::json;
use std::process::Command;
use std::time::Instant;

const ENVS: usize = 16;
const STEPS: usize = 2_000;
const ROUNDS: usize = 15;

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
    // Beside other programs single speeds mean little; those of one round have the machine in common.
    let mut rounds = [const { Vec::new() }; 5];
    for _ in 0..ROUNDS {
        let [plain, one, two] = [plain("CartPole-v1"), ours(&one), ours(&two)];
        let numbers = [plain, one, two, one / plain, two / plain];
        rounds.iter_mut().zip(numbers).for_each(|(all, number)| all.push(number));
    }
    let [plain, one, two, of_one, of_two] = rounds.map(|mut all| {
        all.sort_by(f64::total_cmp);
        all[ROUNDS / 2]
    });
    println!("steps/s of CartPole-v1 × {ENVS}, median of {ROUNDS} rounds");
    println!("Python loop {plain:.0}");
    println!("1 worker    {one:.0} ({:.0} % of the loop)", 100.0 * of_one);
    println!("2 workers   {two:.0} ({:.0} % of the loop)", 100.0 * of_two);
    assert!(of_one > 0.8, "{of_one}");
}
