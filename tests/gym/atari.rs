//! Atari games of ale-py: their state is cloned, with that of the wrappers around them.
use super::{Lab, obs, python_with_atari, started_by};
use envs::{GymOptions, Rng, VecEnv};
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};
use std::fs;

/// The observations, rewards and ends of random actions.
fn trace(env: &mut VecEnv, steps: usize) -> Vec<u32> {
    let (mut rng, n) = (Rng::seed_from_u64(3), env.spec().n_actions());
    let mut trace = Vec::new();
    for _ in 0..steps {
        let actions: Vec<_> = (0..env.n()).map(|_| rng.random_range(0..n)).collect();
        env.step(&actions, |transition| {
            trace.extend(transition.next_obs.iter().map(|x| x.to_bits()));
            trace.extend([transition.reward.to_bits(), transition.end as u32]);
        })
        .unwrap();
        trace.extend(env.obs().iter().map(|x| x.to_bits()));
    }
    trace
}

#[test]
fn games_go_on_from_a_snapshot_in_another_process() {
    let Some(python) = python_with_atari() else { return };
    // Sticky actions, which v5 has, and lives, no-ops and frames of the wrappers.
    for (id, steps) in [("ALE/Pong-v5", 41), ("ALE/Breakout-v5", 67)] {
        let options = || GymOptions { terminal_on_life_loss: true, ..GymOptions::default() };
        let gym = || started_by(python, id, options(), Value::Null);
        let rngs = || (0..2).map(Rng::seed_from_u64).collect::<Vec<_>>();
        let first = gym();
        let mut env = VecEnv::new(rngs(), &|| first.make());
        trace(&mut env, steps);
        let saved = env.snapshot().unwrap();
        let other = gym();
        let mut resumed = VecEnv::new(rngs(), &|| other.make());
        trace(&mut resumed, 5);
        resumed.restore(saved.clone()).unwrap();
        assert_eq!(env.obs(), resumed.obs(), "{id}");
        // Also in the process that it was saved in, where the game has moved on; over the ends of episodes.
        let expected = trace(&mut env, 300);
        assert!(trace(&mut resumed, 300) == expected, "{id}: another game");
        env.restore(saved).unwrap();
        assert!(trace(&mut env, 300) == expected, "{id}: another game");
    }
}

#[test]
fn emulators_that_repeat_actions_themselves_begin_anew() {
    let Some(python) = python_with_atari() else { return };
    let begins_anew = |arguments: Value| {
        let options = GymOptions { atari_preprocessing: false, ..GymOptions::default() };
        let gym = started_by(python, "ALE/Pong-v5", options, arguments);
        let (mut env, mut rng) = (gym.make(), Rng::seed_from_u64(1));
        env.reset(&mut rng);
        let before = obs(&*env);
        let saved = env.snapshot().unwrap();
        env.restore(saved).unwrap();
        assert!(env.is_begun_anew() || obs(&*env) == before);
        env.is_begun_anew()
    };
    assert!(begins_anew(Value::Null));
    assert!(!begins_anew(json!({ "repeat_action_probability": 0.0 })));
}

#[test]
fn a_run_on_pong_is_the_one_that_never_stopped() {
    let Some(python) = python_with_atari() else { return };
    let lab = Lab::with(python);
    let line = "dqn --env gym:ALE/Pong-v5 --n-envs 2 --steps 120 --log-every 20 --eval-every 0 --save-every 25 \
                --warmup 20 --hidden 8 --batch 8 --replay 200 --eval-episodes 1 --test-episodes 1 --env-arg \
                max_num_frames_per_episode=400 --quiet";
    lab.ok(&format!("{line} --out whole"));
    lab.ok(&format!("{} --out parts", line.replace("--steps 120", "--steps 50")));
    let output = lab.run("resume parts --steps 120 --quiet");
    let told = super::stderr(&output);
    assert!(output.status.success() && !told.contains("begin a new episode"), "{told}");
    let [whole, parts] = ["whole", "parts"].map(|run| {
        let text = fs::read(lab.path(run).join("result.json")).unwrap();
        serde_json::from_slice::<Value>(&text).unwrap()
    });
    assert_eq!(whole["steps"], 120);
    assert_eq!(whole["params_hash"], parts["params_hash"]);
    assert_eq!(whole["eval"], parts["eval"]);
}
