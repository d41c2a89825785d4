//! The speed of steps in worker processes beside that of a plain loop in Python.
use super::{gym, python, started};
use envs::{Gym, GymOptions, Rng, VecEnv};
use rand::{Rng as _, SeedableRng as _};
use serde_json::json;
use std::fs;
use std::process::Command;
use std::time::Instant;

const ENVS: usize = 16;
const STEPS: usize = 2_000;
const ROUNDS: usize = 15;

/// Steps of the loop per second, and per second of the processor; the environments are those that `gymnasium.make` makes.
const LOOP: &str = "
import random, sys, time, gymnasium
envs = [gymnasium.make(sys.argv[1]) for _ in range(int(sys.argv[2]))]
for i, env in enumerate(envs):
    env.reset(seed=i)
steps, n = int(sys.argv[3]), envs[0].action_space.n
actions = [[random.randrange(n) for _ in envs] for _ in range(steps)]
begun, busy = time.perf_counter(), time.process_time()
for row in actions:
    for env, action in zip(envs, row):
        obs, reward, terminated, truncated, info = env.step(action)
        if terminated or truncated:
            env.reset()
print(steps * len(envs) / (time.perf_counter() - begun), steps * len(envs) / (time.process_time() - busy))
";

fn plain(id: &str) -> [f64; 2] {
    let mut command = Command::new(python().unwrap());
    command.args(["-c", LOOP, id, &ENVS.to_string(), &STEPS.to_string()]);
    let output = command.output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    let numbers: Vec<f64> = told.split_whitespace().map(|word| word.parse().unwrap()).collect();
    numbers.try_into().unwrap()
}

/// Seconds of the processor that this process and its workers have had, to the nanosecond.
fn busy() -> f64 {
    let me = std::process::id().to_string();
    let mut nanoseconds = 0.0;
    for process in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(stat) = fs::read_to_string(process.path().join("stat")) else { continue };
        let parent = stat.rsplit_once(") ").unwrap().1.split(' ').nth(1);
        if stat.split(' ').next() != Some(&me) && parent != Some(&me) {
            continue;
        }
        for thread in fs::read_dir(process.path().join("task")).into_iter().flatten().flatten() {
            let spent = fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
            nanoseconds += spent.split(' ').next().unwrap().parse().unwrap_or(0.0);
        }
    }
    nanoseconds / 1e9
}

/// Steps of a `VecEnv` per second, and per second of the processors.
fn ours(gym: &Gym) -> [f64; 2] {
    let rngs = (0..ENVS as u64).map(Rng::seed_from_u64).collect();
    let mut envs = VecEnv::new(rngs, &|| gym.make());
    let mut rng = Rng::seed_from_u64(1);
    let n = envs.spec().n_actions();
    let (begun, before) = (Instant::now(), busy());
    for _ in 0..STEPS {
        let actions: Vec<_> = (0..ENVS).map(|_| rng.random_range(0..n)).collect();
        envs.step(&actions, |_| ()).unwrap();
    }
    [begun.elapsed().as_secs_f64(), busy() - before].map(|seconds| (STEPS * ENVS) as f64 / seconds)
}

#[test]
#[ignore = "a measurement: --nocapture shows it"]
#[cfg(target_os = "linux")]
fn steps_cost_little_more_than_in_python() {
    let Some(one) = gym("CartPole-v1") else { return };
    let options = GymOptions { workers: 2, ..GymOptions::default() };
    let two = started("CartPole-v1", options, json!({})).unwrap();
    // Beside other programs single speeds mean little; those of one round have the machine in common.
    let mut rounds = [const { Vec::new() }; 10];
    for _ in 0..ROUNDS {
        let [plain, one, two] = [plain("CartPole-v1"), ours(&one), ours(&two)];
        let of = |ours: [f64; 2]| [0, 1].map(|i| ours[i] / plain[i]);
        let numbers = [plain, one, two, of(one), of(two)].concat();
        rounds.iter_mut().zip(numbers).for_each(|(all, number)| all.push(number));
    }
    let medians = rounds.map(|mut all| {
        all.sort_by(f64::total_cmp);
        all[ROUNDS / 2]
    });
    let [plain, plain_busy, one, one_busy, two, two_busy, rest @ ..] = medians;
    let [one_part, one_busy_part, two_part, two_busy_part] = rest.map(|part| 100.0 * part);
    println!(
        "CartPole-v1 × {ENVS}, median of {ROUNDS} rounds: steps/s, and steps per second of processors"
    );
    println!("Python loop {plain:.0}, {plain_busy:.0}");
    println!("1 worker    {one:.0} ({one_part:.0} %), {one_busy:.0} ({one_busy_part:.0} %)");
    println!("2 workers   {two:.0} ({two_part:.0} %), {two_busy:.0} ({two_busy_part:.0} %)");
}
